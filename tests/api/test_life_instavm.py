"""InstaVM's control plane: sessions, VMs and snapshots are made, found, changed and ended; two views of one sandbox."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from typing import Any
from uuid import UUID

import pytest
from jsonschema_rs import Draft202012Validator

from fakeserver.instants import naive
from fakeserver.serving.app import App
from tests.support.admin import FREEZE, admin, done
from tests.support.asgi import EPOCH, SPECS, Reply, Row, app_of, call, credential, get, resolved, rows, schema_of

KEY = "instavm-admin-key"
JSON = {"content-type": "application/json"}
RUNNING = {"creating", "active", "suspending", "resuming"}
SECOND = 1_000_000
START = naive(EPOCH)
IN_FIVE_MINUTES = naive(EPOCH + 300 * SECOND)
OPERATIONS = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, item in SPECS["instavm"]["paths"].items()
    for method, operation in item.items()
    if "observed" in operation["tags"]
}


STAGED = {"entries": [{"env_name": "A", "value": "b"}]}
BODIES: dict[str, Any] = {"stageVariables": STAGED}
"""What operations are asked that want something of a body."""
OF_COMMANDS = ("executeCommand", "executeCommandAsync", "getExecution", "uploadFile", "downloadFile")
"""Operations that tests of their own ask."""


class Fake:
    """A server whose clock stands still, and what its clients ask."""

    def __init__(self, *, size: int = 60, transitions: str = "immediate") -> None:
        self.app: App = app_of(size=size)
        done(admin(self.app, "PUT", "/clock", FREEZE))
        done(admin(self.app, "PUT", "/clock", {"action": "set", "instant": f"{START}Z"}))
        if transitions != "immediate":
            done(admin(self.app, "PUT", "/settings", {"transitions": transitions}))

    def ask(self, method: str, path: str, body: Any = b"", *, who: str = "admin", **headers: str) -> Reply:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return call(
            self.app, f"/instavm{path}", method=method, headers=credential("instavm", who) | JSON | headers, body=raw
        )

    def done(self, method: str, path: str, body: Any = b"", **more: Any) -> Any:
        reply = self.ask(method, path, body, **more)
        assert reply.status == 200, (method, path, reply.status, reply.body)
        return reply.value

    def refused(self, status: int, method: str, path: str, body: Any = b"", **more: Any) -> Any:
        reply = self.ask(method, path, body, **more)
        assert (reply.status, reply.media_type) == (status, "application/json"), reply.body
        return reply.value["detail"]

    def session(self, **wish: Any) -> str:
        body = {"api_key": KEY, "vm_lifetime_seconds": 300, **wish}
        reply = call(
            self.app, "/instavm/v1/sessions/session", method="POST", headers=JSON, body=json.dumps(body).encode()
        )
        assert reply.status == 200, reply.body
        identity: str = reply.value["session_id"]
        return identity

    def vm(self, *, wait: bool = True, **wish: Any) -> Any:
        return self.done("POST", f"/v1/vms?wait={str(wait).lower()}", wish)

    def get(self, vm_id: str) -> Any:
        return self.done("GET", f"/v1/vms/{vm_id}")

    def state(self, vm_id: str) -> str:
        state: str = self.get(vm_id)["status"]
        return state

    def status(self, session_id: str) -> Any:
        return self.done("GET", f"/v1/sessions/status/{session_id}")

    def listing(self, query: str = "limit=1000") -> list[Row]:
        return rows("instavm", get(self.app, "instavm", query))

    def row(self, vm_id: str) -> Row:
        (found,) = [each for each in self.listing() if each["sandbox_id"] == vm_id]
        return found

    def records(self, *, every: bool = True) -> dict[str, Row]:
        return {each["vm_id"]: each for each in self.done("GET", "/v1/vms/" if every else "/v1/vms")}

    def seeded(self, state: str) -> Row:
        return next(each for each in self.records().values() if each["status"] == state)

    def wait(self, seconds: float) -> None:
        done(admin(self.app, "PUT", "/clock", {"action": "advance", "seconds": seconds}))

    def snapshot(self) -> Any:
        return done(admin(self.app, "GET", "/snapshot"))

    def restore(self, snapshot: Any) -> None:
        done(admin(self.app, "PUT", "/snapshot", snapshot))

    def agree(self) -> None:
        """Both lists of records and the listing tell the same of every sandbox, in the same order."""
        listed, records, running = self.listing(), self.records(), self.records(every=False)
        assert [each["sandbox_id"] for each in listed] == [*records]
        for row in listed:
            record = records[row["sandbox_id"]]
            told = (record["status"], record["metadata"], record["created_at"], record["expires_at"])
            assert told == (row["status"], row["metadata"], row["started_at"], row.get("end_at"))
        assert running == {name: each for name, each in records.items() if each["status"] in RUNNING}


@pytest.fixture
def fake() -> Fake:
    return Fake()


# Sessions


def test_a_session_is_started_with_the_key_in_the_body(fake: Fake) -> None:
    """As the SDK's constructor does: no header, and a row in the list with the metadata that was given."""
    before = fake.listing()
    session_id = fake.session(metadata={"env": "dev"}, memory_mb=1024, vcpu_count=2, env={"TOKEN": "tr0ub4dor"})
    assert str(UUID(session_id)) == session_id
    new, *others = fake.listing()
    assert others == before
    vm_id = new["sandbox_id"]
    assert re.fullmatch(r"vmid-[a-z0-9]{8}-[1-9][0-9]?", vm_id)
    assert new == {
        "sandbox_id": vm_id,
        "template_id": None,
        "name": "default",
        "metadata": {"env": "dev"},
        "started_at": START,
        "end_at": IN_FIVE_MINUTES,
        "status": "active",
    }
    assert fake.listing('metadata={"env":"dev"}')[0] == new
    record = fake.get(vm_id)
    told = {name: record[name] for name in ("session_id", "memory_mb", "vcpu_count", "vm_lifetime_seconds")}
    assert told == {"session_id": session_id, "memory_mb": 1024, "vcpu_count": 2, "vm_lifetime_seconds": 300}
    assert fake.done("GET", f"/v1/sessions/session/{session_id}") == {
        "session_id": session_id,
        "vm_id": vm_id,
        "status": "active",
        "created_at": START,
        "expires_at": IN_FIVE_MINUTES,
        "vm_lifetime_seconds": 300,
        "memory_mb": 1024,
        "vcpu_count": 2,
        "metadata": {"env": "dev"},
    }
    assert fake.status(session_id) == {
        "exists": True,
        "vm_assigned": True,
        "vm_alive": True,
        "vm_status": "active",
        "vm_id": vm_id,
    }
    assert "tr0ub4dor" not in json.dumps([fake.snapshot(), done(admin(fake.app, "GET", "/requests"))])
    fake.agree()


@pytest.mark.parametrize("body", [{}, {"api_key": "nobody"}, {"api_key": 5}, {"api_key": None}, [KEY]])
def test_a_session_without_a_known_key(fake: Fake, body: Any) -> None:
    """Nothing is made, and the answer says how to authenticate; with a key in a header, one is missing in the body."""
    before, path = fake.listing(), "/v1/sessions/session"
    reply = call(fake.app, f"/instavm{path}", method="POST", headers=JSON, body=json.dumps(body).encode())
    assert (reply.status, reply.value) == (401, {"detail": "Not authenticated"})
    assert reply.headers["www-authenticate"] == "Bearer"
    assert [(each["loc"], each["type"]) for each in fake.refused(422, "POST", path, {})] == [
        (["body", "api_key"], "missing")
    ]
    assert fake.listing() == before


def test_a_session_belongs_to_the_account_of_its_key(fake: Fake) -> None:
    theirs = fake.session(api_key="instavm-outsider-key")
    assert fake.status(theirs)["exists"] is False
    assert fake.done("GET", f"/v1/sessions/status/{theirs}", who="outsider")["vm_alive"] is True
    mine = fake.session(api_key="instavm-member-key")
    assert fake.status(mine)["exists"] is True


@pytest.mark.parametrize(
    ("wish", "places"),
    [
        ({"vm_lifetime_seconds": 19}, {("vm_lifetime_seconds", "greater_than_equal")}),
        ({"vm_lifetime_seconds": 86_401}, {("vm_lifetime_seconds", "less_than_equal")}),
        ({"vm_lifetime_seconds": 10**30}, {("vm_lifetime_seconds", None)}),
        ({"memory_mb": 129}, {("memory_mb", "multiple_of")}),
        (
            {"memory_mb": 8_194, "vcpu_count": 0, "metadata": []},
            {("memory_mb", "less_than_equal"), ("vcpu_count", "greater_than_equal"), ("metadata", "dict_type")},
        ),
        ({"metadata": {"n": 10**30}}, {("metadata", None)}),
    ],
)
def test_a_session_that_cannot_be(fake: Fake, wish: Row, places: set[tuple[str, str | None]]) -> None:
    """Every bad field is named, in FastAPI's words, and nothing is made."""
    before = fake.listing()
    issues = fake.refused(422, "POST", "/v1/sessions/session", {"api_key": KEY, **wish})
    assert {each["loc"][0] for each in issues} == {"body"}
    found = {(each["loc"][1], each["type"]) for each in issues}
    assert {name for name, _ in found} == {name for name, _ in places}
    assert {each for each in places if each[1] is not None} <= found
    assert fake.listing() == before


def test_an_unknown_session(fake: Fake) -> None:
    """Its status says that it does not exist; whatever else is asked of it is a 404."""
    for unknown in ("0b0c4f5e-3d1a-4c7b-9a53-0d6f1e2a7b90", "vmid-abc-15", "%00", "x" * 300):
        nothing = {"exists": False, "vm_assigned": False, "vm_alive": False, "vm_status": None, "vm_id": None}
        assert fake.status(unknown) == nothing
        for what in ("session", "usage", "app-url"):
            assert fake.refused(404, "GET", f"/v1/sessions/{what}/{unknown}") == "Session not found"
    assert fake.refused(404, "POST", "/kill", {"session_id": "nobody"}) == "Session not found"


def test_usage_counts_the_time_that_a_vm_is_active(fake: Fake) -> None:
    """Not that before or after, nor that in which it is suspended, and beyond a new id."""

    def usage() -> Any:
        return fake.done("GET", f"/v1/sessions/usage/{session_id}")

    session_id = fake.session(memory_mb=2048, vcpu_count=2, vm_lifetime_seconds=86_400)
    assert usage()["runtime_seconds"] == 0
    fake.wait(3_600)
    assert (usage()["runtime_seconds"], usage()["cpu_hours"], usage()["ram_gib_hours"]) == (3_600, 2, 2)
    vm_id = fake.status(session_id)["vm_id"]
    fake.done("POST", f"/v1/vms/{vm_id}/suspend")
    fake.wait(1_000)
    assert usage()["runtime_seconds"] == 3_600
    new = fake.done("POST", f"/v1/vms/{vm_id}/resume")["vm_id"]
    fake.wait(1_800)
    assert (usage()["runtime_seconds"], usage()["vm_id"]) == (5_400, new)
    fake.done("POST", "/kill", {"session_id": session_id})
    fake.wait(60)
    assert (usage()["runtime_seconds"], usage()["cpu_hours"]) == (5_400, 3)


def test_the_app_url_of_a_session(fake: Fake) -> None:
    """For a port, 80 if none is named; only while the VM takes up a host."""
    session_id = fake.session()
    path = f"/v1/sessions/app-url/{session_id}"
    vm_id = fake.status(session_id)["vm_id"]
    assert fake.done("GET", path)["app_url"] == f"https://80-{vm_id}.instavm.invalid/"
    assert fake.done("GET", f"{path}?port=8080")["port"] == 8080
    for port in ("0", "65536", "http"):
        assert fake.refused(422, "GET", f"{path}?port={port}")[0]["loc"] == ["query", "port"]
    fake.done("POST", "/kill", {"session_id": session_id})
    assert fake.refused(409, "GET", path) == "Cannot reach a VM that is killed"


def test_kill_ends_the_vm_of_a_session(fake: Fake) -> None:
    session_id = fake.session()
    vm_id = fake.status(session_id)["vm_id"]
    fake.wait(10)
    assert fake.done("POST", "/kill", {"session_id": session_id}) == {
        "vm_id": vm_id,
        "session_id": session_id,
        "status": "killed",
    }
    assert (fake.row(vm_id)["status"], fake.row(vm_id)["end_at"]) == ("killed", naive(EPOCH + 10 * SECOND))
    assert fake.done("GET", f"/v1/sessions/session/{session_id}")["status"] == "terminated"
    told = fake.status(session_id)
    assert (told["exists"], told["vm_alive"], told["vm_status"]) == (True, False, "killed")
    assert fake.refused(409, "POST", "/kill", {"session_id": session_id}) == "Cannot kill a VM that is killed"
    issues = fake.refused(422, "POST", "/kill", {})
    assert [(each["loc"], each["type"]) for each in issues] == [(["body", "session_id"], "missing")]
    fake.agree()


# VMs


def test_the_slash_tells_two_lists_apart(fake: Fake) -> None:
    """Without it those that run, with it all records; neither is a redirect, and other paths still are."""
    states = Counter(each["status"] for each in fake.records().values())
    assert {"active", "suspended", "killed", "creating"} <= states.keys()
    assert {each["status"] for each in fake.records(every=False).values()} == {"active", "creating"}
    fake.agree()
    for path, other in (("/v1/users/me/", "/v1/users/me"), ("/v1/snapshots/", "/v1/snapshots")):
        reply = fake.ask("GET", path)
        assert (reply.status, reply.headers["location"]) == (307, f"/instavm{other}")
    assert fake.ask("POST", "/v1/vms/", {}).status == 405


def test_lists_of_vms_have_the_newest_thousand() -> None:
    fake = Fake(size=1_500)
    assert [each["vm_id"] for each in fake.done("GET", "/v1/vms/")] == [each["sandbox_id"] for each in fake.listing()]
    assert len(fake.done("GET", "/v1/vms/")) == 1_000


def test_a_vm_is_created_found_and_deleted(fake: Fake) -> None:
    volumes = [{"volume_id": "vol_abc", "mount_path": "/data", "mode": "rw"}]
    made = fake.vm(metadata={"purpose": "dev"}, volumes=volumes, vault_ids=["v1"], image_variant="nix-dev", hue="red")
    assert (
        made
        == fake.get(made["vm_id"])
        == fake.records()[made["vm_id"]]
        == {
            "vm_id": made["vm_id"],
            "session_id": made["session_id"],
            "status": "active",
            "created_at": START,
            "expires_at": IN_FIVE_MINUTES,
            "ssh_host": "instavm.dev",
            "snapshot_id": None,
            "image_variant": "nix-dev",
            "memory_mb": 512,
            "vcpu_count": 1,
            "vm_lifetime_seconds": 300,
            "auto_suspend": False,
            "auto_resume": False,
            "snapshot_on_terminate": False,
            "snapshot_name": None,
            "volumes": volumes,
            "vault_ids": ["v1"],
            "metadata": {"purpose": "dev"},
        }
    )
    assert fake.status(made["session_id"])["vm_id"] == made["vm_id"]
    ended = fake.done("DELETE", f"/v1/vms/{made['vm_id']}")
    assert ended == {"vm_id": made["vm_id"], "session_id": made["session_id"], "status": "killed"}
    assert (fake.get(made["vm_id"])["status"], fake.get(made["vm_id"])["ssh_host"]) == ("killed", None)
    assert made["vm_id"] not in fake.records(every=False)
    assert fake.refused(409, "DELETE", f"/v1/vms/{made['vm_id']}") == "Cannot kill a VM that is killed"
    fake.agree()


def test_no_body_and_nulls_are_the_defaults(fake: Fake) -> None:
    """Whatever is optional may be null, as a client sends it that spells out every argument."""
    nulls: dict[str, Any] = dict.fromkeys(
        ("metadata", "memory_mb", "env", "volumes", "auto_suspend", "session_id", "snapshot_id")
    )
    plain, spelt = fake.done("POST", "/v1/vms"), fake.vm(**nulls)
    own = ("vm_id", "session_id")
    assert {name: plain[name] for name in plain if name not in own} == {
        name: spelt[name] for name in spelt if name not in own
    }
    assert len({plain["vm_id"], spelt["vm_id"], plain["session_id"], spelt["session_id"]}) == 4


def test_whoever_waits_sees_it_live(fake: Fake) -> None:
    """Without waiting, the answer has the passing state, and everybody after it sees the next one."""
    waited, dispatched = fake.vm(wait=True), fake.vm(wait=False)
    assert (waited["status"], dispatched["status"]) == ("active", "creating")
    assert fake.state(dispatched["vm_id"]) == "active"
    assert fake.refused(422, "POST", "/v1/vms?wait=soon", {})[0]["loc"] == ["query", "wait"]


def test_a_vm_from_a_snapshot(fake: Fake) -> None:
    """Its row has the snapshot as the page's example has it; an unknown one is a 404 and makes nothing."""
    snapshot = fake.done("GET", "/v1/snapshots?type=user")[0]["id"]
    made = fake.vm(snapshot_id=snapshot)
    row = fake.row(made["vm_id"])
    assert (made["snapshot_id"], row["template_id"], row["name"]) == (snapshot, snapshot, snapshot)
    before = fake.listing()
    assert fake.refused(404, "POST", "/v1/vms", {"snapshot_id": "snap-nobody"}) == "Snapshot not found"
    assert fake.refused(404, "POST", "/v1/vms", {"session_id": "nobody"}) == "Session not found"
    assert fake.listing() == before


def test_a_session_gets_another_vm_once_its_own_has_ended(fake: Fake) -> None:
    """While it runs, the session is attached to; a suspended one has to be resumed."""
    first = fake.vm()
    session_id = first["session_id"]
    assert fake.vm(session_id=session_id, memory_mb=256) == first
    fake.done("POST", f"/v1/vms/{first['vm_id']}/suspend")
    assert "suspended" in fake.refused(409, "POST", "/v1/vms", {"session_id": session_id})
    fake.done("DELETE", f"/v1/vms/{first['vm_id']}")
    second = fake.vm(session_id=session_id, image_variant="computer-use")
    assert second["session_id"] == session_id
    assert second["vm_id"] != first["vm_id"]
    assert fake.status(session_id)["vm_id"] == second["vm_id"]
    assert fake.get(first["vm_id"])["status"] == "killed"
    fake.agree()


def test_a_vm_is_changed(fake: Fake) -> None:
    """What is kept beside the row changes, and the row does not; one that has ended cannot be changed."""
    made = fake.vm(memory_mb=512, auto_resume=True)
    row = fake.row(made["vm_id"])
    wish = {"memory_mb": 1024, "auto_suspend": True, "snapshot_on_terminate": True, "snapshot_name": "last"}
    changed = fake.done("PATCH", f"/v1/vms/{made['vm_id']}", {**wish, "auto_resume": None, "vault_ids": ["v"]})
    assert changed == made | wish | {"vault_ids": ["v"]} == fake.get(made["vm_id"])
    assert fake.row(made["vm_id"]) == row
    assert fake.done("PATCH", f"/v1/vms/{made['vm_id']}", {}) == changed
    issues = fake.refused(422, "PATCH", f"/v1/vms/{made['vm_id']}", {"memory_mb": 127, "auto_suspend": "maybe"})
    assert {each["loc"][1] for each in issues} == {"memory_mb", "auto_suspend"}
    assert fake.get(made["vm_id"]) == changed
    ended = fake.seeded("killed")["vm_id"]
    assert fake.refused(409, "PATCH", f"/v1/vms/{ended}", wish) == "Cannot change a VM that is killed"


def test_suspending_and_resuming_gives_a_new_id(fake: Fake) -> None:
    """The session stays, and nothing has the id of before; metadata and what is kept go along."""
    made = fake.vm(metadata={"a": 1}, memory_mb=256, auto_resume=True, vm_lifetime_seconds=600)
    old = made["vm_id"]
    fake.wait(100)
    suspending = fake.done("POST", f"/v1/vms/{old}/suspend")
    assert (suspending["status"], suspending["expires_at"]) == ("suspending", None)
    suspended = fake.get(old)
    assert suspended == {**made, "status": "suspended", "expires_at": None, "ssh_host": None}
    assert old not in fake.records(every=False)
    assert fake.status(made["session_id"])["vm_alive"] is False
    assert fake.refused(409, "POST", f"/v1/vms/{old}/suspend") == "Cannot suspend a VM that is suspended"
    fake.wait(10_000)
    assert fake.get(old) == suspended
    resumed = fake.done("POST", f"/v1/vms/{old}/resume?wait=true")
    now = EPOCH + 10_100 * SECOND
    dates = {"created_at": naive(now), "expires_at": naive(now + 600 * SECOND)}
    assert resumed == {**made, **dates, "vm_id": resumed["vm_id"]} == fake.get(resumed["vm_id"])
    assert resumed["vm_id"] != old
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/suspend"), ("POST", "/resume")):
        assert fake.refused(404, method, f"/v1/vms/{old}{path}") == "VM not found"
    assert fake.status(made["session_id"])["vm_id"] == resumed["vm_id"]
    message = fake.refused(409, "POST", f"/v1/vms/{resumed['vm_id']}/resume")
    assert message == "Cannot resume a VM that is active"
    assert fake.listing("limit=1")[0]["sandbox_id"] == resumed["vm_id"]
    fake.agree()


def test_resuming_without_waiting(fake: Fake) -> None:
    vm_id = fake.vm()["vm_id"]
    fake.done("POST", f"/v1/vms/{vm_id}/suspend")
    dispatched = fake.done("POST", f"/v1/vms/{vm_id}/resume?wait=false")
    assert dispatched["status"] == "resuming"
    assert fake.state(dispatched["vm_id"]) == "active"


def test_a_clone_is_like_its_original(fake: Fake) -> None:
    """Another VM with a session of its own; its body may say otherwise, and a name keeps the snapshot of it."""
    made = fake.vm(metadata={"a": 1}, memory_mb=256, vm_lifetime_seconds=900)
    path = f"/v1/vms/{made['vm_id']}/clone"
    same = fake.done("POST", path)
    own = {name: same[name] for name in ("vm_id", "session_id")}
    assert same == made | own
    assert {*own.values()}.isdisjoint({made["vm_id"], made["session_id"]})
    other = fake.done("POST", f"{path}?wait=false", {"snapshot_name": "base", "memory_mb": 512, "metadata": {"b": 2}})
    assert (other["status"], other["memory_mb"], other["metadata"]) == ("creating", 512, {"b": 2})
    snapshot = fake.done("GET", f"/v1/snapshots/{other['snapshot_id']}")
    assert (snapshot["name"], snapshot["vm_id"], snapshot["memory_mb"]) == ("base", made["vm_id"], 256)
    assert fake.get(made["vm_id"]) == made
    ended = fake.seeded("killed")["vm_id"]
    assert fake.refused(409, "POST", f"/v1/vms/{ended}/clone", {}) == "Cannot clone a VM that is killed"
    fake.agree()


# Seeded sandboxes


def test_seeded_sandboxes_live_too(fake: Fake) -> None:
    """They are suspended, resumed, changed and killed as others are, with a session that was never started here."""
    active, suspended = fake.seeded("active"), fake.seeded("suspended")
    total = len(fake.listing())
    session_id = active["session_id"]
    assert fake.status(session_id)["vm_id"] == active["vm_id"]
    assert fake.done("PATCH", f"/v1/vms/{active['vm_id']}", {"memory_mb": 256})["memory_mb"] == 256
    fake.done("POST", f"/v1/vms/{active['vm_id']}/suspend")
    assert fake.row(active["vm_id"])["status"] == "suspended"
    one = fake.done("POST", f"/v1/vms/{active['vm_id']}/resume")
    assert (one["session_id"], one["memory_mb"], one["created_at"]) == (session_id, 256, START)
    assert fake.status(session_id)["vm_id"] == one["vm_id"]
    two = fake.done("POST", f"/v1/vms/{suspended['vm_id']}/resume")
    assert fake.done("POST", "/kill", {"session_id": suspended["session_id"]})["vm_id"] == two["vm_id"]
    assert fake.status(session_id)["vm_alive"] is True
    assert len(fake.listing()) == total
    fake.agree()


def test_every_seeded_vm_has_a_session_of_its_own() -> None:
    fake = Fake(size=300)
    records = fake.records()
    sessions = {each["session_id"]: each["vm_id"] for each in records.values()}
    assert len(sessions) == len(records) > 200
    for session_id, vm_id in sessions.items():
        session = fake.done("GET", f"/v1/sessions/session/{session_id}")
        assert (session["vm_id"], session["session_id"]) == (vm_id, session_id)
        assert fake.done("GET", f"/v1/sessions/status/{session_id}", who="outsider")["exists"] is False


def test_vms_that_were_put_in_by_hand(fake: Fake) -> None:
    """An id of another form has no session; all else goes, also without the fields that the page does not require."""
    row = {"sandbox_id": "by hand", "name": "default", "metadata": {}, "started_at": START, "status": "active"}
    done(admin(fake.app, "PUT", "/documents/instavm/main", [row]))
    record = fake.get("by%20hand")
    assert (record["session_id"], record["expires_at"], record["snapshot_id"]) == (None, None, None)
    assert fake.done("POST", "/v1/vms/by%20hand/suspend")["status"] == "suspending"
    resumed = fake.done("POST", "/v1/vms/by%20hand/resume")
    assert resumed["status"] == "active"
    assert fake.done("DELETE", f"/v1/vms/{resumed['vm_id']}")["status"] == "killed"


def test_every_template_of_the_seeded_rows_is_a_snapshot(fake: Fake) -> None:
    known = {each["id"] for each in fake.done("GET", "/v1/snapshots")}
    named = {row["template_id"] for row in fake.listing() if row.get("template_id")}
    assert named
    assert named <= known


# Snapshots


def test_snapshots_are_listed_taken_and_deleted(fake: Fake) -> None:
    every = fake.done("GET", "/v1/snapshots")
    by_type = {kind: fake.done("GET", f"/v1/snapshots?type={kind}") for kind in ("user", "system")}
    assert [each["created_at"] for each in every] == sorted((each["created_at"] for each in every), reverse=True)
    assert sorted(map(str, by_type["user"] + by_type["system"])) == sorted(map(str, every))
    assert {each["name"] for each in by_type["system"]} == {"standard", "computer-use", "nix-dev"}
    assert fake.refused(422, "GET", "/v1/snapshots?type=mine")[0]["loc"] == ["query", "type"]
    vm = fake.vm(memory_mb=2048)
    taken = fake.done("POST", f"/v1/vms/{vm['vm_id']}/snapshot?wait=true", {"name": "dev-base"})
    identity = taken["snapshot_id"]
    assert taken == {
        "snapshot_id": identity,
        "id": identity,
        "name": "dev-base",
        "status": "ready",
        "type": "user",
        "created_at": START,
        "vm_id": vm["vm_id"],
        "memory_mb": 2048,
        "vcpu_count": 1,
    }
    found = fake.done("GET", f"/v1/snapshots/{identity}")
    assert (
        found == fake.done("GET", "/v1/snapshots")[0] == {name: taken[name] for name in taken if name != "snapshot_id"}
    )
    assert fake.done("DELETE", f"/v1/snapshots/{identity}") == {"id": identity, "status": "deleted"}
    for method in ("GET", "DELETE"):
        assert fake.refused(404, method, f"/v1/snapshots/{identity}") == "Snapshot not found"
    assert fake.refused(404, "DELETE", "/v1/snapshots/snap-standard") == "Snapshot not found"
    assert fake.done("GET", "/v1/snapshots") == every
    ended = fake.seeded("killed")["vm_id"]
    assert fake.refused(409, "POST", f"/v1/vms/{ended}/snapshot") == "Cannot snapshot a VM that is killed"


def test_a_vm_leaves_a_snapshot_if_it_is_to(fake: Fake) -> None:
    vm = fake.vm(snapshot_on_terminate=True, snapshot_name="last words")
    fake.done("DELETE", f"/v1/vms/{vm['vm_id']}")
    newest = fake.done("GET", "/v1/snapshots")[0]
    assert (newest["name"], newest["vm_id"], newest["status"]) == ("last words", vm["vm_id"], "ready")
    plain, count = fake.vm(), len(fake.done("GET", "/v1/snapshots"))
    fake.done("DELETE", f"/v1/vms/{plain['vm_id']}")
    assert len(fake.done("GET", "/v1/snapshots")) == count


# Accounts


def test_nobody_is_told_of_another_accounts_vms(fake: Fake) -> None:
    """A 404 as for one that does not exist, whatever is asked, and nothing happens."""
    vm = fake.vm()
    snapshot = fake.done("POST", f"/v1/vms/{vm['vm_id']}/snapshot")["id"]
    for name, (method, path, _) in OPERATIONS.items():
        if "{" not in path or name == "getSessionStatus":
            continue
        target = path.replace("{vm_id}", vm["vm_id"]).replace("{snapshot_id}", snapshot)
        target = target.replace("{session_id}", vm["session_id"])
        theirs = fake.ask(method, target, BODIES.get(name, {}), who="outsider")
        assert theirs.status == 404, name
        unknown = re.sub(r"\{[a-z_]+\}", "nobody", path)
        assert theirs.body == fake.ask(method, unknown, BODIES.get(name, {})).body, name
    assert fake.refused(404, "POST", "/kill", {"session_id": vm["session_id"]}, who="outsider") == "Session not found"
    for wish in ({"session_id": vm["session_id"]}, {"snapshot_id": snapshot}):
        assert "not found" in fake.refused(404, "POST", "/v1/vms", wish, who="outsider")
    assert vm["vm_id"] not in {each["vm_id"] for each in fake.done("GET", "/v1/vms/", who="outsider")}
    assert fake.get(vm["vm_id"]) == vm


def test_colleagues_share_an_account(fake: Fake) -> None:
    vm = fake.done("POST", "/v1/vms", {}, who="member")
    assert fake.get(vm["vm_id"]) == vm
    assert fake.done("DELETE", f"/v1/vms/{vm['vm_id']}")["status"] == "killed"


def test_who_asks(fake: Fake) -> None:
    for who, user in (("admin", "user-1"), ("member", "user-2"), ("outsider", "user-3")):
        told = {"id": user, "email": f"{who}@example.com", "name": who, "is_verified": True}
        assert fake.done("GET", "/v1/users/me", who=who) == told


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_wants_a_credential(fake: Fake, name: str) -> None:
    method, path, _ = OPERATIONS[name]
    reply = call(fake.app, f"/instavm{path.replace('{', '').replace('}', '')}", method=method, headers=JSON, body=b"{}")
    assert (reply.status, reply.value) == (401, {"detail": "Not authenticated"})


# Time


def test_passing_states_last_as_the_clock_says() -> None:
    fake = Fake(transitions="clock")
    session_id = fake.session()
    creating = {"exists": True, "vm_assigned": False, "vm_alive": False, "vm_status": "creating", "vm_id": None}
    assert fake.status(session_id) == creating
    session = fake.done("GET", f"/v1/sessions/session/{session_id}")
    assert session["status"] == "created"
    old = session["vm_id"]
    assert fake.refused(409, "POST", f"/v1/vms/{old}/suspend") == "Cannot suspend a VM that is creating"
    fake.wait(14)
    assert (fake.state(old), fake.row(old)["status"]) == ("creating", "creating")
    fake.wait(1)
    assert (fake.state(old), fake.row(old)["status"]) == ("active", "active")
    fake.done("POST", f"/v1/vms/{old}/suspend")
    assert fake.state(old) == "suspending"
    assert fake.refused(409, "POST", f"/v1/vms/{old}/resume") == "Cannot resume a VM that is suspending"
    fake.wait(5)
    assert fake.state(old) == "suspended"
    new = fake.done("POST", f"/v1/vms/{old}/resume?wait=false")["vm_id"]
    assert fake.state(new) == "resuming"
    assert new in fake.records(every=False)
    fake.wait(3)
    assert fake.state(new) == "active"
    fake.agree()


def test_whoever_waits_is_answered_as_if_the_time_had_passed() -> None:
    fake = Fake(transitions="clock")
    vm = fake.vm(wait=True)
    assert vm["status"] == fake.state(vm["vm_id"]) == "active"
    taken = fake.done("POST", f"/v1/vms/{vm['vm_id']}/snapshot?wait=false")
    assert taken["status"] == fake.done("GET", f"/v1/snapshots/{taken['id']}")["status"] == "building"
    fake.wait(30)
    assert fake.done("GET", f"/v1/snapshots/{taken['id']}")["status"] == "ready"


def test_passing_states_end_when_somebody_says_so() -> None:
    """Then nobody who waits can be told that it is over."""
    fake = Fake(transitions="manual")

    def end() -> list[tuple[str, str, str]]:
        moved = done(admin(fake.app, "POST", "/transitions", {"provider": "instavm"}))["moved"]
        return [(each["id"], each["from"], each["to"]) for each in moved]

    vm_id = fake.vm(wait=True)["vm_id"]
    fake.wait(200)
    assert fake.state(vm_id) == "creating"
    assert end() == [(vm_id, "creating", "active")]
    assert fake.state(vm_id) == "active"
    fake.done("POST", f"/v1/vms/{vm_id}/suspend")
    fake.wait(1_000)
    assert fake.state(vm_id) == "suspending"
    assert end() == [(vm_id, "suspending", "suspended")]
    new = fake.done("POST", f"/v1/vms/{vm_id}/resume?wait=true")
    assert new["status"] == "resuming"
    assert end() == [(new["vm_id"], "resuming", "active")]
    assert end() == []
    fake.agree()


@pytest.mark.parametrize("transitions", ["immediate", "clock", "manual"])
def test_what_can_fail_does_if_somebody_asks_for_it(transitions: str) -> None:
    """A VM that is not provisioned has failed; one that is not suspended runs on; one that is not resumed stays so."""
    fake = Fake(transitions=transitions)

    def end(vm_id: str) -> Row:
        """The VM once its passing state has passed, in whatever mode."""
        fake.wait(15)
        done(admin(fake.app, "POST", "/transitions", {"provider": "instavm"}))
        found: Row = fake.get(vm_id)
        return found

    def wanting(outcome: str, path: str, body: Any = b"") -> Any:
        return fake.done("POST", path, body, prefer=f"outcome={outcome}")

    like = end(fake.vm(vm_lifetime_seconds=600)["vm_id"])["vm_id"]
    for wait, path in (("false", "/v1/vms"), ("true", "/v1/vms"), ("false", f"/v1/vms/{like}/clone")):
        made = wanting("provisioning_failed", f"{path}?wait={wait}", {})
        assert made["status"] == ("failed" if wait == "true" and transitions != "manual" else "creating")
        failed = end(made["vm_id"])
        assert (failed["status"], failed["ssh_host"]) == ("failed", None)
        assert fake.done("GET", f"/v1/sessions/usage/{made['session_id']}")["runtime_seconds"] == 0
        assert fake.done("GET", f"/v1/sessions/session/{made['session_id']}")["status"] == "terminated"
        assert fake.refused(409, "DELETE", f"/v1/vms/{made['vm_id']}") == "Cannot kill a VM that is failed"
        assert fake.refused(409, "PATCH", f"/v1/vms/{made['vm_id']}", {}) == "Cannot change a VM that is failed"
    vm_id = end(fake.vm(vm_lifetime_seconds=600)["vm_id"])["vm_id"]
    assert wanting("suspend_failed", f"/v1/vms/{vm_id}/suspend")["status"] == "suspending"
    assert (end(vm_id)["status"], end(vm_id)["expires_at"] is None) == ("active", False)
    fake.done("POST", f"/v1/vms/{vm_id}/suspend")
    assert end(vm_id)["status"] == "suspended"
    new = wanting("resume_failed", f"/v1/vms/{vm_id}/resume?wait=false")["vm_id"]
    assert (end(new)["status"], end(new)["expires_at"]) == ("suspended", None)
    live = fake.done("POST", f"/v1/vms/{new}/resume?wait=false")["vm_id"]
    assert end(live)["status"] == "active"
    fake.agree()


@pytest.mark.parametrize("transitions", ["immediate", "clock", "manual"])
def test_a_vm_that_is_creating_can_be_killed(transitions: str) -> None:
    fake = Fake(transitions=transitions)
    vm_id = fake.vm(wait=False)["vm_id"]
    assert fake.done("DELETE", f"/v1/vms/{vm_id}")["status"] == "killed"
    fake.wait(100)
    assert fake.state(vm_id) == "killed"


def test_time_that_is_up_kills(fake: Fake) -> None:
    """At the end of its lifetime, to the second, and with the date that was said before."""
    vm = fake.vm(vm_lifetime_seconds=20)
    fake.wait(19)
    assert fake.state(vm["vm_id"]) == "active"
    fake.wait(1)
    assert fake.get(vm["vm_id"]) == {**vm, "status": "killed", "ssh_host": None}
    assert fake.status(vm["session_id"])["vm_status"] == "killed"
    usage = fake.done("GET", f"/v1/sessions/usage/{vm['session_id']}")
    fake.wait(500)
    assert usage["runtime_seconds"] == 20
    assert fake.done("GET", f"/v1/sessions/usage/{vm['session_id']}") == usage
    fake.agree()


def test_time_that_is_up_suspends_with_auto_suspend(fake: Fake) -> None:
    """Whether that was said at first or later; resumed, a VM has its whole lifetime again."""
    first = fake.vm(vm_lifetime_seconds=60, auto_suspend=True)
    later = fake.vm(vm_lifetime_seconds=60)
    fake.done("PATCH", f"/v1/vms/{later['vm_id']}", {"auto_suspend": True})
    fake.wait(61)
    for vm in (first, later):
        parked = fake.get(vm["vm_id"])
        assert (parked["status"], parked["expires_at"], parked["vm_lifetime_seconds"]) == ("suspended", None, 60)
    new = fake.done("POST", f"/v1/vms/{first['vm_id']}/resume")["vm_id"]
    fake.done("PATCH", f"/v1/vms/{new}", {"auto_suspend": False})
    fake.wait(59)
    assert fake.state(new) == "active"
    fake.wait(1)
    assert fake.state(new) == "killed"
    assert fake.state(later["vm_id"]) == "suspended"
    fake.agree()


def test_a_seeded_vm_that_is_resumed_lives_by_the_new_dates(fake: Fake) -> None:
    """Also in a world that had aged before."""
    fake.wait(50_000)
    vm = fake.seeded("suspended")
    new = fake.done("POST", f"/v1/vms/{vm['vm_id']}/resume")
    assert new["created_at"] == naive(EPOCH + 50_000 * SECOND)
    fake.wait(299)
    assert fake.state(new["vm_id"]) == "active"
    fake.wait(1)
    assert fake.state(new["vm_id"]) == "killed"


def step(fake: Fake, vm: Row, chance: random.Random) -> bool:
    """Something that a client does with a VM, or time; whether there is one VM more thereafter."""
    path, wait = f"/v1/vms/{vm['vm_id']}", chance.choice(("true", "false"))
    kind = chance.choice(("create", "suspend", "resume", "resume", "delete", "clone", "change", "kill", "wait", "end"))
    wish: Row = {"auto_suspend": chance.random() < 0.5}
    if kind == "wait":
        fake.wait(chance.choice((0.5, 5, 15, 60)))
        return False
    if kind == "end":
        done(admin(fake.app, "POST", "/transitions", {"provider": "instavm"}))
        return False
    if kind == "create":
        fake.vm(wait=wait == "true", vm_lifetime_seconds=chance.randint(20, 100), **wish)
        return True
    method, target, body, fits = {
        "suspend": ("POST", f"{path}/suspend", {}, vm["status"] == "active"),
        "resume": ("POST", f"{path}/resume?wait={wait}", {}, vm["status"] == "suspended"),
        "delete": ("DELETE", path, {}, vm["status"] != "killed"),
        "clone": ("POST", f"{path}/clone?wait={wait}", {}, vm["status"] in ("active", "suspended")),
        "change": ("PATCH", path, wish, vm["status"] != "killed"),
        "kill": ("POST", "/kill", {"session_id": vm["session_id"]}, vm["status"] != "killed"),
    }[kind]
    assert fake.ask(method, target, body).status == (200 if fits else 409), (kind, vm)
    return kind == "clone" and fits


@pytest.mark.parametrize("transitions", ["immediate", "clock", "manual"])
def test_whatever_clients_do_both_views_agree(transitions: str) -> None:
    """No VM is lost or there twice, each has its session, and a session knows its VM."""
    fake, chance = Fake(size=30, transitions=transitions), random.Random(transitions)
    count = len(fake.listing())
    for _ in range(50):
        count += step(fake, chance.choice([*fake.records().values()]), chance)
        fake.agree()
        records = fake.records()
        assert len(records) == count
        assert len({each["session_id"] for each in records.values()}) == count
        for each in records.values():
            assert fake.done("GET", f"/v1/sessions/session/{each['session_id']}")["vm_id"] == each["vm_id"]


# Failures, snapshots of worlds, and hostile bodies


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_documented_error_of_every_operation_on_request(name: str) -> None:
    """Each example of the spec comes as it is, fits its schema, and nothing is changed thereby."""
    fake = Fake(size=10)
    method, path, operation = OPERATIONS[name]
    target = re.sub(r"\{[a-z_]+\}", "any", path)
    before = fake.listing()
    for code, reference in operation["responses"].items():
        response = resolved("instavm", reference)
        content = response["content"]["application/json"]
        schema = Draft202012Validator(schema_of("instavm", content["schema"]))
        for example, value in content["examples"].items():
            schema.validate(value["value"])
            if int(code) < 400:
                continue
            reply = fake.ask(method, target, {}, prefer=f"code={code}, example={example}")
            assert (reply.status, reply.value) == (int(code), value["value"])
            assert reply.headers["preference-applied"] == f"code={code}, example={example}"
    assert fake.listing() == before


def test_what_is_answered_fits_the_spec(fake: Fake) -> None:
    vm = fake.vm(metadata={"deep": [{"a": None}]})
    session_id = vm["session_id"]
    snapshot = fake.done("POST", f"/v1/vms/{vm['vm_id']}/snapshot")["id"]
    last = ("deleteSnapshot", "pauseSandbox", "resumeSandbox", "deleteSandbox", "killSession")
    for name in [*(each for each in OPERATIONS if each not in (*last, *OF_COMMANDS)), *last[:-2]]:
        method, path, operation = OPERATIONS[name]
        target = path.replace("{vm_id}", vm["vm_id"]).replace("{session_id}", session_id)
        body = {"api_key": KEY} if name == "createSession" else {"session_id": session_id}
        body = BODIES.get(name, {}) if "{" in path else body
        value = fake.done(method, target.replace("{snapshot_id}", snapshot), body)
        content = operation["responses"]["200"]["content"]["application/json"]
        Draft202012Validator(schema_of("instavm", content["schema"])).validate(value)


def test_an_answer_that_is_lost_has_happened(fake: Fake) -> None:
    """`phase: after`: the VM is there, or gone, although the caller was told of a failure; `before`, it is not."""
    count = len(fake.listing())
    lost = {"prefer": "code=504, phase=after"}
    assert fake.ask("POST", "/v1/vms?wait=true", {"metadata": {"n": 1}}, **lost).status == 504
    assert len(fake.listing()) == count + 1
    (found,) = fake.listing('metadata={"n":1}')
    assert found["status"] == "active"
    assert fake.ask("DELETE", f"/v1/vms/{found['sandbox_id']}", prefer="code=503").status == 503
    assert fake.state(found["sandbox_id"]) == "active"
    assert fake.ask("DELETE", f"/v1/vms/{found['sandbox_id']}", **lost).status == 504
    assert fake.state(found["sandbox_id"]) == "killed"
    body = {"api_key": f"{KEY}+code=503,phase=after", "metadata": {"n": 2}}
    assert fake.ask("POST", "/v1/sessions/session", body).status == 503
    assert len(fake.listing('metadata={"n":2}')) == 1


def test_the_faults_of_a_key_in_the_body(fake: Fake) -> None:
    """The constructor's key asks for failures as keys in headers do."""
    count = len(fake.listing())
    for code in (401, 403, 429, 500):
        assert fake.ask("POST", "/v1/sessions/session", {"api_key": f"{KEY}+code={code}"}).status == code
    assert len(fake.listing()) == count


@pytest.mark.parametrize("transitions", ["immediate", "clock", "manual"])
def test_a_world_is_restored_in_the_middle(transitions: str) -> None:
    """What goes on after a snapshot goes on as well in another server that was given it."""
    one = Fake(transitions=transitions)
    session_id = one.session(metadata={"a": 1}, vm_lifetime_seconds=60)
    vm = one.vm(wait=False, auto_suspend=True, vm_lifetime_seconds=60, volumes=[{"volume_id": "v", "mount_path": "/"}])
    seeded = one.seeded("suspended")
    one.done("POST", f"/v1/vms/{seeded['vm_id']}/resume?wait=false")
    two = Fake()
    two.restore(one.snapshot())
    for seconds in (1, 20, 60):
        for each in (one, two):
            each.wait(seconds)
        assert two.records() == one.records()
        assert two.done("GET", "/v1/snapshots") == one.done("GET", "/v1/snapshots")
        for known in (session_id, vm["session_id"], seeded["session_id"]):
            assert two.status(known) == one.status(known)
        two.agree()
    done(admin(two.app, "POST", "/reset"))
    assert two.status(session_id)["exists"] is False
    assert two.get(seeded["vm_id"])["status"] == "suspended"


HOSTILE: list[Any] = [
    b"{",
    b"\xff",
    b'{"metadata": {"a": 1, "a": 2}}',
    b'{"metadata": {"a": "\\u0000"}}',
    b'{"metadata": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    b'{"metadata": {"n": 1e999}}',
    b'{"memory_mb": 1e2, "vm_lifetime_seconds": 123456789012345678901234567890}',
    b"[]",
    b"null",
    b'"text"',
    b"0",
    b" " * (2**20 + 1),
    {"volumes": [{}, 5, None]},
    {"vault_ids": [1], "env": 5, "image_variant": "windows"},
    {"session_id": "x" * 100_000, "snapshot_id": "\ud83d\ude00"},
    {"session_id": "' OR 1=1 --"},
    {"metadata": {"k" * 10_000: "v" * 10_000}},
    {"metadata": {str(number): [{}] for number in range(5_000)}},
]


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_bodies(fake: Fake, body: Any) -> None:
    """No 500, and every refusal in the dialect; whatever was taken is listed and can be saved."""
    vm = fake.vm()
    for name, (method, path, operation) in OPERATIONS.items():
        if "requestBody" not in operation:
            continue
        target = path.replace("{vm_id}", vm["vm_id"])
        wish = {"api_key": KEY, **body} if isinstance(body, dict) else body
        reply = fake.ask(method, target, wish)
        assert reply.status in (200, 401, 404, 409, 413, 422), (name, reply.status, reply.body[:200])
        assert reply.media_type == "application/json"
        if reply.status != 200:
            assert reply.value.keys() == {"detail"}
    fake.agree()
    other = Fake()
    other.restore(fake.snapshot())
    assert other.records() == fake.records()


def test_a_body_of_another_kind(fake: Fake) -> None:
    reply = fake.ask("POST", "/v1/vms", b"a=1", **{"content-type": "application/x-www-form-urlencoded"})
    assert reply.status == 422


def test_the_journal_names_what_was_done(fake: Fake) -> None:
    vm = fake.vm()
    fake.done("POST", f"/v1/vms/{vm['vm_id']}/suspend")
    fake.refused(404, "GET", "/v1/vms/nobody")
    noted = done(admin(fake.app, "GET", "/requests"))["requests"]
    told = [(each["operation"], each["status"], each["caller"]) for each in noted[:3]]
    assert told == [("getSandbox", 404, "admin"), ("pauseSandbox", 200, "admin"), ("createSandbox", 200, "admin")]
    assert KEY not in json.dumps(noted)
