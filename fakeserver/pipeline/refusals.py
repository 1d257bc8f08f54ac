"""How a provider says that a write is not made, how it says to authenticate, and what a journal says of a request that
somebody else has refused."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from fakeserver.documents.changes import ChangeError, FullError
from fakeserver.pipeline.exchange import Answer, Progress, Request
from fakeserver.pipeline.routes import Matcher
from fakeserver.problems import FakeProblem, Moved, Problem, conflict
from fakeserver.spec.reader import Operation
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


def challenge(operation: Operation | None, status: int) -> dict[str, str]:
    """The header that says how to authenticate, where the operation documents it for this status."""
    documented = None if operation is None else operation.responses.get(status)
    if documented is None or "WWW-Authenticate" not in documented.headers:
        return {}
    return {"WWW-Authenticate": "Bearer"}
