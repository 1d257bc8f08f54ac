"""How often what was asked and answered, since the journal was emptied: for metrics, which never count down.

Exchanges are counted many at a time, before they leave the journal, so that a request pays next to nothing for it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from fakeserver.faults.on_request import NAMES
from fakeserver.faults.scripts import CONNECTION_FAULTS
from fakeserver.spec.reader import Operation
from fakeserver.worlds.entries import Entry, Exchange

PARTS = re.compile(r"([a-z]+)(?:=(\w+))?")
OTHER = "other"

Requests = Counter[tuple[str, str, int]]
"""By provider, id of the operation (empty where none was found) and status."""
Faults = Counter[tuple[str, str]]
"""By provider and kind of fault."""


class Counts:
    """What was counted. How many labels there can be is bounded by the specs and by the kinds of faults."""

    def __init__(self) -> None:
        self.requests: Requests = Counter()
        self.faults: Faults = Counter()

    def add(self, exchanges: Sequence[Exchange | Entry]) -> None:
        """Count these too."""
        # One loop over plain tuples takes less than anything of the library, and a request pays its part of it.
        found: dict[tuple[str | None, int, int], int] = {}
        operations: dict[tuple[str | None, int, int], Operation | str | None] = {}
        for each in exchanges:
            about = each.about if isinstance(each, Exchange) else each
            key = (about.provider, id(about.operation), about.status)
            if key in found:
                found[key] += 1
            else:
                found[key], operations[key] = 1, about.operation
            if about.fault is not None:
                self.faults[about.provider or "", kind_of(about.fault)] += 1
        for key, number in found.items():
            self.requests[key[0] or "", name_of(operations[key]), key[2]] += number


def name_of(operation: Operation | str | None) -> str:
    """The id of an operation, as an exchange or as an entry has it."""
    return operation or "" if isinstance(operation, str | None) else operation.id


def kind_of(label: str) -> str:
    """What kind of fault a label tells of: `code=503`, the name of a connection fault, or what else was asked for. What
    a request makes up itself is no kind."""
    kinds = [PARTS.match(part.strip()) for part in label.rpartition(": ")[2].split(",")]
    named = {found[1]: found[2] or "" for found in kinds if found is not None}
    if named.get("fault", "") in CONNECTION_FAULTS:
        return named["fault"]
    if named.get("code", "").isdecimal() and len(named["code"]) == 3:
        return f"code={named['code']}"
    return next((name for name in named if name in NAMES), OTHER)
