"""The form of an answer, held against the spec: documented status, media type, strict JSON, schema, invariants of rows.

A row is looked at once: one that was found valid before, and is still the same, is not validated again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from contract_tests.judging.forms import Fault, find_faults
from contract_tests.judging.judge import Breach
from contract_tests.judging.target import Target
from contract_tests.outcome import Row
from contract_tests.promises.common import LEAKS, MEDIA_TYPE, PRIVATE, STATUS, STRICT_JSON, UNDECLARED, UNDOCUMENTED
from contract_tests.promises.paging import InHeader
from contract_tests.sending.ask import Ask, Reply

MAX_MESSAGE = 160
MAX_MISFITS = 100
"""Different ones that are told of one answer."""
MAX_SEARCHED = 20_000
"""Bytes of an error that are searched for the server's inside."""
FROM_A_GATEWAY = (429, 502, 503, 504)
"""What may be said in front of the API, which has no part in its form."""
SECRET_NAMES = ("password", "secret", "token", "api_key", "apikey", "private_key", "credential")
INTERNAL_NAMES = ("_internal", "internal_", "__")
FAILURES = ("Traceback (most recent call last)", 'File "/', "at java.", "panic:", "goroutine ")


class Validator:
    """What is wrong with the form of answers, as breaches; whoever asks decides what becomes of them."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.promises, self.listing = target.promises, target.listing
        self._valid: dict[str, Row] = {}
        self._invariant: dict[str, Row] = {}
        """The rows whose invariants were looked at, right or wrong."""

    def reply(self, reply: Reply) -> Iterator[Breach]:
        """Documented status, media type, strict JSON, schema, no undeclared or secret field, the headers promised. What
        a router says of a path that is none has any form, and so has what a gateway says."""
        elsewhere = not self.promises.has_path(reply.ask.path) or reply.status in FROM_A_GATEWAY
        for breach in self._reply(reply):
            yield replace(breach, by=UNDOCUMENTED) if elsewhere else breach

    def _reply(self, reply: Reply) -> Iterator[Breach]:
        if reply.ask.method == "HEAD":
            return
        ask = reply.ask
        operation = self.promises.operation_at(ask.path)
        if (operation, reply.status) not in self.target.validators:
            by = self.promises.refusals.listed if reply.status >= 400 else STATUS
            yield Breach(f"status {reply.status} is not documented", (ask,), by=by, law="schema.status")
            return
        documented = reply.status == 200 or reply.status in self.listing.statuses
        if reply.media_type != "application/json":
            sentence = f"the media type is {reply.media_type or 'missing'}"
            yield Breach(sentence, (ask,), by=MEDIA_TYPE if documented else UNDOCUMENTED, law="schema.media_type")
        try:
            value = reply.json()
        except ValueError as error:
            sentence = f"the body is not JSON: {str(error)[:80]}"
            yield Breach(sentence, (ask,), by=STRICT_JSON if documented else UNDOCUMENTED, law="schema.body")
            return
        fresh, rows = self._fresh(value) if reply.status == 200 else (value, [])
        try:
            faults = list(find_faults(self.target, operation, reply.status, fresh))
        except ValueError:  # The validator's own limit.
            sentence = f"the {reply.status} is nested too deeply to be read"
            yield Breach(sentence, (ask,), by=STRICT_JSON if documented else UNDOCUMENTED, law="schema.body")
            return
        yield from self._misfits(reply, faults, rows)
        if reply.status == 200:
            yield from self._find_undeclared(operation, ask, value, rows)
            yield from self._headers_of_success(operation, reply)
        else:
            yield from self._refusal(reply, value)

    def _misfits(self, reply: Reply, faults: Iterable[Fault], rows: Sequence[Row]) -> Iterator[Breach]:
        """What does not fit the schema, each value at each of its places once; the other rows are valid from now on."""
        told: set[tuple[Any, ...]] = set()
        wrong: set[int] = set()
        for fault in faults:
            at_fault = [part for part in fault.path[:2] if isinstance(part, int) and part < len(rows)]
            wrong.update(at_fault)
            message = fault.message if len(fault.message) < MAX_MESSAGE else fault.message[:MAX_MESSAGE] + " …"
            kind = (*fault.rule, message)
            if kind in told or len(told) == MAX_MISFITS:
                continue
            told.add(kind)
            sentence = f"the {reply.status} does not fit its schema at {fault.where}: {message}"
            fields = tuple(part for part in fault.path if isinstance(part, str) and part != self.listing.items)
            shown = tuple(rows[index] for index in at_fault)
            yield Breach(sentence, (reply.ask,), shown, fault.by, "schema.body", fields=fields)
        self._valid |= {row[self.listing.identity]: row for index, row in enumerate(rows) if index not in wrong}

    def _headers_of_success(self, operation: str, reply: Reply) -> Iterator[Breach]:
        asks, total = (reply.ask,), self.listing.paging.total
        counted = total is not None and isinstance(total.place, InHeader) and operation == self.listing.operation
        if total is not None and counted and total.place.name.lower() not in reply.headers:
            yield Breach(f"{total} is missing", asks, by=total.statement, law="pages.total")
        if "public" in reply.headers.get("cache-control", ""):
            yield Breach("an answer to one caller may be cached for all", asks, by=PRIVATE, law="caching.private")

    def _refusal(self, reply: Reply, value: Any) -> Iterator[Breach]:
        asks, refusals = (reply.ask,), self.promises.refusals
        text = reply.body[:MAX_SEARCHED].decode("utf-8", "replace")
        leak = next((mark for mark in FAILURES if mark in text), "")
        if leak:
            yield Breach(f"an error shows the server's inside ({leak!r})", asks, by=LEAKS, law="schema.leaks")
        refusal, repeats, challenge = refusals.read(value), refusals.repeats, self.promises.access.challenge
        if repeats is not None and refusal is not None and refusal.status != reply.status:
            sentence = f"the code is {refusal.status} in a {reply.status}"
            yield Breach(sentence, asks, by=repeats, law="schema.error_code")
        if reply.status == 401 and challenge is not None and "www-authenticate" not in reply.headers:
            yield Breach("a 401 has no WWW-Authenticate", asks, by=challenge, law="credentials.challenge")

    def _fresh(self, value: Any) -> tuple[Any, list[Row]]:
        """The value without the rows that have been found valid before, and the rows that are left."""
        items = self.listing.items
        rows = value.get(items) if items and isinstance(value, dict) else value
        if not isinstance(rows, list):
            return value, []
        known, identity = self._valid, self.listing.identity
        fresh = [
            row
            for row in rows
            if not isinstance(row, dict) or not isinstance(row.get(identity), str) or known.get(row[identity]) != row
        ]
        usable = [row for row in fresh if isinstance(row, dict) and isinstance(row.get(identity), str)]
        rest: Any = {**value, items: fresh} if isinstance(value, dict) else fresh
        return rest, usable if len(usable) == len(fresh) else []

    def _find_undeclared(self, operation: str, ask: Ask, value: Any, rows: Sequence[Row]) -> Iterator[Breach]:
        """Fields that no schema of this operation declares, in rows, in buckets and around them."""
        listing, facets = self.listing, self.promises.facets
        if operation == listing.operation:
            yield from self._find_undeclared_in_rows(ask, rows)
            yield from self._find_undeclared_in(ask, "the envelope", listing.envelope_schema, value)
        elif facets is not None and isinstance(value, dict):
            yield from self._find_undeclared_in(ask, "the envelope", facets.envelope_schema, value)
            for facet in facets.facets:
                buckets = value.get(facet.name)
                for bucket in buckets if isinstance(buckets, list) else ():
                    yield from self._find_undeclared_in(ask, f"a bucket of {facet.name}", facet.bucket_schema, bucket)

    def _find_undeclared_in_rows(self, ask: Ask, rows: Sequence[Row]) -> Iterator[Breach]:
        known, identity = self.target.declared[self.listing.row_schema], self.listing.identity
        for row in rows:
            for name in row.keys() - known:
                secret = any(mark in name.lower() for mark in SECRET_NAMES) or name.startswith(INTERNAL_NAMES)
                yield Breach(
                    f"a row has the undeclared field {name!r}{', which looks secret' if secret else ''}",
                    (ask,),
                    ({identity: row.get(identity), name: "…"},),
                    UNDECLARED,
                    "schema.undeclared",
                    fields=(name,),
                )

    def _find_undeclared_in(self, ask: Ask, what: str, schema: str, value: Any) -> Iterator[Breach]:
        for name in value.keys() - self.target.declared[schema] if schema and isinstance(value, dict) else ():
            yield Breach(f"{what} has the undeclared field {name!r}", (ask,), (), UNDECLARED, "schema.undeclared")

    def rows(self, ask: Ask, rows: Sequence[Row]) -> Iterator[Breach]:
        """The invariants of rows that were not seen before."""
        for row in rows:
            name = row[self.listing.identity]
            if self._invariant.get(name) == row:
                continue
            self._invariant[name] = row
            for invariant in self.listing.invariants:
                try:
                    wrong = invariant.wrong(row)
                except (KeyError, TypeError, ValueError, AttributeError):
                    continue  # The schema law reports a row of the wrong shape.
                if wrong:
                    yield Breach(f"{invariant.name}: {wrong}", (ask,), (row,), invariant.statement, "rows.invariants")
