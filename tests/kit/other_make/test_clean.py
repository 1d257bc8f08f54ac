"""The other make as its pages have it: the kit finds nothing to blame."""

from __future__ import annotations

import pytest

from tests.kit.other_make.build import SLUGS, Build
from tests.kit.other_make.trial import TOKENS, try_build

OPEN = {
    ("dreadnode", "credentials.channels"),
    ("dreadnode", "facets.order"),
    ("dreadnode", "oracle.facets"),
    ("superserve", "tenancy.apart"),
    ("superserve", "repeats.together"),
}
"""False alarms that the kit still raises."""


@pytest.mark.slow
@pytest.mark.parametrize("tokens", TOKENS)
@pytest.mark.parametrize("profile", ["default", "deep", "polite"])
@pytest.mark.parametrize("slug", SLUGS)
def test_a_server_by_the_page_is_not_accused(slug: str, profile: str, tokens: int) -> None:
    """Every profile, with and without the credential of a stranger: no promise of tier MUST is broken."""
    trial = try_build(Build(slug), profile=profile, tokens=tokens)
    accused = [f"{each.law}: {each.sentence}" for each in trial.alarms if (slug, each.law) not in OPEN]
    assert (trial.report.could_not_check, accused) == ("", [])
