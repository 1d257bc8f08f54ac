"""Rate limits on a world's clock: fixed windows and token buckets, counted per caller, tenant or address."""

from __future__ import annotations

import functools
import math
from collections import OrderedDict
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from fakeserver.instants import FIRST_INSTANT, LAST_INSTANT, SECOND
from fakeserver.listing.limit import Limit
from fakeserver.parts import MAX_COUNT, Part
from fakeserver.problems import Document, Problem
from fakeserver.worlds.state import Served

SLACK = 1e-9
"""Tokens by which a bucket that is paid back in fractions may be off."""
ENFORCED = {"default": None, "enforced": True, "off": False}
"""By the setting of rate limits: whether they are enforced, whatever their own defaults are."""
MAX_REPORTS = 4_096
"""What answers say of limits, kept at hand."""
MAX_COUNTERS = 10_000
"""Counters that are kept; the oldest make room, as a server's memory would."""


@dataclass(frozen=True, slots=True)
class Meter:
    """One limit as it is counted for one of those whom it tells apart."""

    limit: Limit
    key: tuple[str, ...]
    seconds_per_request: float


def meters_of(
    slug: str, limits: Iterable[Limit], mode: str, address: str, caller: str | None, tenant: str | None
) -> tuple[Meter, ...]:
    """What counts a request to a provider, those at the door first; of a caller who is not known (None), only those do.
    Limits that are off refuse nothing, and report themselves all the same."""
    known = caller is not None and tenant is not None
    who = {"address": address, "caller": caller or "", "tenant": tenant or ""}
    counted = [each for each in limits if (known or each.at_door) and (mode != "off" or each.headers)]
    return tuple(
        Meter(each, (slug, each.name, *(who[part] for part in each.by)), each.seconds / each.capacity)
        for each in sorted(counted, key=lambda each: not each.at_door)
    )


class Limits:
    """The counters of one world."""

    changed = False
    """Requests alone count here, and a world may be dropped for all they did."""

    def __init__(self) -> None:
        self.counters: OrderedDict[tuple[str, ...], tuple[float, int]] = OrderedDict()

    def take(self, meters: Iterable[Meter], now: int, *, enforced: bool | None, keep: bool = True) -> Mapping[str, str]:
        """Count one request; the headers that report it, those of the last limit that has some, or a 429. `enforced`
        overrules each limit's own default; what is not kept is as if it had not been counted."""
        reported: Mapping[str, str] = {}
        for meter in meters:
            limit = meter.limit
            left, wait, reset = (self._bucket if limit.bucket else self._window)(meter, now, keep)
            if limit.headers:
                reported = report(limit.capacity, left, reset)
            if left < 0 and (limit.enforced if enforced is None else enforced):
                detail = f"Rate limit exceeded: {limit.capacity} requests per {limit.seconds:g} seconds"
                headers = refused(reported, wait) if limit.headers else reported
                raise Problem(429, "rate_limited", detail, headers={**headers, "Retry-After": str(max(1, wait))})
        return reported

    def _window(self, meter: Meter, now: int, keep: bool) -> tuple[int, int, int]:
        """(requests left, whole seconds until the window is over, and the same again); left is negative for a request
        too many."""
        limit, key = meter.limit, meter.key
        used, start = self.counters.get(key, (0.0, now))
        if not 0 <= now - start < limit.seconds * SECOND:
            used, start = 0.0, now
        if keep:
            self._keep(key, used + 1, start, taken=1)
        left = limit.capacity - int(used) - 1
        wait = -int((now - start - limit.seconds * SECOND) // SECOND)
        return left, wait, wait

    def _bucket(self, meter: Meter, now: int, keep: bool) -> tuple[int, int, int]:
        """(tokens left, whole seconds until there is one again, and until the bucket is full)."""
        # Nothing refills a bucket: it is kept as what was used and when, and the time since then pays tokens back at
        # the next request. A clock that was set back pays nothing back.
        key, capacity, per_token = meter.key, meter.limit.capacity, meter.seconds_per_request
        used, counted_at = self.counters.get(key, (0.0, now))
        if now > counted_at:
            used = max(0.0, used - (now - counted_at) / (per_token * SECOND))
        if used + 1 > capacity + SLACK:
            if keep:
                self._keep(key, used, now, taken=0)
            return -1, math.ceil((used + 1 - capacity) * per_token), math.ceil(capacity * per_token)
        used = min(used + 1, capacity)
        if keep:
            self._keep(key, used, now, taken=1)
        left = int(capacity - used + SLACK)
        return left, 1, math.ceil((capacity - left) * per_token)

    def _keep(self, key: tuple[str, ...], used: float, instant: int, taken: int) -> None:
        if key not in self.counters and len(self.counters) >= MAX_COUNTERS:
            self.counters.popitem(last=False)
        self.counters[key] = (used, instant)

    def forget(self, slugs: Container[str]) -> None:
        """Begin to count anew for these providers."""
        for key in [key for key in self.counters if key[0] in slugs]:
            del self.counters[key]

    # Snapshots

    def dump(self) -> Document:
        return {"counters": [[list(key), used, instant] for key, (used, instant) in self.counters.items()]}

    def load(self, part: Part, served: Served) -> None:
        """Become what `dump` wrote; each counter must be one that a provider's limit can have."""
        known = {(slug, each.name): each for slug, provider in served.providers.items() for each in provider.limits}
        rows = part.elements("counters", MAX_COUNTERS)
        part.end()
        for index in rows.names():
            row = rows.row(index, ("key", "used", "instant"))
            words = row.elements("key")
            key = tuple(words.text(place) for place in words.names())
            limit = known.get(key[:2])
            if limit is None or len(key) != 2 + len(limit.by) or key in self.counters:
                raise row.wrong("key", "is not a counter of a rate limit, or is there twice")
            used = float(row.number("used", 0, limit.capacity if limit.bucket else MAX_COUNT))
            self.counters[key] = used, row.integer("instant", FIRST_INSTANT, LAST_INSTANT)


@functools.lru_cache(MAX_REPORTS)
def report(capacity: int, left: int, reset: int) -> Mapping[str, str]:
    """The RateLimit fields for a limit that has so many requests left and is fresh in so many seconds."""
    return {
        "RateLimit-Limit": str(capacity),
        "RateLimit-Remaining": str(max(0, left)),
        "RateLimit-Reset": str(max(1, reset)),
    }


def refused(reported: Mapping[str, str], wait: int) -> dict[str, str]:
    """The same fields, if there are any, in the answer that refuses a request for so many seconds."""
    return {**reported, "RateLimit-Remaining": "0", "RateLimit-Reset": str(max(1, wait))} if reported else {}
