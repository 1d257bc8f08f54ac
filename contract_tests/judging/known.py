"""Parameters that a provider's page does not have: whether the deployment knows them, asked before they are used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Protocol
from urllib.parse import parse_qsl

from contract_tests.judging.judge import Breach
from contract_tests.outcome import Context, Pairs, Row
from contract_tests.promises.filter_kinds import Closed, Excluding, Filter, Json, Reference, Tags
from contract_tests.promises.form import Listing
from contract_tests.promises.paging import Body
from contract_tests.promises.samples import UNKNOWN, UNKNOWN_UUID
from contract_tests.promises.statements import Statement
from contract_tests.sending.ask import Ask, Reply

LAW = "parameters.observed"
"""The law that says once what a deployment does not know, and on whose account it is asked."""


class NotAsked(Exception):
    """A probe needs a parameter that the deployment does not know; the message is one sentence."""


class Subject(Context, Protocol):
    """The check whose laws want to know."""

    @property
    def listing(self) -> Listing: ...

    def exercising(self, law: str) -> AbstractContextManager[None]: ...

    def probing(self, probe: str) -> AbstractContextManager[bool]: ...

    def conforms(self, reply: Reply) -> None: ...

    def breach(self, breach: Breach) -> None: ...

    def witness(self, text: str) -> None: ...


class Known:
    """What was found out so far. Each parameter costs one request, and only where a probe needs it."""

    def __init__(self, check: Subject) -> None:
        self._check = check
        self._known: dict[str, bool] = {}

    def require(self, ask: Ask) -> None:
        """Raises NotAsked where the request has a parameter that the deployment does not know."""
        names = [name for name, _ in (*ask.query, *parse_qsl(ask.raw, keep_blank_values=True))]
        for name in names:
            if not self.knows(name):
                raise NotAsked(f"not asked: the deployment does not know `{name}`, which its page does not have")

    def knows(self, name: str) -> bool:
        """Whether the deployment acts on a parameter. One that is on the page it has to know."""
        listing = self._check.listing
        filter, paging = listing.filter_of(name), listing.paging
        if filter is not None:
            own, statement = filter.parameter, filter.statement
        elif name in paging.parameters:
            # A number or a cursor means nothing without pages, and so is known where sizes are.
            own, statement = (name if name == paging.offset else paging.size), paging.statement
        else:
            return True
        if statement.quote:
            return True
        if own not in self._known:
            self._known[own] = True  # What is asked for the snapshot, meanwhile, is not asked about.
            self._known[own] = self._ask(own, filter, statement)
        return self._known[own]

    def _ask(self, name: str, filter: Filter | None, statement: Statement) -> bool:
        check = self._check
        rows = check.snapshot().rows
        query, most = self._telling(name, filter, rows)
        if len(rows) <= max(most, 0):
            return True  # Nothing can tell.
        ask = Ask(check.path(), (*check.filters(), *query))
        with check.exercising(LAW), check.probing(name):
            reply = check.transport.send(ask)
            check.conforms(reply)
            body = check.listing.body_of(reply) if reply.status == 200 else None
            if body is not None and (len(body.rows) <= most or self._has_others(body, rows)):
                check.witness(f"{name}: {len(body.rows)} of {len(rows)} rows")
                return True
            how = f"is answered with {reply.status}" if reply.status != 200 else "changes nothing"
            check.breach(Breach(f"`{name}` {how}", (ask,), by=statement))
        return False

    def _has_others(self, body: Body, before: tuple[Row, ...]) -> bool:
        """Whether the list has other rows without the parameter, or has moved since it was read, when nothing can
        tell."""
        check, identity = self._check, self._check.listing.identity
        plain = check.listing.body_of(check.transport.send(Ask(check.path(), check.filters())))
        if plain is None:
            return True
        shown, others, earlier = (
            sorted(str(row.get(identity)) for row in rows)
            for rows in (plain.rows, body.rows, before[: len(plain.rows)])
        )
        return shown != others or shown != earlier

    def _telling(self, name: str, filter: Filter | None, rows: tuple[Row, ...]) -> tuple[Pairs, int]:
        """A query, and how many rows it shows at most where the parameter is known."""
        if filter is not None:
            # A filter that lets too many rows through is known all the same; one that is not lets all of them through.
            return ask_for_few(filter, rows), len(rows) - 1
        if name != self._check.listing.paging.offset:
            return ((name, "1"),), 1
        half = len(rows) // 2
        return ((name, str(half)),), len(rows) - (half + 1) // 2


def ask_for_few(filter: Filter, rows: Iterable[Row]) -> Pairs:
    """A query that leaves out most rows."""
    if isinstance(filter, Tags):
        return filter.write((UNKNOWN, UNKNOWN))
    if isinstance(filter, Json):
        return filter.write({UNKNOWN: UNKNOWN})
    if isinstance(filter, Closed):
        counts = Counter(row.get(filter.field) for row in rows)
        return ((filter.parameter, min(filter.values, key=lambda value: counts[value])),)
    if isinstance(filter, Excluding):
        return ((filter.parameter, "true"),)
    return ((filter.parameter, UNKNOWN_UUID if isinstance(filter, Reference) else UNKNOWN),)
