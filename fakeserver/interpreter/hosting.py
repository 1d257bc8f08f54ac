"""A worker: a process that has one sandbox at a time, and runs what its server says. It ends with its server.

What a command makes of the files is told behind its answer (`FROZEN`), so that little is lost with a worker that has to
be ended. The interpreter for the next command is made ahead.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from typing import IO, TYPE_CHECKING
from weakref import ref

from fakeserver.interpreter import courses, watching, wire
from fakeserver.interpreter.conversations import INPUT, Conversation, Link
from fakeserver.interpreter.orders import Finished, Order
from fakeserver.interpreter.shell import Shell, Spoiled, bashkit
from fakeserver.interpreter.watching import WATCH, resident_bytes
from fakeserver.interpreter.wire import Message, Sink
from fakeserver.machine import monotonic

if TYPE_CHECKING:
    from bashkit import FileSystem

STACK_BYTES = 64 * 2**20
"""Of addresses that a thread's stack has: some hundreds of commands within each other."""
MAX_GROWTH_BYTES = 512 * 2**20
"""By which a worker may grow before it is ended."""
SPENT_BYTES = 64 * 2**20
"""A worker that has grown beyond this takes no other sandbox; one that has grown by it since it took its own should
have that no longer either."""
MAX_TALKS = 64
"""What goes on at once."""
LONG_SECONDS, REST = 0.02, 10
"""Files that take longer to freeze are frozen only when nothing has gone on for so many times as long."""
OUT_OF_MEMORY = 137
NICE = 10
"""The server goes before what runs in its sandboxes."""
MAX_CMDLINE = 4_096
"""Bytes of a command that /proc has."""
AT_ONCE = frozenset({wire.OPEN, wire.FREEZE})
"""What is over before anything begins that is said behind it."""
CHANGES = frozenset({"write_file", "mkdir", "remove"})
LOOKS = frozenset({"stat", "exists", "read_dir", "read_file", "read_link"})

Key = tuple[str, str, tuple[str, ...]]
"""A user, a host, and the names of scripted commands: what an interpreter is made with."""


@cache
def proc_of_old() -> Mapping[str, bytes]:
    """What stands in the interpreter's own /proc, by path."""
    bash, found = bashkit().Bash(), {}
    for path in bash.execute_sync("find /proc -type f").stdout.split():
        found[path.removeprefix("/proc")] = bash.execute_sync(f"cat {path}").stdout_bytes
    return found


class Host:
    """The sandbox that a worker has, and what goes on in it."""

    def __init__(self, source: IO[bytes], sink: Sink) -> None:
        self._source, self._sink = source, sink
        self._disk = Shell(None)
        self._files: FileSystem = self._disk.bash.fs()
        self._empty = self._disk.freeze()
        self._proc: FileSystem | None = None
        self._ready: dict[Key, tuple[Shell, Link]] = {}
        self._conversations: dict[int, Conversation] = {}
        self._number = self._begun = self._working = 0
        self._opened_bytes = 0
        self._cost = 0.0
        self._later: threading.Timer | None = None
        self._front = threading.Lock()
        """Held by what somebody waits for, and by the freezing behind it."""
        self._guard = threading.RLock()
        self._hands = ThreadPoolExecutor(MAX_TALKS, thread_name_prefix="fakeserver-command")
        self._works: dict[str, Callable[[Message], None]] = {
            wire.OPEN: self._open,
            wire.CLOSE: self._close,
            wire.RUN: self._run,
            wire.FILES: self._work_on_files,
            wire.FREEZE: self._freeze,
            wire.KEEP: lambda message: self._keep(),
        }
        self._prepare(("root", "sandbox", ()))

    def serve(self) -> None:
        """Until the server is gone."""
        try:
            while True:
                self._take(wire.receive(self._source))
        except wire.Closed:
            return

    def _take(self, message: Message) -> None:
        """What has to be known at once is; all else has a thread of its own."""
        conversation = self._conversations.get(message.talk)
        if message.kind == wire.ANSWER:
            if conversation is not None:
                conversation.answers.put(message)
        elif message.kind == wire.END:
            if conversation is not None:
                conversation.halt(*message.values)
        else:
            if message.kind == wire.RUN:
                heard = message.values[-1]
                self._conversations[message.talk] = Conversation(message.talk, self._sink, heard=heard)
            if message.kind in (wire.RUN, wire.KEEP):
                with self._guard:
                    self._begun = message.talk or message.values[0]
                    self._working += message.kind == wire.RUN
            if message.kind in AT_ONCE:
                self._carry_out(message)
            else:
                self._hands.submit(self._carry_out, message)

    def _carry_out(self, message: Message) -> None:
        with suppress(wire.Closed):
            try:
                self._works[message.kind](message)
            except Spoiled as error:
                self._sink.send(Message(message.talk, wire.SPOILED, [str(error)]))
            except Exception as error:  # Whatever it is, whoever waits has an answer.
                self._sink.send(Message(message.talk, wire.FAILED, [str(error)]))
            except BaseException:  # The interpreter has broken down, and nobody knows in what state it is.
                WATCH.give_up()
                raise

    def pulse(self) -> None:
        """Tell what has been held back for long enough."""
        for each in [*self._conversations.values()]:
            with suppress(wire.Closed):
                each.flush()

    # The sandbox

    def _open(self, message: Message) -> None:
        self._number, courses.MAX_WALL_SECONDS, watching.GRACE_SECONDS = message.values
        for frozen in message.pieces:
            self._disk.restore(frozen)
        self._opened_bytes = resident_bytes()
        self._sink.send(Message(message.talk, wire.DONE))

    def _close(self, message: Message) -> None:
        """Have nothing of the sandbox any longer; whether the worker should be had no longer."""
        with self._front:
            self._disk.restore(self._empty)
            self._proc, self._cost, self._number = None, 0.0, 0
        self._sink.send(Message(message.talk, wire.DONE, [resident_bytes() > SPENT_BYTES]))

    def _freeze(self, message: Message) -> None:
        upto, frozen = self._frozen()
        self._sink.send(Message(message.talk, wire.DONE, [upto], [frozen]))

    def _frozen(self) -> tuple[int, bytes]:
        """The files, and the number of what has been the last to change them; 0 where something goes on."""
        with self._guard:
            upto = 0 if self._working else self._begun
        return upto, self._disk.freeze()

    def _keep(self) -> None:
        """Tell how the files are; where that takes long, when nothing has gone on for a while."""
        with self._guard:
            if self._later is not None:
                self._later.cancel()
            if self._cost > LONG_SECONDS:
                self._later = threading.Timer(self._cost * REST, self._keep_now)
                self._later.daemon = True
                self._later.start()
                return
        self._keep_now()

    def _keep_now(self) -> None:
        with suppress(wire.Closed), self._front:
            self._tell_files()

    def _tell_files(self) -> None:
        before, number = monotonic(), self._number
        upto, frozen = self._frozen()
        self._cost = monotonic() - before
        spent = resident_bytes() > self._opened_bytes + SPENT_BYTES
        self._sink.send(Message(0, wire.FROZEN, [number, upto, spent], [frozen]))

    def _work_on_files(self, message: Message) -> None:
        name, *arguments = message.values
        if name not in CHANGES | LOOKS:
            raise ValueError(name)
        with self._front:
            found = getattr(self._files, name)(*arguments, *message.pieces)
        values, pieces = ([], [bytes(found)]) if name == "read_file" else ([found], [])
        self._sink.send(Message(message.talk, wire.DONE, values, pieces))

    @property
    def proc(self) -> FileSystem:
        """Its /proc, where each process has a folder."""
        with self._guard:
            if self._proc is None:
                made = bashkit().FileSystem()
                for each in made.read_dir("/"):
                    made.remove(f"/{each['name']}", True)
                for path, content in proc_of_old().items():
                    made.mkdir(path.rpartition("/")[0] or "/", True)
                    made.write_file(path, content)
                self._proc = made
            return self._proc

    # Orders

    def _prepare(self, key: Key) -> None:
        """Make an interpreter for an order that may come."""
        if key not in self._ready:
            self._ready = {key: self._make(key)}

    def _make(self, key: Key, process: Conversation | None = None) -> tuple[Shell, Link]:
        link = Link()
        user, host, names = key
        shell = Shell(
            None,
            user=user,
            host=host,
            mounts={"/": self._files},
            builtins=link.builtins(),
            scripted={name: link.scripted(name) for name in names},
            outermost={} if process is None else link.own(),
            clock=None if process is None else lambda: int(process.ask("now").values[0]),
            waits=None if process is None else lambda seconds: none(process.ask("sleep", seconds)),
        )
        link.shell = ref(shell)
        return shell, link

    def _run(self, message: Message) -> None:
        fields, now, names, number, state, session, _ = message.values
        order, conversation = wire.order_of(fields, message.pieces[0]), self._conversations[message.talk]
        key = (order.user, order.host, tuple(names))
        try:
            if number:
                state += INPUT if session else ""
                self._end(conversation, lambda: self._go_on(key, order, now, conversation, number, state))
                self._keep()
                return
            with self._front:
                self._end(conversation, lambda: self._run_first(key, order, now, conversation))
                self._prepare(key)
                if self._cost <= LONG_SECONDS:
                    self._tell_files()
            if self._cost > LONG_SECONDS:
                self._keep()
        finally:
            self._conversations.pop(message.talk, None)

    def _end(self, conversation: Conversation, work: Callable[[], Finished]) -> None:
        """Tell what an order has come to."""
        try:
            finished = work()
        except Exception as error:  # Whatever becomes of the interpreter, the order has an end.
            finished = Finished(1, stderr=f"bash: {error}\n".encode())
        with self._guard:
            self._working -= 1
        conversation.finish(finished)

    def _run_first(self, key: Key, order: Order, now: int, conversation: Conversation) -> Finished:
        """What somebody waits for."""
        shell, link = self._ready.pop(key) if key in self._ready else self._make(key)
        link.conversation = conversation
        if self._proc is not None or "&" in order.text:
            shell.bash.mount("/proc", self.proc)
        try:
            return shell.run(order, now, conversation.hear, conversation.halt)
        finally:
            # It knows what ends the interpreter, which has the link: a circle that no collector sees.
            link.conversation = None

    def _go_on(self, key: Key, order: Order, now: int, conversation: Conversation, number: int, state: str) -> Finished:
        """What goes on by itself under a number."""
        words = b"\0".join((b"/bin/bash", b"-c", order.text.encode(errors="replace"), b""))
        # Commands may have done anything to the folder.
        with suppress(RuntimeError):
            self.proc.mkdir(f"/{number}", True)
            self.proc.write_file(f"/{number}/cmdline", words[:MAX_CMDLINE])
        try:
            shell, link = self._make(key, conversation)
            link.conversation = conversation
            shell.bash.mount("/proc", self.proc)
            try:
                return shell.go_on(order, now, conversation.hear, state, conversation.halt.arm)
            finally:
                link.conversation = None
        finally:
            with suppress(RuntimeError):
                self.proc.remove(f"/{number}", True)


def none(told: Message) -> None:
    """Nothing is told."""


def limit() -> None:
    """What the system is to keep the process from: writing to files, of the memory that it had at its end as well.
    Addresses have no limit, since the stacks of the interpreter's threads take many and use few."""
    if sys.platform == "win32":
        return
    try:
        import resource
    except ImportError:
        return
    for what in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        with suppress(OSError, ValueError):
            resource.setrlimit(what, (0, 0))
    with suppress(OSError):
        os.nice(NICE)


def main() -> None:
    """Serve whoever has the other ends of standard input and output, and end with them."""
    limit()
    source, sink = os.fdopen(os.dup(0), "rb"), Sink(os.fdopen(os.dup(1), "wb"))
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    threading.stack_size(STACK_BYTES)
    host = Host(source, sink)
    WATCH.pulse, WATCH.give_up = host.pulse, lambda: os._exit(OUT_OF_MEMORY)
    WATCH.most_bytes = resident_bytes() + MAX_GROWTH_BYTES
    host.serve()
    os._exit(0)
