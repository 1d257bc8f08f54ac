"""What the kit says of the other make: nothing against right builds, and what is wrong with the others."""

from __future__ import annotations

from functools import cache
from random import Random

import pytest

from contract_tests.conformance.layer import Conformance
from tests.kit.other_make.build import SLUGS, Build, combination
from tests.kit.other_make.measure import Found, Unit, bug_of, catches, judge, wrong_builds
from tests.kit.other_make.trial import TOKENS, try_build
from tests.support.soak import every_pair

ACCUSED_ONCE = (
    Build("instavm", {"malformed_metadata": "400"}),
    Build("instavm", {"metadata_no_object": "400"}),
    Build("prime", {"page_beyond": "404"}),
    Build("prime", {"is_active_false": "terminated only"}),
    Build("prime", {"empty_label": "ignored"}),
    Build("prime", {"label_commas": "split"}),
    Build("prime", {"empty_team": "a team", "unknown_team": "empty"}),
)
"""Right builds that a law took its own reading of a silent page for a promise against."""
MISSED = {("prime", "list_kept_without_user"), ("superserve", "credential_prefix")}
"""Bugs of the sample that are not caught yet."""
CAUGHT = 2
"""Bugs of each provider that a usual run of the tests has judged; `make soak` has all."""


def accusations(build: Build, profile: str = "default", tokens: int = TOKENS[-1]) -> list[str]:
    """What the kit says against a right build."""
    found = judge(Unit(build, profile, tokens))
    return [*found.must, *([found.unjudged] if found.unjudged else [])]


@cache
def clean(slug: str) -> Found:
    return judge(Unit(Build(slug), "default", TOKENS[-1]))


def sample() -> list[Build]:
    """A few bugs of each provider, by a seed."""
    drawn = [build for slug in SLUGS for build in Random(slug).sample(wrong_builds(slug), CAUGHT)]
    return [build for build in drawn if (build.slug, build.bug) not in MISSED]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("slug", "profile"),
    every_pair(SLUGS, ["default", "deep", "polite"], also=lambda slug, profile: profile == "default"),
)
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
@pytest.mark.parametrize("build", ACCUSED_ONCE, ids=str)
def test_what_was_accused_once_is_right(build: Build) -> None:
    """What the page does not say is a warning at most, of whichever law meets it."""
    assert accusations(build) == []


@pytest.mark.slow
@pytest.mark.parametrize("build", ACCUSED_ONCE, ids=str)
def test_its_spec_accuses_nobody_either(build: Build) -> None:
    """Schemathesis draws pages, commas and empty texts of its own; the tier of what fails is the promise's."""
    assert [each.sentence for each in try_build(build, profile="polite", layers=(Conformance(),)).alarms] == []


@pytest.mark.slow
@pytest.mark.parametrize("build", sample(), ids=str)
def test_bugs_are_caught(build: Build) -> None:
    """A few of them."""
    assert catches(bug_of(build), judge(Unit(build, "default", TOKENS[-1])), clean(build.slug))
