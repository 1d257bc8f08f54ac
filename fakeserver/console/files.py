"""The console's static files: read, hashed and compressed when somebody first asks, and not at the server's start."""

from __future__ import annotations

import functools
import gzip
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "static"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}
"""By the suffixes of what is served; the other files are licences."""
COMMENT = re.compile(rb"^ *//.*", re.MULTILINE)
"""A line of our scripts that is a comment; browsers get an empty one, so that errors name the lines of the source."""
HASH_DIGITS = 16


@dataclass(frozen=True, slots=True)
class File:
    """A body as it is, and compressed; `tag` tells its versions apart."""

    body: bytes
    zipped: bytes
    tag: str
    media_type: str


def packed(body: bytes, media_type: str) -> File:
    """A body with all that sending it takes."""
    tag = hashlib.sha256(body).hexdigest()[:HASH_DIGITS]
    # Without a time in it, the same body is the same bytes.
    return File(body, gzip.compress(body, mtime=0), tag, media_type)


@functools.cache
def names() -> frozenset[str]:
    """The files that are served, by their paths below the folder."""
    found = (each for each in FOLDER.rglob("*") if each.suffix in MEDIA_TYPES)
    return frozenset(each.relative_to(FOLDER).as_posix() for each in found)


@functools.cache
def version() -> str:
    """What stands in the addresses of the files, so that browsers may keep each for ever: a hash of all of them."""
    whole = hashlib.sha256()
    for name in sorted(names()):
        whole.update(name.encode() + b"\0" + (FOLDER / name).read_bytes())
    return whole.hexdigest()[:HASH_DIGITS]


@functools.cache
def load(name: str) -> File:
    """One of the files; `{files}` in a page becomes the address of the others."""
    path = FOLDER / name
    body = path.read_bytes()
    if path.suffix == ".js" and path.parent == FOLDER:
        body = COMMENT.sub(b"", body)
    if path.suffix == ".html":
        body = body.replace(b"{files}", f"/__console/{version()}".encode())
    return packed(body, MEDIA_TYPES[path.suffix])
