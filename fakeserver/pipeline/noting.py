"""What the journal has of a request and its answer."""

from __future__ import annotations

import functools
import re

from fakeserver.pipeline.exchange import GUARD_HEADER, Answer, Progress, Request
from fakeserver.pipeline.repeats import Opening
from fakeserver.pipeline.routes import UNSERVED_HEADER
from fakeserver.spec.parameters import MAX_QUERY_BYTES
from fakeserver.worlds.entries import MAX_TEXT, Particulars


def particulars_of(slug: str, request: Request, progress: Progress, answer: Answer) -> Particulars:
    """All but the instant. The headers hold credentials, so they are not kept."""
    query = request.query
    if len(query) > MAX_QUERY_BYTES:
        # It was refused, and three bytes a character are more than the journal shows.
        query = query[: 3 * MAX_TEXT]
    poll_seconds, idempotency, is_list = progress.client
    return Particulars(
        slug,
        request.method,
        request.path[:MAX_TEXT],
        query,
        progress.operation,
        None if progress.caller is None else progress.caller.name,
        progress.values,
        answer.status,
        None if progress.effect is None else progress.effect.label,
        answer.headers.get("Retry-After"),
        answer.headers.get(UNSERVED_HEADER) or answer.headers.get(GUARD_HEADER),
        poll_seconds,
        is_list,
        hash(request.body) if request.body else 0,
        bool(idempotency) and member_in(idempotency).search(request.body) is None,
        (progress.remark,) if progress.remark else (),
        progress.scenario or None,
    )


class Noting:
    """What the journal has of one provider's requests. Who sends the very same body again shares what it has of the
    last one, as those do who ask for the same page again."""

    def __init__(self, slug: str) -> None:
        self._slug = slug
        self._last: tuple[Opening, Progress, Particulars] | None = None

    def of(self, request: Request, progress: Progress, answer: Answer) -> Particulars:
        """All but the instant."""
        opening, last = request.opening, self._last
        if opening is None or not request.body:
            return particulars_of(self._slug, request, progress, answer)
        if last is not None:
            before, known, about = last
            if (
                opening is before
                and hash(request.body) == about.body
                and progress.tells_the_same(known)
                and answer.status == about.status
                and answer.headers.get("Retry-After") == about.retry_after
            ):
                return about
        about = particulars_of(self._slug, request, progress, answer)
        self._last = opening, progress, about
        return about


@functools.lru_cache
def member_in(name: str) -> re.Pattern[bytes]:
    """What finds a member of this name in JSON that is not null."""
    return re.compile(rb'"%s"\s*:\s*[^\sn]' % name.encode())
