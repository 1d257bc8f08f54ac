"""Workers: processes in which sandboxes run, that come and go, and what is left of one that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fakeserver.commands import workers
from fakeserver.commands.files import Files
from fakeserver.commands.guests import Guests
from fakeserver.commands.workers import Lost, Pool, Tenancy, Worker
from fakeserver.interpreter import wire
from fakeserver.interpreter.orders import Order
from fakeserver.problems import FakeProblem
from tests.support.asgi import ROOT
from tests.unit.interpreter.shells import NOW

pytestmark = pytest.mark.slow  # They start processes.

MOST_LOOKS = 400
LOOK_SECONDS = 0.05
linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at in /proc")


@pytest.fixture
def guests() -> Iterator[Guests]:
    guests = Guests()
    yield guests
    guests.machines.close()


def run(guests: Guests, text: str, identity: str = "a", **more: object) -> tuple[bytes, int]:
    finished = guests.of("prime", identity).run(Order(text, **more), NOW)  # type: ignore[arg-type]
    return finished.stdout, finished.exit_code


def worker_of(guests: Guests, identity: str = "a") -> Worker:
    return guests.machines.awake["prime", identity].tenancy.worker


def kill(worker: Worker) -> None:
    """As the system would when it runs out of memory; until it is known."""
    os.kill(worker.number, signal.SIGKILL)
    wait_until(lambda: worker.dead)


def wait_until(so: Callable[[], bool]) -> None:
    for _ in range(MOST_LOOKS):
        if so():
            return
        time.sleep(LOOK_SECONDS)
    raise AssertionError("it never comes to that")


# What is left


def test_files_are_as_after_the_last_answer_when_a_worker_ends(guests: Guests) -> None:
    for number in range(3):
        assert run(guests, f"echo {number} >> f") == (b"", 0)
        guests.of("prime", "a").files(lambda files: files.write_file("/root/g", b"written"))
        run(guests, "true")
        kill(worker_of(guests))
    assert run(guests, "cat f g") == (b"0\n1\n2\nwritten", 0)


def test_a_command_loses_what_it_has_made_itself_when_its_worker_ends(guests: Guests) -> None:
    """And nobody else loses anything."""
    run(guests, "echo before > f")
    run(guests, "echo other > f", "b")
    heard = threading.Event()
    come = []
    order = Order("echo after > f; echo begun; while :; do :; done")

    def wait() -> None:
        come.append(guests.of("prime", "a").run(order, NOW, lambda stream, piece: heard.set()))

    thread = threading.Thread(target=wait)
    thread.start()
    assert heard.wait(60)
    kill(worker_of(guests))
    thread.join(60)
    assert (come[0].exit_code, come[0].stdout, come[0].stderr) == (137, b"begun\n", b"Killed\n")
    assert run(guests, "cat f") == (b"before\n", 0)
    assert run(guests, "cat f", "b") == (b"other\n", 0)


def test_what_a_command_wrote_outlives_its_worker_although_nobody_heard_it(
    guests: Guests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one that is answered for once it is over."""

    def end(text: str) -> None:
        kill(worker_of(guests))

    monkeypatch.setattr(guests.machines, "scripted", lambda slug: {"end": end})
    assert run(guests, "echo begun; end; echo behind") == (b"begun\n", 137)


def test_a_worker_that_has_grown_is_replaced_while_nothing_goes_on(guests: Guests) -> None:
    """The sandbox sleeps, and wakes in another; while a process goes on in it, it stays where it is."""
    run(guests, "sleep 1000 &", "busy")
    run(guests, "echo kept > f")
    busy, machine = (guests.machines.awake["prime", identity] for identity in ("busy", "a"))
    wait_until(lambda: machine.is_kept)
    for each in (busy, machine):
        each.tenancy.spent = True
        guests.keep(each, guests.rest()[each.key])
    wait_until(lambda: [*guests.machines.awake.values()] == [busy])
    assert run(guests, "cat f") == (b"kept\n", 0)


def test_a_worker_that_ends_before_it_has_the_sandbox_costs_nothing(
    guests: Guests, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Tenancy] = []
    take = workers.POOL.take

    def take_ending(*more: Any) -> Tenancy:
        tenancy = take(*more)
        taken.append(tenancy)
        if len(taken) == 1:
            kill(tenancy.worker)
        return tenancy

    monkeypatch.setattr(workers.POOL, "take", take_ending)
    assert run(guests, "echo hi") == (b"hi\n", 0)
    assert len(taken) == 2


def test_processes_end_with_their_worker(guests: Guests) -> None:
    run(guests, "sleep 1000 &")
    (process,) = guests.of("prime", "a").processes
    kill(worker_of(guests))
    process.settle()
    assert process.finished is not None
    assert process.finished.exit_code == 137
    assert run(guests, "echo alive") == (b"alive\n", 0)
    assert guests.of("prime", "a").processes == []


def test_work_on_files_is_done_again_in_another_worker(guests: Guests) -> None:
    run(guests, "echo kept > f")
    # Files are kept before the next command begins.
    run(guests, "true")
    trials = []

    def work(files: Files) -> bytes:
        trials.append(files)
        if len(trials) == 1:
            kill(worker_of(guests))
        return files.read_file("/root/f")

    assert guests.of("prime", "a").files(work) == b"kept\n"
    assert len(trials) == 2


def test_work_that_ends_every_worker_has_a_clear_end(guests: Guests) -> None:
    def work(files: Files) -> bytes:
        kill(worker_of(guests))
        return files.read_file("/root/f")

    with pytest.raises(FakeProblem, match="breaks down") as caught:
        guests.of("prime", "a").files(work)
    assert caught.value.status == 503


def test_a_copy_is_made_of_what_there_was_whatever_becomes_of_the_sandbox(guests: Guests) -> None:
    """Nobody waits for it, and neither a later command nor the end of the sandbox changes it."""
    for number in range(20):
        source = f"source{number}"
        run(guests, "head -c 8000 /dev/zero > f; (sleep 100; echo late > f) &", source)
        guests.of("prime", source).copy(f"copy{number}")
        if number % 2:
            guests.of("prime", source).forget()
        else:
            run(guests, "echo changed > f", source)
        assert run(guests, "wc -c < f", f"copy{number}") == (b"8000\n", 0)


# One after the other


def opened(tenancy: Tenancy) -> Files:
    tenancy.talk(wire.OPEN, [tenancy.number, 20.0, 3.0])
    return Files(tenancy)


def test_a_worker_goes_on_with_another_sandbox_and_has_nothing_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does who had the first reach it any longer."""
    pool = Pool()
    monkeypatch.setattr(pool, "_start_ahead", lambda: None)
    first = pool.take()
    files = opened(first)
    files.write_file("/root/f", b"secret")
    files.remove("/opt", recursive=True)
    pool.give_back(first)
    second = pool.take()
    assert second.worker is first.worker
    with pytest.raises(Lost):
        files.exists("/")
    files = opened(second)
    assert files.exists("/opt")
    assert not files.exists("/root/f")
    second.worker.kill()


def test_there_are_no_more_workers_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who needs one more has the worker of a sandbox in which nothing goes on."""
    guests = Guests()
    monkeypatch.setattr("fakeserver.commands.awake.MAX_AWAKE", 100)
    monkeypatch.setattr(workers, "MAX_WORKERS", len(workers.LIVING) + 2)
    for number in range(6):
        assert run(guests, f"echo {number} > f; cat f", str(number)) == (f"{number}\n".encode(), 0)
        assert len(workers.LIVING) <= workers.MAX_WORKERS
    for number in range(6):
        assert run(guests, "cat f", str(number)) == (f"{number}\n".encode(), 0)
    guests.machines.close()


def test_a_worker_that_does_not_answer_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "QUIET_SECONDS", 0.2)
    tenancy = Pool().take()
    if sys.platform != "win32":
        os.kill(tenancy.worker.number, signal.SIGSTOP)
    with pytest.raises(Lost):
        tenancy.talk(wire.OPEN, [tenancy.number, 20.0, 3.0])


def test_what_it_cannot_do_is_said(guests: Guests) -> None:
    def work(files: Files) -> None:
        for name in ("__class__", "chmod"):
            with pytest.raises(RuntimeError, match=name):
                files._ask(name, "/")
        with pytest.raises(RuntimeError, match="surrogates"):
            files.read_file("/root/\udcff")
        files.mkdir("/a/b", recursive=True)
        files.remove("/a", recursive=True)
        assert not files.exists("/a")

    guests.of("prime", "a").files(work)


# The host


@linux
def test_a_worker_has_nothing_of_its_servers_surroundings(guests: Guests, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable, no descriptor, and no file that it could write to."""
    monkeypatch.setenv("CANARY", "c4n4ry")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "c4n4ry")
    worker = Worker()
    opened(worker.let())
    place = Path(f"/proc/{worker.number}")
    names = {each.partition(b"=")[0].decode() for each in (place / "environ").read_bytes().split(b"\0") if each}
    assert names <= {"PYTHONPATH", "RUST_MIN_STACK", *workers.KEPT_VARIABLES}
    assert b"c4n4ry" not in (place / "environ").read_bytes()
    kinds = {os.readlink(each).partition(":")[0] for each in (place / "fd").iterdir()}
    assert kinds <= {"pipe", "/dev/null", "anon_inode", "socket"}
    limits = (place / "limits").read_text()
    assert "Max file size             0 " in limits
    worker.kill()


SERVER = """
import os, sys, time
from fakeserver.commands.guests import Guests
from fakeserver.commands import workers
from fakeserver.interpreter.orders import Order
guests = Guests()
guests.of("prime", "a").run(Order("sleep 1000 & echo hi"), 10**15)
print(*[each.number for each in [*workers.LIVING]], flush=True)
if sys.argv[1] == "waits":
    time.sleep(1000)
elif sys.argv[1] == "works":
    guests.of("prime", "a").run(Order("while :; do :; done", seconds=0.2), 10**15)
"""


@linux
@pytest.mark.parametrize("end", ["waits", "ends", "works"])
def test_no_worker_outlives_its_server(end: str) -> None:
    """Whether that ends by itself or is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, end], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        numbers = [int(each) for each in server.stdout.readline().split()]
        assert numbers
        if end == "waits":
            server.kill()
        assert server.stderr.read() == ""
    for _ in range(MOST_LOOKS):
        left = [each for each in numbers if Path(f"/proc/{each}").exists()]
        if not left:
            return
        time.sleep(LOOK_SECONDS)
    raise AssertionError(f"{left} live on")


def test_a_worker_that_starts_while_all_are_ended_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who ends them looks once, and nobody would end it."""
    monkeypatch.setattr(workers, "ENDING", threading.Event())
    workers.ENDING.set()
    worker = Worker()
    wait_until(lambda: worker.dead)
    assert worker not in workers.LIVING
