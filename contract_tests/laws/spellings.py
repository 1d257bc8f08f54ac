"""Two spellings of one question have one answer: repeats, commas, percent-encoding, JSON's own freedoms."""

from __future__ import annotations

import json

from contract_tests.judging.check import Check
from contract_tests.laws import mining
from contract_tests.laws.filters import largest_page, members_of, of_filters, pairs_of, references_of
from contract_tests.laws.registry import law
from contract_tests.outcome import Pairs
from contract_tests.promises.common import ENCODING
from contract_tests.promises.filter_kinds import AllOf, Closed, Excluding, Json, Reference, Tags
from contract_tests.promises.form import Promises
from contract_tests.promises.statements import Statement
from contract_tests.sending.ask import encode

RESERVED = frozenset("&=%+#")
"""Characters that mean something else in a query unless they are encoded."""


def has_commas(promises: Promises) -> bool:
    """Whether a filter takes several values, separated by commas."""
    closed = promises.listing.first(Closed)
    return closed is not None and closed.commas


def expect_same(
    check: Check, probe: str, meaning: Pairs, sent: Pairs | None = None, raw: str = "", by: Statement | None = None
) -> None:
    question = check.question(meaning, size=largest_page(check), sent=sent, by=by)
    check.expect(probe, question.asked(raw=raw))


def encode_all(text: str, digits: str = "%02X") -> str:
    """Every byte of the text percent-encoded."""
    return "".join("%" + digits % byte for byte in text.encode())


@law("spellings.lists", about=of_filters, needs=has_commas)
def lists(check: Check) -> None:
    """Values repeated or comma-separated, in any order, once or twice: the same filter."""
    closed, reference = check.listing.first(Closed), check.listing.first(Reference)
    if closed is not None and closed.repeats:
        _repeat(check, closed)
    elif closed is not None:
        name, (one, two, *rest) = closed.parameter, closed.values
        both = f"{one},{(rest or [two])[0]}"
        expect_same(check, "comma", ((name, both),), (), f"{name}={both}")
        turned: Pairs = ((name, f"{two},{one}"),)
        expect_same(check, "turned", turned, turned)
    if reference is not None:
        _raise_case(check, reference)


def _repeat(check: Check, closed: Closed) -> None:
    name, rows = closed.parameter, check.snapshot().rows
    present = [value for value in closed.values if any(row[closed.field] == value for row in rows)]
    if len(present) < 2:
        check.inconclusive(f"all rows are in one {closed.noun}")
        return
    one, two, *others = present
    both: Pairs = ((name, one), (name, two))
    expect_same(check, "comma", both, (), f"{name}={one},{two}")
    expect_same(check, "encoded comma", both, ((name, f"{two},{one}"),))
    expect_same(check, "turned", both, ((name, two), (name, one)))
    expect_same(check, "twice", ((name, one),), ((name, one), (name, one)))
    expect_same(check, "twice in commas", ((name, two),), ((name, f"{two},{two}"),))
    if others:
        three = (one, two, others[0])
        # All values of the set are every sandbox, which is a filter that filters nothing.
        meaning: Pairs = tuple((name, value) for value in three) if set(three) < set(closed.values) else ()
        expect_same(check, "commas and repeats", meaning, ((name, f"{others[0]},{one}"), (name, two)))
    expect_same(check, "empty", (), ((name, ""),))
    expect_same(check, "empty piece", ((name, one),), ((name, f"{one},"),))


def _raise_case(check: Check, reference: Reference) -> None:
    name, rows = reference.parameter, check.snapshot().rows
    known = next((row[reference.field] for row in rows if row.get(reference.field)), None)
    if known and known.upper() != known:
        expect_same(check, "upper-case uuid", ((name, known),), ((name, known.upper()),))


@law("spellings.encoding", about=lambda promises: [ENCODING, *of_filters(promises)])
def encoding(check: Check) -> None:
    """Percent-encoding, its case, `+` for a space and the order of parameters carry no meaning."""
    listing = check.listing
    all_of, json_filter, tags = listing.first(AllOf), listing.first(Json), listing.first(Tags)
    closed, reference, switch = listing.first(Closed), listing.first(Reference), listing.first(Excluding)
    if all_of is not None:
        _encode_values(check, all_of, closed)
    if switch is not None:
        # Python's clients write their True as it prints.
        name = switch.parameter
        expect_same(check, "capital boolean", ((name, "true"),), ((name, "True"),))
    scopes = check.promises.scopes
    if scopes.empty is not None:
        expect_same(check, f"empty {scopes.noun}", (), ((scopes.in_query, ""),), by=scopes.empty)
    if closed is not None and reference is not None:
        _encode_reference(check, closed, reference)
    if json_filter is not None:
        _encode_object(check, json_filter)
    if tags is not None:
        _encode_tags(check, tags)


def _encode_values(check: Check, filter: AllOf, closed: Closed | None) -> None:
    name, groups = filter.parameter, members_of(check, filter)
    every = sorted({value for group in groups for value in group})
    # Best a value in which the space alone is encoded: a server may decode only where it sees a percent sign.
    spaces = [value for value in every if " " in value.strip()]
    spaced = min(spaces, key=lambda value: encode(value) != value.replace(" ", "%20"), default=None)
    if spaced:
        expect_same(check, "plus", ((name, spaced),), (), f"{name}=" + encode(spaced).replace("%20", "+"))
    foreign = next((value for value in every if not value.isascii()), None)
    if foreign:
        expect_same(check, "unicode", ((name, foreign),), (), f"{name}=" + encode(foreign).lower())
    marked = next((value for value in every if set(value) & RESERVED), None)
    if marked:
        expect_same(check, "reserved", ((name, marked),))
    for value in mining.halve((value for group in groups for value in group), len(groups))[:1]:
        pair = (name, value)
        expect_same(check, "duplicate", (pair,), (pair, pair))
        if closed is not None:
            other = (closed.parameter, closed.values[0])
            expect_same(check, "turned parameters", (pair, other), (other, pair))
        expect_same(check, "all encoded", (pair,), (), f"{name}=" + encode_all(value, "%02x"))


def _encode_reference(check: Check, closed: Closed, reference: Reference) -> None:
    second = closed.values[1]
    pair = (closed.parameter, second)
    expect_same(check, "all encoded", (pair,), (), f"{closed.parameter}=" + encode_all(second))
    for known in references_of(check, reference)[:1]:
        other = (reference.parameter, known)
        expect_same(check, "turned parameters", (pair, other), (other, pair))


def _encode_tags(check: Check, filter: Tags) -> None:
    every = sorted({pair for row in check.snapshot().rows for pair in pairs_of(filter, row)})
    for probe, marks in (("space", " "), ("reserved", "&=%+#/"), ("comma", ","), ("dot or slash", "./")):
        marked = next((pair for pair in every if set("".join(pair)) & set(marks)), None)
        if marked:
            expect_same(check, probe, filter.write(marked))
    spaced_key = next((pair for pair in every if " " in pair[0]), None)
    if spaced_key:
        expect_same(check, "spaced key", filter.write(spaced_key))
    foreign = next((pair for pair in every if not "".join(pair).isascii()), None)
    if foreign:
        expect_same(check, "unicode", filter.write(foreign))
    empty = next((pair for pair in every if pair[1] == ""), None)
    if empty:
        expect_same(check, "empty value", filter.write(empty))
    spaced = next((pair for pair in every if " " in pair[1].strip()), None)
    plain = next((pair for pair in every if pair[0].isalnum()), None)
    spellings = {probe: (pair, raw) for pair in (spaced, plain) if pair for probe, raw in filter.spell(*pair).items()}
    for probe, (pair, raw) in spellings.items():
        expect_same(check, probe, filter.write(pair), (), raw)


def _encode_object(check: Check, filter: Json) -> None:
    """JSON text has many spellings: white space, escapes, the order of names, 1 and 1.0."""
    name, groups = filter.parameter, [pairs_of(filter, row) for row in check.snapshot().rows]
    pair = mining.telling_pair(groups)
    if pair:
        value = dict(pair)
        expect_same(
            check, "white space", filter.write(value), ((name, json.dumps(value, indent=1, ensure_ascii=False)),)
        )
    foreign = next((pair for group in groups for pair in sorted(group) if not pair[1].isascii()), None)
    if foreign:
        value = dict([foreign])
        expect_same(check, "unicode", filter.write(value))
        expect_same(check, "escapes", filter.write(value), ((name, json.dumps(value, ensure_ascii=True)),))
    marked = next((pair for group in groups for pair in sorted(group) if set(pair[1]) & RESERVED), None)
    if marked:
        expect_same(check, "reserved", filter.write(dict([marked])))
    expect_same(check, "empty object", filter.write({}))
