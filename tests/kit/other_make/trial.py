"""The kit against one build of the other make: what `fakeserver check` would say, in this process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contract_tests.judging.session import Layer
from contract_tests.judging.target import target
from contract_tests.outcome import Options, Outcome, Tier, Verdict
from contract_tests.planted.layers import JUDGES
from contract_tests.reporting.report import Report, decide
from contract_tests.run import check
from contract_tests.sending.in_process import InProcess
from tests.kit.other_make import data
from tests.kit.other_make.build import Build
from tests.kit.other_make.calling import handler, server

TOKENS = (1, 2, 3)
"""How many of the callers' credentials a run may have: the first caller's, a stranger's, a colleague's."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One check of one build."""

    build: Build
    report: Report

    @property
    def alarms(self) -> tuple[Outcome, ...]:
        """Broken promises of tier MUST: of a right build, false alarms."""
        return self.broken(Tier.MUST)

    def broken(self, *tiers: Tier) -> tuple[Outcome, ...]:
        """The broken promises of these tiers."""
        found = self.report.outcomes
        return tuple(each for each in found if each.verdict is Verdict.BROKEN and each.tier in tiers)

    @property
    def said(self) -> str:
        """The exit status with its sentence."""
        status, sentence = decide(self.report)
        return f"{status}: {sentence}"


def try_build(
    build: Build,
    *,
    profile: str = "default",
    tokens: int = TOKENS[-1],
    layers: Sequence[Layer] = JUDGES,
    seed: int = 0,
    size: int = data.SIZE,
    fail_fast: bool = False,
) -> Trial:
    """One check with these layers, and the credentials of that many callers."""
    callers = data.CALLERS[build.slug]
    call = handler(server(build, seed, size).app)
    transport = InProcess(call, target(build.slug).security, callers.credentials(tokens))
    options = Options(
        orgs=callers.scopes,
        has_other=tokens > 1,
        has_colleague=tokens > 2,
        profile=profile,
        seed=seed,
        fail_fast=fail_fast,
    )
    return Trial(build, check(build.slug, "http://other.test", transport, options, layers=layers))
