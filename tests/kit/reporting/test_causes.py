"""Causes before symptoms: what explains what, and on broken servers whether the first breach names the mistake."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from contract_tests.judging.target import target
from contract_tests.laws.layer import Laws
from contract_tests.outcome import Evidence, Options, Outcome, Tier, broken, holds
from contract_tests.planted import BUGS
from contract_tests.planted.exercise import default_options, exercise
from contract_tests.reporting import json as json_report
from contract_tests.reporting import text
from contract_tests.reporting.causes import find_causes
from contract_tests.reporting.report import Report
from contract_tests.sending.ask import Ask

LIST = "/api/v1/sandbox"
PAGED = Ask(LIST, (("page", "2"), ("per_page", "7")))
FILTERED = Ask(LIST, (("status", "RUNNING"), ("per_page", "1000")))
BOTH = Ask(LIST, (("status", "RUNNING"), ("labels", "gpu"), ("per_page", "1000")))
PAGED_AND_FILTERED = Ask(LIST, (("status", "RUNNING"), ("page", "2"), ("per_page", "7")))
OTHER = Ask(LIST, (("labels", "gpu"),))


def group(*outcomes: Outcome, slug: str = "prime", options: Options | None = None) -> list[tuple[str, list[str]]]:
    """The causes by name, each with the names of its symptoms."""
    found = find_causes(outcomes, target(slug).promises, options or Options())
    return [(cause.outcome.law, [symptom.law for symptom in cause.symptoms]) for cause in found]


CASES: dict[str, tuple[Sequence[Outcome], list[tuple[str, list[str]]]]] = {
    "a page that is wrong without a filter": (
        (broken("filters.single", "x", (FILTERED,)), broken("pages.windows", "y", (PAGED,)), holds("z")),
        [("pages.windows", ["filters.single"])],
    ),
    "a filter that is wrong on every page": (
        (broken("pages.filtered", "x", (PAGED_AND_FILTERED,)), broken("filters.single", "y", (FILTERED,))),
        [("filters.single", ["pages.filtered"])],
    ),
    "one filter, alone and beside another": (
        (
            broken("filters.conjunction", "x", (BOTH,)),
            broken("pages.total", "y", (FILTERED,)),
            broken("filters.single", "z", (FILTERED,)),
        ),
        [("filters.single", ["filters.conjunction", "pages.total"])],
    ),
    "two filters": (
        (broken("filters.single", "x", (FILTERED,)), broken("filters.unknown", "y", (OTHER,))),
        [("filters.single", []), ("filters.unknown", [])],
    ),
    "a law that is broken in another way as well": (
        (
            broken("filters.conjunction", "x", (BOTH,), others=(Evidence("y", asks=(OTHER,)),)),
            broken("filters.single", "z", (FILTERED,)),
        ),
        [("filters.conjunction", []), ("filters.single", [])],
    ),
    "a failure": (
        (broken("filters.single", "x", (FILTERED,)), broken("values.no_5xx", "500, twice", (FILTERED,))),
        [("values.no_5xx", ["filters.single"])],
    ),
    "a failure of something else": (
        (broken("filters.single", "x", (FILTERED,)), broken("values.no_5xx", "500, twice", (OTHER,))),
        [("values.no_5xx", []), ("filters.single", [])],
    ),
    "a field of the wrong form": (
        (
            broken("filters.single", "x", (FILTERED,), fields=("status",)),
            broken("filters.unknown", "y", (OTHER,), fields=("labels",)),
            broken("schema.body", "z", (PAGED,), fields=("status",)),
        ),
        [("schema.body", ["filters.single"]), ("filters.unknown", [])],
    ),
    "a form that is wrong as a whole": (
        (broken("filters.single", "x", (FILTERED,), fields=("status",)), broken("schema.body", "z", (PAGED,))),
        [("schema.body", ["filters.single"])],
    ),
    "a warning explains no failure": (
        (broken("rows.order", "x", (PAGED,), tier=Tier.SHOULD), broken("filters.single", "y", (FILTERED,))),
        [("filters.single", []), ("rows.order", [])],
    ),
    "the oracle comes last": (
        (
            broken("oracle.filters", "x", (PAGED, Ask(LIST, (("status", "RUNNING"),))), layer="oracle"),
            broken("filters.single", "y", (FILTERED,)),
        ),
        [("filters.single", ["oracle.filters"])],
    ),
    "refusals are not filters": (
        (
            broken("values.closed", "x", (Ask(LIST, (("status", "bad"),)),)),
            broken("filters.conjunction", "y", (BOTH,)),
        ),
        [("values.closed", []), ("filters.conjunction", [])],
    ),
    "nobody is a stranger": (
        (
            broken("tenancy.foreign", "x", (Ask(LIST, (), "other"),)),
            broken("credentials.required", "y", (Ask(LIST, (), "none"),)),
        ),
        [("credentials.required", ["tenancy.foreign"])],
    ),
    "one header is refused": (
        (
            broken("pages.limits", "x", (PAGED,)),
            broken("credentials.channels", "y", (PAGED, Ask(LIST, channel="X-API-Key"))),
        ),
        [("credentials.channels", ["pages.limits"])],
    ),
    "a header more": (
        (
            broken("credentials.channels", "y", (Ask(LIST, (("per_page", "5"),), channel="X-API-Key"),)),
            broken("pages.size", "x", (Ask(LIST, (("per_page", "5"),)),)),
        ),
        [("pages.size", ["credentials.channels"])],
    ),
    "nothing is broken": ((holds("a"),), []),
}


@pytest.mark.parametrize("name", CASES)
def test_what_shows_with_less_explains_the_rest(name: str) -> None:
    """Each case by its name; the order of finding does not matter."""
    outcomes, expected = CASES[name]
    assert group(*outcomes) == expected
    turned = {law: {*symptoms} for law, symptoms in group(*reversed(outcomes))}
    assert turned == {law: {*symptoms} for law, symptoms in expected}


def test_facets_explain_no_list() -> None:
    """The list may explain its facets, and never the other way round."""
    path = "/api/v1/org/acme/sandboxes"
    listed = broken("filters.single", "x", (Ask(path, (("state", "killed"),)),))
    counted = broken("facets.counts", "y", (Ask(f"{path}/facets", (("state", "killed"),)),))
    alone = broken("facets.counts", "y", (Ask(f"{path}/facets"),))
    given: dict[str, object] = {"slug": "dreadnode", "options": Options(orgs=("acme",))}
    assert group(listed, counted, **given) == [("filters.single", ["facets.counts"])]  # type: ignore[arg-type]
    assert [law for law, _ in group(listed, alone, **given)] == ["filters.single", "facets.counts"]  # type: ignore[arg-type]


def test_reports_tell_causes_first() -> None:
    """In full the cause, in a line each its symptoms; JSON names both in both directions."""
    outcomes, _ = CASES["a page that is wrong without a filter"]
    report = Report("prime", "", Options(), tuple(outcomes))
    lines = text.render(report).splitlines()
    assert lines[2] == "BROKEN: pages.windows: y"
    assert lines[4] == "  explains BROKEN: filters.single: x"
    laws = {law["law"]: law for law in json.loads(json_report.render(report))["laws"]}
    assert laws["pages.windows"]["explains"] == ["filters.single"]
    assert laws["filters.single"]["explained_by"] == "pages.windows"
    assert (laws["pages.windows"]["explained_by"], laws["z"]["explains"]) == (None, [])


NAMED = {
    "instavm": {
        "metadata_ignored": "filters.",
        "limit_plus_one": "pages.",
        "twice_in_list": "rows.unique",
        "metadata_null": "schema.body",
        "limit_1000_refused": "pages.limits",
    },
    "dreadnode": {
        "limit_default_20": "pages.default",
        "cursor_skips_one": "cursors.",
        "cursor_inclusive": "cursors.",
        "project_ignored": "filters.",
        "facets_ignore_state": "facets.",
        "org_ignored": "tenancy.",
        "any_credential_taken": "credentials.",
    },
    "prime": {
        "page_overlaps": "pages.windows",
        "page_skips": "pages.windows",
        "per_page_ignored": "pages.",
        "total_of_page": "pages.total",
        "labels_ignored": "filters.",
        "status_ignored": "filters.",
    },
}
"""By provider and planted bug: the beginning of the law that names the mistake. Each breaks several laws."""


@pytest.mark.slow
@pytest.mark.parametrize(("slug", "name"), [(slug, name) for slug, names in NAMED.items() for name in names])
def test_the_first_breach_names_the_mistake(slug: str, name: str) -> None:
    """Of a server with one mistake that breaks several laws."""
    bug = next(bug for bug in BUGS if (bug.slug, bug.name) == (slug, name))
    options = default_options(slug)
    session = exercise(slug, bug.handler(), options, (Laws(),))
    causes = find_causes(session.outcomes, target(slug).promises, options)
    assert sum(1 + len(cause.symptoms) for cause in causes) > 1
    assert causes[0].outcome.law.startswith(NAMED[slug][name]), [cause.outcome.law for cause in causes]
