"""Pages of every size, put together, are the whole list: limits and defaults bite exactly, boundaries lose nothing."""

from __future__ import annotations

from collections import Counter

from contract_tests.judging.check import Check
from contract_tests.judging.judge import FIRST_PAGE, Place
from contract_tests.laws import mining
from contract_tests.laws.filters import common_pairs, find_oneself, members_of, of_filters
from contract_tests.laws.registry import law
from contract_tests.outcome import Pairs, Row
from contract_tests.promises.common import FAR_PAGES
from contract_tests.promises.filter_kinds import AllOf, Closed, Excluding, Filter, Json, Owner, Reference, Tags
from contract_tests.promises.form import Promises
from contract_tests.promises.paging import INT32, Body
from contract_tests.promises.statements import Statement
from contract_tests.sending.ask import Ask

TRUE_TEXT = "true"


def of_pages(promises: Promises) -> list[Statement]:
    """What is said of the list and its pages."""
    return [promises.listing.statement, promises.listing.paging.statement]


def has_windows(promises: Promises) -> bool:
    """Whether any window of the list can be asked for, without the page before."""
    return bool(promises.listing.paging.number or promises.listing.paging.offset)


def common_filter(check: Check) -> Pairs:
    """A filter that selects about half of the rows, by preference one whose values nobody lists beforehand."""
    listing, rows = check.listing, check.snapshot().rows
    all_of, tags, json_filter = listing.first(AllOf), listing.first(Tags), listing.first(Json)
    closed = listing.first(Closed)
    if all_of is not None:
        values = mining.halve((value for group in members_of(check, all_of) for value in group), len(rows))
        return tuple((all_of.parameter, value) for value in values[:1])
    if json_filter is not None:
        common = common_pairs(json_filter, rows)[:1]
        return json_filter.write(dict(common)) if common else ()
    if tags is not None:
        return tags.write(*common_pairs(tags, rows)[:1])
    if closed is not None:
        states = mining.halve((row[closed.field] for row in rows), len(rows))
        return tuple((closed.parameter, state) for state in states[:1])
    return ()


def count_matching(check: Check, filters: Pairs) -> int:
    return sum(map(check.listing.keeps(filters), check.snapshot().rows))


@law("pages.default", about=of_pages)
def default(check: Check) -> None:
    """Without a size the page has the documented default size; without a number it is the first."""
    rows = check.snapshot().rows
    most = check.listing.paging.default
    bites = most is not None and len(rows) > most
    body = check.expect(
        "no parameters",
        check.question(()),
        witness=f"{len(rows)} rows, {most or 'all'} by default" if bites or most is None else "",
    )
    if not bites and most is not None:
        check.inconclusive(f"{len(rows)} rows do not reach the default of {most}")
    elif most is not None and body is not None and len(body.rows) < most:
        with check.probing("no parameters"):
            _compare_with_default(check, most, len(body.rows))


def _compare_with_default(check: Check, size: int, shown: int) -> None:
    """A page may be short and lead on; where it is longer as soon as its documented size is named, that is no default.
    Asked between two that do not name it, since a list that shrinks has shorter pages."""
    named, plain = check.question((), size=size), check.question(())
    bodies = [check.listing.body_of(check.send(question.ask)) for question in (named, plain)]
    lengths = [len(body.rows) for body in bodies if body is not None]
    if len(lengths) == 2 and lengths[1] == shown < lengths[0]:
        by = check.listing.paging.statement
        check.fail(f"{shown} rows by default, and {lengths[0]} where {size} are asked for", plain.ask, named.ask, by=by)


@law("pages.limits", about=of_pages)
def limits(check: Check) -> None:
    """The smallest and the largest documented size are served, and the page holds exactly so many rows."""
    paging = check.listing.paging
    count = len(check.snapshot().rows)
    most = paging.most
    check.expect("one", check.question((), size=1))
    check.expect("most", check.question((), size=most))
    boundary = mining.tie(check.snapshot().rows, check.listing.created, 2, most)
    if boundary is None:
        check.inconclusive("no two neighbours have the same date")
    else:
        check.expect("inside a tie", check.question((), size=boundary))
    for name, size in (("one less", count - 1), ("exactly all", count), ("one more", count + 1)):
        if 1 <= size <= most:
            check.expect(name, check.question((), size=size))


@law("pages.windows", about=of_pages, needs=has_windows)
def windows(check: Check) -> None:
    """Every page is its window of the whole list, whatever its size; behind the end there is nothing."""
    rows, paging = check.snapshot().rows, check.listing.paging
    count = len(rows)
    if count < 2:
        check.inconclusive(f"{count} rows make no second page")
        return
    tied = mining.tie(rows, check.listing.created, 2, mining.LARGEST_TIED)
    boundary = tied or min(7, count)
    third = min(-(-count // 3), paging.most)
    last = max(3, -(-count // third))
    sizes = [("tie", boundary, 2), ("third", third, 2), ("last of three", third, last), ("by seven", min(7, count), 3)]
    even = mining.divisor(count, paging.most)
    if even:
        sizes.append(("full last", even, count // even))
    sizes.append(("deep", min(50, count), max(1, count // min(50, count))))
    sizes.append(("one by one", 1, 2))
    for name, size, number in sizes:
        if paging.number:
            question = check.question((), size=size, place=Place(number))
        elif size <= paging.most:
            question = check.question((), size=size, place=Place(offset=(number - 1) * size))
        else:
            continue
        body = check.expect(name, question)
        if name == "tie" and tied and body is not None:
            with check.probing(name):
                _hold_apart(check, check.question((), size=size).ask, question.ask, body)
    if paging.number:
        behind = check.question((), size=third, place=Place(last + 2))
        check.expect("behind the end", behind, witness="behind the end")
        far = check.question((), size=paging.most, place=Place(INT32), by=FAR_PAGES)
        check.expect("far behind", far, witness="far behind")
        first = check.question((), size=min(10, count))
        check.expect("first by number", first.asked(query=(*first.ask.query, (paging.number, "1"))))
    else:
        behind = check.question((), size=10, place=Place(offset=count + 5))
        check.expect("behind the end", behind, witness="behind")
        end = Place(offset=count - 1)
        check.expect("at the end", check.question((), size=10, place=end))
        check.expect("offset alone", check.question((), place=Place(offset=2)))
    if not paging.refuses_more:
        check.expect("clamped", check.question((), size=paging.most + 1))


def _hold_apart(check: Check, first: Ask, second: Ask, body: Body) -> None:
    """No sandbox is on two pages that follow each other, in whatever order a page puts those of one instant. Convicted
    where it is so again and the list did not move meanwhile."""
    known = (reply for reply in reversed(check.transport.replies) if reply.ask == first and reply.status == 200)
    one = check.listing.body_of(next(known, None) or check.send(first))
    if one is None or not _on_both(check, one, body):
        return
    before = check.refresh()
    bodies = [check.listing.body_of(check.send(ask)) for ask in (first, second)]
    if check.refresh().rows != before.rows or bodies[0] is None or bodies[1] is None:
        return
    shared = _on_both(check, bodies[0], bodies[1])
    if shared:
        sentence = f"{len(shared)} sandboxes are on two pages that follow each other"
        check.fail(sentence, first, second, rows=shared, by=check.listing.paging.statement)


def _on_both(check: Check, one: Body, two: Body) -> list[Row]:
    names = {row[check.listing.identity] for row in one.rows}
    return [row for row in two.rows if row[check.listing.identity] in names]


@law("pages.filtered", about=lambda promises: [*of_filters(promises), *of_pages(promises)])
def filtered(check: Check) -> None:
    """A filter acts before the pages are cut: pages of a filtered list are windows of the filtered list."""
    filters = common_filter(check)
    count = count_matching(check, filters) if filters else 0
    if count < 2:
        check.inconclusive("no filter selects two rows")
        return
    paging = check.listing.paging
    small = max(1, min(count // 2, 20))
    check.expect("first", check.question(filters, size=small))
    whole = filters if count <= paging.most else fitting_filter(check, paging.most)
    if whole:
        check.expect("exact", check.question(whole, size=count_matching(check, whole)))
    check.expect("default", check.question(filters))
    if paging.number:
        check.expect("second", check.question(filters, size=small, place=Place(2)))
        check.expect("last", check.question(filters, size=small, place=Place(-(-count // small))))
        even = mining.divisor(count, paging.most)
        if even:
            check.expect("full last", check.question(filters, size=even, place=Place(count // even)))
        for scope in check.scopes[1:2]:
            noun = check.promises.scopes.noun
            check.expect(noun, check.question((), size=7, place=Place(2), scope=scope))
            check.expect(f"{noun} by default", check.question((), scope=scope))
    elif paging.offset:
        check.expect("second", check.question(filters, size=small, place=Place(offset=small)))
    elif paging.cursor is not None and check.wants("second"):
        walk(check, "second", filters, small, 2)
    _turn_every_filter(check, filters)


def fitting_filter(check: Check, most: int) -> Pairs:
    """The filter for one document or state that selects the most rows that a page has room for, and at least two."""
    found: list[tuple[int, Pairs]] = []
    for filter in (check.listing.first(Reference), check.listing.first(Closed)):
        if filter is None or filter.parameter == check.promises.scopes.in_query:
            continue
        rows = Counter(str(row[filter.field]) for row in check.snapshot().rows if row.get(filter.field))
        known = rows.keys() & {*filter.values} if isinstance(filter, Closed) else rows.keys()
        found += [(rows[value], ((filter.parameter, value),)) for value in known]
    # It selects by its own meaning, which knows other spellings, and other types than a deployment may show.
    fitting = (filters for count, filters in sorted(found, reverse=True) if 2 <= count <= most)
    return next((filters for filters in fitting if 2 <= count_matching(check, filters) <= most), ())


def _turn_every_filter(check: Check, usual: Pairs) -> None:
    """The second page of a list under each other kind of filter, since each may be forgotten on its own."""
    paging = check.listing.paging
    for filter in check.listing.filters:
        filters = usual_of(check, filter) if filter.parameter != check.promises.scopes.in_query else ()
        count, probe = count_matching(check, filters) if filters else 0, f"second, {filter.noun}"
        if count < 2 or filters == usual:
            continue
        size = max(1, min(count // 2, 20))
        if paging.number or paging.offset:
            place = Place(2) if paging.number else Place(offset=size)
            check.expect(probe, check.question(filters, size=size, place=place))
        elif paging.cursor is not None and check.wants(probe):
            walk(check, probe, filters, size, 2)


def usual_of(check: Check, filter: Filter) -> Pairs:
    """This filter with the value that selects closest to half of the rows."""
    rows, name = check.snapshot().rows, filter.parameter
    if isinstance(filter, Json | Tags):
        known = common_pairs(filter, rows)[:1]
        return (filter.write(*known) if isinstance(filter, Tags) else filter.write(dict(known))) if known else ()
    if isinstance(filter, AllOf):
        values = mining.halve((value for group in members_of(check, filter) for value in group), len(rows))
    elif isinstance(filter, Excluding):
        values = [TRUE_TEXT] if any(row.get(filter.field) == filter.value for row in rows) else []
    else:
        values = mining.halve((row[filter.field] for row in rows if row.get(filter.field)), len(rows))
        if isinstance(filter, Owner) and not values:
            values = [user for user in (find_oneself(check),) if user]
    return tuple((name, value) for value in values[:1])


def walk(check: Check, probe: str, filters: Pairs, size: int, pages: int, *, scope: str | None = None) -> list[Place]:
    """Follow the cursor for some pages, each held against its window of the list; the places that it led to."""
    leads = check.listing.cursor
    if leads is None:
        return []
    places: list[Place] = []
    with check.probing(probe):
        for _ in range(pages):
            question = check.question(filters, size=size, place=places[-1] if places else FIRST_PAGE, scope=scope)
            before = check.snapshot(question.scope)
            body = check.hold(question, check.send(question.ask), before)
            if body is None or not body.rows:
                break
            cursor = leads.following(body)
            if not cursor or any(cursor == place.cursor for place in places):
                break
            names = [row[check.listing.identity] for row in body.rows]
            shown = frozenset(names) | (places[-1].shown if places else frozenset())
            places.append(Place(cursor=cursor, anchor=names[-1], shown=shown))
    return places
