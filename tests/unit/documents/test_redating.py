"""Documents at another epoch: the same but for their dates, however those are written."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from fakeserver.documents.draws import Column, Draw
from fakeserver.documents.keys import itself
from fakeserver.documents.order import newest_first
from fakeserver.documents.redating import find_dates, may_be_dated, redate
from fakeserver.documents.seeded import FIRST, Pin, Seeded
from fakeserver.instants import SECOND, at, naive
from tests.support.asgi import EPOCH

SIZE = 12
OTHER = EPOCH + 987_654 * SECOND


def trimmed(instant: int) -> str:
    return at(instant).rstrip("0Z").rstrip(".") + "Z"


def make(draw: Draw) -> dict[str, Any]:
    now, created = draw.epoch, draw.created
    document: dict[str, Any] = {
        "id": draw.identity(lambda each: each.uuid("id")),
        "created": at(created),
        "naive": naive(created + SECOND),
        "trimmed": trimmed(created - created % 100_000),
        "spaced": naive(now).replace("T", " "),
        "nested": {"dates": [at(now), None, naive(created)]},
        "released": "2020-02-29T23:59:59Z",
        "day": naive(created)[:10] if draw.ordinal % 3 == 0 else None,
        "state": draw.column("state"),
    }
    if draw.ordinal % 4 == 0:
        document["stamp"] = now // SECOND
    return document


def source(epoch: int = EPOCH) -> Seeded:
    owner = Column("owner", ("somebody",), (0,), (bytes(256),), frozenset())
    state = Column("state", ("a", "b"), (0,), (bytes([0, 1] * 128),), frozenset())
    pins = {1: Pin(set={"naive": "2021-01-01T00:00:00", "more": at(EPOCH)}), 2: Pin(drop=frozenset({"nested"}))}
    return Seeded(
        make,
        newest_first("created", "id"),
        key=b"k",
        epoch=epoch,
        size=SIZE,
        columns={"owner": owner, "state": state},
        vocabularies={},
        pins=pins,
    )


def make_id(draw: Draw) -> str:
    """Some ids begin with their instant."""
    return f"{draw.created // SECOND}-{draw.letters('id', 20)}"


def test_ids_that_hold_an_instant_are_those_of_their_epoch() -> None:
    """Whoever reads them first, at whichever epoch."""

    def seeded(epoch: int) -> Seeded:
        def make(draw: Draw) -> dict[str, Any]:
            return {"id": draw.identity(make_id), "created": at(draw.created)}

        order = newest_first("created", "id")
        return Seeded(make, order, key=b"k", epoch=epoch, size=200, columns={}, vocabularies={}, pins={})

    origin, expected = seeded(EPOCH), [seeded(OTHER).document(ordinal) for ordinal in range(200)]
    other = origin.dated(OTHER)
    found = []
    for ordinal in range(200):
        origin.document(ordinal)
        found.append(other.document(ordinal))
    assert found == expected


def test_who_reads_a_document_again_does_not_draw_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is read of it: it is drawn once, and once more to find its dates for other epochs."""
    drawn: list[int] = []

    def counted(draw: Draw) -> dict[str, Any]:
        drawn.append(draw.ordinal)
        return make(draw)

    monkeypatch.setattr(origin := source(), "_make", counted)
    for seeded in (origin, origin.dated(OTHER)):
        for _ in range(2):
            assert seeded.document(5)["id"] == seeded.place(5)[1]
            assert orjson.loads(seeded.body(FIRST + 5)) == seeded.document(5)
    assert drawn == [5, 5]


def test_what_is_read_once_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """At whatever epoch: its dates are found when somebody reads it at another one as well."""
    drawn: list[int] = []

    def counted(draw: Draw) -> dict[str, Any]:
        drawn.append(draw.ordinal)
        return make(draw)

    monkeypatch.setattr(origin := source(), "_make", counted)
    for days in range(1, 5):
        origin.dated(EPOCH + days * 86_400 * SECOND).bodies([FIRST + 5, FIRST + 7])
        assert len(drawn) == (2 if days == 1 else 6)


def look(seeded: Seeded) -> list[Any]:
    ranks = list(seeded.ranks)
    filed = [
        {key: list(found) for key, found in seeded.postings(field, itself).items() if found}
        for field in ("created", "naive", "stamp", "state", "day", "released", "id")
    ]
    return [
        *([seeded.document(ordinal) for ordinal in range(SIZE)], seeded.bodies(ranks), seeded.bodies(ranks)),
        *([seeded.document(ordinal) for ordinal in range(SIZE)], list(map(seeded.place, range(SIZE))), filed),
        [seeded.value(ordinal, field) for ordinal in range(SIZE) for field in ("state", "created", "more")],
    ]


def test_documents_at_another_epoch_are_those_that_are_drawn_at_it() -> None:
    """Whichever was read first; dates that are said by a pin or by the provider stay, and numbers of seconds move."""
    expected = look(source(OTHER))
    shared = source()
    assert look(shared.dated(OTHER)) == expected
    assert look(shared) == look(source())
    assert look(shared.dated(OTHER)) == expected
    assert look(shared.dated(OTHER).dated(EPOCH)) == look(source())
    assert look(shared.dated(EPOCH - 5 * SECOND)) == look(source(EPOCH - 5 * SECOND))


def test_the_own_epoch_is_no_other() -> None:
    shared = source()
    assert shared.dated(EPOCH) is shared is shared.dated(OTHER).dated(EPOCH)


@pytest.mark.parametrize(
    ("body", "other"),
    [
        ({"a": 1}, {"a": 12}),
        ({"a": 1}, {"a": 2}),
        ({"a": "2026-01-01"}, {"a": "2026-01-02"}),
        ({"a": "2026-01-01T00:00:00.5"}, {"a": "2026-01-01T00:00:01.6"}),
        ({"a": "2026-01-01T00:00:00"}, {"a": "2026-01-01T00:00:02"}),
        ({"a": "2026-99-01T00:00:00"}, {"a": "2026-99-01T00:00:01"}),
        ({"a": "9999-12-31T23:59:59"}, {"a": "9999-12-31T23:59:58"}),
    ],
)
def test_what_does_not_move_like_a_date_is_not_taken_for_one(body: Any, other: Any) -> None:
    assert find_dates(orjson.dumps(body), orjson.dumps(other), 1) is None


def test_dates_move_and_nothing_else() -> None:
    body, other = (
        {"a": text, "b": "1999-12-31 23:59:59"} for text in ("2026-12-31T23:59:58.25", "2027-01-01T00:00:03.25")
    )
    places = find_dates(orjson.dumps(body), orjson.dumps(other), 5)
    assert places == (6,)
    assert orjson.loads(redate(orjson.dumps(body), places, -58)) == {**body, "a": "2026-12-31T23:59:00.25"}


def test_what_may_be_dated() -> None:
    dated = [
        at(EPOCH),
        naive(EPOCH),
        "2026-01-18",
        EPOCH,
        EPOCH / 1e6,
        [at(EPOCH)],
        {"a": {"b": naive(EPOCH)}},
        {at(EPOCH): 1},
    ]
    assert all(map(may_be_dated, dated))
    assert not any(map(may_be_dated, [None, True, 17, 1.5, "", "2026", "running", [], {}, ["x"], {"a": 1}]))
