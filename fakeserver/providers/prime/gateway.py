"""Prime's gateway, which leads to what runs in a sandbox: its door, commands of containers, and files.

Observed: prime-sandboxes 0.5.1 and 0.2.39, what is sent there, and what they make of 401, 404, 408, 409, 410, 413 and
502. Assumed: how a file's path is read, and all texts.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Any

from fakeserver.provider import (
    Asked,
    Command,
    Document,
    Files,
    Finished,
    Halt,
    Issue,
    Job,
    Problem,
    Record,
    Result,
    View,
    at,
    find_record,
    fire,
    invalid,
    unauthenticated,
)
from fakeserver.providers.prime.states import MACHINE, UNREACHABLE, job_of
from fakeserver.providers.prime.tokens import read_token

GATEWAY = "/gateway"
"""Assumed: where the gateway is, behind the provider's base URL."""
PLACE = ("user_ns", "job_id")
"""The parameters of every path there."""
SESSIONS = frozenset(
    {"startSession", "connectSession", "sendSessionInput", "sendSessionSignal", "updateSession", "listSessions"}
)
FILES = frozenset({"executeCommand", "uploadFile", "downloadFile", "readFile"})
CODES = {
    400: "invalid_argument", 401: "unauthenticated", 403: "permission_denied", 404: "not_found", 409: "aborted",
    410: "not_found", 413: "resource_exhausted", 415: "unknown", 422: "invalid_argument", 429: "resource_exhausted",
    500: "internal", 501: "unimplemented", 502: "unavailable", 503: "unavailable", 504: "deadline_exceeded",
}  # fmt: skip
"""What the Connect protocol calls what a status means."""
PRECONDITION = "failed_precondition"
UNFIT = re.compile("[^a-z0-9]+")
"""What a namespace of Kubernetes has no room for."""
PYTHON = re.compile(r"(?:^|/)python:(\d+(?:\.\d+){0,2})(?![\d.])")
USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}(?::[A-Za-z0-9_.-]{1,32})?")
MAX_PATH = 4_096
"""Characters of a file's path."""
MAX_UPLOAD = 32 * 2**20
"""Bytes of a form with a file."""
MAX_READ = 10 * 2**20
"""Assumed: bytes of a file, or of a window of one, that are read at once; what prime-sandboxes 0.5.1 asks for."""
EXEC_SECONDS = 300
"""Observed: how long a command may take where nobody says."""


def is_gateway(operation: str) -> bool:
    return operation in SESSIONS or operation in FILES


def gateway_errors(problem: Problem) -> tuple[int, Document]:
    """Refusals as the gateway words them: those of sessions as the Connect protocol has them."""
    status, detail = problem.status, problem.detail
    if problem.operation not in SESSIONS:
        return status, {"error": problem.kind, "message": detail, "code": status}
    code = problem.kind if problem.kind in (PRECONDITION, "not_found") else CODES.get(status, "unknown")
    # Of a sandbox that is gone a session says that it is not there.
    status = {410: 404, 422: 400}.get(status, status)
    return 404 if code == "not_found" else status, {"code": code, "message": detail}


def namespace_of(record: Record) -> str:
    account: str = record.document.get("teamId") or record.document.get("userId") or record.tenant
    return UNFIT.sub("-", account.lower())


# The door


def enter(asked: Asked, view: View, *, session: bool = False) -> Record:
    """The sandbox that a request's token is for, if it can be reached; a `session` is told otherwise of one that is
    not there."""
    claims = read_token(view)
    if claims is None:
        raise unauthenticated("The token is missing, unknown or expired")
    record = find_record(view, claims["tenant"], claims["sub"]) if claims["tenant"] in view.tenants else None
    place = None if record is None else (namespace_of(record), job_of(record.document))
    if record is None or place != tuple(asked.values[name] for name in PLACE):
        raise missing(session=session)
    status = record.document["status"]
    if status == "TERMINATED":
        # Whatever ended it, nothing goes on in it.
        view.guest(record.identity).forget()
        raise Problem(410, "sandbox_terminated", "The sandbox is terminated")
    if MACHINE.state_of(record.life) == UNREACHABLE:
        raise missing(session=session)
    if status != "RUNNING":
        raise Problem(409, "sandbox_not_running", f"The sandbox is {status}")
    return record


def missing(*, session: bool) -> Problem:
    kind = "not_found" if session else "sandbox_not_found"
    return Problem(404 if session else 502, kind, "The sandbox was not found")


def used(record: Record, view: View) -> Result:
    """What a request leaves behind, to which its answer is added: whoever has an idle timeout starts to wait anew."""
    if record.document.get("idleTimeoutMinutes") is None:
        return Result(200)
    return Result(200, writes=[fire(record, MACHINE, "use", view).write])


# Commands


def order_of(record: Record, text: str, variables: Mapping[str, str], **more: Any) -> Command:
    """A command in a sandbox, with the variables that it was created with. Assumed: it runs as root, at home."""
    document = record.document
    image = PYTHON.search(document.get("dockerImage") or "")
    own = document.get("environmentVars") or {}
    return Command(
        text,
        variables={name: str(value) for name, value in {**own, **variables}.items()},
        host=document["id"],
        python="" if image is None else image[1],
        **more,
    )


def object_to_order(variables: Mapping[str, str], user: str, *texts: str) -> str:
    """What keeps a command from being run, if anything does."""
    for name, text in variables.items():
        if not name or "=" in name or "\0" in name + text:
            return f"the environment variable {name[:64]!r} cannot be set"
    if user and USER.fullmatch(user) is None:
        return "the user is no name and no number"
    return "a NUL byte cannot be in a command" if any("\0" in each for each in texts) else ""


def execute(asked: Asked, view: View) -> Result:
    """Observed: prime-sandboxes 0.2.39, of containers; how a command is given, and 408 where it takes too long."""
    record, body = enter(asked, view), asked.body
    user, directory = body.get("user") or "", body.get("working_dir") or ""
    variables = body.get("env") or {}
    wrong = object_to_order(variables, user, body["command"], directory)
    if wrong:
        raise invalid([Issue(("body",), wrong, "value_error")])
    seconds = float(body["timeout"])
    asked_as = {"user": user.partition(":")[0]} if user else {}
    order = order_of(record, body["command"], variables, directory=directory, seconds=seconds, **asked_as)
    guest, result = view.guest(record.identity), used(record, view)
    halt = Halt()
    result.job = Job(lambda emit: guest.run(order, view.now, halt=halt), said, stop=halt)
    return result


def said(finished: Finished) -> Result:
    if finished.timed_out:
        raise Problem(408, "command_timeout", "The command took longer than it may")
    stdout, stderr = (each.decode(errors="replace") for each in (finished.stdout, finished.stderr))
    return Result(200, {"stdout": stdout, "stderr": stderr, "exit_code": finished.exit_code})


# Files


def path_of(asked: Asked) -> str:
    """Assumed: a path that does not start at the root starts at home."""
    path: str = asked.values["path"]
    if not path or "\0" in path or len(path) > MAX_PATH:
        raise invalid([Issue(("query", "path"), f"must be 1 to {MAX_PATH} characters without NUL", "value_error")])
    return posixpath.normpath(posixpath.join("/root", path))


def file_missing(path: str) -> Problem:
    return Problem(404, "file_not_found", f"File not found: {path}")


def read_whole(files: Files, path: str) -> bytes:
    """A file; a refusal where there is none."""
    try:
        if files.stat(path)["file_type"] == "directory":
            raise file_missing(path)
        return bytes(files.read_file(path))
    except (RuntimeError, FileNotFoundError):
        raise file_missing(path) from None


def upload(asked: Asked, view: View) -> Result:
    record, path = enter(asked, view), path_of(asked)
    sent = asked.body["file"]
    content: bytes = sent.encode() if isinstance(sent, str) else sent.content
    guest, result = view.guest(record.identity), used(record, view)
    done = {"success": True, "path": asked.values["path"], "size": len(content), "timestamp": at(view.now)}

    def write(files: Files) -> None:
        try:
            files.mkdir(posixpath.dirname(path), True)
            files.write_file(path, content)
        except RuntimeError as error:
            raise Problem(400, "not_written", f"The file cannot be written: {error}") from None

    result.job = Job(lambda emit: guest.files(write), lambda _: Result(200, done))
    return result


def download(asked: Asked, view: View) -> Result:
    record, path = enter(asked, view), path_of(asked)
    guest, result = view.guest(record.identity), used(record, view)
    result.job = Job(
        lambda emit: guest.files(lambda files: read_whole(files, path), changes=False),
        lambda content: Result(200, content, media_type="application/octet-stream"),
    )
    return result


def read_file(asked: Asked, view: View) -> Result:
    """Observed: prime-sandboxes 0.5.1, VMs read no windows, and leave out what belongs to them; an offset may count
    from the end. Assumed: bytes that are no text are replaced."""
    record, path = enter(asked, view), path_of(asked)
    windowed = record.document.get("vm") is not True
    offset, length = (asked.values[name] if windowed else None for name in ("offset", "length"))
    guest, result = view.guest(record.identity), used(record, view)

    def shown(content: bytes) -> Result:
        total = len(content)
        start = min(total, max(0, total + offset if offset is not None and offset < 0 else offset or 0))
        piece = content[start:] if length is None else content[start : start + length]
        if len(piece) > MAX_READ:
            raise Problem(413, "file_too_large", f"The file has {len(piece)} bytes, and at most {MAX_READ} are read")
        read = {"content": piece.decode(errors="replace"), "size": len(piece)}
        window = {"total_size": total, "offset": start, "truncated": len(piece) < total}
        return Result(200, {**read, **window} if windowed else read)

    result.job = Job(lambda emit: guest.files(lambda files: read_whole(files, path), changes=False), shown)
    return result
