"""A sandbox that is awake: its files, and the processes that go on in it by themselves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import ref

from fakeserver.commands.processes import (
    SETTLE_SECONDS,
    Ended,
    Listener,
    Process,
)
from fakeserver.instants import SECOND
from fakeserver.interpreter import background
from fakeserver.interpreter.orders import (
    KILL,
    SIGNALLED,
    STDERR,
    STDOUT,
    TERMINATE,
    Finished,
    Halt,
    Hear,
    Order,
    Scripted,
)
from fakeserver.interpreter.shell import Shell, bashkit
from fakeserver.machine import monotonic

if TYPE_CHECKING:
    from bashkit import BuiltinContext, BuiltinResult, FileSystem

MAX_PROCESSES = 16
"""Processes of a sandbox that go on by themselves."""
MAX_PROCESSES_IN_ALL = 32
"""The same, of all sandboxes of all worlds: each holds three descriptors, as its sandbox does."""
MAX_DEPTH = 8
"""Processes that start each other, one by one."""
SHELL, FIRST_NUMBER = "1", 1_001
"""Numbers of the shell that somebody waits for, and of the first process."""
SIGNALS = {"TERM": TERMINATE, "KILL": KILL, "INT": 2, "HUP": 1, "QUIT": 3, "USR1": 10, "USR2": 12}
NUMBERS = frozenset(map(str, range(65)))
"""By which they are known to `kill` as well; 0 only asks whether a process is there."""
FULL = "bash: fork: retry: Resource temporarily unavailable\n"
FORK_FAILED = 254
MAX_CMDLINE = 4_096
"""Bytes of a command that /proc has."""
MAX_SHOWN = 60
"""Characters of a command that `ps` shows."""
INPUT = r"""
read() { if __bare; then local line; line=$(__line) || return 1; builtin read "$@" <<< "$line"
  else builtin read "$@"; fi; }
cat() { if [ $# = 0 ] && __bare; then local line; while line=$(__line); do printf '%s\n' "$line"; done
  else command cat "$@"; fi; }
"""
"""How a process reads what others write to it: line by line."""

Builtins = Mapping[str, Callable[..., Any]]


SLOTS = threading.BoundedSemaphore(MAX_PROCESSES_IN_ALL)


class NoRoom(Exception):
    """There are as many processes as there may be."""


class OtherWish(Exception):
    """A process has this identity already, and was asked for in another way."""


class Over(Exception):
    """The process that has this identity is over."""

    def __init__(self, ended: Ended) -> None:
        super().__init__(ended.number)
        self.ended = ended


@cache
def proc_of_old() -> Mapping[str, bytes]:
    """What stands in the interpreter's own /proc, by path."""
    bash, found = bashkit().Bash(), {}
    for path in bash.execute_sync("find /proc -type f").stdout.split():
        found[path.removeprefix("/proc")] = bash.execute_sync(f"cat {path}").stdout_bytes
    return found


class Machine:
    """One sandbox's files, and its processes by their numbers; `key` is the provider and the sandbox's id, and `ended`
    is told of each process that has ended."""

    def __init__(
        self,
        key: tuple[str, str],
        frozen: bytes | None,
        numbers: count[int],
        clock: Callable[[], int],
        ended: Callable[[tuple[str, str], Process, Finished], None],
        scripted: Callable[[str], Mapping[str, Scripted]] = lambda slug: {},
    ) -> None:
        self.key = key
        self.disk = Shell(frozen)
        self.files: FileSystem = self.disk.bash.fs()
        self.processes: dict[int, Process] = {}
        self._halt = Halt()
        self.is_lost = False
        """Whether a command goes on that was given up: whoever comes next finds a copy of the files."""
        self._numbers = numbers
        self._clock = clock
        self._ended = ended
        self._scripted = scripted
        self._guard = threading.Lock()
        self._proc: FileSystem | None = None

    def shell(self, order: Order, process: Process | None = None) -> Shell:
        """An interpreter among the files: for a command that somebody waits for, or for a process."""
        mounts = {"/": self.files}
        if self._proc is not None or "&" in order.text:
            mounts["/proc"] = self.proc
        depth = 0 if process is None else process.depth + 1
        made: list[ref[Shell]] = []
        shell = Shell(
            None,
            user=order.user,
            host=order.host,
            mounts=mounts,
            builtins=self._common(depth, order, made),
            scripted=self._scripted(self.key[0]),
            outermost={} if process is None else self._own(process, made),
            clock=None if process is None else self._clock,
            waits=None if process is None else process.sleep,
        )
        made.append(ref(shell))
        return shell

    def run(self, order: Order, now: int, hear: Hear, halt: Halt | None) -> Finished:
        """Run an order that somebody waits for, at an instant (microseconds since 1970), until `halt` ends it."""
        shell, halt = self.shell(order), halt or Halt()
        self._halt = halt
        try:
            finished = shell.run(order, now, hear, halt)
        finally:
            # It holds the interpreter, whose commands hold this: a circle that no collector sees.
            self._halt = Halt()
        self.is_lost = shell.is_lost
        return finished

    @property
    def proc(self) -> FileSystem:
        """Its /proc, where each process has a folder."""
        if self._proc is None:
            made = bashkit().FileSystem()
            for each in made.read_dir("/"):
                made.remove(f"/{each['name']}", True)
            for path, content in proc_of_old().items():
                made.mkdir(path.rpartition("/")[0] or "/", True)
                made.write_file(path, content)
            self._proc = made
        return self._proc

    def freeze(self) -> bytes:
        return self.disk.freeze()

    def settle(self) -> None:
        """Wait a little until all processes rest, so that whoever looks finds what the clock says."""
        until = monotonic() + SETTLE_SECONDS
        for process in [*self.processes.values()]:
            process.settle(max(0.0, until - monotonic()))

    def stop(self) -> None:
        """The end of all processes, and of the command that somebody waits for."""
        self._halt()
        for process in [*self.processes.values()]:
            process.stop()

    def start(
        self,
        order: Order,
        listener: Callable[[Process], Listener],
        *,
        identity: str = "",
        wish: bytes = b"",
        session: bool = False,
        depth: int = 0,
        state: str = "",
        over: Callable[[str], Ended | None] = lambda identity: None,
    ) -> Process:
        """Let a command go on by itself, in a shell that has the variables and functions of a `state`; one with an
        `identity` is started once, and `over` knows those that have been. `listener` makes what is told of its
        output."""
        with self._guard:
            for process in self.processes.values() if identity else ():
                if process.identity == identity:
                    if process.wish != wish:
                        raise OtherWish
                    process.listen(listener(process))
                    return process
            if identity and (ended := over(identity)) is not None:
                raise Over(ended) if ended.fits(wish) else OtherWish
            if len(self.processes) >= MAX_PROCESSES or depth > MAX_DEPTH or not SLOTS.acquire(blocking=False):
                raise NoRoom
            process = Process(next(self._numbers), order, self._clock, identity, wish, depth, session)
            self.processes[process.number] = process
        process.listen(listener(process))
        words = b"\0".join((b"/bin/bash", b"-c", order.text.encode(), b""))
        # Commands may have done anything to the folder.
        with suppress(RuntimeError):
            self.proc.mkdir(f"/{process.number}", True)
            self.proc.write_file(f"/{process.number}/cmdline", words[:MAX_CMDLINE])
        name, given = f"fakeserver-process-{process.number}", (process, self._clock(), state)
        threading.Thread(target=self._carry_out, args=given, name=name, daemon=True).start()
        return process

    def _carry_out(self, process: Process, began: int, state: str) -> None:
        """From its first command to its end."""
        order = process.order
        try:
            text, process.merged = background.merged(background.of_its_own(order.text, process.number))
            order = replace(order, text=text)
            shell = self.shell(order, process)
            state += INPUT if process.session else ""
            finished = shell.go_on(order, began, process.hear, state, process.begin)
        except Exception as error:  # Whatever becomes of the interpreter, the process has an end.
            finished = Finished(1, stderr=f"bash: {error}\n".encode())
        late = finished.timed_out and not process.signal
        if late or process.signal:
            finished = replace(finished, exit_code=SIGNALLED + (process.signal or KILL), timed_out=late)
        finished = replace(finished, seconds=max(0.0, (self._clock() - began) / SECOND))
        with self._guard:
            # At every instant it is known as one that goes on, or as one that is over.
            self._ended(self.key, process, finished)
            del self.processes[process.number]
        SLOTS.release()
        process.finish(finished)
        with suppress(RuntimeError):
            self.proc.remove(f"/{process.number}", True)

    # Builtins

    def _common(self, depth: int, order: Order, made: Sequence[ref[Shell]]) -> Builtins:
        """What every shell has, once it is made; commands that it starts are so deep."""
        last: list[int] = []

        def start(context: BuiltinContext) -> BuiltinResult:
            started, said = self._start(context, order, depth)
            if started is not None:
                last[:] = [started.number]
                shell = made[0]()
                assert shell is not None
                assert shell.course is not None
                shell.course.outside(started.settle_first)
            return said()

        return {
            background.START: start,
            background.LAST: lambda context: result("".join(map(str, last))),
            "__aside": lambda context: set_aside(context.argv[0]),
            "__aside_file": self._aside_file,
            "kill": lambda context: self._kill(context, first=depth == 0),
            "ps": self._ps,
        }

    def _own(self, process: Process, made: Sequence[ref[Shell]]) -> Builtins:
        """What a process has, in the shell that is made for it, and which they do not keep: it reads what others write
        to it."""
        limit = process.order.seconds
        until = None if limit is None else self._clock() + round(limit * SECOND)

        def line(context: BuiltinContext) -> BuiltinResult:
            shell = made[0]()
            assert shell is not None
            assert shell.course is not None
            read = shell.course.outside(lambda: process.read(until))
            if not read and until is not None and self._clock() >= until:
                shell.course.end()
            return result(read.decode(errors="replace"), code=0 if read else 1)

        def bare(context: BuiltinContext) -> BuiltinResult:
            """Whether a command's input is that of the process."""
            return result(code=0 if context.stdin is None else 1)

        def release(context: BuiltinContext) -> BuiltinResult:
            process.release()
            return result()

        return {"__line": line, "__bare": bare, background.RELEASE: release}

    def _start(
        self, context: BuiltinContext, order: Order, depth: int
    ) -> tuple[Process | None, Callable[[], BuiltinResult]]:
        """Start a process for a shell, which says what it has written by then."""
        state, text = context.argv[:2]
        said: dict[str, list[bytes]] = {STDOUT: [], STDERR: []}

        def hear(stream: str, piece: bytes | None) -> None:
            if piece is not None:
                said[stream].append(piece)

        order = replace(order, text=text, directory=context.cwd, stdin=b"", seconds=None)
        try:
            process = self.start(order, lambda process: hear, depth=depth, state=state)
        except NoRoom:
            return None, lambda: result(stderr=FULL, code=FORK_FAILED)
        return process, lambda: result(read_all(said[STDOUT]), read_all(said[STDERR]))

    def _kill(self, context: BuiltinContext, *, first: bool) -> BuiltinResult:
        """Signals for processes, and of the `first` command for itself: for any other, the shell is `init`."""
        words, signal = [*context.argv], TERMINATE
        if words[:1] == ["-l"]:
            return result(" ".join(SIGNALS) + "\n")
        if words[:1] in (["-s"], ["-n"]):
            words[:2] = [f"-{''.join(words[1:2])}"]
        if words and words[0].startswith("-"):
            name = words.pop(0)[1:].upper().removeprefix("SIG")
            found = int(name) if name in NUMBERS else SIGNALS.get(name)
            if found is None:
                return result(stderr=f"bash: kill: {name}: invalid signal specification\n", code=1)
            signal = found
        if not words:
            return result(stderr="kill: usage: kill [-s sigspec | -n signum | -sigspec] pid ...\n", code=2)
        living = {str(each.number): each for each in [*self.processes.values()]}
        for word in words if signal else ():
            if word in living:
                living[word].stop(signal)
            elif word == SHELL and first:
                self._halt(signal)
        missing = [f"bash: kill: ({word}) - No such process\n" for word in words if word not in (SHELL, *living)]
        return result(stderr="".join(missing), code=1 if missing else 0)

    def _ps(self, context: BuiltinContext) -> BuiltinResult:
        rows = [(1, "bash"), *((each.number, each.order.text) for each in [*self.processes.values()])]
        lines = (f"{number:7} ?        00:00:00 {' '.join(text.split())[:MAX_SHOWN]}\n" for number, text in rows)
        return result("".join(("    PID TTY          TIME CMD\n", *lines)))

    def _aside_file(self, context: BuiltinContext) -> BuiltinResult:
        """The text of a script, as `__aside` has it."""
        path = context.argv[0]
        try:
            text = context.fs.read_file(path if path.startswith("/") else f"{context.cwd}/{path}")
        except RuntimeError:
            return result(code=1)
        return set_aside(bytes(text).decode(errors="replace"))


def read_all(pieces: Sequence[bytes]) -> str:
    return b"".join(pieces).decode(errors="replace")


def set_aside(text: str) -> BuiltinResult:
    """A text with what it puts into the background set aside; 1 where that is nothing."""
    changed = background.set_aside(text)
    return result(code=1) if changed == text else result(changed)


def result(stdout: str = "", stderr: str = "", code: int = 0) -> BuiltinResult:
    made: BuiltinResult = bashkit().BuiltinResult(stdout, stderr, code)
    return made
