"""Records: single documents as operations find, change and make them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

from fakeserver.documents.changes import Put, Remove
from fakeserver.documents.draws import VARIANTS
from fakeserver.documents.states import OUTCOME, SINCE, Fields, Life, Machine
from fakeserver.documents.tags import letters_of
from fakeserver.listing.meaning import View, Write
from fakeserver.problems import Document


# Nobody changes one, as with `Put`.
@dataclass(slots=True)
class Record:
    """A document of a tenant, with what the server keeps of it, and its owner. `ordinal` is that of a seeded one which
    nobody has changed; `kind` is its kind's name."""

    life: Life
    owner: str
    tenant: str
    identity: str
    ordinal: int | None = None
    kind: str = ""
    found: bool = False
    """Whether it is there; one that is not must get an id that nothing has."""

    @property
    def document(self) -> Document:
        return self.life.document

    @property
    def kept(self) -> Document:
        return self.life.kept

    def after(self, life: Life) -> Record:
        """The same document at another point of its life."""
        return Record(life, self.owner, self.tenant, self.identity, self.ordinal, self.kind, self.found)

    def put(self) -> Write:
        """The write that stores it as it is here."""
        put = Put(self.document, self.owner, self.ordinal, self.kept, fresh=not self.found)
        return Write(self.tenant, (put,), self.kind)

    def remove(self) -> Write:
        return Write(self.tenant, (Remove(self.identity, self.ordinal),), self.kind)


class Fired(NamedTuple):
    """What an event makes of a document: what the answer shows, and what everybody sees from then on. None: gone."""

    shown: Record | None
    stored: Record | None
    write: Write


def find_record(view: View, tenant: str, identity: str, kind: str = "", *, field: str | None = None) -> Record | None:
    """The document of a tenant that has this id, as of now; None if there is none. Another `field` may name documents
    as well, if `make` draws it by `draw.reference`."""
    collection = (view.kinds(kind) if kind else view.tenants)[tenant]
    rank = collection.locate(identity, field)
    life = None if rank is None else collection.life(rank, view.now - view.issuer.epoch)
    if rank is None or life is None:
        return None
    named, ordinal = collection.order(rank)[1], collection.ordinal(rank)
    return Record(life, collection.owner(rank), tenant, named, ordinal, kind, found=True)


def fire(record: Record, machine: Machine, event: str, view: View, given: Fields | None = None) -> Fired:
    """Let an event happen to a document, in the outcome that somebody wants, and let the passing states that follow
    end when the world's settings say so; or the Problem that it does not fit the document's state."""
    life = record.life
    if view.transitions == "immediate":
        # One that was seeded in a passing state may still be in it.
        life = machine.settle(life, view.now) or life
    moved = machine.fire(life, event, view.now, view.outcome, given)
    return follow(record, machine, moved, view)


def follow(record: Record, machine: Machine, moved: Life | None, view: View) -> Fired:
    """The same for a document that has just come into a state."""
    if moved is None:
        stored = None
    elif view.transitions == "immediate":
        stored = machine.at_once(moved, view.now)
    else:
        stored = machine.under(view.transitions, moved, view.now)
    shown = None if moved is None else record.after(moved)
    if stored is None:
        return Fired(shown, None, record.remove())
    kept = record.after(stored)
    return Fired(shown, kept, kept.put())


def begin(record: Record, machine: Machine, view: View) -> Fired:
    """The same for a document that was made just now: it lives by the running clock, in the outcome that somebody
    wants."""
    kept = {**record.kept, SINCE: view.now}
    if view.outcome:
        kept[OUTCOME] = view.outcome
    return follow(record, machine, Life(record.document, kept), view)


class Mint:
    """Texts for new documents: nobody can guess them, and the same requests in the same world come to the same ones.
    None is longer than a digest: 32 bytes. What is hashed begins with a secret of fixed length, and no digest of it is
    ever told whole."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed

    def _bytes(self, field: str, size: int) -> bytes:
        return hashlib.sha256(self._seed + field.encode()).digest()[:size]

    def uuid(self, field: str) -> str:
        # The standard library's type would do the same at three times the price.
        text = self._bytes(field, 16).hex()
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{VARIANTS[text[16]]}{text[17:20]}-{text[20:]}"

    def letters(self, field: str, count: int) -> str:
        """Lower-case letters and digits."""
        return letters_of(self._bytes(field, count))

    def hex(self, field: str, digits: int) -> str:
        return self._bytes(field, (digits + 1) // 2).hex()[:digits]

    def below(self, field: str, limit: int) -> int:
        return int.from_bytes(self._bytes(field, 8), "big") % limit


def mint(view: View, tenant: str, *parts: str) -> Mint:
    """The mint for the next document that is written for a tenant; `parts` tell apart what one request makes."""
    name = "\x1f".join((tenant, str(view.issuer.writes), str(view.now), str(view.attempt), *parts))
    return Mint(hashlib.sha256(view.issuer.secret + name.encode()).digest())
