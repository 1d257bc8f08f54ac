"""Sandboxes as machines: what answers their commands, and the life of their files."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from fakeserver.admin.part import Part
from fakeserver.commands import guests as machines
from fakeserver.commands.files import Files
from fakeserver.commands.guests import Guests
from fakeserver.commands.machines import Machine
from fakeserver.commands.scripts import Script
from fakeserver.interpreter.orders import Order
from fakeserver.problems import FakeProblem, Problem

pytestmark = pytest.mark.slow  # They start processes.

NOW = 1_768_732_200_000_000


@dataclass
class Served:
    """What a snapshot's part is held against."""

    providers: Any
    script: Any = None
    check: Any = None


def run(guests: Guests, text: str, identity: str = "a", slug: str = "prime") -> str:
    """What a command prints."""
    return guests.of(slug, identity).run(Order(text), NOW).stdout.decode()


def write(files: Files) -> None:
    files.write_file("/root/a.txt", b"hi")


def restored(dumped: Any) -> Guests:
    new = Guests()
    new.load(Part(dumped, "guests"), Served({"prime": None, "instavm": None}))
    return new


# Commands


def test_a_script_answers_instead_of_the_interpreter() -> None:
    guests, heard = Guests(), []
    guests.script([Script("echo *", "scripted", "err", 3)])
    finished = guests.of("prime", "a").run(Order("echo hi"), NOW, lambda stream, piece: heard.append((stream, piece)))
    assert (finished.exit_code, finished.stdout, finished.answered_by) == (3, b"scripted", "script")
    assert heard == [("stdout", b"scripted"), ("stderr", b"err")]
    assert run(guests, "printf run") == "run"


def test_the_commands_that_ran_are_remembered_the_last_one_first() -> None:
    guests = Guests()
    guests.script([Script("pytest*", exit_code=1)])
    for text in ("pytest -q", "echo hi", "git status"):
        run(guests, text)
    rows = guests.rows_of_ran()
    assert [(row["command"], row["exit_code"], row["answered_by"]) for row in rows] == [
        ("git status", 127, "shell"),
        ("echo hi", 0, "shell"),
        ("pytest -q", 1, "script"),
    ]
    assert {(row["provider"], row["id"], row["at"]) for row in rows} == {("prime", "a", "2026-01-18T10:30:00.000000Z")}


def test_no_more_commands_are_remembered_than_there_is_room_for() -> None:
    guests = Guests()
    guests.script([Script("*")])
    for number in range(machines.MAX_RAN + 1):
        run(guests, f"a {number}")
    rows = guests.rows_of_ran()
    assert (len(rows), rows[0]["command"], rows[-1]["command"]) == (machines.MAX_RAN, f"a {machines.MAX_RAN}", "a 1")


def test_a_script_that_comes_later_comes_before_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last one makes room, where there is none."""
    monkeypatch.setattr(machines, "MAX_SCRIPTS", 2)
    guests = Guests()
    for pattern in ("a", "b", "c"):
        guests.prepend(Script(pattern))
    assert [row["pattern"] for row in guests.rows()] == ["c", "b"]


# Files


def test_files_stay_and_are_of_one_sandbox() -> None:
    guests = Guests()
    run(guests, "echo hi > a.txt; x=1; cd /tmp")
    assert run(guests, "cat a.txt; echo $x; pwd") == "hi\n\n/root\n"
    assert run(guests, "ls", "b") == run(guests, "ls", "a", "instavm") == ""


def test_files_are_read_without_a_change() -> None:
    """What a reader does to them is not kept."""
    guests = Guests()
    guests.of("prime", "a").files(write, changes=False)
    assert not guests.changed
    guests.of("prime", "a").files(write)
    assert guests.changed
    assert guests.of("prime", "a").files(lambda files: files.read_file("/root/a.txt")) == b"hi"


def test_files_are_forgotten_moved_and_copied() -> None:
    guests = Guests()
    run(guests, "echo hi > a.txt")
    guests.copy("prime", "a", "b")
    run(guests, "echo more >> a.txt", "b")
    guests.move("prime", "a", "c")
    assert (run(guests, "cat a.txt", "c"), run(guests, "cat a.txt", "b")) == ("hi\n", "hi\nmore\n")
    assert not guests.holds("prime", "a")
    guests.forget("prime", "c")
    assert sorted(guests.held("prime")) == ["b"]
    assert guests.held("instavm") == []
    # Of what is not there nothing becomes anything.
    for identity in ("c", "d"):
        guests.forget("prime", identity)
        guests.move("prime", identity, "e")
        guests.copy("prime", identity, "e")
    assert guests.held("prime") == ["b"]


@dataclass
class Working:
    """Somebody who has begun to work in a sandbox."""

    guests: Guests
    begun: threading.Event
    go_on: threading.Event
    thread: threading.Thread

    def finish(self) -> None:
        self.go_on.set()
        self.thread.join()


@pytest.fixture
def working() -> Iterator[Working]:
    guests, begun, go_on = Guests(), threading.Event(), threading.Event()

    def work(files: Files) -> None:
        begun.set()
        go_on.wait()
        write(files)

    thread = threading.Thread(target=lambda: guests.of("prime", "a").files(work))
    thread.start()
    begun.wait()
    yield Working(guests, begun, go_on, thread)
    go_on.set()
    thread.join()


def test_what_is_written_after_a_kill_is_lost(working: Working) -> None:
    """A command that outlives its sandbox brings no files back, and is in nobody's way."""
    assert working.guests.holds("prime", "a")
    working.guests.forget("prime", "a")
    assert run(working.guests, "ls") == ""
    working.finish()
    assert run(working.guests, "ls") == ""
    working.guests.forget("prime", "a")
    assert working.guests.held("prime") == []


def test_what_is_written_meanwhile_goes_along_with_the_sandbox(working: Working) -> None:
    working.guests.move("prime", "a", "b")
    working.finish()
    assert working.guests.held("prime") == ["b"]
    assert run(working.guests, "cat a.txt", "b") == "hi"


def test_who_came_later_has_the_files_of_who_came_first(working: Working) -> None:
    """In one sandbox one thing happens after the other."""
    found: list[str] = []
    later = threading.Thread(target=lambda: found.append(run(working.guests, "cat a.txt")))
    later.start()
    working.finish()
    later.join()
    assert found == ["hi"]


# Snapshots


def test_scripts_and_files_come_back_and_what_ran_does_not() -> None:
    guests = Guests()
    guests.script([Script("a", "b", times=3)])
    run(guests, "a")
    run(guests, "head -c 9000 /dev/urandom > a.bin; md5sum a.bin > a.md5")
    new = restored(guests.dump())
    assert new.dump() == guests.dump()
    assert new.rows() == guests.rows()
    assert new.rows_of_ran() == []
    assert run(new, "md5sum -c a.md5") == "a.bin: OK\n"


def test_a_snapshot_waits_for_no_worker_once_the_files_are_at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a sandbox in which something goes on too, whose files are never kept for good."""
    guests = Guests()
    run(guests, "echo hi > a.txt; sleep 9 &")
    rested = guests.rest()

    def freeze(machine: Machine) -> None:
        raise AssertionError("somebody waits for a worker")

    monkeypatch.setattr(Machine, "freezing", freeze)
    assert not guests.machines.awake["prime", "a"].is_kept
    assert run(restored(guests.dump(rested)), "cat a.txt") == "hi\n"
    guests.forget("prime", "a")
    assert guests.dump(rested)["files"] == {}


@pytest.mark.parametrize(
    ("dumped", "field"),
    [
        ({"scripts": [{}], "files": {}}, "guests.scripts.0.pattern"),
        ({"scripts": [], "files": {"nobody": {}}}, "guests.files.nobody"),
        ({"scripts": [], "files": {"prime": {"a": 1}}}, "guests.files.prime.a"),
        ({"scripts": [], "files": {"prime": {"a": "?"}}}, "guests.files.prime.a"),
        ({"scripts": [], "files": {"prime": {"a": "YWJj"}}}, "guests.files.prime.a"),
        ({"scripts": [], "files": {}, "more": 1}, "guests.more"),
        ({"files": {}}, "guests.scripts"),
    ],
)
def test_a_snapshot_that_is_wrong_is_refused_by_its_place(dumped: Any, field: str) -> None:
    with pytest.raises(FakeProblem) as caught:
        restored(dumped)
    assert caught.value.body["field"] == field


def test_files_that_were_damaged_in_a_snapshot_are_told() -> None:
    """They look like some, and what is in there is seen when somebody wants it."""
    guests = Guests()
    run(guests, "echo hi > a.txt")
    dumped = guests.dump()
    text = dumped["files"]["prime"]["a"]
    dumped["files"]["prime"]["a"] = text[:-8] + "AAAAAAA="
    new = restored(dumped)
    for use in (lambda: run(new, "ls"), lambda: new.of("prime", "a").files(write)):
        with pytest.raises(FakeProblem, match="damaged") as caught:
            use()
        assert caught.value.status == 409


# Without the interpreter


@pytest.mark.usefixtures("bare")
def test_without_the_interpreter_scripts_answer_and_nothing_else_does() -> None:
    guests, heard = Guests(), []
    guests.script([Script("pytest*", "1 failed", exit_code=1)])
    assert run(guests, "pytest") == "1 failed"
    finished = guests.of("prime", "a").run(Order("echo hi"), NOW, lambda stream, piece: heard.append((stream, piece)))
    assert (finished.exit_code, finished.stdout, finished.answered_by) == (127, b"", "nobody")
    for told in (b"the extra `commands`", b"POST /__admin/commands"):
        assert told in finished.stderr
    assert heard == [("stderr", finished.stderr)]
    assert not guests.held("prime")
    with pytest.raises(Problem, match="commands") as caught:
        guests.of("prime", "a").files(write)
    assert caught.value.status == 501


def test_without_the_interpreter_snapshots_keep_their_files(request: pytest.FixtureRequest) -> None:
    guests = Guests()
    run(guests, "echo hi > a.txt")
    request.getfixturevalue("bare")
    assert restored(guests.dump()).dump() == guests.dump()
