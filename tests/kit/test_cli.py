"""The command line of the kit: usage, exit codes and files. No artefact holds a credential."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from contract_tests.cli import arguments, command
from contract_tests.conformance import cases
from contract_tests.judging.session import BUDGETS
from contract_tests.reporting import exit_codes
from contract_tests.reporting.formats import ON_STDOUT
from fakeserver.serving.app import Settings
from fakeserver.testing.server import running

CANARY = "prime-admin-key"


USAGE = ["--base-url", "http://127.0.0.1:1", "--token", "x"]


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["prim", *USAGE], "did you mean 'prime'?"),
        (["prime", *USAGE, "--tokn", "x"], "did you mean '--token'?"),
        (["prime", *USAGE, "--profile", "polit"], "did you mean 'polite'?"),
        (["prime", *USAGE, "--format", "jsn"], "did you mean 'json'?"),
        (["prime", *USAGE, "--only-layer", "law"], "did you mean 'laws'?"),
        (["prime", "--base-url", "ftp://x", "--token", "x"], "not an http or https URL"),
        (["prime", "--base-url", "http://127.0.0.1:1"], "a token is needed"),
        (["prime", "--base-url", "", "--token", "x"], "--base-url '' is not an http or https URL"),
        (["prime", "--token", "x"], "--base-url, or --from with a recording"),
        (["dreadnode", "--base-url", "https://dreadnode.example.com", "--token", "t"], "--org"),
        (["prime", *USAGE, "--rate", "fast"], "--rate"),
        (["prime", *USAGE, "--rate", "0/s"], "--rate"),
        (["prime", *USAGE, "--min-power", "2"], "between 0 and 1"),
        *((["prime", *USAGE, "--rate", rate], "--rate") for rate in ("nan", "inf", "0", "1e400", "-1", "9" * 400, "٥")),
        *((["prime", *USAGE, "--min-power", share], "--min-power") for share in ("nan", "inf", "-1", "1e400", "")),
        *((["prime", *USAGE, "--timeout", time], "--timeout") for time in ("0", "nan", "inf", "1e9", "-1", "")),
        *((["prime", *USAGE, "--seed", seed], "--seed") for seed in ("9" * 5_000, str(2**63), "1.5", "-1", "", "٥")),
        (["prime", *USAGE, "--accept", "/no/such/file"], "/no/such/file"),
        (["prime", *USAGE, "--accept", ""], "--accept"),
        (["prime", *USAGE, "--junit", "/dev/null/report.xml"], "--junit: /dev/null/report.xml cannot be written"),
        (["prime", *USAGE, "--json", "/tmp"], "--json: /tmp is a folder"),
        (["prime", *USAGE, "--json", "r", "--html", "./r"], "--html and --json name the same file"),
        (["prime", *USAGE, "--cacert", "r", "--json", "r"], "--cacert names a file that cannot be read"),
        (["prime", *USAGE, "--cacert", "/dev/null"], "--cacert names a file that holds no certificate"),
        (["prime", *USAGE, "--only-layer", "power"], "--only-layer power"),
        (
            ["prime", "--base-url", "http://127.0.0.1:1/?key=secret", "--token", "x"],
            "'http://127.0.0.1:1/' holds a query",
        ),
        (["prime", "--base-url", "http://me:pw@127.0.0.1:1", "--token", "x"], "'http://***@127.0.0.1:1' holds"),
        (["prime", "--base-url", "http://[::1", "--token", "x"], "--base-url 'http://[::1' is not a URL"),
        (["prime", "--base-url", "http://h:99999/" + "x" * 9_000, "--token", "x"], "--base-url"),
        (["prime", "--base-url", "http://h\n", "--token", "x"], "--base-url 'http://h\\n' holds the character '\\n'"),
        (["prime", *USAGE, "--baseline", "/no/such/report.json"], "--baseline /no/such/report.json"),
        (["prime", *USAGE, "--baseline", "r", "--json", "r"], "--baseline r"),
        (["prime", "--from", "/no/such/run.har"], "/no/such/run.har"),
        (["prime", "--base-url", "http://127.0.0.1:1", "--token", "a b"], "--token"),
        (["prime", "--base-url", "http://127.0.0.1:1", "--token", ""], "--token is empty"),
        (["prime", *USAGE, "--other-token", ""], "--other-token is empty"),
        (["prime", *USAGE, "--org", ""], "--org is empty"),
        (["prime", *USAGE, "--known", ""], "--known is empty"),
        *((["dreadnode", *USAGE, "--org", org], "--org") for org in ("a b", "../x", "..", "a?b", "a#b", "ü", "a%2fb")),
        *(
            (["prime", *USAGE, "--header", text], "--header")
            for text in ("secret", ": secret", "a b: secret", "X:", "X: ü", "X: a\r\nb: secret", "ü: secret")
        ),
        *(
            (["prime", *USAGE, "--header", f"{name}: secret"], f"--header {name}: the kit itself")
            for name in ("Host", "accept", "Authorization", "Transfer-Encoding", "User-Agent", "if-none-match")
        ),
        (["prime", *USAGE, "--header", "X-A: secret", "--header", "x-a: b"], "--header x-a is given twice"),
        (["prime", *USAGE, "--other-token", "schlüssel"], "--other-token"),
        (["prime", "--base-url", "http://127.0.0.1:9", "--token", "x", "--colleague-token", "x"], "somebody else"),
        ([], "required"),
    ],
)
def test_wrong_usage_is_one_line(
    argv: list[str], says: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 2 and one line that helps."""
    monkeypatch.delenv("FAKESERVER_TOKEN", raising=False)
    assert command.main(argv) == exit_codes.USAGE
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert len(said) < 400
    assert "secret" not in said


def test_what_is_assumed_or_dangerous_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """A token that travels in the clear, and an org that nobody has named; both before anything is sent."""
    assert arguments.parse(["prime", "--base-url", "http://prime.example.com/", "--token", "x"]).base_url == (
        "http://prime.example.com"
    )
    assert "the token travels unencrypted" in capsys.readouterr().err
    assert arguments.parse(["dreadnode", *USAGE]).options.orgs == ("acme",)
    said = capsys.readouterr().err
    assert "no --org was given" in said
    assert "unencrypted" not in said


def test_an_unreachable_deployment_is_exit_3(capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence, no traceback."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    assert (
        command.main(["prime", "--base-url", f"http://127.0.0.1:{port}", "--token", CANARY])
        == exit_codes.COULD_NOT_CHECK
    )
    out = capsys.readouterr()
    assert f"127.0.0.1:{port} cannot be reached" in out.out
    assert CANARY not in out.out + out.err


@pytest.mark.parametrize("form", [*ON_STDOUT])
def test_the_format_of_stdout(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The verdict is on stdout in every format; where that is not for people, on stderr as well."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    argv = ["prime", "--base-url", f"http://127.0.0.1:{port}", "--token", CANARY, "--format", form]
    assert command.main(argv) == exit_codes.COULD_NOT_CHECK
    out = capsys.readouterr()
    assert f"127.0.0.1:{port} cannot be reached" in out.out
    assert ("cannot be reached" in out.err) == (form != "text")
    if form in ("json", "sarif"):
        assert isinstance(json.loads(out.out), dict)


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
    assert command.main([*argv, *(part for name, path in files.items() for part in (f"--{name}", str(path)))]) == 0
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
    monkeypatch.setitem(cases.EXAMPLES, "deep", 5)  # Drawing and sending all of them takes seconds.
    told = tmp_path / "report.json"
    with running(Settings(size=60)) as server:
        argv = ["instavm", "--base-url", f"{server.base_url}/instavm", "--token", "instavm-admin-key", "--strict"]
        argv += ["--other-token", "instavm-outsider-key", "--profile", "deep", "--json", str(told)]
        argv += ["--only-layer", "laws", "--only-layer", "conformance"]  # The oracle plans for seconds.
        assert command.main(argv) == 0
    report = json.loads(told.read_text())
    assert {each["layer"] for each in report["laws"]} == {"laws", "conformance"}
    # The fake refuses HEAD, as FastAPI does, sends no ETag, and neither a sandbox nor a colleague was named.
    unsaid = {each["law"]: each["result"] for each in report["laws"] if each["lack"] is not None}
    assert unsaid == {
        "repeats.head": "not_applicable",
        "caching.validators": "not_applicable",
        "rows.known": "not_asked",
        "colleagues.answers": "not_asked",
    }
    assert "at most 860 requests" in capsys.readouterr().err
    laws_of_default = BUDGETS["default"].laws
    assert laws_of_default is not None
    assert laws_of_default < report["requests"]["laws and oracle"] <= 860
