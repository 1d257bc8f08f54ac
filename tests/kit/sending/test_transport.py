"""What every transport obeys: its methods and its budget."""

from __future__ import annotations

import httpx
import pytest

from contract_tests.sending.ask import Ask
from contract_tests.sending.security import NeverSent
from contract_tests.sending.transport import BudgetExhausted
from tests.support.sending import local, silent, wire


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "QUERY"])
def test_nothing_but_get_and_head_leaves(method: str) -> None:
    """Any other method is refused before a request exists, over HTTP and in process alike."""
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.method)
        return silent(request)

    with pytest.raises(NeverSent):
        wire(answer).send(Ask("/api", method=method))
    here = local()
    with pytest.raises(NeverSent):
        here.send(Ask("/api", method=method))
    assert (seen, here.sent) == ([], 0)


def test_the_budget_is_never_exceeded() -> None:
    """The request behind the last one is refused before it leaves."""
    found = wire(silent, budget=3)
    for _ in range(3):
        found.send(Ask("/api"))
    with pytest.raises(BudgetExhausted):
        found.together([Ask("/api"), Ask("/api")])
    assert found.sent == 3


def test_answers_come_in_the_order_of_the_asks() -> None:
    """However they were under way, each reply belongs to its ask."""
    asks = [Ask("/api", (("page", str(number)),)) for number in range(7)]
    assert [reply.ask for reply in wire(silent).together(asks)] == asks
    assert [reply.ask for reply in local().together(asks)] == asks
