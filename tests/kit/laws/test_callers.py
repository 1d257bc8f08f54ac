"""Further callers: what a second and a third token are held to, and that one request has one order."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from contract_tests.laws.layer import Laws
from contract_tests.outcome import Outcome, Verdict
from contract_tests.planted import BUGS, correct
from contract_tests.planted.exercise import default_options, exercise
from contract_tests.promises import BY_SLUG
from contract_tests.sending.in_process import Handler

SIZE = 120
CAUGHT = (
    ("dreadnode", "org_of_everybody", "colleagues.own"),
    ("dreadnode", "user_lost_with_state", "colleagues.answers"),
    ("dreadnode", "user_lost_with_cursor", "colleagues.answers"),
    ("dreadnode", "facets_of_the_org", "colleagues.facets"),
    ("dreadnode", "facets_cache_without_caller", "colleagues.facets"),
    ("dreadnode", "facets_caller_in_a_global", "repeats.together"),
    ("dreadnode", "caller_in_a_global", "repeats.together"),
    ("dreadnode", "cache_without_caller", "tenancy.apart"),
    ("instavm", "caller_in_a_global", "repeats.together"),
    ("instavm", "cache_without_caller", "tenancy.apart"),
    ("prime", "member_as_admin", "colleagues.users"),
    ("prime", "caller_in_a_global", "repeats.together"),
    ("prime", "cache_without_caller", "colleagues.answers"),
    ("superserve", "own_only", "colleagues.team"),
    ("superserve", "caller_in_a_global", "repeats.together"),
)
"""Provider, planted bug, and the law that names it."""


def outcomes(slug: str, handler: Handler, **options: object) -> dict[str, Outcome]:
    """What the laws say of a server, by law."""
    session = exercise(slug, handler, default_options(slug, **options), (Laws(),))
    return {outcome.law: outcome for outcome in session.outcomes}


@pytest.mark.slow
@pytest.mark.parametrize(("slug", "name", "law"), CAUGHT, ids=lambda part: part)
def test_what_another_caller_shows_is_named(slug: str, name: str, law: str) -> None:
    """A mistake between callers is a broken promise of the law that speaks of it, in the default profile."""
    bug = next(each for each in BUGS if (each.slug, each.name) == (slug, name))
    assert outcomes(slug, bug.handler(size=SIZE))[law].verdict is Verdict.BROKEN


@pytest.mark.parametrize("slug", BY_SLUG)
def test_tokens_that_were_not_given_are_not_used(slug: str) -> None:
    """With one token no request carries another, and no law between callers says anything."""
    options = default_options(slug, has_other=False, has_colleague=False)
    session = exercise(slug, correct(slug, size=SIZE), options, (Laws(),))
    assert {reply.ask.credential for reply in session.check.transport.replies}.isdisjoint({"other", "colleague"})
    between = [each for each in session.outcomes if each.law == "tenancy.apart" or each.law.startswith("colleagues.")]
    assert between
    assert not any(each.verdict in (Verdict.HOLDS, Verdict.BROKEN) for each in between)


@pytest.mark.parametrize("slug", BY_SLUG)
def test_a_token_that_is_refused_convicts_nobody(slug: str) -> None:
    """An old token of a stranger or a colleague says nothing about the deployment, and the report says why."""
    right = correct(slug, size=SIZE)

    def refusing(method: str, path: str, query: bytes, headers: dict[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        stale = any(mark in text for text in headers.values() for mark in ("outsider-key", "member-key"))
        return right(method, path, query, {"accept": "application/json"} if stale else headers)

    found = outcomes(slug, refusing)
    assert found["tenancy.apart"].verdict is not Verdict.BROKEN
    assert not any(each.verdict is Verdict.BROKEN for name, each in found.items() if name.startswith("colleagues."))


@pytest.mark.slow
@pytest.mark.parametrize("slug", BY_SLUG)
def test_two_orders_for_one_request_break_a_promise(slug: str) -> None:
    """Rows of one instant that come in another order each time are told, whatever the page says of the order."""
    bug = next(each for each in BUGS if (each.slug, each.name) == (slug, "ties_unstable"))
    found = outcomes(slug, bug.handler(size=250), profile="matrix")["repeats.order"]
    assert found.verdict is Verdict.BROKEN
    assert found.sentence == "the same request gave two orders"
    assert len(found.rows) == 2


def test_facets_have_one_order_too() -> None:
    """Buckets of one count that change places are two orders for one request."""
    bug = next(each for each in BUGS if each.name == "facets_ties_unstable")
    found = outcomes("dreadnode", bug.handler(size=250), profile="matrix")["repeats.order"]
    assert found.verdict is Verdict.BROKEN


def test_one_org_in_other_letters_is_not_another() -> None:
    """A server that takes slugs in any case shows one list under both, and that convicts nobody."""
    right = correct("dreadnode", size=SIZE)

    def folding(method: str, path: str, query: bytes, headers: dict[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        return right(method, path.replace("ACME", "acme"), query, headers)

    found = outcomes("dreadnode", folding, orgs=("acme", "ACME"))["tenancy.within"]
    assert (found.verdict, found.sentence) == (Verdict.NOT_ASKED, "needs --org twice, for two orgs")
