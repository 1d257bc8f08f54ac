"""A value that is merely similar to another one is another value."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from contract_tests.judging.check import Check
from contract_tests.laws import mining
from contract_tests.laws.filters import common_pairs, largest_page, members_of, of_filters, pairs_of
from contract_tests.laws.registry import law
from contract_tests.outcome import Lack, Pairs, Row
from contract_tests.promises.filter_kinds import AllOf, Json, Tags
from contract_tests.promises.statements import Statement

NOT_A_KEY = "no-such-key-71c3"
MAX_SHAPES = 6
MAX_JOINED = 80


@law("exactness.values", about=of_filters)
def values(check: Check) -> None:
    """A value is compared whole: another case, a prefix, a wildcard, more white space or another unicode form do not
    match."""
    all_of, tags, json_filter = check.listing.first(AllOf), check.listing.first(Tags), check.listing.first(Json)
    if all_of is not None:
        _near_members(check, all_of)
    if tags is not None:
        _near_tags(check, tags)
    if json_filter is not None:
        _near_object(check, json_filter)
    if all_of is None and tags is None and json_filter is None:
        reason = "this provider's filters take closed sets of values; values.closed asks for others"
        check.inconclusive(reason, Lack.NATURE)


def expect_near(check: Check, probe: str, meaning: Pairs, by: Statement | None = None) -> None:
    count = sum(map(check.listing.keeps(meaning), check.snapshot().rows))
    check.expect(probe, check.question(meaning, size=largest_page(check), by=by), witness=f"{probe}: {count} rows")


def encode_first(text: str) -> str:
    """The text with its first byte percent-encoded; whoever decodes twice takes it for the text."""
    first, rest = text[:1], text[1:]
    return "".join(f"%{byte:02X}" for byte in first.encode()) + rest


def _near_members(check: Check, filter: AllOf) -> None:
    groups = members_of(check, filter)
    common = mining.halve((value for group in groups for value in group), len(groups))
    if not common:
        check.inconclusive(f"no {filter.noun} selects a part of the rows")
        return
    value = common[0]
    similar: dict[str, str | None] = {
        "prefix": value[:-1] or value + "x",
        "suffix": value[1:] or "x" + value,
        "case": mining.recase(value),
        "wildcard": value[:-1] + "%",
        "underscore": value[:-1] + "_",
        "pattern": ".*",
        "space behind": value + " ",
        "space in front": " " + value,
        "empty": "",
        "encoded twice": encode_first(value),
    }
    joined = mining.telling_pair(groups)
    if joined:
        similar["joined by comma"] = ",".join(joined)
    every = sorted({value for group in groups for value in group})
    similar[f"comma in a {filter.noun}"] = next((value for value in every if "," in value), None)
    similar["unicode form"] = next((form for form in map(mining.renormalise, every) if form), None)
    similar[f"padded {filter.noun}"] = next((value for value in every if value != value.strip()), None)
    for probe, text in similar.items():
        if text is not None:
            expect_near(check, probe, ((filter.parameter, text),))
    scopes = check.promises.scopes
    for scope in check.scopes[1:2] if scopes.in_query else ():
        shouted, probe = mining.recase(scope), f"{scopes.noun} in another case"
        with check.probing(probe) as wanted:
            if shouted and wanted:
                _expect_nobody(check, ((scopes.in_query, shouted),))


def _expect_nobody(check: Check, query: Pairs) -> None:
    """Either nothing or a refusal, never somebody's rows."""
    question = check.question(query)
    reply = check.send(question.ask)
    if reply.status == 200:
        check.accept(question, reply)


def _near_tags(check: Check, filter: Tags) -> None:
    rows = check.snapshot().rows
    common = common_pairs(filter, rows)
    if not common:
        check.inconclusive(f"no {filter.parameter} selects a part of the rows")
        return
    name, text = next((pair for pair in common if len(pair[1]) > 1), common[0])
    similar: dict[str, tuple[str, str | None]] = {
        "prefix": (name, text[:-1]),
        "suffix": (name, text[1:]),
        "case": (name, mining.recase(text)),
        "key case": (mining.recase(name) or name + "x", text),
        "key prefix": (name[:-1] or name + "x", text),
        "wildcard": (name, text[:-1] + "%"),
        "star": (name, "*"),
        "underscore": (name, text[:-1] + "_"),
        "space behind": (name, text + " "),
        "space in front": (name, " " + text),
        "empty": (name, ""),
        "null": (name, "null"),
        "value of another key": (NOT_A_KEY, text),
        "encoded twice": (name, encode_first(text)),
        "two values": (name, ",".join(other for key, other in common if key == name)[:MAX_JOINED] or text),
    }
    for probe, (key, value) in similar.items():
        if value is not None:
            expect_near(check, probe, filter.write((key, value)))
    _near_marked_tags(check, filter)


def _near_marked_tags(check: Check, filter: Tags) -> None:
    """Pairs that are like others: in another unicode form, with a text that begins another one, with a number."""
    every = sorted({pair for row in check.snapshot().rows for pair in pairs_of(filter, row)})
    form = next(((key, form) for key, text in every if (form := mining.renormalise(text))), None)
    if form:
        expect_near(check, "unicode form", filter.write(form))
    begins = next(
        ((key, text) for key, text in every if text and any(_begins(key, text, *other) for other in every)), None
    )
    if begins:
        expect_near(check, "prefix of another", filter.write(begins))
    number = next(((key, text) for key, text in every if text.isdigit()), None)
    if number:
        expect_near(check, "digits", filter.write((number[0], "0" + number[1])))


def _begins(key: str, text: str, other_key: str, other: str) -> bool:
    return key == other_key and other != text and other.startswith(text)


def _near_object(check: Check, filter: Json) -> None:
    """Each kind of value has neighbours of its own: by probe, objects that are there or nearly are."""
    rows = check.snapshot().rows
    entries = [entry for row in rows for entry in (row.get(filter.field) or {}).items()]
    neighbours = (
        _near_text(filter, rows),
        _own_objects(filter, rows),
        _near_number(entries),
        _near_digits(filter, rows),
        _near_inner_object(entries),
        _near_wide_object(entries),
        _near_list(entries),
        _near_flag(entries),
        _near_list_of_objects(entries),
        _near_list_of_lists(entries),
        _letter(filter, rows),
    )
    for probe, value in (neighbour for some in neighbours for neighbour in some):
        expect_near(check, probe, filter.write(value), by=filter.numbers if probe == "1.0 for 1" else None)
    if not common_pairs(filter, rows):
        check.inconclusive(f"no {filter.parameter} selects a part of the rows")


Entry = tuple[str, Any]
"""A name of a row's object, and its value."""
Neighbours = Iterator[tuple[str, Row]]
"""Probes, each with the object to ask for."""


def _near_text(filter: Json, rows: Sequence[Row]) -> Neighbours:
    common = common_pairs(filter, rows)
    if not common:
        return
    name, text = next((pair for pair in common if len(pair[1]) > 1), common[0])
    yield "prefix", {name: text[:-1]}
    yield "case", {name: mining.recase(text)}
    yield "wildcard", {name: text[:-1] + "%"}
    yield "space behind", {name: text + " "}
    yield "null", {name: None}
    yield "list", {name: [text]}
    yield "object", {name: {text: text}}
    yield "key case", {mining.recase(name) or name + "x": text}
    yield "key prefix", {name[:-1] or name + "x": text}


def _own_objects(filter: Json, rows: Sequence[Row]) -> Neighbours:
    """Every row is found by its own object."""
    shapes: dict[str, Row] = {}
    for row in rows:
        shapes.setdefault(json.dumps(sorted(row.get(filter.field) or {})), row)
    objects = [row.get(filter.field) or {} for row in shapes.values()]
    for index, value in enumerate(sorted(objects, key=lambda value: -len(json.dumps(value)))[:MAX_SHAPES]):
        yield f"own {filter.parameter} {index}", value


def _near_number(entries: Sequence[Entry]) -> Neighbours:
    numbers = [entry for entry in entries if isinstance(entry[1], int | float) and not isinstance(entry[1], bool)]
    if not numbers:
        return
    name, number = mining.rarest(numbers)[0]
    yield "text for a number", {name: str(number)}
    yield "true for a number", {name: True}
    integer = next((entry for entry in numbers if isinstance(entry[1], int)), None)
    if integer:
        name, number = integer
        yield "1.0 for 1", {name: float(number)}
        yield "text for a whole number", {name: str(number)}
        yield "number", {name: number}


def _near_digits(filter: Json, rows: Sequence[Row]) -> Neighbours:
    """A text that reads like a number is still a text."""
    digits = next((pair for row in rows for pair in sorted(pairs_of(filter, row)) if pair[1].isdigit()), None)
    if digits:
        name, text = digits
        yield "number for text", {name: int(text)}
        yield "digits", {name: text}


def _near_inner_object(entries: Sequence[Entry]) -> Neighbours:
    nested = next((entry for entry in entries if isinstance(entry[1], dict) and entry[1]), None)
    if nested:
        name, value = nested
        key, inner = min(value.items(), key=str)
        yield "part of an object", {name: {key: inner}}
        yield "empty inner object", {name: {}}
        yield "inner key at the top", {key: inner}
        yield "wrong inner value", {name: {key: NOT_A_KEY}}


def _near_wide_object(entries: Sequence[Entry]) -> Neighbours:
    """Every key of an inner object has to match, and only an object or a list has parts."""
    wide = next((entry for entry in entries if isinstance(entry[1], dict) and len(entry[1]) > 1), None)
    if wide:
        name, value = wide
        one, other = sorted(value)[:2]
        yield "one inner value right, one wrong", {name: {one: value[one], other: NOT_A_KEY}}
        yield "text for an object", {name: NOT_A_KEY}


def _near_list(entries: Sequence[Entry]) -> Neighbours:
    listed = next((entry for entry in entries if isinstance(entry[1], list) and len(entry[1]) > 1), None)
    if listed:
        name, members = listed
        yield "part of a list", {name: members[-1:]}
        yield "list turned", {name: members[::-1]}
        yield "list and more", {name: [*members, NOT_A_KEY]}
        yield "element for a list", {name: members[0]}
        yield "empty list", {name: []}


def _near_flag(entries: Sequence[Entry]) -> Neighbours:
    flag = next((entry for entry in entries if isinstance(entry[1], bool)), None)
    if flag:
        yield "true and false", {flag[0]: not flag[1]}
        yield "number for true", {flag[0]: int(flag[1])}
    empty = next((name for name, value in entries if value is None), None)
    if empty:
        yield "null that is there", {empty: None}


def _near_list_of_objects(entries: Sequence[Entry]) -> Neighbours:
    """An object that takes one part from each of two elements is neither of them."""
    lists = (entry for entry in entries if isinstance(entry[1], list) and len(entry[1]) > 1)
    steps = next((entry for entry in lists if all(isinstance(member, dict) for member in entry[1])), None)
    if steps:
        name, (one, two, *_) = steps
        first = next(iter(one))
        crossed = {**one, **{key: value for key, value in two.items() if key != first}}
        yield "one element, not two", {name: [crossed]}
        yield "part of an element", {name: [dict([next(iter(two.items()))])]}


def _near_list_of_lists(entries: Sequence[Entry]) -> Neighbours:
    """The same for lists in a list."""
    inner = (
        (name, [member for member in value if isinstance(member, list) and member])
        for name, value in entries
        if isinstance(value, list)
    )
    lists = next((entry for entry in inner if len(entry[1]) > 1 and entry[1][1][-1] not in entry[1][0]), None)
    if lists:
        name, members = lists
        yield "one inner list, not two", {name: [[members[0][0], members[1][-1]]]}


def _letter(filter: Json, rows: Sequence[Row]) -> Neighbours:
    """A text is not the list of its letters."""
    longer = (pair for row in rows for pair in pairs_of(filter, row) if len(pair[1]) > 1)
    for name, text in mining.halve(longer, len(rows))[:1]:
        yield "letter of a text", {name: [text[0]]}
