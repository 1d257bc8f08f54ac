"""Facets against themselves, and against the list that they count."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any
from unicodedata import combining, normalize

from contract_tests.judging.judge import Breach, Question, fields_of, show_filters, spread
from contract_tests.outcome import Row, Snapshot
from contract_tests.promises.common import BUCKET_NAMES
from contract_tests.promises.form import Facet, Facets, Listing
from contract_tests.promises.statements import Statement, weakest


def counting(listing: Listing, question: Question) -> Statement:
    """What states the counts of a question: no more binding than what is said of its parameters."""
    assert listing.facets is not None
    return question.by or weakest([listing.facets.statement, listing.statement_of(question.filters)], listing.statement)


def facets_against(
    listing: Listing, question: Question, counts: Mapping[str, Any], before: Snapshot, after: Snapshot
) -> list[Breach]:
    """Every count lies between the certain rows of its bucket and those that may be there as well."""
    assert listing.facets is not None
    keeps, identity = listing.keeps(question.filters), listing.identity
    earlier = {row[identity]: row for row in before.rows}
    later = earlier if after is before else {row[identity]: row for row in after.rows}
    certain = [row for name, row in earlier.items() if later.get(name) == row and keeps(row)]
    moved = [row for name, row in [*earlier.items(), *later.items()] if later.get(name) != earlier.get(name)]
    loose = [row for row in moved if keeps(row)]
    breaches: list[Breach] = []
    asks, by = (question.ask, *before.asks[:1]), counting(listing, question)
    for facet in listing.facets.facets:
        entries = counts.get(facet.name)
        if isinstance(entries, list):
            found = [
                *_check_counts(listing, facet, question, entries, certain, loose, whole=before.complete),
                *_check_names(facet, entries, certain, listing.facets),
            ]
            breaches += [replace(each, asks=asks, by=own_or(each, by)) for each in found]
        else:
            counted = any(row.get(facet.field) is not None for row in certain)
            sentence, why = f"the answer has no {facet.name}", by if counted or entries is not None else BUCKET_NAMES
            breaches.append(Breach(sentence, asks, by=why, law="facets.shape"))
    return breaches


def own_or(breach: Breach, otherwise: Statement) -> Statement:
    return breach.by if isinstance(breach.by, Statement) else otherwise


def _check_counts(
    listing: Listing,
    facet: Facet,
    question: Question,
    entries: list[Any],
    certain: list[Row],
    loose: list[Row],
    *,
    whole: bool,
) -> Iterator[Breach]:
    """The first bucket whose count no number of loose rows explains; rows that were not read explain any larger one."""
    least = Counter(row.get(facet.field) for row in certain)
    most = least + Counter(row.get(facet.field) for row in loose)
    seen = {
        entry.get(facet.key): entry["count"]
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("count"), int)
    }
    for name in {*least, *most, *seen} - {None}:
        low, high, count = least.get(name, 0), most.get(name, 0), seen.get(name, 0)
        if count < low or (whole and count > high):
            match = f"the list has {spread(low, high - low)} under {show_filters(question.filters)}"
            rows = tuple(row for row in certain if row.get(facet.field) == name)
            fields = (facet.field, *fields_of(listing, question.filters))
            yield Breach(f"{facet.name} counts {count} for {name}, {match}", (), rows, soft=True, fields=fields)
            return


def _check_names(facet: Facet, entries: list[Any], certain: list[Row], facets: Facets) -> Iterator[Breach]:
    """The first bucket that calls its value otherwise than the rows do."""
    rows = {row.get(facet.field): row for row in certain}
    for entry in entries if facet.shown else ():
        row = rows.get(entry.get(facet.key)) if isinstance(entry, dict) else None
        if row is None:
            continue
        wrong = [name for name in facet.shown if entry.get(name) != row.get(name)]
        if wrong:
            said = any(entry.get(name) is not None for name in wrong)
            sentence = f"one of the {facet.name} is called otherwise in the facets than in the list"
            fields, by = (facet.key, facet.field, *facet.shown), facets.names if said else BUCKET_NAMES
            yield Breach(sentence, (), (entry, row), by, soft=True, fields=fields)
            return


def facets_contradictions(facets: Facets, question: Question, counts: Mapping[str, Any]) -> list[Breach]:
    """What the facets show to be wrong on their own: order, empty and repeated buckets."""
    breaches: list[Breach] = []
    asks = (question.ask,)
    for facet in facets.facets:
        entries = tuple(entry for entry in counts.get(facet.name) or () if isinstance(entry, dict))
        breaches += _check_order(facet, facets, question, entries)
        wrong = []
        if any(entry.get("count") == 0 for entry in entries):
            wrong.append(f"{facet.name} have an empty bucket")
        if len({entry.get(facet.key) for entry in entries}) != len(entries):
            wrong.append(f"{facet.name} have a bucket twice")
        if any(entry.get(facet.key) is None for entry in entries):
            wrong.append(f"{facet.name} have a bucket without a {facet.key}")
        breaches += [Breach(sentence, asks, entries, facets.omits, "facets.omissions") for sentence in wrong]
    return breaches


def _check_order(facet: Facet, facets: Facets, question: Question, entries: tuple[Row, ...]) -> Iterator[Breach]:
    """The largest count comes first; equal ones are in an alphabet, and no page says whose."""
    counted = [entry for entry in entries if isinstance(entry.get("count"), int)]
    asks, law, fields = (question.ask,), "facets.order", (facet.key, "count", *facet.shown)
    if any(first["count"] < second["count"] for first, second in pairwise(counted)):
        sentence = f"{facet.name} do not start with the largest count"
        yield Breach(sentence, asks, entries, facets.order, law, fields=fields)
    elif not is_alphabetical(facet, counted):
        sentence = f"{facet.name} with equal counts are not in alphabetical order"
        tied = [one for one in counted if sum(other["count"] == one["count"] for other in counted) > 1]
        by = facets.alphabet if facets.alphabet and is_in_no_alphabet(facet, counted) else facets.ties
        yield Breach(sentence, asks, tuple(tied), by, law, fields=fields)


def ties_of(entries: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Neighbours of equal counts."""
    return [(one, other) for one, other in pairwise(entries) if one["count"] == other["count"]]


def is_in_no_alphabet(facet: Facet, entries: Sequence[Row]) -> bool:
    """Whether each of the texts that buckets show has two neighbours of equal counts that no collation has in their
    order. Of texts beyond ASCII, and of missing ones, nothing is certain."""
    return all(
        any(comes_behind(one.get(name), other.get(name)) for one, other in ties_of(entries))
        for name in (*facet.shown, facet.key)
    )


def comes_behind(one: Any, other: Any) -> bool:
    """Whether the first text stands behind the second in every alphabet."""
    if not (isinstance(one, str) and isinstance(other, str) and one and other and (one + other).isascii()):
        return False
    return all(fold(one) > fold(other) for fold in (*COLLATIONS, fold_numbers))


def is_alphabetical(facet: Facet, entries: Sequence[Row]) -> bool:
    """Whether one of the texts that buckets show orders those of equal counts, in one of the usual collations."""
    ties = ties_of(entries)
    return not ties or any(
        all(fold(str(one.get(name) or "")) <= fold(str(other.get(name) or "")) for one, other in ties)
        for name in (*facet.shown, facet.key)
        for fold in COLLATIONS
    )


def fold_language(text: str) -> str:
    """Roughly what a language's collation compares first: letters without case and accents, no punctuation."""
    plain = "".join(letter for letter in normalize("NFKD", text) if not combining(letter))
    return "".join(letter for letter in plain.casefold() if letter.isalnum())


def fold_numbers(text: str) -> str:
    """What an order compares that takes digits for numbers: 9 before 10."""
    return NUMBER.sub(lambda found: found[0].zfill(LONGEST_NUMBER), text.casefold())


NUMBER, LONGEST_NUMBER = re.compile("[0-9]+"), 40
COLLATIONS = (str, str.casefold, fold_language)
