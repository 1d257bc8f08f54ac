"""Commands that were run, as the admin API shows them."""

from __future__ import annotations

from dataclasses import dataclass, field

from fakeserver.instants import at
from fakeserver.interpreter.orders import NOT_FOUND, SCRIPT, Finished, Order
from fakeserver.problems import Document

MAX_SHOWN = 1_000
"""Characters of a command, and of what it wrote, that are remembered."""
HINT = "script what is not found here: POST /__admin/commands, or on_command in tests"
Key = tuple[str, str]
"""A provider, and the id of one of its sandboxes."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that was run, as far as it is shown."""

    instant: int
    slug: str
    identity: str
    command: str = field(repr=False)
    stdout: str = field(repr=False)
    stderr: str = field(repr=False)
    exit_code: int
    seconds: float
    timed_out: bool
    answered_by: str

    @classmethod
    def of(cls, instant: int, key: Key, order: Order, finished: Finished) -> Ran:
        stdout, stderr = (piece[:MAX_SHOWN].decode(errors="replace") for piece in (finished.stdout, finished.stderr))
        return cls(
            instant,
            *key,
            order.text[:MAX_SHOWN],
            stdout,
            stderr,
            finished.exit_code,
            round(finished.seconds, 3),
            finished.timed_out,
            finished.answered_by,
        )

    def row(self) -> Document:
        """As the admin API has it."""
        return {
            "provider": self.slug,
            "id": self.identity,
            "at": at(self.instant),
            "command": self.command,
            "exit_code": self.exit_code,
            "stdout": self.stdout,
            "stderr": self.stderr,
            "seconds": self.seconds,
            "timed_out": self.timed_out,
            "answered_by": self.answered_by,
            "hint": self._hint,
        }

    @property
    def _hint(self) -> str | None:
        """What somebody can do who expected more."""
        return HINT if self.exit_code == NOT_FOUND and self.answered_by != SCRIPT else None
