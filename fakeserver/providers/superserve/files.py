"""Superserve's files: what the data plane reads from a sandbox's disk, and writes to it."""

from __future__ import annotations

import io
import posixpath
import zipfile
from collections.abc import Iterator

from fakeserver.provider import Asked, Call, Document, Facts, Files, Issue, Job, Problem, Result, View
from fakeserver.providers.superserve.access import HEADS, find_running
from fakeserver.providers.superserve.commands import PRIVATE
from fakeserver.providers.superserve.limits import check
from fakeserver.providers.superserve.refusals import MAX_TOLD, said

MAX_UPLOAD_BYTES = 64 * 2**20
"""Of a body that is read. Observed: the provider's server takes 4 GiB."""
MAX_NAME = 255
"""Characters of a name in a header."""
MAX_LINKS = 40
"""Symbolic links that are followed on the way to a file, as on Linux."""
FORBIDDEN = ("/proc", "/sys", "/dev", "/sbin/init", "/usr/local/bin/boxd")
"""Observed: what nobody reads or writes by this way."""
BYTES, ZIP = "application/octet-stream", "application/zip"
FULL = ("file too large", "too many files", "memory", "space", "quota", "filesystem full")
"""What the disk of a sandbox says when there is no room for more."""
MISSING = "not found"
DIRECTORY = "use FilesystemService.ListDir for directories"
"""Observed: what is said of a directory that is read as a file."""


# Paths


def path_of(asked: Asked) -> str:
    """The path that is asked for, absolute, or a Problem."""
    raw = asked.values["path"]
    check(issues_in(raw))
    path = "/" + "/".join(part for part in raw.split("/") if part not in ("", "."))
    if path == "/":
        raise bad("cannot operate on root directory")
    check_open(path)
    return path


def check_open(path: str) -> None:
    """Refuse what nobody reads or writes by this way."""
    forbidden = closed(path)
    if forbidden:
        raise bad(f"access denied: {forbidden}")


def closed(path: str) -> str:
    """What keeps everybody from a path, or nothing."""
    return next((each for each in FORBIDDEN if path == each or path.startswith(f"{each}/")), "")


def issues_in(raw: str) -> Iterator[Issue]:
    if "\0" in raw:
        yield said("path", "path contains null byte", "query")
    if ".." in raw.split("/"):
        yield said("path", "path traversal not allowed", "query")


def bad(sentence: str) -> Problem:
    """Assumed: that the sentence begins with the parameter's name. Observed: the rest."""
    return Problem(400, "bad_request", f"path: {sentence}")


def target(disk: Files, path: str) -> str:
    """Where a path leads to, through all links on its way, or a Problem. Assumed: what is forbidden is also forbidden
    behind a link."""
    found, left, links = "/", path.split("/")[1:], 0
    while left:
        below = posixpath.join(found, left.pop(0))
        link = link_at(disk, below)
        if link is None:
            found = below
            continue
        links += 1
        if links > MAX_LINKS:
            raise bad(f"open {path[:MAX_TOLD]}: too many levels of symbolic links")
        whole = posixpath.normpath(posixpath.join(found, link))
        found, left = "/", [part for part in whole.split("/") if part] + left
    check_open(found)
    return found


def resolve(disk: Files, path: str) -> Facts:
    """What is at a path, whatever leads there; a Problem where nothing is."""
    try:
        return disk.stat(path)
    except RuntimeError as error:
        raise refusal("stat", path, error) from None


def refusal(verb: str, path: str, error: RuntimeError) -> Problem:
    """What the disk refuses, as a Problem. Assumed: a 400 where the server, which does not foresee it, has a 500."""
    told = str(error).removeprefix("io error: ")
    if told == MISSING:
        return Problem(404, "not_found", "file not found")
    if any(each in told for each in FULL):
        return Problem(507, "sandbox_storage_full", "Sandbox storage limit reached.")
    return bad(f"{verb} {path[:MAX_TOLD]}: {told[:1].lower()}{told[1:MAX_TOLD]}")


# Reading


def read(asked: Asked, view: View) -> Result:
    record, path, form = find_running(asked, view), path_of(asked), asked.values["format"]
    guest = view.guest(record.identity)

    def run(emit: object) -> Result:
        return guest.files(lambda disk: look(disk, path, form), changes=False)

    return Result(200, job=Job(run, lambda result: result))


def look(disk: Files, path: str, form: str | None) -> Result:
    """A file as it is; a directory as an archive or as a list, if that is asked for."""
    name = path.rpartition("/")[2]
    place = target(disk, path)
    if resolve(disk, place)["file_type"] != "directory":
        try:
            content: bytes = disk.read_file(place)
        except RuntimeError as error:
            raise refusal("open", path, error) from None
        return Result(200, content, {**PRIVATE, **disposition("inline", name)}, media_type=BYTES)
    if form == "json":
        return Result(200, {"entries": entries_of(disk, place)}, PRIVATE)
    if form != "zip":
        raise bad(DIRECTORY)
    if link_at(disk, path) is not None:
        raise bad("refusing to archive a symlinked directory")
    return Result(200, archive(disk, place), {**PRIVATE, **disposition("attachment", f"{name}.zip")}, media_type=ZIP)


def disposition(kind: str, name: str) -> dict[str, str]:
    """Assumed: of a name that is no plain text, what is left without the other characters."""
    plain = "".join(each for each in name if " " <= each <= "~" and each not in '"\\')[:MAX_NAME]
    return {"Content-Disposition": f'{kind}; filename="{plain or "download"}"'}


def link_at(disk: Files, path: str) -> str | None:
    """What a symbolic link says, or nothing where there is none."""
    try:
        return str(disk.read_link(path))
    except RuntimeError:
        return None


def entries_of(disk: Files, path: str) -> list[Document]:
    """What is in a directory, by name."""
    rows = ((each["name"], each["metadata"]) for each in disk.read_dir(path))
    return [
        {
            "name": name,
            "is_dir": facts["file_type"] == "directory",
            "size": facts["size"],
            "modified_unix": int(facts["modified"]),
        }
        for name, facts in sorted(rows, key=lambda row: str(row[0]))
    ]


def archive(disk: Files, path: str) -> bytes:
    """A directory as a ZIP archive whose entries begin with its name; links are left out."""
    made, above = io.BytesIO(), len(path.rpartition("/")[0]) + 1
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archived:
        for each, is_directory in walk(disk, path):
            name = each[above:]
            if is_directory:
                archived.writestr(zipfile.ZipInfo(f"{name}/"), b"")
            else:
                archived.writestr(zipfile.ZipInfo(name), disk.read_file(each), zipfile.ZIP_DEFLATED)
    return made.getvalue()


def walk(disk: Files, path: str) -> Iterator[tuple[str, bool]]:
    """Every directory and file below a path, and whether it is a directory."""
    waiting = [path]
    while waiting:
        directory = waiting.pop()
        rows = sorted((each["name"], each["metadata"]["file_type"]) for each in disk.read_dir(directory))
        for name, kind in rows:
            below = f"{directory}/{name}"
            if kind in ("directory", "file") and not closed(below):
                yield below, kind == "directory"
        waiting += [f"{directory}/{name}" for name, kind in reversed(rows) if kind == "directory"]


# Writing


def write(asked: Asked, view: View) -> Result:
    record, path, content = find_running(asked, view), path_of(asked), asked.body or b""
    guest = view.guest(record.identity)

    def run(emit: object) -> Result:
        return guest.files(lambda disk: put(disk, path, content))

    return Result(200, job=Job(run, lambda result: result))


def put(disk: Files, path: str, content: bytes) -> Result:
    """Write a file, with the directories above it."""
    place = target(disk, path)
    above = posixpath.dirname(place)
    try:
        check_directories(disk, above)
        if not disk.exists(above):
            disk.mkdir(above, recursive=True)
    except RuntimeError as error:
        raise refusal("mkdir", above, error) from None
    try:
        if disk.exists(place) and disk.stat(place)["file_type"] == "directory":
            raise RuntimeError("is a directory")
        disk.write_file(place, content)
    except RuntimeError as error:
        raise refusal("create file: open", path, error) from None
    return Result(200, {"path": path, "size": len(content)}, PRIVATE)


def check_directories(disk: Files, path: str) -> None:
    """Refuse a path that leads through a file. The disk itself would turn a file of the image into a directory."""
    at = "/"
    for part in path.split("/")[1:]:
        at = posixpath.join(at, part)
        if not disk.exists(at):
            return
        if disk.stat(at)["file_type"] != "directory":
            raise refusal("mkdir", at, RuntimeError("not a directory"))


READS: tuple[str, ...] = ("path",)
OPERATIONS = {
    "readFile": Call(read, reads=(*READS, "format"), public=True, heads=HEADS),
    "writeFile": Call(write, reads=READS, body=True, public=True, heads=HEADS, max_body=MAX_UPLOAD_BYTES),
}
