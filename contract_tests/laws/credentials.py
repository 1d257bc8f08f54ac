"""Who does not show a good credential sees nothing; every documented way to show one works."""

from __future__ import annotations

from contract_tests.judging.check import Check
from contract_tests.laws.facets import facets
from contract_tests.laws.registry import law
from contract_tests.outcome import Lack, Pairs
from contract_tests.promises.common import KEY_ALONE, NO_LEAK_BY_ORDER, UNECHOED
from contract_tests.promises.filter_kinds import Reference
from contract_tests.promises.form import Promises
from contract_tests.promises.statements import Statement, weakest
from contract_tests.sending.ask import Ask, Reply

BAD = {
    "none": "no credential",
    "garbage": "an invented credential",
    "malformed": "the credential behind another scheme",
    "truncated": "the credential without its last character",
    "recased": "the credential in another case",
}


def of_access(promises: Promises) -> list[Statement]:
    return [promises.access.required, promises.access.status]


def expect_401(check: Check, probe: str, ask: Ask, what: str, *, alone: bool = True) -> None:
    """A 401 without a row. Where the credential is not `alone` at fault, another refusal may come first."""
    with check.probing(probe) as wanted:
        if wanted:
            _send_unauthorized(check, ask, what, alone=alone)


def _send_unauthorized(check: Check, ask: Ask, what: str, *, alone: bool) -> None:
    reply = check.transport.send(ask)  # Whether parameters are known is asked with a good credential.
    check.conforms(reply)
    check.witness(what)
    access, refusals = check.promises.access, check.promises.refusals
    if reply.status == 200:
        shown = has_rows(check, reply)
        bare = ask.credential == "malformed" and not check.target.security.scheme_of(ask.channel).prefix
        by = weakest([access.required, *([KEY_ALONE] if bare else [])], access.required)
        check.fail(f"{what} was let in{' and shown rows' if shown else ''}", ask, by=by)
    elif reply.status >= 500:
        return
    elif reply.status != 401:
        by = weakest([access.status, *([] if alone else [NO_LEAK_BY_ORDER])], access.status)
        check.fail(f"{what} was answered with {reply.status}, not 401", ask, by=by)
    else:
        wrong = refusals.wrong_kind(reply.status, check.json(reply))
        if wrong:
            check.fail(f"a 401 {wrong}", ask, by=refusals.kinded)


def has_rows(check: Check, reply: Reply) -> bool:
    body = check.listing.body_of(reply)
    return bool(body and body.rows)


@law("credentials.required", about=of_access)
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
        expect_401(check, probe, Ask(check.path(), query, "none"), "no credential and a bad value", alone=False)
    scheme = check.target.security.schemes[0]
    empty = Ask(check.path(), (), "none", headers=((scheme.header, scheme.prefix.strip()),))
    expect_401(check, "empty", empty, "an empty credential")
    if check.promises.facets is not None:
        _require_for_facets(check)
    scopes = check.promises.scopes
    if scopes.in_path:
        ask = Ask(check.path("no-such-org-71c3"), (), "none")
        expect_401(
            check, f"none, unknown {scopes.noun}", ask, f"no credential and an unknown {scopes.noun}", alone=False
        )
    if scopes.in_query:
        ask = Ask(check.path(), ((scopes.in_query, f"no-such-{scopes.noun}"),), "none")
        expect_401(check, f"none, {scopes.noun}", ask, f"no credential and a {scopes.noun}", alone=False)


def _require_for_facets(check: Check) -> None:
    path, reference = facets(check).ask.path, check.listing.first(Reference)
    for credential in ("none", "garbage", "truncated"):
        expect_401(check, f"facets, {credential}", Ask(path, (), credential), f"{BAD[credential]}, facets")
    if reference is not None:
        ask = Ask(path, ((reference.parameter, "x"),), "none")
        expect_401(check, "facets, bad value", ask, "no credential and a bad value", alone=False)


@law("credentials.channels", about=lambda promises: promises.access.headers.values())
def channels(check: Check) -> None:
    """Every header for the credential gives the same list."""
    others = check.target.security.channels[1:]
    if not others:
        check.inconclusive("one header is documented", Lack.NATURE)
    for channel in others:
        by = check.promises.access.statement_of(channel)
        check.expect(channel, check.question((), size=check.some(5), by=by).asked(channel=channel))
        check.expect(f"{channel} again", check.question((), size=check.some(3), by=by).asked(channel=channel))
        if check.promises.facets is not None:
            check.counts(f"facets, {channel}", facets(check, by=by).asked(channel=channel))


@law("credentials.unechoed", about=UNECHOED)
def unechoed(check: Check) -> None:
    """No answer repeats the credential that came with the question."""
    for reply in check.transport.replies:
        if check.transport.credentials.is_repeated_by(reply):
            check.fail("an answer repeats the credential", reply.ask, by=UNECHOED)
            break
    check.witness(f"{check.answers} answers")
