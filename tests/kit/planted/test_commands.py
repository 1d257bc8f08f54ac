"""The commands behind `make bugs` and `make false-alarms`: what they judge, what they write, and how they end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from contract_tests.planted import BUGS, correct, false_alarms, mutants
from contract_tests.planted.__main__ import main
from contract_tests.planted.bug import Bug
from tests.support.deployments import constant


def bug(slug: str, name: str) -> Bug:
    return next(each for each in BUGS if (each.slug, each.name) == (slug, name))


def test_laws_and_schemathesis_stand_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each bug with the laws that catch it and the checks of Schemathesis that do; the families are summed up."""
    report = tmp_path / "bugs.md"
    names = [part for name in ("vcpu_as_text", "metadata_prefix") for part in ("--bug", name)]
    assert main([str(report), "--provider", "superserve", *names, "--schemathesis"]) == 0
    text = report.read_text(encoding="utf-8")
    (typed,) = (line for line in text.splitlines() if line.startswith("| `vcpu_as_text`"))
    (filtered,) = (line for line in text.splitlines() if line.startswith("| `metadata_prefix`"))
    assert "schema." in typed
    assert "response_schema_conformance" in typed
    assert "exactness.values" in filtered
    assert filtered.endswith("| – |")
    assert "| family | bugs | caught | Schemathesis |" in text
    assert "2 of 2 caught" in capsys.readouterr().out


def test_a_bug_that_nobody_catches_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the terminal with its sentence, in the table with a dash."""
    monkeypatch.setattr(Bug, "handler", lambda planted: correct(planted.slug))
    report = tmp_path / "bugs.md"
    assert main([str(report), "--bug", "metadata_prefix", "--provider", "superserve"]) == 0
    assert f"not caught: superserve listSandboxes metadata_prefix: {bug('superserve', 'metadata_prefix').summary}" in (
        capsys.readouterr().out
    )
    assert report.read_text(encoding="utf-8").rstrip().endswith("| – |")


def test_a_server_that_cannot_be_judged_counts_as_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody takes a web page for a deployment that works; the table says why no law says so."""
    monkeypatch.setattr(Bug, "handler", lambda planted: constant(200, b"<html>", "text/html"))
    report = tmp_path / "bugs.md"
    main([str(report), "--bug", "metadata_prefix", "--provider", "superserve"])
    assert "could not check (superserve: the base URL answers with an HTML page" in report.read_text(encoding="utf-8")


def test_mutants_are_judged_by_a_caller_who_knows_some_ids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table of mutants also says how many changes were none."""
    live = next(
        placed
        for mutation in mutants.everything()
        if mutation.function == "elements" and isinstance(placed := mutants.place(mutation), Bug)
    )
    silent = replace(live, name="silent", unstated=("repeated value",))
    monkeypatch.setattr(mutants, "survey", lambda: mutants.Survey((live,), (silent,), ("a", "b"), ("c",), ()))
    report = tmp_path / "mutants.md"
    assert main([str(report), "--mutants"]) == 0
    text = report.read_text(encoding="utf-8")
    assert "1 of 1 caught." in text
    assert "2 changes cannot be told from the correct server; 1 do not start, 0 never answer." in text
    assert "1 change only what no page states:" in text
    assert "- `silent` (repeated value): " in text


def test_false_alarms_are_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each provider, size and churn; without an accusation the command ends well."""
    assert false_alarms.main(["--seeds", "2", "--size", "2", "--size", "40", "--only", "instavm"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:5] for line in lines[1:-1]] == [
        ["instavm", size, churn, "2", "0"] for size in ("2", "40") for churn in ("0", "0.1", "1")
    ]
    assert lines[-1].startswith("12 runs, 0 with a false alarm, ")


def test_a_false_alarm_is_told_and_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With everything that is needed to see it again: seed, size, churn, law and requests."""
    broken = bug("superserve", "metadata_prefix")
    monkeypatch.setattr(false_alarms, "handler", lambda slug, seed, size, churn: broken.handler())
    assert false_alarms.main(["--seeds", "1", "--size", "40", "--only", "superserve"]) == 1
    out = capsys.readouterr().out
    assert "superserve seed 0, 40 rows, churn 0.1: spellings.encoding: " in out
    assert "/sandboxes?metadata" in out
    assert "3 runs, 3 with a false alarm" in out
