"""What a run was asked and does not answer has its price; what nobody asked has none."""

from __future__ import annotations

import pytest

from contract_tests import run
from contract_tests.outcome import Lack, Options, Tier, Verdict, holds, inconclusive
from contract_tests.planted import correct
from contract_tests.planted.layers import JUDGES
from contract_tests.planted.power import Weighing
from contract_tests.planted.replay import transport
from contract_tests.promises import BY_SLUG
from contract_tests.reporting import exit_codes, text
from contract_tests.reporting.report import Report, decide
from tests.support.deployments import BASE_URL


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["polite", "default", "deep"])
@pytest.mark.parametrize("slug", ["dreadnode", "instavm", "prime", "superserve"])
def test_the_untouched_fake_holds_with_one_token(slug: str, profile: str) -> None:
    """Laws that need an option that was not given are told as not asked, and cost nothing."""
    orgs = BY_SLUG[slug].fake.orgs[:1] if BY_SLUG[slug].scopes.in_path else ()
    options = Options(profile=profile, orgs=orgs)
    report = run.check(slug, BASE_URL, transport(slug, correct(slug)), options, layers=(*JUDGES, Weighing()))
    assert decide(report)[0] == exit_codes.HOLDS, decide(report)[1]
    assert {each.law for each in report.outcomes if each.verdict is Verdict.NOT_ASKED} >= {"rows.known"}


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
