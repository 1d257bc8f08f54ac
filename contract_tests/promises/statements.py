"""A statement: one promise in one sentence, who makes it, and therefore how binding it is.

It is made once, where the provider is described; whatever touches the promise, be it a law or the oracle, inherits it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from contract_tests.outcome import Tier

MARKS = {
    "Assumed:": Tier.SHOULD,
    "Observed:": Tier.SHOULD,
    "Expected:": Tier.SHOULD,
    "Noted:": Tier.INFO,
}
"""How a sentence begins that no page says: our reading of a silent page, what a client or server of the provider does,
what HTTP recommends, and what is worth knowing and binds nobody."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What is promised. The tier is derived: a MUST quotes the words of the page, or names the source that binds
    everybody; a sentence that begins with one of the marks binds less. Raises ValueError for one that does neither."""

    sentence: str
    quote: str = ""
    """The words of the provider's page, as they stand there; `…` where some are left out."""
    source: str = ""
    """What says it of every API, such as an RFC, where it is not this provider's own promise."""

    def __post_init__(self) -> None:
        if not self.mark and not self.quote and not self.source:
            raise ValueError(
                f"{self.sentence!r} needs the words of the page as its quote, or begins with {' or '.join(MARKS)}"
            )
        if self.mark and self.quote:
            raise ValueError(f"{self.sentence!r} quotes the page, and is therefore not {self.mark.rstrip(':').lower()}")

    @property
    def mark(self) -> str:
        """How the sentence begins, where no page says it; else nothing."""
        return next((mark for mark in MARKS if self.sentence.startswith(mark)), "")

    @property
    def tier(self) -> Tier:
        return MARKS.get(self.mark, Tier.MUST)

    @property
    def plain(self) -> str:
        """The sentence without its mark."""
        return self.sentence.removeprefix(self.mark).strip()

    def origin(self, page: str) -> str:
        """Who says so, in brackets behind the sentence: the page, the source, or nothing where the mark tells it."""
        if self.quote:
            return f"reference page {page}" if page else ""
        return self.source


def weakest(statements: Iterable[Statement], otherwise: Statement) -> Statement:
    """The least binding of these; `otherwise` where there are none. Of equal ones the first."""
    return min(statements, key=lambda statement: statement.tier.rank, default=otherwise)


def strongest(statements: Iterable[Statement | None]) -> Tier | None:
    """The tier of the most binding of these; None where there are none."""
    tiers = [statement.tier for statement in statements if statement is not None]
    return max(tiers, key=lambda tier: tier.rank, default=None)
