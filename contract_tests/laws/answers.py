"""What every answer has to obey, whatever it was asked for. These laws send nothing; they watch all the others."""

from __future__ import annotations

from functools import partial

from contract_tests.judging.check import Check
from contract_tests.laws import registry
from contract_tests.outcome import Tier

law = partial(registry.law, passive=True)


def seen(check: Check) -> None:
    if check.answers:
        check.witness(f"{check.answers} answers")


def rows(check: Check) -> None:
    if check.rows_seen:
        check.witness(f"{check.rows_seen} rows")
    else:
        check.inconclusive("there are no rows")


@law("schema.status")
def status(check: Check) -> None:
    """Every answer has a status that the page or our spec documents."""
    seen(check)


@law("schema.media_type")
def media_type(check: Check) -> None:
    """Every answer is application/json."""
    seen(check)


@law("schema.body")
def body(check: Check) -> None:
    """Every body is strict JSON and fits the schema of its status, formats and required fields included."""
    seen(check)


@law("schema.undeclared", tier=Tier.SHOULD)
def undeclared(check: Check) -> None:
    """Rows and envelopes have no field that the page does not show (drift), least of all a secret one."""
    rows(check)


@law("schema.leaks", tier=Tier.SHOULD)
def leaks(check: Check) -> None:
    """An error does not show the server's inside, such as a stack trace."""
    seen(check)


@law("schema.error_code", providers={"dreadnode"})
def error_code(check: Check) -> None:
    """`code` in an error's body is the HTTP status."""
    seen(check)


@law("values.no_5xx")
def no_5xx(check: Check) -> None:
    """No request that a client can write makes the server fail twice in a row."""
    seen(check)


@law("rows.unique")
def unique(check: Check) -> None:
    """No sandbox occurs twice in one answer."""
    rows(check)


@law("rows.order", tier=Tier.SHOULD)
def order(check: Check) -> None:
    """Sandboxes come newest first, those of one instant by id, with every filter and on every page alike."""
    rows(check)


@law("rows.same")
def same(check: Check) -> None:
    """A sandbox looks the same in every list that shows it, as long as it does not change."""
    rows(check)


@law("rows.invariants")
def invariants(check: Check) -> None:
    """The fields of one sandbox agree with each other: dates with states, totals with parts, nulls with causes."""
    rows(check)


@law("pages.size")
def size(check: Check) -> None:
    """No page holds more rows than were asked for."""
    rows(check)


@law("pages.total", providers={"prime", "superserve"})
def total(check: Check) -> None:
    """The total counts the rows that match the filters, on every page alike."""
    rows(check)


@law("pages.has_next", providers={"prime"})
def has_next(check: Check) -> None:
    """`has_next` is true exactly when rows follow."""
    seen(check)


@law("pages.echo", providers={"prime"})
def echo(check: Check) -> None:
    """`page` and `per_page` say what was asked for."""
    seen(check)


@law("cursors.end", providers={"dreadnode"})
def end(check: Check) -> None:
    """`next_cursor` leads on exactly as long as rows follow, and never in a circle."""
    seen(check)


@law("facets.shape", providers={"dreadnode"}, page="001")
def shape(check: Check) -> None:
    """The facets are `projects` and `states`."""
    seen(check)


@law("facets.order", providers={"dreadnode"}, page="001")
def facet_order(check: Check) -> None:
    """Both lists of facets start with the largest count; equal counts are in alphabetical order."""
    seen(check)


@law("facets.omissions", providers={"dreadnode"}, page="001")
def omissions(check: Check) -> None:
    """No facet has an empty bucket, a bucket twice, or one for the sandboxes without a project."""
    seen(check)


@law("credentials.challenge", tier=Tier.SHOULD, providers={"prime", "instavm"})
def challenge(check: Check) -> None:
    """A 401 says in WWW-Authenticate how to authenticate."""
    seen(check)


@law("caching.private", tier=Tier.SHOULD)
def private(check: Check) -> None:
    """No answer to an authenticated caller may be cached for everybody."""
    seen(check)
