"""Nobody sees what belongs to others: orgs, teams, users and accounts keep apart."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from contract_tests.judging.callers import REFUSED, Caller, refused, seen_by
from contract_tests.judging.check import Check
from contract_tests.judging.judge import Place, Question
from contract_tests.judging.lacking import Inconclusive
from contract_tests.laws.credentials import has_rows
from contract_tests.laws.facets import facets, has_facets
from contract_tests.laws.filters import NOBODY, common_pairs, find_oneself
from contract_tests.laws.pages import common_filter
from contract_tests.laws.registry import law
from contract_tests.outcome import Lack, Pairs, Row
from contract_tests.promises.filter_kinds import Closed, Owner, Tags
from contract_tests.promises.form import Promises
from contract_tests.promises.paging import Body
from contract_tests.promises.statements import Statement
from contract_tests.sending.ask import Ask, Reply

UNKNOWN = "no-such-org-71c3"
SMALL, OTHER_SMALL, FRESH = 5, 4, 6
"""Sizes of pages that nobody else asks for, so that no cache has seen them before."""
OTHER_FIRST = ("other", "token", "other")
NO_TOKEN = "needs --other-token"


def of_scopes(promises: Promises) -> list[Statement]:
    return [promises.scopes.apart, promises.scopes.refused]


def expect_closed(
    check: Check, probe: str, ask: Ask, what: str, *statuses: int, shown: Statement, refused: Statement
) -> None:
    """No row, by the statement `shown`; and rather one of these refusals than an empty list, by `refused`."""
    with check.probing(probe) as wanted:
        if wanted:
            reply = check.transport.send(ask)
            check.conforms(reply)
            check_closed(check, reply, what, *statuses, shown=shown, refused=refused)


def check_closed(check: Check, reply: Reply, what: str, *statuses: int, shown: Statement, refused: Statement) -> None:
    ask = reply.ask
    check.witness(what)
    documented = " or ".join(map(str, statuses))
    if reply.status == 200:
        leaked = shows_rows_of_others(check, reply)
        kind = "rows" if has_rows(check, reply) else "counts"
        sentence = f"{what} was answered with {kind if leaked else 'a 200'}, not {documented}"
        check.fail(sentence, ask, rows=leaked[:1], by=shown if leaked else refused)
    elif reply.status < 500 and reply.status not in statuses:
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
    """An org or team that does not exist, and users whom the caller may not ask for, show nothing."""
    scopes, owner = check.promises.scopes, check.listing.first(Owner)
    noun = scopes.noun
    ask = Ask(check.path(UNKNOWN) if scopes.in_path else check.path(), scopes.query(UNKNOWN))
    shown = check.listing.statement_of(ask.query)
    close = partial(expect_closed, check, shown=shown, refused=scopes.refused)
    close(f"unknown {noun}", ask, f"an unknown {noun}", scopes.unknown)
    if scopes.in_path and check.promises.facets is not None:
        ask = Ask(check.promises.facets_path(UNKNOWN))
        close(f"unknown {noun}, facets", ask, f"the facets of an unknown {noun}", scopes.unknown)
    if owner is not None:
        _close_users(check, owner)


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


@law("tenancy.within", about=lambda promises: [promises.scopes.within], needs=lambda promises: promises.scopes.within)
def within(check: Check) -> None:
    """The list of an org or team holds what belongs to it: no sandbox is in the lists of two of them."""
    scopes, identity = check.promises.scopes, check.listing.identity
    # One of them in other letters may be the same.
    named = [*{scope.casefold(): scope for scope in reversed(check.scopes) if scope}.values()][::-1]
    if len(named) < 2:
        check.inconclusive(f"needs --org twice, for two {scopes.noun}s", Lack.OPTION)
        return
    with check.probing(f"another {scopes.noun}") as wanted:
        if not wanted:
            return
        one, two = check.snapshot(named[0]), check.snapshot(named[1])
    names = {row[identity] for row in one.rows}
    shared = [row for row in two.rows if row[identity] in names]
    if one.rows and two.rows:
        check.witness(f"{len(one.rows)} and {len(two.rows)} rows")
    else:
        check.inconclusive(f"one of the two {scopes.noun}s has no sandboxes")
    if shared:
        sentence = f"{len(shared)} sandboxes are in the lists of two {scopes.noun}s"
        check.fail(sentence, one.asks[0], two.asks[0], rows=shared, by=scopes.within)


@law("tenancy.apart", about=lambda promises: [promises.scopes.apart])
def apart(check: Check) -> None:
    """Two callers who share nothing see nothing of each other's: in lists, under filters, on later pages, in facets,
    and in either order of asking, so that no cache mixes them."""
    if not check.options.has_other:
        check.inconclusive(NO_TOKEN, Lack.OPTION)
        return
    if not check.wants_some():
        return
    stranger, scopes = seen_by(check, "other"), check.promises.scopes
    if not scopes.in_path:
        _compare_lists(check, stranger)
    filters = fresh_filter(check)
    take_turns(check, "filtered", check.question(filters, size=check.some(FRESH)), OTHER_FIRST)
    page = take_turns(check, "list", check.question((), size=check.some(SMALL)), ("token", "other", "token"))
    place = following(check, page, SMALL)
    if place is not None:
        question = check.question((), size=SMALL, place=place)
        take_turns(check, "page two", question, OTHER_FIRST[:2])
    if has_facets(check.promises):
        closed = check.listing.first(Closed)
        narrowed = ((closed.parameter, closed.values[-1]),) if closed is not None else ()
        take_turns(check, "facets", facets(check, narrowed), OTHER_FIRST)
    for scope in check.scopes[1:2] if scopes.in_query else ():
        question = check.question((), size=check.some(FRESH), scope=scope)
        take_turns(check, scopes.noun, question, OTHER_FIRST)
    owner, own = check.listing.first(Owner), find_oneself(check)
    if owner is not None and own:
        ask = Ask(check.path(), ((owner.parameter, own),), "other")
        what = f"a {owner.noun}, asked by a stranger"
        expect_closed(check, owner.noun, ask, what, owner.refused, shown=owner.closed, refused=owner.status)


def fresh_filter(check: Check) -> Pairs:
    """A filter for a part of the rows; where no size makes the question a new one, another than the usual."""
    tags, rows = check.listing.first(Tags), check.snapshot().rows
    if tags is None or check.some(FRESH) is not None:
        return common_filter(check)
    known = common_pairs(tags, rows)
    return tags.write(*(known[1:2] or known[:1]))


def _compare_lists(check: Check, stranger: Caller) -> None:
    with check.probing("apart") as wanted:
        if not wanted:
            return
        mine, theirs = check.snapshot(), stranger.own("")
        if mine.rows and theirs.rows:
            check.witness(f"{len(mine.rows)} and {len(theirs.rows)} rows")
        else:
            check.inconclusive("one of the two callers has no sandboxes")
        _convict_shared(check, theirs.rows, mine.asks[0], theirs.asks[0])


def _convict_shared(check: Check, theirs: Sequence[Row], *asks: Ask) -> None:
    """No row that the stranger is shown is one of the first caller's."""
    identity = check.listing.identity
    names = {row[identity] for scope in check.scopes for row in check.snapshot(scope).rows}
    shared = [row for row in theirs if row[identity] in names]
    if shared:
        sentence = f"{len(shared)} sandboxes are shown to two callers who share nothing"
        check.fail(sentence, *asks, rows=shared, by=check.promises.scopes.apart)


def following(check: Check, page: Body | None, size: int) -> Place | None:
    """Where the page behind this first one begins, if there is one and the page has such parameters at all."""
    paging = check.listing.paging
    if check.some(size) is None:
        return None
    if paging.number or paging.offset:
        return Place(2) if paging.number else Place(offset=size)
    cursor = paging.cursor.following(page) if paging.cursor is not None and page is not None and page.rows else ""
    if not cursor or page is None:
        return None
    names = [row[check.listing.identity] for row in page.rows]
    return Place(cursor=cursor, anchor=names[-1], shown=frozenset(names))


def take_turns(check: Check, probe: str, question: Question, order: Sequence[str]) -> Body | None:
    """The same question from the first caller and from a stranger, one after the other: the first gets what their own
    list says, the stranger nothing of it. The last answer to the first caller, where it is a list."""
    body = None
    with check.probing(probe) as wanted:
        if not wanted:
            return None
        for credential in order:
            reply = check.send(question.asked(credential=credential).ask)
            if credential != "token":
                check_stranger(check, question.asked(credential=credential), reply)
            elif check.promises.operation_at(question.ask.path) == check.listing.operation:
                body = check.hold(question, reply, check.snapshot(question.scope), witness=f"{probe}, in turns")
                _convict_strange(check, body, question.ask)
            else:
                check.hold_counts(question, reply, check.snapshot(question.scope))
    return body


def _convict_strange(check: Check, body: Body | None, ask: Ask) -> None:
    """No row that the first caller is shown is one of the stranger's."""
    identity, lists = check.listing.identity, seen_by(check, "other").snapshots.values()
    names = {row[identity] for snapshot in lists for row in snapshot.rows}
    shared = [row for row in body.rows if row[identity] in names] if body is not None else []
    if shared:
        sentence = f"{len(shared)} sandboxes of a stranger are shown to the first caller"
        check.fail(sentence, ask, rows=shared, by=check.promises.scopes.apart)


def check_stranger(check: Check, question: Question, reply: Reply, *, alone: bool = True) -> None:
    """What a stranger is shown: nothing of a scope that is not theirs, and of their own list nothing that is not in
    it."""
    scopes, stranger = check.promises.scopes, seen_by(check, "other")
    if reply.status == REFUSED:
        raise Inconclusive(refused("other", reply), Lack.UNUSED)
    if scopes.in_path or question.scope:
        cursor = check.listing.cursor if question.anchor else None
        refusals = (scopes.foreign, *([cursor.refused] if cursor is not None else []))
        what = f"the {scopes.noun}, asked by a stranger"
        check_closed(check, reply, what, *refusals, shown=scopes.apart, refused=scopes.refused)
        return
    if question.anchor:  # The first caller's cursor may be refused, or lead to what is the stranger's own.
        shown = check.listing.body_of(reply) if reply.status == 200 else None
        _convict_shared(check, shown.rows if shown is not None else (), reply.ask)
        return
    body = stranger.hold(question, reply, stranger.own(""), witness="a stranger's own list", alone=alone)
    _convict_shared(check, body.rows if body is not None else (), question.ask)


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
