"""Who does not show a good credential sees nothing; every documented way to show one works."""

from __future__ import annotations

from contract_tests.judging.check import Check
from contract_tests.laws.facets import facets
from contract_tests.laws.registry import law
from contract_tests.outcome import Lack, Pairs, Tier
from contract_tests.promises.filter_kinds import Reference
from contract_tests.sending.ask import Ask, Reply

BAD = {
    "none": "no credential",
    "garbage": "an invented credential",
    "malformed": "the credential behind another scheme",
    "truncated": "the credential without its last character",
    "recased": "the credential in another case",
}


def expect_401(check: Check, probe: str, ask: Ask, what: str) -> None:
    """A 401 without a row."""
    with check.probing(probe) as wanted:
        if wanted:
            _send_unauthorized(check, ask, what)


def _send_unauthorized(check: Check, ask: Ask, what: str) -> None:
    reply = check.send(ask)
    check.witness(what)
    tier = Tier.MUST if 401 in check.listing.statuses else Tier.SHOULD
    if reply.status == 200:
        shown = has_rows(check, reply)
        check.fail(f"{what} was let in{' and shown rows' if shown else ''}", ask)
    elif reply.status >= 500:
        return
    elif reply.status != 401:
        check.fail(f"{what} was answered with {reply.status}, not 401", ask, tier=tier)
    else:
        wrong = check.promises.refusals.wrong_kind(reply.status, check.json(reply))
        if wrong:
            check.fail(f"a 401 {wrong}", ask, tier=Tier.SHOULD)


def has_rows(check: Check, reply: Reply) -> bool:
    body = check.listing.body_of(reply)
    return bool(body and body.rows)


@law("credentials.required")
def required(check: Check) -> None:
    """Without a good credential the answer is a 401, whatever else is asked, on every operation."""
    for credential, what in BAD.items():
        for channel in check.target.security.channels:
            probe = f"{credential}{f' in {channel}' if channel else ''}"
            if not (credential == "none" and channel):
                expect_401(check, probe, Ask(check.path(), (), credential, channel), what)
    size = check.listing.paging.size
    wrong: dict[str, Pairs] = {"none, bad value": ((size, "0"),), "none, bad word": ((size, "x"),)}
    for probe, query in wrong.items():
        expect_401(check, probe, Ask(check.path(), query, "none"), "no credential and a bad value")
    scheme = check.target.security.schemes[0]
    empty = Ask(check.path(), (), "none", headers=((scheme.header, scheme.prefix.strip()),))
    expect_401(check, "empty", empty, "an empty credential")
    if check.promises.facets is not None:
        _require_for_facets(check)
    scopes = check.promises.scopes
    if scopes.in_path:
        ask = Ask(check.path("no-such-org-71c3"), (), "none")
        expect_401(check, f"none, unknown {scopes.noun}", ask, f"no credential and an unknown {scopes.noun}")
    if scopes.in_query:
        ask = Ask(check.path(), ((scopes.in_query, f"no-such-{scopes.noun}"),), "none")
        expect_401(check, f"none, {scopes.noun}", ask, f"no credential and a {scopes.noun}")


def _require_for_facets(check: Check) -> None:
    path, reference = facets(check).ask.path, check.listing.first(Reference)
    for credential in ("none", "garbage", "truncated"):
        expect_401(check, f"facets, {credential}", Ask(path, (), credential), f"{BAD[credential]}, facets")
    if reference is not None:
        ask = Ask(path, ((reference.parameter, "x"),), "none")
        expect_401(check, "facets, bad value", ask, "no credential and a bad value")


@law("credentials.channels")
def channels(check: Check) -> None:
    """Every documented header for the credential gives the same list."""
    others = check.target.security.channels[1:]
    if not others:
        check.inconclusive("one header is documented", Lack.NATURE)
    for channel in others:
        check.expect(channel, check.question((), size=5).asked(channel=channel))
        check.expect(f"{channel} again", check.question((), size=3).asked(channel=channel))
        if check.promises.facets is not None:
            check.counts(f"facets, {channel}", facets(check).asked(channel=channel))


@law("credentials.unechoed")
def unechoed(check: Check) -> None:
    """No answer repeats the credential that came with the question."""
    for reply in check.transport.replies:
        if check.transport.credentials.is_repeated_by(reply):
            check.fail("an answer repeats the credential", reply.ask)
            break
    check.witness(f"{check.answers} answers")
