"""Questions to a deployment: what one asks, and the choices that rows leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from contract_tests.outcome import Pairs

Choices = Mapping[str, Sequence[Pairs]]
"""By parameter: the pairs that may be sent for it."""


@dataclass(frozen=True, slots=True)
class OracleQuestion:
    """One question. `follow` more pages are read by their cursors; `moved` are other filters that the first page's
    cursor is then sent with."""

    scope: str
    pairs: Pairs = ()
    facets: bool = False
    follow: int = 0
    moved: Pairs | None = None

    @property
    def cost(self) -> int:
        """How many requests it takes at most."""
        return 1 + self.follow + (self.moved is not None)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.pairs)

    def simpler(self) -> Iterator[OracleQuestion]:
        """Questions that ask for less: without one of the pairs, or with fewer pages."""
        if self.moved is None:
            for index in range(len(self.pairs)):
                yield replace(self, pairs=self.pairs[:index] + self.pairs[index + 1 :])
        if self.follow > 1:
            yield replace(self, follow=1)
        if self.follow:
            yield replace(self, follow=0)


@dataclass(frozen=True, slots=True)
class Questions:
    """What can be asked about these rows: a list by hand, and the choices that random questions are drawn from."""

    essential: tuple[OracleQuestion, ...]
    choices: Choices
    scope: str
    boundaries: tuple[OracleQuestion, ...] = ()
    """Questions at the exact end of this very list, which no smaller sample of its rows can plan."""
