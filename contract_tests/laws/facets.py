"""Facets count the same sandboxes that the list shows under the same filters."""

from __future__ import annotations

from contract_tests.judging.check import Check
from contract_tests.judging.judge import Question
from contract_tests.laws import mining
from contract_tests.laws.filters import NOBODY, of_filters, references_of
from contract_tests.laws.registry import law
from contract_tests.outcome import Lack, Pairs
from contract_tests.promises.filter_kinds import Closed, Reference
from contract_tests.promises.form import Facets, Promises, page_of_facets
from contract_tests.promises.statements import Statement, weakest
from contract_tests.sending.ask import Ask


def has_facets(promises: Promises) -> object:
    return promises.facets


def its_facets(promises: Promises) -> tuple[Facets, ...]:
    """The facets, where there are any."""
    return (promises.facets,) if promises.facets is not None else ()


def of_facets(promises: Promises) -> list[Statement]:
    """What is said of the counts and of every filter."""
    return [promises.facets.statement, *of_filters(promises)] if promises.facets is not None else []


def facets(
    check: Check,
    filters: Pairs = (),
    sent: Pairs | None = None,
    scope: str | None = None,
    by: Statement | None = None,
) -> Question:
    """A question to the facets; `sent` and `by` are those of `Check.question`."""
    scope, facets = check.home if scope is None else scope, check.promises.facets
    assert facets is not None
    path, base = check.promises.facets_path(scope), check.filters(scope)
    pairs = (*base, *(filters if sent is None else sent))
    known = [facets.statement, *map(check.listing.statement_of, ((*base, *filters), pairs))]
    return Question(Ask(path, pairs), scope, (*base, *filters), by=by or weakest(known, facets.statement))


@law("facets.counts", about=of_facets, needs=has_facets, page=page_of_facets)
def counts(check: Check) -> None:
    """Every bucket counts the sandboxes of the list under the same filters; every filter narrows both lists."""
    closed, reference = check.listing.first(Closed), check.listing.first(Reference)
    check.counts("no filter", facets(check))
    if closed is not None:
        for value in closed.values:
            check.counts(f"{closed.noun} {value}", facets(check, ((closed.parameter, value),)))
        if closed.repeats:
            both: Pairs = tuple((closed.parameter, value) for value in closed.values[:2])
            check.counts(f"two {closed.noun}s", facets(check, both))
    if closed is not None and reference is not None:
        _both(check, closed, reference)
    if reference is not None:
        for rare in references_of(check, reference)[-1:]:
            check.counts(f"rare {reference.noun}", facets(check, ((reference.parameter, rare),)))
        check.counts(f"unknown {reference.noun}", facets(check, ((reference.parameter, NOBODY),)))
    for scope in check.scopes[1:2]:
        check.counts(f"another {check.promises.scopes.noun}", facets(check, scope=scope))


def _both(check: Check, closed: Closed, reference: Reference) -> None:
    """One filter that other rows share, alone and with the other filter."""
    name, field = reference.parameter, reference.field
    pair = mining.telling_pair(
        [
            frozenset({(closed.parameter, row[closed.field]), (name, row[field])})
            for row in check.snapshot().rows
            if row.get(field)
        ]
    )
    if pair:
        known = next(text for given, text in pair if given == name)
        check.counts(reference.noun, facets(check, ((name, known),)))
        check.counts(f"{closed.noun} and {reference.noun}", facets(check, tuple(pair)))


@law("facets.spellings", about=of_facets, needs=has_facets, page=page_of_facets)
def spellings(check: Check) -> None:
    """Values repeated or comma-separated, in any order: the same counts."""
    closed = check.listing.first(Closed)
    if closed is None or not closed.repeats or not closed.commas:
        check.inconclusive("no filter takes several values", Lack.NATURE)
        return
    name, (*_, two, three) = closed.parameter, closed.values
    one, both = closed.values[0], ((name, two), (name, three))
    turned = f"{three},{two}"
    check.counts("comma", facets(check, both, ((name, turned),)))
    # All values of the set are every sandbox, which is a filter that filters nothing.
    meaning = ((name, one), *both) if {one, two, three} < set(closed.values) else ()
    check.counts("three", facets(check, meaning, ((name, turned), (name, one))))
    check.counts("raw comma", facets(check, both, ()).asked(raw=f"{name}={turned}"))
    check.counts("twice", facets(check, ((name, three),), ((name, three), (name, three))))
    check.counts("empty", facets(check, (), ((name, ""),)))


@law(
    "facets.ignored",
    about=lambda promises: [each.ignores for each in its_facets(promises)],
    needs=has_facets,
    page=page_of_facets,
)
def ignored(check: Check) -> None:
    """The parameters of pages belong to the list; the facets do not know them."""
    paging, own = check.listing.paging, check.promises.facets
    if own is None:
        return
    check.counts(paging.size, facets(check, (), ((paging.size, "1"),), by=own.ignores))
    if paging.cursor is not None:
        name = paging.cursor.parameter
        check.counts(name, facets(check, (), ((name, "x"), ("no_such_parameter", "1")), by=own.ignores))
