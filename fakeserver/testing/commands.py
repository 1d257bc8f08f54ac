"""What sandboxes run, as tests script it and look at it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote, urlencode

from fakeserver.problems import Document
from fakeserver.testing.admin import Admin
from fakeserver.testing.faults import script
from fakeserver.testing.values import seconds as seconds_of

Seconds = float | timedelta


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that was run in a sandbox, and what answered it: `shell`, `script`, or `nobody` where no interpreter is
    installed. Of command and output the beginning is here, 1,000 characters of each; `hint` says what to do about one
    that was not found."""

    provider: str
    id: str
    at: str
    command: str
    exit_code: int
    stdout: str
    stderr: str
    seconds: float
    timed_out: bool
    answered_by: str
    hint: str | None


def commands_of(admin: Admin, provider: str | None = None) -> tuple[Ran, ...]:
    """The commands that were run in a provider's sandboxes, or in all, the first one first."""
    rows = admin.call("GET", "/commands")["commands"]
    return tuple(Ran(**row) for row in reversed(rows) if provider in (None, row["provider"]))


def script_command(
    admin: Admin,
    provider: str | None,
    pattern: str,
    stdout: str | None,
    stderr: str | None,
    exit_code: int | None,
    delay: Seconds | None,
    times: int | None,
) -> Document:
    for name, text in (("pattern", pattern), ("stdout", stdout), ("stderr", stderr)):
        if isinstance(text, bytes):
            raise TypeError(f"{name} must be a str, not bytes")
    asked = script(
        pattern=pattern,
        provider=provider,
        stdout=stdout,
        stderr=stderr,
        exit_code=exit_code,
        delay_ms=None if delay is None else seconds_of(delay) * 1_000,
        times=times,
    )
    made: Document = admin.call("POST", "/commands", asked)
    return made


def place_of(provider: str, identity: str, path: str) -> str:
    """The admin call that shows what a sandbox has at a path."""
    return f"/files/{provider}/{quote(identity, safe='')}?{urlencode({'path': path})}"
