"""The recorder: who pays, what is over budget, and which failures are told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx
import pytest

from contract_tests.sending.ask import Ask
from contract_tests.sending.in_process import InProcess
from contract_tests.sending.recorder import Recorder
from contract_tests.sending.transport import BudgetExhausted, SendingStopped, Transport
from tests.support.sending import SECRET, SECURITY, wire


@dataclass
class Listener:
    """A watcher that writes down what it hears."""

    account: str = "law:probe"
    heard: list[tuple[str, tuple[Ask, ...]]] = field(default_factory=list)

    def failing(self, sentence: str, asks: Sequence[Ask]) -> None:
        self.heard.append((sentence, tuple(asks)))


def answering(statuses: Iterable[int]) -> InProcess:
    left = iter(statuses)

    def answer(*request: object) -> tuple[int, Mapping[str, str], bytes]:
        return next(left), {}, b"[]"

    return InProcess(answer, SECURITY, {"token": SECRET})


def recording(transport: Transport) -> tuple[Recorder, Listener]:
    recorder, listener = Recorder(transport), Listener()
    recorder.watch(listener)
    return recorder, listener


ASK, OTHER = Ask("/x"), Ask("/y")


def test_requests_are_booked_on_the_account_of_the_moment() -> None:
    """Each on whatever the watcher says then, repetitions included; all of them are kept."""
    recorder, listener = recording(answering([200, 500, 200, 200, 200]))
    recorder.send(ASK)
    listener.account = "law:other"
    recorder.send(ASK)
    recorder.together([ASK, OTHER])
    assert recorder.prices == {"law:probe": 1, "law:other": 4}
    assert [reply.status for reply in recorder.replies] == [200, 500, 200, 200, 200]
    assert recorder.sent == 5


def test_nobody_has_to_watch() -> None:
    """Without a watcher the requests are booked on nobody's account, and a failure is an answer."""
    recorder = Recorder(answering([500, 500]))
    assert recorder.send(ASK).status == 500
    assert recorder.prices == {"": 2}


@pytest.mark.parametrize(
    ("statuses", "answer", "heard"),
    [
        ([500, 200], 200, []),
        ([500, 503], 503, [("503, twice in a row", (ASK,))]),
        ([404], 404, []),
    ],
)
def test_a_failure_is_asked_once_more(
    statuses: list[int], answer: int, heard: list[tuple[str, tuple[Ask, ...]]]
) -> None:
    """One may be bad luck; two are told."""
    recorder, listener = recording(answering(statuses))
    assert recorder.send(ASK).status == answer
    assert listener.heard == heard


def test_a_server_without_head_has_not_failed() -> None:
    """501 is the answer to a method that is not served."""
    recorder, listener = recording(answering([501]))
    assert recorder.send(Ask("/x", method="HEAD")).status == 501
    assert (listener.heard, recorder.sent) == ([], 1)


def test_a_budget_is_kept_before_anything_is_sent() -> None:
    """Two at once need room for two; a failure that there is no room to repeat is nobody's to judge."""
    recorder, listener = recording(answering([200, 500]))
    recorder.limit = 2
    recorder.send(ASK)
    with pytest.raises(BudgetExhausted, match="the budget of 2 requests is used up"):
        recorder.together([ASK, OTHER])
    assert recorder.sent == 1
    with pytest.raises(BudgetExhausted):
        recorder.send(ASK)
    assert listener.heard == []


def test_different_failures_one_behind_the_other_are_told_when_sending_stops() -> None:
    """The transport leaves the server alone before any of them could be asked again."""
    recorder, listener = recording(wire(lambda request: httpx.Response(500, json={})))
    asks = [Ask("/api", (("page", str(page)),)) for page in (1, 2, 3)]
    with pytest.raises(SendingStopped):
        recorder.together(asks)
    assert listener.heard == [("different requests failed one after the other", tuple(asks))]


def test_progress_is_told_with_every_answer() -> None:
    """The number is that of all requests so far."""
    seen: list[int] = []
    recorder = Recorder(answering([200, 200, 200]), seen.append)
    recorder.send(ASK)
    recorder.together([ASK, OTHER])
    assert seen == [1, 3]


def test_the_credentials_are_those_of_the_transport() -> None:
    """Whoever has the recorder can cut them out of a text."""
    assert Recorder(answering([])).credentials.redact(f"saw {SECRET}") == "saw [redacted]"
