"""A report as text, Markdown, JUnit, JSON and one self-contained HTML file. None holds a credential."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any
from xml.etree import ElementTree

from contract_tests.judging.target import target
from contract_tests.outcome import Outcome, Row, Verdict
from contract_tests.reporting import exit_codes
from contract_tests.reporting.report import Report, fails

MAX_ROW = 360
MAX_UNSEEN = 5
MARKS = {Verdict.HOLDS: "ok", Verdict.BROKEN: "BROKEN", Verdict.INCONCLUSIVE: "?", Verdict.ACCEPTED: "accepted"}


def shortened(row: Row) -> str:
    text = json.dumps(row, ensure_ascii=False, separators=(", ", ": "))
    return text if len(text) <= MAX_ROW else text[:MAX_ROW] + " …"


def curls(report: Report, outcome: Outcome) -> list[str]:
    security = target(report.slug).security
    return [ask.curl(report.base_url, security) for ask in outcome.asks]


def mark(report: Report, outcome: Outcome) -> str:
    if outcome.verdict is Verdict.BROKEN and not fails(outcome, strict=report.options.strict):
        return "warning"
    return MARKS[outcome.verdict]


def said(outcome: Outcome) -> str:
    return outcome.witness if outcome.verdict is Verdict.HOLDS else outcome.sentence


def spent(report: Report) -> str:
    parts = [f"{count} for {layer}" for layer, count in report.requests.items()]
    return f"{sum(report.requests.values())} requests ({', '.join(parts)})" if parts else "no request"


def power(report: Report) -> str:
    if report.power is None:
        return ""
    sentence = f"This run would have caught {report.power.caught} of {report.power.total} known fault types"
    unseen = "; ".join(report.power.unseen[:MAX_UNSEEN])
    return f"{sentence}; not seen: {unseen}." if unseen else sentence + "."


def terminal(report: Report, *, colour: bool = False) -> str:
    """Law × result, then every broken law in full."""
    _, sentence = exit_codes.decide(report)
    if report.could_not_check:
        return f"{sentence}\n"
    width = max((len(each.law) for each in report.outcomes), default=0)
    lines = []
    for each in report.outcomes:
        lines.append(f"{mark(report, each):<9}{each.tier.value:<7}{each.law:<{width}}  {said(each)[:110]}".rstrip())
    for each in report.outcomes:
        if each.verdict is Verdict.BROKEN:
            lines += ["", *_in_full(report, each)]
    lines += ["", *(f"note: {note}" for note in report.notes)]
    lines += [line for line in (power(report), f"{spent(report)}, {report.seconds:.1f} s") if line]
    lines.append(f"{report.slug}: {sentence}")
    text = "\n".join(lines) + "\n"
    return text if not colour else text.replace("BROKEN", "\x1b[31mBROKEN\x1b[0m")


def _in_full(report: Report, outcome: Outcome) -> list[str]:
    lines = [f"{mark(report, outcome)}: {outcome.law}: {outcome.sentence}"]
    if outcome.promise:
        where = f" (reference page {outcome.page})" if outcome.page else ""
        lines.append(f"  promised: {outcome.promise}{where}")
    lines += [f"  {line}" for line in curls(report, outcome)]
    lines += [f"  row: {shortened(row)}" for row in outcome.rows]
    return lines


def as_json(report: Report) -> str:
    code, sentence = exit_codes.decide(report)
    value: dict[str, Any] = {
        "provider": report.slug,
        "base_url": report.base_url,
        "exit_code": code,
        "verdict": sentence,
        "profile": report.options.profile,
        "seed": report.options.seed,
        "strict": report.options.strict,
        "requests": dict(report.requests),
        "seconds": round(report.seconds, 2),
        "power": None
        if report.power is None
        else {
            "caught": report.power.caught,
            "total": report.power.total,
            "unseen": list(report.power.unseen),
            "minimum": report.min_power,
        },
        "notes": list(report.notes),
        "laws": [
            {
                "law": each.law,
                "layer": each.layer,
                "tier": each.tier.value,
                "result": mark(report, each).lower() if each.verdict is not Verdict.INCONCLUSIVE else "inconclusive",
                "sentence": each.sentence,
                "witness": each.witness,
                "promise": each.promise,
                "page": each.page,
                "requests": curls(report, each),
                "rows": list(each.rows),
            }
            for each in report.outcomes
        ],
    }
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def printable(text: str) -> str:
    """XML knows no control characters."""
    return "".join(each if each in "\t\n\r" or " " <= each <= "\ud7ff" or each >= "\ue000" else "�" for each in text)


def junit(report: Report) -> str:
    code, sentence = exit_codes.decide(report)
    root = ElementTree.Element("testsuites", name=f"contract of {report.slug}")
    layers: dict[str, list[Outcome]] = {}
    for each in report.outcomes:
        layers.setdefault(each.layer, []).append(each)
    if report.could_not_check:
        suite = ElementTree.SubElement(root, "testsuite", name=report.slug, tests="1", errors="1")
        case = ElementTree.SubElement(suite, "testcase", classname=report.slug, name="preflight")
        ElementTree.SubElement(case, "error", message=printable(sentence))
    for layer, outcomes in layers.items():
        failing = [each for each in outcomes if fails(each, strict=report.options.strict)]
        skipped = [each for each in outcomes if each.verdict is Verdict.INCONCLUSIVE]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=f"{report.slug}.{layer}",
            tests=str(len(outcomes)),
            failures=str(len(failing)),
            skipped=str(len(skipped)),
            errors="0",
        )
        for each in outcomes:
            case = ElementTree.SubElement(
                suite, "testcase", classname=f"{report.slug}.{layer}", name=printable(each.law)
            )
            if each in failing:
                failure = ElementTree.SubElement(case, "failure", message=printable(each.sentence))
                failure.text = printable("\n".join(_in_full(report, each)))
            elif each.verdict is Verdict.INCONCLUSIVE:
                ElementTree.SubElement(case, "skipped", message=printable(each.sentence))
            elif each.verdict is not Verdict.HOLDS:
                ElementTree.SubElement(case, "system-out").text = printable("\n".join(_in_full(report, each)))
            else:
                ElementTree.SubElement(case, "system-out").text = printable(each.witness)
    if code == exit_codes.UNDER_POWERED:
        suite = ElementTree.SubElement(root, "testsuite", name=f"{report.slug}.power", tests="1", failures="1")
        case = ElementTree.SubElement(suite, "testcase", classname=f"{report.slug}.power", name="power")
        ElementTree.SubElement(case, "failure", message=printable(sentence))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
body { color: #1c1e21; background: #fff }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #d8dbe0; vertical-align: top }
pre { font: 13px/1.45 ui-monospace, monospace; background: #f4f5f7; padding: .7rem }
pre { white-space: pre-wrap; overflow-wrap: anywhere }
.BROKEN { color: #b00020; font-weight: 600 } .ok { color: #0a6b2d } .warning, .accepted { color: #8a5a00 }
@media (prefers-color-scheme: dark) {
  body { background: #15171a; color: #e6e8ea } td, th { border-color: #34383d } pre { background: #202327 }
  .BROKEN { color: #ff8a8a } .ok { color: #6fd08c } .warning, .accepted { color: #e0b060 }
}
"""


def html(report: Report) -> str:
    """One file without scripts or anything to load."""
    code, sentence = exit_codes.decide(report)
    rows = "".join(
        f'<tr><td class="{mark(report, each)}">{mark(report, each)}</td><td>{each.tier.value}</td>'
        f"<td>{escape(each.law)}</td><td>{escape(said(each))}</td></tr>"
        for each in report.outcomes
    )
    details = "".join(_section(report, each) for each in report.outcomes if each.verdict is Verdict.BROKEN)
    notes = "".join(f"<li>{escape(note)}</li>" for note in report.notes)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Contract of {escape(report.slug)}</title><style>{STYLE}</style>"
        f"<h1>Contract of {escape(report.slug)}</h1><p><strong>{escape(sentence)}</strong> (exit {code})</p>"
        f"<p>{escape(report.base_url)} · {escape(spent(report))} · {report.seconds:.1f} s</p>"
        f"<p>{escape(power(report))}</p>{f'<ul>{notes}</ul>' if notes else ''}{details}"
        "<h2>Laws</h2><table><thead><tr><th>Result</th><th>Tier</th><th>Law</th><th>Witness or reason</th></tr>"
        f"</thead><tbody>{rows}</tbody></table></html>\n"
    )


def _section(report: Report, outcome: Outcome) -> str:
    evidence = "\n".join(curls(report, outcome))
    rows = "\n".join(shortened(row) for row in outcome.rows)
    page = f" (reference page {escape(outcome.page)})" if outcome.page else ""
    return (
        f'<h2 class="{mark(report, outcome)}">{escape(outcome.law)}</h2><p>{escape(outcome.sentence)}</p>'
        f"<p>Promised: {escape(outcome.promise)}{page}</p>"
        f"{f'<pre>{escape(evidence)}</pre>' if evidence else ''}{f'<pre>{escape(rows)}</pre>' if rows else ''}"
    )


def markdown(report: Report) -> str:
    """For a job's summary."""
    code, sentence = exit_codes.decide(report)
    lines = [f"### Contract of {report.slug}", "", f"**{cell(sentence)}** (exit {code})", ""]
    if report.outcomes:
        lines += ["| result | tier | law | witness or reason |", "|---|---|---|---|"]
        for each in report.outcomes:
            lines.append(f"| {mark(report, each)} | {each.tier.value} | {cell(each.law)} | {cell(said(each)[:200])} |")
    for each in report.outcomes:
        if each.verdict is Verdict.BROKEN:
            lines += ["", "```", *_in_full(report, each), "```"]
    return "\n".join([*lines, "", cell(power(report)), ""])


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


FORMATS: Mapping[str, Any] = {"junit": junit, "html": html, "json": as_json}
