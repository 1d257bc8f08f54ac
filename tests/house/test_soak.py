"""The soak's own parts: what is judged, what fails a run, and what its page says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import soak
from benchmarks.machine import Machine
from benchmarks.soak import FULL, Plan, Result, Source, main, of_tests, page
from contract_tests.planted import BUGS, correct, false_alarms, mutants
from tests.support.soak import FACTOR, every_pair, examples

pytestmark = pytest.mark.slow

PUT_ASIDE = ("noticed", "permitted", "equivalent", "stillborn", "stuck")
SILENT = "json.dumps(value, ensure_ascii=False, default=str).encode()"
"""What a mutant leaves out that no page asks for."""
MACHINE = Machine(2, "a processor", 8, "Linux", "3.11", {})
SOURCE = Source("0123abc", changed=False)
SMALL = Plan(every=len(BUGS), jobs=1, seeds=1)
JUNIT = """<?xml version="1.0"?><testsuites><testsuite>
<testcase classname="a" name="good"/><testcase classname="a" name="bad"><failure/></testcase>
<testcase classname="b" name="worse"><error/></testcase><testcase classname="b" name="left_out"><skipped/></testcase>
</testsuite></testsuites>"""


def test_a_bug_that_no_law_catches_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit is judged for real: a server that is broken says nothing, one that is not is a bug that was missed."""
    number = next(number for number, bug in enumerate(BUGS) if bug.name == "status_ignored")
    assert soak.judge_bug(number) == ""
    monkeypatch.setattr(type(BUGS[number]), "handler", lambda bug: correct(bug.slug))
    assert "status_ignored" in soak.judge_bug(number)


def test_a_mutant_is_judged_or_put_aside() -> None:
    """What changes no answer is neither caught nor missed."""
    numbers = range(len(mutants.everything()))[:: len(mutants.everything()) // 3]
    fates = [soak.judge_mutant(number) for number in numbers]
    assert {fate for fate, _ in fates} <= {"caught", "missed", *PUT_ASIDE}
    assert [bool(line) for _, line in fates] == [fate == "missed" for fate, _ in fates]
    assert "caught" in {fate for fate, _ in fates}


def test_what_a_page_permits_is_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both figures are told; a law that convicts what no page states fails the run, however many are caught."""
    fates = [("caught", "")] * 19 + [("missed", "it"), ("noticed", ""), ("permitted", ""), ("equivalent", "")]
    monkeypatch.setattr(soak, "spread", lambda judge, units, plan: fates)
    result = soak.mechanical(SMALL)
    assert result.passed
    assert result.outcome.startswith("19 of 20 mutants caught (95.0 %); 2 more change only what no page states, 1 of ")
    assert "with these 20 of 22 (90.9 %)" in result.outcome
    assert result.failures == ("it",)
    fates.append(("convicted", "unjust"))
    assert not soak.mechanical(SMALL).passed
    assert soak.mechanical(SMALL).failures == ("it", "unjust")


def test_a_conviction_of_what_a_page_permits_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mutant that is put aside is judged all the same, by what the pages state."""
    number = next(number for number, each in enumerate(mutants.everything()) if each.before == SILENT)
    assert soak.judge_mutant(number) == ("permitted", "")
    placed = replace(next(bug for bug in BUGS if bug.name == "status_ignored"), unstated=("repeated value",))
    monkeypatch.setattr(mutants, "place", lambda mutation: placed)
    fate, line = soak.judge_mutant(number)
    assert fate == "convicted"
    assert "status_ignored" in line


def test_an_accusation_is_told_with_its_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """A correct server is accused of nothing; where it is, the line says which, and of what."""
    assert soak.judge_correct(("instavm", 0, 2, 0.0)) == ""
    bug = next(bug for bug in BUGS if bug.name == "status_ignored")
    monkeypatch.setattr(false_alarms, "handler", lambda slug, seed, size, churn: bug.handler())
    line = soak.judge_correct((bug.slug, 7, 40, 0.1))
    assert line.startswith(f"{bug.slug}, seed 7, 40 rows, churn 0.1: ")
    assert "filters." in line


def test_processes_judge_what_this_one_would() -> None:
    """Units are spread over fresh processes, and come back in order."""
    assert soak.spread(soak.judge_correct, [("instavm", seed, 1, 0.0) for seed in range(3)], SMALL) == ["", "", ""]
    result = soak.planted(SMALL)
    assert (result.tried, result.passed, result.outcome) == (1, True, "1 of 1 caught")


def test_tests_count_as_pytest_tells() -> None:
    """Failures and errors are named; a report without a test, or none at all, passes nothing."""
    result = of_tests(JUNIT, "tests", "told")
    assert (result.tried, result.passed, result.failures) == (4, False, ("a.bad", "b.worse"))
    assert not of_tests("", "tests", "told").passed
    assert not of_tests("<testsuites/>", "tests", "told").passed
    assert of_tests('<testsuites><testcase classname="a" name="good"/></testsuites>', "tests", "told").passed


def test_the_page_says_what_was_judged() -> None:
    """Commit, seed, date and figures; what failed is listed, up to a bound."""
    many = tuple(f"bug {number}" for number in range(100))
    results = [Result("planted bugs", 469, "369 of 469 caught", False, many, 90.0), Result("more", 1_200, "fine", True)]
    text = page(results, Plan(seed=5), Source("0123abc", changed=True), MACHINE, "2026-01-18")
    assert "- commit: `0123abc`, with changes that are in no commit" in text
    assert "- date: 2026-01-18" in text
    assert "- seed: 5" in text
    assert "- how much: everything, 34 worlds per size and churn, 20 times the usual examples" in text
    assert "one in 7 bugs" in page(results, Plan(every=7), SOURCE, MACHINE, "2026-01-18")
    assert "| planted bugs | 469 | 369 of 469 caught | **no** | 1.5 |" in text
    assert "| more | 1,200 | fine | yes | 0.0 |" in text
    assert text.count("- bug ") == soak.MOST_LINES
    assert f"- and {100 - soak.MOST_LINES} more" in text
    assert "in no commit" not in page(results, FULL, SOURCE, MACHINE, "2026-01-18")


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Result]:
    """Parts that find what they are told to, and folders of the test's own."""
    found = {name: Result(name, 1, "done", True) for name in soak.PARTS}
    monkeypatch.setattr(soak, "PARTS", {name: lambda plan, name=name: found[name] for name in soak.PARTS})
    monkeypatch.setattr(soak, "HERE", tmp_path / "kept")
    monkeypatch.setattr(soak, "DRAFT", tmp_path / "draft")
    return found


def test_only_a_full_run_replaces_what_is_kept(parts: dict[str, Result], tmp_path: Path) -> None:
    """A part, a provider or a sample is a draft, unless a folder is named."""
    for short in (["--part", "bugs"], ["--provider", "prime"], ["--every", "2"], ["--seeds", "1"], ["--examples", "1"]):
        assert main(short) == 0
        assert not (tmp_path / "kept").exists()
    assert "| bugs |" in (tmp_path / "draft" / "SOAK.md").read_text(encoding="utf-8")
    assert main(["--part", "bugs", "--out", str(tmp_path / "named")]) == 0
    assert (tmp_path / "named" / "SOAK.md").exists()
    assert main(["--seed", "3", "--jobs", "1"]) == 0
    assert "- seed: 3" in (tmp_path / "kept" / "SOAK.md").read_text(encoding="utf-8")


def test_a_part_that_fails_fails_the_run(parts: dict[str, Result], tmp_path: Path) -> None:
    """The others run all the same, and the page is written."""
    parts["mutants"] = Result("mutants", 1, "one missed", False, ("it",))
    assert main([]) == 1
    text = (tmp_path / "kept" / "SOAK.md").read_text(encoding="utf-8")
    assert "| tests | 1 | done | yes |" in text
    assert "- it" in text


def test_a_usual_run_leaves_no_value_out() -> None:
    """Of the pairs that a soak goes through, a usual run takes each value once, and what it is told to besides."""
    pairs = every_pair(("a", "b", "c"), ["u", "v", "w", "x"], also=lambda one, other: (one, other) == ("c", "u"))
    usual = [each.values for each in pairs if not each.marks]
    assert len(pairs) == 12
    assert usual == [("a", "u"), ("c", "u"), ("b", "v"), ("c", "w"), ("a", "x")]
    assert examples(5) == max(1, round(5 * FACTOR))
