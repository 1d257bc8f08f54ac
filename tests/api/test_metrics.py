"""The journal in numbers, and as an HTTP archive."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from fakeserver.admin import metrics
from fakeserver.serving.app import App
from fakeserver.serving.logs import AccessLog
from fakeserver.worlds.counts import kind_of
from fakeserver.worlds.journal import MAX_ENTRIES
from tests.support.admin import Machine, admin, done, listing, small_app
from tests.support.asgi import PATHS, SPECS, call, credential
from tests.support.redocly import LINTER, MOST_SECONDS

LINE = re.compile(r'(fakeserver_\w+)(?:\{((?:\w+="(?:[^"\\\n]|\\.)*",?)*)\})? (\S+)')


@pytest.fixture
def app(machine: Machine) -> App:
    return small_app(size=20)


def samples(app: App, ns: str = "") -> dict[str, float]:
    """Every sample, by its name and labels as they are written."""
    reply = admin(app, "GET", "/metrics", ns=ns)
    assert (reply.status, reply.media_type) == (200, "text/plain")
    found = {}
    for line in reply.body.decode().splitlines():
        if not line.startswith("# "):
            parts = LINE.fullmatch(line)
            assert parts is not None, line
            found[line.rpartition(" ")[0]] = float(parts[3])
    return found


def requests(slug: str, status: int, operation: str = "listSandboxes") -> str:
    return f'fakeserver_requests_total{{provider="{slug}",operation="{operation}",status="{status}"}}'


def test_requests_and_faults_are_counted(app: App) -> None:
    """By provider, operation and status; a world for itself, and the same when it is asked again."""
    for _ in range(3):
        listing(app, "prime")
    listing(app, "prime", Prefer="code=503")
    listing(app, "superserve", "__fault=SLOW&__code=429")
    call(app, "/prime/nowhere", headers=credential("prime"))
    for _ in range(2):
        found = samples(app)
        assert (found[requests("prime", 200)], found[requests("prime", 503)]) == (3, 1)
        assert found[requests("prime", 404, "")] == 1
        assert found['fakeserver_faults_total{provider="prime",fault="code=503"}'] == 1
    assert not any(name.startswith("fakeserver_requests_total") for name in samples(app, "another"))
    assert samples(app)["fakeserver_namespaces"] == 1


def test_what_has_left_the_journal_is_counted(app: App) -> None:
    """Once, whoever looked in between; an emptied journal begins anew."""
    for number in range(2 * MAX_ENTRIES + 7):
        listing(app, "prime")
        if number in (3, MAX_ENTRIES + 5):
            assert samples(app)[requests("prime", 200)] == number + 1
    assert samples(app)[requests("prime", 200)] == 2 * MAX_ENTRIES + 7
    admin(app, "DELETE", "/requests")
    assert requests("prime", 200) not in samples(app)
    listing(app, "prime")
    assert samples(app)[requests("prime", 200)] == 1


def test_a_restored_journal_counts_from_there_on(app: App) -> None:
    for _ in range(3):
        listing(app, "prime")
    snapshot = done(admin(app, "GET", "/snapshot"))
    other = small_app(size=20)
    done(admin(other, "PUT", "/snapshot", snapshot))
    listing(other, "prime")
    assert samples(other)[requests("prime", 200)] == 1


def mistake(query: str) -> Callable[[App], object]:
    return lambda app: listing(app, "prime", query)


def repeat(app: App) -> None:
    for _ in range(5):
        listing(app, "prime", "page=1")


def ignore_retry_after(app: App) -> None:
    listing(app, "prime", Prefer="code=429")
    listing(app, "prime")


MISTAKES: dict[str, Callable[[App], object]] = {
    "unknown_parameter": mistake("colour=red"),
    "repeated_parameter": mistake("page=1&page=2"),
    "boolean_spelling": mistake("is_active=yes"),
    "double_slash": lambda app: call(app, "/prime//api/v1/sandbox", headers=credential("prime")),
    "unknown_path": lambda app: call(app, "/prime/nowhere", headers=credential("prime")),
    "redirected": lambda app: call(app, "/prime/api/v1/sandbox/", headers=credential("prime")),
    "same_page": repeat,
    "retry_after_ignored": ignore_retry_after,
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_mistakes_are_told_by_their_kind(app: App, kind: str) -> None:
    MISTAKES[kind](app)
    found = samples(app)
    assert found[f'fakeserver_client_mistakes{{provider="prime",kind="{kind}"}}'] >= 1
    assert not any(f'kind="{metrics.OTHER}"' in name for name in found)


def test_every_warning_of_the_server_has_a_kind() -> None:
    """The words by which a kind is known stand in the sources that warn."""
    package = Path(metrics.__file__).parents[1]
    sources = ("worlds/client_warnings", "worlds/entries", "worlds/journal", "documents/states")
    text = " ".join((package / f"{each}.py").read_text("utf-8") for each in sources)
    assert [kind for kind, words in metrics.KINDS if words not in text] == []


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("code=503, times=2", "code=503"),
        ("fault=EMPTY_RESPONSE, delay=3s", "EMPTY_RESPONSE"),
        ("fault-7: code=503, delay", "code=503"),
        ("delay=3s", "delay"),
        ("header.Retry-After", "other"),
        ("fault=made up", "fault"),
        ("code=1234567", "code"),
        ("", "other"),
    ],
)
def test_what_a_request_makes_up_is_no_kind(label: str, kind: str) -> None:
    """So that nobody fills the memory with kinds."""
    assert kind_of(label) == kind


def test_latencies_are_measured_with_the_access_log(app: App) -> None:
    """Each request falls into one bucket; without it there is no histogram."""
    assert not any("duration" in name for name in samples(app))
    logged = AccessLog(app)
    for _ in range(3):
        assert logged.at_once({**SCOPE, "headers": []}) is not None
    found = samples(app)
    assert found["fakeserver_request_duration_seconds_count"] == 3
    assert found['fakeserver_request_duration_seconds_bucket{le="+Inf"}'] == 3


SCOPE = {"type": "http", "method": "GET", "path": "/prime/api/v1/sandbox", "query_string": b"", "client": None}


# HTTP archive


def test_the_archive_has_every_request(app: App) -> None:
    """In the order in which they came, at the URL that a client would send it to, and without a credential."""
    listing(app, "prime", "labels=a&labels=b%26c", ns="mine")
    listing(app, "prime", "api_key=tr0ub4dor", ns="mine", Prefer="code=503")
    reply = admin(app, "GET", "/requests.har", ns="mine", headers={"host": "127.0.0.1:8000"})
    log = done(reply)["log"]
    first, second = log["entries"]
    assert log["version"] == "1.2"
    path = f"/ns/mine/prime{PATHS['prime']}"
    assert first["request"]["url"] == f"http://127.0.0.1:8000{path}?labels=a&labels=b%26c"
    assert [each["value"] for each in first["request"]["queryString"]] == ["a", "b&c"]
    assert (first["response"]["status"], second["response"]["status"]) == (200, 503)
    assert (second["_operation"], second["_fault"]) == ("listSandboxes", "code=503")
    assert second["_warnings"]
    assert b"tr0ub4dor" not in reply.body
    assert datetime.fromisoformat(first["startedDateTime"]).tzinfo is not None


@pytest.mark.slow
def test_redocly_holds_the_archive_against_the_spec(app: App, tmp_path: Path) -> None:
    """`redocly drift` reads it: what the spec has it finds, and what it has not it names."""
    if not LINTER.exists():
        pytest.skip("redocly is not installed: run npm install")
    listing(app, "prime", "page=2")
    listing(app, "prime", "colour=red")
    host = {"host": "127.0.0.1:8000"}
    (tmp_path / "requests.har").write_bytes(admin(app, "GET", "/requests.har", headers=host).body)
    spec = {**SPECS["prime"], "servers": [{"url": "http://127.0.0.1:8000/prime"}]}
    (tmp_path / "prime.yaml").write_text(yaml.safe_dump(spec), "utf-8")
    outcome = subprocess.run(
        [LINTER, "drift", "requests.har", "--api=prime.yaml", "--format=json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
        check=False,
    )
    found = json.loads(outcome.stdout)
    assert found["run"]["documentedExchanges"] == 2
    assert [(each["exchangeIndex"], each["message"]) for each in found["problems"]] == [
        (1, 'Undocumented query parameter in traffic: "colour"')
    ]
