"""The report as workflow commands of GitHub Actions: annotations of the job that runs the check.

GitHub shows ten annotations of a kind for one step, so the verdict comes first, and a symptom is told with its cause.
"""

from __future__ import annotations

from contract_tests.reporting import exit_codes
from contract_tests.reporting.causes import Cause
from contract_tests.reporting.report import Report, decide, fails
from contract_tests.reporting.wording import causes_of, explained, in_full, printable


def render(report: Report) -> str:
    """One command for the verdict, and one for each cause, with its evidence and its symptoms."""
    code, sentence = decide(report)
    level = "notice" if code == exit_codes.HOLDS else "error"
    verdict = "\n".join([f"{report.slug}: {sentence}", *(f"note: {note}" for note in report.notes)])
    lines = [command(level, f"contract of {report.slug}", verdict)]
    lines += [_annotate(report, cause) for cause in causes_of(report)]
    return "\n".join([*lines, ""])


def _annotate(report: Report, cause: Cause) -> str:
    failing = any(fails(each, strict=report.options.strict) for each in (cause.outcome, *cause.symptoms))
    text = "\n".join([*in_full(report, cause.outcome), *explained(report, cause)])
    return command("error" if failing else "warning", f"{report.slug}: {cause.outcome.law}", text)


def command(level: str, title: str, text: str) -> str:
    """A workflow command in one line; text of a deployment's cannot end it, nor begin another one."""
    return f"::{level} title={escape_property(printable(title))}::{escape(printable(text))}"


def escape(text: str) -> str:
    """The text as the message of a command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """The text as a property of a command, behind which others may follow."""
    return escape(text).replace(":", "%3A").replace(",", "%2C")
