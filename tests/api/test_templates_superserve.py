"""Superserve's templates, their builds, and snapshots: what sandboxes are made of."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fakeserver.providers.superserve.states import (
    BUILD_FAILED,
    BUILD_SECONDS,
    CAPTURE_SECONDS,
    QUEUE_SECONDS,
    SAVE_SECONDS,
)
from fakeserver.serving.app import App
from tests.support.admin import small_app
from tests.support.asgi import Row
from tests.support.superserve import advance, ask, change_settings, create, freeze, listed, message, status

OWN = {
    *("superserve/base", "superserve/python-3.11", "superserve/node-22", "superserve/claude-code"),
    *("superserve/code-interpreter", "superserve/python-ml"),
}
SPEC = {"from": "debian:12", "steps": [{"run": "apt-get update"}, {"env": {"key": "TOKEN", "value": "hidden-value"}}]}
NO_TEMPLATE = (404, "not_found", "Template not found")
NO_SNAPSHOT = (404, "not_found", "Snapshot not found")
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def app() -> App:
    server = small_app()
    freeze(server)
    return server


def build(app: App, name: str = "mine", **more: Any) -> Row:
    """A new template."""
    reply = ask(app, "POST", "/templates", {"name": name, "build_spec": SPEC, **more})
    assert reply.status == 202, reply.body
    row: Row = reply.value
    return row


def names(app: App, query: str = "", **more: str) -> list[str]:
    return [row["name"] for row in ask(app, "GET", f"/templates{query}", **more).value]


# Templates


def test_everybody_sees_the_providers_templates(app: App) -> None:
    for who in ("admin", "outsider"):
        assert {*names(app, who=who)} == OWN
    assert names(app, "?name_prefix=superserve/py") == ["superserve/python-3.11", "superserve/python-ml"]
    assert names(app, "?name_prefix=nothing") == []
    base = next(row for row in ask(app, "GET", "/templates").value if row["name"] == "superserve/base")
    assert ask(app, "GET", f"/templates/{base['id']}", who="outsider").value == base
    assert message(ask(app, "DELETE", f"/templates/{base['id']}")) == NO_TEMPLATE
    assert message(ask(app, "POST", f"/templates/{base['id']}/builds")) == NO_TEMPLATE


def test_a_template_is_built_and_used(app: App) -> None:
    """The answer shows it as it begins, everybody else as it is; sandboxes have its size."""
    made = build(app, vcpu=2, memory_mib=2_048, disk_mib=8_192)
    assert (made["status"], made["name"], made["vcpu"]) == ("building", "mine", 2)
    path = f"/templates/{made['id']}"
    shown = ask(app, "GET", path).value
    assert shown["status"] == "ready"
    assert shown["built_at"]
    assert ask(app, "GET", "/templates").value[0] == shown
    assert b"hidden-value" not in ask(app, "GET", path).body
    for reference in ("mine", made["id"], made["id"].upper(), " mine "):
        row = ask(app, "GET", create(app, from_template=reference)).value
        assert (row["vcpu_count"], row["memory_mib"]) == (2, 2_048)
    assert (
        message(ask(app, "POST", "/sandboxes", {"name": "a", "from_template": "mine"}, who="outsider")) == NO_TEMPLATE
    )
    assert message(ask(app, "GET", path, who="outsider")) == NO_TEMPLATE


def test_a_template_in_use_stays(app: App) -> None:
    path = f"/templates/{build(app)['id']}"
    sandboxes = [create(app, from_template="mine") for _ in range(2)]
    ask(app, "POST", f"{sandboxes[0]}/pause")
    told = "template has 2 sandbox(es) (active, paused, or failed) still referencing it; destroy them first"
    assert message(ask(app, "DELETE", path)) == (409, "conflict", told)
    for sandbox in sandboxes:
        ask(app, "DELETE", sandbox)
    assert ask(app, "DELETE", path).status == 204
    assert message(ask(app, "GET", path)) == NO_TEMPLATE
    assert message(ask(app, "DELETE", path)) == NO_TEMPLATE
    assert ask(app, "GET", f"{path}/builds").value == []
    assert build(app)["name"] == "mine"


def test_a_build_takes_its_time(app: App) -> None:
    """Nothing is made of a template before it is ready, and it stays until its builds are over."""
    change_settings(app, transitions="clock")
    made = build(app)
    path, at = f"/templates/{made['id']}", f"/templates/{made['id']}/builds/{made['build_id']}"
    seen = []
    for seconds in (0, QUEUE_SECONDS, BUILD_SECONDS, SAVE_SECONDS):
        advance(app, seconds)
        seen.append((ask(app, "GET", at).value["status"], ask(app, "GET", path).value["status"]))
        if seen[-1][1] == "building":
            told = "template is not ready (status=building)"
            refused = ask(app, "POST", "/sandboxes", {"name": "a", "from_template": "mine"})
            assert message(refused) == (409, "conflict", told)
            told = "template has 1 in-flight build(s); cancel them first"
            assert message(ask(app, "DELETE", path)) == (409, "conflict", told)
            assert ask(app, "POST", f"{path}/builds").value["id"] == made["build_id"]
    assert seen == [
        ("pending", "building"),
        ("building", "building"),
        ("snapshotting", "building"),
        ("ready", "ready"),
    ]
    built = ask(app, "GET", at).value
    assert built["created_at"] < built["started_at"] < built["finalized_at"]
    assert ask(app, "GET", path).value["built_at"] == built["finalized_at"]


def test_a_build_fails_and_another_does_not(app: App) -> None:
    """The last build that came to an end tells the template's state."""
    reply = ask(app, "POST", "/templates", {"name": "mine", "build_spec": SPEC}, prefer="outcome=build_failed")
    path = f"/templates/{reply.value['id']}"
    assert reply.status == 202
    shown = ask(app, "GET", path).value
    assert (shown["status"], shown["error_message"]) == ("failed", BUILD_FAILED)
    refused = message(ask(app, "POST", "/sandboxes", {"name": "a", "from_template": "mine"}))
    assert refused == (409, "conflict", "template is not ready (status=failed)")
    again = ask(app, "POST", f"{path}/builds")
    assert (again.status, again.value["status"]) == (201, "pending")
    assert ask(app, "GET", path).value["status"] == "ready"
    assert [each["status"] for each in ask(app, "GET", f"{path}/builds").value] == ["ready", "failed"]
    assert [each["id"] for each in ask(app, "GET", f"{path}/builds?limit=1").value] == [again.value["id"]]
    assert ask(app, "POST", f"{path}/builds", prefer="outcome=build_failed").status == 201
    assert ask(app, "GET", path).value["status"] == "failed"


def test_a_build_is_cancelled(app: App) -> None:
    """A template that was never ready has failed then; one that was stays ready. What is over stays as it is."""
    change_settings(app, transitions="clock")
    made = build(app)
    path, at = f"/templates/{made['id']}", f"/templates/{made['id']}/builds/{made['build_id']}"
    assert ask(app, "DELETE", at).status == 204
    assert ask(app, "GET", at).value["status"] == "cancelled"
    shown = ask(app, "GET", path).value
    assert (shown["status"], shown["error_message"]) == ("failed", "build cancelled by user")
    assert ask(app, "DELETE", at).status == 204
    again = ask(app, "POST", f"{path}/builds").value["id"]
    advance(app, QUEUE_SECONDS + BUILD_SECONDS + SAVE_SECONDS)
    assert ask(app, "GET", path).value["status"] == "ready"
    third = ask(app, "POST", f"{path}/builds").value["id"]
    assert third != again
    assert ask(app, "DELETE", f"{path}/builds/{third}").status == 204
    assert ask(app, "GET", path).value["status"] == "ready"


def test_a_build_says_what_it_does(app: App) -> None:
    """Server-sent events, of which the last says how it ended; of a build under way, those so far."""
    change_settings(app, transitions="clock")
    made = build(app)
    at = f"/templates/{made['id']}/builds/{made['build_id']}/logs"

    def events() -> list[Row]:
        reply = ask(app, "GET", at)
        assert reply.media_type == "text/event-stream"
        lines = reply.body.decode().split("\n\n")
        assert lines.pop() == ""
        return [json.loads(line.removeprefix("data: ")) for line in lines]

    first = events()
    assert [each["finished"] for each in first] == [False]
    advance(app, QUEUE_SECONDS + BUILD_SECONDS + SAVE_SECONDS)
    whole = events()
    assert whole[0] == first[0]
    assert [each["finished"] for each in whole] == [False] * (len(whole) - 1) + [True]
    assert whole[-1]["status"] == "ready"
    assert "hidden-value" not in json.dumps(whole)
    assert [each["text"] for each in whole if each["stream"] == "stdout"] == ["step 1/2", "step 2/2"]


REFUSED: list[tuple[Row, str]] = [
    ({"name": "a", "colour": 1}, 'Validation failed: json: unknown field "colour"'),
    ({"name": "a" * 129}, "name is required and must be 1-128 characters"),
    ({"name": ""}, "name is required and must be 1-128 characters"),
    (
        {"name": "Mine"},
        "name must be lowercase, start and end with a letter or digit, and contain only letters, digits, '.', '_', "
        "'/', '-'",
    ),
    ({"name": "superserve/mine"}, "names starting with 'superserve/' are reserved"),
    ({"vcpu": 11}, "vcpu must be 1-10"),
    ({"memory_mib": 255}, "memory_mib must be 256-20480"),
    ({"disk_mib": 1_023}, "disk_mib must be 1024-30720"),
    ({"vcpu": 0, "name": "Mine!"}, "name must be lowercase"),
    ({"build_spec": {"from": ""}}, "build_spec.from is required"),
    ({"build_spec": {"from": " "}}, "build_spec.from is required"),
    ({"build_spec": {}}, "build_spec.from is required"),
    ({"build_spec": {"from": "Alpine:3"}}, "alpine bases are not supported (musl + non-systemd init); use a "),
    ({"build_spec": {"from": "gcr.io/distroless/x"}}, "distroless bases are not supported (no shell for RUN steps)"),
    ({"build_spec": {"from": "x", "steps": [{}]}}, "build_spec.steps[0] must set exactly one of run/env/workdir/user"),
    (
        {"build_spec": {"from": "x", "steps": [{"run": "a"}, {"run": "a", "workdir": "b"}]}},
        "build_spec.steps[1] must set exactly one of run/env/workdir/user",
    ),
    ({"build_spec": {"from": "x", "steps": [{"env": {"value": "b"}}]}}, "build_spec.steps[0].env.key is required"),
    ({"build_spec": {"from": "x", "steps": [{"user": {}}]}}, "build_spec.steps[0].user: name is required"),
    (
        {"build_spec": {"from": "x", "steps": [{"user": {"name": "Root"}}]}},
        "build_spec.steps[0].user: name must start with a lowercase letter or underscore",
    ),
    (
        {"build_spec": {"from": "x", "steps": [{"user": {"name": "a b"}}]}},
        "build_spec.steps[0].user: name contains invalid character ' '",
    ),
    (
        {"build_spec": {"from": "x", "steps": [{"user": {"name": "a" * 32}}]}},
        "build_spec.steps[0].user: name exceeds 31 characters",
    ),
]


@pytest.mark.parametrize(("changed", "sentence"), REFUSED, ids=lambda value: str(value)[:50])
def test_a_template_is_refused_with_one_sentence(app: App, changed: Row, sentence: str) -> None:
    version = app.world.version
    refused = message(ask(app, "POST", "/templates", {"name": "mine", "build_spec": SPEC} | changed))
    assert refused[:2] == (400, "bad_request")
    assert refused[2].startswith(sentence)
    assert app.world.version == version


def test_a_name_is_one_templates(app: App) -> None:
    build(app)
    told = 'a template with name "mine" already exists for this team'
    assert message(ask(app, "POST", "/templates", {"name": "mine", "build_spec": SPEC})) == (409, "conflict", told)
    assert ask(app, "POST", "/templates", {"name": "mine", "build_spec": SPEC}, who="outsider").status == 202
    assert message(ask(app, "POST", "/templates", {"name": "two"})) == (400, "bad_request", "build_spec is required")


def test_ids_of_templates_and_builds(app: App) -> None:
    made, other = build(app), build(app, "other")
    at = f"/templates/{other['id']}/builds/{made['build_id']}"
    for method, path in (("GET", at), ("DELETE", at), ("GET", f"{at}/logs")):
        assert message(ask(app, method, path)) == (404, "not_found", "Build not found")
    told = 'Invalid template_id: "mine" is not a valid UUID'
    assert message(ask(app, "GET", "/templates/mine")) == (400, "bad_request", told)
    told = 'Invalid build_id: "x" is not a valid UUID'
    assert message(ask(app, "GET", f"/templates/{made['id']}/builds/x")) == (400, "bad_request", told)


# Snapshots


def test_a_snapshot_outlives_its_sandbox(app: App) -> None:
    """It is a sandbox as it was: what is made of it has its size, rules, timeout and template."""
    build(app, vcpu=2, memory_mib=2_048, disk_mib=8_192)
    path = create(app, from_template="mine", timeout_seconds=600, network={"allow_out": ["a.com"]})
    made = ask(app, "POST", f"{path}/snapshot", {"name": "before"})
    assert (made.status, made.value["status"], made.value["name"]) == (201, "ready", "before")
    assert made.value["resources"] == {"vcpu_count": 2, "memory_mib": 2_048, "disk_mib": 8_192}
    assert status(app, path) == "active"
    ask(app, "DELETE", path)
    at = f"/snapshots/{made.value['id']}"
    assert ask(app, "GET", at).value == made.value
    assert ask(app, "GET", f"{path}/snapshots").value == [made.value]
    fork = ask(app, "GET", create(app, from_snapshot=made.value["id"].upper())).value
    assert fork["source_snapshot_id"] == made.value["id"]
    assert (fork["vcpu_count"], fork["memory_mib"], fork["timeout_seconds"]) == (2, 2_048, 600)
    assert fork["network"] == {"allow_out": ["a.com"]}
    other = ask(app, "GET", create(app, from_snapshot=made.value["id"], timeout_seconds=60, network={})).value
    assert other["timeout_seconds"] == 60
    assert "network" not in other
    again = ask(app, "POST", f"/sandboxes/{fork['id']}/snapshot").value
    assert again["template_id"] == made.value["template_id"]


def test_a_snapshot_is_renamed_and_deleted(app: App) -> None:
    path = create(app)
    made = ask(app, "POST", f"{path}/snapshot").value
    at = f"/snapshots/{made['id']}"
    assert (made["name"], made["kind"]) == (None, "mem+fs")
    assert ask(app, "PATCH", at, {"name": "after"}).value == made | {"name": "after"}
    assert ask(app, "GET", at).value["name"] == "after"
    fork = create(app, from_snapshot=made["id"])
    assert ask(app, "DELETE", at).status == 204
    for method, body in (("GET", None), ("PATCH", {"name": "a"}), ("DELETE", None)):
        assert message(ask(app, method, at, body)) == NO_SNAPSHOT
    assert ask(app, "GET", f"{path}/snapshots").value == []
    assert message(ask(app, "POST", "/sandboxes", {"name": "a", "from_snapshot": made["id"]})) == NO_SNAPSHOT
    assert status(app, fork) == "active"


def test_a_key_makes_one_snapshot(app: App) -> None:
    """The same key again gets what it made, also after a lost answer, until that is deleted; another sandbox's keys
    are its own."""
    path, other = create(app), create(app)
    body = {"idempotency_key": "k"}
    assert ask(app, "POST", f"{path}/snapshot", body, prefer="code=503, phase=after").status == 503
    again = ask(app, "POST", f"{path}/snapshot", body)
    assert again.status == 200
    assert ask(app, "GET", f"{path}/snapshots").value == [again.value]
    assert ask(app, "POST", f"{other}/snapshot", body).status == 201
    ask(app, "DELETE", path)
    assert ask(app, "POST", f"{path}/snapshot", body).value == again.value
    ask(app, "DELETE", f"/snapshots/{again.value['id']}")
    told = "the snapshot this request made has been deleted"
    assert message(ask(app, "POST", f"{path}/snapshot", body)) == (410, "gone", told)


def test_a_snapshot_takes_its_time(app: App) -> None:
    """Where transitions do, the answer is a 202, and nothing is done with it before it is ready."""
    path = create(app)
    change_settings(app, transitions="clock")
    made = ask(app, "POST", f"{path}/snapshot")
    at = f"/snapshots/{made.value['id']}"
    assert (made.status, made.value["status"], made.headers["retry-after"]) == (202, "creating", "60")
    assert message(ask(app, "DELETE", at)) == (409, "conflict", "snapshot is still being created")
    assert ask(app, "POST", "/sandboxes", {"name": "a", "from_snapshot": made.value["id"]}).status == 409
    advance(app, CAPTURE_SECONDS)
    ready = ask(app, "GET", at).value
    assert (ready["status"], ready["size_bytes"]) == ("ready", 1_024 * 2**20)
    assert ready["ready_at"] > ready["created_at"]


def test_a_snapshot_fails(app: App) -> None:
    path = create(app)
    assert ask(app, "POST", f"{path}/snapshot", prefer="outcome=capture_failed").status == 409
    (failed,) = ask(app, "GET", f"{path}/snapshots").value
    assert (failed["status"], failed["size_bytes"], failed["ready_at"]) == ("failed", 0, None)
    assert ask(app, "DELETE", f"/snapshots/{failed['id']}").status == 204


def test_snapshots_are_listed_in_windows(app: App) -> None:
    path = create(app)
    made = []
    for _ in range(5):
        advance(app, 1)
        made.append(ask(app, "POST", f"{path}/snapshot").value["id"])
    whole = ask(app, "GET", f"{path}/snapshots")
    assert [each["id"] for each in whole.value] == made[::-1]
    for query, expected in (("limit=2", made[:2:-1]), ("limit=2&offset=3", made[1::-1]), ("offset=9", [])):
        reply = ask(app, "GET", f"{path}/snapshots?{query}")
        assert [each["id"] for each in reply.value] == expected
        assert reply.headers["x-total-count"] == "5"
    refused = message(ask(app, "GET", f"{path}/snapshots?limit=0"))
    assert refused == (400, "bad_request", "limit must be a positive integer")


def test_snapshots_are_a_teams_own(app: App) -> None:
    path = create(app)
    made = ask(app, "POST", f"{path}/snapshot", {"idempotency_key": "k"}).value
    at = f"/snapshots/{made['id']}"
    for method, body in (("GET", None), ("PATCH", {"name": "a"}), ("DELETE", None)):
        assert message(ask(app, method, at, body, who="outsider")) == NO_SNAPSHOT
    assert ask(app, "GET", f"{path}/snapshots", who="outsider").value == []
    refused = ask(app, "POST", "/sandboxes", {"name": "a", "from_snapshot": made["id"]}, who="outsider")
    assert message(refused) == NO_SNAPSHOT
    assert ask(app, "POST", f"{path}/snapshot", {"idempotency_key": "k"}, who="outsider").status == 404
    assert ask(app, "DELETE", at, who="member").status == 204


def test_of_what_a_snapshot_is_taken(app: App) -> None:
    path = create(app)
    ask(app, "POST", f"{path}/pause")
    assert ask(app, "POST", f"{path}/snapshot").status == 201
    assert status(app, path) == "paused"
    ask(app, "POST", f"{path}/resume")
    ask(app, "POST", f"{path}/pause", prefer="outcome=vm_lost")
    told = "sandbox must be active or paused to snapshot; it is failed"
    assert message(ask(app, "POST", f"{path}/snapshot")) == (409, "conflict", told)
    seeded = f"/sandboxes/{listed(app, 'status=paused')[0]['id']}"
    assert ask(app, "POST", f"{seeded}/snapshot").value["template_id"] is None
    assert message(ask(app, "GET", f"/snapshots/{NOBODY}")) == NO_SNAPSHOT
    told = 'Invalid snapshot_id: "x" is not a valid snapshot ID'
    assert message(ask(app, "GET", "/snapshots/x")) == (400, "bad_request", told)


SNAPSHOTS_REFUSED: list[tuple[Row, str]] = [
    ({"kind": "disk"}, 'kind must be "fs" or "mem+fs"'),
    ({"name": ""}, "name must be 1 to 64 characters"),
    ({"name": "ä" * 33}, "name must be 1 to 64 characters"),
    ({"idempotency_key": ""}, "idempotency_key must be 1 to 255 characters"),
    ({"idempotency_key": "ä" * 128}, "idempotency_key must be 1 to 255 characters"),
    ({"colour": 1}, 'Invalid request body: json: unknown field "colour"'),
]


@pytest.mark.parametrize(("body", "sentence"), SNAPSHOTS_REFUSED, ids=lambda value: str(value)[:40])
def test_a_snapshot_is_refused_with_one_sentence(app: App, body: Row, sentence: str) -> None:
    path = create(app)
    assert message(ask(app, "POST", f"{path}/snapshot", body)) == (400, "bad_request", sentence)
    made = ask(app, "POST", f"{path}/snapshot").value["id"]
    if body.keys() <= {"name", "colour"}:
        assert message(ask(app, "PATCH", f"/snapshots/{made}", body))[2] == sentence
    assert message(ask(app, "PATCH", f"/snapshots/{made}", {})) == (400, "bad_request", "name is required")
