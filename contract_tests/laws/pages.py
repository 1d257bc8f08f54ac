"""Pages of every size, put together, are the whole list: limits and defaults bite exactly, boundaries lose nothing."""

from __future__ import annotations

from dataclasses import dataclass

from contract_tests.judging.check import Check
from contract_tests.laws import mining
from contract_tests.laws.filters import labels, metadata, pairs, tags
from contract_tests.laws.registry import law
from contract_tests.outcome import Tier
from contract_tests.promises.form import CURSOR, NUMBERED, WHOLE, Pairs

INT32 = 2_147_483_647


def common_filter(check: Check) -> Pairs:
    """A filter that selects about half of the rows."""
    rows = check.snapshot().rows
    if check.slug == "prime":
        found = mining.halving((label for group in labels(check) for label in group), len(rows))
        return (("labels", found[0]),) if found else ()
    if check.slug == "dreadnode":
        states = mining.halving((row["state"] for row in rows), len(rows))
        return (("state", states[0]),) if states else ()
    found_pairs = mining.halving((pair for row in rows for pair in pairs(row)), len(rows))
    if not found_pairs:
        return ()
    return metadata(dict(found_pairs[:1])) if check.slug == "instavm" else tags(found_pairs[0])


def matching(check: Check, filters: Pairs) -> int:
    keeps = check.listing.keeps(filters)
    return sum(1 for row in check.snapshot().rows if keeps(row))


@law("pages.default")
def default(check: Check) -> None:
    """Without a size the page has the documented default size; without a number it is the first."""
    rows = check.snapshot().rows
    most = check.listing.paging.default
    bites = most is not None and len(rows) > most
    check.expect(
        "no parameters",
        check.question(()),
        witness=f"{len(rows)} rows, {most or 'all'} by default" if bites or most is None else "",
    )
    if not bites and most is not None:
        check.inconclusive(f"{len(rows)} rows do not reach the default of {most}")


@law("pages.limits")
def limits(check: Check) -> None:
    """The smallest and the largest documented size are served, and the page holds exactly so many rows."""
    paging = check.listing.paging
    count = len(check.snapshot().rows)
    most = paging.most or count
    check.expect("one", check.question((), size=1, tier=paging.tier))
    check.expect("most", check.question((), size=most, tier=paging.tier))
    boundary = mining.tie(check.snapshot().rows, check.listing.created, 2, most)
    if boundary is None:
        check.inconclusive("no two neighbours have the same date")
    else:
        check.expect("inside a tie", check.question((), size=boundary, tier=paging.tier))
    for name, size in (("one less", count - 1), ("exactly all", count), ("one more", count + 1)):
        if 1 <= size <= most:
            check.expect(name, check.question((), size=size, tier=paging.tier))


@law("pages.windows", providers={"prime", "superserve"})
def windows(check: Check) -> None:
    """Every page is its window of the whole list, whatever its size; behind the end there is nothing."""
    rows, paging = check.snapshot().rows, check.listing.paging
    count = len(rows)
    if count < 2:
        check.inconclusive(f"{count} rows make no second page")
        return
    boundary = mining.tie(rows, check.listing.created, 2, 100) or min(7, count)
    third = min(-(-count // 3), paging.most or count)
    last = max(3, -(-count // third))
    sizes = [("tie", boundary, 2), ("third", third, 2), ("last of three", third, last), ("by seven", min(7, count), 3)]
    even = mining.divisor(count, paging.most or count)
    if even:
        sizes.append(("full last", even, count // even))
    sizes.append(("deep", min(50, count), max(1, count // min(50, count))))
    sizes.append(("one by one", 1, 2))
    for name, size, number in sizes:
        if paging.style == NUMBERED:
            check.expect(name, check.question((), size=size, number=number))
        elif size <= 200:
            check.expect(name, check.question((), size=size, offset=(number - 1) * size, tier=Tier.SHOULD))
    if paging.style == NUMBERED:
        check.expect("behind the end", check.question((), size=third, number=last + 2), witness="behind the end")
        check.expect("far behind", check.question((), size=1000, number=INT32), witness="far behind")
        check.expect("first by number", check.question((), size=min(10, count), extra=(("page", "1"),)))
    else:
        check.expect(
            "behind the end", check.question((), size=10, offset=count + 5, tier=Tier.SHOULD), witness="behind"
        )
        check.expect("at the end", check.question((), size=10, offset=count - 1, tier=Tier.SHOULD))
        check.expect("offset alone", check.question((), offset=2, tier=Tier.SHOULD))
        check.expect("clamped", check.question((), size=201, tier=Tier.SHOULD))


@law("pages.filtered")
def filtered(check: Check) -> None:
    """A filter acts before the pages are cut: pages of a filtered list are windows of the filtered list."""
    filters = common_filter(check)
    count = matching(check, filters) if filters else 0
    if count < 2:
        check.inconclusive("no filter selects two rows")
        return
    paging = check.listing.paging
    tier = paging.tier if paging.style == WHOLE else Tier.MUST
    small = max(1, min(count // 2, 20))
    check.expect("first", check.question(filters, size=small, tier=tier))
    if count <= (paging.most or count):
        check.expect("exact", check.question(filters, size=count, tier=tier))
    check.expect("default", check.question(filters))
    if paging.style == NUMBERED:
        check.expect("second", check.question(filters, size=small, number=2))
        check.expect("last", check.question(filters, size=small, number=-(-count // small)))
        even = mining.divisor(count, 1000)
        if even:
            check.expect("full last", check.question(filters, size=even, number=count // even))
        for team in check.options.orgs[:1]:
            check.expect("team", check.question((), size=7, number=2, scope=team))
            check.expect("team by default", check.question((), scope=team))
    elif paging.style == WHOLE:
        check.expect("second", check.question(filters, size=small, offset=small, tier=tier))
    elif paging.style == CURSOR and check.wants("second"):
        walk(check, "second", filters, small, 2)


@dataclass(frozen=True, slots=True)
class Place:
    """A cursor and the last row of the page that it came with."""

    cursor: str
    anchor: str


def walk(check: Check, probe: str, filters: Pairs, size: int, pages: int, *, scope: str | None = None) -> list[Place]:
    """Follow the cursor for some pages, each held against its window of the list; the cursors that were met."""
    check.probe(probe)
    places: list[Place] = []
    cursor, anchor = "", ""
    for _ in range(pages):
        question = check.question(filters, size=size, cursor=cursor, anchor=anchor, scope=scope)
        before = check.snapshot(question.scope)
        body = check.hold(probe, question, check.send(question.ask), before)
        if body is None or not body.rows:
            break
        cursor, anchor = body.envelope.get("next_cursor") or "", body.rows[-1][check.listing.identity]
        if not isinstance(cursor, str) or not cursor or any(cursor == place.cursor for place in places):
            break
        places.append(Place(cursor, anchor))
    return places
