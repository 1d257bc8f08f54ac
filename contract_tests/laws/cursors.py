"""Cursors: walks lose nothing and repeat nothing; a cursor is opaque, and bound to the list that it was issued for."""

from __future__ import annotations

import base64
import binascii

from contract_tests.judging.check import Check
from contract_tests.judging.judge import Place
from contract_tests.laws import mining
from contract_tests.laws.filters import references_of
from contract_tests.laws.pages import common_filter, count_matching, of_pages, walk
from contract_tests.laws.registry import law
from contract_tests.outcome import Pairs
from contract_tests.promises.common import OPAQUE
from contract_tests.promises.filter_kinds import Closed, Reference
from contract_tests.promises.form import Promises
from contract_tests.promises.paging import Cursor
from contract_tests.promises.statements import Statement

INVENTED = {
    "garbage": "garbage",
    "a number": "5",
    "zero": "0",
    "padding": "===",
    "base64 of json": "eyJvZmZzZXQiOjV9",
}
CLIENT_ERRORS = (400, 404, 409, 422)
"""The refusals that a bad cursor may have at all; which one is promised is a matter of the page."""


def has_cursor(promises: Promises) -> object:
    return promises.listing.cursor


def of_cursors(promises: Promises) -> list[Statement]:
    """What is said of cursors that were not issued for the list."""
    cursor = promises.listing.cursor
    return [cursor.bound] if cursor is not None else []


def several(check: Check, count: int = 2) -> Pairs:
    """A filter for the last values of a closed set that takes several, repeated or separated by commas."""
    closed = check.listing.first(Closed)
    if closed is None or not (closed.repeats and closed.commas):
        return ()
    return tuple((closed.parameter, value) for value in closed.values[-count:])


@law("cursors.walk", about=of_pages, needs=has_cursor)
def walks(check: Check) -> None:
    """Pages put together are the list, for sizes whose boundaries fall between sandboxes of one instant."""
    rows, most = check.snapshot().rows, check.listing.paging.most
    size = mining.tie(rows, check.listing.created, 2, most)
    if size is None:
        check.inconclusive("no two neighbours have the same date")
        size = max(1, min(most, len(rows) // 3))
    if check.wants("inside a tie"):
        walk(check, "inside a tie", (), size, 3)
    if check.wants("one by one"):
        walk(check, "one by one", (), 1, 3)
    if check.wants("third") and len(rows) <= 3 * most:
        walk(check, "third", (), max(1, min(most, -(-len(rows) // 3))), 4)
    if check.wants("by seven"):
        walk(check, "by seven", (), 7, 4)


@law("cursors.filtered", about=of_pages, needs=has_cursor)
def filtered(check: Check) -> None:
    """A walk through a filtered list keeps its filter to the end, and ends."""
    rows, most, reference = check.snapshot().rows, check.listing.paging.most, check.listing.first(Reference)
    if reference is not None:
        known: list[Pairs] = [((reference.parameter, text),) for text in references_of(check, reference)]
        small = [filters for filters in known if count_matching(check, filters) >= 4]
        if not small:
            check.inconclusive(f"no {reference.noun} has enough sandboxes for two pages")
        for filters in small[-1:]:
            count = count_matching(check, filters)
            size = mining.divisor(count, most) or min(most, -(-count // 3))
            if check.wants(f"{reference.noun} to the end"):
                walk(check, f"{reference.noun} to the end", filters, size, 5)
    common = common_filter(check)
    if common and check.wants("inside a tie"):
        keeps = check.listing.keeps(common)
        size = mining.tie([row for row in rows if keeps(row)], check.listing.created, 2, most) or 5
        walk(check, "inside a tie", common, size, 2)
    both, closed = several(check), check.listing.first(Closed)
    if both and closed is not None and check.wants(f"two {closed.noun}s"):
        walk(check, f"two {closed.noun}s", both, 7, 2)


@law("cursors.replay", about=of_pages, needs=has_cursor)
def replay(check: Check) -> None:
    """A cursor gives the same page again, and another page size may be asked for on the way."""
    cursor = check.listing.cursor
    if cursor is None or not check.wants_some():
        return
    places = walk(check, "replay", (), 5, 2)
    if not places:
        check.inconclusive("the list has one page")
        return
    first = places[0]
    for name, size in (("again", 5), ("longer page", 9), ("default size", None)):
        check.expect(name, check.question((), size=size, place=first, by=None if size == 5 else cursor.bound))
    both, closed, common = several(check), check.listing.first(Closed), common_filter(check)
    if both and closed is not None and common and count_matching(check, common) > 3 and check.wants("spelt otherwise"):
        for place in walk(check, "spelt otherwise", both, 2, 1)[:1]:
            sent: Pairs = ((closed.parameter, ",".join(value for _, value in reversed(both))),)
            check.expect("spelt otherwise", check.question(both, size=2, place=place, sent=sent, by=cursor.bound))


@law("cursors.bound", about=of_cursors, needs=has_cursor)
def bound(check: Check) -> None:
    """A cursor that was issued for another filter or scope is refused; never does it show rows that the new filter
    excludes."""
    cursor = check.listing.cursor
    if cursor is None or not check.wants_some():
        return
    places = walk(check, "bound", (), 5, 1)
    if not places:
        check.inconclusive("the list has one page")
        return
    closed, reference = check.listing.first(Closed), check.listing.first(Reference)
    moves: dict[str, Pairs] = {}
    if closed is not None:
        moves[f"a {closed.noun}"] = ((closed.parameter, closed.values[1]),)
    if reference is not None:
        for known in references_of(check, reference)[:1]:
            moves[f"a {reference.noun}"] = ((reference.parameter, known),)
    for name, filters in moves.items():
        expect_foreign(check, cursor, name, filters, places[0].cursor)
    common = common_filter(check)
    if common and check.wants("no filter"):
        for place in walk(check, "no filter", common, 5, 1)[:1]:
            expect_foreign(check, cursor, "no filter", (), place.cursor)
    for scope in check.scopes[1:2]:
        expect_foreign(check, cursor, f"another {check.promises.scopes.noun}", (), places[0].cursor, scope=scope)


def expect_foreign(
    check: Check, cursor: Cursor, probe: str, filters: Pairs, text: str, *, scope: str | None = None
) -> None:
    """Send a cursor where it does not belong."""
    with check.probing(probe) as wanted:
        if not wanted:
            return
        place = Place(cursor=text)
        question = check.question(filters, size=5, place=place, scope=scope, by=cursor.bound).anywhere()
        reply = check.send(question.ask)
        check.witness(f"a cursor moved to {probe}")
        if reply.status == 200:
            check.accept(question, reply)
            check.fail(f"a cursor of another list was accepted ({probe})", question.ask, by=cursor.bound)
        elif reply.status != cursor.refused:
            sentence = f"a cursor of another list was answered with {reply.status}, not {cursor.refused}"
            check.fail(sentence, question.ask, by=cursor.bound)


@law("cursors.tampered", about=of_cursors, needs=has_cursor)
def tampered(check: Check) -> None:
    """A cursor that this API did not issue is refused, never taken for another place, nor for the beginning."""
    cursor = check.listing.cursor
    if cursor is None or not check.wants_some():
        return
    places = walk(check, "tampered", (), 5, 1)
    garbage = dict(INVENTED)
    if places:
        garbage |= damage(places[0].cursor)
    else:
        check.inconclusive("the list has one page, so that only invented cursors were sent")
    for probe, text in garbage.items():
        with check.probing(probe) as wanted:
            if wanted:
                _expect_refusal(check, cursor, probe, text)
    with check.probing("opaque") as wanted:
        readable = _decode(places[0].cursor) if places and wanted else ""
        if readable:
            check.fail(f"a cursor can be read: {readable}", by=OPAQUE)


def damage(cursor: str) -> dict[str, str]:
    """By probe: what is left of a cursor after an accident or an attempt."""
    middle = len(cursor) // 2
    flipped = "A" if cursor[middle] != "A" else "B"
    return {
        "flipped": cursor[:middle] + flipped + cursor[middle + 1 :],
        "flipped first": ("A" if cursor[0] != "A" else "B") + cursor[1:],
        "flipped last": cursor[:-1] + ("A" if cursor[-1] not in "ABCD" else "Z"),
        "truncated": cursor[:-2],
        "half": cursor[:middle],
        "extended": cursor + "AAAA",
        "turned": cursor[::-1],
        "recased": cursor.swapcase(),
    }


def _expect_refusal(check: Check, cursor: Cursor, probe: str, text: str) -> None:
    question = check.question((), size=5, place=Place(cursor=text))
    reply = check.send(question.ask)
    check.witness("tampered cursors")
    if reply.status == 200:
        check.fail(f"a cursor that was never issued was accepted ({probe})", question.ask, by=cursor.bound)
    elif reply.status not in CLIENT_ERRORS:
        check.fail(f"a bad cursor ({probe}) was answered with {reply.status}", question.ask, by=cursor.bound)
    elif reply.status != cursor.refused:
        sentence = f"a bad cursor ({probe}) was answered with {reply.status}, not {cursor.refused}"
        check.fail(sentence, question.ask, by=cursor.bound)
    else:
        wrong = check.promises.refusals.wrong_kind(reply.status, check.json(reply))
        if wrong:
            check.fail(f"the refusal of a bad cursor {wrong}", question.ask, by=check.promises.refusals.kinded)


def _decode(cursor: str) -> str:
    """What base64 gives away, if it is text."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (ValueError, binascii.Error):
        return ""
    return text[:40] if text.isprintable() else ""
