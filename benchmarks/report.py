"""A run's figures as a Markdown page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.correctness import Check
from benchmarks.creations import Creations
from benchmarks.figures import Figure, ratio
from benchmarks.growth import SCATTERED, Growth
from benchmarks.machine import Machine
from benchmarks.overhead import PROVIDER, Overhead
from benchmarks.rounds import BASELINE, Outcome
from benchmarks.targets import CEILING, OURS, Target, rate
from benchmarks.walks import Walk
from benchmarks.writes import Write

WORDS = frozenset(
    {
        "figure",
        "met",
        "remark",
        "subject",
        "work for an answer",
        "request",
        "writes",
        "world",
        "where",
        "examples",
        "provider",
        "body",
    }
)
"""Columns that hold words and not numbers."""


GROWTH_NOTE = f"""*{SCATTERED}*: 2,000 pages from the whole world in turn, more rows than the server keeps encoded, so
this line shows the cost of making bodies; it is not part of the target. *First* is the very first such request in the
largest world, with the columns and bitmaps that had to be made for it. *New question* is the median of the other
questions of the kind when each was first asked, in the smallest and the largest world: nothing that the server
remembers of earlier answers helps there, and the bodies of a page's rows are made."""


WRITES_NOTE = """Processor time in one process, without a network: a sandbox is created, changed or removed, with a
filtered page of 50 rows right before and after it. Every round begins with an untouched world. A write is the mean of
its round, so that it has every document in it that had to make room; pages are medians, and the rows that come onto
them have been read before. No API creates sandboxes *between seeded ones*, but stores and tests may: each opens a gap
in the order, for which the bitmaps of the page's filters are shifted. It stands outside the targets."""


CREATIONS_NOTE = """The request with which an SDK creates a sandbox, from its path to its answer. *µs* is processor time
in one process, without a network, in worlds that nobody has touched; of Dreadnode it is the start of a new runtime.
Over a socket sixteen connections send the same POST over and over, to the fake and to bare uvicorn, which reads the
body and sends the bytes that the fake has answered; a runtime makes one sandbox, so Dreadnode is not there."""
WALKS_NOTE = """A whole list of Prime's, page by page, in servers that nobody has asked anything before; the processor
time is the server's. In a namespace all dates are counted from another instant."""
HOSTILE_NOTE = """Bodies that cost as much as any that are known, sent to the same operations (of Dreadnode, to the one
that ensures a runtime). While one is looked at, nobody else is answered."""


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that one run found; a part that was not asked for is empty."""

    date: str
    machine: Machine
    rounds: int
    seconds: float
    load_average: float = 0.0
    """Of the minute before the run: above a few tenths, something else was running too."""
    page_bytes: int = 0
    outcomes: Sequence[Outcome] = ()
    starts: Mapping[str, Figure] = field(default_factory=dict)
    growth: Growth | None = None
    overhead: Overhead | None = None
    writes: Sequence[Write] = ()
    checks: Sequence[Check] = ()
    targets: Sequence[Target] = ()
    apart: Mapping[str, str] = field(default_factory=dict)
    """Parts that were measured apart from the others, each with when and where."""
    creations: Creations | None = None
    walks: Sequence[Walk] = ()


def markdown(run: Run, charts: Mapping[str, str]) -> str:
    """The whole page; `charts` maps a chart's caption to its file."""
    pictures = {caption: f"![{caption}]({file})" for caption, file in charts.items()}
    parts = [
        "# Benchmark",
        "Written by `make bench`; every figure is a median over interleaved rounds, lowest and highest in brackets.",
        machine_lines(run),
        "## Targets",
        target_table(run.targets),
    ]
    if run.outcomes:
        parts += [
            "## Side by side",
            f"The same page for all: about {run.page_bytes / 1e3:.0f} kB of JSON. `wrk -t1 -c16` on loopback walks "
            "through 100 distinct queries. A rival that indents its JSON gets fewer rows on a page, so that the bytes "
            "are the same.",
            *(pictures[caption] for caption in charts if caption.startswith("Requests")),
            speed_table(run),
            weight_table(run),
        ]
    if run.overhead:
        parts += [
            "## The control surface",
            f"{PROVIDER}'s page of 50 rows from three worlds of one server: with everything on, without rate limits "
            "(which are counted and reported in every answer, and refuse none), and without the journal as well.",
            overhead_table(run.overhead),
        ]
    if run.growth:
        parts += [
            "## Growth",
            "Requests per second of the same request in worlds of more and more sandboxes, one provider at a time.",
            *(pictures[caption] for caption in charts if caption.startswith("Growth")),
            growth_table(run.growth),
            GROWTH_NOTE,
            start_table(run.growth),
        ]
    if run.writes:
        parts += ["## Writes", WRITES_NOTE, write_table(run.writes)]
    if run.creations:
        found = run.creations
        parts += ["## Creations", CREATIONS_NOTE, creation_table(found), HOSTILE_NOTE, hostile_table(found)]
    if run.walks:
        parts += ["## Walks", WALKS_NOTE, walk_table(run.walks)]
    if run.checks:
        parts += ["## Correctness", check_table(run.checks)]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---" if name in WORDS else "---:" for name in head], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def machine_lines(run: Run) -> str:
    machine = run.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    return "\n".join(
        [
            f"- {run.date}; {run.rounds} rounds of {run.seconds:g} s; load average before: {run.load_average:.2f}",
            f"- {machine.processors} processors ({machine.model}), {machine.memory_gb} GB, {machine.system}",
            f"- Python {machine.python}; {versions}",
            *(f"- apart from the rest, {part}: {words}" for part, words in run.apart.items()),
        ]
    )


def target_table(targets: Sequence[Target]) -> str:
    words = {True: "yes", False: "**no**", None: "not measured"}
    rows = [
        [
            each.figure,
            f"{'≥' if each.at_least else '≤'} {each.bound:g}{each.unit}",
            "-" if each.reached is None else f"{number(each.reached)}{each.unit}",
            words[each.met],
            each.remark,
        ]
        for each in targets
    ]
    return table(["figure", "target", "reached", "met", "remark"], rows)


def number(value: float) -> str:
    """Two digits behind the point where they matter."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"


def spread(figure: Figure, digits: int = 0) -> str:
    return f"{figure.median:,.{digits}f} ({figure.low:,.{digits}f}-{figure.high:,.{digits}f})"


def by_speed(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return sorted(outcomes, key=lambda each: -(rate(each) or 0))


def speed_table(run: Run) -> str:
    ceiling = next((rate(each) for each in run.outcomes if each.name == CEILING), None) or 0.0
    mine = next((rate(each) for each in run.outcomes if each.name == OURS), None) or 0.0
    rows = []
    for each in by_speed(run.outcomes):
        label = f"{each.name} {each.version}"
        if each.speed is None:
            rows.append([label, each.note, *[""] * 7, each.work])
            continue
        found = each.speed
        failures = f"; {found.failures} of {found.answers} answers failed" if found.failures else ""
        rows.append(
            [
                label,
                spread(found.requests_per_second),
                f"{ratio(found.requests_per_second.median, ceiling):.2f}",
                times(mine, found.requests_per_second.median),
                f"{found.p50_ms.median:.2f}",
                f"{found.p99_ms.median:.2f}",
                f"{found.bytes_per_answer / 1e3:.1f}",
                f"{each.cpu_us.median:,.0f}" if each.cpu_us else "-",
                str(each.rows),
                each.work + failures,
            ]
        )
    head = [
        "subject",
        "requests/s",
        "÷ ceiling",
        "ours ÷ it",
        "p50 ms",
        "p99 ms",
        "kB",
        "CPU µs",
        "rows",
        "work for an answer",
    ]
    return table(head, rows)


def times(mine: float, other: float) -> str:
    found = ratio(mine, other)
    return f"{found:.1f}" if found >= 1.05 else f"{found:.2f}"


def weight_table(run: Run) -> str:
    rows = []
    mine = next((each for each in run.outcomes if each.name == OURS), None)
    our_start = run.starts.get(OURS)
    for each in run.outcomes:
        start = run.starts.get(each.name)
        if start is None and each.idle_mb is None:
            continue
        rows.append(
            [
                each.name,
                spread(start, 2) if start else "-",
                f"{ratio(start.median, our_start.median):.2f}" if start and our_start else "-",
                f"{each.idle_mb:.0f}" if each.idle_mb else "-",
                f"{each.loaded_mb:.0f}" if each.loaded_mb else "-",
                f"{ratio(each.idle_mb, mine.idle_mb):.2f}" if mine and mine.idle_mb and each.idle_mb else "-",
            ]
        )
    if BASELINE in run.starts:
        imports = run.starts[BASELINE]
        share = f"{ratio(imports.median, our_start.median):.2f}" if our_start else "-"
        rows.append([f"`{BASELINE}`", spread(imports, 2), share, "-", "-", "-"])
    return table(["subject", "start to first answer, s", "÷ ours", "idle MB", "loaded MB", "idle ÷ ours"], rows)


def overhead_table(overhead: Overhead) -> str:
    rows = [[name, spread(cost.speed), spread(cost.cpu_us)] for name, cost in overhead.worlds.items()]
    return table(["world", "requests/s", "CPU µs"], rows)


def growth_table(growth: Growth) -> str:
    sizes = sorted({line.size for line in growth.lines})
    rows = []
    for provider, kind in growth.kinds():
        lines = growth.of(provider, kind)
        rows.append(
            [
                f"{provider}, {kind}",
                *(f"{line.speed.requests_per_second.median:,.0f}" for line in lines),
                f"{growth.growth_ratio(provider, kind):.2f}",
                f"{lines[-1].speed.p99_ms.median:.2f}",
                f"{lines[-1].speed.bytes_per_answer / 1e3:.1f}",
                f"{lines[-1].first_ms:.1f}",
                " / ".join("-" if line.fresh_ms is None else f"{line.fresh_ms:.1f}" for line in (lines[0], lines[-1])),
            ]
        )
    head = [
        "request",
        *(short(size) for size in sizes),
        "largest ÷ smallest",
        "p99 ms",
        "kB",
        "first, ms",
        "new question, ms",
    ]
    return table(head, rows)


def start_table(growth: Growth) -> str:
    rows = [
        [
            f"{each.provider}, {short(each.size)}",
            spread(each.seconds, 2),
            f"{each.idle_mb:.0f}" if each.idle_mb else "-",
            f"{each.loaded_mb:.0f}" if each.loaded_mb else "-",
        ]
        for each in growth.starts
    ]
    return table(["world", "start to first answer, s", "idle MB", "loaded MB"], rows)


def walk_table(walks: Sequence[Walk]) -> str:
    rows = [
        [
            f"{each.size:,}, {each.where}",
            f"{each.documents:,}",
            spread(each.cpu_us, 1),
            spread(each.million_seconds, 1),
        ]
        for each in walks
    ]
    return table(["world", "documents", "CPU µs", "s for a million"], rows)


def write_table(writes: Sequence[Write]) -> str:
    sizes = sorted({write.size for write in writes})
    found = {(write.provider, write.kind, write.size): write for write in writes}
    rows = []
    for provider, kind in dict.fromkeys((write.provider, write.kind) for write in writes):
        row = [found.get((provider, kind, size)) for size in sizes]
        rows.append(
            [
                f"{provider}, {kind}",
                *(f"{write.write_us.median:,.0f}" if write else "-" for write in row),
                *(f"{write.before_us.median:.1f} / {write.after_us.median:.1f}" if write else "-" for write in row),
                " / ".join(f"{write.after_to_before:.2f}" if write else "-" for write in row),
            ]
        )
    costs = (f"write at {short(size)}, µs" for size in sizes)
    pages = (f"page before / after at {short(size)}, µs" for size in sizes)
    return table(["writes", *costs, *pages, "after ÷ before"], rows)


def creation_table(creations: Creations) -> str:
    sizes = sorted({each.size for each in creations.costs})
    found = {(each.provider, each.size): each.cpu_us for each in creations.costs}
    rows = []
    for provider in dict.fromkeys(each.provider for each in creations.costs):
        over = ["-"] * 3
        if provider in creations.speeds:
            speeds = creations.speeds[provider], creations.ceilings[provider]
            over = [*map(spread, speeds), f"{creations.to_ceiling(provider):.2f}"]
        rows.append([provider, *(spread(found[provider, size]) for size in sizes), *over])
    head = ["provider", *(f"µs at {short(size)}" for size in sizes), "creations/s", "bare uvicorn/s", "÷ ceiling"]
    return table(head, rows)


def hostile_table(creations: Creations) -> str:
    providers = list(dict.fromkeys(each.provider for each in creations.hostile))
    found = {(each.provider, each.body): each for each in creations.hostile}
    rows = []
    for body in dict.fromkeys(each.body for each in creations.hostile):
        cells = (found[provider, body] for provider in providers)
        rows.append([body, *(f"{each.cpu_ms.median:.1f} ({each.status})" for each in cells)])
    return table(["body", *(f"{provider}, ms (status)" for provider in providers)], rows)


def check_table(checks: Sequence[Check]) -> str:
    return table(
        ["where", "rows in the list", "answers compared", "differ", "requests/s meanwhile", "examples"],
        [[*check_cells(check)] for check in checks],
    )


def check_cells(check: Check) -> Iterator[str]:
    yield check.where
    yield f"{check.rows:,}"
    yield f"{check.answers:,}"
    yield str(check.mismatches)
    yield f"{check.load_requests_per_second:,.0f}" if check.load_requests_per_second else "-"
    yield "; ".join(check.examples) or "-"


def short(size: int) -> str:
    """1 k, 10 k, 1 M."""
    return f"{size // 1_000_000} M" if size >= 1_000_000 else f"{size // 1_000} k"
