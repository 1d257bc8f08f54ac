"""Changes of what no page states are told from bugs by their answers, and by nothing else."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import pytest

from contract_tests.planted import correct, mutants
from contract_tests.planted.__main__ import by_laws_with_known_ids, by_must
from contract_tests.planted.backend import LIST
from contract_tests.planted.bug import Bug
from contract_tests.planted.mutations import Mutation
from contract_tests.planted.replay import transport
from contract_tests.planted.unstated import SHAPE, SILENCES, grounds, unstated_grounds
from contract_tests.promises import BY_SLUG
from contract_tests.sending.ask import Ask, Reply

WHERE = {
    "repeated value": "input_of",
    "empty value": "Repeated.decode",
    "strange JSON": "read_json",
    "large metadata": "mistakes_in_metadata",
    SHAPE: "errors",
}
"""A function in which some change is permitted by this silence alone."""
STATED = ("own_or_administered", "split_query", "Single.decode")
"""Functions with changes that a page contradicts, whatever else they change."""


def within(function: str) -> list[Mutation]:
    return [each for each in mutants.everything() if each.function == function]


def permitted(silence: str) -> Iterator[Bug]:
    """The mutants that this silence alone permits, the last of its function first; to find one takes seconds."""
    placed = map(mutants.place, reversed(within(WHERE[silence])))
    return (each for each in placed if isinstance(each, Bug) and each.unstated == (silence,))


def reply(slug: str, *query: tuple[str, str]) -> Reply:
    promises = BY_SLUG[slug]
    return transport(slug, correct(slug)).send(Ask(promises.path(promises.home_scope), query))


def ground(slug: str, query: tuple[tuple[str, str], ...], changed: Reply) -> str:
    right = reply(slug, *query)
    return grounds(slug, right.ask, right, changed, transport(slug, correct(slug)).send)


def test_every_silence_has_its_place() -> None:
    """Each row of the table is looked for below, and says why."""
    assert [*WHERE] == [*(each.name for each in SILENCES), SHAPE]
    assert all("age" in each.reason and set(each.slugs) <= set(BY_SLUG) for each in SILENCES)


@pytest.mark.slow
@pytest.mark.parametrize("most", [1, pytest.param(None, marks=pytest.mark.soak)], ids=["one", "all"])
@pytest.mark.parametrize("silence", WHERE)
def test_every_silence_permits_a_mutant_that_no_page_convicts(silence: str, most: int | None) -> None:
    """A row that permits nothing would be dead; one that permits what a binding law convicts would hide a bug."""
    found = list(islice(permitted(silence), most))
    assert found
    assert [(each.name, laws) for each in found if (laws := by_must(each, each.handler()))] == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such alarm")
def test_a_mutant_is_stopped_though_one_alarm_is_lost() -> None:
    """What the alarm raises inside of a callback of the garbage collector goes nowhere; the next one stops it."""
    lost = False

    def lose(phase: str, info: dict[str, int]) -> None:
        nonlocal lost
        if not lost and signal.getitimer(signal.ITIMER_REAL)[0]:
            lost = True
            signal.pause()

    def collect_and_wait() -> None:
        gc.collect()
        signal.pause()

    gc.callbacks.append(lose)
    try:
        with pytest.raises(mutants.Stuck), mutants.time_limit(0.01):
            collect_and_wait()
    finally:
        gc.callbacks.remove(lose)


@pytest.mark.parametrize("slug", BY_SLUG)
def test_the_correct_server_is_acquitted_by_whoever_knows_its_ids(slug: str) -> None:
    """What is known of it is true, so that a mutant is convicted for what it changes."""
    itself = Bug("none", slug, LIST, "rows", "Nothing.", lambda backend, _: backend)
    assert by_laws_with_known_ids(itself, correct(slug)) == ()


def test_a_team_that_is_always_empty_is_told_by_ids_that_are_known() -> None:
    """Its answers agree with each other, so that nothing else tells."""
    changes = {(each.before, each.after): each for each in within("account_of")}
    placed = mutants.place(changes["team or caller.home", "caller.home"])
    assert isinstance(placed, Bug)
    assert by_laws_with_known_ids(placed, placed.handler()) == ("rows.known",)


@pytest.mark.slow
@pytest.mark.parametrize("function", STATED)
def test_one_stated_difference_makes_a_bug(function: str) -> None:
    """A change is put aside only where every difference is covered, for every provider."""
    placed = [mutants.place(each) for each in within(function)]
    live = [each for each in placed if isinstance(each, Bug) and not each.unstated]
    assert live
    assert all(unstated_grounds(each.slug, each.operation, each.handler()) is None for each in live)


def test_the_correct_server_needs_no_silence() -> None:
    """Where nothing differs there is nothing to permit."""
    assert unstated_grounds("instavm", LIST, correct("instavm")) == ()


def test_an_answer_to_another_reading_is_permitted_and_no_other() -> None:
    """Of two values either may count, or both be refused; the whole list is the answer to neither."""
    both = (("status", "RUNNING"), ("status", "ERROR"))
    assert ground("prime", both, reply("prime", both[1])) == "repeated value"
    assert ground("prime", both, reply("prime", ("status", "x"))) == "repeated value"
    assert ground("prime", both, reply("prime")) == ""
    assert ground("prime", both[:1], reply("prime", both[1])) == ""
    broken = replace(reply("prime", ("status", "x")), status=500)
    assert ground("prime", both, broken) == ""
    assert ground("prime", both, replace(broken, status=422, body=b"no JSON")) == ""
    labels = (("labels", "prod"), ("labels", "gpu"))
    assert ground("prime", labels, reply("prime", labels[1])) == ""


def test_a_refusal_of_other_parameters_is_another_refusal() -> None:
    """The shape may differ, what is named in it may not."""
    wrong = (("page", "x"), ("per_page", "x"))
    assert ground("prime", wrong, reply("prime", *wrong)) == SHAPE
    assert ground("prime", wrong, reply("prime", wrong[0])) == ""


@pytest.mark.parametrize(
    ("slug", "query", "silence"),
    [
        ("superserve", ("limit", ""), "empty value"),
        ("superserve", ("status", "active,"), "empty value"),
        ("superserve", ("metadata.env", ""), ""),
        ("superserve", ("metadata.env", "x" * 2_047), ""),
        ("superserve", ("metadata.env", "x" * 2_048), "large metadata"),
        ("instavm", ("metadata", '{"a":' * 64 + "1" + "}" * 64), "strange JSON"),
        ("instavm", ("metadata", '{"a":' * 63 + "1" + "}" * 63), ""),
        ("instavm", ("metadata", '{"a":"\\ud800"}'), "strange JSON"),
        ("instavm", ("metadata", "{"), ""),
        ("instavm", ("limit", ""), ""),
    ],
)
def test_only_what_no_page_states_may_be_refused(slug: str, query: tuple[str, str], silence: str) -> None:
    """A limit is silent from its first byte on, not before; what a page names stays stated."""
    odd = {"superserve": ("status", "no such"), "instavm": ("limit", "x")}[slug]
    assert ground(slug, (query,), reply(slug, odd)) == silence
