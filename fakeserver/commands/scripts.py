"""Scripted commands: what somebody wants a command to come to, instead of running it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import translate
from functools import lru_cache

from fakeserver.interpreter.orders import SCRIPT, TIMED_OUT, Finished, Order
from fakeserver.parts import Part
from fakeserver.problems import Document

MAX_SCRIPTS = 1_000
MAX_PATTERN = 1_000
"""Characters of a pattern."""
MAX_TEXT = 100_000
"""Characters of what a script says on a stream."""
MAX_COMPARED = 4_096
"""Characters of a command that are held against a pattern; of a longer one the beginning is."""
MAX_EXIT_CODE = 255
MAX_DELAY_MS = 600_000
MAX_TIMES = 1_000_000


@lru_cache(MAX_SCRIPTS)
def expression(pattern: str) -> re.Pattern[str]:
    """A pattern as a regular expression; one that somebody repeats is translated once."""
    return re.compile(translate(pattern))


NAME = re.compile(r"[\w.+-]+(?=[ *]|$)")
"""A command's name in front of a pattern."""
SEVERAL = re.compile(r"[;&|<>\n]")
"""What stands between commands, or beside one."""


@dataclass(slots=True)
class Script:
    """What commands that match a pattern (`*`, `?` and `[…]` as in a shell) come to: for one provider's sandboxes or
    for everybody's, so many `times` or always, after `delay_ms` on the wall."""

    pattern: str
    stdout: str = ""
    stderr: str = ""
    exit_code: int = 0
    delay_ms: float = 0
    provider: str | None = None
    times: int | None = None
    hits: int = 0

    def matches(self, slug: str, text: str) -> bool:
        return self.provider in (None, slug) and expression(self.pattern).match(text) is not None

    def is_about(self, text: str) -> bool:
        """Whether it can answer a text as a whole: the name of a command is that of one command in several."""
        return not (NAME.match(self.pattern) and SEVERAL.search(text) and not SEVERAL.search(self.pattern))

    def take(self) -> bool:
        """Count one more command, unless it has answered as many as it may."""
        if self.times is not None and self.hits >= self.times:
            return False
        self.hits += 1
        return True

    def finish(self, order: Order) -> Finished:
        """What the order comes to; one that takes longer than it may times out."""
        seconds = self.delay_ms / 1_000
        if order.seconds is not None and seconds > order.seconds:
            return Finished(TIMED_OUT, seconds=order.seconds, timed_out=True, answered_by=SCRIPT)
        return Finished(self.exit_code, self.stdout.encode(), self.stderr.encode(), seconds=seconds, answered_by=SCRIPT)

    def row(self) -> Document:
        """As the admin API has it."""
        return {
            "pattern": self.pattern,
            "stdout": self.stdout,
            "stderr": self.stderr,
            "exit_code": self.exit_code,
            "delay_ms": self.delay_ms,
            "provider": self.provider,
            "times": self.times,
            "hits": self.hits,
        }


def read_script(part: Part, providers: Mapping[str, object]) -> Script:
    """A script from a row of a snapshot, or a refusal that names the member."""
    script = Script(
        part.text("pattern", MAX_PATTERN),
        part.text("stdout", MAX_TEXT),
        part.text("stderr", MAX_TEXT),
        part.integer("exit_code", 0, MAX_EXIT_CODE),
        part.number("delay_ms", 0, MAX_DELAY_MS),
        part.maybe("provider"),
    )
    times, script.hits = part.anything("times"), part.count("hits")
    if script.provider is not None and script.provider not in providers:
        raise part.wrong("provider", "is none that is served")
    if times is not None and (type(times) is not int or not 1 <= times <= MAX_TIMES):
        raise part.wrong("times", f"must be a whole number from 1 to {MAX_TIMES}, or null")
    script.times = times
    part.end()
    return script


@dataclass(slots=True)
class Scripts:
    """The scripts of a world, in the order in which they are tried. Others take the place of the whole list."""

    rows: list[Script] = field(default_factory=list)

    def names(self, slug: str) -> set[str]:
        """The commands whose names patterns begin with."""
        found = (NAME.match(each.pattern) for each in self.rows if each.provider in (None, slug))
        return {match[0] for match in found if match is not None}

    def matching(self, slug: str, order: Order) -> Iterator[Script]:
        """The scripts whose pattern fits, spent or not."""
        text = order.text.strip()[:MAX_COMPARED] if self.rows else ""
        return (script for script in self.rows if script.matches(slug, text))
