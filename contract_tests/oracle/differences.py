"""One question, two servers: what is different, and can rows that certainly did not move prove it?

A deployment moves while it is read. Between a snapshot before and a snapshot after the question, a row is *certain*
where both snapshots hold it and the question selects it in both; a row that it selects in one of them only *may* be in
the answer. Only certain rows convict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from contract_tests.oracle.facet_differences import compare_facets
from contract_tests.oracle.list_differences import Pages
from contract_tests.oracle.sides import Difference, Side, drop_nulls
from contract_tests.promises.common import SERVED, STRICT_JSON
from contract_tests.promises.form import Listing, Promises
from contract_tests.promises.paging import ABSENT, Body
from contract_tests.promises.questions import OracleQuestion
from contract_tests.promises.refusals import STATUS
from contract_tests.promises.statements import weakest
from contract_tests.sending.ask import Reply

LIMITED_WITHOUT_REFUSAL = 429


def agrees(promises: Promises, replies: Sequence[Reply], expected: Sequence[Reply]) -> bool:
    """Whether nothing that the contract speaks of is different."""
    return len(replies) == len(expected) and all(
        normalize(promises, reply) == normalize(promises, other) for reply, other in zip(replies, expected, strict=True)
    )


def normalize(promises: Promises, reply: Reply) -> Any:
    """What answers are compared by: the documented parts, without the text of cursors and of messages."""
    try:
        value = reply.json()
    except ValueError:
        return reply.status, reply.body
    if reply.status != 200:
        return reply.status, promises.refusals.read(value)
    listing, paging, facets = promises.listing, promises.listing.paging, promises.facets
    body = Body((), value if isinstance(value, dict) else {}, reply.headers)
    rows = body.envelope.get(listing.items, ABSENT) if listing.items else value
    if rows is ABSENT and facets is not None:
        return {
            facet.name: [drop_nulls(bucket) for bucket in body.envelope.get(facet.name) or ()]
            for facet in facets.facets
        }
    said = {name: body.envelope.get(name) for name in (paging.more, *paging.echoes) if name}
    total = paging.total.place.read(body) if paging.total is not None else None
    leads_on = paging.cursor is not None and paging.cursor.value(body) not in (None, ABSENT)
    return rows, said, total, leads_on


def differences(query: OracleQuestion, replies: Sequence[Reply], before: Side, after: Side) -> list[Difference]:
    """What contradicts the rows that are certain; nothing where the list may just have moved."""
    first = replies[0]
    if any(reply.status == LIMITED_WITHOUT_REFUSAL for reply in replies):
        return []
    for reply in replies:
        if reply.status >= 500:
            return [Difference("status", f"the answer is {reply.status}", SERVED)]
    expected = before.twin.send(first.ask)
    if first.status != expected.status:
        still = after.twin.send(first.ask)
        return list(compare_status(before, query, first, (expected, still)))
    if first.status != 200:
        return list(compare_refusal(before.promises, first, expected))
    if not query.facets:
        return list(compare_pages(query, replies, before, after))
    try:
        return list(compare_facets(first.json(), query, before, after))
    except ValueError:
        return [Difference("body", "the answer is not JSON", STRICT_JSON)]


def compare_pages(query: OracleQuestion, replies: Sequence[Reply], before: Side, after: Side) -> Iterator[Difference]:
    """The first page and those that its cursor leads to."""
    listing = before.promises.listing
    pages = replies if query.moved is None else replies[:1]
    refused = [reply for reply in pages if reply.status != 200]
    if refused and listing.cursor is not None:
        sentence = f"its own {listing.cursor.name} is answered with {refused[0].status}"
        yield Difference("status", sentence, listing.paging.statement)
        return
    bodies = [body for body in map(listing.body_of, pages) if body is not None]
    if len(bodies) < len(pages):
        yield Difference("body", f"the answer is not a list of rows with {listing.identity}", listing.form)
        return
    yield from Pages(query, list(pages), bodies, before, after).compare()
    if query.moved is not None and len(replies) > 1 and replies[-1].status == 200:
        yield from compare_move(replies, before)


def compare_move(replies: Sequence[Reply], before: Side) -> Iterator[Difference]:
    """A cursor that is sent with other filters: refused, as long as the filters are others."""
    one = before.twin.find_ids(replies[0].ask)
    two = before.twin.find_ids(replies[-1].ask)
    cursor = before.promises.listing.cursor
    if cursor is not None and one is not None and one != two:
        yield Difference("cursor", "a cursor is accepted together with other filters than its own", cursor.bound)


def compare_status(
    before: Side, query: OracleQuestion, reply: Reply, twins: tuple[Reply, Reply]
) -> Iterator[Difference]:
    """A status that none of these answers has, with the rows of before and those of after."""
    listing, refusals, expected = before.promises.listing, before.promises.refusals, twins[0]
    personal = before.snapshots[""].rows if "" in before.snapshots else ()
    if listing.may_be_refused(query.pairs, reply.status, personal):
        return
    if expected.status == 200:
        by = listing.statement_of(query.pairs)
        if any(listing.paging.skips(*pair) for pair in query.pairs) and not all(map(has_rows(listing), twins)):
            by = weakest([by, listing.paging.behind], by)
        yield Difference("status", f"a valid question is answered with {reply.status}", by)
    elif reply.status == 200:
        sentence = f"a bad value is answered with 200 and not with {expected.status}"
        yield Difference("status", sentence, listing.refusal_of(query.pairs))
    else:
        by = weakest([refusals.status, STATUS], STATUS)
        yield Difference("status", f"the refusal is a {reply.status} and not a {expected.status}", by)


def has_rows(listing: Listing) -> Callable[[Reply], bool]:
    """Whether an answer is a page with something on it."""
    return lambda reply: bool((body := listing.body_of(reply)) is not None and body.rows)


def compare_refusal(promises: Promises, reply: Reply, expected: Reply) -> Iterator[Difference]:
    try:
        given = promises.refusals.read(reply.json())
    except ValueError:
        given = None
    wanted = promises.refusals.read(expected.json())
    if given != wanted:
        sentence = f"the {reply.status} says {given or 'nothing that can be read'} and not {wanted}"
        yield Difference("refusal", sentence, promises.refusals.named)
