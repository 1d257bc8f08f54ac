"""Sandboxes that are awake: processes by the world's clock, what they read and write, and what they hold."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Iterator

import pytest

from fakeserver.commands import awake as implementation
from fakeserver.commands.guest import Guest
from fakeserver.commands.guests import Guests
from fakeserver.commands.machines import MAX_PROCESSES, NoRoom, OtherWish
from fakeserver.commands.processes import MAX_INPUT_BYTES, Process
from fakeserver.instants import SECOND
from fakeserver.interpreter import courses
from fakeserver.interpreter.orders import KILL, Finished, Order

pytestmark = pytest.mark.slow  # They start processes.

MOST_LOOKS = 200


class World:
    """Guests by a clock that a test moves."""

    def __init__(self) -> None:
        instant = self._instant = [10**15]
        self.guests = Guests(lambda: instant[0])

    @property
    def now(self) -> int:
        return self._instant[0]

    def guest(self, identity: str = "box") -> Guest:
        return self.guests.of("prime", identity)

    def run(self, text: str, identity: str = "box", **more: object) -> Finished:
        return self.guest(identity).run(Order(text, **more), self.now)  # type: ignore[arg-type]

    def wait(self, seconds: float) -> None:
        self._instant[0] += round(seconds * SECOND)


class Heard:
    """What a process says, and whether it is over."""

    def __init__(self) -> None:
        self.said: list[tuple[str, bytes]] = []
        self.over = False

    def __call__(self, stream: str, piece: bytes | None) -> None:
        if piece is None:
            self.over = True
        else:
            self.said.append((stream, piece))


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.guests.machines.close()


def start(world: World, text: str, identity: str = "", wish: bytes = b"") -> tuple[Process, Heard]:
    heard = Heard()
    return world.guest().start(Order(text), identity, wish, lambda _: heard), heard


def ended(process: Process) -> Finished:
    process.settle()
    assert process.finished is not None
    return process.finished


def test_a_process_has_the_variables_functions_and_folder_of_who_started_it(world: World) -> None:
    world.run("mkdir /tmp/w; cd /tmp/w; X='a b'; f() { echo $X $1; }; { sleep 3; f c; pwd; } > out &")
    world.wait(4)
    assert world.run("cat /tmp/w/out").stdout == b"a b c\n/tmp/w\n"


def test_what_it_says_at_first_is_heard_where_it_was_started(world: World) -> None:
    assert world.run('got=$( (echo first; sleep 9; echo late) & ); echo "<$got>"').stdout == b"<first>\n"
    assert world.run("(echo a; echo b >&2) &").stderr == b"b\n"


@pytest.mark.parametrize(
    "text",
    [
        "while :; do sleep 1; done",
        "until false; do if true; then sleep 1; fi; done > log 2>&1",
        "for i in 1 2; do sleep 9; done",
        "if true; then sleep 9; fi",
        "case a in (a) sleep 9;; esac",
    ],
)
def test_a_loop_or_a_condition_goes_on_by_itself(world: World, text: str) -> None:
    finished = world.run(f"{text} & echo started", seconds=5)
    assert (finished.stdout, finished.exit_code, finished.timed_out) == (b"started\n", 0, False)
    (process,) = world.guest().processes
    assert process.order.text == text


def test_a_loop_starts_a_process_in_each_turn(world: World) -> None:
    finished = world.run("for i in 1 2 3; do sleep $i & done; case $i in 3) sleep 4 &;; esac; echo over")
    assert finished.stdout == b"over\n"
    assert [each.order.text for each in world.guest().processes] == [*["sleep $i"] * 3, "sleep 4"]


def test_a_command_takes_the_lines_behind_it_into_the_background(world: World) -> None:
    """Those of a here-document, and no others."""
    world.run("X=b; { sleep 3; cat; } > /tmp/out <<E & echo a > /tmp/first\n$X\nE\ncat /tmp/first")
    assert len(world.guest().processes) == 1
    world.wait(4)
    assert world.run("cat /tmp/first /tmp/out").stdout == b"a\nb\n"


def test_a_shell_and_a_script_put_things_into_the_background(world: World) -> None:
    world.run("bash -c 'sleep 5 & echo $!'; printf 'sleep 6 &\\n' > s.sh; sh s.sh; nohup sh -c 'sleep 7' > /dev/null &")
    assert sorted(each.order.text for each in world.guest().processes) == [
        "nohup sh -c 'sleep 7' > /dev/null",
        "sleep 5",
        "sleep 6",
    ]
    world.wait(8)
    world.run("true")
    assert world.guest().processes == []


def test_commands_that_are_waited_for_run_one_after_the_other(world: World) -> None:
    finished = world.run("sleep 2 & sleep 3 & wait; echo over")
    assert (finished.stdout, world.guest().processes) == (b"over\n", [])
    assert finished.slept == 5


def test_what_it_reads_is_what_others_write(world: World) -> None:
    process, heard = start(world, "read a b; echo $b-$a; cat | tr a-z A-Z")
    for piece in (b"one ", b"two\nthr", b"ee\n"):
        assert process.write(piece)
        process.settle()
    assert heard.said == [("stdout", b"two-one\n")]
    process.stop(KILL)
    assert ended(process).exit_code == 137
    assert heard.over


def test_a_redirected_input_is_not_that_of_the_process(world: World) -> None:
    process, heard = start(
        world, "printf 'x y\\nz\\n' > f; while read a; do echo $a; done < f; cat < f; read c <<< d; echo $c"
    )
    assert ended(process).exit_code == 0
    assert b"".join(piece for _, piece in heard.said) == b"x y\nz\nx y\nz\nd\n"


def test_a_process_that_is_printed_shows_no_secret(world: World) -> None:
    process, _ = start(world, "sleep 1000; echo hidden-command", "mine", b"hidden-wish")
    process.write(b"hidden-input\n")
    assert "mine" in repr(process)
    assert "hidden" not in repr(process)
    process.stop()


def test_there_is_a_limit_to_what_is_not_read(world: World) -> None:
    process, _ = start(world, "sleep 1000")
    assert process.write(bytes(MAX_INPUT_BYTES))
    assert not process.write(b"x")


def test_what_it_says_has_a_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fakeserver.commands.processes.MAX_OUTPUT_BYTES", 5)
    process, heard = start(world, "echo abc; echo def; echo ghi")
    assert ended(process).exit_code == 0
    assert b"".join(piece for _, piece in heard.said) == b"abc\nd"


def test_a_process_that_is_late_is_killed(world: World) -> None:
    heard = Heard()
    process = world.guest().start(Order("sleep 1000", seconds=10), "", b"", lambda _: heard)
    world.wait(11)
    with process._changed:
        assert process._changed.wait_for(lambda: process.finished is not None, 20)
    assert process.finished is not None
    assert (process.finished.exit_code, process.finished.timed_out) == (137, True)


def test_a_process_that_never_rests_is_killed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courses, "MAX_WALL_SECONDS", 0.1)
    process, _ = start(world, "while :; do :; done")
    with process._changed:
        assert process._changed.wait_for(lambda: process.finished is not None, 20)
    assert process.finished is not None
    assert process.finished.exit_code == 137


@pytest.mark.parametrize(
    ("text", "code"), [("kill -9 $$", 137), ("kill $$", 143), ("kill -s INT $$", 130), ("kill -0 $$", 0)]
)
def test_a_command_may_end_itself(world: World, text: str, code: int) -> None:
    finished = world.run(f"echo a; {text}; {'true' if not code else 'echo b'}")
    assert (finished.stdout, finished.exit_code, finished.timed_out) == (b"a\n", code, False)


def test_a_process_does_not_end_who_comes_later(world: World) -> None:
    world.run("(sleep 5; kill -9 1) &")
    world.wait(6)
    assert world.run("echo alive").stdout == b"alive\n"


@pytest.mark.parametrize(
    "text",
    [
        "python3 -c 'import time; time.sleep(50); print(int(time.time()))' > out",
        "timeout 60 sleep 50; date +%s > out",
        "timeout 50 sleep 500; date +%s > out",
        "xargs -I{} sleep {} <<< 50; date +%s > out",
    ],
)
def test_what_runs_within_a_process_goes_by_the_clock_too(world: World, text: str) -> None:
    began = world.now
    process, _ = start(world, text)
    world.wait(40)
    process.settle()
    assert process.rests
    assert process.finished is None
    world.wait(20)
    assert ended(process).exit_code == 0
    assert int(world.run("cat out").stdout) == began // SECOND + 60


def test_one_that_waits_for_input_is_late_as_well(world: World) -> None:
    """Its time is the world's; what it waits costs none of the machine's."""
    process = world.guest().start(Order("read a; echo $a", seconds=10), "", b"", lambda _: Heard())
    world.wait(9)
    process.settle()
    assert process.rests
    assert process.finished is None
    world.wait(2)
    with process._changed:
        assert process._changed.wait_for(lambda: process.finished is not None, 20)
    assert process.finished is not None
    assert (process.finished.exit_code, process.finished.timed_out) == (137, True)


def test_a_process_that_calls_itself_without_end_ends(world: World) -> None:
    """As one that somebody waits for: the server goes on."""
    process, _ = start(world, """f='eval "$f"'; eval "$f" """)
    with process._changed:
        assert process._changed.wait_for(lambda: process.finished is not None, 60)
    assert process.finished is not None
    assert process.finished.exit_code in (137, 139)
    assert world.run("echo alive").stdout == b"alive\n"


def test_an_identity_is_started_once(world: World) -> None:
    first, _ = start(world, "sleep 5", "one", b"wish")
    again, heard = start(world, "sleep 5", "one", b"wish")
    assert first is again
    with pytest.raises(OtherWish):
        start(world, "sleep 6", "one", b"other")
    world.wait(6)
    assert ended(first).exit_code == 0
    assert heard.over
    over = world.guest().ended("one")
    assert over is not None
    assert (over.number, over.fits(b"wish"), over.fits(b"other")) == (first.number, True, False)


def test_there_is_room_for_so_many(world: World) -> None:
    for _ in range(MAX_PROCESSES):
        start(world, "sleep 1000")
    with pytest.raises(NoRoom):
        start(world, "sleep 1000")
    world.guests.forget("prime", "box")
    assert [process.number for process in world.guest().processes] == []
    process, _ = start(world, "exit 3")
    assert ended(process).exit_code == 3


def test_proc_has_a_folder_for_each(world: World) -> None:
    process, _ = start(world, "sleep 5")
    told = world.run(f"ls /proc; cat /proc/{process.number}/cmdline; cat /proc/cpuinfo")
    assert {str(process.number).encode(), b"self", b"uptime"} <= {*told.stdout.split()}
    assert b"/bin/bash\0-c\0sleep 5\0" in told.stdout
    assert told.exit_code == 0


def test_files_that_are_not_at_hand_come_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(implementation, "MAX_AWAKE", 2)
    for each in range(6):
        world.run(f"echo {each} > f; sleep 100 &" if each == 0 else f"echo {each} > f", str(each))
    asleep = [each for each in range(6) if world.guests.machines.awake.get(("prime", str(each))) is None]
    assert 0 not in asleep, "something goes on in it"
    assert len(asleep) >= 3
    assert [world.run("cat f", str(each)).stdout for each in range(6)] == [b"%d\n" % each for each in range(6)]


def test_a_sandbox_moves_and_is_copied_with_what_goes_on_in_it(world: World) -> None:
    world.run("echo 1 > f; (sleep 5; echo 2 >> f) &")
    process, _ = start(world, "sleep 5", "one")
    world.guest().copy("other")
    world.guest().move("new")
    world.wait(6)
    assert ended(process).exit_code == 0
    assert world.guest("new").ended("one") is not None
    assert world.run("cat f", "new").stdout == b"1\n2\n"
    assert world.run("cat f", "other").stdout == b"1\n"
    assert world.run("cat f").exit_code == 1


def test_what_goes_on_ends_with_its_world() -> None:
    """At the latest when somebody works in another one."""
    world = World()
    world.run("sleep 1000 &")
    (process,) = world.guest().processes
    del world
    gc.collect()
    World().run("true")
    assert ended(process).exit_code == 137


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted in /proc")
def test_nothing_is_held_once_it_is_over(world: World) -> None:
    def held() -> int:
        return len(os.listdir("/proc/self/fd"))

    world.run("sleep 1 &")
    world.wait(2)
    world.run("true")
    before = held()
    for _ in range(20):
        world.run("sleep 1 & echo $!")
        world.wait(2)
        world.run("true")
    assert held() <= before + 3


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted as Linux shows them")
def test_a_sandbox_that_is_forgotten_holds_nothing(world: World) -> None:
    """Neither one that ran a command, nor one with a process."""

    def live(number: int) -> None:
        world.run("echo hi; sleep 100 & kill $!", f"box{number}")
        world.guest(f"box{number}").forget()

    live(0)
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for number in range(1, 12):
        live(number)
    # Threads that have told their end let go of what they hold a moment later.
    for _ in range(MOST_LOOKS):
        gc.collect()
        if (now := len(os.listdir("/proc/self/fd"))) <= before + 3:
            break
        time.sleep(0.05)
    assert now <= before + 3


@pytest.mark.parametrize(
    "text",
    [
        "sleep 100 & rm -rf /proc/$!; kill $!",
        "sleep 1 & for n in $(seq 1001 1100); do rm -rf /proc/$n; echo x > /proc/$n; done; sleep 2 & sleep 3 &",
        "sleep 1 & for n in $(seq 9990); do : > /proc/x$n; done; sleep 2 &",
    ],
)
def test_whatever_is_done_to_proc_processes_come_to_their_end(world: World, text: str) -> None:
    """And others may begin."""
    world.run(text, seconds=20)
    world.wait(200)
    world.run("true")
    assert world.guest().processes == []
    for number in range(3):
        assert world.run(f"for i in $(seq {MAX_PROCESSES}); do sleep 1 & done", f"other{number}").stderr == b""
        world.wait(2)
        assert world.run("true", f"other{number}").exit_code == 0
