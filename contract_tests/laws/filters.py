"""A filter selects exactly the rows that match, in the list's order; several filters select their intersection."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from contract_tests.judging.check import Check
from contract_tests.laws import mining
from contract_tests.laws.registry import law
from contract_tests.outcome import Pairs, Row
from contract_tests.promises.filter_kinds import AllOf, Closed, Excluding, Filter, Json, Owner, Reference, Tags
from contract_tests.promises.form import Promises
from contract_tests.promises.statements import Statement

NOBODY = "0f8f1d52-5c0e-4d8e-9a51-9f6f3c1d7e00"
NOTHING = "no-such-value-71c3"
MIN_TOGETHER = 3


def largest_page(check: Check) -> int | None:
    """The page size that shows as much as one request can."""
    return check.listing.paging.largest


def members_of(check: Check, filter: AllOf, scope: str | None = None) -> list[frozenset[str]]:
    """By row: the values that a filter of this kind looks at."""
    return [frozenset(row.get(filter.field) or ()) for row in check.snapshot(scope).rows]


def pairs_of(filter: Json | Tags, row: Row) -> frozenset[tuple[str, str]]:
    """The names of a row that have a text."""
    return frozenset((name, text) for name, text in (row.get(filter.field) or {}).items() if isinstance(text, str))


def references_of(check: Check, filter: Reference) -> list[str]:
    """The documents that rows belong to, those first that select closest to half of them."""
    rows = check.snapshot().rows
    return mining.halve((row[filter.field] for row in rows if row.get(filter.field)), len(rows))


def of_filters(promises: Promises) -> list[Statement]:
    """What is said of every filter, and of the list."""
    return [promises.listing.statement, *(filter.statement for filter in promises.listing.filters)]


def expect_rows(check: Check, probe: str, *query: tuple[str, str], scope: str | None = None) -> None:
    """Ask for as many rows as a page can hold, and hold the answer against the snapshot."""
    check.expect(probe, check.question(tuple(query), size=largest_page(check), scope=scope))


def find_oneself(check: Check) -> str | None:
    """The user whom the personal list belongs to."""
    owner = check.listing.first(Owner)
    return owner.most_common(check.snapshot("").rows) if owner is not None else None


@law("filters.single", about=of_filters)
def single(check: Check) -> None:
    """One filter with one value: exactly the rows that match, in the order of the unfiltered list."""
    for filter in check.listing.filters:
        ask_one = next((SINGLES[kind] for kind in type(filter).__mro__ if kind in SINGLES), None)
        if ask_one is not None:
            ask_one(check, filter)


def _ask_member(check: Check, filter: AllOf) -> None:
    groups = members_of(check, filter)
    common = mining.halve((value for group in groups for value in group), len(groups))
    rare = mining.rarest(value for group in groups for value in group)
    for index, value in enumerate([*common[:1], *rare[:1]]):
        expect_rows(check, f"{filter.noun} {index}", (filter.parameter, value))


def _ask_switch(check: Check, filter: Excluding) -> None:
    expect_rows(check, filter.noun, (filter.parameter, "true"))
    expect_rows(check, f"not {filter.noun}", (filter.parameter, "false"))


def _ask_value(check: Check, filter: Closed) -> None:
    for value in filter.values:
        expect_rows(check, f"{filter.noun} {value}", (filter.parameter, value))


def _ask_reference(check: Check, filter: Reference) -> None:
    known = references_of(check, filter)
    if known:
        expect_rows(check, filter.noun, (filter.parameter, known[0]))
        expect_rows(check, f"rare {filter.noun}", (filter.parameter, known[-1]))


def _ask_oneself(check: Check, filter: Owner) -> None:
    user = find_oneself(check)
    if user:
        expect_rows(check, filter.noun, (filter.parameter, user))


def _ask_pair(check: Check, filter: Json | Tags) -> None:
    rows = check.snapshot().rows
    known = mining.halve((pair for row in rows for pair in pairs_of(filter, row)), len(rows))
    for index, pair in enumerate([*known[:1], *known[-1:]]):
        query = filter.write(pair) if isinstance(filter, Tags) else filter.write(dict([pair]))
        expect_rows(check, f"{filter.noun} {index}", *query)


def _ask_each_type(check: Check, filter: Json) -> None:
    _ask_pair(check, filter)
    typed = {
        (name, json.dumps(value))
        for row in check.snapshot().rows
        for name, value in (row.get(filter.field) or {}).items()
        if not isinstance(value, str)
    }
    by_type: dict[str, tuple[str, Any]] = {}
    for name, text in sorted(typed):
        value = json.loads(text)
        by_type.setdefault(type(value).__name__, (name, value))
    for kind, (name, value) in by_type.items():
        expect_rows(check, f"kind {kind}", *filter.write({name: value}))


SINGLES: dict[type[Filter], Callable[[Check, Any], None]] = {
    AllOf: _ask_member,
    Closed: _ask_value,
    Excluding: _ask_switch,
    Json: _ask_each_type,
    Owner: _ask_oneself,
    Reference: _ask_reference,
    Tags: _ask_pair,
}
"""How a filter of a kind is asked for one of its values."""


@law("filters.conjunction", about=of_filters)
def conjunction(check: Check) -> None:
    """Several filters select the intersection; all values of a filter that asks for every one of them count."""
    listing = check.listing
    all_of, closed, switch = listing.first(AllOf), listing.first(Closed), listing.first(Excluding)
    json_filter, tags, reference, owner = (
        listing.first(Json),
        listing.first(Tags),
        listing.first(Reference),
        listing.first(Owner),
    )
    if all_of is not None:
        _combine_members(check, all_of, closed, switch)
    if switch is not None and closed is not None and switch.field == closed.field:
        _combine_switch(check, switch, closed)
    user = find_oneself(check)
    if owner is not None and closed is not None and user:
        query = ((owner.parameter, user), (closed.parameter, closed.values[0]))
        expect_rows(check, f"{owner.noun} and {closed.noun}", *query)
    if owner is not None:
        for scope in check.scopes[1:2]:
            _combine_in_scope(check, owner, scope)
    if reference is not None and closed is not None:
        _combine_reference(check, closed, reference)
    if json_filter is not None:
        _combine_keys(check, json_filter)
    if tags is not None:
        _combine_tags(check, tags, closed)


def _combine_members(check: Check, filter: AllOf, closed: Closed | None, switch: Excluding | None) -> None:
    rows, groups, name, noun = check.snapshot().rows, members_of(check, filter), filter.parameter, filter.noun
    pair = mining.telling_pair(groups)
    if pair:
        expect_rows(check, f"two {noun}s", (name, pair[0]), (name, pair[1]))
        expect_rows(check, f"two {noun}s turned", (name, pair[1]), (name, pair[0]))
        if closed is not None:
            with_it = (row[closed.field] for row in rows if pair[0] in (row.get(filter.field) or ()))
            for value in mining.halve(with_it, len(rows))[:1]:
                expect_rows(check, f"{noun} and {closed.noun}", (name, pair[0]), (closed.parameter, value))
        if switch is not None:
            expect_rows(check, f"{noun} and {switch.noun}", (switch.parameter, "true"), (name, pair[0]))
    else:
        check.inconclusive(f"no two {noun}s overlap in part")
    three = next((sorted(group) for group in groups if len(group) >= MIN_TOGETHER), None)
    if three:
        expect_rows(check, f"three {noun}s", *((name, value) for value in three[:MIN_TOGETHER]))
    apart = mining.strangers(groups)
    if apart:
        check.expect(
            f"two {noun}s apart",
            check.question(((name, apart[0]), (name, apart[1])), size=largest_page(check)),
            witness=f"{apart[0]} and {apart[1]} never occur together",
        )


def _combine_switch(check: Check, switch: Excluding, closed: Closed) -> None:
    """The switch beside the value that it leaves out, and beside another one."""
    first, out, noun = closed.values[0], switch.value, switch.noun
    on, off = (switch.parameter, "true"), (switch.parameter, "false")
    expect_rows(check, f"{noun} and {out.lower()}", on, (closed.parameter, out))
    expect_rows(check, f"{noun} and {first.lower()}", on, (closed.parameter, first))
    expect_rows(check, f"in{noun} and {out.lower()}", off, (closed.parameter, out))


def _combine_reference(check: Check, closed: Closed, reference: Reference) -> None:
    rows, (name, noun) = check.snapshot().rows, (closed.parameter, closed.noun)
    both = mining.telling_pair(
        [frozenset({(name, row[closed.field]), (reference.parameter, row.get(reference.field) or "")}) for row in rows]
    )
    if both and all(text for _, text in both):
        expect_rows(check, f"{noun} and {reference.noun}", *both)
        others = [(name, value) for value in closed.values if (name, value) not in both]
        known = next(pair for pair in both if pair[0] == reference.parameter)
        expect_rows(check, f"two {noun}s and {reference.noun}", known, *others)
    else:
        check.inconclusive(f"no {noun} and {reference.noun} overlap in part")
    if closed.repeats:
        expect_rows(check, f"two {noun}s", *((name, value) for value in closed.values[:2]))


def _combine_keys(check: Check, filter: Json) -> None:
    rows = check.snapshot().rows
    groups = [pairs_of(filter, row) for row in rows]
    pair = mining.telling_pair(groups)
    if pair:
        expect_rows(check, "two keys", *filter.write(dict(pair)))
        expect_rows(check, "two keys turned", *filter.write(dict(reversed(pair))))
    else:
        check.inconclusive(f"no two pairs of {filter.parameter} overlap in part")
    apart = mining.strangers(groups)
    if apart and apart[0][0] != apart[1][0]:
        question = check.question(filter.write(dict(apart)), size=largest_page(check))
        check.expect("two keys apart", question, witness="two pairs never occur together")
    objects = [row.get(filter.field) or {} for row in rows]
    longest = max(objects, key=lambda value: len(json.dumps(value)), default={})
    if longest:
        expect_rows(check, "all keys of a row", *filter.write(longest))


def _combine_tags(check: Check, filter: Tags, closed: Closed | None) -> None:
    rows = check.snapshot().rows
    groups = [pairs_of(filter, row) for row in rows]
    pair = mining.telling_pair(groups)
    if pair:
        expect_rows(check, "two keys", *filter.write(*pair))
        expect_rows(check, "two keys turned", *filter.write(*reversed(pair)))
        if closed is not None:
            with_it = (row[closed.field] for row, group in zip(rows, groups, strict=True) if pair[0] in group)
            for value in mining.halve(with_it, len(rows))[:1]:
                query = (*filter.write(pair[0]), (closed.parameter, value))
                expect_rows(check, f"key and {closed.noun}", *query)
    else:
        check.inconclusive(f"no two pairs of {filter.parameter} overlap in part")
    three = next((sorted(group) for group in groups if len(group) >= MIN_TOGETHER), None)
    if three:
        expect_rows(check, "three keys", *filter.write(*three[:MIN_TOGETHER]))
    apart = mining.strangers(groups)
    if apart and apart[0][0] != apart[1][0]:
        question = check.question(filter.write(*apart), size=largest_page(check))
        check.expect("two keys apart", question, witness="two pairs never occur together")


def _combine_in_scope(check: Check, owner: Owner, scope: str) -> None:
    """The list of a team is a list like any other; its admin may filter it by user."""
    listing, noun, name = check.listing, check.promises.scopes.noun, owner.parameter
    closed, switch, all_of = listing.first(Closed), listing.first(Excluding), listing.first(AllOf)
    rows = check.snapshot(scope).rows
    users = mining.halve((row[owner.field] for row in rows if row.get(owner.field)), len(rows))
    own = find_oneself(check)
    for user in [user for user in users if user != own][:1]:
        expect_rows(check, f"user of a {noun}", (name, user), scope=scope)
        if switch is not None and closed is not None:
            query = ((name, user), (closed.parameter, switch.value))
            expect_rows(check, f"user of a {noun} and {closed.noun}", *query, scope=scope)
    for user in [user for user in users if user == own][:1]:
        expect_rows(check, f"oneself in a {noun}", (name, user), scope=scope)
    if closed is not None:
        expect_rows(check, f"{noun} and {closed.noun}", (closed.parameter, closed.values[0]), scope=scope)
    if switch is not None:
        expect_rows(check, f"{noun} and {switch.noun}", (switch.parameter, "true"), scope=scope)
    if all_of is not None:
        values = (value for group in members_of(check, all_of, scope) for value in group)
        for value in mining.halve(values, len(rows))[:1]:
            expect_rows(check, f"{noun} and {all_of.noun}", (all_of.parameter, value), scope=scope)


@law("filters.unknown", about=of_filters)
def unknown(check: Check) -> None:
    """A value that no row has selects nothing; it is not an ignored filter."""
    rows = check.snapshot().rows
    if not rows:
        check.inconclusive("there are no rows that a lost filter could show")
        return
    for probe, query in _find_unknown(check, rows).items():
        check.expect(probe, check.question(query, size=largest_page(check)), witness=f"{len(rows)} rows must stay out")


def _find_unknown(check: Check, rows: Sequence[Row]) -> dict[str, Pairs]:
    """By probe: queries with a value that no row has, alone, and beside one that some have."""
    all_of, tags, json_filter = check.listing.first(AllOf), check.listing.first(Tags), check.listing.first(Json)
    reference = check.listing.first(Reference)
    queries: dict[str, Pairs] = {}
    if reference is not None:
        queries[reference.noun] = ((reference.parameter, NOBODY),)
    if all_of is not None:
        name, noun = all_of.parameter, all_of.noun
        lost = (name, NOTHING)
        queries[noun] = (lost,)
        values = (value for group in members_of(check, all_of) for value in group)
        for value in mining.halve(values, len(rows))[:1]:
            queries[f"known and unknown {noun}"] = ((name, value), lost)
            queries[f"unknown and known {noun}"] = (lost, (name, value))
    if json_filter is not None:
        queries["key"] = json_filter.write({NOTHING: "1"})
        for name, text in common_pairs(json_filter, rows)[:1]:
            queries["value"] = json_filter.write({name: NOTHING})
            queries["known and unknown"] = json_filter.write({name: text, NOTHING: "1"})
    if tags is not None:
        queries["key"] = tags.write((NOTHING, "1"))
        for pair in common_pairs(tags, rows)[:1]:
            queries["value"] = tags.write((pair[0], NOTHING))
            queries["known and unknown"] = tags.write(pair, (NOTHING, "1"))
            queries["unknown and known"] = tags.write((NOTHING, "1"), pair)
    return queries


def common_pairs(filter: Json | Tags, rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Names with their texts, those first that select closest to half of the rows."""
    return mining.halve((pair for row in rows for pair in pairs_of(filter, row)), len(rows))


@law("filters.ignored", about=lambda promises: [promises.listing.ignores])
def ignored(check: Check) -> None:
    """A query parameter that is not declared changes nothing."""
    question = check.question((), size=check.some(3), by=check.listing.ignores)
    check.expect("unknown parameter", question.asked(query=(*question.ask.query, *check.listing.unknown)))
