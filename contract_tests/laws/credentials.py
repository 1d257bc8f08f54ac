"""Who does not show a good credential sees nothing; every documented way to show one works."""

from __future__ import annotations

from contract_tests.judging.check import Check
from contract_tests.judging.judge import body_of
from contract_tests.laws.facets import facets
from contract_tests.laws.registry import law
from contract_tests.outcome import Tier
from contract_tests.promises.form import Pairs
from contract_tests.sending.ask import Ask, Reply

BAD = {
    "none": "no credential",
    "garbage": "an invented credential",
    "malformed": "the credential behind another scheme",
    "truncated": "the credential without its last character",
    "recased": "the credential in another case",
}


def rejected(check: Check, ask: Ask, what: str) -> None:
    """A 401 without a row."""
    reply = check.send(ask)
    check.witness(what)
    tier = Tier.MUST if check.slug == "dreadnode" else Tier.SHOULD
    if reply.status == 200:
        shown = has_rows(check, reply)
        check.fail(f"{what} was let in{' and shown rows' if shown else ''}", ask)
    elif reply.status >= 500:
        return
    elif reply.status != 401:
        check.fail(f"{what} was answered with {reply.status}, not 401", ask, tier=tier)
    else:
        body = check.json(reply)
        if check.slug == "dreadnode" and isinstance(body, dict) and body.get("type") not in AUTHENTICATION:
            check.fail(f"a 401 is of type {body.get('type')}", ask, tier=Tier.SHOULD)
        if check.slug == "superserve" and isinstance(body, dict):
            error = body.get("error")
            if isinstance(error, dict) and error.get("code") != "auth_failed":
                check.fail(f"a 401 has the code {error.get('code')}", ask, tier=Tier.SHOULD)


AUTHENTICATION = ("authentication_error", "expired_token_error", "token_error", "expired_signature_error")


def has_rows(check: Check, reply: Reply) -> bool:
    body = body_of(check.listing, reply)
    return bool(body and body.rows)


@law("credentials.required")
def required(check: Check) -> None:
    """Without a good credential the answer is a 401, whatever else is asked, on every operation."""
    for credential, what in BAD.items():
        for channel in check.target.security.channels:
            probe = f"{credential}{f' in {channel}' if channel else ''}"
            if check.wants(probe) and not (credential == "none" and channel):
                check.probe(probe)
                rejected(check, Ask(check.path(), (), credential, channel), what)
    size = check.listing.paging.size
    wrong: dict[str, Pairs] = {"none, bad value": ((size, "0"),), "none, bad word": ((size, "x"),)}
    for probe, query in wrong.items():
        if check.wants(probe):
            check.probe(probe)
            rejected(check, Ask(check.path(), query, "none"), "no credential and a bad value")
    if check.wants("empty"):
        check.probe("empty")
        scheme = check.target.security.schemes[0]
        rejected(
            check,
            Ask(check.path(), (), "none", headers=((scheme.header, scheme.prefix.strip()),)),
            "an empty credential",
        )
    if check.slug == "dreadnode":
        for probe, credential in (
            ("facets, none", "none"),
            ("facets, garbage", "garbage"),
            ("facets, truncated", "truncated"),
        ):
            if check.wants(probe):
                check.probe(probe)
                rejected(check, Ask(facets(check).ask.path, (), credential), f"{BAD[credential]}, facets")
        if check.wants("facets, bad value"):
            check.probe("facets, bad value")
            rejected(
                check, Ask(facets(check).ask.path, (("project_id", "x"),), "none"), "no credential and a bad value"
            )
        if check.wants("none, unknown org"):
            check.probe("none, unknown org")
            rejected(check, Ask(check.path("no-such-org-71c3"), (), "none"), "no credential and an unknown org")
    if check.slug == "prime" and check.wants("none, team"):
        check.probe("none, team")
        rejected(check, Ask(check.path(), (("team_id", "no-such-team"),), "none"), "no credential and a team")


@law("credentials.channels")
def channels(check: Check) -> None:
    """Every documented header for the credential gives the same list."""
    for channel in check.target.security.channels[1:]:
        check.expect(channel, check.question((), size=5, channel=channel))
        check.expect(f"{channel} again", check.question((), size=3, channel=channel))
        if check.slug == "dreadnode":
            question = facets(check)
            ask = Ask(question.ask.path, channel=channel)
            check.counts(f"facets, {channel}", type(question)(ask, question.scope))
    if check.wants("scheme in lower case"):
        check.probe("scheme in lower case")
        check.witness("the documented header")


@law("credentials.unechoed")
def unechoed(check: Check) -> None:
    """No answer repeats the credential that came with the question."""
    for reply in check.transport.replies:
        if check.transport.credentials.repeated_by(reply):
            check.fail("an answer repeats the credential", reply.ask)
            break
    check.witness(f"{check.answers} answers")
