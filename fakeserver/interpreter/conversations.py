"""What is said about one order between a worker, which carries it out, and its server, which knows the world: what the
order writes, and what its commands ask for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any
from weakref import ref

from fakeserver.interpreter import background, wire
from fakeserver.interpreter.orders import Finished, Halt
from fakeserver.interpreter.shell import Shell, bashkit
from fakeserver.interpreter.wire import Message, Sink
from fakeserver.machine import monotonic

if TYPE_CHECKING:
    from bashkit import BuiltinContext, BuiltinResult

HOLD_SECONDS, HOLD_BYTES = 0.005, 2**16
"""How long, and up to which size, output is held back to be told in one, where somebody hears it as it comes. Of any
other order it is told now and then nevertheless: what it has written must not end with its worker."""
MOST_PIECES = 1_000
"""Of an order's output, until those that follow each other are joined."""
INPUT = r"""
read() { if __bare; then local line; line=$(__line) || return 1; builtin read "$@" <<< "$line"
  else builtin read "$@"; fi; }
cat() { if [ $# = 0 ] && __bare; then local line; while line=$(__line); do printf '%s\n' "$line"; done
  else command cat "$@"; fi; }
"""
"""How a process reads what others write to it: line by line."""


class Conversation:
    """What is said about one order, between those who carry it out and the server."""

    def __init__(self, number: int, sink: Sink, *, heard: bool) -> None:
        self.number, self.heard = number, heard
        self.halt = Halt()
        self.answers: SimpleQueue[Message] = SimpleQueue()
        self._sink = sink
        self._asking, self._saying = threading.Lock(), threading.Lock()
        self._said: list[tuple[str, bytes]] = []
        self._size = self._pieces = 0
        self._told = 0.0

    def ask(self, name: str, *values: Any) -> Message:
        """What the server knows of the world, or does in it."""
        with self._asking:
            self.flush()
            self._sink.send(Message(self.number, wire.ASK, [name, *values]))
            return self.answers.get()

    def hear(self, stream: str, piece: bytes) -> None:
        """Pieces that come quickly are told in one message, and as one if there are many."""
        with self._saying:
            self._said.append((stream, piece))
            self._size += len(piece)
            late = self._size > HOLD_BYTES or monotonic() - self._told > HOLD_SECONDS
        if late and (self.heard or not self._pieces):
            self.flush()

    def flush(self) -> None:
        with self._saying:
            said, self._said, self._size, self._told = self._said, [], 0, monotonic()
            self._pieces += len(said)
            if said:
                joined = said if self._pieces < MOST_PIECES else join(said)
                pieces = [piece for _, piece in joined]
                self._sink.send(Message(self.number, wire.HEAR, [stream for stream, _ in joined], pieces))

    def finish(self, finished: Finished) -> None:
        if self.heard:
            self.flush()
        values, pieces = wire.finished_values(finished)
        self._sink.send(Message(self.number, wire.DONE, [values], pieces))


def join(said: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Pieces of one stream that follow each other, as one."""
    joined: list[tuple[str, list[bytes]]] = []
    for stream, piece in said:
        if joined and joined[-1][0] == stream:
            joined[-1][1].append(piece)
        else:
            joined.append((stream, [piece]))
    return [(stream, b"".join(pieces)) for stream, pieces in joined]


class Link:
    """By what the commands of an interpreter that was made ahead reach the order that it is made to carry out."""

    def __init__(self) -> None:
        self.conversation: Conversation | None = None
        self.shell: ref[Shell] | None = None
        self.first = True
        self.last = ""

    def ask(self, name: str, *values: Any) -> Message:
        assert self.conversation is not None
        return self.conversation.ask(name, *values)

    def outside(self, name: str, *values: Any) -> Message:
        """What takes none of the machine's time."""
        shell = None if self.shell is None else self.shell()
        assert shell is not None
        assert shell.course is not None
        return shell.course.outside(lambda: self.ask(name, *values))

    # Commands

    def scripted(self, name: str) -> Callable[[str], Finished | None]:
        def answer(text: str) -> Finished | None:
            told = self.ask("scripted", name, text)
            return None if told.values[0] is None else wire.finished_of(told.values[0], told.pieces)

        return answer

    def start(self, context: BuiltinContext) -> BuiltinResult:
        state, text = context.argv[:2]
        told = self.outside("start", state, text, context.cwd)
        number, code = told.values
        self.last = self.last if number is None else str(number)
        stdout, stderr = (piece.decode(errors="replace") for piece in told.pieces)
        return result(stdout, stderr, code)

    def told(self, name: str) -> Callable[[BuiltinContext], BuiltinResult]:
        """A command that is the server's."""

        def call(context: BuiltinContext) -> BuiltinResult:
            return result(*self.ask(name, list(context.argv)).values)

        return call

    def line(self, context: BuiltinContext) -> BuiltinResult:
        told = self.outside("read")
        shell = None if self.shell is None else self.shell()
        if told.values[0] and shell is not None and shell.course is not None:
            shell.course.end()
        return result(told.pieces[0].decode(errors="replace"), code=0 if told.pieces[0] else 1)

    def builtins(self) -> dict[str, Callable[..., Any]]:
        """What every shell has."""
        return {
            background.START: self.start,
            background.LAST: lambda context: result(self.last),
            "__aside": lambda context: set_aside(context.argv[0]),
            "__aside_file": aside_file,
            "kill": self.told("kill"),
            "ps": self.told("ps"),
        }

    def own(self) -> dict[str, Callable[..., Any]]:
        """What a process has: it reads what others write to it."""

        def bare(context: BuiltinContext) -> BuiltinResult:
            """Whether a command's input is that of the process."""
            return result(code=0 if context.stdin is None else 1)

        return {"__line": self.line, "__bare": bare, background.RELEASE: self.told("release")}


def set_aside(text: str) -> BuiltinResult:
    """A text with what it puts into the background set aside; 1 where that is nothing."""
    changed = background.set_aside(text)
    return result(code=1) if changed == text else result(changed)


def aside_file(context: BuiltinContext) -> BuiltinResult:
    """The text of a script, as `__aside` has it."""
    path = context.argv[0]
    try:
        text = context.fs.read_file(path if path.startswith("/") else f"{context.cwd}/{path}")
    except RuntimeError:
        return result(code=1)
    return set_aside(bytes(text).decode(errors="replace"))


def result(stdout: str = "", stderr: str = "", code: int = 0) -> BuiltinResult:
    made: BuiltinResult = bashkit().BuiltinResult(stdout, stderr, code)
    return made
