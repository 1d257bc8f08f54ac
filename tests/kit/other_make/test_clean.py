"""What the kit says of the other make: nothing against right builds, and what is wrong with the others."""

from __future__ import annotations

from functools import cache
from random import Random

import pytest

from tests.kit.other_make.build import SLUGS, Build, combination
from tests.kit.other_make.measure import Found, Unit, bug_of, catches, judge, wrong_builds
from tests.kit.other_make.trial import TOKENS

OPEN = {
    ("dreadnode", "credentials.channels"),
    ("dreadnode", "cursors.replay"),
    ("dreadnode", "facets.order"),
    ("dreadnode", "oracle.facets"),
    ("dreadnode", "schema.body"),
    ("dreadnode", "schema.media_type"),
    ("dreadnode", "values.bounds"),
    ("instavm", "values.metadata"),
    ("prime", "exactness.values"),
    ("prime", "filters.single"),
    ("prime", "oracle.filters"),
    ("prime", "oracle.pages"),
    ("prime", "pages.total"),
    ("prime", "pages.windows"),
    ("prime", "schema.body"),
    ("prime", "tenancy.foreign"),
    ("superserve", "repeats.together"),
    ("superserve", "schema.status"),
    ("superserve", "tenancy.apart"),
}
"""Laws that still accuse some right builds; each goes with its false alarm."""
MISSED = {("prime", "list_kept_without_user"), ("superserve", "credential_prefix")}
"""Bugs of the sample that are not caught yet."""
CAUGHT = 2
"""Bugs of each provider that a usual run of the tests has judged; `make soak` has all."""


def accusations(build: Build, profile: str = "default", tokens: int = TOKENS[-1]) -> list[str]:
    """What the kit says against a right build, beside what is known."""
    found = judge(Unit(build, profile, tokens))
    said = [line for line in found.must if (build.slug, line.partition(": ")[0]) not in OPEN]
    return [*said, *([found.unjudged] if found.unjudged else [])]


@cache
def clean(slug: str) -> Found:
    return judge(Unit(Build(slug), "default", TOKENS[-1]))


def sample() -> list[Build]:
    """A few bugs of each provider, by a seed."""
    drawn = [build for slug in SLUGS for build in Random(slug).sample(wrong_builds(slug), CAUGHT)]
    return [build for build in drawn if (build.slug, build.bug) not in MISSED]


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["default", "deep", "polite"])
@pytest.mark.parametrize("slug", SLUGS)
def test_a_server_by_the_page_is_not_accused(slug: str, profile: str) -> None:
    """Every profile, with all credentials: no promise of tier MUST is broken."""
    assert accusations(Build(slug), profile) == []


@pytest.mark.slow
@pytest.mark.parametrize("slug", SLUGS)
def test_one_token_accuses_nobody(slug: str) -> None:
    """The same with the first caller's credential alone."""
    assert accusations(Build(slug), tokens=1) == []


@pytest.mark.slow
@pytest.mark.parametrize("slug", SLUGS)
def test_other_answers_are_not_accused(slug: str) -> None:
    """Where the page is silent, any answer is right; here all of them at random."""
    assert accusations(combination(slug, 0)) == []


@pytest.mark.slow
@pytest.mark.parametrize("build", sample(), ids=str)
def test_bugs_are_caught(build: Build) -> None:
    """A few of them."""
    assert catches(bug_of(build), judge(Unit(build, "default", TOKENS[-1])), clean(build.slug))
