"""What a worker does, in this process: its host at one end of two pipes, and a server that says what a test wants."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fakeserver.interpreter import hosting, wire
from fakeserver.interpreter.courses import Course
from fakeserver.interpreter.hosting import Host
from fakeserver.interpreter.orders import Finished, Order
from fakeserver.interpreter.wire import Closed, Message, Sink
from tests.unit.interpreter.shells import NOW

MOST_LOOKS = 200
Answer = Callable[..., tuple[list[Any], list[bytes]]]


class Server:
    """The other side of a host."""

    def __init__(self) -> None:
        there, self._write = os.pipe()
        self._read, here = os.pipe()
        self.source, self.sink = os.fdopen(self._read, "rb"), Sink(os.fdopen(self._write, "wb"))
        self._theirs = os.fdopen(there, "rb"), os.fdopen(here, "wb")
        self.host = Host(self._theirs[0], Sink(self._theirs[1]))
        self._thread = threading.Thread(target=self.host.serve, daemon=True)
        self._thread.start()
        self.talks = 0
        self.heard: list[tuple[str, bytes]] = []
        self.frozen: list[tuple[list[int], bytes]] = []

    def say(self, kind: str, *values: Any, pieces: tuple[bytes, ...] = (), talk: int | None = None) -> int:
        if talk is None:
            self.talks += 1
        number = self.talks if talk is None else talk
        self.sink.send(Message(number, kind, [*values], pieces))
        return number

    def come(self, number: int, **answers: Answer) -> Message:
        """What comes of a talk, while its questions are answered by name."""
        while True:
            message = wire.receive(self.source)
            if message.kind == wire.FROZEN:
                self.frozen.append((message.values, message.pieces[0]))
            elif message.kind == wire.HEAR:
                self.heard += zip(message.values, message.pieces, strict=True)
            elif message.kind == wire.ASK:
                name, *asked = message.values
                values, pieces = answers[name](*asked)
                self.say(wire.ANSWER, *values, pieces=tuple(pieces), talk=message.talk)
            elif message.talk == number:
                return message

    def run(
        self, text: str, number: int = 0, names: tuple[str, ...] = (), state: str = "", **answers: Answer
    ) -> Finished:
        fields, stdin = wire.order_values(Order(text, stdin=b"" if number else b"in\n"))
        talk = self.say(wire.RUN, fields, NOW, names, number, state, True, True, pieces=(stdin,))
        message = self.come(talk, **answers)
        assert message.kind == wire.DONE, message
        return wire.finished_of(message.values[0], message.pieces)

    def next_frozen(self) -> tuple[list[int], bytes]:
        while not self.frozen:
            message = wire.receive(self.source)
            assert message.kind == wire.FROZEN
            self.frozen.append((message.values, message.pieces[0]))
        return self.frozen.pop(0)

    def close(self) -> None:
        self.sink.close()
        self._thread.join(60)
        assert not self._thread.is_alive()
        self.host._hands.shutdown()
        for each in (*self._theirs, self.source):
            each.close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def test_an_order_is_carried_out_and_the_files_are_told_behind_it(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And whether the worker has grown too much."""
    server.come(server.say(wire.OPEN, 7, 20.0, 3.0))
    finished = server.run("cat; echo kept > /root/f; echo err >&2")
    assert (finished.stdout, finished.stderr, finished.exit_code) == (b"in\n", b"err\n", 0)
    assert b"".join(piece for _, piece in server.heard) == b"in\nerr\n"
    told, frozen = server.next_frozen()
    assert told == [7, server.talks, False]
    monkeypatch.setattr(hosting, "SPENT_BYTES", -(2**40))
    server.come(server.say(wire.CLOSE))
    server.come(server.say(wire.OPEN, 8, 20.0, 3.0, pieces=(frozen,)))
    read = server.come(server.say(wire.FILES, "read_file", "/root/f"))
    assert read.pieces == [b"kept\n"]
    server.come(server.say(wire.FILES, "write_file", "/root/g", pieces=(b"x",)))
    server.say(wire.KEEP, 90, talk=0)
    told, _ = server.next_frozen()
    assert told == [8, 90, True]
    assert server.come(server.say(wire.FREEZE)).values == [90]


def test_files_that_take_long_to_freeze_are_told_when_nothing_goes_on(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosting, "LONG_SECONDS", 0.0)
    server.run("echo a > f")
    server.run("echo b > f")
    while server.next_frozen()[0][1] != server.talks:
        pass


def test_what_cannot_be_done_is_said(server: Server) -> None:
    assert server.come(server.say(wire.OPEN, 1, 20.0, 3.0, pieces=(b"nonsense",))).kind == wire.SPOILED
    assert server.come(server.say(wire.FILES, "read_file", "/nothing")).kind == wire.FAILED
    assert server.come(server.say(wire.FILES, "serve")).values == ["serve"]


def test_commands_that_are_the_servers(server: Server) -> None:
    """Scripted ones, and those that know the processes."""
    scripted = wire.finished_values(Finished(3, b"scripted\n"))
    finished = server.run(
        "git status; echo $?; git x; kill 7; ps; (echo later) & echo $!",
        names=("git",),
        scripted=lambda name, text: ([scripted[0]], scripted[1]) if "status" in text else ([None], []),
        kill=lambda argv: (["", f"killed {argv}\n", 0], []),
        ps=lambda argv: (["PID\n"], []),
        start=lambda state, text, directory: ([1001, 0], [f"{text} in {directory}\n".encode(), b""]),
    )
    assert finished.stdout == b"scripted\n3\nPID\n(echo later) in /root\n1001\n"
    assert finished.stderr == b"bash: line 1: git: command not found\nkilled ['7']\n"


def test_a_process_asks_for_its_time_and_its_input(server: Server) -> None:
    slept: list[float] = []
    lines = [b"one\n", b""]

    def sleep(seconds: float) -> tuple[list[Any], list[bytes]]:
        slept.append(seconds)
        return [], []

    finished = server.run(
        "f; read a; echo got $a; sleep 5; date +%Y; cat /proc/1001/cmdline | tr '\\0' ' '",
        1001,
        state="f() { echo from the state; };",
        sleep=sleep,
        now=lambda: ([NOW], []),
        read=lambda: ([False], [lines.pop(0)]),
    )
    assert finished.stdout.startswith(b"from the state\ngot one\n2026\n/bin/bash -c f; read a;")
    assert slept == [5.0]


def test_a_process_that_has_no_time_left_to_read_ends(server: Server) -> None:
    finished = server.run("read a; echo never", 1001, read=lambda: ([True], [b""]), now=lambda: ([NOW], []))
    assert (finished.stdout, finished.timed_out) == (b"", True)


def test_an_order_is_ended_by_a_signal(server: Server) -> None:
    fields, stdin = wire.order_values(Order("echo begun; while :; do :; done"))
    talk = server.say(wire.RUN, fields, NOW, (), 0, "", False, True, pieces=(stdin,))
    server.say(wire.END, 15, talk=talk)
    message = server.come(talk)
    assert message.values[0]["exit_code"] == 143


def test_much_output_is_told_in_few_messages(server: Server) -> None:
    finished = server.run("for i in $(seq 20000); do echo $i; done")
    assert len(finished.stdout.splitlines()) == 20_000
    assert b"".join(piece for _, piece in server.heard) == finished.stdout
    assert len(server.heard) < 2_500


def test_nothing_is_held_of_an_order_once_it_is_over(server: Server) -> None:
    """Neither of one that is waited for nor of a process: what holds an interpreter is seen by no collector."""

    def held() -> int:
        gc.collect()
        return sum(type(each) is Course for each in gc.get_objects())

    before = held()
    for number in range(10):
        server.run("echo hi", 1001 + number if number % 2 else 0, now=lambda: ([NOW], []))
    # Threads that have told their end let go of what they hold a moment later.
    for _ in range(MOST_LOOKS):
        if held() <= before + 2:
            break
        time.sleep(0.05)
    assert held() <= before + 2


def test_a_message_that_is_cut_off_is_the_end() -> None:
    for raw in (b"", b"\0\0", b"\0\0\0\x05[1", b"\0\0\0\x02xx"):
        read, write = os.pipe()
        os.write(write, raw)
        os.close(write)
        with os.fdopen(read, "rb") as file, pytest.raises(Closed):
            wire.receive(file)
    read, write = os.pipe()
    os.close(read)
    sink = Sink(os.fdopen(write, "wb", 0))
    with pytest.raises(Closed):
        sink.send(Message(1, wire.DONE))
    sink.close()
