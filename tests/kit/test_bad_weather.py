"""The command where its surroundings are not as it would like them: an exit code by the rule, and no traceback."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from contract_tests import run
from contract_tests.cli import arguments, command, files, interruption
from contract_tests.planted.false_alarms import handler
from contract_tests.reporting import exit_codes, formats, markdown, text
from contract_tests.sending.credentials import Credentials
from tests.support.command import FAKESERVER, environment
from tests.support.deployments import planted
from tests.support.sockets import answer, conversing, handled, saying

SECONDS = 60
SECRET = "prime-admin-key"
FAILS = saying(answer(b'{"detail": "Internal Server Error"}', status="500 Internal Server Error"))
"""A deployment that breaks a promise with its first two answers."""
LIST = "/api/v1/sandbox"


@pytest.fixture
def broken() -> Iterator[str]:
    with conversing(FAILS) as base_url:
        yield base_url


@pytest.fixture
def correct() -> Iterator[str]:
    with conversing(handled(handler("prime", 0, 40))) as base_url:
        yield base_url


def argv(base_url: str, *more: str) -> list[str]:
    return ["prime", "--base-url", base_url, "--token", SECRET, "--only-layer", "laws", *more]


def started(base_url: str, home: Path, *more: str, **surroundings: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*FAKESERVER, "check", *argv(base_url, *more)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=home,
        env=environment(home) | surroundings,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=SECONDS)
    assert "Traceback" not in out + err
    assert SECRET not in out + err
    return process.returncode, out, err


# Where the reports go.


def test_missing_folders_are_made(broken: str, tmp_path: Path) -> None:
    """And every report is there, whatever the verdict."""
    paths = {name: tmp_path / "a" / name / f"report.{name}" for name in formats.IN_FILES}
    flags = [part for name, path in paths.items() for part in (f"--{name}", str(path))]
    assert command.main(argv(broken, *flags)) == exit_codes.BROKEN
    assert all(path.read_text(encoding="utf-8") for path in paths.values())


def test_a_usage_error_leaves_no_file(tmp_path: Path) -> None:
    """What cannot be written is told before anything is, and the files that were there are as they were."""
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "ledger.yaml").write_text("[]")
    more = ["--json", str(tmp_path / "new"), "--html", str(tmp_path / "kept"), "--junit", str(tmp_path)]
    assert command.main(argv("http://127.0.0.1:1", *more)) == exit_codes.USAGE
    ours = ["--accept", str(tmp_path / "ledger.yaml"), "--json", f"{tmp_path}/../{tmp_path.name}/ledger.yaml"]
    assert command.main(argv("http://127.0.0.1:1", *ours)) == exit_codes.USAGE
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"kept": "kept", "ledger.yaml": "[]"}


@pytest.mark.parametrize("layer", ["broken", "correct"])
def test_a_report_that_cannot_be_written_in_the_end(
    layer: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The run could not do what was asked for: exit 3, unless a promise is broken. The other reports are there."""

    def write(path: Path, text: str) -> None:
        if path.name == "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        path.write_text(text)

    monkeypatch.setattr(files, "write", write)
    more = ["--json", str(tmp_path / "full"), "--junit", str(tmp_path / "there")]
    code = command.main(argv(request.getfixturevalue(layer), *more))
    assert code == (exit_codes.BROKEN if layer == "broken" else exit_codes.COULD_NOT_CHECK)
    said = capsys.readouterr()
    assert "--json" in said.err
    assert os.strerror(errno.ENOSPC) in said.err
    assert "prime: " in said.out
    assert (tmp_path / "there").exists()


def test_the_summary_of_a_job_is_a_courtesy(
    correct: str, broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on stderr, and the exit status stays."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    assert command.main(argv(correct)) == exit_codes.HOLDS
    assert command.main(argv(broken)) == exit_codes.BROKEN
    said = capsys.readouterr().err
    assert said.count("warning: the summary of the job could not be written") == 2
    assert command.DEBUG not in said


HOSTILE = '"\\u0000\\u001b[2J\\ud800\\uffff]]>&lt;é"'


def test_reports_hold_whatever_a_deployment_sends(tmp_path: Path) -> None:
    """Control characters, half of a surrogate and what XML forbids: every report can be read by its readers."""
    body = f'{{"sandboxes": [{{"id": {HOSTILE}, "name": {HOSTILE}}}], {HOSTILE}: 1}}'.encode()
    paths = {name: tmp_path / f"report.{name}" for name in formats.IN_FILES}
    with conversing(saying(answer(body))) as base_url:
        flags = [part for name, path in paths.items() for part in (f"--{name}", str(path))]
        assert command.main(argv(base_url, *flags)) == exit_codes.BROKEN
    ElementTree.fromstring(paths["junit"].read_bytes())
    assert json.loads(paths["json"].read_bytes())["exit_code"] == exit_codes.BROKEN
    assert "\0" not in paths["html"].read_text(encoding="utf-8")


# Who listens.


@pytest.mark.parametrize(
    ("encoding", "layout"),
    [*((each, "text") for each in ("cp1252", "ascii", "utf-8", "utf-16")), ("ascii", "markdown"), ("ascii", "json")],
)
def test_an_encoding_changes_no_verdict(
    correct: str, encoding: str, layout: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What stdout cannot hold is written with a backslash."""
    streams = {each: io.TextIOWrapper(io.BytesIO(), encoding) for each in ("stdout", "stderr")}
    for each, stream in streams.items():
        monkeypatch.setattr(f"sys.{each}", stream)
    assert command.main(argv(correct, "--format", layout)) == exit_codes.HOLDS
    assert streams["stdout"].buffer.tell() > 1_000


def as_a_user_does(base_url: str, home: Path, how: str, **surroundings: str) -> tuple[int, str]:
    """A line of a shell, in which $CHECK is the command: its exit status and what it says."""
    call = " ".join([*FAKESERVER, "check", *argv(base_url)])
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {how.replace('CHECK', call)}"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        cwd=home,
        env=environment(home) | surroundings,
    )
    assert "Traceback" not in done.stdout + done.stderr
    assert "Exception ignored" not in done.stderr
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "surroundings"),
    [
        ("CHECK | head -c 1", {}),
        ("CHECK | true", {}),
        ("CHECK 2>&1 | head -1", {"PYTHONUNBUFFERED": "1"}),
        ("CHECK >&-", {}),
        ("CHECK >&- 2>&-", {}),
        ("CHECK > /dev/full", {}),
        ("CHECK > /dev/full 2>&1", {}),
        ("CHECK", {"PYTHONIOENCODING": "ascii"}),
        ("CHECK", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    ],
)
def test_whoever_listens_the_verdict_is_the_same(
    broken: str, how: str, surroundings: dict[str, str], tmp_path: Path
) -> None:
    """A closed or full stdout hides no broken promise, and shows no traceback."""
    assert as_a_user_does(broken, tmp_path, how, **surroundings)[0] == exit_codes.BROKEN


# What is in the environment.


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("HTTPS_PROXY", "socks5://127.0.0.1:1", "HTTPS_PROXY names a SOCKS proxy"),
        ("all_proxy", "socks4a://127.0.0.1:1", "all_proxy is not the URL of a proxy"),
        ("https_proxy", "http://[::1", "https_proxy is not the URL of a proxy"),
        ("https_proxy", f"ftp://me:{SECRET}@proxy", "https_proxy is not the URL of a proxy"),
        ("HTTPS_PROXY", "http://h:99x", "HTTPS_PROXY is not the URL of a proxy"),
        ("SSL_CERT_FILE", "/no/such/file", "SSL_CERT_FILE names a file that cannot be read: /no/such/file"),
        ("SSL_CERT_FILE", "/dev/null", "SSL_CERT_FILE names a file that holds no certificate"),
        ("SSL_CERT_DIR", "/no/such/folder", "SSL_CERT_DIR names a folder that does not exist"),
    ],
)
def test_a_variable_that_permits_no_connection_is_named(
    name: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is sent, and without its value where that may be a password."""
    for each in ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(each, raising=False)
        monkeypatch.delenv(each.lower(), raising=False)
    monkeypatch.setenv(name, value)
    assert command.main(argv("https://prime.example.test")) == exit_codes.USAGE
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert SECRET not in said


@pytest.mark.parametrize(
    "spared", ["[::1]", "10.0.0.0/8,[::1]", "::1/128", "*.example.com,[fe80::]/10", "*", ",,", "a b"]
)
def test_no_proxy_may_hold_what_it_holds_elsewhere(spared: str, correct: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses in brackets and networks, too; this machine is asked without a proxy in any case."""
    monkeypatch.setenv("NO_PROXY", spared)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file")  # Nobody needs it for http.
    assert command.main(argv(correct)) == exit_codes.HOLDS


@pytest.mark.parametrize(
    "ledger",
    [
        "- {law: a, reason: b, expires: 2030-02-31}",
        "- {law: a, reason: b, expires: soon}",
        "- {law: a, reason: b, expires: 20300101}",
        "- {law: [a], reason: b, expires: 2030-01-01}",
        "- {law: a, reason: {b: c}, expires: 2030-01-01}",
        "- {law: a, reason: b, expires: 2030-01-01, provider: 7}",
        "- law",
        "law: a",
        "7",
        "{",
        "[" * 5_000,
        "",
        "\ud800",
        "\0",
    ],
)
def test_a_ledger_of_wrong_types_is_a_mistake(ledger: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 and one line, whatever is in it."""
    path = tmp_path / "known.yaml"
    path.write_bytes(ledger.encode(errors="surrogatepass"))
    assert command.main(argv("http://127.0.0.1:1", "--accept", str(path))) == exit_codes.USAGE
    said = capsys.readouterr().err
    assert f"--accept {path}" in said
    assert said.count("\n") == 1


# What nobody foresaw.


STAGES = {
    "reading the arguments": lambda patch, fail: patch.setattr(arguments, "parser", fail),
    "opening the client": lambda patch, fail: patch.setattr(command, "open_transport", fail),
    "planning the run": lambda patch, fail: patch.setattr(run, "open_session", fail),
    "a layer": lambda patch, fail: patch.setattr(run, "judge", fail),
    "collecting the outcomes": lambda patch, fail: patch.setattr(run, "outcomes_of", fail),
}


@pytest.mark.parametrize("error", [RecursionError(SECRET), MemoryError(), KeyError("status"), AssertionError(SECRET)])
@pytest.mark.parametrize("stage", STAGES)
def test_what_nobody_foresaw_is_no_broken_promise(
    stage: str,
    error: Exception,
    correct: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """Exit 3 and a sentence that names the kind of the error, wherever it happens; the reports that can be are made."""

    def fail(*given: object, **more: object) -> Any:
        raise error

    STAGES[stage](monkeypatch, fail)
    report = tmp_path / "report.json"
    assert command.main(argv(correct, "--json", str(report))) == exit_codes.COULD_NOT_CHECK
    said = capsys.readouterr()
    told = said.out + said.err
    assert f"the kit itself failed ({type(error).__name__})" in told
    assert "FAKESERVER_DEBUG=1 shows where" in told
    assert "Traceback" not in told
    assert SECRET not in told
    written = json.loads(report.read_text()) if report.exists() else {}
    assert written.get("exit_code") == (None if stage in ("reading the arguments", "opening the client") else 3)


def test_where_the_kit_failed_can_be_seen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The traceback, without a secret."""

    def fail(*given: object, **more: object) -> Any:
        raise ValueError(f"saw {SECRET} and wondered")

    monkeypatch.setenv("FAKESERVER_DEBUG", "1")
    for name in ("open_session", "judge"):
        with monkeypatch.context() as patch:
            patch.setattr(run, name, fail)
            assert command.main(argv("http://127.0.0.1:1")) == exit_codes.COULD_NOT_CHECK
        said = capsys.readouterr().err
        assert "saw [redacted] and wondered" in said
        assert "in fail" in said


def test_a_broken_promise_outlives_what_nobody_foresaw(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was confirmed before, and is what the exit status says."""
    judge = run.judge

    def judge_and_fail(*given: Any) -> None:
        judge(*given)
        raise RecursionError

    monkeypatch.setattr(run, "judge", judge_and_fail)
    assert command.main(argv(broken)) == exit_codes.BROKEN
    for name in formats.ON_STDOUT:
        monkeypatch.setitem(formats.ON_STDOUT, name, lambda report: 1 / 0)
    monkeypatch.setattr(text, "render", lambda report, colour: 1 / 0)
    monkeypatch.setattr(markdown, "render", lambda report: 1 / 0)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "/dev/null")
    assert command.main(argv(broken, "--format", "json")) == exit_codes.BROKEN
    assert command.main(argv(broken)) == exit_codes.BROKEN


# Who interrupts.


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Tests that run in the background may have SIGINT ignored, which the command respects."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda each: each.name)
@pytest.mark.parametrize(
    ("bug", "code"), [("", exit_codes.COULD_NOT_CHECK), ("status_ignored", exit_codes.BROKEN)], ids=["sound", "broken"]
)
def test_an_interrupted_run_reports_what_it_found(bug: str, code: int, number: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C and a polite kill alike: exit 1 if a broken promise was confirmed already, else 3."""
    reached, report = threading.Event(), tmp_path / "report.json"
    deployment = planted("prime", bug) if bug else handler("prime", 0, 137)
    with conversing(handled(deployment, until=60, then=reached.set)) as base_url:
        process = started(base_url, tmp_path, "--json", str(report), "--timeout", "50")
        try:
            assert reached.wait(SECONDS)
            process.send_signal(number)
            assert ended(process)[0] == code
        finally:
            process.kill()
    told = json.loads(report.read_text())
    assert told["exit_code"] == code
    assert "interrupted" in " ".join([told["verdict"], *told["notes"]])
    assert "ok" in {law["result"] for law in told["laws"]}


def test_whoever_interrupts_twice_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second signal ends the process, with what is known by then."""
    codes: list[int] = []
    monkeypatch.setattr("os._exit", codes.append)
    before = signal.getsignal(signal.SIGINT)
    with interruption.Interruption() as found:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            found.heed()
        found.running, found.code = False, exit_codes.BROKEN
        found.heed()
        signal.raise_signal(signal.SIGTERM)
    assert codes == [exit_codes.BROKEN]
    assert signal.getsignal(signal.SIGINT) == before


def test_while_reports_are_written_the_first_signal_changes_nothing() -> None:
    """All that is left is to write them."""
    with interruption.Interruption() as found:
        found.running = False
        signal.raise_signal(signal.SIGTERM)
        assert found.times == 1


def test_a_signal_that_was_ignored_stays_ignored() -> None:
    """As `nohup` and a shell's `&` want it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruption.Interruption() as found:
            signal.raise_signal(signal.SIGINT)
            assert found.times == 0
    finally:
        signal.signal(signal.SIGINT, before)


def test_interruptions_are_not_swallowed(correct: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library on the way may take one for its own; the next request is not sent."""
    judge = run.judge

    def swallow(*given: Any) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            judge(*given)

    monkeypatch.setattr(run, "judge", swallow)
    assert command.main(argv(correct)) == exit_codes.COULD_NOT_CHECK


# What else comes over the wire.


def test_a_gateway_in_the_middle_of_a_run_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Which request it answered, and with what; nobody is accused."""
    right, numbers = handler("prime", 0, 137), iter(range(1, 1_000))

    def gateway(method: str, path: str, query: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        if next(numbers) > 30:
            return 502, {"content-type": "text/html"}, b"<html><h1>502 Bad Gateway</h1>"
        status, sent, body = right(method, path, query, headers)
        return status, dict(sent), body

    with conversing(handled(gateway)) as base_url:
        assert command.main(argv(base_url)) == exit_codes.UNDER_POWERED
    assert f"GET {LIST}?" in (told := capsys.readouterr().out)
    assert "was answered with an HTML page (502), as by a gateway; the rest was not exercised" in told


@pytest.mark.parametrize("value", ["[" * 900 + "]" * 900, "[" * 5_000 + "]" * 5_000, '{"a":' * 500 + "1" + "}" * 500])
def test_what_is_nested_too_deeply_is_a_wrong_answer(value: str) -> None:
    """And no failure of the kit."""
    with conversing(saying(answer(f'{{"sandboxes": {value}}}'.encode()))) as base_url:
        assert command.main(argv(base_url)) == exit_codes.BROKEN


def test_an_unhandled_exception_behind_uvicorn_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A 500 and then a closed connection: a broken promise, with the request as a line for a shell."""
    right = handler("prime", 0, 137)

    def talk(connection: socket.socket, number: int) -> None:
        def fails(method: str, path: str, query: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
            status, sent, body = right(method, path, query, headers)
            if b"status=RUNNING" in query:
                connection.shutdown(socket.SHUT_RD)  # Its next request finds the connection closed.
                return 500, {"content-type": "text/plain"}, b"Internal Server Error"
            return status, dict(sent), body

        handled(fails)(connection, number)

    with conversing(talk) as base_url:
        assert command.main(argv(base_url)) == exit_codes.BROKEN
    told = capsys.readouterr().out
    assert "values.no_5xx" in told.splitlines()[-1]
    assert "500, twice in a row" in told
    assert "curl -s" in told
    assert "status=RUNNING" in told


def test_added_headers_are_sent_and_never_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With every request; a user fills them in where a line for a shell has their place."""
    seen: list[str] = []
    wrong = planted("prime", "status_ignored")

    def echo(method: str, path: str, query: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        seen.append(headers.get("x-gateway", "") + headers.get("cookie", ""))
        status, sent, body = wrong(method, path, query, headers)
        return (
            status,
            dict(sent) | {"x-seen": headers.get("cookie", "")},
            body.replace(b"startCommand", b"s3cr3t-value"),
        )

    paths = {name: tmp_path / f"report.{name}" for name in formats.IN_FILES}
    flags = [part for name, path in paths.items() for part in (f"--{name}", str(path))]
    headers = ["--header", "X-Gateway: s3cr3t-value", "--header", 'Cookie: session="qu0ted-value"']
    with conversing(handled(echo)) as base_url:
        assert command.main(argv(base_url, *headers, *flags)) == exit_codes.BROKEN
        given = arguments.parse(argv(base_url, *headers))
    assert set(seen) == {'s3cr3t-valuesession="qu0ted-value"'}
    said = capsys.readouterr()
    told = [said.out, said.err, repr(given), *(path.read_text(encoding="utf-8") for path in paths.values())]
    assert not [each for each in told if "s3cr3t-value" in each or "qu0ted-value" in each]
    assert '-H "X-Gateway: $HEADER_1" -H "Cookie: $HEADER_2"' in said.out


def test_a_short_secret_spoils_no_report(broken: str, tmp_path: Path) -> None:
    """Words of the reports themselves are not looked through."""
    for secret in ("true", "testsuite", "token", "html", "values.no_5xx", "laws"):
        paths = {name: tmp_path / f"report.{name}" for name in formats.IN_FILES}
        flags = [part for name, path in paths.items() for part in (f"--{name}", str(path))]
        assert command.main([*argv(broken, *flags, "--header", f"X-A: {secret}")]) == exit_codes.BROKEN
        ElementTree.fromstring(paths["junit"].read_bytes())
        assert "values.no_5xx" in {law["law"] for law in json.loads(paths["json"].read_bytes())["laws"]}
        assert paths["html"].read_text(encoding="utf-8").startswith("<!doctype html>")


def test_spellings_of_a_secret_are_hidden() -> None:
    """As it stands, and as HTML, URLs and JSON have it."""
    hide = Credentials({"token": 'a<b>"c/d'}, ["Bearer hidden-word", "x=1"]).redact
    for each in (
        'a<b>"c/d',
        "a&lt;b&gt;&quot;c/d",
        "a%3Cb%3E%22c%2Fd",
        'a<b>\\"c/d',
        "hidden-word",
        "Bearer hidden-word",
    ):
        assert hide(f"look: {each}!") == "look: [redacted]!"
    assert hide("x=1") == "x=1"
