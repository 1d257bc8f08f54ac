"""The benchmark's own parts, without a server and without a clock: what wrk prints, ratios, tables, charts, queries."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree

import pytest

from benchmarks import __main__ as program
from benchmarks import charts, creations, kept, load, queries, writes
from benchmarks.__main__ import PART, Part
from benchmarks.correctness import Check
from benchmarks.creations import WISHES, Body, Creation, Creations
from benchmarks.figures import figure, ratio, speed
from benchmarks.growth import DEEPEST, FIRST, SCATTERED, Growth, Line, Start
from benchmarks.load import LoadError, Reading, read
from benchmarks.machine import HERE, Machine, pinned
from benchmarks.overhead import OFF, ON, Cost, Overhead
from benchmarks.queries import Query
from benchmarks.report import Run, markdown, number, short
from benchmarks.rounds import BASELINE, Outcome
from benchmarks.servers import tree_memory_mb
from benchmarks.targets import CEILING, OURS, Target, targets
from benchmarks.walks import Walk
from benchmarks.writes import BETWEEN, FROZEN, KINDS, MOVING, PAGES, REMOVED, Write

PRINTED = """Running 1s test @ http://127.0.0.1:8000
  16 connections
Requests/sec:  1000.00
figures {"requests":1000,"duration_us":500000,"bytes":35000000,"p50_us":800,"p99_us":2400,"bad_status":1,"socket_errors":2}
"""  # noqa: E501
ROWS: list[queries.Row] = [
    (f"sbx{index}", "RUNNING" if index % 2 else "TERMINATED", ("prod",) if index % 3 else ("prod", "gpu"))
    for index in range(300)
]


def reading(rate: float) -> Reading:
    return Reading(rate, 1.0, 2.5, int(rate), 0, 36_000.0)


def outcome(name: str, rate: float, rival: bool = True) -> Outcome:
    return Outcome(
        name, "1.0", "sends <bytes> & more", rival, speed=speed([reading(rate), reading(rate + 10)]), idle_mb=50
    )


def lines(provider: str, kind: str, rates: tuple[float, float]) -> list[Line]:
    sizes = (1_000, 1_000_000)
    return [Line(provider, kind, size, speed([reading(rate)]), 3.0) for size, rate in zip(sizes, rates, strict=True)]


GROWTH = Growth(
    (
        *lines("prime", FIRST, (1_000.0, 900.0)),
        *lines("prime", DEEPEST, (1_000.0, 850.0)),
        *lines("prime", SCATTERED, (1_000.0, 10.0)),
    ),
    (Start("prime", 1_000_000, figure([1.0, 2.0, 4.0]), 300.0, 350.0),),
)
OUTCOMES = [
    outcome(OURS, 600.0, rival=False),
    outcome(f"{OURS}, no query twice", 500.0, rival=False),
    outcome(CEILING, 1_000.0, rival=False),
    outcome("Prism", 50.0),
    Outcome("WireMock", "-", "-", True, "not measured: java is not installed"),
]
STARTS = {OURS: figure([0.4]), BASELINE: figure([0.2])}
OVERHEAD = Overhead({ON: Cost(figure([900.0]), figure([40.0])), OFF: Cost(figure([1_000.0]), figure([36.0]))})
WRITES = [
    Write("prime", MOVING, 1_000, figure([40.0, 50.0]), figure([10.0, 20.0]), figure([12.0, 30.0])),
    Write("prime", FROZEN, 1_000_000, figure([60.0]), figure([10.0]), figure([13.0])),
    Write("prime", REMOVED, 1_000_000, figure([70.0]), figure([10.0]), figure([12.0])),
    Write("prime", BETWEEN, 1_000_000, figure([900.0]), figure([10.0]), figure([90.0])),
]
CREATIONS = Creations(
    [Creation("prime", 1_000, figure([200.0, 220.0])), Creation("prime", 1_000_000, figure([250.0, 310.0]))],
    {"prime": figure([4_000.0]), "instavm": figure([3_000.0])},
    {"prime": figure([12_000.0]), "instavm": figure([10_000.0])},
    figure([0.3, 0.5]),
    [Body("prime", "lists", 413, figure([5.0])), Body("prime", "members", 422, figure([20.0, 70.0]))],
)
WALKS = [
    Walk("at the root", 1_000_000, 700_000, figure([20.0]), figure([18.0, 19.0, 25.0])),
    Walk("in a namespace", 1_000, 700, figure([29.0, 30.0, 90.0]), figure([21.0])),
]
CHECKS = [Check("here", 300, 40, 0, (), 900.0)]


def run() -> Run:
    machine = Machine(2, "a processor", 8, "Linux", "3.11", {"wrk": "4.1.0"})
    reached = targets(OUTCOMES, STARTS, GROWTH, OVERHEAD, WRITES, CHECKS, CREATIONS, WALKS)
    parts = OUTCOMES, STARTS, GROWTH, OVERHEAD, WRITES, CHECKS, reached
    return Run("2026-01-18", machine, 2, 1.0, 0.1, 36_000, *parts, creations=CREATIONS, walks=WALKS)


def test_reading_is_what_the_lua_script_prints() -> None:
    assert read(PRINTED) == Reading(2_000.0, 0.8, 2.4, 1_000, 3, 35_000.0)


def test_wrk_without_figures_is_an_error() -> None:
    with pytest.raises(LoadError, match="unable to connect"):
        read("unable to connect to 127.0.0.1:1")


def test_figure_is_the_median_with_its_spread() -> None:
    found = figure([3.0, 1.0, 10.0])
    assert (found.median, found.low, found.high) == (3.0, 1.0, 10.0)


def test_ratio_to_nothing_is_zero() -> None:
    assert ratio(3.0, 0.0) == 0.0


def test_every_target_is_reported_as_reached_missed_or_not_measured() -> None:
    found = {each.figure: each for each in run().targets}
    assert found["filtered page of 50 rows, 1 k world, everything on ÷ ceiling"].met is True
    assert found["the same ÷ Prism, static"].reached == pytest.approx(605 / 55)
    assert found["the same ÷ WireMock, warm, canned"].met is None
    growth = found["any listing or facet at 1 M ÷ at 1 k"]
    assert (growth.reached, growth.remark) == (0.85, "the lowest is prime, deepest page")
    assert found["deepest page ÷ first page at 1 M"].reached == pytest.approx(850 / 900)
    assert found["start at 1 M sandboxes in one provider"].reached == 2.0
    document = found["processor time of a document that nobody has read, a thousand on a page"]
    assert (document.met, document.remark) == (False, "at the root 19.0 µs, in a namespace 21.0 µs")
    assert found["walk through 1 M documents in pages of 1,000"].reached == pytest.approx(30)
    tail = found["p99 of a filtered page at 16 connections ÷ its p50"]
    assert (tail.met, tail.remark) == (True, "2.50 ms ÷ 1.00 ms; the ceiling's own: 2.50")
    switched = found["everything on ÷ everything off, in one server"]
    assert (switched.reached, switched.remark) == (0.9, "everything on 40 µs, everything off 36 µs")
    page = found["filtered page after a write ÷ the page before it, at any size"]
    assert page.reached == pytest.approx((1.2 + 1.5) / 2)
    assert page.remark == "the highest is prime at 1,000, created each in its own instant"
    creation = found["processor time of a creation, at any size, in one frozen instant too"]
    assert (creation.reached, creation.unit) == (60.0, " µs"), "neither what no API does nor another write is counted"


def test_creations_have_targets_of_their_own() -> None:
    found = {each.figure: each for each in run().targets}
    cost = found["processor time of a request to create, at any size"]
    assert (cost.reached, cost.met, cost.remark) == (280.0, True, "the highest is prime at 1,000,000")
    speed = found["requests to create ÷ POSTs on bare uvicorn"]
    assert (speed.reached, speed.met, speed.remark) == (0.3, True, "the lowest is instavm")
    assert found["start to the first line of `fakeserver serve`, all operations"].reached == 0.4
    hostile = found["processor time that a hostile body takes from everybody else"]
    assert (hostile.reached, hostile.met, hostile.remark) == (45.0, True, "the highest is prime, members")
    unmeasured = targets(OUTCOMES, STARTS, GROWTH, OVERHEAD, WRITES, CHECKS)
    assert [each.met for each in unmeasured if each.figure in (cost.figure, hostile.figure)] == [None, None]


def test_target_bounds_hold_from_either_side() -> None:
    assert Target("x", 2.0, True, 2.0).met is True
    assert Target("x", 2.0, False, 2.1).met is False


def test_page_names_every_subject_and_why_one_is_missing() -> None:
    page = markdown(run(), {"Requests per second, side by side": "results.svg"})
    for each in OUTCOMES:
        assert each.name in page
    assert "not measured: java is not installed" in page
    assert "![Requests per second, side by side](results.svg)" in page
    tables = [line for line in page.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in tables)


def test_tables_have_as_many_cells_as_their_heads() -> None:
    page = markdown(run(), {})
    for block in page.split("\n\n"):
        if block.startswith("|"):
            assert len({line.count(" |") for line in block.splitlines()}) == 1, block


def test_page_of_a_part_leaves_the_others_out() -> None:
    page = markdown(replace(run(), outcomes=(), growth=None, overhead=None, writes=(), checks=(), creations=None), {})
    assert "control surface" not in page
    assert "Side by side" not in page
    assert "Growth" not in page
    assert "Writes" not in page
    assert "Creations" not in page


@pytest.mark.slow
def test_writes_are_measured_in_every_world_and_kind() -> None:
    """Each provider's page is answered before and after every write, and each write is one of its own."""
    told: list[str] = []
    found = writes.measure((30, 60), 1, told.append)
    assert [(each.provider, each.kind, each.size) for each in found] == [
        (provider, kind, size) for provider in PAGES for size in (30, 60) for kind in KINDS
    ]
    assert all(each.write_us.low > 0 and each.before_us.low > 0 and each.after_us.low > 0 for each in found)
    assert len(told) == len(PAGES)


@pytest.mark.slow
def test_creations_are_measured_in_every_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every provider makes sandboxes in each world, and answers every hostile body without a failure."""
    monkeypatch.setattr(creations, "COUNT", 5)
    monkeypatch.setattr(creations, "WARM_UP", 1)
    told: list[str] = []
    found = creations.costs((30, 60), 1, told.append)
    assert [(each.provider, each.size) for each in found] == [(name, size) for name in WISHES for size in (30, 60)]
    assert all(each.cpu_us.low > 0 for each in found)
    bodies = creations.hostile(1, told.append)
    assert len(bodies) == len(WISHES) * len([*creations.hostile_bodies()])
    assert all(each.status < 500 and each.cpu_ms.low > 0 for each in bodies)
    assert len(told) == len(WISHES) + 1


@pytest.mark.slow
def test_a_part_asks_for_no_more_than_it_needs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Writes are measured where there is neither wrk nor npm; load is not."""
    asked: list[str] = []

    def refuse() -> None:
        raise LoadError("wrk is not installed")

    monkeypatch.setattr(load, "require", refuse)
    monkeypatch.setattr(program, "install", lambda say: asked.append("rivals"))

    def measuring(name: str) -> Callable[..., dict[str, Any]]:
        def measure(*_: object) -> dict[str, Any]:
            asked.append(name)
            return {}

        return measure

    measured = {name: replace(part, measure=measuring(name)) for name, part in PART.items()}
    monkeypatch.setattr(program, "PART", measured)
    assert program.main(["--part", "writes", "--out", str(tmp_path)]) == 0
    assert program.main(["--part", "writes", "--part", "growth", "--out", str(tmp_path)]) == 1
    assert "wrk is not installed" in capsys.readouterr().err
    assert program.main(["--part", "starts", "--out", str(tmp_path)]) == 0
    assert asked == ["writes", "rivals", "starts"]


def test_the_run_that_is_kept_is_read_back() -> None:
    """As it was written, and as the page beside it says."""
    text = (HERE / "results.json").read_text(encoding="utf-8")
    found = kept.read(HERE / "results.json")
    assert json.loads(json.dumps(asdict(found))) == json.loads(text)
    pictures = {"Requests per second, side by side": "results.svg", "Growth with the size of the world": "growth.svg"}
    assert markdown(found, pictures) == (HERE / "RESULTS.md").read_text(encoding="utf-8")


def test_any_run_is_read_back(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps(asdict(run())), encoding="utf-8")
    found = kept.read(tmp_path / "results.json")
    assert asdict(found) == asdict(kept.value_of(Run, json.loads(json.dumps(asdict(run())))))
    assert markdown(found, {}) == markdown(run(), {})
    (tmp_path / "results.json").write_text(json.dumps({**asdict(run()), "moon": 1}), encoding="utf-8")
    with pytest.raises(ValueError, match="a Run has no moon"):
        kept.read(tmp_path / "results.json")


@pytest.mark.slow
def test_a_part_takes_its_place_in_the_run_that_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The others stay, and the page says that it was measured apart."""
    monkeypatch.setattr(program, "HERE", tmp_path)
    (tmp_path / "results.json").write_text(json.dumps(asdict(run())), encoding="utf-8")
    newer = [replace(WRITES[0], write_us=figure([77.0]))]
    part = Part(lambda *_: {"writes": newer}, loads=False)
    monkeypatch.setattr(program, "PART", {**PART, "writes": part})
    assert program.main(["--part", "writes", "--keep"]) == 0
    found = kept.read(tmp_path / "results.json")
    assert [write.write_us.median for write in found.writes] == [77.0]
    assert (found.date, len(found.outcomes), [*found.apart]) == (run().date, len(OUTCOMES), ["writes"])
    assert "- apart from the rest, writes: 20" in (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    created = next(each for each in found.targets if each.unit == " µs")
    assert created.reached == 77.0
    with pytest.raises(SystemExit):
        program.main(["--keep"])


def test_charts_are_well_formed_and_hold_every_measured_subject() -> None:
    bars = ElementTree.fromstring(charts.results(OUTCOMES))
    words = "".join(bars.itertext())
    assert OURS in words
    assert "WireMock" not in words
    grown = "".join(ElementTree.fromstring(charts.growth(GROWTH)).itertext())
    assert "deepest page (0.85)" in grown


def test_run_can_be_written_as_json() -> None:
    assert json.loads(json.dumps(asdict(run())))["page_bytes"] == 36_000


def test_mixed_queries_are_distinct_and_never_written_alike_twice() -> None:
    chosen = queries.full_pages(ROWS)
    mixed = queries.mix(chosen, 24)
    assert len({*mixed}) == 24
    fresh = queries.fresh(chosen, 24)
    assert len({*fresh}) == len(fresh) == 24 * queries.FRESH_ZEROS**2


def test_pages_that_are_unlike_are_far_apart_and_about_as_long() -> None:
    """Between two targets that mean the same page stand all others, and no two are written alike."""
    unlike = queries.unlike(queries.full_pages(ROWS))
    assert len({*unlike}) == len(unlike)
    meanings = [tuple(sorted(parse_qsl(urlsplit(each).query))) for each in unlike]
    pages = len({*meanings})
    assert pages >= queries.LEAST_UNLIKE
    for start in range(len(meanings) - pages + 1):
        assert len({*meanings[start : start + pages]}) == pages
    rows = [int(dict(each)["per_page"]) for each in meanings]
    assert abs(sum(rows) / len(rows) - queries.PAGE_ROWS) < 2


def test_full_pages_are_full() -> None:
    for query in queries.full_pages(ROWS):
        assert sum(map(query.holds, ROWS)) >= query.page * query.rows


def test_sample_finds_rows_by_their_plain_meaning() -> None:
    for query, found in queries.sample(ROWS, 50):
        assert all(query.status in (None, row[1]) and {*query.labels} <= {*row[2]} for row in found)


def test_mismatch_sees_wrong_totals_rows_and_ends() -> None:
    query = Query(status="RUNNING", rows=2)
    found = [row for row in ROWS if query.holds(row)]
    sandboxes = [{"id": each[0], "status": each[1], "labels": [*each[2]]} for each in found[:2]]
    body = {"sandboxes": sandboxes, "total": 150, "page": 1, "per_page": 2, "has_next": True}
    assert queries.mismatch(query, found, body) is None
    assert "total" in str(queries.mismatch(query, found, {**body, "total": 149}))
    assert "has_next" in str(queries.mismatch(query, found, {**body, "has_next": False}))
    assert "other rows" in str(queries.mismatch(query, found, {**body, "sandboxes": sandboxes[::-1]}))


def test_numbers_read_well() -> None:
    assert [number(value) for value in (0.5, 12.0, 1_234.5)] == ["0.50", "12", "1,234"]
    assert [short(size) for size in (1_000, 100_000, 1_000_000)] == ["1 k", "100 k", "1 M"]


def test_memory_of_a_process_that_is_gone_is_nothing() -> None:
    assert tree_memory_mb(2**30) in (0.0, None)


def test_rivals_are_pinned_to_one_version() -> None:
    assert all(version[0].isdigit() for version in pinned().values())
