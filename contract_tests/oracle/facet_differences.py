"""Facets between two snapshots: every count lies between the certain rows of its bucket and those that may be in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contract_tests.judging.judge import spread
from contract_tests.oracle.sides import Difference, Side, drop_nulls
from contract_tests.outcome import Row
from contract_tests.promises.common import BUCKET_NAMES
from contract_tests.promises.form import Facet, Facets
from contract_tests.promises.questions import OracleQuestion
from contract_tests.promises.statements import Statement, weakest
from contract_tests.sending.ask import Ask


def compare_facets(body: Any, query: OracleQuestion, before: Side, after: Side) -> Iterator[Difference]:
    """What certain rows prove about the facets of a question."""
    promises, facets = before.promises, before.promises.facets
    assert facets is not None
    by = weakest([facets.statement, promises.listing.statement_of(query.pairs)], facets.statement)
    if not isinstance(body, dict):
        yield Difference("body", "the facets are not an object", by)
        return
    ask = Ask(promises.facets_path(query.scope), (*promises.scopes.query(query.scope), *query.pairs))
    one, two = before.twin.find_ids(ask) or [], after.twin.find_ids(ask) or []
    counted = Counted(before.rows_of(query.scope), after.rows_of(query.scope), one, two)
    expected = after.twin.send(ask).json()
    for facet in facets.facets:
        entries = body.get(facet.name)
        if entries is None and not expected[facet.name]:
            yield Difference("facets", f"{facet.name} is left out", BUCKET_NAMES)
        elif not isinstance(entries, list):
            yield Difference("facets", f"{facet.name} is not a list", by)
        elif not all(isinstance(entry, dict) and type(entry.get("count")) is int for entry in entries):
            yield Difference("facets", f"{facet.name} has a bucket without a count", by)
        else:
            yield from compare_counts(facet, facets, by, entries, *counted.bounds(facet))
            yield from compare_order(facet, facets, entries, expected[facet.name], still=before.same_rows(after))


@dataclass(frozen=True, slots=True)
class Counted:
    """The rows of two snapshots by their names, and those that the question selects in each."""

    earlier: Mapping[str, Row]
    later: Mapping[str, Row]
    one: Sequence[str]
    two: Sequence[str]

    def bounds(self, facet: Facet) -> tuple[Counter[Any], Counter[Any]]:
        """By value: the rows that are certainly in its bucket, and with those that may be."""
        both = set(self.one) & set(self.two)

        def steady(name: str) -> bool:
            return name in both and self.earlier[name].get(facet.field) == self.later[name].get(facet.field)

        sure = Counter(self.earlier[name].get(facet.field) for name in self.one if steady(name))
        most = Counter(sure)
        for rows, names in ((self.earlier, self.one), (self.later, self.two)):
            most.update(rows[name].get(facet.field) for name in names if not steady(name))
        return sure, most


def compare_counts(
    facet: Facet, facets: Facets, by: Statement, entries: list[Row], sure: Counter[Any], most: Counter[Any]
) -> Iterator[Difference]:
    """Buckets that are empty, wrong, missing or repeated."""
    seen: Counter[Any] = Counter()
    for entry in entries:
        count, value = entry["count"], entry.get(facet.key)
        seen[value] += 1
        if value is None or not count:
            yield Difference("facets", f"{facet.name} has a bucket of {count} for {value}", facets.omits)
        elif not sure[value] <= count <= most[value]:
            among = spread(sure[value], most[value] - sure[value])
            sentence = f"{facet.name} counts {count} for {value}, but {among} rows match"
            yield Difference("facets", sentence, by)
    missing = [value for value, count in sure.items() if count and value is not None and not seen[value]]
    if missing:
        yield Difference("facets", f"{facet.name} has no bucket for {missing[0]}", by)
    if any(times > 1 for times in seen.values()):
        yield Difference("facets", f"{facet.name} has a bucket twice", facets.omits)


def compare_order(
    facet: Facet, facets: Facets, entries: list[Row], expected: list[Row], *, still: bool
) -> Iterator[Difference]:
    """The largest first; where nothing moved, exactly the buckets of our fake."""
    counts = [entry["count"] for entry in entries]
    wanted, given = [drop_nulls(entry) for entry in expected], [drop_nulls(entry) for entry in entries]
    if counts != sorted(counts, reverse=True):
        yield Difference("facets", f"{facet.name} does not start with the largest count", facets.order)
    elif still and given != wanted:
        if sorted(map(str, given)) == sorted(map(str, wanted)):
            yield Difference("facets", f"{facet.name} has equal counts in another order", facets.ties)
        else:
            named = {str(entry.get(facet.key)): entry for entry in expected}
            said = all(says_no_more(entry, named.get(str(entry.get(facet.key)), {})) for entry in entries)
            sentence = f"{facet.name} has buckets with other names than the rows"
            yield Difference("facets", sentence, BUCKET_NAMES if said else facets.names)


def says_no_more(entry: Row, expected: Row) -> bool:
    """Whether a bucket has no other name than those expected, though it may leave some out."""
    return all(text is None or expected.get(name) == text for name, text in entry.items())
