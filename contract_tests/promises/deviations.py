"""Known deviations: what a page promises and a server is known to do otherwise, so precisely that nothing else fits.

Packages bring those of their provider, and whoever runs a check accepts others, both in the same form.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import yaml

from contract_tests.outcome import Row
from contract_tests.sending.ask import Ask, Reply

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable
    from pathlib import Path

MAX_SEARCHED = 20_000
"""Characters of an answer's body that are held against a pattern."""
FIRST_REFUSAL = 400
TEXTS = ("law", "reason", "source", "provider", "sentence", "field", "query", "body")
DATES = ("seen", "expires")
NARROWING = ("sentence", "field", "query", "status", "body")
"""What tells one way to break a law from another."""
NAMES = frozenset((*TEXTS, *DATES, "values", "status"))


class DeviationError(ValueError):
    """A list of deviations that cannot be read; the message is one sentence."""


class Broken(Protocol):
    """One way in which a law is broken, as far as a deviation looks at it."""

    @property
    def sentence(self) -> str: ...

    @property
    def asks(self) -> tuple[Ask, ...]: ...

    @property
    def rows(self) -> tuple[Row, ...]: ...

    @property
    def fields(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """One known way to break one law. All that is given must fit; in texts, `*` stands for anything."""

    law: str
    reason: str
    source: str = ""
    """Where that is known from: a file at a commit, a version of an SDK, a page."""
    seen: date | None = None
    """When it was last seen there."""
    expires: date | None = None
    """From the day behind this one on it counts as broken again."""
    provider: str = ""
    """Of this provider only."""
    sentence: str = ""
    """What the report says."""
    field: str = ""
    """A field of the rows that show it; every one of them has one of the values there."""
    values: tuple[str, ...] = ()
    query: str = ""
    """The query of the first request that shows it, as it was sent."""
    status: int = 0
    """The status of its answer."""
    body: str = ""
    """The beginning of that answer's body."""

    @property
    def narrow(self) -> bool:
        """Whether it names one way to break the law, rather than the whole law."""
        return any(getattr(self, name) for name in NARROWING)

    def fits(self, breach: Broken, reply: Reply | None) -> bool:
        """Whether the breach of its law is this one; `reply` is the answer to its first request, if it is known."""
        if self.sentence and not matches(self.sentence, breach.sentence):
            return False
        if self.query and not (breach.asks and matches(self.query, breach.asks[0].query_string)):
            return False
        if self.status and (reply is None or reply.status != self.status):
            return False
        if self.body and (reply is None or not matches(self.body, reply.body[:MAX_SEARCHED].decode(errors="replace"))):
            return False
        return not self.field or self._is_about(breach)

    def concerns(self, reply: Reply) -> bool:
        """Whether this answer could have shown it: whether one was asked for by such a query, or with such a status."""
        asked = not self.query or matches(self.query, reply.ask.query_string)
        return asked and (self.status < FIRST_REFUSAL or reply.status == self.status)

    def _is_about(self, breach: Broken) -> bool:
        """Whether the field is in question, and every row has one of the values there. A sentence may say so as well,
        where the breach names no field."""
        if not breach.rows or (self.field not in breach.fields and not (self.sentence and not breach.fields)):
            return False
        shown = [row.get(self.field) for row in breach.rows]
        return all(isinstance(text, str) and any(matches(each, text) for each in self.values) for text in shown)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text fits; `*` stands for anything."""
    return _compiled(pattern).fullmatch(text) is not None


def read_deviations(path: Traversable) -> tuple[Deviation, ...]:
    """The known deviations of a package: a YAML list of entries with the names of `Deviation`'s fields. Each says where
    it is known from (`source`, `seen`) and which way to break the law it means. DeviationError."""
    found = parse(path, path.name)
    for number, each in enumerate(found, 1):
        if not (each.source and each.seen and each.narrow):
            raise DeviationError(f"{path.name}: entry {number} needs source, seen and one of {', '.join(NARROWING)}")
    return found


def read_accepted(path: Path) -> tuple[Deviation, ...]:
    """What the caller of a check accepts: a YAML list of the same entries, of which law, reason and expires are enough
    to accept whatever breaks the law until then. DeviationError."""
    found = parse(path, str(path))
    for number, each in enumerate(found, 1):
        if each.expires is None:
            raise DeviationError(f"{path}: entry {number} needs law, reason and expires")
    return found


def parse(path: Traversable | Path, name: str) -> tuple[Deviation, ...]:
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DeviationError(f"{name}: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError):  # A date such as 2030-02-31 is a ValueError.
        raise DeviationError(f"{name}: is not YAML") from None
    if not isinstance(value, list):
        raise DeviationError(f"{name}: must be a list of known deviations")
    return tuple(_entry(raw, f"{name}: entry {number}") for number, raw in enumerate(value, 1))


def _entry(raw: Any, where: str) -> Deviation:
    if not isinstance(raw, dict) or set(raw) - NAMES or not {"law", "reason"} <= set(raw):
        raise DeviationError(f"{where} needs law and reason, and may have {', '.join(sorted(NAMES))}")
    given: dict[str, Any] = {name: raw[name] for name in TEXTS if name in raw}
    if any(not isinstance(text, str) or not text for text in given.values()):
        raise DeviationError(f"{where}: {', '.join(given)} are texts")
    given |= {name: _date(raw[name], f"{where}: {name}") for name in DATES if name in raw}
    status, values = raw.get("status", 0), raw.get("values", ())
    if not isinstance(status, int) or not _texts(values) or bool(values) != ("field" in given):
        raise DeviationError(f"{where}: status is a number, and field comes with a list of texts, its values")
    return Deviation(**given, status=status, values=tuple(values))


def _texts(values: Any) -> bool:
    return (
        isinstance(values, Sequence) and not isinstance(values, str) and all(isinstance(each, str) for each in values)
    )


def _date(value: Any, where: str) -> date:
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            raise DeviationError(f"{where} is not a date") from None
    if not isinstance(value, date):
        raise DeviationError(f"{where} is not a date")
    return date(value.year, value.month, value.day)
