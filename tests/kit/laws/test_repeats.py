"""HEAD and ETag: what a deployment need not have, and what it must not get wrong where it has it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import pytest

from contract_tests.judging.check import Check
from contract_tests.judging.target import target
from contract_tests.laws import LAWS
from contract_tests.laws.layer import Laws
from contract_tests.oracle.twin import default_credentials
from contract_tests.outcome import Options, Outcome, Tier, Verdict
from contract_tests.planted.exercise import default_options, exercise
from contract_tests.planted.false_alarms import handler
from contract_tests.sending.in_process import Handler, InProcess
from contract_tests.sending.recorder import Recorder
from tests.support.moving import Changing

Answered = tuple[int, Mapping[str, str], bytes]
Change = Callable[[str, dict[str, str], Answered], Answered]


def outcome(law: str, change: Change, slug: str = "prime") -> Outcome:
    """What a law says about a correct server whose answers are changed, seen with everything that the laws ask."""
    right = handler(slug, 0, 40)

    def answer(method: str, path: str, query: bytes, headers: dict[str, str]) -> Answered:
        return change(method, headers, right(method, path, query, headers))

    deployment: Handler = answer
    session = exercise(slug, deployment, default_options(slug, profile="deep"), (Laws(),))
    return next(each for each in session.outcomes if each.law == law)


def unchanged(method: str, headers: dict[str, str], answered: Answered) -> Answered:
    return answered


@pytest.mark.parametrize(
    ("status", "body", "verdict", "says"),
    [
        (200, b"", Verdict.HOLDS, ""),
        (405, b"", Verdict.NOT_APPLICABLE, "not served"),
        (501, b"", Verdict.NOT_APPLICABLE, "not served"),
        (404, b"", Verdict.BROKEN, "answered with 404"),
        (403, b"", Verdict.BROKEN, "answered with 403"),
    ],
)
def test_head_is_served_right_or_not_at_all(status: int, body: bytes, verdict: Verdict, says: str) -> None:
    """No page promises HEAD, so that a server without it says nothing, and one that answers wrongly is warned of."""

    def change(method: str, headers: dict[str, str], answered: Answered) -> Answered:
        return (status, answered[1], body) if method == "HEAD" else answered

    found = outcome("repeats.head", change)
    assert (found.verdict, says in found.sentence) == (verdict, True)
    assert found.tier is Tier.SHOULD or verdict is not Verdict.BROKEN


def tagged(known: Callable[[str, str], bool]) -> Change:
    """A server with ETags, and its rule for whether the one that is sent is the one that it has."""

    def change(method: str, headers: dict[str, str], answered: Answered) -> Answered:
        status, sent, body = answered
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if status == 200 and known(headers.get("if-none-match", ""), tag):
            return 304, {"etag": tag}, b""
        return status, {**sent, "etag": tag}, body

    return change


def test_an_etag_belongs_to_one_answer() -> None:
    """A server that calls everything unchanged as soon as it is asked is told apart from one that compares."""
    assert outcome("caching.validators", unchanged).sentence == "there is no ETag"
    assert outcome("caching.validators", tagged(lambda asked, own: asked == own)).verdict is Verdict.HOLDS
    wrong = outcome("caching.validators", tagged(lambda asked, own: bool(asked)))
    assert (wrong.verdict, wrong.tier) == (Verdict.BROKEN, Tier.SHOULD)
    assert "304" in wrong.sentence


def test_a_list_that_grew_before_it_stood_still_has_one_order() -> None:
    """Two sandboxes came, one after the other, before the list was read again: the answers of before are no pages of
    it, though all of their rows are in it."""
    where = target("superserve")
    growing = Changing("superserve", gone=lambda number: max(0, 3 - number))
    check = Check(where, Recorder(InProcess(growing, where.security, default_credentials("superserve"))), Options())
    before = len(check.snapshot().rows)
    check.run(LAWS["repeats.order"])
    check.finish()
    assert check.breaches == {}
    assert len(check.snapshot().rows) == before + 2
