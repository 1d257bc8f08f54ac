"""The fake as oracle finds planted bugs with two requests each, and never blames a correct server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import pytest

from contract_tests.judging.target import target
from contract_tests.oracle import layer
from contract_tests.oracle.differences import differences
from contract_tests.oracle.planning import Planner, Servers
from contract_tests.oracle.sides import Side
from contract_tests.outcome import Context, Outcome, Snapshot, Verdict
from contract_tests.planted import BUGS, correct, servers
from contract_tests.planted.bug import Bug
from contract_tests.promises import BY_SLUG
from contract_tests.promises.questions import OracleQuestion
from contract_tests.sending.ask import Ask
from contract_tests.sending.in_process import Handler
from tests.support.moving import ORGS, moving, reader
from tests.support.plans import Plans
from tests.support.soak import every_pair

SLUGS = ("dreadnode", "instavm", "prime", "superserve")
CHURNS = (0.0, 0.1, 1.0)
WORLDS = ((0, 0.0), (0, 1.0), (1, 0.1), (1, 1.0), (2, 1.0), (40, 0.0), (40, 0.1), (40, 1.0))
"""Rows, and the probability of a change before each request."""
FOUND = (
    ("prime", "labels_any"),
    ("prime", "filter_after_paging"),
    ("superserve", "metadata_any_pair"),
    ("superserve", "metadata_prefix"),
    ("instavm", "filter_after_limit"),
    ("dreadnode", "state_last_only"),
)
"""Bugs that fit the schema in every answer; names that a table no longer has are left out."""


def compare(context: Context) -> list[Outcome]:
    return layer.compare(context, servers)


def found(outcomes: list[Outcome]) -> list[Outcome]:
    return [each for each in outcomes if each.verdict is Verdict.BROKEN]


def planted(slug: str, name: str) -> Bug:
    return next(bug for bug in BUGS if (bug.slug, bug.name) == (slug, name))


KNOWN = [pair for pair in FOUND if any((bug.slug, bug.name) == pair for bug in BUGS)]


@pytest.mark.parametrize(("slug", "name"), KNOWN, ids=lambda value: str(value))
def test_a_filter_bug_is_shown_by_two_requests(slug: str, name: str) -> None:
    """A finding is the unfiltered list and one question that contradicts it, as lines for a shell."""
    context = reader(slug, planted(slug, name).handler(size=300))
    broken = found(compare(context))
    assert broken
    first = broken[0]
    lines = [ask.curl("https://deployment.test", target(slug).security) for ask in first.asks[:2]]
    assert len(lines) == 2
    assert lines[0] != lines[1]
    assert all("$TOKEN" in line and "admin-key" not in line for line in lines)
    assert first.sentence
    assert first.layer == "oracle"


def test_there_are_filter_bugs_of_each_kind_of_list() -> None:
    """The test above must not run empty because somebody renamed the bugs."""
    assert len({slug for slug, _ in KNOWN}) >= 3


@pytest.mark.parametrize(("slug", "size", "churn"), every_pair(SLUGS, WORLDS))
def test_a_correct_server_is_never_blamed(slug: str, size: int, churn: float) -> None:
    """Whatever the size of the world and however fast it moves, nothing is found where nothing is wrong."""
    outcomes = compare(reader(slug, moving(slug, size=size, seed=size, churn=churn), seed=size))
    assert not found(outcomes)


def test_a_large_correct_server_is_never_blamed() -> None:
    """With a thousand rows the windows of pages have room to be wrong."""
    for seed, churn in enumerate(CHURNS):
        outcomes = compare(reader("prime", moving("prime", size=1_000, seed=seed, churn=churn), seed=seed))
        assert not found(outcomes), (churn, found(outcomes))


def test_an_empty_account_proves_nothing() -> None:
    """Filters and pages of an empty list are inconclusive, never held."""
    outcomes = {each.law: each for each in compare(reader("superserve", moving("superserve", size=0)))}
    assert outcomes["oracle.filters"].verdict is Verdict.INCONCLUSIVE
    assert outcomes["oracle.pages"].verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(("profile", "most"), [("polite", 10), ("default", 25)])
def test_the_budget_holds(profile: str, most: int) -> None:
    """On a correct deployment no profile sends more than it says."""
    context = reader("instavm", correct("instavm", size=200), profile=profile)
    context.snapshot()
    before = context.transport.sent
    compare(context)
    assert context.transport.sent - before <= most


def test_equal_seeds_ask_the_same() -> None:
    """Same seed, same requests, same verdict."""
    first, second = Listener("dreadnode"), Listener("dreadnode")
    for each in (first, second):
        compare(reader("dreadnode", each, seed=5))
    assert first.lines
    assert first.lines == second.lines


def test_no_bug_is_asked_the_same_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planning is what most of a check's time goes to."""
    asked = Counter[tuple[Handler, OracleQuestion]]()
    answer = Planner.answer

    def counted(self: Planner, handler: Handler, query: OracleQuestion) -> object:
        asked[handler, query] += 1
        return answer(self, handler, query)

    monkeypatch.setattr(Planner, "answer", counted)
    compare(reader("prime", correct("prime", size=120)))
    assert len({handler for handler, _ in asked}) > 50
    assert set(asked.values()) == {1}


def test_plans_that_tests_share_are_those_of_the_same_rows() -> None:
    """Other rows, another seed or another budget is planned anew."""
    planned: list[list[OracleQuestion]] = []

    def noted(context: Context, snapshots: Mapping[str, Snapshot], budget: int, _: Servers) -> list[OracleQuestion]:
        planned.append([OracleQuestion("", ((str(len(planned)), ""),))])
        return planned[-1]

    shared = Plans(noted)
    for count, (size, seed, budget) in enumerate(((40, 1, 9), (41, 1, 9), (40, 2, 9), (40, 1, 8)), 1):
        for _ in range(2):
            context = reader("superserve", correct("superserve", size=size), seed=seed)
            snapshots = {scope: context.snapshot(scope) for scope in context.scopes}
            assert shared(context, snapshots, budget, servers) == planned[-1]
        assert len(planned) == count


class Listener:
    """A correct server that writes down what it is asked."""

    def __init__(self, slug: str) -> None:
        self.server = correct(slug, size=120)
        self.lines: list[str] = []

    def __call__(
        self, method: str, path: str, query: bytes, headers: dict[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        self.lines.append(f"{method} {path}?{query.decode()}")
        return self.server(method, path, query, headers)


def test_rows_with_fields_that_nobody_knows_pass_through() -> None:
    """A deployment may have more fields than the page; they are compared as they stand."""
    slug = "superserve"
    rows = [{**row, "team_colour": "blue"} for row in reader(slug, correct(slug, size=60)).snapshot().rows]
    handler = correct(slug, {"main": rows})
    assert not found(compare(reader(slug, handler)))


def test_rows_of_the_wrong_types_end_in_no_crash() -> None:
    """Where a row breaks the schema, the oracle says that it cannot hold it."""
    slug = "superserve"
    rows = [{**row, "metadata": 7} for row in reader(slug, correct(slug, size=5)).snapshot().rows]
    outcomes = compare(reader(slug, correct(slug, {"main": rows})))
    assert not found(outcomes)


def test_only_certain_rows_convict() -> None:
    """A row that is in one snapshot only may be missing; one that is in both may not."""
    slug = "prime"
    context = reader(slug, correct(slug, size=30))
    rows = context.snapshot().rows
    query = OracleQuestion("", (("per_page", "1000"),))
    ask = Ask(context.path(), query.pairs)
    whole = Side.of(BY_SLUG[slug], {"": Snapshot("", rows, True, (ask,), 1)})
    gone = Side.of(BY_SLUG[slug], {"": Snapshot("", rows[1:], True, (ask,), 2)})
    without_first = replace(gone.twin.send(ask), ask=ask)
    assert not differences(query, [without_first], whole, gone)
    assert {each.kind for each in differences(query, [without_first], whole, whole)} >= {"rows"}


def test_planned_questions_come_from_the_rows() -> None:
    """Labels, states and page sizes are the deployment's own."""
    rows = reader("prime", correct("prime", size=100)).snapshot().rows
    labels = {label for row in rows for label in row.get("labels") or ()}
    mined = BY_SLUG["prime"].mine("", rows).essential
    asked = {text for query in mined for name, text in query.pairs if name == "labels"}
    assert asked & labels
    assert ORGS["dreadnode"] == ("acme",)
