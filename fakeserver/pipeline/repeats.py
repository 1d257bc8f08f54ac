"""A request that comes again in the very same bytes has the same answer, as long as all that it stands on is as it was;
and of one that comes with another query, or with another body, all that is found before either is looked at is known.

What does not stand still is never kept: rate limits count every request, the journal notes it, and a fault that
somebody wants is found in front of any answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fakeserver.documents.collection import Collection
from fakeserver.listing.meaning import Result
from fakeserver.pipeline.exchange import Progress, Request
from fakeserver.pipeline.routes import Route
from fakeserver.spec.credentials import credentials
from fakeserver.worlds.rate_limits import Meter
from fakeserver.worlds.settings import Settings
from fakeserver.worlds.world import World

Standing = tuple[int, ...]
"""Numbers of which one is another as soon as a document may be shown otherwise than before."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What was found of the request for a list, in a world of this name, before its query was looked at, or of one with
    a body before that was: the operation, what its path holds, and its credentials, behind which nothing was asked of
    the fake."""

    slug: str
    world: str
    request: Request
    route: Route
    segments: Mapping[str, str]
    keys: list[str] = field(repr=False)
    length: int
    """Bytes of the body, which its head names; what they were is nobody's business any more."""

    @classmethod
    def of(
        cls, slug: str, request: Request, world: World, route: Route, segments: Mapping[str, str], keys: list[str]
    ) -> Opening | None:
        """Nothing where the headers could ask the fake for something, or may lead into another world than before."""
        asks = "prefer" in request.headers or keys != credentials(route.operation, request.headers)
        if request.opening is not None or request.aside or asks:
            return None
        known = replace(request, body=b"") if request.body else request
        return cls(slug, world.name, known, route, segments, keys, len(request.body))

    def asking(self, query: bytes, body: bytes = b"", *, again: bool = False) -> Request:
        """The same request with another query, or another body."""
        asked = self.request
        return Request(
            asked.method,
            asked.path,
            query,
            asked.headers,
            asked.address,
            body,
            asked.prefix,
            asked.scheme,
            False,
            asked.base_url,
            again,
            opening=self,
            patient=True,
        )


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
