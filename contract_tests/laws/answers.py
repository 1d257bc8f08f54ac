"""What every answer has to obey, whatever it was asked for. These laws send nothing; they watch all the others."""

from __future__ import annotations

from functools import partial

from contract_tests.judging.check import Check
from contract_tests.judging.known import LAW
from contract_tests.laws import registry
from contract_tests.laws.cursors import has_cursor
from contract_tests.laws.facets import has_facets, its_facets
from contract_tests.promises.common import (
    LEAKS,
    MEDIA_TYPE,
    PRIVATE,
    SAME,
    SERVED,
    STATUS,
    STRICT_JSON,
    UNDECLARED,
    UNIQUE,
)
from contract_tests.promises.form import Promises, page_of_facets
from contract_tests.promises.statements import Statement

law = partial(registry.law, passive=True)


def of_pages(promises: Promises) -> list[Statement]:
    return [promises.listing.paging.statement]


def has_total(promises: Promises) -> object:
    return promises.listing.paging.total


def of_totals(promises: Promises) -> list[Statement]:
    total = promises.listing.paging.total
    return [total.statement] if total is not None else []


def of_undocumented(promises: Promises) -> list[Statement]:
    """What is said of the parameters that the page does not have."""
    said = [promises.listing.paging.statement, *(filter.statement for filter in promises.listing.filters)]
    return [statement for statement in said if not statement.quote]


def witness_answers(check: Check) -> None:
    if check.answers:
        check.witness(f"{check.answers} answers")


def witness_rows(check: Check) -> None:
    if check.rows_seen:
        check.witness(f"{check.rows_seen} rows")
    else:
        check.inconclusive("there are no rows")


@law("schema.status", about=lambda promises: [STATUS, promises.refusals.listed])
def status(check: Check) -> None:
    """Every answer has a status that the page or our spec documents."""
    witness_answers(check)


@law("schema.media_type", about=MEDIA_TYPE)
def media_type(check: Check) -> None:
    """Every answer is application/json."""
    witness_answers(check)


@law("schema.body", about=lambda promises: [STRICT_JSON, promises.listing.form, promises.refusals.form])
def body(check: Check) -> None:
    """Every body is strict JSON and fits the schema of its status, formats and required fields included."""
    witness_answers(check)


@law("schema.undeclared", about=UNDECLARED)
def undeclared(check: Check) -> None:
    """Rows, envelopes and buckets have no field that the page does not show (drift), least of all a secret one."""
    witness_rows(check)


@law("schema.leaks", about=LEAKS)
def leaks(check: Check) -> None:
    """An error does not show the server's inside, such as a stack trace."""
    witness_answers(check)


@law(
    "schema.error_code",
    about=lambda promises: [promises.refusals.repeats],
    needs=lambda promises: promises.refusals.repeats,
)
def error_code(check: Check) -> None:
    """The status that an error's body repeats is the HTTP status."""
    witness_answers(check)


@law("values.no_5xx", about=SERVED)
def no_5xx(check: Check) -> None:
    """No request that a client can write makes the server fail twice in a row."""
    witness_answers(check)


@law("rows.unique", about=UNIQUE)
def unique(check: Check) -> None:
    """No sandbox occurs twice in one answer."""
    witness_rows(check)


@law("rows.order", about=lambda promises: [promises.listing.order, promises.listing.ties])
def order(check: Check) -> None:
    """Sandboxes come newest first, those of one instant by id, with every filter and on every page alike."""
    witness_rows(check)


@law("rows.same", about=SAME)
def same(check: Check) -> None:
    """A sandbox looks the same in every list that shows it, as long as it does not change."""
    witness_rows(check)


@law("rows.invariants", about=lambda promises: [each.statement for each in promises.listing.invariants])
def invariants(check: Check) -> None:
    """The fields of one sandbox agree with each other: dates with states, totals with parts, nulls with causes."""
    witness_rows(check)


@law("pages.size", about=of_pages)
def size(check: Check) -> None:
    """No page holds more rows than were asked for."""
    witness_rows(check)


@law("pages.total", about=of_totals, needs=has_total)
def total(check: Check) -> None:
    """The total counts the rows that match the filters, on every page alike."""
    witness_rows(check)


@law("pages.has_next", about=of_pages, needs=lambda promises: promises.listing.paging.more)
def has_next(check: Check) -> None:
    """The envelope says that more follows exactly when rows follow."""
    witness_answers(check)


@law("pages.echo", about=of_pages, needs=lambda promises: promises.listing.paging.echoes)
def echo(check: Check) -> None:
    """What the envelope repeats of the page's number and size is what was asked for."""
    witness_answers(check)


@law("cursors.end", about=of_pages, needs=has_cursor)
def end(check: Check) -> None:
    """The cursor leads on exactly as long as rows follow, and never in a circle."""
    witness_answers(check)


@law(
    "facets.shape",
    about=lambda promises: [each.statement for each in its_facets(promises)],
    needs=has_facets,
    page=page_of_facets,
)
def shape(check: Check) -> None:
    """The answer has every list of buckets that the page names."""
    witness_answers(check)


@law(
    "facets.order",
    about=lambda promises: [each.order for each in its_facets(promises)],
    needs=has_facets,
    page=page_of_facets,
)
def facet_order(check: Check) -> None:
    """Every list of buckets starts with the largest count; equal counts are in alphabetical order."""
    witness_answers(check)


@law(
    "facets.omissions",
    about=lambda promises: [each.omits for each in its_facets(promises)],
    needs=has_facets,
    page=page_of_facets,
)
def omissions(check: Check) -> None:
    """No facet has an empty bucket, a bucket twice, or one for the sandboxes without a value."""
    witness_answers(check)


@law(
    "credentials.challenge",
    about=lambda promises: [promises.access.challenge],
    needs=lambda promises: promises.access.challenge,
)
def challenge(check: Check) -> None:
    """A 401 says in WWW-Authenticate how to authenticate."""
    witness_answers(check)


@law("caching.private", about=PRIVATE)
def private(check: Check) -> None:
    """No answer to an authenticated caller may be cached for everybody."""
    witness_answers(check)


@law(LAW, about=of_undocumented, needs=of_undocumented)
def observed(check: Check) -> None:
    """A parameter that the page does not have, and clients of the provider send, is known to the deployment."""
    if not check.witnesses.get(LAW) and not check.breaches.get(LAW):
        check.inconclusive("no probe needed a parameter that the page does not have")
