"""Workers: processes in which sandboxes run, each one at a time. A few are started ahead; all end with the server."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from itertools import count
from queue import Empty, SimpleQueue
from typing import Any

from fakeserver.interpreter import wire
from fakeserver.interpreter.orders import KILLED, SEGMENTATION_FAULT, Hear
from fakeserver.interpreter.wire import Closed, Message, Sink

MAX_WORKERS = 48
"""At once; who needs one more waits until one is free."""
MAX_SPARE = 2
"""Those that have no sandbox and wait for one."""
QUIET_SECONDS = 60
"""One that says nothing for so long, while somebody waits for it, is ended: it would have ended itself by then."""
LEAVING_SECONDS = 5.0
"""How long what still goes on in a sandbox may take to end with it."""
RUST_STACK = {"RUST_MIN_STACK": str(512 * 2**20)}
"""Bytes of addresses, for the threads in which the interpreter reads a text, that may be nested without end."""
KEPT_VARIABLES = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What a Python may need to start at all."""
PROGRAM = "from fakeserver.interpreter.hosting import main; main()"
SIGNALS_OF_STACKS = frozenset({4, 6, 7, 10, 11})
"""By which a process ends whose stack has no more room: ILL, ABRT, BUS and SEGV, as systems have it."""

Answers = Callable[[str, Sequence[Any]], tuple[Sequence[Any], Sequence[bytes]]]
"""Answers what an order asks for, by its name."""


class NoShell(Exception):
    """The interpreter is not installed."""


class Spoiled(Exception):
    """Files that were frozen once cannot be read any more."""


class Lost(Exception):
    """A worker has ended before it was done."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.exit_code = SEGMENTATION_FAULT if -code in SIGNALS_OF_STACKS else KILLED


@cache
def is_installed() -> bool:
    """Whether there is an interpreter."""
    return find_spec("bashkit") is not None


def environment() -> dict[str, str]:
    """Nothing of the server's surroundings but where its packages are."""
    paths = os.pathsep.join(os.path.abspath(each) for each in sys.path if each)
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return {**kept, **RUST_STACK, "PYTHONPATH": paths}


def answer_nothing(name: str, values: Sequence[Any]) -> tuple[Sequence[Any], Sequence[bytes]]:
    raise AssertionError(name)


def drop(stream: str, piece: bytes) -> None:
    """Nobody listens."""


class Tenancy:
    """The time in which a worker has one sandbox; behind its end nobody reaches the worker by it. `keep` is told of the
    files there are, and of the number of the talk behind which they stay so, 0 where something goes on; `note_loss` of
    the worker's end."""

    def __init__(self, worker: Worker, number: int) -> None:
        self.worker, self.number = worker, number
        self.keep: Callable[[bytes, int], None] | None = None
        self.note_loss: Callable[[], None] | None = None
        self.over = False
        self.spent = False
        """Whether the worker has grown so much with the sandbox that it should not have it any longer."""
        self.last = 0
        """The number of the last talk that may have changed files."""

    @property
    def is_lost(self) -> bool:
        """Whether the worker has ended."""
        return self.worker.dead

    def talk(
        self,
        kind: str,
        values: Sequence[Any] = (),
        pieces: Sequence[bytes] = (),
        *,
        hear: Hear = drop,
        answers: Answers = answer_nothing,
        begin: Callable[[Callable[[int], None]], None] | None = None,
        changes: bool = False,
    ) -> Message:
        """What comes of what the worker is asked to do, while it says and asks things in between; a `Lost` if it ends
        before, `Spoiled` if it cannot read the files, and a `RuntimeError` in its words if it cannot do that. `begin`
        is told what ends it."""
        worker, queue = self.worker, SimpleQueue[Message | None]()
        number = worker.begin(self, queue, changes=changes)
        try:
            worker.send(Message(number, kind, list(values), pieces))
            if begin is not None:
                begin(lambda signal: worker.post(Message(number, wire.END, [signal])))
            while True:
                message = worker.next_of(queue)
                if message.kind == wire.HEAR:
                    for stream, piece in zip(message.values, message.pieces, strict=True):
                        hear(stream, piece)
                elif message.kind == wire.ASK:
                    name, *asked = message.values
                    found, given = answers(name, asked)
                    worker.send(Message(number, wire.ANSWER, list(found), given))
                elif message.kind == wire.SPOILED:
                    raise Spoiled(message.values[0])
                elif message.kind == wire.FAILED:
                    raise RuntimeError(message.values[0])
                else:
                    return message
        finally:
            worker.end(number)

    def freeze(self) -> Callable[[], tuple[bytes, int] | None]:
        """Have the worker freeze the files as they are now, and what waits for them, and for the number that `keep`
        would be told; it has nothing if the worker ends before. A `Lost` if it has ended already."""
        worker, queue = self.worker, SimpleQueue[Message | None]()
        number = worker.begin(self, queue, changes=False)
        worker.post(Message(number, wire.FREEZE))

        def wait() -> tuple[bytes, int] | None:
            try:
                message = worker.next_of(queue)
                return (message.pieces[0], message.values[0]) if message.pieces else None
            except Lost:
                return None
            finally:
                worker.end(number)

        return wait

    def tell_files(self) -> None:
        """Have the worker say how the files are, as soon as nothing goes on."""
        self.worker.tell_files(self)


class Worker:
    """One process."""

    def __init__(self) -> None:
        group: dict[str, Any] = {"process_group": 0}
        if sys.platform == "win32":
            group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
            **group,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._sink, self._source = Sink(self._process.stdin), self._process.stdout
        self._talks: dict[int, SimpleQueue[Message | None]] = {}
        self._numbers = count(1)
        self._guard = threading.Lock()
        self._ended = threading.Condition(self._guard)
        self._tenancy = Tenancy(self, 0)
        self.dead = False
        LIVING.add(self)
        threading.Thread(target=self._listen, name="fakeserver-worker", daemon=True).start()
        if ENDING.is_set():
            # It was being started while all others were ended.
            self.kill()

    @property
    def number(self) -> int:
        """Of the process."""
        return self._process.pid

    def let(self) -> Tenancy:
        """Have it for another sandbox."""
        with self._guard:
            self._tenancy.over = True
            self._tenancy = Tenancy(self, self._tenancy.number + 1)
            return self._tenancy

    def end_tenancy(self) -> bool:
        """Whether nothing went on in the sandbox, or soon nothing did; nobody reaches it any longer."""
        with self._ended:
            self._tenancy.over = True
            return self._ended.wait_for(lambda: not self._talks, LEAVING_SECONDS)

    def _listen(self) -> None:
        """Tell what it says to those that it concerns, until it has ended."""
        try:
            while True:
                message = wire.receive(self._source)
                if message.kind == wire.FROZEN:
                    tenancy, (number, upto, spent) = self._tenancy, message.values
                    if tenancy.number == number and tenancy.keep is not None and not tenancy.over:
                        tenancy.spent = spent
                        tenancy.keep(message.pieces[0], upto)
                elif (queue := self._talks.get(message.talk)) is not None:
                    queue.put(message)
        except Closed:
            pass
        self.kill()
        self._process.wait()
        self._source.close()
        with self._guard:
            self.dead = True
            for queue in self._talks.values():
                queue.put(None)
            tenancy = self._tenancy
        if tenancy.note_loss is not None and not tenancy.over:
            tenancy.note_loss()
        LIVING.discard(self)
        POOL.note_end()

    def begin(self, tenancy: Tenancy, queue: SimpleQueue[Message | None], *, changes: bool) -> int:
        """The number of a talk that begins."""
        with self._guard:
            if self.dead or tenancy.over:
                raise Lost(self._process.returncode or 0)
            number = next(self._numbers)
            self._talks[number] = queue
            tenancy.last = number if changes else tenancy.last
            return number

    def end(self, number: int) -> None:
        """A talk has ended."""
        with self._ended:
            del self._talks[number]
            self._ended.notify_all()

    def next_of(self, queue: SimpleQueue[Message | None]) -> Message:
        """The next message of a talk."""
        try:
            message = queue.get(timeout=QUIET_SECONDS)
        except Empty:
            self.kill()
            message = queue.get()
        if message is None:
            raise Lost(self._process.returncode)
        return message

    def send(self, message: Message) -> None:
        """Say something; one that does not listen any longer is ending."""
        try:
            self._sink.send(message)
        except Closed:
            self.kill()

    def post(self, message: Message) -> None:
        """Say something short without ever waiting."""
        try:
            if self._sink.send(message, wait=False):
                return
        except Closed:
            return
        threading.Thread(target=self.send, args=(message,), daemon=True).start()

    def tell_files(self, tenancy: Tenancy) -> None:
        """Have it say how the files are, as soon as nothing goes on."""
        with self._guard:
            if tenancy.over:
                return
            tenancy.last = number = next(self._numbers)
        self.post(Message(0, wire.KEEP, [number]))

    def kill(self) -> None:
        """End it, and whatever it does."""
        self._process.kill()
        self._sink.close()


class Pool:
    """The workers of all worlds: those that have a sandbox, and a few that wait for one."""

    def __init__(self) -> None:
        self._spare: list[Worker] = []
        self._changed = threading.Condition()
        self._starting = 0

    def take(self, free: Callable[[], None] = lambda: None) -> Tenancy:
        """One without a sandbox; where there are as many as there may be, `free` lets go of what is not needed. Another
        is started for whoever comes next."""
        if not is_installed():
            raise NoShell
        with self._changed:
            while not self._spare and len(LIVING) + self._starting >= MAX_WORKERS:
                self._changed.release()
                try:
                    free()
                finally:
                    self._changed.acquire()
                if not self._spare and len(LIVING) + self._starting >= MAX_WORKERS:
                    self._changed.wait(1)
            worker = self._spare.pop() if self._spare else None
        if worker is None or worker.dead:
            worker = Worker()
        self._start_ahead()
        return worker.let()

    def _start_ahead(self) -> None:
        with self._changed:
            if self._spare or self._starting or len(LIVING) >= MAX_WORKERS:
                return
            self._starting += 1
        threading.Thread(target=self._start, name="fakeserver-start", daemon=True).start()

    def _start(self) -> None:
        try:
            worker = Worker()
        except OSError:
            worker = None
        with self._changed:
            self._starting -= 1
            if worker is not None:
                self._spare.append(worker)
            self._changed.notify_all()

    def give_back(self, tenancy: Tenancy) -> None:
        """Its sandbox is not wanted there any longer. The worker goes on with another one, unless something still goes
        on in it or it has grown too large."""
        worker, spent = tenancy.worker, True
        if worker.end_tenancy() and not worker.dead:
            with suppress(Lost, RuntimeError):
                (spent,) = worker.let().talk(wire.CLOSE).values
        with self._changed:
            spent = spent or len(self._spare) >= MAX_SPARE or ENDING.is_set()
            if not spent:
                self._spare.append(worker)
            self._changed.notify_all()
        if spent:
            worker.kill()

    def note_end(self) -> None:
        """A worker has ended."""
        with self._changed:
            self._spare = [each for each in self._spare if not each.dead]
            self._changed.notify_all()


LIVING: set[Worker] = set()
ENDING = threading.Event()
POOL = Pool()


@atexit.register
def end_all() -> None:
    """None outlives the server."""
    ENDING.set()
    for each in [*LIVING]:
        each.kill()
