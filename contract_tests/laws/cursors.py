"""Cursors: walks lose nothing and repeat nothing; a cursor is opaque, and bound to the list that it was issued for."""

from __future__ import annotations

from contract_tests.judging.check import Check
from contract_tests.laws import mining
from contract_tests.laws.pages import common_filter, matching, walk
from contract_tests.laws.registry import law
from contract_tests.outcome import Tier
from contract_tests.promises.form import Pairs

CURSORS = {"dreadnode"}


@law("cursors.walk", providers=CURSORS)
def walks(check: Check) -> None:
    """Pages put together are the list, for sizes whose boundaries fall between sandboxes of one instant."""
    rows = check.snapshot().rows
    size = mining.tie(rows, check.listing.created, 2, 100)
    if size is None:
        check.inconclusive("no two neighbours have the same date")
        size = max(1, len(rows) // 3)
    if check.wants("inside a tie"):
        walk(check, "inside a tie", (), size, 3)
    if check.wants("one by one"):
        walk(check, "one by one", (), 1, 3)
    if check.wants("third") and len(rows) <= 300:
        walk(check, "third", (), max(1, min(100, -(-len(rows) // 3))), 4)
    if check.wants("by seven"):
        walk(check, "by seven", (), 7, 4)


@law("cursors.filtered", providers=CURSORS)
def filtered(check: Check) -> None:
    """A walk through a filtered list keeps its filter to the end, and ends."""
    rows = check.snapshot().rows
    projects = mining.halving((row["project_id"] for row in rows if row.get("project_id")), len(rows))
    small = [each for each in projects if matching(check, (("project_id", each),)) >= 4]
    if not small:
        check.inconclusive("no project has enough sandboxes for two pages")
    for project in small[-1:]:
        filters: Pairs = (("project_id", project),)
        count = matching(check, filters)
        size = mining.divisor(count, 100) or -(-count // 3)
        if check.wants("project to the end"):
            walk(check, "project to the end", filters, size, 5)
    state = common_filter(check)
    if state and check.wants("inside a tie"):
        keeps = check.listing.keeps(state)
        size = mining.tie([row for row in rows if keeps(row)], check.listing.created, 2, 100) or 5
        walk(check, "inside a tie", state, size, 2)
    if check.wants("two states"):
        walk(check, "two states", (("state", "paused"), ("state", "killed")), 7, 2)


@law("cursors.replay", providers=CURSORS)
def replay(check: Check) -> None:
    """A cursor gives the same page again, and another page size may be asked for on the way."""
    if not check.wants_some():
        return
    found = walk(check, "replay", (), 5, 2)
    if not found:
        check.inconclusive("the list has one page")
        return
    for name, size in (("again", 5), ("longer page", 9)):
        check.expect(name, check.question((), size=size, cursor=found[0].cursor, anchor=found[0].anchor))
    check.expect("default size", check.question((), cursor=found[0].cursor, anchor=found[0].anchor))
    state = common_filter(check)
    if state and matching(check, state) > 3 and check.wants("spelt otherwise"):
        both: Pairs = (("state", "paused"), ("state", "killed"))
        cursors = walk(check, "spelt otherwise", both, 2, 1)
        if cursors:
            check.expect(
                "spelt otherwise",
                check.question(
                    both,
                    size=2,
                    cursor=cursors[0].cursor,
                    anchor=cursors[0].anchor,
                    sent=(("state", "killed,paused"),),
                    tier=Tier.SHOULD,
                ),
            )


@law("cursors.bound", tier=Tier.SHOULD, providers=CURSORS)
def bound(check: Check) -> None:
    """A cursor that was issued for another filter or org is refused with a 400 (Assumed); never does it show rows that
    the new filter excludes."""
    if not check.wants_some():
        return
    found = walk(check, "bound", (), 5, 1)
    if not found:
        check.inconclusive("the list has one page")
        return
    rows = check.snapshot().rows
    projects = mining.halving((row["project_id"] for row in rows if row.get("project_id")), len(rows))
    moves: dict[str, Pairs] = {"a state": (("state", "paused"),)}
    if projects:
        moves["a project"] = (("project_id", projects[0]),)
    for name, filters in moves.items():
        foreign(check, name, filters, found[0].cursor)
    state = common_filter(check)
    if state and check.wants("no filter"):
        with_filter = walk(check, "no filter", state, 5, 1)
        if with_filter:
            foreign(check, "no filter", (), with_filter[0].cursor)
    for org in check.scopes[1:2]:
        foreign(check, "another org", (), found[0].cursor, scope=org)


def foreign(check: Check, probe: str, filters: Pairs, cursor: str, *, scope: str | None = None) -> None:
    """Send a cursor where it does not belong."""
    if not check.wants(probe):
        return
    check.probe(probe)
    question = check.question(filters, size=5, cursor=cursor, scope=scope, whole=True)
    reply = check.send(question.ask)
    check.witness(f"a cursor moved to {probe}")
    if reply.status == 200:
        check.accept(question, reply)
        check.fail(f"a cursor of another list was accepted ({probe})", question.ask, tier=Tier.SHOULD)
    elif reply.status != 400:
        check.fail(
            f"a cursor of another list was answered with {reply.status}, not 400", question.ask, tier=Tier.SHOULD
        )


@law("cursors.tampered", tier=Tier.SHOULD, providers=CURSORS)
def tampered(check: Check) -> None:
    """A cursor that this API did not issue is refused with a 400 `invalid_error` (Assumed), never taken for another
    place, nor for the beginning."""
    if not check.wants_some():
        return
    found = walk(check, "tampered", (), 5, 1)
    garbage = {
        "garbage": "garbage",
        "a number": "5",
        "zero": "0",
        "padding": "===",
        "base64 of json": "eyJvZmZzZXQiOjV9",
    }
    if found:
        cursor = found[0].cursor
        middle = len(cursor) // 2
        flipped = "A" if cursor[middle] != "A" else "B"
        garbage |= {
            "flipped": cursor[:middle] + flipped + cursor[middle + 1 :],
            "flipped first": ("A" if cursor[0] != "A" else "B") + cursor[1:],
            "flipped last": cursor[:-1] + ("A" if cursor[-1] not in "ABCD" else "Z"),
            "truncated": cursor[:-2],
            "half": cursor[:middle],
            "extended": cursor + "AAAA",
            "turned": cursor[::-1],
            "recased": cursor.swapcase(),
        }
    else:
        check.inconclusive("the list has one page, so that only invented cursors were sent")
    for probe, text in garbage.items():
        if not check.wants(probe):
            continue
        check.probe(probe)
        question = check.question((), size=5, cursor=text)
        reply = check.send(question.ask)
        check.witness("tampered cursors")
        if reply.status == 200:
            check.fail(f"a cursor that was never issued was accepted ({probe})", question.ask, tier=Tier.SHOULD)
        elif reply.status not in (400, 404, 409, 422):
            check.fail(f"a bad cursor ({probe}) was answered with {reply.status}", question.ask)
        elif reply.status != 400:
            check.fail(
                f"a bad cursor ({probe}) was answered with {reply.status}, not 400", question.ask, tier=Tier.SHOULD
            )
        else:
            body = check.json(reply)
            if isinstance(body, dict) and body.get("type") != "invalid_error":
                check.fail(f"a bad cursor is of type {body.get('type')}", question.ask, tier=Tier.SHOULD)
    if found and check.wants("opaque"):
        check.probe("opaque")
        readable = _readable(found[0].cursor)
        if readable:
            check.fail(f"a cursor can be read: {readable}", tier=Tier.INFO)


def _readable(cursor: str) -> str:
    """What base64 gives away, if it is text."""
    import base64
    import binascii

    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (ValueError, binascii.Error):
        return ""
    return text[:40] if text.isprintable() else ""
