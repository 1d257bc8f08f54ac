"""Documents of other kinds than a provider's sandboxes, such as templates or snapshots."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from fakeserver.documents.states import Life, Machine
from fakeserver.problems import Document, Json
from fakeserver.spec.credentials import Caller


@dataclass(frozen=True, slots=True)
class Ground:
    """What the documents are made from that a world begins with: for a tenant, with dates counted from `epoch`
    (microseconds since 1970), with draws by `key`, by a recipe's vocabularies and callers."""

    tenant: str
    epoch: int
    key: bytes
    words: Mapping[str, list[Json]]
    callers: tuple[Caller, ...]


def nothing(ground: Ground) -> Iterable[tuple[Document, str]]:
    return ()


def nobody(life: Life) -> str:
    """The id of nothing that has files."""
    return ""


@dataclass(frozen=True, slots=True)
class Kind:
    """What orders such documents (`created` may be empty) and names them, how they live, which of the spec's
    `components.schemas` says what they look like, and those that a tenant begins with, each with its owner. `files`
    names what has the files that somebody looks for by the id of one: a sandbox, itself, or nobody."""

    created: str
    identity: str
    machine: Machine | None = None
    schema: str = ""
    seed: Callable[[Ground], Iterable[tuple[Document, str]]] = nothing
    files: Callable[[Life], str] = nobody
