"""The kit against a server in this process: for planted bugs, false-alarm runs and tests."""

from __future__ import annotations

from collections.abc import Sequence

from contract_tests.judging.ledger import Ledger
from contract_tests.judging.session import Layer, Session
from contract_tests.outcome import Options
from contract_tests.planted.layers import JUDGES
from contract_tests.planted.replay import transport
from contract_tests.promises import BY_SLUG
from contract_tests.run import judge, open_session
from contract_tests.sending.in_process import Handler


def default_options(slug: str, **more: object) -> Options:
    """The fake's default fixtures, seen by the admin with outsider and member beside: what planted bugs are measured
    with."""
    callers = {"has_other": True, "has_colleague": True}
    given: dict[str, object] = {"orgs": BY_SLUG[slug].fake.orgs, "strict": True, **callers, **more}
    return Options(**given)  # type: ignore[arg-type]


def exercise(slug: str, handler: Handler, options: Options, layers: Sequence[Layer] = JUDGES) -> Session:
    """What the layers say about a server, with the credentials of the fixtures. Nothing is known of its deviations, so
    that what the laws catch is measured. Raises CouldNotCheck."""
    session = open_session(slug, transport(slug, handler), options, ledger=Ledger())
    judge(session, layers)
    return session
