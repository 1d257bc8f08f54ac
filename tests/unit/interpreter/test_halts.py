"""Halts end a command from another thread, before it begins or while it runs."""

from __future__ import annotations

import threading

from fakeserver.commands.guest import Guest
from fakeserver.commands.guests import Guests
from fakeserver.interpreter.orders import KILLED, Finished, Halt, Order

NOW = 10**15
ENDLESS = Order("echo begun; while :; do :; done")


def guest() -> Guest:
    return Guests().of("superserve", "one")


def test_a_command_that_was_halted_before_it_began() -> None:
    """It ends at once, with the exit code of one that was killed, and is not taken for one that took too long."""
    halt = Halt()
    halt()
    finished = guest().run(ENDLESS, NOW, halt=halt)
    assert (finished.exit_code, finished.timed_out) == (KILLED, False)


def test_a_command_that_is_halted_while_it_runs() -> None:
    """What it has written by then is there, and the sandbox goes on."""
    box, halt, heard = guest(), Halt(), threading.Event()
    come: list[Finished] = []
    running = threading.Thread(target=lambda: come.append(box.run(ENDLESS, NOW, lambda *piece: heard.set(), halt)))
    running.start()
    assert heard.wait(60)
    halt()
    running.join(60)
    assert (come[0].exit_code, come[0].timed_out, come[0].stdout) == (KILLED, False, b"begun\n")
    assert box.run(Order("echo hi"), NOW).stdout == b"hi\n"


def test_a_halt_that_comes_late_changes_nothing() -> None:
    box, halt = guest(), Halt()
    assert box.run(Order("exit 3"), NOW, halt=halt).exit_code == 3
    halt()
    assert box.run(Order("echo hi"), NOW).stdout == b"hi\n"
