"""The form of an answer, held against the spec: documented status, media type, strict JSON, schema, invariants of rows.

A row is looked at once: one that was found valid before, and is still the same, is not validated again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from contract_tests.judging.judge import Breach
from contract_tests.judging.target import Target
from contract_tests.outcome import Row, Tier
from contract_tests.promises.paging import InHeader
from contract_tests.sending.ask import Ask, Reply

MAX_MESSAGE = 160
MAX_MISFITS = 100
"""Different ones that are told of one answer."""
MAX_SEARCHED = 20_000
"""Bytes of an error that are searched for the server's inside."""
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
        """Documented status, media type, strict JSON, schema, no undeclared or secret field, the headers promised."""
        if reply.ask.method == "HEAD":
            return
        ask = reply.ask
        operation = self.promises.operation_at(ask.path)
        validator = self.target.validators.get((operation, reply.status))
        if validator is None:
            yield Breach(f"status {reply.status} is not documented", (ask,), law="schema.status")
            return
        documented = reply.status == 200 or reply.status in self.listing.statuses
        tier = Tier.MUST if documented else Tier.SHOULD
        if reply.media_type != "application/json":
            yield Breach(
                f"the media type is {reply.media_type or 'missing'}", (ask,), tier=tier, law="schema.media_type"
            )
        try:
            value = reply.json()
        except ValueError as error:
            yield Breach(f"the body is not JSON: {str(error)[:80]}", (ask,), tier=tier, law="schema.body")
            return
        fresh, rows = self._fresh(value) if reply.status == 200 else (value, [])
        yield from self._misfits(reply, validator.iter_errors(fresh), rows, tier)
        if reply.status == 200:
            yield from self._find_undeclared(operation, ask, value, rows)
            yield from self._headers_of_success(operation, reply)
        else:
            yield from self._refusal(reply, value)

    def _misfits(self, reply: Reply, faults: Iterable[Any], rows: Sequence[Row], tier: Tier) -> Iterator[Breach]:
        """What does not fit the schema, each value at each of its places once; the other rows are valid from now on."""
        told: set[tuple[Any, ...]] = set()
        wrong: set[int] = set()
        for fault in faults:
            at_fault = [part for part in fault.instance_path[:2] if isinstance(part, int) and part < len(rows)]
            wrong.update(at_fault)
            message = fault.message if len(fault.message) < MAX_MESSAGE else fault.message[:MAX_MESSAGE] + " …"
            kind = (*fault.schema_path, message)
            if kind in told or len(told) == MAX_MISFITS:
                continue
            told.add(kind)
            where = "/".join(str(part) for part in fault.instance_path)
            yield Breach(
                f"the {reply.status} does not fit its schema at /{where}: {message}",
                (reply.ask,),
                tuple(rows[index] for index in at_fault),
                tier,
                "schema.body",
                fields=tuple(
                    part for part in fault.instance_path if isinstance(part, str) and part != self.listing.items
                ),
            )
        self._valid |= {row[self.listing.identity]: row for index, row in enumerate(rows) if index not in wrong}

    def _headers_of_success(self, operation: str, reply: Reply) -> Iterator[Breach]:
        asks, total = (reply.ask,), self.listing.paging.total
        counted = total is not None and isinstance(total.place, InHeader) and operation == self.listing.operation
        if total is not None and counted and total.place.name.lower() not in reply.headers:
            yield Breach(f"{total} is missing", asks, tier=total.tier, law="pages.total")
        if "public" in reply.headers.get("cache-control", ""):
            yield Breach("an answer to one caller may be cached for all", asks, tier=Tier.SHOULD, law="caching.private")

    def _refusal(self, reply: Reply, value: Any) -> Iterator[Breach]:
        asks, refusals = (reply.ask,), self.promises.refusals
        text = reply.body[:MAX_SEARCHED].decode("utf-8", "replace")
        leak = next((mark for mark in FAILURES if mark in text), "")
        if leak:
            yield Breach(f"an error shows the server's inside ({leak!r})", asks, tier=Tier.SHOULD, law="schema.leaks")
        refusal = refusals.read(value)
        if refusals.repeats_status and refusal is not None and refusal.status != reply.status:
            yield Breach(f"the code is {refusal.status} in a {reply.status}", asks, law="schema.error_code")
        if reply.status == 401 and refusals.challenges and "www-authenticate" not in reply.headers:
            yield Breach("a 401 has no WWW-Authenticate", asks, tier=Tier.SHOULD, law="credentials.challenge")

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
                    Tier.SHOULD,
                    "schema.undeclared",
                    fields=(name,),
                )

    def _find_undeclared_in(self, ask: Ask, what: str, schema: str, value: Any) -> Iterator[Breach]:
        for name in value.keys() - self.target.declared[schema] if schema and isinstance(value, dict) else ():
            yield Breach(f"{what} has the undeclared field {name!r}", (ask,), (), Tier.SHOULD, "schema.undeclared")

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
                    yield Breach(f"{invariant.name}: {wrong}", (ask,), (row,), invariant.tier, "rows.invariants")
