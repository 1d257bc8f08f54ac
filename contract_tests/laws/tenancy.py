"""Nobody sees what belongs to others: orgs, teams, users and accounts keep apart."""

from __future__ import annotations

from contract_tests.judging.check import Check
from contract_tests.laws.cursors import has_cursor
from contract_tests.laws.filters import NOBODY, find_oneself
from contract_tests.laws.pages import walk
from contract_tests.laws.registry import law
from contract_tests.outcome import ListUnreadable, Pairs, Row
from contract_tests.promises.filter_kinds import Closed, Owner
from contract_tests.promises.form import Promises
from contract_tests.promises.statements import Statement
from contract_tests.sending.ask import Ask, Reply

UNKNOWN = "no-such-org-71c3"
NOT_LET_IN = (401, 403)


def of_scopes(promises: Promises) -> list[Statement]:
    return [promises.scopes.apart, promises.scopes.refused]


def expect_closed(
    check: Check, probe: str, ask: Ask, what: str, *statuses: int, shown: Statement, refused: Statement
) -> None:
    """No row, by the statement `shown`; and rather one of these refusals than an empty list, by `refused`."""
    with check.probing(probe) as wanted:
        if not wanted:
            return
        reply = check.transport.send(ask)
        check.conforms(reply)
        check.witness(what)
        if reply.status == 200:
            leaked = shows_rows_of_others(check, reply)
            sentence = f"{what} was answered with {'rows' if leaked else 'a 200'}"
            check.fail(sentence, ask, rows=leaked[:1], by=shown if leaked else refused)
        elif reply.status < 500 and reply.status not in statuses:
            documented = " or ".join(map(str, statuses))
            check.fail(f"{what} was answered with {reply.status}, not {documented}", ask, by=refused)


def shows_rows_of_others(check: Check, reply: Reply) -> list[Row]:
    """The rows, or buckets, of an answer that its caller may not see. Whoever holds the other credential may be let in
    where they are known, and see what is their own."""
    body, ask = check.listing.body_of(reply), reply.ask
    if body is not None:
        rows = [*body.rows]
        return (
            rows if ask.credential != "other" else [row for row in rows if row[check.listing.identity] in mine(check)]
        )
    facets, value = check.promises.facets, check.json(reply)
    if facets is None or not isinstance(value, dict):
        return []
    buckets = [bucket for facet in facets.facets for bucket in value.get(facet.name) or () if isinstance(bucket, dict)]
    return buckets if ask.credential != "other" or not is_let_in(check, ask) else []


def mine(check: Check) -> frozenset[str]:
    """The ids of all that the first caller was shown in full lists."""
    snapshots = [check.snapshot(), *check.snapshots.values()]
    return frozenset(row[check.listing.identity] for snapshot in snapshots for row in snapshot.rows)


def is_let_in(check: Check, ask: Ask) -> bool:
    """Whether the list beside these facets lets the same caller in, who is then a colleague and no stranger."""
    assert check.promises.facets is not None
    path = ask.path.removesuffix(check.promises.facets.tail)
    known = [
        each for each in check.transport.replies if each.ask.credential == ask.credential and each.ask.path == path
    ]
    reply = known[0] if known else check.transport.send(Ask(path, credential=ask.credential))
    return reply.status == 200


@law("tenancy.foreign", about=of_scopes, needs=lambda promises: promises.scopes.named)
def foreign(check: Check) -> None:
    """An org or team that the caller has no access to, and one that does not exist, show nothing."""
    scopes, owner = check.promises.scopes, check.listing.first(Owner)
    if scopes.in_path:
        _close_paths(check)
    else:
        what, query = f"an unknown {scopes.noun}", scopes.query(UNKNOWN)
        by, ask = check.listing.statement_of(query), Ask(check.path(), query)
        expect_closed(check, what.removeprefix("an "), ask, what, scopes.unknown, shown=by, refused=scopes.refused)
        for scope in check.scopes[1:2] if check.options.has_other else ():
            ask = Ask(check.path(), scopes.query(scope), "other")
            probe, what = f"other caller, {scopes.noun}", f"the {scopes.noun}, asked by a stranger"
            expect_closed(check, probe, ask, what, scopes.foreign, shown=scopes.apart, refused=scopes.refused)
    if owner is not None:
        _close_users(check, owner)


def _close_paths(check: Check) -> None:
    scopes, facets, closed_set = check.promises.scopes, check.promises.facets, check.listing.first(Closed)
    noun, path, stranger = scopes.noun, check.path(), f"the {scopes.noun}, asked by a stranger"

    def close(probe: str, ask: Ask, what: str) -> None:
        other = ask.credential == "other"
        status, shown = (scopes.foreign, scopes.apart) if other else (scopes.unknown, check.listing.statement)
        expect_closed(check, probe, ask, what, status, shown=shown, refused=scopes.refused)

    close(f"unknown {noun}", Ask(check.path(UNKNOWN)), f"an unknown {noun}")
    if facets is not None:
        unknown = check.promises.facets_path(UNKNOWN)
        close(f"unknown {noun}, facets", Ask(unknown), f"the facets of an unknown {noun}")
    if not check.options.has_other:
        return
    close("other caller", Ask(path, credential="other"), stranger)
    if facets is not None:
        ask = Ask(check.promises.facets_path(check.home), credential="other")
        close("other caller, facets", ask, "facets, asked by a stranger")
    if closed_set is not None:
        query: Pairs = ((closed_set.parameter, closed_set.values[0]), (check.listing.paging.size, "2"))
        close("other caller, filtered", Ask(path, query, "other"), stranger)


def _close_users(check: Check, owner: Owner) -> None:
    """Another user's sandboxes are for an admin of the given team only."""
    scopes, name, noun = check.promises.scopes, owner.parameter, owner.noun
    path, own = check.path(), find_oneself(check)

    def close(probe: str, ask: Ask, what: str) -> None:
        expect_closed(check, probe, ask, what, owner.refused, shown=owner.closed, refused=owner.status)

    close(f"another {noun}", Ask(path, ((name, NOBODY),)), f"another {noun}, without a {scopes.noun}")
    if scopes.in_query:
        query: Pairs = ((scopes.in_query, UNKNOWN), (name, NOBODY))
        close(f"another {noun}, unknown {scopes.noun}", Ask(path, query), f"another {noun} of an unknown {scopes.noun}")
    for scope in check.scopes[1:2]:
        rows = check.snapshot(scope).rows if own is not None else ()
        mate = next((row[owner.field] for row in rows if row.get(owner.field) not in (own, None)), None)
        if mate is not None:
            ask, what = Ask(path, ((name, mate),)), f"a {scopes.noun} mate, without the {scopes.noun}"
            close(f"{scopes.noun} mate without {scopes.noun}", ask, what)
    if check.options.has_other and own:
        close(f"other caller, {noun}", Ask(path, ((name, own),), "other"), f"a {noun}, asked by a stranger")


@law("tenancy.cursor", about=of_scopes, needs=has_cursor)
def cursor(check: Check) -> None:
    """A cursor opens nothing to another caller."""
    if not check.options.has_other:
        check.inconclusive("no --other-token was given")
        return
    if not check.wants("cursor"):
        return
    for place in walk(check, "cursor", (), 5, 1):
        query = (*check.filters(), *check.listing.paging.query(size=5, cursor=place.cursor))
        scopes, ask = check.promises.scopes, Ask(check.path(), query, "other")
        statuses = (scopes.foreign, 400)
        expect_closed(
            check, "cursor", ask, "a stranger's cursor", *statuses, shown=scopes.apart, refused=scopes.refused
        )


@law(
    "tenancy.apart", about=lambda promises: [promises.scopes.apart], needs=lambda promises: not promises.scopes.in_path
)
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
    except ListUnreadable as error:
        if error.reply.status in NOT_LET_IN:
            check.inconclusive(f"the other caller was answered with {error.reply.status}")
        else:
            check.fail("the other caller gets no list", error.reply.ask, by=check.listing.statement)
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
            by=check.promises.scopes.apart,
        )
    # The same question from the one, the other and the one again: a cache that forgets the caller mixes them.
    question = check.question((), size=check.some(5))
    check.expect("after the other", question)
    with check.probing("other again") as wanted:
        others_question = question.asked(credential="other")
        body = check.accept(others_question, check.send(others_question.ask)) if wanted else None
        mixed = [row for row in body.rows if row[identity] in names] if body is not None else []
        if mixed:
            sentence = "the other caller is shown the first one's sandboxes"
            check.fail(sentence, question.ask, others_question.ask, rows=mixed, by=check.promises.scopes.apart)
    check.expect("and again", question)


def has_own_list(promises: Promises) -> bool:
    """Whether the list without a scope is the caller's own, and its rows say so."""
    return bool(promises.scopes.in_query and promises.scopes.field)


@law("tenancy.owner", about=lambda promises: [promises.scopes.own], needs=has_own_list)
def owner(check: Check) -> None:
    """Without a scope the list holds the caller's personal sandboxes only: no team, one user."""
    snapshot, scopes, user = check.snapshot(""), check.promises.scopes, check.listing.first(Owner)
    rows = snapshot.rows
    if rows:
        check.witness(f"{len(rows)} rows")
    else:
        check.inconclusive("there are no rows")
    scoped = [row for row in rows if row.get(scopes.field) is not None]
    if scoped:
        sentence = f"{len(scoped)} sandboxes of a {scopes.noun} are in the personal list"
        check.fail(sentence, *snapshot.asks, rows=scoped, by=scopes.own)
    if user is None:
        return
    users: dict[str, Row] = {row[user.field]: row for row in rows if row.get(user.field) is not None}
    if len(users) > 1:
        sentence = f"the personal list holds the sandboxes of {len(users)} {user.noun}s"
        check.fail(sentence, *snapshot.asks, rows=list(users.values()), by=scopes.own)
