"""A transport that remembers what was answered, keeps to a budget, and tells bad luck from a server that fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from contract_tests.sending.transport import Ask, BudgetExhausted, Reply, SendingStopped, Transport


def failed(reply: Reply) -> bool:
    """Whether the server failed; that it knows no HEAD is no failure."""
    return reply.status >= 500 and not (reply.status == 501 and reply.ask.method == "HEAD")


class Recorder:
    """A transport that remembers every answer and obeys a limit of its own.

    Whoever sends, a 5xx is asked once more, since one failure may be bad luck; what fails again is told to `failing`.
    """

    def __init__(self, inner: Transport, progress: Callable[[int], None] | None = None) -> None:
        self.inner = inner
        self.replies: list[Reply] = []
        self.limit: int | None = None
        self.progress = progress
        self.label: Callable[[], str] = lambda: ""
        self.prices: Counter[str] = Counter()
        """Requests by the probe that was running."""
        self.failing: Callable[[str, Sequence[Ask]], None] = lambda sentence, asks: None
        self._in_a_row: list[Reply] = []
        """The failures since the last answer that was none."""

    @property
    def sent(self) -> int:
        return self.inner.sent

    @sent.setter
    def sent(self, value: int) -> None:
        self.inner.sent = value

    def _room(self, wanted: int) -> None:
        if self.limit is not None and self.sent + wanted > self.limit:
            raise BudgetExhausted(f"the budget of {self.limit} requests is used up")

    def send(self, ask: Ask) -> Reply:
        return self._repeated(self._sent([ask], lambda: [self.inner.send(ask)])[0])

    def together(self, asks: Sequence[Ask]) -> list[Reply]:
        return [self._repeated(reply) for reply in self._sent(asks, lambda: self.inner.together(asks))]

    def _sent(self, asks: Sequence[Ask], sending: Callable[[], list[Reply]]) -> list[Reply]:
        self._room(len(asks))
        self.prices[self.label()] += len(asks)
        try:
            replies = sending()
        except SendingStopped:
            if len(self._in_a_row) > 1:
                self.failing(
                    "different requests failed one after the other",
                    tuple(dict.fromkeys(reply.ask for reply in self._in_a_row)),
                )
            raise
        self.replies += replies
        for reply in replies:
            self._in_a_row = [*self._in_a_row, reply] if failed(reply) else []
        if self.progress is not None:
            self.progress(self.sent)
        return replies

    def _repeated(self, reply: Reply) -> Reply:
        """The answer, or where the server failed, that to the same request again."""
        if not failed(reply):
            return reply
        again = reply
        if reply.failures < 2:
            try:
                again = self._sent([reply.ask], lambda: [self.inner.send(reply.ask)])[0]
            except BudgetExhausted:
                return reply  # Asked once, which proves nothing.
        if failed(again):
            self.failing(f"{again.status}, twice in a row", (reply.ask,))
        return again
