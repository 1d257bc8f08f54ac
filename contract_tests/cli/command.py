"""`fakeserver check`: does a deployment keep its published contract?"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from contract_tests import run
from contract_tests.cli import files
from contract_tests.cli.arguments import Given, parse
from contract_tests.cli.interruption import Interruption
from contract_tests.cli.recordings import save
from contract_tests.cli.streams import complain, take_any_character, tell
from contract_tests.judging.session import budget_of
from contract_tests.judging.target import target
from contract_tests.reporting import exit_codes, markdown, text
from contract_tests.reporting.baseline import compare
from contract_tests.reporting.formats import IN_FILES, ON_STDOUT
from contract_tests.reporting.progress import Progress
from contract_tests.reporting.redaction import redact
from contract_tests.reporting.report import Report, decide
from contract_tests.sending.connecting import UnusableSetting
from contract_tests.sending.credentials import Credentials
from contract_tests.sending.pace import rate_of
from contract_tests.sending.recorded import FromRecording
from contract_tests.sending.tape import Tape
from contract_tests.sending.wire import Wire
from fakeserver.arguments import UsageError

SUMMARY = "GITHUB_STEP_SUMMARY"
DEBUG = "FAKESERVER_DEBUG"
"""Set, it has the places told where the kit itself has failed."""


def budget(given: Given) -> str:
    """What the run will send at most, before it does."""
    if given.source is not None:
        number = len(given.source.watching.recorded)
        return f"{given.slug}: {number} recorded exchanges of {given.base_url or 'nothing known'}; nothing is sent"
    most = budget_of(given.options).shared
    parts = [f"at most {most} requests for laws and oracle"]
    if any(layer.name == "conformance" for layer in given.layers):
        parts.append("and those of the conformance layer, which states its own number")
    rate = rate_of(given.base_url, given.rate)
    pace = "not throttled, since the target is this machine" if rate is None else f"{rate:g} a second"
    return f"{given.slug}: {' '.join(parts)}; GET and HEAD only, {pace}"


def open_wire(given: Given) -> Wire:
    """The way to the deployment. Raises UnusableSetting."""
    return Wire(
        given.base_url,
        target(given.slug).security,
        given.credentials,
        rate=given.rate,
        timeout=given.timeout,
        added=given.added,
        cacert=given.cacert,
    )


def open_transport(given: Given) -> Wire | FromRecording:
    """The deployment, or the recording in its place. Raises UnusableSetting."""
    return open_wire(given) if given.source is None else given.source.transport()


def examine(
    given: Given,
    transport: Wire | FromRecording,
    tape: Tape,
    interruption: Interruption,
    debug: Callable[[Exception], None],
) -> Report:
    """The report on a deployment, whatever happens on the way."""
    most = budget_of(given.options).shared
    progress = Progress(sys.stderr, {"laws": most, "oracle": most})

    def tell_progress(*how_far: object) -> None:
        interruption.heed()
        with suppress(OSError, ValueError):  # The terminal may be gone.
            progress(*how_far)  # type: ignore[arg-type]  # Handed on as it came.

    try:
        return run.check(
            given.slug,
            given.base_url,
            transport,
            given.options,
            layers=given.layers,
            min_power=given.min_power,
            accepted=given.accepted,
            progress=tell_progress,
            tape=tape,
            unforeseen=debug,
        )
    except KeyboardInterrupt:
        return Report(given.slug, given.base_url, given.options, could_not_check="interrupted")
    except Exception as error:
        debug(error)
        return Report(given.slug, given.base_url, given.options, could_not_check=run.describe(error))
    finally:
        interruption.running = False
        transport.close()
        with suppress(OSError, ValueError):
            progress.done()


def write_files(given: Given, report: Report, debug: Callable[[Exception], None]) -> bool:
    """The files that were asked for; whether all could be written. What could not is told on stderr."""
    written = True
    for name, path in given.files.items():
        try:
            files.write(path, IN_FILES[name](report))
        except OSError as error:
            complain(f"--{name}: {path} could not be written ({files.reason_of(error)})")
            written = False
        except Exception as error:
            complain(f"--{name}: {path} could not be written: {run.describe(error)}")
            debug(error)
            written = False
    return written


def write_recording(given: Given, tape: Tape, credentials: Credentials, debug: Callable[[Exception], None]) -> bool:
    """The recording, if it was asked for; whether it could be written. What could not is told on stderr."""
    if given.save is None:
        return True
    try:
        return save(given.save, given.slug, given.base_url, given.options, tape, credentials)
    except Exception as error:
        complain(f"--save: {given.save} could not be written: {run.describe(error)}")
        debug(error)
        return False


def write_summary(report: Report, debug: Callable[[Exception], None]) -> None:
    """The summary of the job that runs this, where there is one: a courtesy, which changes no exit code."""
    summary = os.environ.get(SUMMARY)
    if not summary:
        return
    try:
        files.append(Path(summary), markdown.render(report))
    except Exception as error:
        if not isinstance(error, OSError):
            debug(error)
        complain(f"warning: the summary of the job could not be written: {SUMMARY} is {summary!a}")


def told_on_stdout(given: Given, report: Report) -> str:
    """The report in the format that was asked for. Where that is none for people, they get the verdict on stderr."""
    if given.format == "text":
        colour = sys.stdout is not None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        return text.render(report, colour=colour)
    complain(f"{given.slug}: {decide(report)[1]}")
    return ON_STDOUT[given.format](report)


def publish(given: Given, report: Report, debug: Callable[[Exception], None]) -> int:
    """Write and print the report; the exit status. A report that could not be made is an error, but none that hides a
    broken promise. Nobody has to read what is printed."""
    code = decide(report)[0]
    made = write_files(given, report, debug)
    write_summary(report, debug)
    try:
        told = told_on_stdout(given, report)
    except Exception as error:
        debug(error)
        complain(f"the report could not be put into words: {run.describe(error)}")
        told, made = f"{given.slug}: {decide(report)[1]}\n", False
    tell(sys.stdout, told)
    return code if made or code == exit_codes.BROKEN else exit_codes.COULD_NOT_CHECK


def debugging(hide: Callable[[str], str]) -> Callable[[Exception], None]:
    """What shows where the kit itself has failed, without the secrets, or how somebody can see that."""

    def debug(error: Exception) -> None:
        where = hide("".join(traceback.format_exception(error))) if os.environ.get(DEBUG) else f"{DEBUG}=1 shows where"
        complain(where)

    return debug


def run_check(argv: Sequence[str]) -> int:
    """Run one check; the exit status is the verdict. Raises UsageError."""
    given = parse(argv)
    hide = Credentials(given.credentials, given.added.values()).redact
    debug = debugging(hide)
    with Interruption() as interruption:
        try:
            transport = open_transport(given)
        except UnusableSetting as error:
            raise UsageError(f"fakeserver check: {error}") from None
        complain(budget(given))
        tape = Tape()
        report = redact(examine(given, transport, tape, interruption, debug), hide)
        if given.baseline is not None:
            report = compare(report, given.baseline)
        interruption.code = decide(report)[0]
        recorded = write_recording(given, tape, transport.credentials, debug)
        code = publish(given, report, debug)
        return code if recorded or code == exit_codes.BROKEN else exit_codes.COULD_NOT_CHECK


def main(argv: Sequence[str] | None = None) -> int:
    """Run one check; the exit status is the verdict. Whatever nobody foresaw is one sentence, and no verdict."""
    take_any_character()
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        return run_check(given)
    except UsageError as error:
        complain(str(error))
        return exit_codes.USAGE
    except KeyboardInterrupt:
        complain("could not check: interrupted")
    except Exception as error:
        # Nobody knows which arguments are secrets, so all are taken for some.
        complain(f"could not check: {run.describe(error)}")
        debugging(Credentials({}, given).redact)(error)
    return exit_codes.COULD_NOT_CHECK
