"""A provider that none of ours is like: JSON filters, and pages whose token comes in a header. The laws know it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, urlencode

import pytest

from contract_tests.judging.session import Session
from contract_tests.judging.target import Target, target
from contract_tests.laws import LAWS, layer
from contract_tests.laws.layer import Laws
from contract_tests.oracle.twin import default_credentials
from contract_tests.outcome import Options, Outcome, Verdict
from contract_tests.planted import BUGS, Handler, correct
from contract_tests.promises.paging import Cursor, InHeader
from contract_tests.run import judge
from contract_tests.sending.in_process import InProcess

MOST, DEFAULT = 1_000, 100
TOKEN, HEADER = "nextToken", "X-Next-Token"


@dataclass
class Tokens:
    """InstaVM's listing, cut into pages. A token belongs to the caller and the filters that it was issued for."""

    listing: Handler
    issued: dict[str, tuple[str, int]] = field(default_factory=dict)

    def __call__(
        self, method: str, path: str, query: bytes, headers: dict[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        given = parse_qsl(query.decode("utf-8", "surrogateescape"), keep_blank_values=True)
        token, limit = dict(given).get(TOKEN), dict(given).get("limit", str(DEFAULT))
        status, sent, body = self.listing(method, path, query, headers)
        filters = [pair for pair in given if pair[0] == "metadata"]
        if status != 200 or method != "GET":
            return status, sent, body
        owner = str((headers.get("x-api-key") or headers["authorization"].removeprefix("Bearer "), filters))
        if token is not None and self.issued.get(token, ("", 0))[0] != owner:
            return 400, {"content-type": "application/json"}, b'{"detail":"the token is not valid for this list"}'
        whole = urlencode([*filters, ("limit", str(MOST))], errors="surrogateescape").encode()
        rows = json.loads(self.listing(method, path, whole, headers)[2])
        start = self.issued[token][1] if token is not None else 0
        end = start + int(limit)
        sent = {"content-type": "application/json"}
        if end < len(rows):
            following = hashlib.blake2b(f"{owner} {end}".encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()
            self.issued[following] = (owner, end)
            sent[HEADER.lower()] = following
        return 200, sent, json.dumps(rows[start:end]).encode()


def fifth() -> Target:
    """The promises of ours that are nearest, with another way to the next page."""
    known = target("instavm")
    paging = replace(known.listing.paging, cursor=Cursor(TOKEN, InHeader(HEADER)))
    listing = replace(known.listing, paging=paging)
    return replace(known, promises=replace(known.promises, listing=listing))


SILENT = frozenset(
    {
        "credentials.channels",
        "credentials.unechoed",
        "rows.known",
        "caching.validators",
        "colleagues.answers",
        "tenancy.apart",
    }
)
"""Laws that send nothing to a server without ETags, with one header for one credential."""


def opened(listing: Handler, options: Options) -> Session:
    """A run that is about to begin."""
    where = fifth()
    laws = tuple(law for law in LAWS.values() if law.needs(where.promises))
    return Session(where, InProcess(Tokens(listing), where.security, default_credentials("instavm")), options, laws)


def check(listing: Handler) -> list[Outcome]:
    """What all laws say that speak of such a provider, with every probe."""
    session = opened(listing, Options(has_other=True, profile="matrix"))
    judge(session, (Laws(),))
    assert session.notes == []
    return list(session.outcomes)


@pytest.mark.slow
def test_a_correct_server_holds_by_the_laws_of_its_capabilities() -> None:
    """The laws of cursors and those of JSON filters come together, and accuse nobody."""
    outcomes = {outcome.law: outcome for outcome in check(correct("instavm", size=240))}
    assert [outcome.sentence for outcome in outcomes.values() if outcome.verdict is Verdict.BROKEN] == []
    held = {name for name, outcome in outcomes.items() if outcome.verdict is Verdict.HOLDS}
    assert {"cursors.walk", "cursors.replay", "cursors.bound", "cursors.tampered", "cursors.end"} <= held
    assert {"filters.single", "filters.conjunction", "exactness.values", "values.metadata"} <= held
    assert not any(name.startswith(("facets.", "tenancy.foreign", "pages.windows")) for name in outcomes)


def test_a_broken_server_is_convicted() -> None:
    """A filter that is misunderstood shows here as well as there."""
    bug = next(bug for bug in BUGS if (bug.slug, bug.name) == ("instavm", "metadata_any_pair"))
    broken = {outcome.law for outcome in check(bug.handler(size=240)) if outcome.verdict is Verdict.BROKEN}
    assert "filters.conjunction" in broken


def test_without_a_plan_no_law_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has planned which probes of such a provider are worth their price; each law sends some of them."""
    monkeypatch.setattr(layer, "is_planned", lambda slug: False)
    session = opened(correct("instavm", size=240), Options(strict=True))
    judge(session, (Laws(),))
    assert session.notes == []
    assert session.complete
    assert session.budget.laws is not None
    assert session.transport.sent <= session.budget.laws
    exercised = {account.partition(":")[0] for account in session.check.transport.prices}
    assert {law.name for law in session.laws if not law.passive} - SILENT <= exercised
    assert not any(outcome.verdict is Verdict.BROKEN for outcome in session.outcomes)
