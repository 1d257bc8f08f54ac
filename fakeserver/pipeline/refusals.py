"""How a provider says that a write is not made, and what a journal says of a request that somebody else has refused."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from fakeserver.documents.changes import ChangeError, FullError
from fakeserver.pipeline.exchange import Answer, Progress, Request
from fakeserver.pipeline.routes import Matcher
from fakeserver.problems import FakeProblem, Moved, Problem, conflict
from fakeserver.stores import namespace_full
from fakeserver.worlds.world import World

if TYPE_CHECKING:
    from fakeserver.pipeline.service import Service


def refusal_of_change(error: ChangeError) -> Problem:
    """Why a write is not made, to who asked for it."""
    if isinstance(error, FullError):
        return namespace_full(error.detail)
    return conflict(f"The change cannot be made: {error}")


def note_refusal(service: Service, request: Request, match: Matcher, answer: Answer, world: World) -> None:
    """Put a request into the journal of its world that was refused before the service was asked."""
    if not world.settings.journal:
        return
    progress = Progress(world.clock.now)
    with suppress(Problem, FakeProblem, Moved):
        route, _ = match(request.method, request.path)
        progress.operation, progress.client = route.operation, route.client
        progress.caller = service.find_caller(route.read_wishes(request)[0], world)
    service.note(request, progress, answer, world)
