"""Nobody sees what belongs to others: orgs, teams, users and accounts keep apart."""

from __future__ import annotations

from collections.abc import Sequence

from contract_tests.judging.callers import REFUSED, Caller, refused, seen_by
from contract_tests.judging.check import Check
from contract_tests.judging.judge import Place, Question
from contract_tests.judging.lacking import Inconclusive
from contract_tests.laws.credentials import has_rows
from contract_tests.laws.facets import facets, has_facets
from contract_tests.laws.filters import NOBODY, common_pairs, find_oneself
from contract_tests.laws.pages import common_filter
from contract_tests.laws.registry import law
from contract_tests.outcome import Lack, Pairs, Row, Tier
from contract_tests.promises.filter_kinds import Closed, Owner, Tags
from contract_tests.promises.form import Promises
from contract_tests.promises.paging import Body
from contract_tests.sending.ask import Ask, Reply

UNKNOWN = "no-such-org-71c3"
FORBIDDEN = 403
"""The status for rows of a user whom the caller may not ask for."""
SMALL, OTHER_SMALL, FRESH = 5, 4, 6
"""Sizes of pages that nobody else asks for, so that no cache has seen them before."""
OTHER_FIRST = ("other", "token", "other")
NO_TOKEN = "needs --other-token"


def shows(check: Check, reply: Reply) -> bool:
    """Whether an answer holds a row or a bucket."""
    counted = check.promises.facets
    if counted is None or check.promises.operation_at(reply.ask.path) != counted.operation:
        return has_rows(check, reply)
    lists = check.listing.around(reply).envelope
    return any(lists.get(facet.name) for facet in counted.facets)


def expect_closed(check: Check, probe: str, ask: Ask, what: str, *statuses: int) -> None:
    """Nothing is shown; and how that is said is one of these refusals (Assumed, so SHOULD)."""
    with check.probing(probe) as wanted:
        if wanted:
            check_closed(check, check.send(ask), what, *statuses)


def check_closed(check: Check, reply: Reply, what: str, *statuses: int) -> None:
    ask = reply.ask
    check.witness(what)
    documented = " or ".join(map(str, statuses))
    if reply.status == 200 and shows(check, reply):
        kind = "rows" if has_rows(check, reply) else "counts"
        check.fail(f"{what} was answered with {kind}", ask)
    elif reply.status == 200:
        check.fail(f"{what} was answered with an empty 200, not {documented}", ask, tier=Tier.SHOULD)
    elif reply.status < 500 and reply.status not in statuses:
        check.fail(f"{what} was answered with {reply.status}, not {documented}", ask, tier=Tier.SHOULD)


@law("tenancy.foreign", needs=lambda promises: promises.scopes.named)
def foreign(check: Check) -> None:
    """An org or team that does not exist, and users whom the caller may not ask for, show nothing."""
    scopes, owner = check.promises.scopes, check.listing.first(Owner)
    noun = scopes.noun
    ask = Ask(check.path(UNKNOWN) if scopes.in_path else check.path(), scopes.query(UNKNOWN))
    expect_closed(check, f"unknown {noun}", ask, f"an unknown {noun}", scopes.unknown)
    if scopes.in_path and check.promises.facets is not None:
        ask = Ask(check.promises.facets_path(UNKNOWN))
        expect_closed(check, f"unknown {noun}, facets", ask, f"the facets of an unknown {noun}", scopes.unknown)
    if owner is not None:
        _close_users(check, owner)


def _close_users(check: Check, owner: Owner) -> None:
    """Another user's sandboxes are for an admin of the given team only."""
    scopes, name, noun = check.promises.scopes, owner.parameter, owner.noun
    path, own = check.path(), find_oneself(check)
    expect_closed(
        check, f"another {noun}", Ask(path, ((name, NOBODY),)), f"another {noun}, without a {scopes.noun}", FORBIDDEN
    )
    if scopes.in_query:
        query = ((scopes.in_query, UNKNOWN), (name, NOBODY))
        what = f"another {noun} of an unknown {scopes.noun}"
        expect_closed(check, f"another {noun}, unknown {scopes.noun}", Ask(path, query), what, FORBIDDEN)
    for scope in check.scopes[1:2]:
        rows = check.snapshot(scope).rows if own is not None else ()
        mate = next((row[owner.field] for row in rows if row.get(owner.field) not in (own, None)), None)
        if mate is not None:
            ask, what = Ask(path, ((name, mate),)), f"a {scopes.noun} mate, without the {scopes.noun}"
            expect_closed(check, f"{scopes.noun} mate without {scopes.noun}", ask, what, FORBIDDEN)


@law("tenancy.apart")
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
    take_turns(check, "filtered", check.question(filters, size=size_of(check, FRESH)), OTHER_FIRST)
    page = take_turns(check, "list", check.question((), size=size_of(check, SMALL)), ("token", "other", "token"))
    place = following(check, page, SMALL)
    if place is not None:
        question = check.question((), size=SMALL, place=place)
        take_turns(check, "page two", question, OTHER_FIRST[:2])
    if has_facets(check.promises):
        closed = check.listing.first(Closed)
        narrowed = ((closed.parameter, closed.values[-1]),) if closed is not None else ()
        take_turns(check, "facets", facets(check, narrowed), OTHER_FIRST)
    for scope in check.scopes[1:2] if scopes.in_query else ():
        question = check.question((), size=size_of(check, FRESH), scope=scope)
        take_turns(check, scopes.noun, question, OTHER_FIRST)
    owner, own = check.listing.first(Owner), find_oneself(check)
    if owner is not None and own:
        ask = Ask(check.path(), ((owner.parameter, own),), "other")
        expect_closed(check, owner.noun, ask, f"a {owner.noun}, asked by a stranger", FORBIDDEN)


def size_of(check: Check, size: int) -> int | None:
    """This size, where the page has sizes; a law about something else asks for no parameter that the page lacks."""
    return size if check.listing.paging.tier is Tier.MUST else None


def fresh_filter(check: Check) -> Pairs:
    """A filter for a part of the rows; where no size makes the question a new one, another than the usual."""
    tags, rows = check.listing.first(Tags), check.snapshot().rows
    if tags is None or size_of(check, FRESH) is not None:
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
        check.fail(f"{len(shared)} sandboxes are shown to two callers who share nothing", *asks, rows=shared)


def following(check: Check, page: Body | None, size: int) -> Place | None:
    """Where the page behind this first one begins, if there is one and the page has such parameters at all."""
    paging = check.listing.paging
    if size_of(check, size) is None:
        return None
    if paging.number or paging.offset:
        return Place(2) if paging.number else Place(offset=size)
    cursor = paging.cursor.following(page) if paging.cursor is not None and page is not None and page.rows else ""
    return Place(cursor=cursor, anchor=page.rows[-1][check.listing.identity]) if cursor and page is not None else None


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
        check.fail(f"{len(shared)} sandboxes of a stranger are shown to the first caller", ask, rows=shared)


def check_stranger(check: Check, question: Question, reply: Reply, *, alone: bool = True) -> None:
    """What a stranger is shown: nothing of a scope that is not theirs, and of their own list nothing that is not in
    it."""
    scopes, stranger = check.promises.scopes, seen_by(check, "other")
    if reply.status == REFUSED:
        raise Inconclusive(refused("other", reply), Lack.UNUSED)
    if scopes.in_path or question.scope:
        cursor = check.listing.cursor if question.anchor else None
        refusals = (scopes.foreign, *([cursor.refused] if cursor is not None else []))
        check_closed(check, reply, f"the {scopes.noun}, asked by a stranger", *refusals)
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
