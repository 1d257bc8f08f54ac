"""A whole listing is read until the answers tell that it is whole; where nothing tells, the run says so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

import pytest

from contract_tests.judging.check import Check
from contract_tests.judging.session import Session
from contract_tests.judging.snapshots import doubts
from contract_tests.judging.target import Target, target
from contract_tests.oracle.twin import default_credentials
from contract_tests.outcome import Options, Row, Snapshot
from contract_tests.planted.backend import documents_of, load
from contract_tests.promises import BY_SLUG
from contract_tests.promises.paging import Cursor, InEnvelope, InHeader, Paging, Total
from contract_tests.promises.statements import Statement
from contract_tests.run import judge
from contract_tests.sending.in_process import InProcess
from contract_tests.sending.recorder import Recorder

MOST = 100
ROWS = documents_of(load("instavm", size=250))["main"]


@dataclass
class Pages:
    """A server that hands out at most a hundred rows, and says in its own way how it goes on."""

    rows: list[Row]
    header: str = ""
    """The header that has the token of the next page."""
    total: str = ""
    """The header that counts all rows."""

    def __call__(
        self, method: str, path: str, query: bytes, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        given = dict(parse_qsl(query.decode()))
        page_start = MOST * (int(given.get("page", "1")) - 1)
        start = page_start + int(given.get("nextToken", "0")) + int(given.get("skip", "0"))
        page = self.rows[start : start + min(MOST, int(given.get("limit", MOST)))]
        end = start + len(page)
        token = str(end) if end < len(self.rows) else None
        sent = {"content-type": "application/json"}
        if self.header and token is not None:
            sent[self.header] = token
        if self.total:
            sent[self.total] = str(len(self.rows))
        return 200, sent, json.dumps(page).encode()


def where(**paging: Any) -> Target:
    """A provider whose listing is InstaVM's, but for the way in which it is handed out."""
    known = target("instavm")
    bounds: dict[str, Any] = {
        "size": "limit",
        "default": MOST,
        "most": MOST,
        "statement": Statement("Assumed: a page holds `limit` rows."),
    }
    changed = Paging(**(bounds | paging))
    listing = replace(known.promises.listing, paging=changed)
    return replace(known, promises=replace(known.promises, listing=listing))


def read(server: Pages, **paging: Any) -> Snapshot:
    there = where(**paging)
    transport = InProcess(server, there.security, default_credentials("instavm"))
    return Check(there, Recorder(transport), Options()).snapshot()


BY_HEADER = Cursor("nextToken", InHeader("X-Next-Token"))
BY_FIELD = Cursor("nextToken", InEnvelope("next_cursor"))


def test_a_token_in_a_header_is_followed() -> None:
    """A header that is not sent any more is the documented end."""
    snapshot = read(Pages(ROWS, header="x-next-token"), cursor=BY_HEADER)
    assert [row["sandbox_id"] for row in snapshot.rows] == [row["sandbox_id"] for row in ROWS]
    assert (snapshot.complete, snapshot.doubt, len(snapshot.asks)) == (True, "", 3)


@pytest.mark.parametrize(
    ("paging", "reason"),
    [
        ({"cursor": BY_FIELD}, "has no next_cursor"),
        ({}, "fills its longest page of 100"),
        ({"total": Total(InHeader("X-Total")), "number": "page"}, "no total tells"),
    ],
)
def test_a_listing_that_goes_on_elsewhere_is_not_whole(paging: dict[str, Any], reason: str) -> None:
    """Promises that look for the token in the wrong place, or know of none, call no page the whole list."""
    snapshot = read(Pages(ROWS, header="x-next-token"), **paging)
    assert not snapshot.complete
    assert reason in snapshot.doubt


def test_a_header_that_seems_to_lead_on_is_a_doubt() -> None:
    """Where no parameter is needed to see everything, only the answer itself can tell that there is more."""
    assert read(Pages(ROWS[:90]), default=None).complete
    loud = read(Pages(ROWS, header="x-next-token"), default=None)
    assert not loud.complete
    assert "x-next-token seems to lead to more" in loud.doubt


def test_an_offset_is_followed_to_the_end() -> None:
    """A listing that skips rows is read window by window; the last one is not full."""
    snapshot = read(Pages(ROWS), offset="skip", total=Total(InHeader("X-Total")))
    assert len(snapshot.rows) == len(ROWS)
    whole = read(Pages(ROWS, total="x-total"), offset="skip", total=Total(InHeader("X-Total")))
    assert (whole.complete, whole.doubt) == (True, "")


def test_the_report_says_what_nobody_can_know() -> None:
    """The doubt is a note of the run, with its reason; a listing that is known to be whole has none."""
    for cursor, noted in ((BY_FIELD, True), (BY_HEADER, False)):
        there = where(cursor=cursor)
        transport = InProcess(Pages(ROWS, header="x-next-token"), there.security, default_credentials("instavm"))
        session = Session(there, transport, Options())
        session.check.snapshot()
        judge(session, ())
        assert session.notes == doubts(session.check.snapshots)
        assert any("the list may hold more rows than could be read" in note for note in session.notes) is noted


@pytest.mark.slow
def test_every_provider_of_ours_is_read_whole() -> None:
    """The fake's own listings leave no doubt, but for one that fills its longest page exactly."""
    for slug, promises in BY_SLUG.items():
        handler = load(slug, size=150).handler()
        transport = InProcess(handler, target(slug).security, default_credentials(slug))
        check = Check(target(slug), Recorder(transport), Options(orgs=promises.fake.orgs))
        for scope in check.scopes:
            snapshot = check.snapshot(scope)
            assert (snapshot.complete, snapshot.doubt) == (True, "")
    full = read(Pages(ROWS[:MOST]))
    assert not full.complete
    assert full.doubt
