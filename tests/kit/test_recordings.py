"""`--save` and `--from`: a recorded check comes to the same again, without a deployment and without a credential."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract_tests import run
from contract_tests.cli import command
from contract_tests.cli.recordings import open_source, save
from contract_tests.planted.exercise import default_options
from contract_tests.planted.layers import LAYERS
from contract_tests.planted.replay import transport
from contract_tests.reporting import exit_codes
from contract_tests.reporting.report import Report, decide
from contract_tests.sending.in_process import Handler
from contract_tests.sending.tape import Tape
from fakeserver.serving.app import Settings
from fakeserver.testing.server import running
from tests.support.deployments import BASE_URL, failing, planted
from tests.support.real_superserve import RealSuperserve, rows_of_a_live_team

LAWS = ["--only-layer", "laws", "--only-layer", "oracle"]


def told(report: Report) -> list[tuple[object, ...]]:
    return [
        (each.law, each.verdict, each.tier, each.sentence, each.witness, each.asks, each.rows)
        for each in report.outcomes
    ]


def crashing(slug: str) -> Handler:
    return failing(slug, lambda number, query, body: number in (7, 8, 30))


def gone(slug: str) -> Handler:
    return failing(slug, lambda number, query, body: number > 40)


@pytest.mark.parametrize(
    ("slug", "server"),
    [
        ("prime", planted("prime", "status_ignored")),
        ("dreadnode", planted("dreadnode", "smallest_first")),
        ("superserve", RealSuperserve(rows_of_a_live_team())),
        ("instavm", crashing("instavm")),
        ("prime", gone("prime")),
    ],
    ids=["filter", "facets", "deviations", "crashes", "gone"],
)
def test_a_recorded_run_comes_to_the_same(tmp_path: Path, slug: str, server: Handler) -> None:
    """Every law with its verdict, sentence, requests and rows; broken, known, inconclusive or held."""
    path, tape, wire = tmp_path / "run.har", Tape(), transport(slug, server)
    options = default_options(slug, strict=False)
    first = run.check(slug, BASE_URL, wire, options, layers=LAYERS[:2], tape=tape)
    assert save(path, slug, BASE_URL, options, tape, wire.credentials)
    source = open_source(path, slug, "", (), ())
    assert (source.base_url, source.orgs, "other" in source.callers) == (BASE_URL, options.orgs, True)
    again = run.check(slug, BASE_URL, source.transport(), options, layers=(source.watching, *LAYERS[:2]))
    assert told(again) == told(first)
    assert decide(again) == decide(first)
    assert again.requests == first.requests


@pytest.fixture(scope="module")
def har(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recording of a check of the fake."""
    path = tmp_path_factory.mktemp("recording") / "run.har"
    with running(Settings(size=200)) as server:
        argv = ["prime", "--base-url", f"{server.base_url}/prime", "--token", "prime-admin-key", "--save", str(path)]
        assert command.main([*argv, "--profile", "default", "--other-token", "prime-outsider-key", *LAWS]) == 0
    return path


def test_the_command_saves_and_reads_again(har: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Without a token and a base URL; nothing is sent, and no credential was saved."""
    text = har.read_text()
    assert "prime-admin-key" not in text
    assert "prime-outsider-key" not in text
    told = tmp_path / "report.json"
    assert command.main(["prime", "--from", str(har), "--json", str(told), *LAWS]) == exit_codes.HOLDS
    out = capsys.readouterr()
    assert "nothing is sent" in out.err
    report = json.loads(told.read_text())
    recorded = json.loads(text)["log"]["entries"]
    assert report["requests"]["laws and oracle"] == len(recorded) <= 160
    assert report["base_url"].startswith("http://127.0.0.1:")
    assert {entry["_fakeserver"]["layer"] for entry in recorded} == {"laws", "oracle"}


def test_what_was_not_recorded_is_inconclusive_and_ends_nothing(
    har: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A part of a recording: some laws hold, others could not look, and the run comes to its end."""
    value = json.loads(har.read_text())
    entries = value["log"]["entries"]
    value["log"]["entries"] = [entry for entry in entries if entry["_fakeserver"]["law"] != "credentials.required"]
    half, told = tmp_path / "half.har", tmp_path / "report.json"
    half.write_text(json.dumps(value))
    code = command.main(["prime", "--from", str(half), "--json", str(told), "--min-power", "0", *LAWS])
    results = {each["law"]: each["result"] for each in json.loads(told.read_text())["laws"]}
    assert results["credentials.required"] == "inconclusive"
    assert results["filters.single"] == results["pages.windows"] == "ok"
    assert code in (exit_codes.HOLDS, exit_codes.UNDER_POWERED)


def no_json(value: dict[str, Any]) -> str:
    return "{"


def of_another(value: dict[str, Any]) -> str:
    value["log"]["_fakeserver"]["provider"] = "instavm"
    return json.dumps(value)


def of_two_deployments(value: dict[str, Any]) -> str:
    del value["log"]["_fakeserver"]
    one, two = value["log"]["entries"][:2]
    two["request"]["url"] = "http://elsewhere.example.test/api/v1/sandbox"
    value["log"]["entries"] = [one, two]
    return json.dumps(value)


def empty(value: dict[str, Any]) -> str:
    return '{"log": {"entries": []}}'


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        (no_json, exit_codes.USAGE, "is not JSON"),
        (of_another, exit_codes.USAGE, "was recorded of instavm, not of prime"),
        (of_two_deployments, exit_codes.USAGE, "--base-url says which one counts"),
        (empty, exit_codes.COULD_NOT_CHECK, "the recording has nothing of prime's operations"),
    ],
)
def test_a_recording_that_is_of_no_use(
    har: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[dict[str, Any]], str],
    code: int,
    says: str,
) -> None:
    """One sentence: wrong usage where the file is wrong, and could not check where there is nothing to judge."""
    path = tmp_path / "bad.har"
    path.write_text(change(json.loads(har.read_text())))
    assert command.main(["prime", "--from", str(path), *LAWS]) == code
    out = capsys.readouterr()
    assert says in out.out + out.err


def test_a_run_that_could_not_check_is_saved_as_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The request that nobody answered is in the recording, which comes to the same again."""
    path = tmp_path / "run.har"
    argv = ["--base-url", "http://127.0.0.1:1/prime", "--token", "prime-admin-key", "--save", str(path), *LAWS]
    assert command.main(["prime", *argv]) == exit_codes.COULD_NOT_CHECK
    (entry,) = json.loads(path.read_text())["log"]["entries"]
    assert "cannot be reached" in entry["_fakeserver"]["error"]
    capsys.readouterr()
    assert command.main(["prime", "--from", str(path), *LAWS]) == exit_codes.COULD_NOT_CHECK
    assert "cannot be reached" in capsys.readouterr().out


def test_a_recording_that_cannot_be_written_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is sent where that is known then; else one line, and no run that held counts as held."""
    folder = tmp_path / "run.har"
    folder.mkdir()
    argv = ["--save", str(folder), "--base-url", BASE_URL, "--token", "x"]
    assert command.main(["prime", *argv]) == exit_codes.USAGE
    assert f"--save: {folder} is a folder" in capsys.readouterr().err
    assert not save(
        folder, "prime", BASE_URL, default_options("prime"), Tape(), transport("prime", gone("prime")).credentials
    )
    assert "could not be written" in capsys.readouterr().err
