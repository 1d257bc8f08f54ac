"""The laws as a collection: independent of the fake, documented, planned; and the judgement that they share."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import contract_tests
from contract_tests.judging import comparison
from contract_tests.judging.check import Check
from contract_tests.judging.judge import Question
from contract_tests.judging.session import CouldNotCheck
from contract_tests.judging.target import target
from contract_tests.laws import LAWS, law, laws_for
from contract_tests.laws.layer import Laws
from contract_tests.laws.plan import plans
from contract_tests.oracle.twin import default_credentials
from contract_tests.outcome import Options, Snapshot, Verdict
from contract_tests.planted import BUGS, correct
from contract_tests.planted.exercise import default_options, exercise
from contract_tests.promises import BY_SLUG
from contract_tests.reporting.report import failing
from contract_tests.sending.ask import Ask, Reply
from contract_tests.sending.in_process import InProcess
from contract_tests.sending.recorder import Recorder

HERE = Path(contract_tests.__file__).parent
DREADNODE, INSTAVM, PRIME, SUPERSERVE = (
    BY_SLUG[slug].listing for slug in ("dreadnode", "instavm", "prime", "superserve")
)
JUDGES = ("sending", "promises", "judging", "laws")
"""What judges a deployment."""
INDEPENDENT = [HERE / "outcome.py", *(path for room in JUDGES for path in sorted((HERE / room).glob("*.py")))]


def imported(path: Path) -> set[str]:
    """Every module that a file imports, inside of functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = node.module or ""
            found |= {f"{package}.{alias.name}" for alias in node.names} if package == "contract_tests" else {package}
    return found


@pytest.mark.parametrize("path", INDEPENDENT, ids=lambda path: path.name)
def test_the_laws_know_nothing_of_the_fake(path: Path) -> None:
    """A law that borrowed the fake's code would hold whatever the fake does; what finds files and packages does not."""
    assert {name for name in imported(path) if name.split(".")[0] == "fakeserver"} <= {
        "fakeserver.plugins",
        "fakeserver.resources",
    }


@pytest.mark.parametrize("slug", BY_SLUG)
def test_every_law_says_what_is_promised(slug: str) -> None:
    """A promise in a sentence; the page comes from the law or from the listing."""
    for each in laws_for(slug):
        assert len(each.promise) > 30, each.name
        assert each.promise.endswith("."), each.name


@pytest.mark.slow
def test_a_third_of_a_long_list_is_no_more_than_a_page() -> None:
    """An account of more than three of the largest pages is asked for no page that the reference page forbids."""
    where = target("prime")
    transport = InProcess(correct("prime", size=4_500), where.security, default_credentials("prime"))
    check = Check(where, Recorder(transport), Options())
    assert len(check.snapshot().rows) > 3 * 1_000
    check.run(LAWS["pages.windows"])
    check.finish()
    assert check.breaches == {}
    assert check.outcome(LAWS["pages.windows"]).verdict is Verdict.HOLDS


def test_a_law_without_a_promise_is_refused() -> None:
    """Neither is one whose name is taken."""
    with pytest.raises(ValueError, match="docstring"):
        law("ours.silent")(lambda check: None)
    with pytest.raises(ValueError, match="already"):
        law("schema.body")(next(iter(LAWS.values())).run)


EVERYBODYS = {
    "filters.single", "filters.conjunction", "filters.unknown", "filters.ignored", "spellings.encoding",
    "exactness.values", "pages.default", "pages.limits", "pages.filtered", "pages.size", "values.bounds", "values.odd",
    "values.no_5xx", "credentials.required", "credentials.channels", "credentials.unechoed",
    "repeats.again", "repeats.order", "repeats.together", "repeats.head", "tenancy.apart", "caching.validators",
    "caching.private", "rows.known",
    "rows.unique", "rows.order", "rows.same", "rows.invariants", "schema.status", "schema.media_type", "schema.body",
    "schema.undeclared", "schema.leaks",
}  # fmt: skip
OWN: Mapping[str, set[str]] = {
    "dreadnode": {
        "spellings.lists", "values.closed", "cursors.walk", "cursors.filtered", "cursors.replay", "cursors.bound",
        "cursors.tampered", "cursors.end", "facets.counts", "facets.spellings", "facets.ignored", "facets.shape",
        "facets.order", "facets.omissions", "tenancy.foreign", "tenancy.within", "schema.error_code", "values.routes",
        "colleagues.own", "colleagues.answers", "colleagues.facets",
    },
    "instavm": {"values.metadata", "values.routes", "credentials.challenge", "colleagues.answers"},
    "prime": {
        "pages.windows", "pages.total", "pages.has_next", "pages.echo", "values.closed", "tenancy.foreign",
        "tenancy.owner", "credentials.challenge", "values.routes", "colleagues.answers", "colleagues.users",
    },
    "superserve": {
        "spellings.lists", "pages.windows", "pages.total", "values.closed", "values.metadata", "colleagues.team",
        "parameters.observed", "values.routes",
    },
}  # fmt: skip
"""By provider: the laws that its capabilities bring along, besides those that are everybody's."""


@pytest.mark.parametrize("slug", BY_SLUG)
def test_the_laws_of_a_provider_follow_from_its_capabilities(slug: str) -> None:
    """Who has no cursor is held to no law about cursors; the report lists neither more nor fewer."""
    assert {each.name for each in laws_for(slug)} == EVERYBODYS | OWN[slug]


@pytest.mark.parametrize("slug", BY_SLUG)
def test_a_law_that_applies_nowhere_says_so_by_itself(slug: str) -> None:
    """A law about a capability that the provider does not have asks nothing, and says why it found nothing."""
    where = target(slug)
    transport = InProcess(correct(slug, size=40), where.security, default_credentials(slug))
    check = Check(where, Recorder(transport), Options(orgs=BY_SLUG[slug].fake.orgs, has_other=True))
    others = [each for each in LAWS.values() if each not in laws_for(slug)]
    for each in others:
        check.run(each)
        outcome = check.outcome(each)
        assert (outcome.verdict, outcome.sentence) == (
            Verdict.NOT_APPLICABLE,
            "the provider promises nothing of the kind",
        )
    assert len(others) > 3
    assert transport.sent == 0


def test_a_broken_law_quotes_what_the_page_says() -> None:
    """The report names the promise of the law, and behind it the page's own about the parameters of the request."""
    bug = next(each for each in BUGS if (each.slug, each.name) == ("prime", "labels_any"))
    session = exercise("prime", bug.handler(size=250), default_options("prime"), (Laws(),))
    broken = next(each for each in session.outcomes if each.law == "filters.conjunction")
    assert broken.verdict is Verdict.BROKEN
    assert broken.promise.startswith(LAWS["filters.conjunction"].promise)
    assert "`labels` keeps sandboxes that have every one of these labels." in broken.promise


def test_a_request_for_facets_quotes_the_page_of_the_facets() -> None:
    """What stands on another page is quoted from there, each sentence once."""
    promises = BY_SLUG["dreadnode"]
    query = (("state", "paused"), ("state", "killed"))
    assert promises.facets is not None
    listed = promises.sentences(Ask(promises.path("acme"), query))
    counted = promises.sentences(Ask(promises.facets_path("acme"), query))
    assert counted == [promises.facets.statement.sentence, *listed]
    assert len(listed) == 1


def test_the_plans_name_probes_of_laws_that_exist() -> None:
    """A law that is renamed takes its probes along."""
    for profile, providers in plans().items():
        assert set(providers) == set(BY_SLUG), profile
        for slug, probes in providers.items():
            assert {probe.partition(":")[0] for probe in probes} <= {each.name for each in laws_for(slug)}


@pytest.mark.parametrize(
    ("keeps", "row", "kept"),
    [
        (PRIME.keeps((("labels", "a"), ("labels", "b"))), {"labels": ["b", "a", "c"]}, True),
        (PRIME.keeps((("labels", "a"), ("labels", "b"))), {"labels": ["a"]}, False),
        (PRIME.keeps((("is_active", "true"),)), {"status": "TERMINATED"}, False),
        (PRIME.keeps((("is_active", "false"),)), {"status": "TERMINATED"}, True),
        (DREADNODE.keeps((("state", "running,paused"),)), {"state": "paused"}, True),
        (DREADNODE.keeps((("state", ""),)), {"state": "killed"}, True),
        (INSTAVM.keeps((("metadata", '{"a":1}'),)), {"metadata": {"a": True}}, False),
        (INSTAVM.keeps((("metadata", '{"a":1}'),)), {"metadata": {"a": 1.0, "b": 2}}, True),
        (INSTAVM.keeps((("metadata", '{"a":{}}'),)), {"metadata": {"a": {"b": 1}}}, True),
        (INSTAVM.keeps((("metadata", '{"a":[2]}'),)), {"metadata": {"a": [1, 2]}}, True),
        (SUPERSERVE.keeps((("metadata.a", ""),)), {"metadata": {}}, False),
        (SUPERSERVE.keeps((("metadata.a", ""),)), {"metadata": {"a": ""}}, True),
    ],
)
def test_what_a_filter_keeps(keeps: Any, row: Mapping[str, Any], kept: bool) -> None:
    """The kit's own statement of each filter, on one row."""
    assert keeps(row) is kept


def row(name: str, **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "name": "n",
        "status": "active",
        "metadata": {"k": "v"},
        "created_at": more.pop("at", "2025-01-01T00:00:00Z"),
    } | more


def snapshot(*rows: dict[str, Any]) -> Snapshot:
    return Snapshot("", tuple(rows), True, (), 0)


def judged(answer: list[dict[str, Any]], before: Snapshot, after: Snapshot) -> list[str]:
    import json

    ask = Ask("/sandboxes", (("metadata.k", "v"),))
    question = Question(ask, "", (("metadata.k", "v"),))
    reply = Reply(ask, 200, {}, json.dumps(answer).encode(), 0.0)
    body = SUPERSERVE.body_of(reply)
    assert body is not None
    return [each.sentence for each in comparison.against_snapshots(SUPERSERVE, question, reply, body, before, after)]


A, B, C = row("a"), row("b"), row("c", metadata={})


def test_only_certain_rows_convict() -> None:
    """Missing, strange and changed rows convict when both snapshots agree about them, and only then."""
    still = snapshot(A, B, C)
    assert judged([A, B], still, still) == []
    assert "1 of 2 rows are missing" in judged([A], still, still)[0]
    assert "do not belong" in judged([A, B, C], still, still)[0]
    assert judged([A], still, snapshot(A, C)) == []
    assert judged([A], still, snapshot(A, row("b", metadata={}), C)) == []
    assert "1 of 2 rows are missing" in judged([B], still, snapshot(A, B))[0]
    assert "1 matching rows are missing" in judged([B], still, snapshot(A, B, row("d")))[0]
    assert "not in the unfiltered list" in judged([A, B, row("z")], still, still)[0]


def test_order_is_a_should() -> None:
    """The same rows in another order are told apart from lost rows."""
    still = snapshot(A, B)
    assert "another order" in judged([B, A], still, still)[0]


@pytest.mark.slow
@pytest.mark.parametrize("slug", BY_SLUG)
def test_a_sample_of_planted_bugs_is_caught(slug: str) -> None:
    """Every seventh bug of each provider, with the laws alone; `make bugs` has the whole table."""
    missed = []
    for bug in [each for each in BUGS if each.slug == slug][::7]:
        options = default_options(slug, fail_fast=True)
        try:
            session = exercise(slug, bug.handler(size=250), options, (Laws(),))
        except CouldNotCheck:
            missed.append(bug.name)
            continue
        if not failing(session.outcomes, strict=True):
            missed.append(bug.name)
    assert missed in ([], ["limit_clamped_500"])


def test_an_own_law_is_judged_like_ours() -> None:
    """`expect` holds an answer against the snapshot; what it finds is kept under the law's name."""
    from contract_tests.judging.law import Law
    from contract_tests.outcome import Tier

    def ours(check: Check) -> None:
        """Ours."""
        check.expect("running", check.question((("status", "RUNNING"),), size=100))

    where = target("prime")
    bug = next(each for each in BUGS if each.name == "status_ignored" and each.slug == "prime")
    found = []
    for handler in (bug.handler(size=100), BUGS[0].handler(size=100)):
        check = Check(where, Recorder(InProcess(handler, where.security, default_credentials("prime"))), Options())
        own = Law("ours", ours, Tier.MUST)
        check.run(own)
        check.finish()
        found.append(check.outcome(own).verdict)
    assert found[0] is Verdict.BROKEN
