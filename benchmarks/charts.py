"""Two small charts as SVG, written by hand: bars side by side, and lines over the size of the world."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from benchmarks.figures import Figure
from benchmarks.growth import Growth
from benchmarks.report import by_speed, short
from benchmarks.rounds import Outcome
from benchmarks.targets import CEILING, OURS

INK, FAINT, GRID, PAPER = "#1f2430", "#6b7280", "#e5e7eb", "#ffffff"
OUR_COLOUR, REFERENCE_COLOUR, RIVAL_COLOUR = "#0f766e", "#9ca3af", "#d97706"
LINE_COLOURS = ("#0f766e", "#d97706", "#7c3aed", "#be123c", "#2563eb", "#4d7c0f", "#6b7280")
FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
WIDTH = 860
BAR_LEFT, BAR_RIGHT, BAR_STEP, BAR_HEIGHT = 230, 110, 34, 20
PANEL_HEIGHT, PANEL_TOP, PANEL_LEFT, PLOT_WIDTH, PLOT_HEIGHT = 250, 34, 70, 480, 170
LEGEND_STEP = 18


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label, its length and spread, and whose it is."""

    label: str
    figure: Figure
    colour: str


def text(x: float, y: float, words: str, *, size: int = 13, anchor: str = "start", colour: str = INK) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}"'
    return f"<text {place}>{escape(words)}</text>"


def line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1) -> str:
    place = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {place} stroke="{colour}" stroke-width="{width:g}"/>'


def picture(height: float, title: str, parts: Sequence[str]) -> str:
    size = f'viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" height="{height:.0f}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{FONT}">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{WIDTH}" height="{height:.0f}" fill="{PAPER}"/>',
            text(20, 26, title, size=16),
            *parts,
            "</svg>\n",
        ]
    )


def bars_of(outcomes: Sequence[Outcome]) -> list[Bar]:
    found = []
    for each in by_speed(outcomes):
        if each.speed:
            ours = each.name.startswith(OURS)
            colour = OUR_COLOUR if ours else RIVAL_COLOUR if each.rival else REFERENCE_COLOUR
            found.append(Bar(each.name, each.speed.requests_per_second, colour))
    return found


def results(outcomes: Sequence[Outcome]) -> str:
    """Requests per second, one bar per subject, the spread as a thin line."""
    bars = bars_of(outcomes)
    longest = max((bar.figure.high for bar in bars), default=1.0)
    ceiling = next((bar.figure.median for bar in bars if bar.label == CEILING), 0.0)
    scale = (WIDTH - BAR_LEFT - BAR_RIGHT) / longest
    parts = []
    for index, bar in enumerate(bars):
        top = 48 + index * BAR_STEP
        middle = top + BAR_HEIGHT / 2
        length = max(bar.figure.median * scale, 1)
        parts += [
            text(BAR_LEFT - 10, middle + 4, bar.label, anchor="end"),
            f'<rect x="{BAR_LEFT}" y="{top}" width="{length:.1f}" height="{BAR_HEIGHT}" fill="{bar.colour}"/>',
            line(BAR_LEFT + bar.figure.low * scale, middle, BAR_LEFT + bar.figure.high * scale, middle, INK, 1.5),
        ]
        share = f" ({bar.figure.median / ceiling:.2f})" if ceiling else ""
        end = BAR_LEFT + max(length, bar.figure.high * scale) + 8
        parts.append(text(end, middle + 4, f"{bar.figure.median:,.0f}{share}", size=12))
    height = 48 + len(bars) * BAR_STEP + 28
    foot = "wrk, 16 connections, the same bytes from all; brackets: share of the ceiling; thin lines: lowest to highest"
    parts.append(text(20, height - 10, foot, size=11, colour=FAINT))
    return picture(height, "Requests per second, a page of 50 sandboxes", parts)


def growth(found: Growth) -> str:
    """Requests per second over the size of the world, a panel per provider."""
    providers = [*dict.fromkeys(provider for provider, _ in found.kinds())]
    parts: list[str] = []
    for index, provider in enumerate(providers):
        parts += panel(found, provider, 44 + index * PANEL_HEIGHT)
    height = 44 + len(providers) * PANEL_HEIGHT + 26
    foot = "across: sandboxes in the world; in brackets: requests per second in the largest world ÷ in the smallest"
    parts.append(text(20, height - 12, foot, size=11, colour=FAINT))
    return picture(height, "Requests per second in worlds of more and more sandboxes", parts)


def panel(found: Growth, provider: str, top: float) -> list[str]:
    kinds = [kind for each, kind in found.kinds() if each == provider]
    lines = {kind: found.of(provider, kind) for kind in kinds}
    sizes = sorted({each.size for each in found.lines})
    most = rounded_up(max(each.speed.requests_per_second.median for each in found.lines if each.provider == provider))
    floor, roof = top + PANEL_TOP + PLOT_HEIGHT, top + PANEL_TOP

    def across(size: int) -> float:
        span = math.log(sizes[-1] / sizes[0]) or 1.0
        return PANEL_LEFT + PLOT_WIDTH * math.log(size / sizes[0]) / span

    def up(value: float) -> float:
        return floor - PLOT_HEIGHT * value / most

    parts = [text(20, top + 18, provider, size=14)]
    for step in range(5):
        value = most * step / 4
        parts.append(line(PANEL_LEFT, up(value), PANEL_LEFT + PLOT_WIDTH, up(value), GRID))
        parts.append(text(PANEL_LEFT - 8, up(value) + 4, f"{value:,.0f}", size=11, anchor="end", colour=FAINT))
    for size in sizes:
        parts.append(text(across(size), floor + 16, short(size), size=11, anchor="middle", colour=FAINT))
    ordered = sorted(kinds, key=lambda kind: -lines[kind][-1].speed.requests_per_second.median)
    for place, kind in enumerate(ordered):
        colour = LINE_COLOURS[kinds.index(kind) % len(LINE_COLOURS)]
        points = [(across(each.size), up(each.speed.requests_per_second.median)) for each in lines[kind]]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        height = roof + 8 + place * LEGEND_STEP
        left = PANEL_LEFT + PLOT_WIDTH + 24
        parts.append(line(left, height - 4, left + 18, height - 4, colour, 3))
        parts.append(text(left + 26, height, f"{kind} ({found.growth_ratio(provider, kind):.2f})", size=12))
    return parts


def rounded_up(value: float) -> float:
    """The next number with one or two plain digits, for the top of an axis."""
    if value <= 0:
        return 1.0
    unit: float = 10.0 ** math.floor(math.log10(value))
    return next(step * unit for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * unit >= value)
