"""Nobody sees what belongs to others: orgs, teams, users and accounts keep apart."""

from __future__ import annotations

from contract_tests.judging.check import Check
from contract_tests.laws.credentials import has_rows
from contract_tests.laws.facets import facets
from contract_tests.laws.filters import NOBODY, oneself
from contract_tests.laws.pages import walk
from contract_tests.laws.registry import law
from contract_tests.outcome import ListUnreadable, Row, Tier
from contract_tests.promises.form import Pairs
from contract_tests.sending.ask import Ask

UNKNOWN = "no-such-org-71c3"


def closed(check: Check, probe: str, ask: Ask, what: str, statuses: tuple[int, ...], tier: Tier = Tier.MUST) -> None:
    """Not a 200; and one of these refusals (Assumed, so SHOULD)."""
    if not check.wants(probe):
        return
    check.probe(probe)
    reply = check.send(ask)
    check.witness(what)
    if reply.status == 200:
        check.fail(f"{what} was answered with {'rows' if has_rows(check, reply) else 'a 200'}", ask, tier=tier)
    elif reply.status < 500 and reply.status not in statuses:
        wanted = " or ".join(map(str, statuses))
        check.fail(f"{what} was answered with {reply.status}, not {wanted}", ask, tier=Tier.SHOULD)


@law("tenancy.foreign", providers={"dreadnode", "prime"})
def foreign(check: Check) -> None:
    """An org or team that the caller has no access to, and one that does not exist, show nothing."""
    if check.slug == "dreadnode":
        path = check.path(UNKNOWN)
        closed(check, "unknown org", Ask(path), "an unknown org", (404,))
        closed(check, "unknown org, facets", Ask(path + "/facets"), "the facets of an unknown org", (404,))
        if check.options.has_other:
            closed(check, "other caller", Ask(check.path(), credential="other"), "the org, asked by a stranger", (403,))
            closed(
                check,
                "other caller, facets",
                Ask(facets(check).ask.path, credential="other"),
                "facets, asked by a stranger",
                (403,),
            )
            query: Pairs = (("state", "running"), ("limit", "2"))
            closed(
                check,
                "other caller, filtered",
                Ask(check.path(), query, "other"),
                "the org, asked by a stranger",
                (403,),
            )
    else:
        closed(
            check, "unknown team", Ask(check.path(), (("team_id", UNKNOWN),)), "an unknown team", (403,), Tier.SHOULD
        )
        closed(check, "another user", Ask(check.path(), (("user_id", NOBODY),)), "another user, without a team", (403,))
        closed(
            check,
            "another user, unknown team",
            Ask(check.path(), (("team_id", UNKNOWN), ("user_id", NOBODY))),
            "another user of an unknown team",
            (403,),
        )
        for team in check.options.orgs[:1]:
            own = oneself(check)
            mates = (
                []
                if own is None
                else [row["userId"] for row in check.snapshot(team).rows if row.get("userId") not in (own, None)]
            )
            if mates:
                closed(
                    check,
                    "team mate without team",
                    Ask(check.path(), (("user_id", mates[0]),)),
                    "a team mate, without the team",
                    (403,),
                )
            if check.options.has_other:
                query = (("team_id", team),)
                closed(
                    check,
                    "other caller, team",
                    Ask(check.path(), query, "other"),
                    "the team, asked by a stranger",
                    (403,),
                )
        own_user = oneself(check)
        if check.options.has_other and own_user:
            query = (("user_id", own_user),)
            closed(
                check, "other caller, user", Ask(check.path(), query, "other"), "a user, asked by a stranger", (403,)
            )


@law("tenancy.cursor", tier=Tier.SHOULD, providers={"dreadnode"})
def cursor(check: Check) -> None:
    """A cursor opens nothing to another caller."""
    if not check.options.has_other:
        check.inconclusive("no --other-token was given")
        return
    if not check.wants("cursor"):
        return
    found = walk(check, "cursor", (), 5, 1)
    if found:
        closed(
            check,
            "cursor",
            Ask(check.path(), (("limit", "5"), ("cursor", found[0].cursor)), "other"),
            "a stranger's cursor",
            (403, 400),
        )


@law("tenancy.apart", providers={"instavm", "prime", "superserve"})
def apart(check: Check) -> None:
    """Two callers who share nothing see no sandbox in common, in any order of asking."""
    if not check.options.has_other:
        check.inconclusive("no --other-token was given")
        return
    if not check.wants("apart"):
        return
    check.probe("apart")
    mine = check.snapshot()
    try:
        others = check.others()
    except ListUnreadable:
        check.fail("the other caller gets no list", Ask(check.path(), credential="other"))
        return
    identity = check.listing.identity
    names = {row[identity] for row in mine.rows}
    for team in check.options.orgs:
        names |= {row[identity] for row in check.snapshot(team).rows} if check.slug == "prime" else set()
    shared = [row for row in others.rows if row[identity] in names]
    if mine.rows and others.rows:
        check.witness(f"{len(mine.rows)} and {len(others.rows)} rows")
    else:
        check.inconclusive("one of the two callers has no sandboxes")
    if shared:
        check.fail(
            f"{len(shared)} sandboxes are shown to two callers who share nothing",
            mine.asks[0],
            others.asks[0],
            rows=shared,
        )
    # The same question from the one, the other and the one again: a cache that forgets the caller mixes them.
    question = check.question((), size=5)
    check.expect("after the other", question)
    if check.wants("other again"):
        check.probe("other again")
        ask = Ask(question.ask.path, question.ask.query, "other")
        reply = check.send(ask)
        body = check.accept(check.question((), size=5, credential="other"), reply)
        if body is not None:
            mixed = [row for row in body.rows if row[identity] in names]
            if mixed:
                check.fail("the other caller is shown the first one's sandboxes", question.ask, ask, rows=mixed)
    check.expect("and again", question)


@law("tenancy.owner", tier=Tier.SHOULD, providers={"prime"})
def owner(check: Check) -> None:
    """Without `team_id` the list holds the caller's personal sandboxes only (Assumed): no team, one user."""
    rows = check.snapshot("").rows
    if rows:
        check.witness(f"{len(rows)} rows")
    else:
        check.inconclusive("there are no rows")
    teams = [row for row in rows if row.get("teamId") is not None]
    if teams:
        check.fail(
            f"{len(teams)} sandboxes of a team are in the personal list",
            *check.snapshot("").asks,
            rows=teams,
            tier=Tier.SHOULD,
        )
    users: dict[str, Row] = {row["userId"]: row for row in rows if row.get("userId") is not None}
    if len(users) > 1:
        check.fail(
            f"the personal list holds the sandboxes of {len(users)} users",
            *check.snapshot("").asks,
            rows=list(users.values()),
            tier=Tier.SHOULD,
        )
