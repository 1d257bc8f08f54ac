"""Bugs that the kit once walked past: each is named by the law that is about it, in the usual profile."""

from __future__ import annotations

import pytest

from contract_tests.laws.layer import Laws
from tests.kit.other_make.build import Build
from tests.kit.other_make.measure import Unit, judge, laws
from tests.kit.other_make.trial import TOKENS

LATE = (
    ("dreadnode", "default_limit_20", "pages.default"),
    ("dreadnode", "facet_ties_by_rowid", "facets.order"),
    ("dreadnode", "limit_zero_is_default", "values.bounds"),
    ("dreadnode", "org_forgotten", "tenancy.within"),
    ("dreadnode", "stale_replica", "repeats.order"),
    ("instavm", "large_number_breaks", "values.no_5xx"),
    ("instavm", "nesting_breaks", "values.no_5xx"),
    ("instavm", "stale_replica", "repeats.order"),
    ("instavm", "surrogate_breaks", "values.no_5xx"),
    ("prime", "error_is_terminated", "filters.single"),
    ("prime", "large_page_breaks", "values.no_5xx"),
    ("prime", "repeated_label_counted", "spellings.encoding"),
    ("prime", "stale_replica", "repeats.order"),
    ("prime", "status_beats_is_active", "filters.conjunction"),
    ("prime", "ties_by_page", "pages.windows"),
    ("superserve", "network_as_null", "rows.invariants"),
    ("superserve", "network_empty", "rows.invariants"),
    ("superserve", "snapshot_as_null", "rows.invariants"),
    ("superserve", "stale_replica", "repeats.order"),
    ("superserve", "timeout_as_null", "rows.invariants"),
)
"""Provider, bug, and the law that names it as a broken promise."""


@pytest.mark.slow
@pytest.mark.parametrize(("slug", "bug", "law"), LATE, ids=lambda part: part)
def test_a_bug_that_was_missed_is_named(slug: str, bug: str, law: str) -> None:
    """With all three tokens, by a promise of tier MUST. The laws stand alone here: what else judges comes after them,
    and takes most of the time."""
    assert law in laws(judge(Unit(Build(slug, bug=bug), "default", TOKENS[-1]), (Laws(),)).must)


@pytest.mark.slow
def test_a_key_behind_a_scheme_is_only_expected_to_be_refused() -> None:
    """No page says that a key is the whole header, so a server that looks behind a scheme is warned of."""
    found = judge(Unit(Build("superserve", bug="scheme_in_key"), "default", TOKENS[-1]))
    assert found.must == ()
    assert any("behind another scheme was let in" in line for line in found.should)
