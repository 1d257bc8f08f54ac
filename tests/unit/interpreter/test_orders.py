"""What a sandbox is asked to run, and what comes of it, as values."""

from __future__ import annotations

import pytest

from fakeserver.commands.guests import Guests
from fakeserver.commands.ran import Ran
from fakeserver.interpreter.orders import Finished, Order

SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(("user", "home"), [("root", "/root"), ("user", "/home/user")])
def test_a_user_has_a_home(user: str, home: str) -> None:
    assert Order("true", user=user).home == home


def test_what_is_printed_shows_no_secret() -> None:
    """Neither commands nor their input, environment and output stand in a log or a traceback."""
    order = Order(f"echo {SECRET}", variables={"TOKEN": SECRET}, stdin=SECRET.encode())
    finished = Finished(0, SECRET.encode(), SECRET.encode())
    guests = Guests()
    guests.note(Ran.of(0, ("prime", "sbx"), order, finished))
    for value in (order, finished, guests.ran, guests, guests.of("prime", "sbx")):
        assert SECRET not in repr(value)


def test_of_a_command_that_ran_the_beginning_is_kept_and_nothing_of_its_environment() -> None:
    order = Order("x" * 5_000, variables={"TOKEN": SECRET}, stdin=SECRET.encode())
    row = Ran.of(0, ("prime", "sbx"), order, Finished(1, b"a" * 5_000, "é".encode() * 5_000, 0.12345)).row()
    assert (row["command"], row["stdout"]) == ("x" * 1_000, "a" * 1_000)
    assert row["stderr"] == "é" * 500
    assert row["seconds"] == 0.123
    assert SECRET not in str(row)


@pytest.mark.parametrize(("code", "by", "hinted"), [(127, "shell", True), (127, "script", False), (1, "shell", False)])
def test_what_was_not_found_comes_with_a_hint(code: int, by: str, hinted: bool) -> None:
    row = Ran.of(0, ("prime", "sbx"), Order("git"), Finished(code, answered_by=by)).row()
    assert ("POST /__admin/commands" in (row["hint"] or "")) == hinted
