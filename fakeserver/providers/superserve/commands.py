"""Superserve's commands: what runs in a sandbox, of both generations: by the API with a key, which resumes a paused
sandbox, and by the data plane with a token, which does not."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from fakeserver.provider import (
    SECOND,
    STDERR,
    Asked,
    Call,
    Command,
    Document,
    Emit,
    Finished,
    Halt,
    Issue,
    Job,
    Problem,
    Record,
    Result,
    View,
    Write,
    fire,
)
from fakeserver.providers.superserve.access import HEADS, find_running, rested
from fakeserver.providers.superserve.limits import check
from fakeserver.providers.superserve.refusals import MAX_TOLD, quote, said
from fakeserver.providers.superserve.sandboxes import find_sandbox
from fakeserver.providers.superserve.states import MACHINE, written

DEFAULT_SECONDS = 30
"""Observed: how long a command may take that does not say, or says nothing above 0."""
USER, HOME = "user", "/home/user"
"""Observed: what commands find as their user and home, although they run as root, unless the template has a user."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Observed: where commands look for others."""
NOT_FOUND = 127
IMAGE_PYTHON = re.compile(r"python[:-](\d+\.\d+)(\.\d+)?")
EVENT_STREAM = "text/event-stream"
EVENT_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
PRIVATE = {"Referrer-Policy": "no-referrer"}
"""Observed: with every answer of the data plane."""


class Place(NamedTuple):
    """A sandbox in which a command may run, and what becomes of it thereby."""

    record: Record
    writes: tuple[Write, ...]


Find = Callable[[Asked, View], Place]


# Where it runs


def place_of_key(asked: Asked, view: View) -> Place:
    """A sandbox of the team; one that is paused is resumed, and stays active."""
    found = find_sandbox(asked, view)
    record = rested(found, view)
    if record.document["status"] == "active":
        return Place(record, () if record.life == found.life else (record.put(),))
    fired = fire(record, MACHINE, "resume", view)
    return Place(record, (fired.write,))


def place_of_token(asked: Asked, view: View) -> Place:
    return Place(find_running(asked, view), ())


# What is run


def order_of(record: Record, body: Document) -> Command:
    """A command as its sandbox runs it: a line for the shell, or a program with its arguments."""
    check(issues_in(body))
    kept, args, seconds = record.kept, body.get("args") or [], body.get("timeout_s") or 0
    user = kept.get("user", "")
    home = HOME if not user else "/root" if user == "root" else f"/home/{user}"
    python = IMAGE_PYTHON.search(kept.get("image", ""))
    variables = {"HOME": home, "USER": user or USER, "PATH": PATH}
    return Command(
        shlex.join([body["command"], *args]) if args else body["command"],
        directory=body.get("working_dir") or "",
        defaults={**variables, **kept.get("env_vars", {})},
        variables=body.get("env") or {},
        user=user or "root",
        seconds=float(seconds if seconds > 0 else DEFAULT_SECONDS),
        host=f"sandbox-{record.identity[:8]}",
        python=f"{python[1]}{python[2] or '.0'}" if python else "",
        start=kept.get("workdir") or home,
    )


def issues_in(body: Document) -> Iterable[Issue]:
    for name in body.get("env") or {}:
        if not name or "=" in name:
            # Assumed: the sentence, which is that of a sandbox's variables.
            told = f"env key {quote(name[:MAX_TOLD])} contains invalid character"
            yield said("env", told if name else "env keys cannot be empty")


def mistake_in(body: Document, finished: Finished) -> str:
    """Why a command did not even begin, or nothing."""
    stderr = finished.stderr.decode(errors="replace")
    directory, command = body.get("working_dir") or "", body["command"]
    if directory and (finished.exit_code, stderr) == (1, f"bash: line 1: cd: {directory}: No such file or directory\n"):
        # Assumed: a 400 with this sentence. Observed: a 500 that names the shell, and not the directory.
        return f"working_dir: chdir {directory[:MAX_TOLD]}: no such file or directory"
    if body.get("args") and (finished.exit_code, stderr) == (
        NOT_FOUND,
        f"bash: line 1: {command}: command not found\n",
    ):
        return f"resolve {quote(command[:MAX_TOLD])}: executable file not found in PATH"
    return ""


# What comes of it


def execute(find: Find, headers: dict[str, str]) -> Callable[[Asked, View], Result]:
    """An operation that answers when the command is over."""

    def respond(asked: Asked, view: View) -> Result:
        place, body, halt = find(asked, view), asked.body, Halt()
        order, guest = order_of(place.record, body), view.guest(place.record.identity)

        def finish(finished: Finished) -> Result:
            mistake = mistake_in(body, finished)
            if mistake:
                raise Problem(400, "bad_request", mistake)
            return Result(200, answer_of(finished), headers)

        job = Job(lambda emit: guest.run(order, view.now, halt=halt), finish, stop=halt)
        return Result(200, writes=place.writes, job=job)

    return respond


def answer_of(finished: Finished) -> Document:
    """Bytes that are no text are shown as U+FFFD, as Go has it."""
    stdout, stderr = (each.decode(errors="replace") for each in (finished.stdout, finished.stderr))
    answer = {"stdout": stdout, "stderr": stderr, "exit_code": finished.exit_code}
    return answer | ({"truncated": True} if finished.truncated else {})


def stream(find: Find, headers: dict[str, str]) -> Callable[[Asked, View], Result]:
    """An operation that answers with events: what the command writes, as it does, and how it ends."""

    def respond(asked: Asked, view: View) -> Result:
        place, body, halt = find(asked, view), asked.body, Halt()
        order, guest = order_of(place.record, body), view.guest(place.record.identity)

        def run(emit: Emit) -> None:
            held: list[bytes] = []

            def hear(stream: str, piece: bytes) -> None:
                if not held and stream == STDERR and may_be_mistake(body, piece):
                    held.append(piece)
                else:
                    emit(event(view.now, {stream: piece.decode(errors="replace")}))

            finished = guest.run(order, view.now, hear, halt)
            mistake, end = mistake_in(body, finished), view.now + round(finished.slept * SECOND)
            if mistake:
                emit(event(end, {"error": mistake, "code": "bad_request", "finished": True}))
                return
            for piece in held:
                emit(event(end, {STDERR: piece.decode(errors="replace")}))
            emit(event(end, {"exit_code": finished.exit_code, "finished": True}))

        job = Job(run, lambda done: Result(200), streams=True, stop=halt)
        return Result(200, headers={**EVENT_HEADERS, **headers}, writes=place.writes, media_type=EVENT_STREAM, job=job)

    return respond


def may_be_mistake(body: Document, piece: bytes) -> bool:
    """Whether a piece of the standard error is what a command is told by that does not even begin."""
    return any(mistake_in(body, Finished(code, b"", piece)) for code in (1, NOT_FOUND))


def event(instant: int, told: dict[str, Any]) -> bytes:
    """One server-sent event; escaped throughout, since readers take other characters than line feeds for ends of
    lines."""
    return f"data: {json.dumps({'timestamp': written(instant), **told})}\n\n".encode()


ID = ("sandbox_id",)
OPERATIONS = {
    "execCommand": Call(execute(place_of_key, {}), reads=ID, body=True),
    "execCommandStream": Call(stream(place_of_key, {}), reads=ID, body=True),
    "exec": Call(execute(place_of_token, PRIVATE), body=True, public=True, heads=HEADS),
    "execStream": Call(stream(place_of_token, PRIVATE), body=True, public=True, heads=HEADS),
}
