"""Exit codes and reports: what a run says when there is nothing to judge, when a promise is broken, and when it proves
too little. No artefact holds a credential."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import date
from itertools import count
from pathlib import Path
from threading import Lock
from xml.etree import ElementTree

import httpx
import pytest

from contract_tests import cli, run
from contract_tests.conformance import layer
from contract_tests.judging.check import NO_5XX, Check, Inconclusive
from contract_tests.judging.target import target
from contract_tests.outcome import Options, Outcome, Verdict, broken
from contract_tests.planted import BUGS
from contract_tests.planted.false_alarms import handler
from contract_tests.reporting import exit_codes, ledger, reports
from contract_tests.reporting.report import Report
from contract_tests.sending.ask import Ask
from contract_tests.sending.credentials import Credentials
from contract_tests.sending.in_process import Handler, InProcess
from contract_tests.sending.recorder import Recorder
from contract_tests.sending.transport import SendingStopped
from contract_tests.sending.wire import Wire
from fakeserver.serving.app import Settings
from fakeserver.testing.server import running

CANARY = "prime-admin-key"
LAWS_ONLY = ("laws",)


def judged(answer: Handler, slug: str = "prime", **more: object) -> Report:
    where = target(slug)
    transport = InProcess(answer, where.security, run.default_credentials(slug))
    options = Options(**more)  # type: ignore[arg-type]
    return run.check(slug, "http://127.0.0.1:1", transport, options, layers=LAWS_ONLY)


def constant(status: int, body: bytes, media_type: str = "application/json", **headers: str) -> Handler:
    def answer(*request: object) -> tuple[int, Mapping[str, str], bytes]:
        return status, {"content-type": media_type, **headers}, body

    return answer


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (constant(401, b'{"detail":"no"}', **{"www-authenticate": "Bearer"}), "credential was refused (401)"),
        (constant(200, b"<!doctype html><p>Hello", "text/html"), "HTML page"),
        (constant(404, b'{"detail":"Not Found"}'), "answered with 404"),
        (constant(302, b"", location="https://login.example.test/"), "redirects"),
        (constant(429, b'{"detail":"slow down"}'), "limits requests"),
        (constant(502, b"<html><h1>502 Bad Gateway</h1>", "text/html"), "HTML page"),
        (constant(503, b"no healthy upstream", "text/plain"), "a gateway answers with 503"),
    ],
)
def test_what_cannot_be_judged_is_no_broken_promise(answer: Handler, says: str) -> None:
    """A wrong credential, a web page, a wrong URL and a redirect are exit 3 with one sentence, and no list of laws."""
    report = judged(answer)
    code, sentence = exit_codes.decide(report)
    assert code == exit_codes.COULD_NOT_CHECK
    assert says in sentence
    assert reports.terminal(report).count("\n") == 1
    assert ElementTree.fromstring(reports.junit(report).split("\n", 1)[1]).find(".//error") is not None


@pytest.mark.parametrize(
    ("answer", "law"),
    [
        (constant(500, b'{"detail":"Internal Server Error"}'), NO_5XX),
        (constant(500, b"Internal Server Error", "text/plain"), NO_5XX),
        (constant(503, b'{"detail":"maintenance"}'), NO_5XX),
        (constant(200, b'{"sandboxes": null}'), "schema.body"),
    ],
)
def test_a_server_that_fails_breaks_a_promise(answer: Handler, law: str) -> None:
    """A repeated 5xx and a 200 of the wrong form are broken promises, not checks that failed."""
    report = judged(answer)
    assert exit_codes.decide(report)[0] == exit_codes.BROKEN
    assert law in {each.law for each in report.failing}


def failing(slug: str, fails: Callable[[int, bytes, bytes], bool], size: int = 137) -> Handler:
    """A correct server, but for requests (by number, query and right body) that it fails."""
    right, numbers, lock = handler(slug, 0, size), count(1), Lock()

    def answer(method: str, path: str, query: bytes, headers: dict[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        status, sent, body = right(method, path, query, headers)
        with lock:
            number = next(numbers)
        return (
            (500, {"content-type": "application/json"}, b"{}") if fails(number, query, body) else (status, sent, body)
        )

    return answer


def has_next(body: bytes) -> bool:
    return b'"next_cursor"' in body and not re.search(rb'"next_cursor": ?null', body)


@pytest.mark.parametrize(
    ("slug", "fails"),
    [
        ("dreadnode", lambda number, query, body: has_next(body)),
        ("dreadnode", lambda number, query, body: b"cursor=" in query),
        ("dreadnode", lambda number, query, body: b"limit=7&" in query + b"&"),
        ("prime", lambda number, query, body: b"page=2" in query),
    ],
)
def test_pages_that_fail_break_a_promise(slug: str, fails: Callable[[int, bytes, bytes], bool]) -> None:
    """Whether the snapshot or a law meets it, the requests are named as curl lines."""
    report = judged(failing(slug, fails), slug, orgs=("acme",) if slug == "dreadnode" else ())
    assert exit_codes.decide(report)[0] == exit_codes.BROKEN
    found = next(each for each in report.failing if each.law == NO_5XX)
    assert "twice in a row" in found.sentence
    assert found.asks
    assert "curl -s" in reports.terminal(report).partition(NO_5XX)[2]


def test_the_oracle_convicts_a_failure_as_well() -> None:
    """A failure that only a layer behind the laws meets counts alike."""
    where = target("prime")
    asked: set[bytes] = set()

    def watch(number: int, query: bytes, body: bytes) -> bool:
        asked.add(query)
        return False

    options = run.default_options("prime")
    run.in_process("prime", failing("prime", watch), options, run.default_credentials("prime"), with_oracle=False)
    by_laws = frozenset(asked)
    answer = failing("prime", lambda number, query, body: query not in by_laws)
    transport = InProcess(answer, where.security, run.default_credentials("prime"))
    judgement = run.judge(where, transport, options)
    assert NO_5XX in {each.law for each in run.broken(judgement.outcomes, strict=False)}


def test_one_failure_is_bad_luck() -> None:
    """A 5xx that is not there when it is asked again breaks nothing."""
    report = judged(failing("prime", lambda number, query, body: number in (1, 9, 30)))
    assert exit_codes.decide(report)[0] == exit_codes.HOLDS


def wired(answer: Callable[[int], httpx.Response]) -> Report:
    where, numbers = target("prime"), count(1)
    client = httpx.Client(transport=httpx.MockTransport(lambda request: answer(next(numbers))))
    wire = Wire(
        "http://127.0.0.1:1",
        where.security,
        run.default_credentials("prime"),
        client=client,
        sleep=lambda seconds: None,
    )
    return run.check("prime", "http://127.0.0.1:1", wire, Options())


@pytest.mark.parametrize("headers", [{}, {"retry-after": "1"}])
def test_the_stop_after_three_failures_is_no_excuse(headers: dict[str, str]) -> None:
    """The transport leaves a failing server alone; what it has seen until then convicts, in every layer."""
    report = wired(lambda number: httpx.Response(503, json={}, headers=headers))
    assert exit_codes.decide(report)[0] == exit_codes.BROKEN
    assert [each.law for each in report.outcomes].count(NO_5XX) == 1
    html = wired(lambda number: httpx.Response(503, html="<html>Maintenance", headers=headers))
    assert exit_codes.decide(html)[0] == exit_codes.COULD_NOT_CHECK


def test_different_requests_that_fail_in_a_row_are_a_failure_that_repeats() -> None:
    """The transport stops before any of them could be asked again."""
    where = target("prime")
    client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(500, json={})))
    wire = Wire("http://127.0.0.1:1", where.security, {"token": CANARY}, client=client)
    check = Check(where, Recorder(wire), Options())
    asks = [Ask("/sandbox", (("page", str(page)),)) for page in (1, 2, 3)]
    with pytest.raises(SendingStopped):
        check.together(asks)
    assert check.breaches[NO_5XX][0].asks == tuple(asks)


def test_a_correct_server_holds() -> None:
    """The laws alone, one credential: exit 0."""
    report = judged(handler("prime", 0, 300))
    assert exit_codes.decide(report) == (0, f"{report.counted(Verdict.HOLDS)} laws hold")


def test_too_little_power_is_exit_4() -> None:
    """What holds on next to no rows proves next to nothing."""

    class Weak:
        caught: int = 10
        total: int = 100
        unseen: tuple[str, ...] = ("more than 50 rows",)

    report = Report("prime", "", Options(), (Outcome("x", Verdict.HOLDS),), power=Weak(), min_power=0.7)
    assert exit_codes.decide(report)[0] == exit_codes.UNDER_POWERED
    assert "more than 50 rows" in reports.terminal(report)


def bug(slug: str, name: str) -> Handler:
    return next(each for each in BUGS if (each.slug, each.name) == (slug, name)).handler(size=200)


def test_a_broken_promise_is_told_in_full_and_without_credentials() -> None:
    """One sentence, the requests as curl lines, the page; the token is in no artefact."""
    report = judged(bug("prime", "status_ignored"))
    assert exit_codes.decide(report)[0] == exit_codes.BROKEN
    text = reports.terminal(report)
    assert "rows do not match the filter status=" in text
    assert "$TOKEN" in text
    assert "reference page 003" in text
    artefacts = [text, reports.markdown(report), reports.as_json(report), reports.junit(report), reports.html(report)]
    assert not [each for each in artefacts if CANARY in each]
    failures = ElementTree.fromstring(artefacts[3].split("\n", 1)[1]).findall(".//failure")
    assert len(failures) == len(report.failing)
    assert json.loads(artefacts[2])["exit_code"] == 1
    assert "<script" not in artefacts[4]
    assert "http" not in artefacts[4].split("<style>")[0]


def test_redaction_is_the_last_line_of_defence() -> None:
    """Even a law that puts a credential into a sentence does not publish it."""
    report = Report("prime", "", Options(), (broken("x", f"saw {CANARY}"),))
    assert CANARY not in Credentials({"token": CANARY}).redacted(reports.terminal(report))


def test_should_is_a_warning_unless_strict() -> None:
    """What the page does not say fails a strict run only."""
    answer = bug("prime", "challenge_missing") if any(each.name == "challenge_missing" for each in BUGS) else None
    if answer is None:
        answer = without_challenge
    relaxed, strict = judged(answer), judged(answer, strict=True)
    assert (exit_codes.decide(relaxed)[0], exit_codes.decide(strict)[0]) == (0, 1)
    assert "credentials.challenge" in {each.law for each in relaxed.warnings}


def without_challenge(
    method: str, path: str, query: bytes, headers: dict[str, str]
) -> tuple[int, Mapping[str, str], bytes]:
    status, sent, body = CORRECT(method, path, query, headers)
    return status, {name: text for name, text in sent.items() if name.lower() != "www-authenticate"}, body


CORRECT = handler("prime", 0, 200)


def test_the_ledger_accepts_until_it_expires(tmp_path: Path) -> None:
    """A known deviation is reported, not failed; an expired one fails and says so; one that is gone may go."""
    path = tmp_path / "ledger.yaml"
    path.write_text("- {law: a, reason: known, expires: 2030-01-01}\n- {law: b, reason: old, expires: 2020-01-01}\n")
    entries = ledger.read(path)
    found, notes = ledger.applied([broken("a", "x"), broken("b", "y")], entries, "prime", date(2025, 1, 1))
    assert [each.verdict for each in found] == [Verdict.ACCEPTED, Verdict.BROKEN]
    assert notes == ["b: the acceptance (old) expired on 2020-01-01"]
    assert ledger.applied([], entries, "prime", date(2019, 1, 1))[1][0].startswith(
        "a: the accepted deviation was not seen"
    )


@pytest.mark.parametrize("text", ["{}", "- {law: a}", "- {law: a, reason: b, expires: soon}", "- [", "- {x: 1}"])
def test_a_bad_ledger_is_named(tmp_path: Path, text: str) -> None:
    """One sentence that names the file."""
    path = tmp_path / "ledger.yaml"
    path.write_text(text)
    with pytest.raises(ledger.LedgerError, match=r"ledger\.yaml"):
        ledger.read(path)


USAGE = ["--base-url", "http://127.0.0.1:1", "--token", "x"]


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["prim", *USAGE], "did you mean 'prime'?"),
        (["prime", *USAGE, "--tokn", "x"], "did you mean '--token'?"),
        (["prime", *USAGE, "--profile", "polit"], "did you mean 'polite'?"),
        (["prime", *USAGE, "--only-layer", "law"], "did you mean 'laws'?"),
        (["prime", "--base-url", "ftp://x", "--token", "x"], "not an http or https URL"),
        (["prime", "--base-url", "http://127.0.0.1:1"], "a token is needed"),
        (["dreadnode", "--base-url", "https://dreadnode.example.com", "--token", "t"], "--org"),
        (["prime", *USAGE, "--rate", "fast"], "--rate"),
        (["prime", *USAGE, "--accept", "/no/such/file"], "/no/such/file"),
        ([], "required"),
    ],
)
def test_wrong_usage_is_one_line(
    argv: list[str], says: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 2 and one line that helps."""
    monkeypatch.delenv("FAKESERVER_TOKEN", raising=False)
    assert cli.main(argv) == exit_codes.USAGE
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1


def test_an_unreachable_deployment_is_exit_3(capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence, no traceback."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    assert (
        cli.main(["prime", "--base-url", f"http://127.0.0.1:{port}", "--token", CANARY]) == exit_codes.COULD_NOT_CHECK
    )
    out = capsys.readouterr()
    assert f"127.0.0.1:{port} cannot be reached" in out.out
    assert CANARY not in out.out + out.err


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with running() as server:
        yield server.base_url


@pytest.mark.parametrize("slug", ["dreadnode", "instavm", "prime", "superserve"])
def test_the_fake_keeps_every_contract(
    base: str, slug: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One token, default fixtures, over a socket: exit 0 within the budget, and the token is in no artefact."""
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    files = {name: tmp_path / f"report.{name}" for name in ("junit", "html", "json")}
    org = ["--org", "acme"] if slug == "dreadnode" else []
    argv = [slug, "--base-url", f"{base}/{slug}", "--token", f"{slug}-admin-key", *org, "--only-layer", "laws"]
    argv += ["--only-layer", "oracle", "--strict"]
    assert cli.main([*argv, *(part for name, path in files.items() for part in (f"--{name}", str(path)))]) == 0
    out = capsys.readouterr()
    told = json.loads(files["json"].read_text())
    assert told["requests"]["laws and oracle"] <= 120
    texts = [out.out, out.err, summary.read_text(), *(path.read_text() for path in files.values())]
    assert not [text for text in texts if f"{slug}-admin-key" in text]
    assert "at most 120 requests" in out.err


def test_the_deep_profile_goes_beyond_the_default(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It announces its budget, asks more than the laws of the default may, and leaves nothing unsaid."""
    monkeypatch.setitem(layer.EXAMPLES, "deep", 5)  # Drawing and sending all of them takes seconds.
    told = tmp_path / "report.json"
    with running(Settings(size=60)) as server:
        argv = ["instavm", "--base-url", f"{server.base_url}/instavm", "--token", "instavm-admin-key", "--strict"]
        argv += ["--other-token", "instavm-outsider-key", "--profile", "deep", "--json", str(told)]
        argv += ["--only-layer", "laws", "--only-layer", "conformance"]  # The oracle plans for seconds.
        assert cli.main(argv) == 0
    report = json.loads(told.read_text())
    assert {each["layer"] for each in report["laws"]} == {"laws", "conformance"}
    # The fake sends no ETag, and no sandbox was named.
    unsaid = {each["law"] for each in report["laws"] if each["result"] == "inconclusive"}
    assert unsaid == {"caching.validators", "rows.known"}
    assert "at most 800 requests" in capsys.readouterr().err
    laws_of_default, _ = run.LIMITS["default"]
    assert laws_of_default is not None
    assert laws_of_default < report["requests"]["laws and oracle"] <= 800


def test_ctrl_c_gives_the_report_so_far() -> None:
    """What was found until then is reported."""
    correct, asked = handler("prime", 0, 100), [0]

    def tired(*request: object) -> tuple[int, Mapping[str, str], bytes]:
        asked[0] += 1
        if asked[0] == 30:
            raise KeyboardInterrupt
        return correct(*request)  # type: ignore[arg-type]

    report = judged(tired)
    assert "interrupted" in report.notes[0]
    assert exit_codes.decide(report)[0] == exit_codes.UNDER_POWERED
    assert report.counted(Verdict.HOLDS) > 3


def test_equal_seeds_send_equal_requests() -> None:
    """Same seed, same requests, same verdict."""

    def asked() -> list[str]:
        where = target("prime")
        transport = InProcess(handler("prime", 0, 137), where.security, run.default_credentials("prime"))
        judgement = run.judge(where, transport, run.default_options("prime", seed=5))
        return [reply.ask.target for reply in judgement.record.replies]

    assert asked() == asked()


def test_a_cursor_that_leads_in_a_circle_is_left() -> None:
    """A list whose cursor never ends is read no longer than it promises rows, and reported."""
    correct = handler("dreadnode", 0, 400)

    def circling(method: str, path: str, query: bytes, headers: dict[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        status, sent, body = correct(method, path, query.split(b"&cursor=")[0], headers)
        return status, sent, body

    where = target("dreadnode")
    transport = InProcess(circling, where.security, run.default_credentials("dreadnode"))
    judgement = run.judge(where, transport, run.default_options("dreadnode"), with_oracle=False)
    assert "cursors.end" in {each.law for each in run.broken(judgement.outcomes, strict=False)}
    assert judgement.requests <= 120


def test_a_law_may_be_inconclusive() -> None:
    """A law that cannot be exercised says why; it neither holds nor is broken."""
    from contract_tests.judging.check import Law
    from contract_tests.outcome import Tier

    def tired(check: Check) -> None:
        """Nothing is promised."""
        raise Inconclusive("no rows")

    where = target("prime")
    check = Check(where, Recorder(InProcess(CORRECT, where.security, {"token": CANARY})), Options())
    law = Law("tired", tired, Tier.MUST, "", frozenset({"prime"}))
    check.run(law)
    assert (check.outcome(law).verdict, check.outcome(law).sentence) == (Verdict.INCONCLUSIVE, "no rows")
