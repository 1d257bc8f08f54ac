"""A tenant under any writes, at any instant, read by any question: always what a plain list of its documents says."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pyroaring import BitMap

from fakeserver.admin.part import Part
from fakeserver.documents.changes import Change, ChangeError, Clear, Put, Remove
from fakeserver.documents.collection import Collection
from fakeserver.documents.packing import Packed, Packing
from fakeserver.documents.seeded import OWNER
from fakeserver.instants import at, instant
from fakeserver.listing.filters import AnyOf, Containing, Equal, Excluding, Filter, Pairs, Within
from fakeserver.listing.listing import Facets
from fakeserver.listing.scope import Scope
from fakeserver.listing.select import count, find, select
from tests.support.asgi import EPOCH, SLUGS, Row
from tests.support.listing import filters_of
from tests.support.soak import examples
from tests.support.tenant import Tenant, ordinal_of, server, untouched

SIZE = 40
HOUR = 3_600 * 1_000_000
INSTANTS = (0, HOUR // 6, HOUR, 30 * HOUR, 24 * 30 * HOUR)
PAGE = 7
Wish = tuple[int, int]
"""Which of the questions, and with which of its values."""


def values_for(kind: Filter, documents: list[Row]) -> list[Any]:
    """Values worth asking a filter for: some that occur, and one that does not."""
    known = [document.get(kind.field) for document in documents]
    if isinstance(kind, Excluding):
        return [True, False]
    if isinstance(kind, AnyOf):
        texts = sorted({text for text in known if isinstance(text, str)})
        return [(text,) for text in texts] + [tuple(texts[:2]), ("nobody",)]
    if isinstance(kind, Equal):
        return [*sorted({text for text in known if isinstance(text, str)})[:6], "nobody"]
    if isinstance(kind, Within):
        return [text[1:4].upper() for text in known[:6] if text] + ["%", "nobody"]
    if isinstance(kind, Containing):
        return [*[value for value in known if value][:4], {"steps": [{"ok": True}]}, {"nobody": 1}]
    if isinstance(kind, Pairs):
        return [*[tuple(value.items())[:1] for value in known if value][:4], (("nobody", "x"),)]
    return [*[tuple(value)[:2] for value in known if value][:4], ("nobody",)]


class Tenants(RuleBasedStateMachine):
    """Writes, time, copies and snapshots in any order, and readers in between."""

    slug: str

    @initialize()
    def begin(self) -> None:
        service = server(SIZE).services[self.slug]
        self.provider = service.provider
        self.collection = untouched(self.slug, SIZE)
        self.tenant = Tenant.of(self.provider, self.collection)
        self.born = 0
        self.views: list[tuple[Collection, list[bytes]]] = []
        self.place: Any = None
        kinds = [kind for route in service.routes for kind in filters_of(route.meaning)]
        documents = [document for document, _ in self.tenant.shown()]
        owners = sorted({owner for _, owner in self.tenant.shown()})
        self.questions: list[tuple[tuple[Filter, ...], dict[str, Any], str | None]] = [((), {}, owners[0])]
        for kind in dict.fromkeys(kinds):
            for value in values_for(kind, documents):
                self.questions.append(((kind,), {kind.parameter: value}, None))
                self.questions.append(((kind,), {kind.parameter: value}, owners[-1]))
        pairs = zip(self.questions[1::2], self.questions[-1:0:-2], strict=False)
        for (one, asked, _), (other, more, _) in pairs:
            if one != other:
                self.questions.append(((*one, *other), asked | more, None))
        self.facets = [route.meaning for route in service.routes if isinstance(route.meaning, Facets)]

    # What is done

    def document(self, chance: random.Random, created: int) -> Row:
        """A new document, created at an instant; its id may sort anywhere."""
        shown = self.tenant.shown()
        like = copy.deepcopy(chance.choice(shown)[0] if shown else untouched(self.slug, SIZE).document(2**31))
        self.born += 1
        old: str = like[self.provider.identity]
        like[self.provider.identity] = f"{chance.randrange(4096):03x}{self.born:04x}{old[7:]}"
        text: str = like[self.provider.created]
        like[self.provider.created] = at(created) if text.endswith("Z") else at(created).rstrip("Z")
        return like

    def when(self, chance: random.Random) -> int:
        """Now, or the instant of a document that is there, or next to it."""
        shown = self.tenant.shown()
        if not shown or chance.random() < 0.5:
            return EPOCH + self.tenant.at
        near = instant(chance.choice(shown)[0][self.provider.created])
        return near + chance.choice((0, 0, 1, -1, HOUR // 2))

    def change(self, chance: random.Random, *, fresh: bool = False) -> Change:
        """A change that can be made."""
        shown = self.tenant.shown()
        kind = chance.choice(("new", "new", "put", "put", "move", "remove"))
        if fresh or not shown or kind == "new":
            return Put(self.document(chance, self.when(chance)), chance.choice(shown)[1] if shown else "somebody")
        document, owner = chance.choice(shown)
        identity: str = document[self.provider.identity]
        ordinal = ordinal_of(self.collection, identity)
        if kind == "remove":
            return Remove(identity, ordinal)
        other = copy.deepcopy(chance.choice(shown)[0])
        kept = {self.provider.identity: identity}
        if kind == "put":
            kept[self.provider.created] = document[self.provider.created]
        return Put(other | kept, owner, ordinal)

    def write(self, changes: list[Change]) -> None:
        version = self.collection.version
        self.collection.apply(changes)
        self.tenant.apply(changes)
        assert self.collection.version == version + 1
        assert not self.collection.untouched

    @rule(seed=st.integers(0, 2**32))
    def change_one(self, seed: int) -> None:
        self.write([self.change(random.Random(seed))])

    @rule(seed=st.integers(0, 2**32), count=st.integers(2, 12))
    def create_in_one_instant(self, seed: int, count: int) -> None:
        chance = random.Random(seed)
        created = self.when(chance)
        for _ in range(count):
            self.write([Put(self.document(chance, created), "somebody")])

    @rule(seed=st.integers(0, 2**32), count=st.integers(2, 8))
    def change_many(self, seed: int, count: int) -> None:
        """As one; the same document may be changed twice."""
        chance = random.Random(seed)
        changes: list[Change] = []
        removed: set[str] = set()
        for _ in range(count):
            change = self.change(chance)
            assert not isinstance(change, Clear)
            identity = change.identity if isinstance(change, Remove) else change.document[self.provider.identity]
            if identity in removed:
                continue
            if isinstance(change, Remove):
                removed.add(identity)
            changes.append(change)
        self.write(changes)

    @rule(seed=st.integers(0, 2**32), count=st.integers(0, 30))
    def replace(self, seed: int, count: int) -> None:
        chance = random.Random(seed)
        if chance.random() < 0.3:
            self.write([Clear(), *(self.change(chance, fresh=True) for _ in range(count))])

    @rule(seed=st.integers(0, 2**32), bad=st.sampled_from(("gone", "ordinal", "dateless")))
    def change_badly(self, seed: int, bad: str) -> None:
        """One change of several cannot be made, so none is."""
        chance = random.Random(seed)
        wrong: dict[str, Change] = {
            "gone": Remove("nobody"),
            "ordinal": Put(self.document(chance, EPOCH), "somebody", 3),
            "dateless": Put({**self.document(chance, EPOCH), self.provider.created: "soon"}, "somebody"),
        }
        before = self.state()
        with pytest.raises(ChangeError) as error:
            self.collection.apply([self.change(chance, fresh=True), wrong[bad], Clear()])
        assert error.value.field == "1"
        assert self.state() == before

    @rule(aged=st.sampled_from(INSTANTS))
    def let_time_pass(self, aged: int) -> None:
        """Forth or back."""
        self.collection.advance_to(aged)
        self.tenant.at = aged

    @rule(stay=st.booleans())
    def take_a_copy(self, stay: bool) -> None:
        """Whichever of the two is changed from now on, the other one stays."""
        view = copy.copy(self.collection)
        if not stay:
            self.collection, view = view, self.collection
        self.views = [*self.views[-2:], (view, self.bodies())]

    @rule()
    def take_a_snapshot(self) -> None:
        """And go on with what it restores."""
        if self.collection.untouched:
            return
        dumped = json.loads(json.dumps(self.collection.dump()))
        order = [self.collection.order(rank) for rank in self.collection.everything]
        restored = untouched(self.slug, SIZE)
        restored.load(Part(dumped), lambda documents, part: None)
        restored.advance_to(self.tenant.at)
        assert restored.everything == self.collection.everything
        assert [restored.order(rank) for rank in restored.everything] == order
        assert restored.dump() == dumped
        self.collection = restored

    @rule(trusted=st.booleans())
    def keep_in_a_store(self, trusted: bool) -> None:
        """And go on with what that has, whether it is trusted in what it has worked out or not."""
        dumped, everything = self.collection.dump(), self.collection.everything
        packing = Packing()
        packed = Packed(packing.whole(self.collection.pack(packing)))
        restored = untouched(self.slug, SIZE)
        restored.unpack(packed.head, packed, trusted=trusted)
        assert restored.dump() == dumped
        restored.advance_to(self.tenant.at)
        assert restored.everything == everything
        self.collection = restored

    @rule(seed=st.integers(0, 2**32), count=st.integers(1, 8))
    def write_unseen(self, seed: int, count: int) -> None:
        """Nobody looks before all of it is written."""
        chance = random.Random(seed)
        self.collection.gather()
        for _ in range(count):
            self.write([self.change(chance)])
            if chance.random() < 0.05:
                self.write([Clear(), self.change(chance, fresh=True)])
        self.collection.finish()

    # What is read

    @rule(number=st.integers(0, 2**16))
    def ask(self, number: int) -> None:
        """A question, first asked now or before any of the changes."""
        filters, asked, owner = self.questions[number % len(self.questions)]
        found = find(number % len(self.questions), filters, self.collection, Scope("t", owner), asked)
        tests = [kind.predicate(asked[kind.parameter]) for kind in filters]
        expected = [
            document
            for document, whose in self.tenant.shown()
            if (owner is None or whose == owner) and all(holds(document) for holds in tests)
        ]
        assert [self.collection.document(rank) for rank in found] == expected
        assert found == select(filters, self.collection, Scope("t", owner), asked)

    @precondition(lambda self: self.slug == "dreadnode")
    @rule(number=st.integers(0, 2**16))
    def facet(self, number: int) -> None:
        (meaning,) = self.facets
        filters, asked, owner = self.questions[number % len(self.questions)]
        question = number % len(self.questions)
        found = find(question, filters, self.collection, Scope("t", owner), asked)
        counted = json.loads(count(question, meaning.facets, found, self.collection))
        for name, facet in meaning.facets.items():
            fields = [self.collection.document(rank).get(facet.field) for rank in found]
            counts = sorted((fields.count(value) for value in {*fields} - {None}), reverse=True)
            assert [bucket["count"] for bucket in counted[name]] == counts

    @rule(restart=st.booleans())
    def turn_the_page(self, restart: bool) -> None:
        """By the place of the last row and the rank that it had, as a cursor does."""
        places = [self.tenant.place(document) for document, _ in self.tenant.shown()]
        everything = self.collection.everything
        if restart or self.place is None:
            ranks, expected = list(everything)[:PAGE], places[:PAGE]
        else:
            start = self.collection.after(*self.place)
            ranks = list(everything.iter_equal_or_larger(start))[:PAGE]
            expected = [place for place in places if place > self.place[0]][:PAGE]
        assert [self.collection.order(rank) for rank in ranks] == expected
        self.place = (expected[-1], ranks[-1]) if ranks else None

    def bodies(self) -> list[bytes]:
        ranks = list(self.collection.everything)
        half = len(ranks) // 2
        return [*self.collection.bodies(ranks[:half]), *self.collection.bodies(ranks[half:])]

    def state(self) -> Any:
        collection = self.collection
        return collection.version, list(collection.everything), self.bodies(), json.dumps(collection.dump())

    @invariant()
    def shows_what_the_list_has(self) -> None:
        if not hasattr(self, "tenant"):
            return
        collection, shown = self.collection, self.tenant.shown()
        assert list(collection.documents()) == [document for document, _ in shown]
        assert [json.loads(body) for body in self.bodies()] == [document for document, _ in shown]
        assert [collection.owner(rank) for rank in collection.everything] == [owner for _, owner in shown]
        assert len(collection) == len(shown)
        created = self.provider.created
        assert [collection.value(rank, created) for rank in collection.everything] == [
            document[created] for document, _ in shown
        ]

    @invariant()
    def files_what_it_shows(self) -> None:
        """Every posting of every field that was looked up, and of those that will be."""
        if not hasattr(self, "tenant"):
            return
        kinds = {kind.field: kind for filters, _, _ in self.questions for kind in filters}
        for name, kind in [*kinds.items(), (OWNER, Equal("o", field=OWNER))]:
            expected: dict[Any, list[int]] = {}
            for rank in self.collection.everything:
                document = self.collection.document(rank)
                value = self.collection.owner(rank) if name == OWNER else document.get(name)
                for key in kind.keys(value):
                    expected.setdefault(key, []).append(rank)
            filed = self.collection.postings(name, kind.keys)
            assert {key: list(ranks) for key, ranks in filed.items() if ranks} == expected

    @invariant()
    def leaves_views_alone(self) -> None:
        for view, bodies in getattr(self, "views", ()):
            assert view.bodies(list(view.everything)) == bodies


@given(st.randoms(use_true_random=False), st.lists(st.sampled_from(("create", "remove", "keep", "fork")), max_size=12))
def test_ranks_that_were_handed_out_stay(chance: random.Random, steps: list[str]) -> None:
    """The ranks of a collection are changed in place by its writes: those that somebody holds are not, nor those of a
    copy, nor the seeded ones that all worlds share."""
    collection = untouched("prime", SIZE)
    source = list(collection.everything)
    held: list[tuple[BitMap, list[int]]] = [(collection.everything, source)]
    copies: list[tuple[Collection, list[int]]] = []
    for step in steps:
        if step == "create":
            newest = collection.document(collection.everything[0])
            collection.add(
                {**newest, server(SIZE).services["prime"].provider.identity: f"{chance.getrandbits(64):016x}"}, "nobody"
            )
        elif step == "remove":
            collection.remove(BitMap([chance.choice(list(collection.everything))]))
        elif step == "keep":
            held += [(ranks, list(ranks)) for ranks in (collection.everything, select((), collection, Scope("t"), {}))]
        else:
            copies.append((copy.copy(collection), list(collection.everything)))
            if chance.random() < 0.5:
                collection, copies[-1] = copies[-1][0], (collection, list(collection.everything))
        assert all(list(ranks) == before for ranks, before in held)
        assert all(list(each.everything) == before for each, before in copies)
    assert list(untouched("prime", SIZE).everything) == source


def machine(slug: str) -> Any:
    case: Any = type(f"Tenants_{slug}", (Tenants,), {"slug": slug}).TestCase  # type: ignore[attr-defined]
    case.settings = settings(
        max_examples=examples(20), stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
    )
    return case


TestDreadnode, TestInstavm, TestPrime, TestSuperserve = map(machine, SLUGS)
