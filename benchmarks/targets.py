"""What the project promises itself, and what a run reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.correctness import Check
from benchmarks.creations import Creations
from benchmarks.figures import Figure, ratio
from benchmarks.growth import SCATTERED, Growth
from benchmarks.overhead import Overhead
from benchmarks.rounds import BASELINE, Outcome
from benchmarks.walks import Walk
from benchmarks.writes import BETWEEN, CREATIONS, Write

OURS = "fakeserver"
FRESH = f"{OURS}, no query twice"
UNLIKE = f"{OURS}, no page twice"
CEILING = "ceiling: bare uvicorn"
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Target:
    """One promise: what is measured, the bound, and what was reached (None: this run did not measure it)."""

    figure: str
    bound: float
    at_least: bool
    reached: float | None
    unit: str = ""
    remark: str = ""

    @property
    def met(self) -> bool | None:
        if self.reached is None:
            return None
        return self.reached >= self.bound if self.at_least else self.reached <= self.bound


def targets(
    outcomes: Sequence[Outcome],
    starts: Mapping[str, Figure],
    growth: Growth | None,
    overhead: Overhead | None,
    writes: Sequence[Write],
    checks: Sequence[Check],
    creations: Creations | None = None,
    walks: Sequence[Walk] = (),
) -> list[Target]:
    """The table of the project's targets, in its order."""
    return [
        *speed_targets({each.name: each for each in outcomes}),
        *growth_targets(growth),
        *start_targets(starts, growth),
        *memory_targets({each.name: each for each in outcomes}, growth),
        tail_target({each.name: each for each in outcomes}),
        Target(
            "everything on ÷ everything off, in one server",
            0.85,
            True,
            overhead.on_to_off if overhead else None,
            remark=", ".join(f"{name} {cost.cpu_us.median:.0f} µs" for name, cost in overhead.worlds.items())
            if overhead
            else "",
        ),
        *write_targets(writes),
        *creation_targets(creations),
        *walk_targets(walks),
        Target(
            "answers that differ from a comprehension over all rows",
            0,
            False,
            float(sum(check.mismatches for check in checks)) if checks else None,
            remark=f"of {sum(check.answers for check in checks):,}" if checks else "",
        ),
    ]


def rate(outcome: Outcome | None) -> float | None:
    return outcome.speed.requests_per_second.median if outcome and outcome.speed else None


def cpu(outcome: Outcome | None) -> float | None:
    """Microseconds of processor time of an answer."""
    return outcome.cpu_us.median if outcome and outcome.cpu_us else None


def compared(outcomes: Mapping[str, Outcome], name: str) -> float | None:
    """Our requests per second ÷ another subject's."""
    mine, other = rate(outcomes.get(OURS)), rate(outcomes.get(name))
    return ratio(mine, other) if mine and other else None


def speed_targets(outcomes: Mapping[str, Outcome]) -> Iterator[Target]:
    page = "filtered page of 50 rows, 1 k world, everything on"
    fresh = rate(outcomes.get(FRESH))
    ceiling = rate(outcomes.get(CEILING))
    remark = f"no query twice: {ratio(fresh, ceiling):.2f}" if fresh and ceiling else ""
    yield Target(f"{page} ÷ ceiling", 0.5, True, compared(outcomes, CEILING), remark=remark)
    yield Target("the same ÷ Prism, static", 10, True, compared(outcomes, "Prism"))
    yield Target("the same ÷ WireMock, warm, canned", 4, True, compared(outcomes, "WireMock"))
    beta = compared(outcomes, "json-server 1.0 beta")
    remark = f"the 1.0 beta, which cannot filter by label: {beta:.1f}" if beta else ""
    what = "the same ÷ json-server filtering 1 k rows"
    yield Target(what, 25, True, compared(outcomes, "json-server"), remark=remark)
    for name, bound in ((OURS, 1.45), (FRESH, 1.9)):
        mine, ceilings, unlike = (cpu(outcomes.get(each)) for each in (name, CEILING, UNLIKE))
        beside = f"; no page twice: {unlike:.1f} µs" if unlike and name == FRESH else ""
        yield Target(
            f"processor time of that page ÷ the ceiling's{'' if name == OURS else ', no query twice'}",
            bound,
            False,
            ratio(mine, ceilings) if mine and ceilings else None,
            remark=f"{mine:.1f} µs ÷ {ceilings:.1f} µs{beside}" if mine and ceilings else "",
        )


def growth_targets(growth: Growth | None) -> Iterator[Target]:
    kinds = [each for each in growth.kinds() if each[1] != SCATTERED] if growth else []
    slowest = min(kinds, key=lambda each: growth.growth_ratio(*each), default=None) if growth else None
    sizes = sorted({line.size for line in growth.lines}) if growth else []
    largest = "1 M" if not sizes or sizes[-1] == MILLION else f"{sizes[-1]:,}"
    yield Target(
        f"any listing or facet at {largest} ÷ at 1 k",
        0.8,
        True,
        growth.growth_ratio(*slowest) if growth and slowest else None,
        remark=f"the lowest is {slowest[0]}, {slowest[1]}" if slowest else "",
    )
    depths = {}
    for provider in sorted({provider for provider, _ in kinds}):
        depth = growth.depth_ratio(provider) if growth else None
        if depth is not None:
            depths[provider] = depth
    yield Target(
        f"deepest page ÷ first page at {largest}",
        0.9,
        True,
        min(depths.values(), default=None),
        remark=", ".join(f"{provider} {depth:.2f}" for provider, depth in depths.items()),
    )


def write_targets(writes: Sequence[Write]) -> Iterator[Target]:
    within = [write for write in writes if write.kind != BETWEEN]
    slowest = max(within, key=lambda write: write.after_to_before, default=None)
    yield Target(
        "filtered page after a write ÷ the page before it, at any size",
        1.5,
        False,
        slowest.after_to_before if slowest else None,
        remark=f"the highest is {slowest.provider} at {slowest.size:,}, {slowest.kind}" if slowest else "",
    )
    created = [write for write in within if write.kind in CREATIONS]
    dearest = max(created, key=lambda write: write.write_us.median, default=None)
    yield Target(
        "processor time of a creation, at any size, in one frozen instant too",
        100,
        False,
        dearest.write_us.median if dearest else None,
        " µs",
        f"the highest is {dearest.provider} at {dearest.size:,}, {dearest.kind}" if dearest else "",
    )


def creation_targets(creations: Creations | None) -> Iterator[Target]:
    dearest = max(creations.costs, key=lambda each: each.cpu_us.median) if creations else None
    yield Target(
        "processor time of a request to create, at any size",
        300,
        False,
        dearest.cpu_us.median if dearest else None,
        " µs",
        f"the highest is {dearest.provider} at {dearest.size:,}" if dearest else "",
    )
    slowest = min(creations.speeds, key=creations.to_ceiling) if creations else None
    yield Target(
        "requests to create ÷ POSTs on bare uvicorn",
        0.3,
        True,
        creations.to_ceiling(slowest) if creations and slowest else None,
        remark=f"the lowest is {slowest}" if slowest else "",
    )
    seconds = creations.first_line_seconds.median if creations else None
    yield Target("start to the first line of `fakeserver serve`, all operations", 0.4, False, seconds, " s")
    worst = max(creations.hostile, key=lambda each: each.cpu_ms.median) if creations else None
    yield Target(
        "processor time that a hostile body takes from everybody else",
        50,
        False,
        worst.cpu_ms.median if worst else None,
        " ms",
        f"the highest is {worst.provider}, {worst.body}" if worst else "",
    )


def walk_targets(walks: Sequence[Walk]) -> Iterator[Target]:
    told = ", ".join(f"{each.where} {each.cpu_us.median:.1f} µs" for each in walks)
    dearest = max((each.cpu_us.median for each in walks), default=None)
    what = "processor time of a document that nobody has read, a thousand on a page"
    yield Target(what, 20, False, dearest, " µs", told)
    slowest = max((each.million_seconds.median for each in walks), default=None)
    yield Target("walk through 1 M documents in pages of 1,000", 20, False, slowest, " s")


def start_targets(starts: Mapping[str, Figure], growth: Growth | None) -> Iterator[Target]:
    mine, imports = starts.get(OURS), starts.get(BASELINE)
    what = "start to first answer, four providers at 1 k"
    yield Target(what, 0.5, False, mine.median if mine else None, " s")
    relative = ratio(mine.median, imports.median) if mine and imports else None
    remark = f"the imports take {imports.median:.2f} s" if imports else ""
    yield Target(f"{what} ÷ `{BASELINE}`", 2.2, False, relative, remark=remark)
    big = {each.provider: each.seconds.median for each in growth.starts if each.size == MILLION} if growth else {}
    yield Target(
        "start at 1 M sandboxes in one provider",
        3,
        False,
        max(big.values(), default=None),
        " s",
        ", ".join(f"{provider} {seconds:.2f} s" for provider, seconds in big.items()),
    )


def memory_targets(outcomes: Mapping[str, Outcome], growth: Growth | None) -> Iterator[Target]:
    mine = outcomes.get(OURS)
    loaded = f"loaded {mine.loaded_mb:.0f} MB" if mine and mine.loaded_mb else ""
    yield Target("idle memory, four providers at 1 k", 50, False, mine.idle_mb if mine else None, " MB", loaded)
    big = [each for each in growth.starts if each.size == MILLION and each.idle_mb] if growth else []
    yield Target(
        "idle memory, 1 M in one provider",
        400,
        False,
        max((each.idle_mb or 0 for each in big), default=None),
        " MB",
        ", ".join(f"{each.provider} {each.idle_mb:.0f} MB, loaded {each.loaded_mb or 0:.0f} MB" for each in big),
    )


def tail_target(outcomes: Mapping[str, Outcome]) -> Target:
    mine = outcomes.get(OURS)
    tail = mine.speed.tail if mine and mine.speed else None
    what = "p99 of a filtered page at 16 connections ÷ its p50"
    found = f"{mine.speed.p99_ms.median:.2f} ms ÷ {mine.speed.p50_ms.median:.2f} ms" if mine and mine.speed else ""
    ceiling = outcomes.get(CEILING)
    if found and ceiling and ceiling.speed:
        found += f"; the ceiling's own: {ceiling.speed.tail:.2f}"
    return Target(what, 3, False, tail, remark=found)
