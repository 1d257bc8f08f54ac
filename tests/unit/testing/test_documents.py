"""Documents in tests: a view that nothing changes in silence, and a builder that fills what a document needs."""

from __future__ import annotations

import copy
import json
import pickle
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from operator import delitem, setitem
from typing import Any, get_args

import pytest

from fakeserver.faults.scripts import CONNECTION_FAULTS
from fakeserver.instants import instant
from fakeserver.pipeline.service import Service
from fakeserver.recipes import fixture
from fakeserver.serving.app import Settings, create_app
from fakeserver.spec import reader
from fakeserver.testing import AdminError, FaultName, ProviderHandle, Server, World, running
from tests.support.asgi import EPOCH, ROOT, SLUGS

pytestmark = pytest.mark.slow

TOMORROW = datetime(2026, 1, 19, tzinfo=UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running(Settings(size=30, epoch=EPOCH)) as served:
        yield served


@pytest.fixture
def world(server: Server) -> Iterator[World]:
    with server.world() as made:
        yield made


def built(server: Server, slug: str, count: int) -> list[dict[str, Any]]:
    with server.world() as world:
        return [world.provider(slug).build() for _ in range(count)]


# The builder


@pytest.mark.parametrize("slug", SLUGS)
def test_a_document_is_filled(server: Server, world: World, slug: str) -> None:
    """Documents that are built are valid, are new, have ids of their own, and are the same in every run."""
    handle, provider = world.provider(slug), server.app.services[slug].provider
    before = list(handle.documents)
    many = [handle.documents.add() for _ in range(25)]
    assert many == built(server, slug, 25)
    assert all(row in handle.documents for row in many)
    assert len({row[provider.identity] for row in (*before, *many)}) == len(before) + 25
    now = instant(world.clock.now)
    assert all(0 <= now - instant(row[provider.created]) < 600 * 10**6 for row in many)


def test_what_is_given_decides_the_rest(world: World) -> None:
    """A field that the recipe has a column for is drawn with; whatever else is given stands over the draw."""
    paused = [world.dreadnode.documents.add(state="paused", build_ref="mine") for _ in range(5)]
    assert all(row["pause_reason"] and row["build_ref"] == "mine" and row["stopped_at"] for row in paused)
    running = world.dreadnode.documents.add(state="running")
    assert (running["pause_reason"], running["stopped_at"], running["killed_at"]) == (None, None, None)
    one = world.prime.documents.add({"name": "x"}, status="RUNNING")
    assert (one["name"], one["status"], one["terminatedAt"]) == ("x", "RUNNING", None)
    assert world.prime.documents_of("research").add()["teamId"] == "research"


def test_dates_and_durations(world: World) -> None:
    """Each as the provider writes it; the dates around a creation that is given follow from it."""
    one = world.prime.documents.add(
        createdAt=datetime(2025, 6, 1, tzinfo=UTC), status="TERMINATED", timeoutMinutes=timedelta(hours=2)
    )
    assert (one["createdAt"], one["timeoutMinutes"]) == ("2025-06-01T00:00:00.000000Z", 120)
    assert one["createdAt"] <= one["terminatedAt"] < "2025-07-01"
    assert world.instavm.documents.add(started_at=TOMORROW)["started_at"] == "2026-01-19T00:00:00"
    world.clock.set(TOMORROW)
    assert world.clock.now >= "2026-01-19T00:00:00"
    assert instant(world.prime.documents.add()["createdAt"]) > instant("2026-01-18T23:50:00Z")
    before = instant(world.clock.freeze(TOMORROW + timedelta(hours=1))["now"])
    assert instant(world.clock.advance(timedelta(days=1, seconds=1.5))["now"]) - before == 86_401_500_000
    with pytest.raises(ValueError, match="has no time zone"):
        world.clock.set(datetime(2026, 1, 19))
    fault = world.prime.fault(
        delay_ms=timedelta(seconds=0.25),
        chunkedDribbleDelay={"numberOfChunks": 2, "totalDuration": timedelta(seconds=1)},
    )
    assert (fault["delay_ms"], fault["chunkedDribbleDelay"]["totalDuration"]) == (250, 1000)


@pytest.mark.parametrize("slug", SLUGS)
def test_what_is_created_now_has_not_begun_later(server: Server, world: World, slug: str) -> None:
    """A document of this instant is as far as the world is: no start lies ahead of its clock, and only ends do."""
    created = server.app.services[slug].provider.created
    now = instant(world.clock.freeze(TOMORROW)["now"])
    rows = [world.provider(slug).documents.add({created: TOMORROW}) for _ in range(25)]
    ahead = {name for row in rows for name, text in row.items() if "T00" in str(text) and instant(text) > now}
    assert ahead <= {"expires_at", "end_at"}
    assert all(instant(row[created]) == now for row in rows)


@pytest.mark.parametrize(
    ("slug", "field", "duration", "sentence"),
    [
        ("prime", "timeoutMinutes", timedelta(seconds=90), "is 1.5 minutes, and the field takes whole minutes"),
        ("prime", "idleTimeoutMinutes", timedelta(seconds=15), "is 0.25 minutes, and the field takes whole minutes"),
        (
            "superserve",
            "timeout_seconds",
            timedelta(milliseconds=1),
            "is 0.001 seconds, and the field takes whole seconds",
        ),
    ],
)
def test_a_duration_that_is_not_whole_says_what_is_taken(
    world: World, slug: str, field: str, duration: timedelta, sentence: str
) -> None:
    """However it gets there: added, built, changed, or one of many that replace all."""
    documents = world.provider(slug).documents
    row = documents.add()
    told = re.escape(f"{field}: {duration!r} {sentence}")
    with pytest.raises(ValueError, match=f"^{told}$"):
        documents.add({field: duration})
    with pytest.raises(ValueError, match=f"^{told}$"):
        documents.build({field: duration})
    with pytest.raises(ValueError, match=f"^{told}$"):
        documents.update(row[documents._builder.identity], **{field: duration})
    with pytest.raises(ValueError, match=rf"^document 1\.{told}$"):
        documents.replace([row, {**row, field: duration}])
    assert documents.add({field: timedelta(minutes=2)})[field] in (2, 120)


def test_values_outside_of_the_vocabulary_reach_the_spec(world: World) -> None:
    """A value that no recipe would draw is refused by the spec, with every issue and its place."""
    with pytest.raises(AdminError) as refused:
        world.dreadnode.documents.add(state="asleep", provider=7, created_at="yesterday")
    said = str(refused.value)
    assert said.splitlines()[0] == "3 things are wrong"
    assert all(f"\n  document 0, {field}: " in said for field in ("state", "provider", "created_at"))
    assert refused.value.status == 422
    assert {issue["field"] for issue in refused.value.issues} == {"state", "provider", "created_at"}


def test_unknown_fields_and_ids_that_are_taken(world: World) -> None:
    with pytest.raises(TypeError, match=r"no document of prime has a field 'nmae'; did you mean 'name'\?"):
        world.prime.documents.add(nmae="x")
    one = world.prime.documents.add()
    with pytest.raises(AdminError, match="document 0: id is that of a document that is there"):
        world.prime.documents.add(id=one["id"])


def test_a_provider_of_another_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The builder knows no provider: it draws from any recipe."""
    monkeypatch.syspath_prepend(ROOT / "examples" / "provider-e2b")
    from provider_e2b import PROVIDER

    contract = reader.load(PROVIDER.spec, PROVIDER.operations)
    service = Service(PROVIDER, contract, fixture.load(PROVIDER, contract, fixture.load_vocabularies()))
    monkeypatch.setattr("fakeserver.testing.server.create_app", lambda settings: create_app(settings, {"e2b": service}))
    with running(Settings(size=10, only=("e2b",))) as served, served.world() as world:
        e2b = world.provider("e2b")
        one = e2b.documents.add(alias="mine", state="paused", startedAt=TOMORROW, metadata={"a": "b"})
        assert (one["alias"], one["state"], one["metadata"], one["startedAt"]) == (
            "mine", "paused", {"a": "b"}, "2026-01-19T00:00:00.000000Z",
        )  # fmt: skip
        assert one in e2b.documents
        assert e2b.documents.update(one["sandboxID"], alias="other")["alias"] == "other"
        assert len(e2b.documents) == 11


# Changes


def test_update_by_id_and_by_predicate(world: World) -> None:
    """What is changed keeps everything else, and whoever owned it still does."""
    prime = world.prime
    view = prime.documents
    one = view[3]
    assert prime.documents.update(one["id"], name="new") == {**one, "name": "new"}
    assert next(row for row in prime.documents if row["id"] == one["id"])["name"] == "new"
    running = [row["id"] for row in prime.documents if row["status"] == "RUNNING"]
    changed = prime.documents.update(lambda row: row["status"] == "RUNNING", labels=["seen"])
    assert running
    assert [row["id"] for row in changed] == [row["id"] for row in prime.documents if row.get("labels") == ["seen"]]
    assert prime.documents.update(lambda row: False, name="nobody") == []
    assert view[3]["name"] == one["name"]
    assert view.update(one["id"], name="newest") in view
    with pytest.raises(LookupError, match="prime main has no document with the id 'nobody'"):
        view.update("nobody", name="x")
    with pytest.raises(TypeError, match="id tells documents apart"):
        view.update(one["id"], id="other")
    with pytest.raises(AdminError, match="2 things are wrong"):
        view.update(one["id"], status="ASLEEP", cpuCores="many")


FORBIDDEN: list[tuple[Callable[[ProviderHandle], Any], type[Exception]]] = [
    (lambda prime: prime.documents.append({}), AttributeError),  # type: ignore[attr-defined]
    (lambda prime: prime.documents.clear(), AttributeError),  # type: ignore[attr-defined]
    (lambda prime: setitem(prime.documents, 0, {}), TypeError),  # type: ignore[call-overload]
    (lambda prime: delitem(prime.documents, 0), TypeError),  # type: ignore[call-overload]
    (lambda prime: prime.documents[0].update(name="x"), TypeError),
    (lambda prime: prime.documents[0].__setitem__("name", "x"), TypeError),
    (lambda prime: prime.documents[0]["labels"].append("x"), TypeError),
]


@pytest.mark.parametrize("number", range(len(FORBIDDEN)))
def test_nothing_is_changed_in_silence(world: World, number: int) -> None:
    """What would have changed nothing but a copy says what does."""
    change, error = FORBIDDEN[number]
    before = list(world.prime.documents)
    with pytest.raises(error, match=r"add\(…\) adds one, update\(…\) changes some, and assigning a list"):
        change(world.prime)
    assert world.prime.documents == before
    assert not hasattr(world.prime.documents, "surprise")


def test_it_is_a_sequence(world: World) -> None:
    """Everything that reads a list works; copies can be changed; what is assigned replaces."""
    prime = world.prime
    rows = list(prime.documents)
    assert prime.documents == rows
    assert prime.documents != rows[1:]
    assert prime.documents[:2] == rows[:2]
    assert rows[0] in prime.documents
    assert repr(prime.documents) == repr(rows)
    assert json.loads(json.dumps(rows)) == rows
    for other in (copy.deepcopy(rows[0]), pickle.loads(pickle.dumps(rows[0])), copy.copy(rows[0]), rows[0].copy()):
        assert other == rows[0]
        other["name"] = "changed"
    deep = copy.deepcopy(rows[0])
    deep["labels"].append("mine")
    prime.documents = [deep, *rows[1:3]]
    assert prime.documents[0]["labels"] == [*rows[0]["labels"], "mine"]
    prime.documents += [prime.build(name="more")]
    assert {"more", *(row["name"] for row in rows[:3])} == {row["name"] for row in prime.documents}


# Faults


def test_the_faults_are_those_that_the_server_knows() -> None:
    assert get_args(FaultName) == CONNECTION_FAULTS
