"""Nobody sees what belongs to others: orgs, teams, users and accounts keep apart."""

from __future__ import annotations

from contract_tests.judging.check import Check
from contract_tests.laws.credentials import has_rows
from contract_tests.laws.cursors import has_cursor
from contract_tests.laws.filters import NOBODY, find_oneself
from contract_tests.laws.pages import walk
from contract_tests.laws.registry import law
from contract_tests.outcome import ListUnreadable, Pairs, Row, Tier
from contract_tests.promises.filter_kinds import Closed, Owner
from contract_tests.promises.form import Promises
from contract_tests.sending.ask import Ask

UNKNOWN = "no-such-org-71c3"
FORBIDDEN = 403
"""The status for rows of a user whom the caller may not ask for."""


def expect_closed(check: Check, probe: str, ask: Ask, what: str, *statuses: int, tier: Tier = Tier.MUST) -> None:
    """Not a 200; and one of these refusals (Assumed, so SHOULD)."""
    with check.probing(probe) as wanted:
        if not wanted:
            return
        reply = check.send(ask)
        check.witness(what)
        if reply.status == 200:
            check.fail(f"{what} was answered with {'rows' if has_rows(check, reply) else 'a 200'}", ask, tier=tier)
        elif reply.status < 500 and reply.status not in statuses:
            documented = " or ".join(map(str, statuses))
            check.fail(f"{what} was answered with {reply.status}, not {documented}", ask, tier=Tier.SHOULD)


@law("tenancy.foreign", needs=lambda promises: promises.scopes.named)
def foreign(check: Check) -> None:
    """An org or team that the caller has no access to, and one that does not exist, show nothing."""
    scopes, owner = check.promises.scopes, check.listing.first(Owner)
    if scopes.in_path:
        _close_paths(check)
    else:
        what = f"an unknown {scopes.noun}"
        ask = Ask(check.path(), ((scopes.in_query, UNKNOWN),))
        expect_closed(check, f"unknown {scopes.noun}", ask, what, scopes.unknown, tier=scopes.unknown_tier)
        if check.options.has_other:
            for scope in check.scopes[1:2]:
                ask = Ask(check.path(), scopes.query(scope), "other")
                what = f"the {scopes.noun}, asked by a stranger"
                expect_closed(check, f"other caller, {scopes.noun}", ask, what, scopes.foreign)
    if owner is not None:
        _close_users(check, owner)


def _close_paths(check: Check) -> None:
    scopes, facets, closed_set = check.promises.scopes, check.promises.facets, check.listing.first(Closed)
    noun, path, stranger = scopes.noun, check.path(), f"the {scopes.noun}, asked by a stranger"
    expect_closed(check, f"unknown {noun}", Ask(check.path(UNKNOWN)), f"an unknown {noun}", scopes.unknown)
    if facets is not None:
        unknown = check.promises.facets_path(UNKNOWN)
        what = f"the facets of an unknown {noun}"
        expect_closed(check, f"unknown {noun}, facets", Ask(unknown), what, scopes.unknown)
    if not check.options.has_other:
        return
    expect_closed(check, "other caller", Ask(path, credential="other"), stranger, scopes.foreign)
    if facets is not None:
        ask = Ask(check.promises.facets_path(check.home), credential="other")
        expect_closed(check, "other caller, facets", ask, "facets, asked by a stranger", scopes.foreign)
    if closed_set is not None:
        query: Pairs = ((closed_set.parameter, closed_set.values[0]), (check.listing.paging.size, "2"))
        expect_closed(check, "other caller, filtered", Ask(path, query, "other"), stranger, scopes.foreign)


def _close_users(check: Check, owner: Owner) -> None:
    """Another user's sandboxes are for an admin of the given team only."""
    scopes, name, noun = check.promises.scopes, owner.parameter, owner.noun
    path, own = check.path(), find_oneself(check)
    expect_closed(
        check, f"another {noun}", Ask(path, ((name, NOBODY),)), f"another {noun}, without a {scopes.noun}", FORBIDDEN
    )
    if scopes.in_query:
        query: Pairs = ((scopes.in_query, UNKNOWN), (name, NOBODY))
        what = f"another {noun} of an unknown {scopes.noun}"
        expect_closed(check, f"another {noun}, unknown {scopes.noun}", Ask(path, query), what, FORBIDDEN)
    for scope in check.scopes[1:2]:
        rows = check.snapshot(scope).rows if own is not None else ()
        mate = next((row[owner.field] for row in rows if row.get(owner.field) not in (own, None)), None)
        if mate is not None:
            ask, what = Ask(path, ((name, mate),)), f"a {scopes.noun} mate, without the {scopes.noun}"
            expect_closed(check, f"{scopes.noun} mate without {scopes.noun}", ask, what, FORBIDDEN)
    if check.options.has_other and own:
        ask = Ask(path, ((name, own),), "other")
        expect_closed(check, f"other caller, {noun}", ask, f"a {noun}, asked by a stranger", FORBIDDEN)


@law("tenancy.cursor", tier=Tier.SHOULD, needs=has_cursor)
def cursor(check: Check) -> None:
    """A cursor opens nothing to another caller."""
    if not check.options.has_other:
        check.inconclusive("no --other-token was given")
        return
    if not check.wants("cursor"):
        return
    for place in walk(check, "cursor", (), 5, 1):
        query = (*check.filters(), *check.listing.paging.query(size=5, cursor=place.cursor))
        refused = (check.promises.scopes.foreign, 400)
        expect_closed(check, "cursor", Ask(check.path(), query, "other"), "a stranger's cursor", *refused)


@law("tenancy.apart", needs=lambda promises: not promises.scopes.in_path)
def apart(check: Check) -> None:
    """Two callers who share nothing see no sandbox in common, in any order of asking."""
    if not check.options.has_other:
        check.inconclusive("no --other-token was given")
        return
    with check.probing("apart") as wanted:
        if wanted:
            _keep_apart(check)


def _keep_apart(check: Check) -> None:
    mine = check.snapshot()
    try:
        others = check.others()
    except ListUnreadable:
        check.fail("the other caller gets no list", Ask(check.path(), credential="other"))
        return
    identity = check.listing.identity
    names = {row[identity] for scope in check.scopes for row in check.snapshot(scope).rows}
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
    with check.probing("other again") as wanted:
        others_question = question.asked(credential="other")
        body = check.accept(others_question, check.send(others_question.ask)) if wanted else None
        mixed = [row for row in body.rows if row[identity] in names] if body is not None else []
        if mixed:
            sentence = "the other caller is shown the first one's sandboxes"
            check.fail(sentence, question.ask, others_question.ask, rows=mixed)
    check.expect("and again", question)


def has_own_list(promises: Promises) -> bool:
    """Whether the list without a scope is the caller's own, and its rows say so."""
    return bool(promises.scopes.in_query and promises.scopes.field)


@law("tenancy.owner", tier=Tier.SHOULD, needs=has_own_list)
def owner(check: Check) -> None:
    """Without a scope the list holds the caller's personal sandboxes only (Assumed): no team, one user."""
    snapshot, scopes, user = check.snapshot(""), check.promises.scopes, check.listing.first(Owner)
    rows = snapshot.rows
    if rows:
        check.witness(f"{len(rows)} rows")
    else:
        check.inconclusive("there are no rows")
    scoped = [row for row in rows if row.get(scopes.field) is not None]
    if scoped:
        sentence = f"{len(scoped)} sandboxes of a {scopes.noun} are in the personal list"
        check.fail(sentence, *snapshot.asks, rows=scoped, tier=Tier.SHOULD)
    if user is None:
        return
    users: dict[str, Row] = {row[user.field]: row for row in rows if row.get(user.field) is not None}
    if len(users) > 1:
        sentence = f"the personal list holds the sandboxes of {len(users)} {user.noun}s"
        check.fail(sentence, *snapshot.asks, rows=list(users.values()), tier=Tier.SHOULD)
