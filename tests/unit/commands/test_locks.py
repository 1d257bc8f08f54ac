"""Locks: one works in a sandbox at a time, and a job that waits for a lock holds no thread."""

from __future__ import annotations

import threading

import pytest

from fakeserver.commands.locks import Locks
from fakeserver.commands.ran import Key
from fakeserver.commands.threads import carry_out
from fakeserver.commands.waits import Waits, current

MOST_SECONDS = 60
KEY = ("prime", "a")


class Sandbox:
    """One in which the first job stays until it is let go."""

    def __init__(self) -> None:
        self.locks, self.entered, self.leave = Locks(), threading.Event(), threading.Event()
        self.owners: list[object] = []
        self.first = carry_out(self.stay, Waits())
        assert self.entered.wait(MOST_SECONDS)

    def stay(self) -> None:
        with self.locks.alone(KEY, current()) as lock:
            self.entered.set()
            assert self.leave.wait(MOST_SECONDS), "nobody lets it go"
            self.owners.append(lock.owner)

    def enter(self) -> None:
        with self.locks.alone(KEY, current()) as lock:
            self.owners.append(lock.owner)

    def wait_for(self, how_many: int) -> None:
        """Until so many wait for the lock."""
        lock = self.locks._locks[KEY]
        pause = threading.Event()
        while len(lock._waiting) < how_many:
            pause.wait(0.001)


@pytest.mark.parametrize("owner", [("prime", "b"), None])
def test_what_is_postponed_is_left_to_whom_the_sandbox_belongs_then(owner: Key | None) -> None:
    """It goes on under another id, or is nobody's any longer."""
    sandbox = Sandbox()
    second = carry_out(sandbox.enter, Waits())
    sandbox.wait_for(1)
    if owner is None:
        sandbox.locks.forget(KEY)
    else:
        sandbox.locks.move(KEY, owner)
    sandbox.leave.set()
    second.result(MOST_SECONDS)
    assert sandbox.owners == [owner, owner]
    assert [*sandbox.locks] == []


def test_a_lock_that_is_not_needed_after_all_goes_to_the_next_one() -> None:
    """As where a script answers a command that had to wait before."""
    sandbox, trials = Sandbox(), list[int]()

    def change_its_mind() -> str:
        trials.append(1)
        if len(trials) == 1:
            sandbox.enter()
        return "scripted"

    second, third = carry_out(change_its_mind, Waits()), carry_out(sandbox.enter, Waits())
    sandbox.wait_for(2)
    sandbox.leave.set()
    assert second.result(MOST_SECONDS) == "scripted"
    third.result(MOST_SECONDS)
    assert sandbox.owners == [KEY, KEY]
    assert (trials, [*sandbox.locks]) == ([1, 1], [])


def test_a_job_that_has_begun_is_not_begun_again() -> None:
    """It has told something, or worked in a sandbox before: it waits in its thread."""
    sandbox, trials = Sandbox(), list[int]()

    def work() -> None:
        trials.append(1)
        with sandbox.locks.alone(("prime", "other"), current()):
            pass
        sandbox.enter()

    second = carry_out(work, Waits())
    sandbox.wait_for(1)
    told = carry_out(sandbox.enter, Waits(begun=True))
    sandbox.wait_for(2)
    sandbox.leave.set()
    second.result(MOST_SECONDS), told.result(MOST_SECONDS)
    assert (trials, sandbox.owners) == ([1], [KEY, KEY, KEY])


def test_what_goes_wrong_lets_the_next_one_begin() -> None:
    sandbox = Sandbox()

    def fail() -> None:
        with sandbox.locks.alone(KEY, current()):
            raise ZeroDivisionError

    second, third = carry_out(fail, Waits()), carry_out(sandbox.enter, Waits())
    sandbox.leave.set()
    third.result(MOST_SECONDS)
    with pytest.raises(ZeroDivisionError):
        second.result(MOST_SECONDS)
    assert [*sandbox.locks] == []
