"""`fakeserver check`: does a deployment keep its published contract?"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from contract_tests import run
from contract_tests.cli.arguments import Given, parse
from contract_tests.cli.recordings import save
from contract_tests.judging.session import budget_of
from contract_tests.judging.target import target
from contract_tests.reporting import exit_codes, markdown, text
from contract_tests.reporting.formats import IN_FILES, ON_STDOUT
from contract_tests.reporting.progress import Progress
from contract_tests.reporting.report import Report, decide
from contract_tests.sending.address import is_loopback
from contract_tests.sending.credentials import Credentials
from contract_tests.sending.recorded import FromRecording
from contract_tests.sending.tape import Tape
from contract_tests.sending.wire import Wire
from fakeserver.arguments import UsageError


def budget(given: Given) -> str:
    """What the run will send at most, before it does."""
    if given.source is not None:
        number = len(given.source.watching.recorded)
        return f"{given.slug}: {number} recorded exchanges of {given.base_url or 'nothing known'}; nothing is sent"
    most = budget_of(given.options).shared
    parts = [f"at most {most} requests for laws and oracle"]
    if any(layer.name == "conformance" for layer in given.layers):
        parts.append("and those of the conformance layer, which states its own number")
    pace = (
        "not throttled, since the target is this machine" if is_loopback(given.base_url) else f"{given.rate:g} a second"
    )
    return f"{given.slug}: {' '.join(parts)}; GET and HEAD only, {pace}"


def open_transport(given: Given) -> Wire | FromRecording:
    """The deployment, or the recording in its place."""
    if given.source is not None:
        return given.source.transport()
    return Wire(given.base_url, target(given.slug).security, given.credentials, rate=given.rate)


def write_files(given: Given, report: Report, credentials: Credentials) -> None:
    """The files that were asked for, and the summary of the job that runs this."""
    for name, path in given.files.items():
        path.write_text(credentials.redact(IN_FILES[name](report)), encoding="utf-8")
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with open(summary, "a", encoding="utf-8") as stream:
            stream.write(credentials.redact(markdown.render(report)))


def told_on_stdout(given: Given, report: Report) -> str:
    """The report in the format that was asked for. Where that is none for people, they get the verdict on stderr."""
    if given.format == "text":
        return text.render(report, colour=sys.stdout.isatty() and not os.environ.get("NO_COLOR"))
    print(f"{given.slug}: {decide(report)[1]}", file=sys.stderr)
    return ON_STDOUT[given.format](report)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one check; the exit status is the verdict."""
    try:
        given = parse(sys.argv[1:] if argv is None else argv)
    except UsageError as error:
        print(error, file=sys.stderr)
        return exit_codes.USAGE
    print(budget(given), file=sys.stderr)
    most = budget_of(given.options).shared
    progress = Progress(sys.stderr, {"laws": most, "oracle": most})
    tape, transport, saved = Tape(), open_transport(given), True
    try:
        report = run.check(
            given.slug,
            given.base_url,
            transport,
            given.options,
            layers=given.layers,
            min_power=given.min_power,
            accepted=given.accepted,
            progress=progress,
            tape=tape,
        )
    finally:
        transport.close()
        progress.done()
        if given.save is not None:
            saved = save(given.save, given.slug, given.base_url, given.options, tape, transport.credentials)
    sys.stdout.write(transport.credentials.redact(told_on_stdout(given, report)))
    write_files(given, report, transport.credentials)
    code = decide(report)[0]
    return code if saved or code == exit_codes.BROKEN else exit_codes.COULD_NOT_CHECK
