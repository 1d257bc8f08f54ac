"""The folder of an export: written as a whole, and again only where nobody has changed it by hand.

`export.json` stands in it and says what the folder is; it has the digest of every file and one of itself, by which a
change is found.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fakeserver.problems import Document

DESCRIPTION = "export.json"
NAME = re.compile(r"(?!.*(?:^|/)\.)[\w.-]{1,100}(?:/[\w.-]{1,100}){0,3}")
"""A file within the folder; nothing that leads out of it."""
MAX_DESCRIPTION_BYTES = 1_000_000


class Kept(Exception):
    """The folder has something that would be lost; the message names it."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Where an export is written."""

    path: Path

    def write(self, about: Document, files: Mapping[str, bytes], *, force: bool = False) -> None:
        """Write the files and their description, and take away what an export before this one left. `Kept`, where that
        would lose what somebody wrote; with `force` it is lost, but for files that no export has written. OSError."""
        made = {**files, DESCRIPTION: describe(about, files)}
        left = self._left()
        if not force:
            for reason in self._objections(made, left):
                raise Kept(reason)
        for name in left.keys() - made.keys():
            (self.path / name).unlink(missing_ok=True)
        # The description comes last: a folder that was left half written says of itself that it is not whole.
        for name, content in made.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def _left(self) -> dict[str, str]:
        """The files that the last export wrote here, each with the digest that it had."""
        path = self.path / DESCRIPTION
        try:
            if path.stat().st_size > MAX_DESCRIPTION_BYTES:
                return {}
            found = json.loads(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
            return {}
        names = found.get("files") if isinstance(found, dict) else None
        if not isinstance(names, dict):
            return {}
        return {
            name: digest
            for name, digest in names.items()
            if NAME.fullmatch(name) is not None and isinstance(digest, str)
        }

    def _objections(self, made: Mapping[str, bytes], left: Mapping[str, str]) -> Iterator[str]:
        """What would be lost. A file that has the new content already loses nothing."""
        if self.path.exists() and not self.path.is_dir():
            yield f"{self.path} is not a folder"
        for name in sorted({*made, *left}):
            path = self.path / name
            if not path.exists():
                continue
            if not path.is_file():
                yield f"{path} is not a file"
                continue
            content = path.read_bytes()
            if content == made.get(name):
                continue
            if name == DESCRIPTION:
                if not is_own(content):
                    yield f"{path} was changed by hand"
            elif name not in left:
                yield f"{path} was written by somebody else"
            elif digest_of(content) != left[name]:
                yield f"{path} was changed by hand"


def describe(about: Document, files: Mapping[str, bytes]) -> bytes:
    """The description of an export, with the digests of its files and of itself."""
    described = {**about, "files": {name: digest_of(content) for name, content in sorted(files.items())}}
    return _text({**described, "digest": digest_of(_text(described))})


def is_own(content: bytes) -> bool:
    """Whether a description is as it was written."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return False
    if not isinstance(found, dict):
        return False
    digest = found.pop("digest", None)
    return bool(digest == digest_of(_text(found)) and content == _text({**found, "digest": digest}))


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _text(value: Document) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
