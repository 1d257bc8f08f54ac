"""Facets count the same sandboxes that the list shows under the same filters."""

from __future__ import annotations

from contract_tests.judging.check import Check
from contract_tests.judging.judge import Question
from contract_tests.laws import mining
from contract_tests.laws.filters import NOBODY, STATES
from contract_tests.laws.registry import law
from contract_tests.outcome import Tier
from contract_tests.promises.form import Pairs
from contract_tests.sending.ask import Ask

FACETS = {"dreadnode"}


def facets(check: Check, filters: Pairs = (), sent: Pairs | None = None, scope: str | None = None) -> Question:
    scope = check.home if scope is None else scope
    path = check.listing.facets.replace("{org}", scope)
    return Question(Ask(path, filters if sent is None else sent), scope, filters)


@law("facets.counts", providers=FACETS, page="001")
def counts(check: Check) -> None:
    """Every bucket counts the sandboxes of the list under the same filters; every filter narrows both lists."""
    rows = check.snapshot().rows
    check.counts("no filter", facets(check))
    pair = mining.telling_pair(
        [
            frozenset({("state", row["state"]), ("project_id", row["project_id"])})
            for row in rows
            if row.get("project_id")
        ]
    )
    for state in STATES:
        check.counts(f"state {state}", facets(check, (("state", state),)))
    if pair:
        project = next(text for name, text in pair if name == "project_id")
        check.counts("project", facets(check, (("project_id", project),)))
        check.counts("state and project", facets(check, tuple(pair)))
    projects = mining.halving((row["project_id"] for row in rows if row.get("project_id")), len(rows))
    for rare in projects[-1:]:
        check.counts("rare project", facets(check, (("project_id", rare),)))
    check.counts("two states", facets(check, (("state", "running"), ("state", "paused"))))
    check.counts("unknown project", facets(check, (("project_id", NOBODY),)))
    for org in check.scopes[1:2]:
        check.counts("another org", facets(check, scope=org))


@law("facets.spellings", providers=FACETS, page="001")
def spellings(check: Check) -> None:
    """States repeated or comma-separated, in any order: the same counts."""
    both: Pairs = (("state", "paused"), ("state", "killed"))
    check.counts("comma", facets(check, both, (("state", "killed,paused"),)))
    check.counts("three", facets(check, (), (("state", "killed,paused"), ("state", "running"))))
    question = facets(check, both, ())
    if check.wants("raw comma"):
        raw = Question(Ask(question.ask.path, (), raw="state=killed,paused"), question.scope, both)
        check.counts("raw comma", raw)
    check.counts("twice", facets(check, (("state", "killed"),), (("state", "killed"), ("state", "killed"))))
    check.counts("empty", facets(check, (), (("state", ""),)))


@law("facets.ignored", tier=Tier.SHOULD, providers=FACETS, page="001")
def ignored(check: Check) -> None:
    """`limit` and `cursor` belong to the list; the facets do not know them (Assumed)."""
    check.counts("limit", facets(check, (), (("limit", "1"),)))
    check.counts("cursor", facets(check, (), (("cursor", "x"), ("no_such_parameter", "1"))))
