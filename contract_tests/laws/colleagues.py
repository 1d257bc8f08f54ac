"""Two callers of one org or team: what the pages promise between them, and that no answer is mixed up with the other's.

The colleague is no admin, and both have sandboxes of their own; the option for their token says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from contract_tests.judging.callers import seen_by
from contract_tests.judging.check import Check
from contract_tests.judging.judge import Question
from contract_tests.laws.facets import facets, of_facets
from contract_tests.laws.filters import find_oneself, largest_page
from contract_tests.laws.pages import common_filter
from contract_tests.laws.registry import law
from contract_tests.laws.tenancy import following, fresh_filter
from contract_tests.outcome import Lack, Pairs, Row
from contract_tests.promises.common import OWN_ANSWERS, OWN_LISTS
from contract_tests.promises.filter_kinds import Closed, Owner
from contract_tests.promises.form import Promises, page_of_facets
from contract_tests.promises.paging import Body
from contract_tests.promises.statements import Statement
from contract_tests.sending.ask import Ask

NO_TOKEN = "needs --colleague-token"
ENOUGH = 5
"""Fewer sandboxes in both lists may well be one user's, seen by their admin too."""
COLLEAGUE_FIRST = ("colleague", "token", "colleague")
SMALL, FRESH = 8, 9
"""Sizes of pages that nobody else asks for, so that no cache has seen them before."""


def of_colleagues(promises: Promises) -> list[Statement | None]:
    return [promises.colleagues.statement]


def is_given(check: Check) -> bool:
    """Whether there is a colleague to ask as, and room for it."""
    if not check.options.has_colleague:
        check.inconclusive(NO_TOKEN, Lack.OPTION)
        return False
    return check.wants_some()


@law("colleagues.own", about=of_colleagues, needs=lambda promises: promises.colleagues.apart)
def own(check: Check) -> None:
    """The list is that of the current user: it is not the same for every user of the org."""
    if not is_given(check):
        return
    with check.probing("lists") as wanted:
        if not wanted:
            return
        first, theirs = check.snapshot(), seen_by(check, "colleague").own()
    identity = check.listing.identity
    mine = {row[identity] for row in first.rows}
    shared = [row for row in theirs.rows if row[identity] in mine]
    check.witness(f"{len(first.rows)} and {len(theirs.rows)} rows, {len(shared)} in both")
    if not (first.complete and theirs.complete) or len(shared) < ENOUGH:
        check.inconclusive("too few rows are in both lists to tell whose they are") if not shared else None
        return
    if len(shared) == len(first.rows) == len(theirs.rows):
        sentence = f"two users are shown the same {len(shared)} sandboxes, which cannot all be each one's own"
        check.fail(sentence, first.asks[0], theirs.asks[0], rows=shared[:2], by=check.promises.colleagues.statement)
    elif len(shared) < min(len(first.rows), len(theirs.rows)):
        sentence = f"two users share {len(shared)} sandboxes, and each has others that the other is not shown"
        check.fail(sentence, first.asks[0], theirs.asks[0], rows=shared[:2], by=OWN_LISTS)


@law("colleagues.team", about=of_colleagues, needs=lambda promises: promises.colleagues.together)
def team(check: Check) -> None:
    """The list belongs to the team: whoever of the team asks is given the same."""
    if not is_given(check):
        return
    with check.probing("list") as wanted:
        if wanted:
            seen_by(check, "colleague").own()
    filters = common_filter(check)
    check.expect("list", check.question(()).asked(credential="colleague"))
    if filters:
        check.expect("filtered", check.question(filters).asked(credential="colleague"))


@law("colleagues.answers", about=OWN_ANSWERS, needs=lambda promises: not promises.colleagues.together)
def answers(check: Check) -> None:
    """Whatever a colleague asks is answered from the colleague's own list, in either order of asking, so that no cache
    mixes two callers of one org or team."""
    if not is_given(check):
        return
    paging, filters = check.listing.paging, fresh_filter(check)
    size = check.some(SMALL)
    pages = take_turns(check, "list", check.question((), size=size), ("token", "colleague", "token"))
    take_turns(check, "filtered", check.question(filters, size=check.some(FRESH)), COLLEAGUE_FIRST)
    if paging.cursor is not None:
        _turn_pages(check, pages)
    elif place := following(check, None, SMALL):
        take_turns(check, "page two", check.question((), size=size, place=place), COLLEAGUE_FIRST[:2])
    scopes = check.promises.scopes
    for scope in check.scopes[1:2] if scopes.in_query else ():
        question = check.question((), size=check.some(FRESH), scope=scope)
        take_turns(check, scopes.noun, question, COLLEAGUE_FIRST)


def take_turns(check: Check, probe: str, question: Question, order: Sequence[str]) -> Mapping[str, Body]:
    """The same question from the first caller and from a colleague, one after the other: each gets what their own list
    says. By credential: the last list that it was answered with."""
    bodies: dict[str, Body] = {}
    with check.probing(probe) as wanted:
        if not wanted:
            return bodies
        colleague = seen_by(check, "colleague")
        theirs, listed = colleague.own(question.scope), check.promises.operation_at(question.ask.path)
        for credential in order:
            caller = check if credential == "token" else colleague
            asked = question.asked(credential=credential)
            before = check.snapshot(question.scope) if caller is check else theirs
            reply = caller.send(asked.ask)
            if listed == check.listing.operation:
                body = caller.hold(asked, reply, before, witness=f"{probe}, in turns")
                bodies |= {credential: body} if body is not None else {}
            else:
                caller.hold_counts(asked, reply, before)
            theirs = colleague.snapshot(question.scope)
    return bodies


def _turn_pages(check: Check, pages: Mapping[str, Body]) -> None:
    """A cursor of the first caller leads a colleague to nothing but their own; then their own leads them on."""
    colleague = seen_by(check, "colleague")
    for probe, credential in (("the first caller's cursor", "token"), ("page two", "colleague")):
        with check.probing(probe) as wanted:
            place = following(check, pages.get(credential), SMALL)
            if not wanted or place is None:
                continue
            question = colleague.question((), size=SMALL, place=place)
            reply = colleague.send(question.ask)
            if credential == "colleague":
                colleague.hold(question, reply, colleague.own(), witness=probe)
            elif reply.status == 200:
                colleague.hold(question.anywhere(), reply, colleague.own(), witness=probe)


@law(
    "colleagues.facets",
    about=of_facets,
    needs=lambda promises: promises.facets,
    page=page_of_facets,
)
def counts(check: Check) -> None:
    """The facets count the sandboxes that the caller can see, whoever asked the same a moment ago."""
    if not is_given(check):
        return
    closed = check.listing.first(Closed)
    narrowed = ((closed.parameter, closed.values[0]),) if closed is not None else ()
    take_turns(check, "narrowed", facets(check, narrowed), COLLEAGUE_FIRST)
    take_turns(check, "all", facets(check), ("token", "colleague"))


@law(
    "colleagues.users",
    about=of_colleagues,
    needs=lambda promises: promises.colleagues.guarded and promises.listing.owner,
)
def users(check: Check) -> None:
    """Who asks for another user's sandboxes must be an admin of the team that they give; a colleague is none."""
    if not is_given(check):
        return
    owner, first = check.listing.first(Owner), find_oneself(check)
    if owner is None or first is None:
        check.inconclusive("it is not known which user the first caller is")
        return
    colleague = seen_by(check, "colleague")
    if any(row.get(owner.field) == first for row in colleague.own("").rows):
        check.inconclusive(f"both callers seem to be one {owner.noun}")
        return
    scopes, theirs = check.promises.scopes, [(owner.parameter, first)]
    refuse(check, owner, f"{owner.noun} without a {scopes.noun}", tuple(theirs), first)
    for scope in check.scopes[1:2]:
        refuse(check, owner, f"{owner.noun} in a {scopes.noun}", (*scopes.query(scope), *theirs), first)


def refuse(check: Check, owner: Owner, probe: str, query: Pairs, user: str) -> None:
    """Nothing of this user is shown; the status of the refusal is implied."""
    with check.probing(probe) as wanted:
        if not wanted:
            return
        ask = Ask(check.path(), (*query, *check.listing.paging.query(size=largest_page(check))), "colleague")
        reply = check.send(ask)
        body = check.listing.body_of(reply) if reply.status == 200 else None
        shown: list[Row] = [row for row in body.rows if row.get(owner.field) == user] if body is not None else []
        check.witness(probe)
        what = f"another {owner.noun}'s sandboxes"
        if shown:
            sentence = f"{len(shown)} of {what} are shown to a colleague who is no admin"
            check.fail(sentence, ask, rows=shown[:2], by=check.promises.colleagues.statement)
        elif 200 <= reply.status < 300:
            check.fail(f"a colleague who asks for {what} is not refused", ask, by=owner.status)
        elif 400 <= reply.status < 500 and reply.status != owner.refused:
            documented = owner.refused
            sentence = f"a colleague who asks for {what} is answered with {reply.status}, not {documented}"
            check.fail(sentence, ask, by=owner.status)
