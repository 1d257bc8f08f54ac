"""Putting questions to a server, and drawing random ones."""

from __future__ import annotations

from collections.abc import Callable

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from contract_tests.judging.traces import no_traces
from contract_tests.outcome import Pairs
from contract_tests.promises.form import Promises
from contract_tests.promises.questions import OracleQuestion, Questions
from contract_tests.sending.ask import Ask, Reply

MAX_FOLLOWED = 3


def put(question: OracleQuestion, promises: Promises, send: Callable[[Ask], Reply]) -> list[Reply]:
    """Ask a question; the answers in the order of the requests."""
    path = promises.facets_path(question.scope) if question.facets else promises.path(question.scope)
    before = promises.scopes.query(question.scope)
    replies = [send(Ask(path, before + question.pairs))]
    cursor = promises.listing.cursor
    if cursor is None:
        return replies
    rest = tuple(pair for pair in question.pairs if pair[0] != cursor.parameter)
    first = following = promises.listing.next_page(replies[0])
    for _ in range(question.follow):
        if not following:
            break
        replies.append(send(Ask(path, (*before, *rest, (cursor.parameter, following)))))
        following = promises.listing.next_page(replies[-1])
    if question.moved is not None and first:
        replies.append(send(Ask(path, (*before, *question.moved, (cursor.parameter, first)))))
    return replies


def draw(questions: Questions, promises: Promises, seed: int, count: int) -> list[OracleQuestion]:
    """Random questions about the rows, equal for equal seeds."""
    drawn: dict[OracleQuestion, None] = {}
    paging, scope = promises.listing.paging, questions.scope
    parts = [st.one_of(st.just(()), st.sampled_from(list(pairs))) for pairs in questions.choices.values() if pairs]

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(st.tuples(*parts), st.booleans(), st.integers(0, MAX_FOLLOWED))
    def collect(chosen: tuple[Pairs, ...], facets: bool, follow: int) -> None:
        pairs = tuple(pair for part in chosen for pair in part)
        if promises.facets is not None and facets:
            pairs = tuple(pair for pair in pairs if pair[0] not in paging.parameters)
            drawn[OracleQuestion(scope, pairs, facets=True)] = None
        elif paging.cursor is not None and any(name == paging.size for name, _ in pairs):
            drawn[OracleQuestion(scope, pairs, follow=follow)] = None
        else:
            drawn[OracleQuestion(scope, pairs)] = None

    with no_traces():
        collect()
    return list(drawn)
