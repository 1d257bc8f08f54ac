"""One check of one provider: preflight, laws, the fake as oracle, conformance, and the power of all that."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from types import ModuleType

from contract_tests.judging.check import NO_5XX, Check, StopEarly
from contract_tests.judging.judge import Breach
from contract_tests.judging.target import Target, target
from contract_tests.laws import laws_for
from contract_tests.laws.plan import planned
from contract_tests.outcome import ListUnreadable, Options, Outcome, RunRecord, Snapshot
from contract_tests.reporting.exit_codes import MIN_POWER
from contract_tests.reporting.ledger import Accepted, applied
from contract_tests.reporting.report import Power, Report, fails
from contract_tests.sending.ask import Ask
from contract_tests.sending.in_process import Handler, InProcess
from contract_tests.sending.recorder import Recorder
from contract_tests.sending.transport import BudgetExhausted, SendingStopped, Transport, Unreachable

LIMITS: Mapping[str, tuple[int | None, int | None]] = {
    "polite": (25, 25),
    "default": (95, 120),
    "deep": (600, 800),
    "matrix": (None, None),
}
"""By profile: requests that the laws may send, and the laws and the oracle together."""


GATEWAY = frozenset({502, 503, 504})
"""What a gateway says of itself when the API behind it cannot be reached."""


class CouldNotCheck(Exception):
    """Nothing can be judged; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What laws and oracle found, and the record that a power figure is worked out from."""

    outcomes: tuple[Outcome, ...]
    record: RunRecord
    requests: int
    breaches: Mapping[str, list[Breach]] = field(default_factory=dict)
    prices: Mapping[str, int] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    cut_short: str = ""
    notes: tuple[str, ...] = ()


def module(name: str) -> ModuleType | None:
    """A layer of the kit that may not be installed."""
    try:
        return importlib.import_module(f"contract_tests.{name}")
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("contract_tests."):
            return None
        raise


def preflight(check: Check) -> None:
    """One authenticated request must be a listing; else the reason why nothing can be judged."""
    check.law = "pages.limits"  # The snapshot asks for the largest page.
    try:
        check.snapshot()
    except ListUnreadable as error:
        reply = error.reply
        what = check.slug
        if any(each.status == 200 for each in check.transport.replies if each is not reply):
            return  # The list is there, and a later page of it is wrong: a broken promise.
        if reply.status in (400, 422):
            return  # The largest documented page was refused: a broken promise.
        if reply.status == 401:
            for channel in check.target.security.channels[1:]:
                other = check.transport.send(Ask(check.path(), channel=channel))
                if other.status == 200:
                    check.law = "credentials.channels"
                    check.fail("the documented header is refused, another one is taken", reply.ask, other.ask)
                    raise BudgetExhausted("the main credential header is refused") from None
            raise CouldNotCheck(f"{what}: the credential was refused (401), so nothing could be judged") from None
        if reply.status in (403, 404):
            hint = f"; is the org {check.home!r} right?" if check.slug == "dreadnode" else "; is the base URL right?"
            raise CouldNotCheck(f"{what}: the list was answered with {reply.status}{hint}") from None
        if 300 <= reply.status < 400:
            raise CouldNotCheck(
                f"{what}: the deployment redirects (to {reply.headers.get('location', '?')[:80]}); "
                "no credential follows a redirect"
            ) from None
        if "html" in reply.media_type or reply.body[:200].lstrip().lower().startswith((b"<!doctype", b"<html")):
            raise CouldNotCheck(f"{what}: the base URL answers with an HTML page, not with the API") from None
        if reply.status == 200:
            return  # A listing of the wrong form is a broken promise, not a check that failed.
        if reply.status in GATEWAY and reply.media_type != "application/json":
            raise CouldNotCheck(f"{what}: a gateway answers with {reply.status} in the place of the API") from None
        if reply.status >= 500:
            return  # A server error twice in a row is one as well.
        raise CouldNotCheck(f"{what}: the list was answered with {reply.status}") from None


def judge(
    where: Target,
    transport: Transport,
    options: Options,
    *,
    with_oracle: bool = True,
    progress: Callable[[str, int], None] | None = None,
    interrupted: list[bool] | None = None,
) -> Judgement:
    """Laws and oracle. Raises CouldNotCheck when there is nothing to judge."""
    laws_limit, limit = LIMITS[options.profile]
    stage = ["laws"]
    recorder = Recorder(transport, (lambda sent: progress(stage[0], sent)) if progress else None)
    recorder.limit = laws_limit
    check = Check(where, recorder, options, planned(where.slug, options.profile))
    laws = laws_for(where.slug)
    notes: list[str] = []
    extra: list[Outcome] = []
    cut_short = ""
    try:
        preflight(check)
        if laws_limit is not None:
            # What is suspected is convicted by one last snapshot, and that has its price.
            last = sum(len(each.asks) for each in check.snapshots.values())
            recorder.limit = max(laws_limit - last, recorder.sent)
        quiet = [law for law in laws if law.run.__module__.endswith(".answers")]
        try:
            for law in laws:
                if law not in quiet:
                    check.run(law)
        except BudgetExhausted as reason:
            notes.append(f"{reason}; the laws behind it were not exercised")
        recorder.limit = laws_limit
        check.finish()
        oracle = module("oracle.layer") if with_oracle and options.profile != "matrix" else None
        if oracle is not None and not check.moved:
            stage[0] = "oracle"
            recorder.limit = limit
            extra = list(oracle.run(check))
    except StopEarly:
        pass
    except BudgetExhausted as reason:
        notes.append(str(reason))
    except SendingStopped as reason:
        if not any(reply.status == 200 for reply in recorder.replies) and NO_5XX not in check.breaches:
            raise CouldNotCheck(f"{where.slug}: {reason}") from None
        notes.append(cut_short := str(reason))
    except Unreachable as reason:
        if not any(reply.status == 200 for reply in recorder.replies):
            raise CouldNotCheck(str(reason)) from None
        notes.append(cut_short := f"{reason}; the rest was not exercised")
    except KeyboardInterrupt:
        notes.append(cut_short := "interrupted; the rest was not exercised")
        if interrupted is not None:
            interrupted.append(True)
    except ListUnreadable:
        notes.append("the unfiltered list could not be read")
    for law in laws:
        if law.run.__module__.endswith(".answers"):
            check.run(law)
    outcomes = [replace(check.outcome(law), page=law.page or where.listing.page) for law in laws]
    record = RunRecord(
        where.slug,
        options,
        {scope: snapshot.rows for scope, snapshot in check.snapshots.items()},
        None if check.other_snapshot is None else check.other_snapshot.rows,
        tuple(recorder.replies),
        (*outcomes, *extra),
    )
    return Judgement(
        outcomes=(*outcomes, *extra),
        record=record,
        requests=recorder.sent,
        breaches=check.breaches,
        prices=recorder.prices,
        snapshots=check.snapshots,
        cut_short=cut_short,
        notes=tuple(notes),
    )


def broken(outcomes: tuple[Outcome, ...], *, strict: bool) -> list[Outcome]:
    """The outcomes that fail a check: MUST always, SHOULD in a strict run."""
    return [each for each in outcomes if fails(each, strict=strict)]


def in_process(
    slug: str,
    handler: Handler,
    options: Options,
    credentials: Mapping[str, str],
    *,
    with_oracle: bool = True,
) -> Judgement:
    """Laws and oracle on a server in this process: for tests, false-alarm runs and planted bugs."""
    where = target(slug)
    return judge(where, InProcess(handler, where.security, credentials), options, with_oracle=with_oracle)


def default_options(slug: str, **more: object) -> Options:
    """The fake's default fixtures, seen by the admin with the outsider beside: what planted bugs are measured with."""
    orgs = {"dreadnode": ("acme", "globex"), "prime": ("research",)}.get(slug, ())
    given: dict[str, object] = {"orgs": orgs, "has_other": True, "strict": True, **more}
    return Options(**given)  # type: ignore[arg-type]


def default_credentials(slug: str) -> dict[str, str]:
    return {"token": f"{slug}-admin-key", "other": f"{slug}-outsider-key"}


LAYERS = ("laws", "oracle", "conformance", "power")


def of_failures(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """What the layers say about servers that fail."""
    return [each for each in outcomes if each.law == NO_5XX or each.law.endswith(": not_a_server_error")]


def check(
    slug: str,
    base_url: str,
    transport: Transport,
    options: Options,
    *,
    layers: Sequence[str] = LAYERS,
    min_power: float = MIN_POWER,
    ledger: Sequence[Accepted] = (),
    progress: Callable[[str, int], None] | None = None,
) -> Report:
    """All layers on one deployment. Whatever happens, the report holds what was found until then."""
    where, started = target(slug), time.perf_counter()
    stopped: list[bool] = []
    requests: dict[str, int] = {}
    outcomes: list[Outcome] = []
    notes: list[str] = []
    power: Power | None = None
    cut_short = ""

    def report(reason: str = "") -> Report:
        return Report(
            slug,
            base_url,
            options,
            tuple(outcomes),
            tuple(notes),
            requests,
            time.perf_counter() - started,
            power,
            min_power,
            reason,
            cut_short,
        )

    try:
        judgement = judge(
            where, transport, options, with_oracle="oracle" in layers, progress=progress, interrupted=stopped
        )
    except CouldNotCheck as reason:
        requests["laws"] = transport.sent
        return report(str(reason))
    except KeyboardInterrupt:
        return report("interrupted before anything could be judged")
    requests["laws and oracle"] = judgement.requests
    outcomes += [each for each in judgement.outcomes if each.layer in layers]
    notes += judgement.notes
    cut_short = judgement.cut_short
    later: list[tuple[str, Callable[[], None]]] = []

    def conform() -> None:
        layer = module("conformance.layer")
        if layer is None:
            notes.append("the layer conformance is not installed")
            return
        recorder = Recorder(transport, (lambda sent: progress("conformance", sent)) if progress else None)
        checker = Check(where, recorder, options)
        checker.snapshots = judgement.snapshots
        before = transport.sent
        try:
            outcomes.extend(layer.run(checker))
        finally:
            requests["conformance"] = transport.sent - before
            if checker.breaches.get(NO_5XX) and not any(fails(each, strict=False) for each in of_failures(outcomes)):
                outcomes[:] = [each for each in outcomes if each.law != NO_5XX]
                law = next(each for each in laws_for(slug) if each.name == NO_5XX)
                outcomes.append(replace(checker.outcome(law), page=law.page or where.listing.page))

    def weigh() -> None:
        nonlocal power
        layer = module("planted.power")
        if layer is not None:
            power = layer.of_record(judgement.record)

    if "conformance" in layers:
        later.append(("conformance", conform))
    if "power" in layers and {"laws", "oracle"} & set(layers):
        later.append(("power", weigh))
    for name, step in later:
        if stopped:
            break
        if progress is not None and name == "power":
            progress(name, transport.sent)
        try:
            step()
        except KeyboardInterrupt:
            notes.append(cut_short := f"interrupted during {name}")
            stopped.append(True)
        except (BudgetExhausted, SendingStopped, Unreachable, ListUnreadable) as reason:
            notes.append(cut_short := f"{name}: {reason}")
    if ledger:
        accepted, said = applied(outcomes, ledger, slug, date.today())
        outcomes[:] = accepted
        notes += said
    return report()
