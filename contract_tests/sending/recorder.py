"""A transport that remembers what was answered, keeps to a budget, and tells bad luck from a server that fails, and a
server that fails from a gateway that stands in its place."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Protocol

from contract_tests.sending.ask import Ask, Reply
from contract_tests.sending.credentials import Credentials
from contract_tests.sending.recorded import FromRecording
from contract_tests.sending.secret import call_without_frames
from contract_tests.sending.tape import Tape, now
from contract_tests.sending.transport import BudgetExhausted, SendingStopped, Transport, Unreachable

IN_PLACE_OF_THE_API = frozenset({200, 403, 502, 503, 504})
"""The statuses of pages that gateways and logins send where an API would answer."""


def has_failed(reply: Reply) -> bool:
    """Whether the server failed; a server that knows no HEAD has not."""
    return reply.status >= 500 and not (reply.status == 501 and reply.ask.method == "HEAD")


def is_page(reply: Reply) -> bool:
    """Whether this may be a page of somebody who stands in front of the API."""
    return reply.status in IN_PLACE_OF_THE_API and reply.is_html


def is_plain(ask: Ask) -> bool:
    """Whether the main credential travels as documented first."""
    return ask.credential == "token" and not ask.channel


def is_shut_out(reply: Reply) -> bool:
    """Whether the main credential was refused."""
    return reply.status == 401 and is_plain(reply.ask)


class Watcher(Protocol):
    """Whoever sends through a recorder, and hears from it."""

    @property
    def account(self) -> str:
        """What the next request is booked on."""
        ...

    def failing(self, sentence: str, asks: Sequence[Ask]) -> None:
        """The server failed these requests, and that was not bad luck."""
        ...


class Recorder:
    """A transport that remembers every answer and obeys a limit of its own.

    Whoever sends, a 5xx is asked once more, since one failure may be bad luck; what fails again is told to the watcher.
    So is a page for people in the place of an answer; where other requests are no longer answered either, nobody is
    accused.
    """

    def __init__(
        self, inner: Transport, progress: Callable[[int], None] | None = None, tape: Tape | None = None
    ) -> None:
        self.inner = inner
        self.tape = tape if tape is not None else Tape()
        self.replies: list[Reply] = []
        self.limit: int | None = None
        self.progress = progress
        self.prices: Counter[str] = Counter()
        """Requests by the account that they were booked on."""
        self.seconds: defaultdict[str, float] = defaultdict(float)
        """What they took, pauses between them included."""
        self._watcher: Watcher | None = None
        self._in_a_row: list[Reply] = []
        """The failures since the last answer that was none."""

    def seconds_of(self, law: str) -> float:
        """What the requests of a law took; an account is the name of a law and that of a probe."""
        return sum(seconds for account, seconds in self.seconds.items() if account.startswith(f"{law}:"))

    def watch(self, watcher: Watcher) -> None:
        """From now on, requests are booked on this watcher's account, and failures are told to it."""
        self._watcher = watcher

    @property
    def sent(self) -> int:
        return self.inner.sent

    @property
    def is_recording(self) -> bool:
        """Whether the answers are those to another run's requests."""
        return isinstance(self.inner, FromRecording)

    @property
    def credentials(self) -> Credentials:
        return self.inner.credentials

    def send(self, ask: Ask) -> Reply:
        return self._settle(self._ask(ask))

    def together(self, asks: Sequence[Ask]) -> list[Reply]:
        return [
            self._settle(reply) for reply in self._send(asks, lambda: call_without_frames(self.inner.together, asks))
        ]

    def _ask(self, ask: Ask) -> Reply:
        return self._send([ask], lambda: [call_without_frames(self.inner.send, ask)])[0]

    def _send(self, asks: Sequence[Ask], sending: Callable[[], list[Reply]]) -> list[Reply]:
        if self.limit is not None and self.sent + len(asks) > self.limit:
            raise BudgetExhausted(f"the budget of {self.limit} requests is used up")
        account, started = self._watcher.account if self._watcher else "", time.perf_counter()
        moment, before = now(), self.sent
        self.prices[account] += len(asks)
        try:
            replies = sending()
        except Unreachable as error:
            self.tape.lose(account, moment, asks, error, stopped=False)
            raise
        except SendingStopped as error:
            self.tape.lose(account, moment, asks, error, stopped=True)
            if len(self._in_a_row) > 1:
                asks = tuple(dict.fromkeys(reply.ask for reply in self._in_a_row))
                self._tell("different requests failed one after the other", asks)
            raise
        finally:
            self.seconds[account] += time.perf_counter() - started
        self.tape.keep(account, moment, replies, self.sent - before)
        self.replies += replies
        for reply in replies:
            self._in_a_row = [*self._in_a_row, reply] if has_failed(reply) and not is_page(reply) else []
        if self.progress is not None:
            self.progress(self.sent)
        return replies

    def _settle(self, reply: Reply) -> Reply:
        """The answer, or where it may be bad luck, that to the same request again. Raises BudgetExhausted where there
        is no room to ask again, since what was seen once proves nothing."""
        if is_shut_out(reply):
            self._come_in(reply)
        if not has_failed(reply) and not is_page(reply):
            return reply
        again = reply
        if reply.failures < 2:
            try:
                again = self._ask(reply.ask)
            except Unreachable as reason:
                if not has_failed(reply):
                    raise
                self._tell(f"{reply.status}, and asked again: {reason}", (reply.ask,))
                return reply
        if is_page(again):
            self._hear_the_api(again)
        if has_failed(again):
            self._tell(f"{again.status}, twice in a row", (reply.ask,))
        return again

    def _hear_the_api(self, page: Reply) -> None:
        """Ask for something that was answered before: where a page comes back again, the API is not there."""
        known = self._known_beside(page.ask)
        if known is not None and is_page(self._ask(known)):
            raise Unreachable(f"{page.ask.name} was answered with an HTML page ({page.status}), as by a gateway")

    def _come_in(self, refusal: Reply) -> None:
        """Ask for something that the credential was good for: a token may expire, and then no refusal means a thing."""
        known = self._known_beside(refusal.ask)
        if known is not None and is_shut_out(self._ask(known)):
            raise SendingStopped(f"the credential is no longer taken: {refusal.ask.name} was answered with 401")

    def _known_beside(self, ask: Ask) -> Ask | None:
        """Another request of the main credential that the API has answered."""
        answered = (reply.ask for reply in self.replies if reply.status == 200 and not reply.is_html)
        return next((each for each in answered if each != ask and is_plain(each)), None)

    def _tell(self, sentence: str, asks: Sequence[Ask]) -> None:
        if self._watcher is not None:
            self._watcher.failing(sentence, asks)
