"""Command sessions of Prime's VMs, by the Connect protocol.

Observed: prime-sandboxes 0.5.1 and its messages; 0.2.39 names a session by the number of its process alone. Assumed: a
signal's exit code, that output is not kept for whoever comes later, and the texts.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable

from fakeserver.provider import (
    STDOUT,
    Asked,
    Command,
    Emit,
    Ended,
    FakeProblem,
    Finished,
    Going,
    Halt,
    Job,
    NoRoom,
    OtherWish,
    Over,
    Problem,
    Process,
    Record,
    Result,
    View,
)
from fakeserver.providers.prime.gateway import CODES, PRECONDITION, enter, object_to_order, order_of, used
from fakeserver.providers.prime.wire import (
    CONTENT_TYPE,
    STREAM_TYPE,
    Message,
    bytes_of,
    check_encoding,
    check_type,
    frame,
    last_frame,
    malformed,
    number_of,
    one_text,
    read_frame,
    read_message,
    text_of,
    write_message,
    zigzag,
)

SHELLS = frozenset({"/bin/bash", "/bin/sh", "/usr/bin/bash", "/usr/bin/sh", "bash", "sh"})
FOREGROUND = 1_000
"""The number of a process that is over as soon as its stream is."""
SIGNALS = {15: "terminated", 9: "killed"}
SIGNALLED = 128
MAX_IDENTITY = 128
"""Characters of what a client calls a session, an input or a signal."""
MAX_APPLIED = 10_000
"""Inputs and signals of a process that are told apart by what a client calls them."""
TIMEOUT = "Connect-Timeout-Ms"
TYPE, ENCODING, STREAM_ENCODING = "Content-Type", "Content-Encoding", "Connect-Content-Encoding"
STREAM_HEADS, HEADS = (TYPE, STREAM_ENCODING), (TYPE, ENCODING)
"""The headers that say what the body of a stream is, and that of a single message."""
DEADLINE = "deadline_exceeded"


# Doors


def enter_stream(asked: Asked, view: View) -> tuple[Record, bytes]:
    """The sandbox that a request for a stream is for, and its message."""
    record = enter(asked, view, session=True)
    check_type(asked.headers[TYPE], STREAM_TYPE)
    check_encoding(asked.headers[STREAM_ENCODING], STREAM_ENCODING)
    return record, read_frame(asked.body)


def enter_single(asked: Asked, view: View) -> tuple[Record, Message]:
    """The sandbox that a single message is for, and the message."""
    record = enter(asked, view, session=True)
    check_type(asked.headers[TYPE], CONTENT_TYPE)
    check_encoding(asked.headers[ENCODING], ENCODING)
    return record, read_message(asked.body or b"", "The request")


# Streams


def start(asked: Asked, view: View) -> Result:
    """A command whose output is streamed. One that has an input, or a name, goes on by itself until its end."""
    record, raw = enter_stream(asked, view)
    wish = read_message(raw, "The request")
    identity = identity_of(wish, 5, "session_uuid")
    order = read_order(record, wish, asked.headers[TIMEOUT])
    guest, result = view.guest(record.identity), used(record, view)

    halt = Halt()

    def foreground(emit: Emit) -> None:
        emit(started(FOREGROUND))
        try:
            end(guest.run(order, view.now, lambda stream, piece: emit(written(stream, piece)), halt), emit)
        except FakeProblem as problem:
            refuse(emit, PRECONDITION, str(problem))

    def session(emit: Emit) -> Going | None:
        try:
            return follow(emit, lambda listener: guest.start(order, identity, raw, listener))
        except Over as over:
            tell_again(over.ended, emit)
        except OtherWish:
            refuse(emit, PRECONDITION, "The session was started in another way")
        except NoRoom:
            refuse(emit, "resource_exhausted", "There are too many processes")
        except FakeProblem as problem:
            refuse(emit, PRECONDITION, str(problem))
        except Problem as problem:
            # The answer has begun, so that the end of the stream has to say it.
            refuse(emit, CODES.get(problem.status, "unknown"), problem.detail)
        return None

    lives = bool(identity or number_of(wish, 4, "stdin"))
    return streaming(result, session) if lives else streaming(result, foreground, halt)


def connect(asked: Asked, view: View) -> Result:
    """What a session writes from now on, or its end."""
    record, raw = enter_stream(asked, view)
    selector = read_message(bytes_of(read_message(raw, "The request"), 1, "session"), "session")
    guest, result = view.guest(record.identity), used(record, view)
    process = find_process(guest.processes, selector)
    identity = identity_of(selector, 3, "session_uuid")
    over = guest.ended(identity) if process is None and identity else None
    if process is None and over is None:
        raise unknown(selector)

    def again(emit: Emit) -> Going | None:
        if process is not None:

            def join(listener: Callable[[Process], Callable[[str, bytes | None], None]]) -> Process:
                process.listen(listener(process))
                return process

            return follow(emit, join)
        assert over is not None
        tell_again(over, emit)
        return None

    return streaming(result, again)


def streaming(result: Result, run: Callable[[Emit], Going | None], stop: Callable[[], None] = lambda: None) -> Result:
    result.media_type = STREAM_TYPE
    result.job = Job(run, lambda _: Result(200), streams=True, stop=stop)
    return result


def follow(emit: Emit, join: Callable[[Callable[[Process], Callable[[str, bytes | None], None]]], Process]) -> Going:
    """Emit what a process does from its beginning, or from now, to its end; `join` lets it tell a listener."""
    listeners = []

    def listener(process: Process) -> Callable[[str, bytes | None], None]:
        emit(started(process.number))

        def hear(stream: str, piece: bytes | None) -> None:
            if piece is not None:
                return emit(written(stream, piece))
            assert process.finished is not None
            end(process.finished, emit)
            emit(None)

        listeners.append(hear)
        return hear

    process = join(listener)
    return Going(lambda: process.leave(listeners[0]))


def tell_again(over: Ended, emit: Emit) -> None:
    """That a session has begun, and how it has ended."""
    emit(started(over.number))
    end(over.finished, emit)


def started(number: int) -> bytes:
    return event(1, write_message([(1, number)]))


def written(stream: str, piece: bytes) -> bytes:
    return event(2, write_message([(1 if stream == STDOUT else 2, piece)]))


def event(number: int, message: bytes) -> bytes:
    return frame(write_message([(1, write_message([(number, message)]))]))


def end(finished: Finished, emit: Emit) -> None:
    """How a command ended, and the end of its stream."""
    if finished.timed_out:
        return refuse(emit, DEADLINE, "The command took longer than it may")
    code = finished.exit_code
    signal = SIGNALS.get(code - SIGNALLED)
    status = f"exit status {code}" if signal is None else f"signal: {signal}"
    emit(event(3, write_message([(1, zigzag(code)), (2, int(signal is None)), (3, status)])))
    emit(last_frame())


def refuse(emit: Emit, code: str, message: str) -> None:
    emit(last_frame(code, message))


# Requests


def read_order(record: Record, wish: Message, timeout: int | None) -> Command:
    spec = read_message(bytes_of(wish, 1, "command"), "command")
    program = text_of(spec, 1, "command.cmd")
    words = [one_text(each, "command.args") for each in spec.get(2, [])]
    pairs = [read_message(each, "command.envs") for each in spec.get(3, [])]
    variables = {text_of(each, 1, "command.envs"): text_of(each, 2, "command.envs") for each in pairs}
    directory, user = text_of(spec, 4, "command.cwd"), text_of(spec, 5, "command.user")
    if not program:
        raise malformed("command.cmd is required")
    in_shell = program in SHELLS and words[:1] == ["-c"] and len(words) == 2
    text = words[1] if in_shell else shlex.join([program, *words])
    wrong = object_to_order(variables, user, text, directory)
    if wrong:
        raise malformed(wrong)
    asked_as = {"user": user.partition(":")[0]} if user else {}
    seconds = None if timeout is None else timeout / 1_000
    return order_of(record, text, variables, directory=directory, seconds=seconds, **asked_as)


def identity_of(message: Message, number: int, what: str) -> str:
    found = text_of(message, number, what)
    if len(found) > MAX_IDENTITY:
        raise malformed(f"{what} is longer than {MAX_IDENTITY} characters")
    return found


def find_process(processes: list[Process], selector: Message) -> Process | None:
    """The one that a selector names; by its number or by what its client calls it."""
    identity, number = identity_of(selector, 3, "session_uuid"), number_of(selector, 1, "pid")
    for process in processes:
        if process.session and (process.identity == identity if identity else process.number == number):
            return process
    return None


def unknown(selector: Message) -> Problem:
    """The refusal of a selector that leads to no session. Observed: prime-sandboxes 0.5.1 reads the code alone."""
    identity, number = text_of(selector, 3, "session_uuid"), number_of(selector, 1, "pid")
    if not identity and not number:
        return Problem(404, "not_found", "The request names no session")
    named = f"with the session_uuid {identity!r}" if identity else f"of the process {number}"
    return Problem(404, "not_found", f"There is no session {named}")


# Single messages


def single(asked: Asked, view: View) -> tuple[Record, Message, Process]:
    """A message for a session: from where, what it says, and the process that it is for."""
    record, message = enter_single(asked, view)
    selector = read_message(bytes_of(message, 1, "session"), "session")
    process = find_process(view.guest(record.identity).processes, selector)
    if process is None:
        raise unknown(selector)
    return record, message, process


def done(record: Record, view: View, body: bytes = b"") -> Result:
    result = used(record, view)
    result.body, result.media_type = body, CONTENT_TYPE
    return result


def is_new(process: Process, message: Message, what: str) -> bool:
    """Whether an input or a signal has not come before."""
    identity = identity_of(message, 3, what)
    if not identity:
        return True
    if identity in process.applied:
        return False
    if len(process.applied) >= MAX_APPLIED:
        raise Problem(429, "resource_exhausted", "The process was sent too much")
    process.applied.add(identity)
    return True


def send_input(asked: Asked, view: View) -> Result:
    record, message, process = single(asked, view)
    given = read_message(bytes_of(message, 2, "input"), "input")
    sent = bytes_of(given, 1, "input.stdin") or bytes_of(given, 2, "input.pty")
    if is_new(process, message, "input_uuid") and not process.write(sent):
        raise Problem(429, "resource_exhausted", "The process does not read what it is sent")
    return done(record, view)


def send_signal(asked: Asked, view: View) -> Result:
    record, message, process = single(asked, view)
    signal = number_of(message, 2, "signal")
    if signal not in SIGNALS:
        raise malformed("signal is neither SIGTERM nor SIGKILL")
    if is_new(process, message, "signal_uuid"):
        process.stop(signal)
    return done(record, view)


def update(asked: Asked, view: View) -> Result:
    """A terminal of another size changes nothing that a process here could see."""
    record, message, _ = single(asked, view)
    read_message(bytes_of(message, 2, "pty"), "pty")
    return done(record, view)


def list_sessions(asked: Asked, view: View) -> Result:
    """The sessions that go on."""
    record, _ = enter_single(asked, view)
    return done(
        record, view, write_message((1, row_of(each)) for each in view.guest(record.identity).processes if each.session)
    )


def row_of(process: Process) -> bytes:
    """A session as it is listed."""
    command = bytes_of(read_message(process.wish, "The request"), 1, "command")
    named = [(4, process.identity)] if process.identity else []
    return write_message([(1, command), (2, process.number), *named])
