"""A request that comes again in the very same bytes has the same answer, as long as all that it stands on is as it was.

What does not stand still is never kept: rate limits count every request, the journal notes it, and a fault that
somebody wants is found in front of any answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fakeserver.documents.collection import Collection
from fakeserver.listing.meaning import Result
from fakeserver.pipeline.exchange import Progress, Request
from fakeserver.worlds.rate_limits import Meter
from fakeserver.worlds.settings import Settings
from fakeserver.worlds.world import World

Standing = tuple[int, ...]
"""Numbers of which one is another as soon as a document may be shown otherwise than before."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """A request, what was known of it and came of it, and what that stood on."""

    slug: str
    request: Request
    progress: Progress
    meters: tuple[Meter, ...]
    result: Result
    world: World
    settings: Settings
    tenants: Mapping[str, Collection]
    standing: Standing

    @classmethod
    def of(
        cls,
        slug: str,
        request: Request,
        progress: Progress,
        meters: tuple[Meter, ...],
        tenants: Mapping[str, Collection],
        world: World,
        result: Result,
    ) -> Repeat | None:
        """Nothing where the answer is under a scenario or an effect, comes in pieces, or is another with each look."""
        whole = isinstance(result.body, bytes) and result.status == 200
        standing = standing_of(tenants, world)
        if progress.scenario or progress.effect is not None or not whole or standing is None:
            return None
        return cls(slug, request, progress, meters, result, world, world.settings, tenants, standing)


def standing_of(tenants: Mapping[str, Collection], world: World) -> Standing | None:
    """How everything stands that the tenants' documents are shown by; None where that moves by itself."""
    if not world.clock.stands:
        return None
    standing = [world.clock.aged]
    for collection in tenants.values():
        if not collection.stands:
            return None
        standing.append(collection.answers.revision)
    return tuple(standing)
