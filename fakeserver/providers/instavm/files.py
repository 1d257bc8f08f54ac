"""Files that go into a session's VM and come out of it."""

from __future__ import annotations

import base64
import posixpath
import re

from fakeserver.provider import (
    Asked,
    Call,
    Document,
    Files,
    Job,
    Problem,
    Result,
    Upload,
    View,
    not_found,
)
from fakeserver.providers.instavm.commands import find_host

HOME = "/root"
"""Assumed: where a name without a directory leads to, as commands begin there."""
MAX_FILE_BYTES = 10_000_000
"""Of a file, as the interpreter has it."""
MAX_FORM_BYTES = 65_536
"""Of what stands around a file in a form."""
MAX_TOLD = 200
"""Characters of a path that a refusal repeats."""


def path_of(name: str) -> str:
    """A path in the VM. It may lead up and through links: there is nothing above the VM's own root."""
    return posixpath.join(HOME, name)


def refusal(path: str, error: RuntimeError, verb: str) -> Problem:
    """Why a file cannot be read or written, as its file system says it. Assumed: the statuses and the sentences."""
    told, reason = path[:MAX_TOLD], str(error).removeprefix("io error: ")
    if reason.startswith("file not found") and verb == "read":
        return not_found(f"File not found: {told}")
    if reason.startswith("file too large"):
        return Problem(413, "too_long", f"Cannot {verb} {told}: a file has at most {MAX_FILE_BYTES} bytes")
    return Problem(400, "bad_path", f"Cannot {verb} {told}: {reason[:MAX_TOLD]}")


def is_directory(files: Files, path: str) -> bool:
    """Whether a path leads to a directory, through links or not."""
    return bool(files.stat(path)["file_type"] == "directory")


def make_parent(files: Files, path: str) -> None:
    """The directories that lead to a path. A RuntimeError: a file is in the way."""
    parent = nearest = posixpath.dirname(path)
    while not files.exists(nearest):
        nearest = posixpath.dirname(nearest)
    if not is_directory(files, nearest):
        raise RuntimeError("Not a directory")
    if nearest != parent:
        files.mkdir(parent, recursive=True)


def upload(asked: Asked, view: View) -> Result:
    """Put a file into the VM, with the directories that lead to it."""
    form = asked.body
    host = find_host(view, form["session_id"])
    given: Upload = form["file"]
    name = re.split(r"[/\\]", given.name)[-1]

    def put(files: Files) -> str:
        path = path_of(form["remote_path"])
        try:
            if path.endswith("/") or (files.exists(path) and is_directory(files, path)):
                path = posixpath.join(path, name)
            make_parent(files, path)
            files.write_file(path, given.content)
        except RuntimeError as error:
            raise refusal(path, error, "write") from error
        return path

    def tell(path: str) -> Result:
        return Result(200, {"filename": name, "path": path, "size": len(given.content)})

    guest = view.guest(host.vm_id)
    return Result(200, writes=host.writes, after=host.after, job=Job(lambda emit: guest.files(put), tell))


def download(asked: Asked, view: View) -> Result:
    """A file of the VM, as base64."""
    form = asked.body
    host = find_host(view, form["session_id"])
    path = path_of(form["filename"])

    def get(files: Files) -> Document:
        try:
            content: bytes = files.read_file(path)
        except RuntimeError as error:
            raise refusal(path, error, "read") from error
        return {"filename": form["filename"], "content": base64.b64encode(content).decode(), "size": len(content)}

    guest = view.guest(host.vm_id)
    job = Job(lambda emit: guest.files(get, changes=False), lambda found: Result(200, found))
    return Result(200, writes=host.writes, after=host.after, job=job)


OPERATIONS = {
    "uploadFile": Call(upload, body=True, max_body=MAX_FILE_BYTES + MAX_FORM_BYTES),
    "downloadFile": Call(download, body=True),
}
