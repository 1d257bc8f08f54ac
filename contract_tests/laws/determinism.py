"""One request has one answer: whatever order a page leaves open, the same question may not have two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from contract_tests.judging.check import Check
from contract_tests.judging.confirmation import FEW
from contract_tests.judging.judge import Place, Question
from contract_tests.laws import mining
from contract_tests.laws.facets import facets
from contract_tests.laws.filters import largest_page
from contract_tests.laws.pages import common_filter
from contract_tests.laws.registry import law
from contract_tests.outcome import Row
from contract_tests.promises.common import ONE_ORDER
from contract_tests.sending.ask import Ask, Reply

LOOKS = 4
"""How often a question is asked again that had two orders: a row that moved while the list was read moves once."""
WHOLE = "whole"
SMALL = 10
"""Rows on a page where no two sandboxes of one instant give it a length."""

Order = Mapping[str, Row]
"""Rows or buckets by name, in the order of an answer."""


@law("repeats.order", about=ONE_ORDER)
def order(check: Check) -> None:
    """The same request gives the same order, and the same page, asked again at once. A page may be silent on which
    order it is; one request never has two."""
    if not check.wants_some():
        return
    filters, listed = common_filter(check), check.snapshot()
    expect_one_order(check, WHOLE, listed.asks[0])
    if filters:
        expect_one_order(check, "filtered", check.question(filters, size=largest_page(check)).ask)
    boundary = mining.tie(listed.rows, check.listing.created, 2, check.listing.paging.most)
    if boundary is not None:
        expect_one_order(check, "tie", check.question((), size=boundary).ask)
    else:
        check.inconclusive("no two neighbours have the same date")
    following = page_two(check, boundary or min(SMALL, max(1, len(listed.rows) // 2)))
    if following is not None:
        expect_one_order(check, "page two", following.ask)
    if check.promises.facets is not None:
        expect_one_order(check, "facets", facets(check).ask)


def page_two(check: Check, size: int) -> Question | None:
    """The second page of the whole list, or nothing where there is none, or none is known of yet."""
    paging, asks = check.listing.paging, check.snapshot().asks
    if paging.number:
        return check.question((), size=size, place=Place(2))
    if paging.offset:
        return check.question((), size=size, place=Place(offset=size))
    known = dict(asks[1].query) if paging.cursor is not None and len(asks) > 1 else {}
    if paging.cursor is None or paging.cursor.parameter not in known:
        return None
    return check.question((), size=paging.largest, place=Place(cursor=known[paging.cursor.parameter]))


def expect_one_order(check: Check, probe: str, ask: Ask) -> None:
    """Ask what was asked before, or twice, and compare the answers."""
    with check.probing(probe) as wanted:
        if not wanted:
            return
        first = _known(check, ask, whole=probe == WHOLE) or check.send(ask)
        second = check.send(ask)
        if first.status != 200 or second.status != 200:
            return
        one, two = orders(check, first), orders(check, second)
        if any(len(part) > 1 for part in one):
            check.witness(f"{probe}, twice")
        if any(moved(*parts) for parts in zip(one, two, strict=True)):
            _look_again(check, ask, [one, two])


def _known(check: Check, ask: Ask, *, whole: bool) -> Reply | None:
    """An earlier answer to this request: the last one that the other of two servers has given, if they take turns with
    all requests or with those that they serve. Of the `whole` list no other will do, since a server that lags behind
    shows itself there best."""
    found, any_known, served = None, None, 0
    for sent, reply in enumerate(reversed(check.transport.replies), 1):
        served += reply.status == 200
        if reply.ask == ask and reply.status == 200:
            any_known = any_known or reply
            if sent % 2 and served % 2:
                found = reply
                break
    return found or (None if whole else any_known)


def orders(check: Check, reply: Reply) -> list[Order]:
    """What an answer puts in an order: its rows, or each list of its buckets."""
    facets, listing = check.promises.facets, check.listing
    if facets is None or check.promises.operation_at(reply.ask.path) != facets.operation:
        body = listing.body_of(reply)
        return [{row[listing.identity]: row for row in body.rows} if body is not None else {}]
    lists: list[tuple[str, Any]] = [
        (facet.key, listing.around(reply).envelope.get(facet.name)) for facet in facets.facets
    ]
    return [
        {str(entry.get(key)): entry for entry in entries if isinstance(entry, dict)}
        if isinstance(entries, list)
        else {}
        for key, entries in lists
    ]


def moved(one: Order, two: Order) -> bool:
    """Whether anything that looks the same in both answers stands elsewhere, or not all is in both."""
    return bool(turned(one, two)) or one.keys() != two.keys()


def turned(one: Order, two: Order) -> tuple[Row, ...]:
    """Two rows that look the same in both answers, and come in another order."""
    same = [name for name in one if two.get(name) == one[name]]
    place = {name: index for index, name in enumerate(two)}
    for name, following in pairwise(same):
        if place[following] < place[name]:
            return one[name], one[following]
    return ()


def _look_again(check: Check, ask: Ask, seen: list[list[Order]]) -> None:
    """Convict where it happens a second time; for pages of other rows, only where the list did not move meanwhile."""
    counted = check.promises.operation_at(ask.path) != check.listing.operation
    before, earlier = None if counted else check.refresh(), len(seen)
    # Where one of two replicas lags behind, the two lists come from the same one if an even number of requests is
    # between their beginnings.
    odd = 0 if before is None else (LOOKS + len(before.asks)) % 2
    for _ in range(LOOKS + odd):
        reply = check.send(ask)
        if reply.status == 200:
            seen.append(orders(check, reply))
    turns = [turned(*parts) for one, two in pairwise(seen) for parts in zip(one, two, strict=True)]
    pairs = [pair for pair in turns if pair]
    if len(pairs) > 1:
        check.fail("the same request gave two orders", ask, ask, rows=pairs[0], by=ONE_ORDER)
        return
    if before is None or len(before.rows) < FEW or check.refresh().rows != before.rows:
        return
    known = {row[check.listing.identity]: row for row in before.rows}
    # What was answered in front of the first list may have been right then, and may well look like a part of it.
    pages = [one[0] for one in seen[earlier:]]
    differing = [*_differing([page for page in pages if page.items() <= known.items()])]
    if len(differing) < 2 and take_turns(pages):
        differing = [*_differing(pages)]
    if len(differing) > 1:
        sentence = "the same request gave two pages of a list that did not change"
        check.fail(sentence, ask, ask, rows=differing[0], by=ONE_ORDER)


def take_turns(pages: Sequence[Order]) -> bool:
    """Whether one page was there, then another, then both again: no list moves to and fro like that, and two replicas
    of which one lags behind do."""
    changes = [page for index, page in enumerate(pages) if index == 0 or page != pages[index - 1]]
    return any(changes[at : at + 2] == changes[at + 2 : at + 4] for at in range(len(changes) - 3))


def _differing(pages: Sequence[Order]) -> Iterator[tuple[Row, ...]]:
    """For each two pages that follow each other, the rows that only one of them has."""
    for one, two in pairwise(pages):
        only = [one[name] for name in one if name not in two] + [two[name] for name in two if name not in one]
        if only:
            yield tuple(only[:2])
