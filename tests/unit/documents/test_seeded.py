"""Worlds: the same seed makes the same bytes everywhere, and what it makes is believable, varied and consistent."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from fakeserver.listing.listing import Listing
from fakeserver.providers import PROVIDERS
from fakeserver.recipes.fixture import Fixture, load, load_vocabularies
from fakeserver.serving.app import App
from fakeserver.spec import reader
from tests.support.asgi import (
    EPOCH,
    ROOT,
    ROWS,
    SLUGS,
    SPECS,
    Row,
    app_of,
    identity,
    main_tenant,
    resolved,
    schema_of,
    tenants,
)

NOW = datetime(2026, 1, 18, 10, 30, tzinfo=UTC)
SEEDS = (0, 1, 42)
CREATED = {"dreadnode": "created_at", "instavm": "started_at", "prime": "createdAt", "superserve": "created_at"}


@cache
def app(seed: int = 0, size: int = 1_000) -> App:
    return app_of(seed=seed, size=size)


@cache
def documents(slug: str, seed: int = 0, size: int = 1_000) -> tuple[Row, ...]:
    """The default tenant's documents, newest first."""
    return tuple(main_tenant(app(seed, size), slug).documents())


@cache
def everyone(slug: str, seed: int = 0, size: int = 1_000) -> tuple[Row, ...]:
    """The documents of all tenants."""
    return tuple(each for collection in tenants(app(seed, size), slug).values() for each in collection.documents())


def when(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# Determinism.

DIGESTS = """
import hashlib, json, sys
from fakeserver.serving.app import Settings, create_app
app = create_app(Settings(seed=int(sys.argv[1]), size=300, epoch=int(sys.argv[2])))
print(json.dumps({
    f"{slug}/{name}": hashlib.sha256(b"".join(each.body(rank) for rank in each.everything)).hexdigest()
    for slug, service in app.services.items()
    for name, each in app.world.tenants(service.provider).items()
}))
"""


def digests_elsewhere(seed: int, hash_seed: str) -> Any:
    """The digests of every tenant's bytes, from a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", DIGESTS, str(seed), str(EPOCH)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": "Asia/Tokyo", "LC_ALL": "C"},
    )
    return json.loads(done.stdout)


def digests_here(seed: int) -> dict[str, str]:
    return {
        f"{slug}/{name}": hashlib.sha256(b"".join(each.body(rank) for rank in each.everything)).hexdigest()
        for slug in SLUGS
        for name, each in tenants(app_of(seed=seed, size=300), slug).items()
    }


@pytest.mark.slow
def test_same_seed_and_epoch_same_bytes() -> None:
    """A world's bytes depend on seed and epoch alone: not on the process, its hash seed, time zone or locale."""
    here = digests_here(7)
    assert len(here) == 11
    assert len(set(here.values())) == 11
    assert digests_elsewhere(7, "1") == here
    assert digests_elsewhere(7, "4242") == here


@pytest.mark.slow
def test_another_seed_is_another_world() -> None:
    """With another seed every tenant's documents differ, ids included."""
    one, other = digests_here(0), digests_here(1)
    assert all(one[name] != other[name] for name in one)
    for slug in SLUGS:
        ids = [{each[identity(slug)] for each in everyone(slug, seed)} for seed in (0, 1)]
        assert ids[0].isdisjoint(ids[1])


def test_the_order_of_asking_does_not_matter() -> None:
    """A document is the same whether it is read first or last, alone or in bulk."""
    one, other = app_of(size=60), app_of(size=60)
    for slug in SLUGS:
        collection = main_tenant(one, slug)
        backwards = {rank: collection.document(rank) for rank in reversed(list(collection.everything))}
        assert list(reversed(backwards.values())) == list(main_tenant(other, slug).documents())


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("slug", SLUGS)
def test_more_documents_change_no_other(slug: str, seed: int) -> None:
    """A larger world begins with the documents of a smaller one, tenant by tenant."""
    for small in (1, 2, 7, 40):
        for name, few in tenants(app(seed, small), slug).items():
            many = tenants(app(seed, 1_000), slug)[name]
            assert [few.body(rank) for rank in few.everything] == [many.body(rank) for rank in few.everything], name
            assert [few.owner(rank) for rank in few.everything] == [many.owner(rank) for rank in few.everything], name


@pytest.mark.parametrize("slug", SLUGS)
def test_instants_are_offsets_from_the_epoch(slug: str) -> None:
    """Another epoch shifts every date of every document by the same time, and changes nothing else."""
    days = 40
    later = app_of(size=200, epoch=EPOCH + days * 86_400 * 1_000_000)

    def shifted(value: Any) -> Any:
        if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value):
            moved = (datetime.fromisoformat(value) + timedelta(days=days)).isoformat()
            return moved.replace("+00:00", "")
        return value

    def plain(value: Any) -> Any:
        dated = isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value)
        return datetime.fromisoformat(value).isoformat().replace("+00:00", "") if dated else value

    for before, after in zip(documents(slug, 0, 200), main_tenant(later, slug).documents(), strict=True):
        assert {name: shifted(value) for name, value in before.items()} == {
            name: plain(value) for name, value in after.items()
        }


@pytest.mark.parametrize("size", [0, 1, 2, 3, 10, 999, 1_000])
@pytest.mark.parametrize("slug", SLUGS)
def test_sizes_add_up(slug: str, size: int) -> None:
    """`--size` documents per provider, over all its tenants, most of them in the default one."""
    counts = {name: len(each) for name, each in tenants(app(0, size), slug).items()}
    assert sum(counts.values()) == size
    assert counts[PROVIDERS[slug].default_tenant] >= size * 0.6


# Variety, as the spec's schemas demand it.

# Fields that do not have the variety that the schema allows, and why.
NEVER_SET = {
    ("prime", "startCommand"): "the current SDK cannot read a list in which this is a string",
    ("prime", "teamId"): "the default tenant is a personal account; the team `research` sets it",
}


def fixture_of(slug: str, words: Mapping[str, list[Any]]) -> Fixture:
    contract = reader.load(ROOT / "openapi" / f"{slug}.yaml", PROVIDERS[slug].operations)
    return load(PROVIDERS[slug], contract, words)


def item_schema(slug: str) -> Row:
    found: Row = SPECS[slug]["components"]["schemas"][ROWS[slug]]
    return found


def fields_of(slug: str, schema: Row, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Row, bool]]:
    """(path, schema, required) of every declared field, those of inner objects too."""
    for name, raw in schema.get("properties", {}).items():
        inner = resolved(slug, raw)
        yield (*path, name), inner, name in schema.get("required", ())
        yield from fields_of(slug, inner, (*path, name))


def holders(slug: str, path: tuple[str, ...], seed: int) -> list[Row]:
    """The objects that have, or could have, the field at this path."""
    found = [*documents(slug, seed)]
    for name in path[:-1]:
        found = [each[name] for each in found if isinstance(each.get(name), dict)]
    return found


SWITCHED = {
    (slug, field)
    for slug in SLUGS
    for meaning in PROVIDERS[slug].operations.values()
    if isinstance(meaning, Listing) and meaning.extras is not None
    for field in meaning.extras.fields
}
"""What a switch adds to rows when they are shown, and no document has."""
FIELDS = [
    (slug, path, schema, required)
    for slug in SLUGS
    for path, schema, required in fields_of(slug, item_schema(slug))
    if (slug, path[0]) not in SWITCHED
]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("slug", "path", "schema", "required"), FIELDS, ids=[f"{f[0]}-{'.'.join(f[1])}" for f in FIELDS]
)
def test_every_field_varies(slug: str, path: tuple[str, ...], schema: Row, required: bool, seed: int) -> None:
    """Every enum value, every nullable both null and set, every optional field both present and absent do occur."""
    found = holders(slug, path, seed)
    name = path[-1]
    present = [each[name] for each in found if name in each]
    assert present
    if required:
        assert len(present) == len(found)
    else:
        assert len(present) < len(found), "never absent"
    if (slug, name) in NEVER_SET:
        assert set(present) == {None}
        return
    kinds = schema.get("type", [])
    if "null" in kinds:
        assert None in present, "never null"
    assert any(each is not None for each in present), "never set"
    for value in schema.get("enum", ()):
        assert value in present, f"{value} never occurs"
    if kinds == "boolean":
        assert set(present) == {True, False}


def test_the_exceptions_are_made_up_for() -> None:
    """What the default tenant cannot show, another tenant does."""
    research = list(tenants(app(), "prime")["research"].documents())
    assert {each["teamId"] for each in research} == {"research"}
    assert {each["userId"] for each in research} == {"user_admin", "user_member", "user_former"}


@pytest.mark.parametrize("seed", SEEDS)
def test_statuses_of_instavm(seed: int) -> None:
    """InstaVM's schema has no enum; its sandboxes are creating, active, suspended and killed all the same."""
    assert {each["status"] for each in documents("instavm", seed)} == {"creating", "active", "suspended", "killed"}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("slug", "field", "empty"), [("instavm", "metadata", {}), ("superserve", "metadata", {}), ("prime", "labels", [])]
)
def test_empty_metadata_occurs(slug: str, field: str, empty: Any, seed: int) -> None:
    """Some sandboxes have metadata, or labels, without anything in it."""
    found = [each.get(field) for each in documents(slug, seed)]
    assert empty in found
    assert any(found)


@pytest.mark.parametrize("slug", SLUGS)
def test_nothing_else_is_there(slug: str) -> None:
    """Documents have the fields that the spec declares, and no other; superserve has no null anywhere."""
    declared = set(item_schema(slug)["properties"])
    for document in everyone(slug):
        assert set(document) <= declared
        if slug == "superserve":
            assert None not in document.values()


@pytest.mark.parametrize(("seed", "size"), [(0, 1_000), (1, 120), (42, 120), (2**63 - 1, 40)])
@pytest.mark.parametrize("slug", SLUGS)
def test_every_document_is_valid(slug: str, seed: int, size: int) -> None:
    """Every document of every tenant is valid against the spec's schema, formats included."""
    validator = Draft202012Validator(schema_of(slug, item_schema(slug)), validate_formats=True)
    for document in everyone(slug, seed, size):
        problem = next(validator.iter_errors(document), None)
        assert problem is None, f"{document[identity(slug)]}: {problem}"


# Consistency: sentences that hold for every single document.


def dates_ascend(*moments: str | None) -> bool:
    """Those that are set come one after the other, and none is in the future."""
    given = [when(each) for each in moments if each is not None]
    return all(a <= b for a, b in pairwise(given)) and all(each <= NOW for each in given)


RULES: dict[str, dict[str, Callable[[Row], bool]]] = {
    "dreadnode": {
        "paused has its reason": lambda d: (d["state"] == "paused") is (d.get("pause_reason") is not None),
        "killed has its time": lambda d: (d["state"] == "killed") is (d["killed_at"] is not None),
        "credits add up": lambda d: d.get("estimated_total_credits", 0)
        == d.get("billed_credits", 0) + d.get("running_credits", 0),
        "no credit is negative": lambda d: min(
            d.get(name, 0) for name in ("billed_credits", "running_credits", "estimated_total_credits")
        )
        >= 0,
        "only a running one earns": lambda d: d["state"] == "running" or d.get("running_credits", 0) == 0,
        "a project is whole": lambda d: len({d.get(f"project_{name}") is None for name in ("id", "key", "name")}) == 1,
        "a workspace is whole": lambda d: "workspace_id" not in d
        or (d["workspace_id"] is None) is (d["workspace_key"] is None),
        "dates ascend": lambda d: dates_ascend(
            d["created_at"], d.get("last_started_at"), d.get("stopped_at"), d["killed_at"]
        ),
        "expires after start": lambda d: d.get("expires_at") is None
        or when(d["expires_at"]) > when(d["last_started_at"]),
        "running is not expired": lambda d: d["state"] != "running"
        or d["expires_at"] is None
        or when(d["expires_at"]) > NOW,
        "an ended one ended in time": lambda d: not (d.get("expires_at") and d.get("stopped_at"))
        or when(d["stopped_at"]) <= when(d["expires_at"]),
        "running has not stopped": lambda d: d["state"] != "running"
        or (d["stopped_at"] is None and d["last_started_at"] is not None),
        "what is not running has stopped": lambda d: d["state"] == "running"
        or "stopped_at" not in d
        or d["stopped_at"] is not None,
        "killed when stopped": lambda d: d["state"] != "killed" or d.get("stopped_at") in (None, d["killed_at"]),
        "what never started never ran": lambda d: d.get("last_started_at", "") is not None
        or (d["total_runtime_seconds"] == 0 and d["billed_credits"] == 0),
        "ran no longer than it exists": lambda d: 0
        <= d["total_runtime_seconds"]
        <= (NOW - when(d["created_at"])).total_seconds(),
        "deducted after it was created": lambda d: dates_ascend(d["created_at"], d.get("last_credit_deduction_at")),
        "deducted before it stopped": lambda d: dates_ascend(d.get("last_credit_deduction_at"), d.get("stopped_at")),
        "no credits without a deduction": lambda d: not d.get("billed_credits")
        or d["last_credit_deduction_at"] is not None,
    },
    "instavm": {
        "dates are naive": lambda d: all(
            re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?", each)
            for each in (d["started_at"], d.get("end_at"))
            if each is not None
        ),
        "started before now": lambda d: when(d["started_at"]) <= NOW,
        "ends after start": lambda d: d.get("end_at") is None or when(d["end_at"]) > when(d["started_at"]),
        "active has not ended": lambda d: d["status"] != "active"
        or d.get("end_at") is None
        or when(d["end_at"]) > NOW,
        "killed has ended": lambda d: d["status"] != "killed"
        or (d["end_at"] is not None and when(d["end_at"]) <= NOW),
        "only active and killed have an end": lambda d: d["status"] in ("active", "killed") or d.get("end_at") is None,
        "named after its template": lambda d: "template_id" not in d or d["name"] == (d["template_id"] or "default"),
    },
    "prime": {
        "terminated has its time": lambda d: (d["status"] == "TERMINATED") is (d["terminatedAt"] is not None),
        "a waiting one has not started": lambda d: (d["status"] in ("PENDING", "PROVISIONING"))
        is (d["startedAt"] is None),
        "running is within its timeout": lambda d: d["status"] != "RUNNING"
        or when(d["startedAt"]) + timedelta(minutes=d["timeoutMinutes"]) > NOW,
        "nothing outran its timeout": lambda d: d["terminatedAt"] is None
        or when(d["terminatedAt"]) <= when(d["startedAt"]) + timedelta(minutes=d["timeoutMinutes"]),
        "dates ascend": lambda d: dates_ascend(d["createdAt"], d["startedAt"], d["terminatedAt"])
        and dates_ascend(d["createdAt"], d["startedAt"], d["updatedAt"]),
        "updated when terminated": lambda d: d["terminatedAt"] in (None, d["updatedAt"]),
        "an error has type and message": lambda d: (
            d["status"] == "ERROR" or (d["status"] == "TERMINATED" and d.get("errorType") == "TIMEOUT")
        )
        is (d.get("errorType") is not None)
        is (d.get("errorMessage") is not None)
        or "errorType" not in d,
        "an exit code has an end": lambda d: d.get("exitCode") is None or d["status"] in ("TERMINATED", "ERROR"),
        "a GPU has its type": lambda d: "gpuType" not in d
        or (d["gpuCount"] > 0) is (d["gpuType"] not in (None, "CPU_NODE")),
        "a pending one has no job": lambda d: (d["status"] == "PENDING") is (d["kubernetesJobId"] is None),
        "no command": lambda d: d["startCommand"] is None,
    },
    "superserve": {
        "active is within its cap": lambda d: "timeout_seconds" not in d
        or when(d["created_at"]) + timedelta(seconds=d["timeout_seconds"]) > NOW,
        "paused has its snapshot": lambda d: d["status"] == "active" or "snapshot_id" in d,
        "created before now": lambda d: when(d["created_at"]) <= NOW,
        "rules are not empty": lambda d: "network" not in d or any(d["network"].values()),
        "metadata is text": lambda d: all(isinstance(each, str) for each in d["metadata"].values()),
    },
}  # fmt: skip


@pytest.mark.parametrize("seed", [2, 7, 9])
def test_what_was_resumed_ran_no_longer_than_it_exists(seed: int) -> None:
    """Before it was resumed as well; few are so young that what is drawn for that time would be more than there was."""
    assert all(map(RULES["dreadnode"]["ran no longer than it exists"], everyone("dreadnode", seed)))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("slug", "rule"), [(slug, rule) for slug, rules in RULES.items() for rule in rules])
def test_documents_are_consistent(slug: str, rule: str, seed: int) -> None:
    """What a document says in one place it does not contradict in another."""
    holds = RULES[slug][rule]
    broken = [each for each in everyone(slug, seed) if not holds(each)]
    assert not broken, f"{len(broken)} documents, such as {broken[0]}"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("slug", SLUGS)
def test_ids_are_unique(slug: str, seed: int) -> None:
    """No two documents of a provider, in whichever tenants, have the same id."""
    ids = [each[identity(slug)] for each in everyone(slug, seed)]
    assert len(set(ids)) == len(ids) == 1_000


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("slug", SLUGS)
def test_newest_first_then_id(slug: str, seed: int) -> None:
    """Documents are ordered by falling date and rising id, and several do share an instant."""
    for collection in tenants(app(seed), slug).values():
        keys = [(-when(each[CREATED[slug]]).timestamp(), each[identity(slug)]) for each in collection.documents()]
        assert keys == sorted(keys)
    dates = Counter(each[CREATED[slug]] for each in documents(slug, seed))
    assert sum(count > 1 for count in dates.values()) > 5
    assert sum(count == 1 for count in dates.values()) > 100


# Skew.


def marks(slug: str, seed: int) -> list[list[str]]:
    """Each document's labels, project, or metadata pairs as texts."""
    if slug == "dreadnode":
        return [[each["project_name"]] if each.get("project_name") else [] for each in documents(slug, seed)]
    if slug == "prime":
        return [each.get("labels", []) for each in documents(slug, seed)]
    return [
        [f"{name}: {text}" for name, text in each["metadata"].items() if isinstance(text, str)]
        for each in documents(slug, seed)
    ]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("slug", SLUGS)
def test_labels_projects_and_metadata_are_skewed(slug: str, seed: int) -> None:
    """Some values are common, some unique, some have unicode, spaces, and what a query must escape."""
    found = marks(slug, seed)
    counts = Counter(mark for each in found for mark in set(each))
    common = [mark for mark, count in counts.items() if count > len(found) / 10]
    unique = [mark for mark, count in counts.items() if count == 1]
    assert common
    assert unique
    assert len(counts) > 10
    texts = " ".join(mark.split(": ")[-1] if slug in ("instavm", "superserve") else mark for mark in counts)
    assert not texts.isascii()
    assert all(sign in texts for sign in "&=%")
    assert any(" " in mark.split(": ")[-1] for mark in counts)


@pytest.mark.parametrize("seed", SEEDS)
def test_metadata_of_instavm_is_json(seed: int) -> None:
    """InstaVM's metadata holds numbers, booleans, null, arrays and nested objects, so that containment has work."""
    kinds: set[str] = set()

    def walk(value: Any) -> None:
        kinds.add(type(value).__name__)
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(inner)

    for document in documents("instavm", seed):
        for value in document["metadata"].values():
            walk(value)
    assert kinds == {"str", "int", "float", "bool", "NoneType", "list", "dict"}
    flat = [each["metadata"] for each in documents("instavm", seed)]
    assert {1, "2", 2} <= {each.get("run") for each in flat}, "the same digits as number and as text"


@pytest.mark.parametrize("slug", SLUGS)
def test_old_ones_are_rarely_alive(slug: str) -> None:
    """The newest sandboxes are mostly alive and the oldest mostly not, as in real life."""
    kinds: dict[str, Callable[[Row], bool]] = {
        "dreadnode": lambda d: d["state"] == "running",
        "instavm": lambda d: d["status"] in ("active", "creating"),
        "prime": lambda d: d["status"] in ("RUNNING", "PENDING", "PROVISIONING"),
        "superserve": lambda d: d["status"] != "paused",
    }
    alive = kinds[slug]
    newest = sum(alive(each) for each in documents(slug)[:40])
    oldest = sum(alive(each) for each in documents(slug)[-40:])
    assert newest > 15
    assert newest > oldest


# Columns and pins.


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("slug", "field", "values"),
    [
        ("dreadnode", "state", {"running", "paused", "killed"}),
        ("dreadnode", "sandbox_kind", {"runtime", "task", "evaluation", "world"}),
        ("dreadnode", "pause_reason", {"timeout", "user", "insufficient_credits", "member_limit_exceeded", None}),
        ("instavm", "status", {"creating", "active", "suspended", "killed"}),
        ("prime", "status", {"PENDING", "PROVISIONING", "RUNNING", "PAUSED", "ERROR", "TERMINATED"}),
        ("superserve", "status", {"active", "paused", "resuming"}),
    ],
)
def test_small_worlds_have_everything_too(slug: str, field: str, values: set[str | None], seed: int) -> None:
    """Ten documents are enough to see every state: the first ones are pinned."""
    assert {each.get(field) for each in documents(slug, seed, 10)} == values


@pytest.mark.parametrize("slug", SLUGS)
def test_pins_are_what_the_recipe_lays_down(slug: str) -> None:
    """A pinned document has the values that its recipe sets, lacks those that it drops, and is no other document."""
    words = load_vocabularies()
    default = PROVIDERS[slug].default_tenant
    pins = fixture_of(slug, words).tenants[default].pins
    assert pins
    for size in (1, 3, 10, 1_000):
        found = documents(slug, 3, size)
        for ordinal, pin in pins.items():
            if ordinal >= len(found):
                continue
            document = found[ordinal]
            laid = {name: value for name, value in pin.draw.items() if name in document and name != "owner"} | pin.set
            assert laid.items() <= document.items()
            assert not pin.drop & set(document)
