"""The report as one self-contained HTML file."""

from __future__ import annotations

from html import escape

from contract_tests.outcome import Outcome
from contract_tests.reporting.causes import Cause
from contract_tests.reporting.report import Report, decide
from contract_tests.reporting.wording import causes_of, in_full, mark, power, printable, sentence_of, spent

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
body { color: #1c1e21; background: #fff }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #d8dbe0; vertical-align: top }
pre { font: 13px/1.45 ui-monospace, monospace; background: #f4f5f7; padding: .7rem }
pre { white-space: pre-wrap; overflow-wrap: anywhere } details { margin: .4rem 0 0 1rem }
.BROKEN { color: #b00020; font-weight: 600 } .ok { color: #0a6b2d }
.warning, .accepted, .known, .still { color: #8a5a00 }
@media (prefers-color-scheme: dark) {
  body { background: #15171a; color: #e6e8ea } td, th { border-color: #34383d } pre { background: #202327 }
  .BROKEN { color: #ff8a8a } .ok { color: #6fd08c }
  .warning, .accepted, .known, .still { color: #e0b060 }
}
"""


def render(report: Report) -> str:
    """One file without scripts or anything to load."""
    code, sentence = decide(report)
    rows = "".join(
        f'<tr><td class="{escape(mark(report, outcome))}">{escape(mark(report, outcome))}</td>'
        f"<td>{outcome.tier.value}</td><td>{escape(outcome.law)}</td><td>{escape(sentence_of(outcome))}</td></tr>"
        for outcome in report.outcomes
    )
    details = "".join(_section(report, cause) for cause in causes_of(report))
    notes = "".join(f"<li>{escape(note)}</li>" for note in report.notes)
    return printable(
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Contract of {escape(report.slug)}</title><style>{STYLE}</style>"
        f"<h1>Contract of {escape(report.slug)}</h1><p><strong>{escape(sentence)}</strong> (exit {code})</p>"
        f"<p>{escape(report.base_url)} · {escape(spent(report))} · {report.seconds:.1f} s</p>"
        f"<p>{escape(power(report))}</p>{f'<ul>{notes}</ul>' if notes else ''}{details}"
        "<h2>Laws</h2><table><thead><tr><th>Result</th><th>Tier</th><th>Law</th><th>Witness or reason</th></tr>"
        f"</thead><tbody>{rows}</tbody></table></html>\n"
    )


def _section(report: Report, cause: Cause) -> str:
    """A cause in full, and its symptoms, which open on a click."""
    symptoms = "".join(
        f"<details><summary>explains {escape(mark(report, each))}: {escape(each.law)}: {escape(each.sentence)}"
        f"</summary>{_block(report, each)}</details>"
        for each in cause.symptoms
    )
    outcome = cause.outcome
    heading = f'<h2 class="{escape(mark(report, outcome))}">{escape(outcome.law)}</h2>'
    return f"{heading}<p>{escape(outcome.sentence)}</p>{_block(report, outcome)}{symptoms}"


def _block(report: Report, outcome: Outcome) -> str:
    """All lines about a broken law but the first, which says no more than its heading."""
    return f"<pre>{escape(chr(10).join(line.strip() for line in in_full(report, outcome)[1:]))}</pre>"
