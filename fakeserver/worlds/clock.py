"""A world's clock: real by default; it can be frozen, set, advanced and scaled.

Seeded documents age only by the time that somebody adds (`aged`), so an untouched world is stationary: it gives the
same answer all day. In a live one they age by all time. What somebody stored is dated by the clock, and ages by it: the
time that has passed by itself in a stationary world counts for it from the next move on (`lead`).

All instants are microseconds since 1970, all durations microseconds.
"""

from __future__ import annotations

from collections.abc import Callable

from fakeserver.instants import LAST_INSTANT, SECOND, at
from fakeserver.machine import time
from fakeserver.parts import Part
from fakeserver.problems import Document, FakeProblem

LAST = LAST_INSTANT
LEAST_FACTOR, MAX_FACTOR = 1e-6, 1_000_000.0
STEP = SECOND // 10
"""Real time between two views of the documents under a scaled clock."""


Anchor = tuple[int, int, int, int, int, float, bool]
"""What it said at which reading of the machine's clock; how much was added, now and at first; lead, factor, frozen."""


def monotonic() -> int:
    return time.monotonic_ns() // 1_000


class Clock:
    """Starts at what `wall` says, without it at the world's epoch, and runs at the pace of the machine's clock, times
    `factor`. In a `live` world seeded documents age by it."""

    def __init__(
        self,
        epoch: int,
        machine: Callable[[], int] = monotonic,
        wall: Callable[[], int] | None = None,
        *,
        live: bool = False,
    ) -> None:
        self._machine = machine
        self._wall = wall
        self._live = live
        self._epoch = epoch
        self.reset()

    def reset(self) -> None:
        """Real pace from the start, and nothing added."""
        self._anchor = self._epoch if self._wall is None else max(self._epoch, self._wall())
        self._since = self._machine()
        self._added = self._initially = self._anchor - self._epoch if self._live else 0
        self.factor = 1.0
        self.frozen = False
        self._note_lead()

    def _note_lead(self) -> None:
        """After a move: how much further the clock is than the seeded documents are aged."""
        self.lead = max(0, self._anchor - self._epoch - self._added)

    @property
    def now(self) -> int:
        if self.frozen:
            return self._anchor
        passed = self._machine() - self._since
        now = self._anchor + (passed if self.factor == 1.0 else int(passed * self.factor))
        return now if now < LAST else LAST

    @property
    def aged(self) -> int:
        """How much older than at the epoch the seeded documents are."""
        return self._added + (self._passed if self._ages_by_itself else 0)

    @property
    def _ages_by_itself(self) -> bool:
        return self._live or self.factor != 1.0

    @property
    def stands(self) -> bool:
        """Whether seeded documents are as old as they are until somebody moves the clock."""
        return not self._ages_by_itself

    @property
    def stepped(self) -> int:
        """`aged`, but in steps while a stationary world's clock is scaled, so that not every request finds all
        documents older."""
        if self._live:
            return self.aged
        if self.factor == 1.0:
            return self._added
        step = 1 if self.frozen else int(self.factor * STEP)
        return self.aged // step * step

    @property
    def changed(self) -> bool:
        """Whether somebody changed its time or its pace."""
        return self._added != self._initially or self.frozen or self.factor != 1.0

    @property
    def _passed(self) -> int:
        return 0 if self.frozen else int((self._machine() - self._since) * self.factor)

    def freeze(self, instant: int | None = None) -> None:
        """Stop, at this instant if one is given."""
        self._bank()
        if instant is not None:
            self.set(instant)
        self.frozen = True
        self._note_lead()

    def advance(self, duration: int) -> None:
        """Jump ahead; a frozen clock stays frozen."""
        if duration < 0:
            raise FakeProblem(422, "seconds must not be negative", field="seconds")
        self._bank()
        if self._anchor + duration > LAST:
            raise FakeProblem(422, "the clock cannot go beyond the year 9999", field="seconds")
        self._anchor += duration
        self._added += duration
        self._note_lead()

    def set(self, instant: int) -> None:
        """Jump to an instant, not before the epoch; seeded documents are then as old as they would be at it, however
        much real time has passed."""
        if instant > LAST:
            raise FakeProblem(422, "the clock cannot go beyond the year 9999", field="instant")
        if instant < self._epoch:
            epoch = at(self._epoch)
            raise FakeProblem(422, f"the clock cannot go back beyond the world's epoch, {epoch}", field="instant")
        self._bank()
        self._anchor, self._added = instant, instant - self._epoch
        self._note_lead()

    def scale(self, factor: float) -> None:
        """Run faster or slower from now on."""
        if not 0 < factor <= MAX_FACTOR:
            raise FakeProblem(422, f"factor must be above 0 and at most {MAX_FACTOR:g}", field="factor")
        self._bank()
        self.frozen = False
        self.factor = float(factor)
        self._note_lead()

    def _bank(self) -> None:
        """Bank the time that has passed, so that the pace can change. The machine's clock is read once: between two
        readings time would be lost."""
        machine = self._machine()
        passed = 0 if self.frozen else int((machine - self._since) * self.factor)
        self._added += passed if self._ages_by_itself else 0
        self._anchor = min(LAST, self._anchor + passed)
        self._since = machine

    def status(self) -> Document:
        return {
            "now": at(self.now),
            "frozen": self.frozen,
            "factor": self.factor,
            "aged_seconds": self.aged / SECOND,
        }

    # Where its state outlives the process

    @property
    def anchor(self) -> Anchor:
        """All that it goes on from, where the machine's clock is one that other processes have too."""
        return self._anchor, self._since, self._added, self._initially, self.lead, self.factor, self.frozen

    def resume(self, anchor: Anchor) -> None:
        """Become a clock that had this anchor, as if it had run ever since."""
        self._anchor, self._since, self._added, self._initially, self.lead, self.factor, self.frozen = anchor

    # Snapshots

    def dump(self) -> Document:
        return {"now": self.now, "added": self.aged, "lead": self.lead, "factor": self.factor, "frozen": self.frozen}

    def load(self, part: Part, served: object = None) -> None:
        """Become what `dump` wrote, and go on from there."""
        self._anchor, self._added = part.integer("now", self._epoch, LAST), part.integer("added", 0, LAST)
        self.lead = part.integer("lead", 0, LAST)
        self.factor, self.frozen = float(part.number("factor", LEAST_FACTOR, MAX_FACTOR)), part.boolean("frozen")
        self._since = self._machine()
        part.end()
