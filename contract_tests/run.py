"""One check of one provider: every layer in turn, and whatever happens, a report of what was found until then."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from contract_tests.judging.check import NO_5XX, StopEarly
from contract_tests.judging.ledger import Ledger
from contract_tests.judging.recordings import Watching
from contract_tests.judging.session import SHARED_ACCOUNT, CouldNotCheck, Layer, Progress, Session
from contract_tests.judging.snapshots import doubts
from contract_tests.judging.target import target
from contract_tests.laws import laws_for
from contract_tests.laws.layer import Laws
from contract_tests.laws.plan import read_plan
from contract_tests.outcome import Lack, ListUnreadable, Options, Outcome
from contract_tests.promises.deviations import Deviation
from contract_tests.reporting.ledger import notes_on
from contract_tests.reporting.report import Report, failing, min_power_of
from contract_tests.sending.address import is_loopback
from contract_tests.sending.tape import Tape
from contract_tests.sending.transport import BudgetExhausted, NotRecorded, SendingStopped, Transport, Unreachable


def open_session(
    slug: str,
    transport: Transport,
    options: Options,
    progress: Progress | None = None,
    ledger: Ledger | None = None,
    tape: Tape | None = None,
) -> Session:
    """A run that is about to begin, with the laws of the provider and the probes of the profile; by default with what
    the package knows of its deployments."""
    plan = read_plan(slug, options.profile, options.has_other + options.has_colleague)
    laws = tuple(laws_for(slug))
    return Session(target(slug), transport, options, laws, plan, progress, ledger or ledger_of(slug), tape or Tape())


def ledger_of(slug: str, accepted: Sequence[Deviation] = ()) -> Ledger:
    """What the package knows of the provider's deployments, and what the caller accepts."""
    return Ledger(slug, target(slug).promises.deviations, accepted)


def judge(session: Session, layers: Sequence[Layer]) -> None:
    """Every layer in turn, then what laws say that only watched. Raises CouldNotCheck when there is nothing to judge.

    What ends a layer early is noted, and the next one has its turn, unless somebody has interrupted the run."""
    for layer in layers:
        before = session.transport.sent
        try:
            session.enter(layer.name)
            findings = layer.run(session)
            session.keep(findings.outcomes)
            session.power = findings.power or session.power
        except KeyboardInterrupt:
            shared = layer.account == SHARED_ACCOUNT
            session.abandon("interrupted; the rest was not exercised" if shared else f"interrupted during {layer.name}")
            break
        except (StopEarly, BudgetExhausted, SendingStopped, Unreachable, ListUnreadable, NotRecorded) as reason:
            note_end(session, layer, reason)
        finally:
            session.book(layer.account, session.transport.sent - before)
    for law in session.laws:
        if law.passive:
            session.check.run(law)
    session.notes += doubts(session.check.snapshots)


def note_end(session: Session, layer: Layer, reason: Exception) -> None:
    """Note why a layer has ended early. Where nothing was ever answered, nothing can be judged: CouldNotCheck."""
    if isinstance(reason, StopEarly):
        return
    if layer.account != SHARED_ACCOUNT:
        session.cut(f"{layer.name}: {reason}")
        return
    match reason:
        case ListUnreadable():
            session.notes.append("the unfiltered list could not be read")
        case BudgetExhausted():
            session.notes.append(str(reason))
            session.check.reasons.ended = Lack.BUDGET, str(reason)
        case NotRecorded():
            session.notes.append(str(reason))
            session.check.reasons.ended = Lack.RECORDING, str(reason)
        case SendingStopped():
            if not session.answered and NO_5XX not in session.check.breaches:
                raise CouldNotCheck(f"{session.target.slug}: {reason}") from None
            session.cut(str(reason))
        case Unreachable():
            if not session.answered:
                raise CouldNotCheck(str(reason)) from None
            session.cut(f"{reason}; the rest was not exercised")


def check(
    slug: str,
    base_url: str,
    transport: Transport,
    options: Options,
    *,
    layers: Sequence[Layer],
    min_power: float | None = None,
    accepted: Sequence[Deviation] = (),
    progress: Progress | None = None,
    tape: Tape | None = None,
    unforeseen: Callable[[Exception], None] | None = None,
) -> Report:
    """These layers on one deployment. The laws are exercised in any case, since all others build on their snapshots,
    and reported where they are among the layers. Whatever fails in the kit itself is handed to `unforeseen`, and what
    was found until then is reported; without it, it is raised."""
    started = time.perf_counter()
    ledger = ledger_of(slug, accepted)
    session = open_session(slug, transport, options, progress, ledger, tape)
    least = min_power_of(options.profile) if min_power is None else min_power
    report = Report(slug, base_url, options, min_power=least)
    try:
        judge(session, with_laws(layers))
    except CouldNotCheck as reason:
        seconds = time.perf_counter() - started
        return replace(report, could_not_check=str(reason), requests={"laws": transport.sent}, seconds=seconds)
    except KeyboardInterrupt:
        session.abandon("interrupted")
    except Exception as error:
        if unforeseen is None:
            raise
        unforeseen(error)
        session.abandon(describe(error))
    deviations = ledger.standings(session.outcomes, session.replies)
    return replace(
        report,
        outcomes=tuple(outcomes_of(session, {layer.name for layer in layers})),
        notes=(*session.notes, *notes_on(deviations, aside=is_loopback(base_url))),
        deviations=deviations,
        requests=session.requests,
        seconds=time.perf_counter() - started,
        power=session.power,
        cut_short=session.cut_short,
        unused=session.unused,
        abandoned=session.abandoned,
    )


def with_laws(layers: Sequence[Layer]) -> list[Layer]:
    """These layers and the laws, behind those that send nothing and look at a recording."""
    if Laws() in layers:
        return [*layers]
    first = [layer for layer in layers if isinstance(layer, Watching)]
    return [*first, Laws(), *(layer for layer in layers if layer not in first)]


def describe(error: Exception) -> str:
    """Something that nobody foresaw, in words that hold no secret."""
    return f"the kit itself failed ({type(error).__name__}), which says nothing about the deployment"


def outcomes_of(session: Session, layers: set[str]) -> list[Outcome]:
    """The outcomes of these layers. A failure that only a layer beside the laws has met twice, and that no outcome of
    its own tells, breaks the law about failures."""
    outcomes = [outcome for outcome in session.outcomes if outcome.layer in layers]
    beside = session.beside
    if beside is None or NO_5XX not in beside.breaches or failing(of_failures(outcomes), strict=False):
        return outcomes
    law = next(law for law in session.laws if law.name == NO_5XX)
    return [*(outcome for outcome in outcomes if outcome.law != NO_5XX), beside.outcome(law)]


def of_failures(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """What the layers say about servers that fail."""
    return [outcome for outcome in outcomes if outcome.law == NO_5XX or outcome.law.endswith(": not_a_server_error")]
