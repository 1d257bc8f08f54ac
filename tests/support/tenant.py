"""A tenant's documents as a plain list: what a collection must show, whatever is done to it."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from fakeserver.documents.changes import Change, Clear, Remove
from fakeserver.documents.collection import Collection
from fakeserver.documents.order import OrderKey, newest_first
from fakeserver.provider import Provider
from fakeserver.serving.app import App
from tests.support.asgi import EPOCH, Row, app_of


class Kept(NamedTuple):
    """A document as somebody stored it, its owner, and how old the seeded ones were then."""

    document: Row
    owner: str
    stored_at: int


@cache
def server(size: int) -> App:
    return app_of(size=size)


def untouched(slug: str, size: int = 40) -> Collection:
    """The default tenant of a world that nobody has touched."""
    app = server(size)
    provider = app.services[slug].provider
    return app.world.seeded.collections(provider)[provider.default_tenant]


@dataclass
class Tenant:
    """The same tenant as a list; each thing is worked out in the plainest way from what was stored."""

    provider: Provider
    kept: dict[str, Kept] = field(default_factory=dict)
    at: int = 0

    @classmethod
    def of(cls, provider: Provider, collection: Collection) -> Tenant:
        """What an untouched collection has."""
        kept = (Kept(collection.document(rank), collection.owner(rank), 0) for rank in collection.everything)
        return cls(provider, {each.document[provider.identity]: each for each in kept})

    def place(self, document: Row) -> OrderKey:
        return newest_first(self.provider.created, self.provider.identity)(document)

    def apply(self, changes: Iterable[Change]) -> None:
        for change in changes:
            if isinstance(change, Clear):
                self.kept = {}
            elif isinstance(change, Remove):
                del self.kept[change.identity]
            else:
                identity = change.document[self.provider.identity]
                self.kept[identity] = Kept(copy.deepcopy(change.document), change.owner, self.at)

    def shown(self) -> list[tuple[Row, str]]:
        """Every document as it is by now, with its owner, newest first."""
        aged = ((self.aged(each), each.owner) for each in self.kept.values())
        present = [(document, owner) for document, owner in aged if document is not None]
        return sorted(present, key=lambda each: self.place(each[0]))

    def aged(self, each: Kept) -> Row | None:
        """One document as it is by now."""
        machine = self.provider.machine
        if machine is None or each.document.get(machine.field) not in machine.moving or each.stored_at >= self.at:
            return each.document
        return machine.age(copy.deepcopy(each.document), EPOCH + each.stored_at, EPOCH + self.at)


def ordinal_of(collection: Collection, identity: str) -> int | None:
    """The ordinal of the shown document with this id, if it is a seeded one that nobody has changed. What is shown may
    have to wait until somebody looks; where documents stand never does."""
    ranks = (rank for rank in collection._overlay.ranks if collection.order(rank)[1] == identity)
    return next((collection.ordinal(rank) for rank in ranks), None)
