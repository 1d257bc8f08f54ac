"""Equal questions have equal answers: again, in between others, at the same time, and as HEAD."""

from __future__ import annotations

from contract_tests.judging.callers import seen_by
from contract_tests.judging.check import Check
from contract_tests.laws.facets import facets
from contract_tests.laws.filters import largest_page
from contract_tests.laws.pages import common_filter
from contract_tests.laws.registry import law
from contract_tests.laws.tenancy import check_stranger
from contract_tests.outcome import Lack, Pairs
from contract_tests.promises.common import APART, HEAD, KNOWN, REPEATABLE, VALIDATORS
from contract_tests.promises.filter_kinds import Closed
from contract_tests.sending.ask import Ask

ROUNDS = 2
MIXED = 11
"""The size of a page that two callers ask for at once."""
CALLER_ROUNDS = 3
"""How often two callers ask at the same time: a current user that requests share shows in most of them."""
NOT_SERVED = (405, 501)
"""What routers say to a HEAD that nobody wrote a handler for."""


@law("repeats.again", about=REPEATABLE)
def again(check: Check) -> None:
    """The same request gives the same sandboxes in the same order, also with other requests in between."""
    filters, some = common_filter(check), check.some(5)
    small = check.question((), size=some)
    check.expect("first", small)
    if filters:
        check.expect("filtered", check.question(filters, size=some))
    check.expect("second", small)
    check.expect("third", small)
    if filters:
        check.expect("filtered again", check.question(filters, size=some))


@law("repeats.together", about=APART)
def together(check: Check) -> None:
    """Answers to requests that are under way at the same time do not mix."""
    if not check.wants_some():
        return
    if check.promises.facets is not None:
        with check.probing("facets") as wanted:
            if wanted:
                _ask_facets_together(check)
    with check.probing("together") as wanted:
        if wanted:
            _ask_lists_together(check)
    for credential, given in (("other", check.options.has_other), ("colleague", check.options.has_colleague)):
        if not given:
            continue
        with check.probing(credential) as wanted:
            if wanted:
                _mix_callers(check, credential)
        if check.promises.facets is not None:
            with check.probing(f"{credential}, facets") as wanted:
                if wanted:
                    _mix_counted_callers(check, credential)


def _ask_lists_together(check: Check) -> None:
    filters = common_filter(check)
    if not filters:
        check.inconclusive("no filter selects a part of the rows")
        return
    one = check.question(filters, size=largest_page(check))
    two = check.question((), size=check.some(7))
    for _ in range(ROUNDS):
        before = check.snapshot()
        replies = check.together([one.ask, two.ask])
        for question, reply in zip((one, two), replies, strict=True):
            check.hold(question, reply, before, alone=False)


def _ask_facets_together(check: Check) -> None:
    closed = check.listing.first(Closed)
    filters: Pairs = ((closed.parameter, closed.values[1]),) if closed is not None else ()
    questions = [facets(check), facets(check, filters)]
    before = check.snapshot()
    for _ in range(ROUNDS):
        replies = check.together([question.ask for question in questions])
        for question, reply in zip(questions, replies, strict=True):
            check.hold_counts(question, reply, before, alone=False)


def _mix_callers(check: Check, credential: str) -> None:
    """The same list for two callers at once: each gets what is theirs."""
    filters, caller = common_filter(check), seen_by(check, credential)
    questions = [check.question((), size=check.some(MIXED)), check.question(filters, size=check.some(MIXED))]
    theirs = caller.own() if credential == "colleague" or not check.promises.scopes.in_path else None
    for turn in range(CALLER_ROUNDS):
        question = questions[turn % 2]
        asked = question.asked(credential=credential)
        before = check.snapshot()
        # Whoever comes last leaves their name behind, so each of them comes last in turn.
        asks = [question.ask, asked.ask] if turn % 2 else [asked.ask, question.ask]
        replies = check.together(asks)
        first, second = replies if turn % 2 else replies[::-1]
        check.hold(question, first, before, witness="two callers at once", alone=False)
        if credential == "other":
            check_stranger(check, asked, second, alone=False)
        elif theirs is not None:
            caller.hold(asked, second, theirs, witness="two callers at once", alone=False)
            theirs = caller.own()


def _mix_counted_callers(check: Check, credential: str) -> None:
    """The same facets for two callers at once."""
    question, caller = facets(check), seen_by(check, credential)
    asked = question.asked(credential=credential)
    for _ in range(ROUNDS):
        before = check.snapshot()
        theirs = caller.own() if credential == "colleague" else None
        first, second = check.together([question.ask, asked.ask])
        check.hold_counts(question, first, before, alone=False)
        if theirs is None:
            check_stranger(check, asked, second, alone=False)
        else:
            caller.hold_counts(asked, second, theirs, alone=False)


@law("repeats.head", about=HEAD)
def head(check: Check) -> None:
    """HEAD is answered like GET, without a body."""
    with check.probing("head") as wanted:
        if wanted:
            _ask_for_head(check)


def _ask_for_head(check: Check) -> None:
    question = check.question((), size=check.some(2)).asked(method="HEAD")
    reply = check.send(question.ask)
    if reply.status in NOT_SERVED:
        check.inconclusive("HEAD is not served", Lack.NATURE)
        return
    check.witness("HEAD")
    if reply.status != 200:
        check.fail(f"HEAD was answered with {reply.status}", question.ask, by=HEAD)
    elif reply.body:
        check.fail("HEAD has a body", question.ask, by=HEAD)


@law("caching.validators", about=VALIDATORS)
def validators(check: Check) -> None:
    """An ETag belongs to one answer: other questions have others, and If-None-Match answers 304 only for the same."""
    with check.probing("etag") as wanted:
        if wanted:
            _ask_with_a_tag(check)


def _ask_with_a_tag(check: Check) -> None:
    question = check.question((), size=check.some(3))
    tag = next((reply.headers["etag"] for reply in reversed(check.transport.replies) if "etag" in reply.headers), "")
    if not tag:
        check.inconclusive("there is no ETag", Lack.NATURE)
        return
    reply = check.transport.send(
        Ask(question.ask.path, question.ask.query, headers=(("if-none-match", '"no-such-tag"'),))
    )
    check.witness("ETag")
    if reply.status == 304:
        check.fail("If-None-Match with another tag is answered with 304", question.ask, by=VALIDATORS)


@law("rows.known", about=KNOWN)
def known(check: Check) -> None:
    """The sandboxes that are known to exist (`--known`) are in a list that this caller may read."""
    if not check.options.known:
        check.inconclusive("needs --known", Lack.OPTION)
        return
    rows = {row[check.listing.identity] for scope in check.scopes for row in check.snapshot(scope).rows}
    complete = all(check.snapshot(scope).complete for scope in check.scopes)
    missing = [name for name in check.options.known if name not in rows]
    if missing and not complete:
        check.inconclusive(f"{', '.join(missing[:3])}: not among the rows that could be read", Lack.UNUSED)
        return
    check.witness(f"{len(check.options.known)} known ids")
    if missing:
        check.fail(f"{', '.join(missing[:3])}: known to exist, but in no list", *check.snapshot().asks[:1], by=KNOWN)
