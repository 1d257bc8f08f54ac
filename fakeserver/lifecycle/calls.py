"""Calls: operations that a provider answers with a function of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fakeserver.listing.choices import Choice
from fakeserver.listing.meaning import Asked, Form, Meaning, Result, View
from fakeserver.spec.bodies import MAX_BODY_BYTES
from fakeserver.spec.parameters import ValuesCheck

Respond = Callable[[Asked, View], Result]


@dataclass(frozen=True, slots=True)
class Call(Meaning):
    """An operation that `respond` answers; it reads these parameters of path and query, those of `heads` in headers,
    and the body if `body` is set. A `public` one asks for no credential; one with a `credential` also takes it from
    that member of the body. By `poll_seconds` and `idempotency` the journal knows a client that polls too fast, or
    creates twice."""

    respond: Respond
    reads: tuple[str, ...] = ()
    body: bool = False
    public: bool = False
    credential: str = ""
    outcomes: tuple[str, ...] = ()
    poll_seconds: float = 0
    idempotency: str = ""
    choices: tuple[Choice, ...] = ()
    checks: tuple[ValuesCheck, ...] = ()
    max_body: int = MAX_BODY_BYTES
    heads: tuple[str, ...] = ()

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset(self.reads)

    @property
    def headers(self) -> frozenset[str]:
        return frozenset(self.heads)

    def objections(self, form: Form) -> Iterator[str]:
        if self.credential and not self.body:
            yield f"its credential {self.credential!r} is in the body, which it does not read"

    def answer(self, asked: Asked, view: View) -> Result:
        return self.respond(asked, view)
