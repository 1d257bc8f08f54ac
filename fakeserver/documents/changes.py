"""Changes: what a write does to a tenant's documents, as values that a log can keep."""

from __future__ import annotations

from dataclasses import dataclass

from fakeserver.problems import Document, Json


class ChangeError(ValueError):
    """A change that cannot be made, or a value that is not one. `field` says where in a value the fault is."""

    def __init__(self, detail: str, field: str = "") -> None:
        super().__init__(f"{field}: {detail}" if field else detail)
        self.detail = detail
        self.field = field


class TakenError(ChangeError):
    """A document that must be new has the id of one that is there."""


class FullError(ChangeError):
    """No more documents may be written in a world."""


# Nobody changes one: every write makes some, and `frozen` would make that twice as dear.
@dataclass(slots=True)
class Put:
    """The document as it is from now on, in the place of the one that has its id; a new one if there is none.

    A stored document is found by its id. One that nobody changed since it was seeded is found by its `ordinal` alone,
    since the ids of a million drawn documents stand nowhere; without it, the id must be new among those.
    """

    document: Document
    owner: str
    ordinal: int | None = None
    kept: Document | None = None
    """What the server keeps of a document beside it. One of which something is kept lives by the running clock; any
    other is as it was put until the clock is moved."""
    fresh: bool = False
    """Whether it must be a new one, so that nothing is lost where its id has been given out before."""


@dataclass(frozen=True, slots=True)
class Remove:
    """The document with this id is gone; `ordinal` is as in `Put`."""

    identity: str
    ordinal: int | None = None


@dataclass(frozen=True, slots=True)
class Clear:
    """Every document is gone, the seeded ones too."""


Change = Put | Remove | Clear


def dump(change: Change) -> Document:
    """The change as a JSON value that `load` reads."""
    if isinstance(change, Clear):
        return {"change": "clear"}
    place = {} if change.ordinal is None else {"ordinal": change.ordinal}
    if isinstance(change, Put):
        kept = {} if change.kept is None else {"kept": change.kept}
        return {"change": "put", "document": change.document, "owner": change.owner, **place, **kept}
    return {"change": "remove", "identity": change.identity, **place}


MEMBERS = {"clear": frozenset(), "put": frozenset({"document", "owner"}), "remove": frozenset({"identity"})}
OPTIONAL = {"clear": frozenset[str](), "put": frozenset({"ordinal", "kept"}), "remove": frozenset({"ordinal"})}


def load(value: Json) -> Change:
    """The change that `dump` wrote, or a `ChangeError` that names what is wrong with the value."""
    if not isinstance(value, dict):
        raise ChangeError("must be an object")
    kind = value.get("change")
    members = MEMBERS.get(kind) if isinstance(kind, str) else None
    if members is None:
        raise ChangeError(f"must be one of {', '.join(MEMBERS)}", "change")
    for name in sorted(members - value.keys()):
        raise ChangeError("is missing", name)
    for name in value.keys() - members - {"change"} - OPTIONAL[str(kind)]:
        raise ChangeError("is not a member of this change", str(name))
    ordinal = value.get("ordinal")
    if ordinal is not None and (not isinstance(ordinal, int) or isinstance(ordinal, bool) or ordinal < 0):
        raise ChangeError("must be an integer from 0", "ordinal")
    for name in members - {"document"}:
        if not isinstance(value[name], str):
            raise ChangeError("must be a string", name)
    if kind == "clear":
        return Clear()
    if kind == "remove":
        return Remove(value["identity"], ordinal)
    if not isinstance(value["document"], dict):
        raise ChangeError("must be an object", "document")
    kept = value.get("kept")
    if kept is not None and not isinstance(kept, dict):
        raise ChangeError("must be an object", "kept")
    return Put(value["document"], value["owner"], ordinal, kept)
