"""What a run proves: by the probes that it sent and judged, with its rows, and by bugs that chose none of them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from contract_tests.outcome import Options, Power, Sent
from contract_tests.planted import BUGS, Rows, correct, power
from contract_tests.planted.backend import documents_of, load
from contract_tests.planted.bug import Bug
from contract_tests.planted.exercise import default_options, exercise
from contract_tests.planted.matrix import PLANTED, name_of, read_matrix
from contract_tests.planted.power import Measured
from contract_tests.planted.replay import transport
from contract_tests.sending.ask import Ask

LIST, STATUS = Ask("/sandboxes"), Ask("/sandboxes", (("status", "paused"),))
SNAPSHOT, FILTER, APART = "pages.limits:", "filters.single:status", "tenancy.apart:filtered"
ROWS: Rows = {"main": documents_of(load("superserve", size=60))["main"]}


def bug(name: str) -> Bug:
    return next(each for each in BUGS if (each.slug, each.name) == ("superserve", name))


IGNORED, NAIVE = bug("status_ignored"), bug("created_naive")
BOTH = (IGNORED, NAIVE)


def sent(*asked: tuple[str, Ask], rows: Rows = ROWS) -> list[Sent]:
    server = transport("superserve", correct("superserve", rows))
    return [Sent(account, (server.send(ask),)) for account, ask in asked]


def knowing(kills: Mapping[str, set[str]], **more: Mapping[str, object]) -> Measured:
    """That these probes convict `IGNORED`, and the snapshot `NAIVE`."""
    planted = {"listSandboxes created_naive": {SNAPSHOT}} | dict(kills)
    return Measured({name: frozenset(probes) for name, probes in planted.items()}, **more)  # type: ignore[arg-type]  # Fields by name.


KNOWN = knowing({name_of(IGNORED): {FILTER}})


def weigh(asked: list[Sent], judged: set[str], known: Measured = KNOWN, rows: Rows = ROWS) -> Power:
    return power.of("superserve", asked, frozenset(judged), rows, known, BOTH)


def test_a_bug_counts_where_its_probe_was_sent_and_judged() -> None:
    """The same request without its probe is no credit, nor is a probe that was cut off."""
    asked = sent((SNAPSHOT, LIST), (FILTER, STATUS))
    assert weigh(asked, {SNAPSHOT, FILTER}).names == ()
    assert weigh(asked, {SNAPSHOT}).names == ("status_ignored",)
    assert weigh(asked[:1], {SNAPSHOT, FILTER}).names == ("status_ignored",)
    elsewhere = sent((SNAPSHOT, LIST), ("filters.unknown:status", STATUS))
    assert weigh(elsewhere, {SNAPSHOT, "filters.unknown:status"}).names == ("status_ignored",)


def test_a_bug_counts_where_these_rows_show_it() -> None:
    """A filter that is ignored cannot be seen where all rows match."""
    rows: Rows = {"main": [row for row in ROWS["main"] if row["status"] == "paused"][:20]}
    asked = sent((SNAPSHOT, LIST), (FILTER, STATUS), rows=rows)
    assert weigh(asked, {SNAPSHOT, FILTER}, rows=rows).names == ("status_ignored",)


def test_a_difference_in_the_list_tells_whatever_is_held_against_it() -> None:
    """A probe whose own answer is right convicts a server whose list is wrong."""
    known = Measured({name_of(NAIVE): frozenset({FILTER})})
    asked = sent((SNAPSHOT, LIST), (FILTER, STATUS))
    assert power.of("superserve", asked, frozenset({SNAPSHOT, FILTER}), ROWS, known, (NAIVE,)).caught == 1
    assert power.of("superserve", asked, frozenset({SNAPSHOT}), ROWS, known, (NAIVE,)).caught == 0


def test_a_bug_that_chose_its_probe_counts_by_the_plans_made_without_it() -> None:
    """The known ones are counted whole, the estimate takes the share; what no plan decides about is whole there too."""
    asked = sent((SNAPSHOT, LIST), (FILTER, STATUS), (APART, STATUS))
    held_out = {name_of(IGNORED): 0.25}
    found = weigh(asked, {SNAPSHOT, FILTER}, knowing({name_of(IGNORED): {FILTER}}, held_out=held_out))
    assert (found.caught, found.total) == (2, 2)
    assert (found.estimate.caught, found.estimate.total) == (1.25, 2)
    never = knowing({name_of(IGNORED): {FILTER}}, held_out={name_of(IGNORED): 0.0})
    found = weigh(asked, {SNAPSHOT, FILTER}, never)
    assert (found.caught, found.estimate.caught) == (2, 1)
    between_callers = knowing({name_of(IGNORED): {FILTER, APART}}, held_out=held_out)
    assert weigh(asked, {SNAPSHOT, FILTER, APART}, between_callers).estimate.caught == 2


def test_bugs_of_the_other_make_count_by_probe_and_rows() -> None:
    """Each of them whose probe was sent and judged, as far as rows like these show the planted ones whose probe was."""
    other_make = {"a": frozenset({FILTER}), "b": frozenset({"cursors.walk:whole"}), "c": frozenset[str]()}
    known = knowing({name_of(IGNORED): {FILTER}}, other_make=other_make)
    asked = sent((SNAPSHOT, LIST), (FILTER, STATUS))
    estimate = weigh(asked, {SNAPSHOT, FILTER}, known).estimate
    assert (estimate.caught, estimate.total) == (3, 5)
    rows: Rows = {"main": [row for row in ROWS["main"] if row["status"] == "paused"][:20]}
    estimate = weigh(sent((SNAPSHOT, LIST), (FILTER, STATUS), rows=rows), {SNAPSHOT, FILTER}, known, rows).estimate
    assert (estimate.caught, estimate.total) == (1.5, 5)
    assert weigh([], set(), known).estimate.caught == 0


def test_power_of_an_empty_account_says_so() -> None:
    """Where there are no rows, the sentences say it before anything else."""
    rows: Rows = {"main": []}
    asked = sent((SNAPSHOT, LIST), rows=rows)
    found = weigh(asked, {SNAPSHOT}, rows=rows)
    assert (found.caught, found.unseen[0]) == (0, "the account has no sandboxes")


def test_without_figures_a_run_is_credited_with_nothing() -> None:
    """A provider's bugs whose probes nobody has measured count as missed."""
    asked = sent((SNAPSHOT, LIST), (FILTER, STATUS))
    assert weigh(asked, {SNAPSHOT, FILTER}, Measured({})).caught == 0


def test_requests_side_by_side_are_replayed_as_they_were_sent() -> None:
    """A current user that is kept in a global shows where both callers asked at once, and nowhere else."""
    shared = bug("caller_in_a_global")
    assert {"repeats.together:other"} <= read_matrix(PLANTED)["superserve"][name_of(shared)]
    for options, seen in (({}, True), ({"has_other": False, "has_colleague": False}, False)):
        session = exercise("superserve", correct("superserve", size=120), default_options("superserve", **options))
        assert ("caller_in_a_global" not in power.of_record(session.record).names) is seen


@pytest.mark.parametrize("slug", ["dreadnode", "superserve"])
def test_a_run_knows_which_probes_it_has_judged(slug: str) -> None:
    """All that came to their end; one that the budget has cut off is sent, but not judged, and no question of the
    oracle, which was chosen by the bugs that it would tell, is one of them."""
    session = exercise(slug, correct(slug, size=120), Options(orgs=("acme",) if slug == "dreadnode" else ()))
    accounts = {each.account for each in session.record.sent}
    assert accounts - session.record.judged == {"oracle:"}
    assert len(accounts) > 30
    together = [each for each in session.record.sent if len(each.replies) > 1]
    assert {each.account.partition(":")[0] for each in together} == {"repeats.together"}


def test_a_probe_that_is_cut_off_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first requests were answered, and nobody has held them against anything."""
    check = exercise("superserve", correct("superserve", size=60), Options()).check
    with pytest.raises(RuntimeError), check.exercising("filters.single"), check.probing("cut off"):
        raise RuntimeError
    with check.exercising("filters.single"), check.probing("whole"):
        pass
    assert "filters.single:cut off" not in check.reasons.judged
    assert "filters.single:whole" in check.reasons.judged
