"""Facets against themselves, and against the list that they count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from contract_tests.judging.judge import Breach, Question, fields_of, show_filters, spread
from contract_tests.outcome import Row, Snapshot, Tier
from contract_tests.promises.form import Facet, Facets, Listing


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
    asks = (question.ask, *before.asks[:1])
    for facet in listing.facets.facets:
        entries = counts.get(facet.name)
        if isinstance(entries, list):
            breaches += _check_counts(listing, facet, question, entries, certain, loose, before)
            breaches += _check_names(facet, question, entries, certain, before)
        else:
            breaches.append(Breach(f"the answer has no {facet.name}", asks, law="facets.shape"))
    return breaches


def _check_counts(
    listing: Listing,
    facet: Facet,
    question: Question,
    entries: list[Any],
    certain: list[Row],
    loose: list[Row],
    before: Snapshot,
) -> Iterator[Breach]:
    """The first bucket whose count no number of loose rows explains."""
    least = Counter(row.get(facet.field) for row in certain)
    most = least + Counter(row.get(facet.field) for row in loose)
    seen = {
        entry.get(facet.key): entry["count"]
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("count"), int)
    }
    for name in {*least, *most, *seen} - {None}:
        low, high, count = least.get(name, 0), most.get(name, 0), seen.get(name, 0)
        if not low <= count <= high:
            match = f"the list has {spread(low, high - low)} under {show_filters(question.filters)}"
            rows = tuple(row for row in certain if row.get(facet.field) == name)
            asks = (question.ask, *before.asks[:1])
            fields = (facet.field, *fields_of(listing, question.filters))
            yield Breach(f"{facet.name} counts {count} for {name}, {match}", asks, rows, soft=True, fields=fields)
            return


def _check_names(
    facet: Facet, question: Question, entries: list[Any], certain: list[Row], before: Snapshot
) -> Iterator[Breach]:
    """The first bucket that calls its value otherwise than the rows do."""
    rows = {row.get(facet.field): row for row in certain}
    for entry in entries if facet.shown else ():
        row = rows.get(entry.get(facet.key)) if isinstance(entry, dict) else None
        if row is not None and any(entry.get(name) != row.get(name) for name in facet.shown):
            sentence = f"one of the {facet.name} is called otherwise in the facets than in the list"
            fields = (facet.key, facet.field, *facet.shown)
            yield Breach(sentence, (question.ask, *before.asks[:1]), (entry, row), soft=True, fields=fields)
            return


def facets_contradictions(facets: Facets, question: Question, counts: Mapping[str, Any]) -> list[Breach]:
    """What the facets show to be wrong on their own: order, empty and repeated buckets."""
    breaches: list[Breach] = []
    asks = (question.ask,)
    for facet in facets.facets:
        entries = tuple(entry for entry in counts.get(facet.name) or () if isinstance(entry, dict))
        breaches += _check_order(facet, question, entries)
        if any(entry.get("count") == 0 for entry in entries):
            breaches.append(Breach(f"{facet.name} have an empty bucket", asks, entries, law="facets.omissions"))
        if len({entry.get(facet.key) for entry in entries}) != len(entries):
            breaches.append(Breach(f"{facet.name} have a bucket twice", asks, entries, law="facets.omissions"))
        if any(entry.get(facet.key) is None for entry in entries):
            sentence = f"{facet.name} have a bucket without a {facet.key}"
            breaches.append(Breach(sentence, asks, entries, law="facets.omissions"))
    return breaches


def _check_order(facet: Facet, question: Question, entries: tuple[Row, ...]) -> Iterator[Breach]:
    """The largest count comes first; the page says alphabetical for equal ones, and code points are our reading."""
    keys = [
        (-entry["count"], str(entry.get(facet.tie) or "")) for entry in entries if isinstance(entry.get("count"), int)
    ]
    asks, law, fields = (question.ask,), "facets.order", (facet.key, "count", facet.tie)
    if any(first[0] > second[0] for first, second in pairwise(keys)):
        yield Breach(f"{facet.name} do not start with the largest count", asks, entries, law=law, fields=fields)
    elif keys != sorted(keys):
        folded = [_fold_case(key) for key in keys]
        alphabetical = sorted(keys, key=_fold_case) == keys
        turned = next(index for index, (one, two) in enumerate(pairwise(keys if alphabetical else folded)) if two < one)
        pair = tuple(entry for entry in entries if isinstance(entry.get("count"), int))[turned : turned + 2]
        one, two = (entry.get(facet.tie) for entry in pair)
        what = "code-point" if alphabetical else "alphabetical"
        sentence = f"{facet.name} with equal counts are not in {what} order: {facet.tie} is {one!r}, then {two!r}"
        yield Breach(sentence, asks, pair, Tier.SHOULD if alphabetical else Tier.MUST, law, fields=fields)


def _fold_case(key: tuple[int, str]) -> tuple[int, str]:
    return key[0], key[1].casefold()
