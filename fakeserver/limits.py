"""Rate limits on a world's clock: fixed windows and token buckets, counted per caller, tenant or address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fakeserver.draws import SECOND
from fakeserver.problems import Problem

MAX_COUNTERS = 10_000
"""Counters that are kept; the oldest make room, as a server's memory would."""


@dataclass(frozen=True, slots=True)
class Limit:
    """`capacity` requests per `seconds`. A bucket refills smoothly; a window starts anew when it is over.
    `by` says what is counted apart: "address", "caller", "tenant". A limit with `headers` reports itself in the
    RateLimit fields of every answer; one that is not `enforced` by default only does that."""

    name: str
    capacity: int
    seconds: float
    by: tuple[str, ...]
    bucket: bool = False
    headers: bool = False
    enforced: bool = True


class Limits:
    """The counters of one world."""

    def __init__(self) -> None:
        self.counters: dict[tuple[str, ...], tuple[float, int]] = {}

    def take(
        self, slug: str, limits: tuple[Limit, ...], who: Mapping[str, str], now: int, *, enforced: bool | None
    ) -> dict[str, str]:
        """Count one request; the headers that report it, or a 429. `enforced` overrules each limit's own default."""
        headers: dict[str, str] = {}
        for limit in limits:
            key = (slug, limit.name, *(who[each] for each in limit.by))
            left, wait = self._bucket(key, limit, now) if limit.bucket else self._window(key, limit, now)
            if limit.headers and ("RateLimit-Remaining" not in headers or left < int(headers["RateLimit-Remaining"])):
                reset = self._refill(key, limit) if limit.bucket else wait
                headers |= {
                    "RateLimit-Limit": str(limit.capacity),
                    "RateLimit-Remaining": str(max(0, left)),
                    "RateLimit-Reset": str(max(1, reset)),
                }
            if left < 0 and (limit.enforced if enforced is None else enforced):
                retry = {"Retry-After": str(max(1, wait))}
                detail = f"Rate limit exceeded: {limit.capacity} requests per {limit.seconds:g} seconds"
                raise Problem(429, "rate_limited", detail, headers={**headers, **retry})
        return headers

    def _window(self, key: tuple[str, ...], limit: Limit, now: int) -> tuple[int, int]:
        """(requests left, whole seconds until the window is over); left is negative for a request too many."""
        used, start = self.counters.get(key, (0.0, now))
        if not 0 <= now - start < limit.seconds * SECOND:
            used, start = 0.0, now
        self._keep(key, used + 1, start)
        left = limit.capacity - int(used) - 1
        return left, -int((now - start - limit.seconds * SECOND) // SECOND)

    def _bucket(self, key: tuple[str, ...], limit: Limit, now: int) -> tuple[int, int]:
        """(tokens left, whole seconds until there is one again)."""
        used, seen = self.counters.get(key, (0.0, now))
        used = max(0.0, used - max(0, now - seen) / SECOND * limit.capacity / limit.seconds)
        if used + 1 > limit.capacity:
            self._keep(key, used, now)
            return -1, 1 + int((used + 1 - limit.capacity) * limit.seconds / limit.capacity)
        self._keep(key, used + 1, now)
        return int(limit.capacity - used - 1), 1

    def _refill(self, key: tuple[str, ...], limit: Limit) -> int:
        return 1 + int(self.counters[key][0] * limit.seconds / limit.capacity)

    def _keep(self, key: tuple[str, ...], used: float, instant: int) -> None:
        if key not in self.counters and len(self.counters) >= MAX_COUNTERS:
            del self.counters[next(iter(self.counters))]
        self.counters[key] = (used, instant)
