"""What a list of changes comes to, worked out before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from fakeserver.documents.changes import Change, ChangeError, Clear, Put, Remove, TakenError
from fakeserver.documents.order import OrderKey
from fakeserver.documents.overlay import Overlay
from fakeserver.documents.seeded import FIRST, encode
from fakeserver.documents.stored import Stored
from fakeserver.problems import Document

MAX_SHOWN = 64
"""How much of an unknown id an error message repeats."""


@dataclass(slots=True)
class Effects:
    """Whether every document of before is gone, and by id: the rank of the document that is there, if there is one,
    and the document that is stored, if it is not just removed."""

    cleared: bool = False
    documents: dict[str, tuple[int | None, Stored | None]] = field(default_factory=dict)

    @property
    def more(self) -> int:
        """How many documents there will be that were not there."""
        return sum(rank is None and stored is not None for rank, stored in self.documents.values())

    @property
    def stored(self) -> list[Stored]:
        return [stored for _, stored in self.documents.values() if stored is not None]


def effects_of(changes: Iterable[Change], overlay: Overlay, at: int) -> Effects:
    """The effects of changes that are made `at` microseconds after the epoch, or a `ChangeError` that
    names the number of the first that cannot be made."""
    effects = Effects()
    documents = effects.documents
    for number, change in enumerate(changes):
        if isinstance(change, Clear):
            effects = Effects(cleared=True)
            documents = effects.documents
            continue
        stored = None
        if isinstance(change, Remove):
            identity = change.identity
        else:
            place, body = _encode(change.document, overlay, number)
            identity, stored = place[1], Stored(change.document, change.owner, at, place, body, change.kept)
        if identity in documents:
            # It is not there any more after a change that took it away.
            rank, there = documents[identity]
            exists = there is not None
        else:
            rank = None if effects.cleared else overlay.find(identity, change.ordinal)
            exists = rank is not None
        if exists and isinstance(change, Put) and change.fresh:
            raise TakenError(f"there is a document {identity[:MAX_SHOWN]!r}", str(number))
        if not exists and (stored is None or change.ordinal is not None):
            raise ChangeError(f"there is no document {identity[:MAX_SHOWN]!r}", str(number))
        documents[identity] = rank, stored
    if not effects.cleared and not overlay.has_room(len(effects.stored)):
        raise ChangeError("no ranks are left between the seeded documents")
    return effects


def carried(overlay: Overlay, before: Overlay, refuse: Callable[[Document], str | None]) -> tuple[Effects, list[str]]:
    """What makes an overlay of another recipe have what one of the same seed stored and removed, as far as it fits;
    and for what does not, its id and the reason that `refuse` has."""
    effects, refused = Effects(cleared=before.source is None), []
    for rank in before.hidden:
        identity = before.seeded.place(rank - FIRST)[1]
        same = overlay.find(identity, rank - FIRST)
        if same is not None:
            effects.documents[identity] = same, None
    for stored in before.stored.values():
        reason = refuse(stored.document)
        if reason is not None:
            refused.append(f"{stored.place[1]}: {reason}")
            continue
        place = overlay.order(stored.document)
        same, _ = effects.documents.get(place[1], (None, None))
        effects.documents[place[1]] = same, stored.at(place)
    return effects, refused


def _encode(document: Document, overlay: Overlay, number: int) -> tuple[OrderKey, bytes]:
    """A document's place in the order and its body; one that cannot have them is found before anything is changed."""
    try:
        return overlay.order(document), encode(document)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ChangeError(f"the document cannot be listed ({error!r})", str(number)) from error
