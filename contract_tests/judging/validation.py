"""The form of an answer, held against the spec: documented status, media type, strict JSON, schema, invariants of rows.

A row is looked at once: one that was found valid before, and is still the same, is not validated again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from contract_tests.judging.judge import TOTAL_HEADER, Breach
from contract_tests.judging.target import Target
from contract_tests.outcome import Row, Tier
from contract_tests.sending.ask import Ask, Reply

MAX_MESSAGE = 160
MAX_SEARCHED = 20_000
"""Bytes of an error that are searched for the server's inside."""
SECRET_NAMES = ("password", "secret", "token", "api_key", "apikey", "private_key", "credential")
INTERNAL_NAMES = ("_internal", "internal_", "__")
FAILURES = ("Traceback (most recent call last)", 'File "/', "at java.", "panic:", "goroutine ")
ROW_SCHEMAS = {
    "prime": "SandboxResponse",
    "dreadnode": "SandboxListItem",
    "instavm": "VMSandboxInfo",
    "superserve": "SandboxResponse",
}
ENVELOPE_SCHEMAS = {"prime": "SandboxListResponse", "dreadnode": "SandboxListResponse"}
"""The other providers send bare rows."""


class Validator:
    """What is wrong with the form of answers, as breaches; whoever asks decides what becomes of them."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.listing = target.listing
        self._valid: dict[str, Row] = {}
        self._invariant: dict[str, Row] = {}
        """The rows whose invariants were looked at, right or wrong."""

    @property
    def slug(self) -> str:
        return self.target.slug

    def reply(self, reply: Reply) -> Iterator[Breach]:
        """Documented status, media type, strict JSON, schema, no undeclared or secret field, the headers promised."""
        if reply.ask.method == "HEAD":
            return
        ask = reply.ask
        validator = self.target.validators.get((self.target.operation(ask.path), reply.status))
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
            yield Breach(f"the body is no JSON: {str(error)[:80]}", (ask,), tier=tier, law="schema.body")
            return
        fresh, rows = self._fresh(value) if reply.status == 200 else (value, [])
        fault = next(validator.iter_errors(fresh), None)
        if fault is not None:
            where = "/".join(str(part) for part in fault.instance_path)
            at_fault = [rows[part] for part in fault.instance_path[:2] if isinstance(part, int) and part < len(rows)]
            message = fault.message if len(fault.message) < MAX_MESSAGE else fault.message[:MAX_MESSAGE] + " …"
            yield Breach(
                f"the {reply.status} does not fit its schema at /{where}: {message}",
                (ask,),
                tuple(at_fault),
                tier,
                "schema.body",
            )
        elif rows:
            self._valid |= {row[self.listing.identity]: row for row in rows}
        yield from self._undeclared(reply, value, rows)
        if reply.status == 200:
            yield from self._headers_of_success(reply)
        else:
            yield from self._refusal(reply, value)

    def _headers_of_success(self, reply: Reply) -> Iterator[Breach]:
        asks = (reply.ask,)
        if self.slug == "superserve" and TOTAL_HEADER not in reply.headers:
            yield Breach("X-Total-Count is missing", asks, tier=Tier.SHOULD, law="pages.total")
        if "public" in reply.headers.get("cache-control", ""):
            yield Breach("an answer to one caller may be cached for all", asks, tier=Tier.SHOULD, law="caching.private")

    def _refusal(self, reply: Reply, value: Any) -> Iterator[Breach]:
        asks = (reply.ask,)
        text = reply.body[:MAX_SEARCHED].decode("utf-8", "replace")
        leak = next((mark for mark in FAILURES if mark in text), "")
        if leak:
            yield Breach(f"an error shows the server's inside ({leak!r})", asks, tier=Tier.SHOULD, law="schema.leaks")
        if self.slug == "dreadnode" and isinstance(value, dict) and value.get("code") != reply.status:
            yield Breach(f"code is {value.get('code')} in a {reply.status}", asks, law="schema.error_code")
        if reply.status == 401 and self.slug in ("prime", "instavm") and "www-authenticate" not in reply.headers:
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
        rest: Any = {**value, items: fresh} if items else fresh
        return rest, usable if len(usable) == len(fresh) else []

    def _undeclared(self, reply: Reply, value: Any, rows: Sequence[Row]) -> Iterator[Breach]:
        known, identity = self.target.declared[ROW_SCHEMAS[self.slug]], self.listing.identity
        for row in rows:
            for name in row.keys() - known:
                secret = any(mark in name.lower() for mark in SECRET_NAMES) or name.startswith(INTERNAL_NAMES)
                yield Breach(
                    f"a row has the undeclared field {name!r}{', which looks secret' if secret else ''}",
                    (reply.ask,),
                    ({identity: row.get(identity), name: "…"},),
                    Tier.SHOULD,
                    "schema.undeclared",
                )
        envelope = ENVELOPE_SCHEMAS.get(self.slug)
        if envelope is None or reply.status != 200 or self.target.operation(reply.ask.path) != "listSandboxes":
            return
        for name in value.keys() - self.target.declared[envelope] if isinstance(value, dict) else ():
            yield Breach(
                f"the envelope has the undeclared field {name!r}", (reply.ask,), (), Tier.SHOULD, "schema.undeclared"
            )

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
