"""What a provider makes of an operation: the protocol that listings, facets and a provider's own operations keep."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from fakeserver.commands.guest import Guest
from fakeserver.documents.changes import Change
from fakeserver.documents.collection import Collection
from fakeserver.listing.choices import Choice
from fakeserver.listing.kept_pages import KeptPages
from fakeserver.machine import time
from fakeserver.problems import Document, Json
from fakeserver.spec.bodies import MAX_BODY_BYTES
from fakeserver.spec.credentials import Caller
from fakeserver.spec.parameters import Values, ValuesCheck
from fakeserver.spec.reader import Operation


class Issuer(Protocol):
    """Whose cursors and ids they are (a world, by its name), and the instants that its documents are dated from and
    seen at, in microseconds since 1970."""

    @property
    def name(self) -> str: ...
    @property
    def secret(self) -> bytes: ...
    @property
    def epoch(self) -> int: ...
    @property
    def as_of(self) -> int: ...
    @property
    def writes(self) -> int:
        """How many writes its documents have seen."""
        ...


@dataclass(slots=True)
class Asked:
    """What a path, a query, a body and declared headers ask an operation for, all of it decoded; `question` is the same
    for everything that means the same (`Meaning.question`), `query` is the text as it came."""

    # Nobody changes it. Every request makes one, and `frozen` would make that five times as dear.
    values: Values
    question: bytes
    query: bytes = b""
    body: Json = field(default=None, repr=False)
    headers: Values = field(default_factory=dict, repr=False)


def no_kinds(name: str) -> Mapping[str, Collection]:
    """The documents of other kinds, where there are none."""
    raise KeyError(name)


def no_guest(identity: str) -> Guest:
    """A sandbox as a machine, where there are none."""
    raise KeyError(identity)


def wall_clock() -> int:
    """Microseconds since 1970, by the machine's own clock."""
    return time.time_ns() // 1_000


def no_base_url() -> str:
    """Where the provider answers, where nobody asked over HTTP."""
    return ""


@dataclass(slots=True)
class View:
    """What an operation is shown: who asks (nobody where it is public: then without a name), what every tenant of the
    provider owns as of `now` (microseconds since 1970), in whose world, and which choice is made of each of the
    provider's switches. An operation changes none of it."""

    caller: Caller
    tenants: Mapping[str, Collection]
    issuer: Issuer
    now: int
    switches: Mapping[str, Json] = field(default_factory=dict)
    transitions: str = "immediate"
    """When passing states end, one of `states.MODES`."""
    outcome: str = ""
    """How somebody wants the operation to turn out, one of its `outcomes`; empty where it is to succeed."""
    attempt: int = 0
    """How often the operation was asked before, and gave a new document an id that was taken."""
    kinds: Callable[[str], Mapping[str, Collection]] = no_kinds
    """What every tenant owns of another kind, by the kind's name."""
    words: Mapping[str, list[Json]] = field(default_factory=dict)
    """The vocabularies that its seeded documents are made from."""
    base_url: Callable[[], str] = no_base_url
    """Where the provider answers, as the client names it, for answers that say where else to go."""
    wall: Callable[[], int] = wall_clock
    """Microseconds since 1970 by the machine's clock, for instants that an SDK compares with its own; `now` is the
    world's, which somebody may have moved."""
    guest: Callable[[str], Guest] = no_guest
    """A sandbox as a machine, by its id."""
    caps: Mapping[str, int] = field(default_factory=dict)
    """How much of something a tenant may have, by the provider's names of it; what is absent has no cap."""
    scenario: bytes = b""
    """What the tenants are shown in instead of the world; cursors belong to it."""
    beyond: bool = False
    """Whether rows may be other than the spec says, so that no choice of what a page knows hides them."""
    page_rows: int | None = None
    """The most rows of a page, whatever it says of itself."""
    keys: Sequence[str] = field(default=(), repr=False)
    """The credentials that came where the operation's spec has them, for one that is asked for tokens of its own."""
    pages: KeptPages = field(default_factory=KeptPages, repr=False)


# Nobody changes one, as with `Put`.
@dataclass(slots=True)
class Write:
    """Changes of one tenant's documents of one kind. All writes of an operation are made as one."""

    tenant: str
    changes: tuple[Change, ...]
    kind: str = ""


Emit = Callable[[bytes | None], None]
"""Sends a piece of a body; None is the end of one that goes on behind its job."""


@dataclass(frozen=True, slots=True)
class Going:
    """What a streaming job returns whose body goes on behind it, until None is emitted; `leave` is called when nobody
    listens any longer."""

    leave: Callable[[], None]


def go_on() -> None:
    """What stops work that nobody can stop."""


@dataclass(frozen=True, slots=True)
class Job:
    """Work that would hold other requests up. `run` is called in a thread, where it changes no documents; what it
    returns goes to `finish`, whose result is the answer. Where the job `streams`, the answer has begun before, and its
    body is what `run` emits, and what is emitted behind a `Going`; what `finish` answers then is not sent, but its
    writes are made. The same goes for one in the `background`, which the answer does not wait for. `stop` ends the work
    early; it is called when the client leaves before the answer is there.

    Where a sandbox is busy in which it would work first of all, `run` breaks off, and is called again when that is
    free: what it does before that does not count."""

    run: Callable[[Emit], Any]
    finish: Callable[[Any], Result]
    streams: bool = False
    background: bool = False
    stop: Callable[[], None] = go_on


@dataclass(slots=True)
class Result:
    """What an operation answers, and what it wants changed before the answer goes out. A body of bytes (whole, or in
    pieces) is sent as it is; any other is a JSON value. `headers` join those that the provider always sends, and
    `media_type` is for what is no JSON. With a `job`, the answer is known when that is done. `after` is done once the
    writes are made: what follows from them for the sandboxes as machines, the files of which die with the document."""

    status: int
    body: bytes | Iterator[bytes] | Json = b""
    headers: Mapping[str, str] | None = None
    writes: Sequence[Write] = ()
    media_type: str = ""
    job: Job | None = None
    after: Sequence[Callable[[], None]] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """What a spec says about one operation: its declaration, the document that its references lead into, and the
    fields of the provider's documents, each with its schema."""

    operation: Operation
    document: Document
    fields: Mapping[str, Json]


class Meaning(Protocol):
    """What an operation of a spec means, as a frozen value that a provider brings along. A class that inherits from
    this one says what it reads, and answers; it is shown everything that it needs and changes nothing itself, so that
    the same request in the same world always comes to the same result."""

    __slots__ = ()

    @property
    def parameters(self) -> frozenset[str]:
        """The parameters of path and query that it reads: exactly those that the spec declares."""
        return frozenset()

    @property
    def headers(self) -> frozenset[str]:
        """The same of the parameters in headers."""
        return frozenset()

    @property
    def checks(self) -> Iterable[ValuesCheck]:
        """What its parameters mean beyond the spec's types. Each may put another value in the place of a decoded one,
        and add issues."""
        return ()

    @property
    def apart(self) -> frozenset[str]:
        """Those of its parameters in the query that neither a check nor the question looks at, so that each of them
        can be read by itself."""
        return frozenset()

    @property
    def choices(self) -> Iterable[Choice]:
        """The choices of the provider's switches that it looks for."""
        return ()

    @property
    def body(self) -> bool:
        """Whether it reads the body of a request, which the spec must then declare."""
        return False

    @property
    def max_body(self) -> int:
        """Bytes of the largest body that it reads."""
        return MAX_BODY_BYTES

    @property
    def public(self) -> bool:
        """Whether it asks for no credential; only then may its spec name none."""
        return False

    @property
    def credential(self) -> str:
        """The member of its body that may hold the credential, beside the places that its spec names."""
        return ""

    @property
    def whole(self) -> bool:
        """Whether it looks at more of a view than who asks for what in which tenants: other kinds, words, the wall."""
        return True

    @property
    def shows_scenarios(self) -> bool:
        """Whether it shows what the tenants of a view own, so that it can show a scenario in their place."""
        return False

    @property
    def poll_seconds(self) -> float:
        """How long the provider's SDK waits before it asks the same again, if it waits for something by this."""
        return 0

    @property
    def idempotency(self) -> str:
        """The member of its body by which a creation that is sent twice makes one document."""
        return ""

    @property
    def outcomes(self) -> Sequence[str]:
        """How else than well it can turn out, if somebody asks for it."""
        return ()

    def row(self, operation: Operation, document: Document) -> Document | None:
        """The schema of one of the provider's documents, if this operation's answer holds them; a `SpecError` if it
        should and does not. `document` is the whole spec."""
        return None

    def objections(self, form: Form) -> Iterator[str]:
        """What it means although the spec does not bear it out: the server does not start, and shows the first."""
        return iter(())

    def prepare(self, collection: Collection) -> None:
        """File everything that it will look up, so that no request has to wait for it."""
        return None

    def question(self, operation: str, values: Values) -> bytes:
        """The values of one operation (its id), as a text that is the same for everything that means the same."""
        return b""

    @abstractmethod
    def answer(self, asked: Asked, view: View) -> Result:
        """The result, or a `Problem` that refuses the request."""
        raise NotImplementedError
