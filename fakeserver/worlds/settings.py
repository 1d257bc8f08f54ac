"""Settings: how a world behaves."""

from __future__ import annotations

from dataclasses import dataclass

from fakeserver.problems import Json

LIMIT_MODES = ("default", "enforced", "off")
"""`default` enforces the limits on the reference pages and only reports the observed ones."""


@dataclass(slots=True)
class Settings:
    """How a world behaves: whether it keeps a journal, what its rate limits do, and the providers' switches."""

    journal: bool
    rate_limits: dict[str, str]
    switches: dict[str, dict[str, Json]]
