"""Traffic that no law has asked for: what it tells about a provider, and where its API is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from contract_tests import run
from contract_tests.judging.recordings import Watching, bases_of, scopes_in
from contract_tests.judging.target import target
from contract_tests.laws.layer import Laws
from contract_tests.outcome import Options, Verdict
from contract_tests.planted.false_alarms import handler
from contract_tests.promises import BY_SLUG
from contract_tests.reporting import exit_codes
from contract_tests.reporting.report import Report, decide
from contract_tests.sending import recording
from contract_tests.sending.recorded import FromRecording
from contract_tests.sending.recording import Recording
from tests.support.deployments import planted

BASE = "https://api.example.test/v1"


def entry(slug: str, server: Any, target: str, base: str = BASE) -> dict[str, Any]:
    """What a browser records of a request to this server."""
    path, _, query = target.partition("?")
    status, headers, body = server("GET", path, query.encode(), {"authorization": f"Bearer {slug}-admin-key"})
    media_type = {**headers}.get("content-type", "application/json")
    return {
        "startedDateTime": "2026-01-01T00:00:00Z",
        "time": 5,
        "request": {"method": "GET", "url": base + target, "headers": [{"name": "Authorization", "value": "Bearer x"}]},
        "response": {
            "status": status,
            "headers": [
                {"name": name, "value": text} for name, text in {"content-type": media_type, **headers}.items()
            ],
            "content": {"text": body.decode(), "mimeType": media_type},
        },
    }


def recorded(path: Path, entries: Sequence[dict[str, Any]]) -> Recording:
    path.write_text(json.dumps({"log": {"entries": list(entries)}}))
    return recording.read(path)


def judged(found: Recording, slug: str) -> Report:
    below, left_out = found.below(BASE, target(slug).security)
    layers = (Watching(tuple(below), tuple(left_out.items())), Laws())
    options = Options(orgs=scopes_in(below, BY_SLUG[slug]) or BY_SLUG[slug].fake.orgs)
    return run.check(slug, BASE, FromRecording(below), options, layers=layers)


LIST = "/api/v1/sandbox"
QUERIES = (
    "",
    "?status=RUNNING",
    "?per_page=7&page=2",
    "?labels=gpu&labels=team",
    "?page=0",
    "?per_page=x",
    "?is_active=true",
)


def test_a_right_servers_traffic_breaks_nothing(tmp_path: Path) -> None:
    """What watches holds, the others say that they could not look; refusals and what cannot be read are no listing."""
    server = handler("prime", 0, 80)
    found = recorded(tmp_path / "x.har", [entry("prime", server, LIST + query) for query in QUERIES])
    report = judged(found, "prime")
    assert decide(report)[0] == exit_codes.HOLDS
    verdicts = {outcome.law: outcome.verdict for outcome in report.outcomes}
    held = {
        "schema.body",
        "schema.status",
        "rows.order",
        "pages.size",
        "pages.total",
        "pages.has_next",
        "filters.single",
    }
    assert {law for law in held if verdicts[law] is Verdict.HOLDS} == held
    assert verdicts["tenancy.foreign"] is verdicts["filters.conjunction"] is Verdict.INCONCLUSIVE
    unsaid = {outcome.sentence for outcome in report.outcomes if outcome.law == "exactness.values"}
    assert "was not recorded" in unsaid.pop()
    assert report.notes[0] == f"{len(QUERIES)} recorded exchanges; none was left out"


@pytest.mark.parametrize(
    ("bug", "query", "law"),
    [
        ("status_ignored", "?status=RUNNING", "filters.single"),
        ("has_next_always", "?per_page=1000", "pages.has_next"),
        ("total_unfiltered", "?per_page=1000&status=RUNNING", "pages.total"),
    ],
)
def test_one_answer_is_enough_where_it_contradicts_itself(tmp_path: Path, bug: str, query: str, law: str) -> None:
    """A row that the filter should have kept out, or a number that does not fit the others."""
    found = recorded(tmp_path / "x.har", [entry("prime", planted("prime", bug), LIST + query)])
    report = judged(found, "prime")
    assert [outcome.law for outcome in report.failing] == [law]
    assert decide(report)[0] == exit_codes.BROKEN


def test_facets_are_judged_by_themselves(tmp_path: Path) -> None:
    """Their order shows in one answer; the org is read from the path."""
    server = planted("dreadnode", "smallest_first")
    path = "/api/v1/org/acme/sandboxes"
    found = recorded(tmp_path / "x.har", [entry("dreadnode", server, path + tail) for tail in ("/facets", "?limit=3")])
    report = judged(found, "dreadnode")
    assert report.options.orgs == ("acme",)
    assert [outcome.law for outcome in report.failing] == ["facets.order"]


def test_a_recording_of_something_else_cannot_be_checked(tmp_path: Path) -> None:
    """Exit 3, and what there was in its place."""
    found = recorded(tmp_path / "x.har", [entry("prime", handler("prime", 0, 3), LIST, "https://other.example.test")])
    report = judged(found, "prime")
    assert decide(report) == (
        exit_codes.COULD_NOT_CHECK,
        "could not check: the recording has nothing of prime's operations; left out were 1 of another host",
    )


def test_where_the_api_is(tmp_path: Path) -> None:
    """Told by what stands in front of the listing's path; a page for people of the same name is not the API."""
    server = handler("prime", 0, 3)
    page = entry("prime", server, LIST, "https://console.example.test")
    page["response"]["content"]["mimeType"] = "text/html"
    api, other = entry("prime", server, f"{LIST}?page=1"), entry("prime", server, "/elsewhere")
    assert bases_of(recorded(tmp_path / "a.har", [page, api, other, api]), BY_SLUG["prime"]) == [BASE]
    assert bases_of(recorded(tmp_path / "b.har", [page, other]), BY_SLUG["prime"]) == ["https://console.example.test"]
    two = [api, entry("prime", server, LIST, "http://localhost:1/ns/a")]
    assert bases_of(recorded(tmp_path / "c.har", two), BY_SLUG["prime"]) == [BASE, "http://localhost:1/ns/a"]
    assert bases_of(recorded(tmp_path / "d.har", [other]), BY_SLUG["prime"]) == []
