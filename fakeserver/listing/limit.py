"""A rate limit, as a provider declares it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """`capacity` requests per `seconds`. A bucket refills smoothly; a window starts anew when it is over.
    `by` says what is counted apart: "address", "caller", "tenant". A limit with `headers` reports itself in the
    RateLimit fields of every answer; one that is not `enforced` by default only does that. One that counts by address
    alone comes before authentication, so that refused callers count as well."""

    name: str
    capacity: int
    seconds: float
    by: tuple[str, ...]
    bucket: bool = False
    headers: bool = False
    enforced: bool = True

    @property
    def at_door(self) -> bool:
        """Whether it counts requests before anybody knows whose they are."""
        return set(self.by) <= {"address"}
