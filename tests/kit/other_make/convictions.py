"""`python -m tests.kit.other_make.convictions [PROVIDER …]`: which probes tell the bugs of the other make.

No probe was planned by these bugs. Each of them is judged once with all probes and three callers, and which probes
convict it is written beside the plan, so that a run can say how many bugs of that kind it would have caught. A bug that
nobody can see fairly is left out; one that no probe convicts stays, and no run is credited with it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from contract_tests.judging.session import CouldNotCheck, Session
from contract_tests.judging.target import target
from contract_tests.laws.layer import Laws
from contract_tests.outcome import Options, Tier
from contract_tests.planted.matrix import OTHER_MAKE, Kills, read_matrix, write_matrix
from contract_tests.run import judge, open_session
from contract_tests.sending.in_process import InProcess
from tests.kit.other_make import data
from tests.kit.other_make.build import SLUGS, Bug, Build, bugs
from tests.kit.other_make.calling import handler, server

COMMAND = "python -m tests.kit.other_make.convictions"
Told = frozenset[tuple[str, str, Tier]]
"""Law, `law:probe` and tier of every breach."""


def breaches_of(build: Build) -> Told:
    """What all laws with all their probes find broken in a build."""
    callers = data.CALLERS[build.slug]
    transport = InProcess(handler(server(build).app), target(build.slug).security, callers.credentials(3))
    options = Options(orgs=callers.scopes, has_other=True, has_colleague=True, profile="matrix")
    session: Session = open_session(build.slug, transport, options)
    try:
        judge(session, (Laws(),))
    except CouldNotCheck:
        return frozenset()
    found = session.check.breaches
    return frozenset((law, each.probe, each.tier) for law, breaches in found.items() for each in breaches)


def telling(bug: Bug, found: Told, clean: Told) -> frozenset[str]:
    """The probes that convict a bug: by a law that the right build keeps, and by a promise as binding as the bug's."""
    counting = {Tier.MUST} if bug.tier == "MUST" else {Tier.MUST, Tier.SHOULD}
    kept = {(law, tier) for law, _, tier in clean}
    return frozenset(probe for law, probe, tier in found if tier in counting and (law, tier) not in kept)


def convictions(slug: str, jobs: int) -> Kills:
    """Fair bug → the probes that convict it."""
    fair = [bug for bug in bugs(slug) if not bug.unfair]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        clean, *found = pool.map(breaches_of, [Build(slug), *(Build(slug, bug=bug.name) for bug in fair)])
    return {bug.name: telling(bug, told, clean) for bug, told in zip(fair, found, strict=True)}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("provider", nargs="*", choices=[[], *SLUGS])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args(arguments)
    made = dict(read_matrix(OTHER_MAKE))
    for slug in given.provider or SLUGS:
        made[slug] = convictions(slug, given.jobs)
        untold = [name for name, probes in made[slug].items() if not probes]
        print(f"{slug}: {len(made[slug])} bugs; no probe tells {', '.join(untold) or 'none'}", flush=True)
    write_matrix(OTHER_MAKE, made, COMMAND)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
