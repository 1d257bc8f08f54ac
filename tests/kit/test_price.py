"""What a run was asked and does not answer has its price; what nobody asked has none."""

from __future__ import annotations

import pytest

from contract_tests import run
from contract_tests.judging.session import Layer
from contract_tests.outcome import Lack, Options, Tier, Verdict, holds, inconclusive
from contract_tests.planted import correct
from contract_tests.planted.layers import JUDGES
from contract_tests.planted.power import Weighing
from contract_tests.planted.replay import transport
from contract_tests.promises import BY_SLUG
from contract_tests.reporting import exit_codes, text
from contract_tests.reporting.report import Report, decide
from tests.support.deployments import BASE_URL
from tests.support.soak import every_pair

SLUGS = ["dreadnode", "instavm", "prime", "superserve"]
PROFILES = ["polite", "default", "deep"]


def check(slug: str, tokens: int, profile: str, seed: int = 0, *layers: Layer) -> Report:
    """The untouched fake, checked with so many tokens."""
    orgs = BY_SLUG[slug].fake.orgs[:1] if BY_SLUG[slug].scopes.in_path else ()
    options = Options(profile=profile, orgs=orgs, seed=seed, has_other=tokens > 1, has_colleague=tokens > 2)
    return run.check(slug, BASE_URL, transport(slug, correct(slug)), options, layers=(*JUDGES, *layers))


@pytest.mark.slow
@pytest.mark.parametrize(("profile", "slug"), every_pair(PROFILES, SLUGS, also=lambda profile, _: profile != "deep"))
def test_the_untouched_fake_holds_with_one_token(profile: str, slug: str) -> None:
    """Laws that need an option that was not given are told as not asked, and cost nothing. That the deep profile
    accuses no provider is in tests/kit/planted/test_false_alarms.py."""
    report = check(slug, 1, profile, 0, Weighing())
    assert decide(report)[0] == exit_codes.HOLDS, decide(report)[1]
    assert {each.law for each in report.outcomes if each.verdict is Verdict.NOT_ASKED} >= {"rows.known"}


@pytest.mark.slow
@pytest.mark.parametrize("tokens", [2, 3])
@pytest.mark.parametrize("slug", SLUGS)
def test_the_polite_profile_holds_with_further_tokens(slug: str, tokens: int) -> None:
    """Each of them is used, within 25 requests, and the run still proves what is asked of its profile."""
    report = check(slug, tokens, "polite", 0, Weighing())
    assert decide(report)[0] == exit_codes.HOLDS, decide(report)[1]
    assert (report.unused, sum(report.requests.values()) <= 25) == ((), True)


def verdicts(slug: str, tokens: int, seed: int) -> dict[str, Verdict]:
    return {each.law: each.verdict for each in check(slug, tokens, "default", seed).outcomes}


@pytest.mark.slow
@pytest.mark.parametrize("slug", SLUGS)
def test_another_seed_gives_the_same_verdicts(slug: str) -> None:
    """Which rows and values are asked for is a matter of taste; what comes of it is not."""
    assert verdicts(slug, 1, 1) == verdicts(slug, 1, 0)


@pytest.mark.soak
@pytest.mark.parametrize("tokens", [1, 3])
@pytest.mark.parametrize("slug", SLUGS)
def test_ten_seeds_give_the_same_verdicts(slug: str, tokens: int) -> None:
    """The same, from 0 to 9."""
    first = verdicts(slug, tokens, 0)
    assert [seed for seed in range(1, 10) if verdicts(slug, tokens, seed) != first] == []


@pytest.mark.parametrize("lack", Lack)
def test_only_what_the_run_owes_counts(lack: Lack) -> None:
    """A binding law that lacked budget, patience or the use of an option is exit 4, said first, with its cure."""
    report = Report("prime", "", Options(), (holds("a"), inconclusive("b.law", "why", lack)))
    code, sentence = decide(report)
    assert code == (exit_codes.UNDER_POWERED if lack.counts else exit_codes.HOLDS)
    assert ("b.law" in sentence) is lack.counts
    if lack.counts:
        assert lack.cure in text.render(report).splitlines()[0]
    should = Report("prime", "", Options(), (holds("a"), inconclusive("b.law", "why", lack, tier=Tier.SHOULD)))
    assert decide(should)[0] == exit_codes.HOLDS
