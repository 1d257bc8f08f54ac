"""The files that a run writes: whether it can is told before anything is sent, as far as that can be known."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path


class Unwritable(ValueError):
    """A file that cannot be written, or must not be; the message is one sentence."""


def claim(files: Mapping[str, Path], kept: Mapping[str, Path]) -> None:
    """Make the folders of these files and make sure that each can be written, with nothing left behind. The names are
    those of options; the `kept` files are read by the run and must not be among them. Raises Unwritable."""
    owners = {identity(path): name for name, path in kept.items()}
    for name, path in files.items():
        other = owners.setdefault(identity(path), name)
        if other != name:
            raise Unwritable(f"--{other} and --{name} name the same file: {path}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try_writing(path)
        except IsADirectoryError:
            raise Unwritable(f"--{name}: {path} is a folder") from None
        except (OSError, ValueError) as error:
            raise Unwritable(f"--{name}: {path} cannot be written ({reason_of(error)})") from None


def identity(path: Path) -> str:
    """What two paths to one file have in common."""
    return os.path.realpath(path)


def try_writing(path: Path) -> None:
    """Open the file as somebody who writes does, and leave it as it was. Pipes and devices are not touched."""
    if path.is_dir():
        raise IsADirectoryError(path)
    if not path.exists():
        path.open("x").close()
        path.unlink()
    elif path.is_file():
        path.open("r+b").close()


def write(path: Path, text: str) -> None:
    """Write a report, with its folders. Half of a surrogate, which no encoding has, is written with a backslash."""
    with suppress(FileExistsError):
        path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", errors="backslashreplace")


def append(path: Path, text: str) -> None:
    """Write a text behind whatever a file holds."""
    with path.open("a", encoding="utf-8", errors="backslashreplace") as stream:
        stream.write(text)


def reason_of(error: Exception) -> str:
    """The system's words for why a file could not be written."""
    return (isinstance(error, OSError) and error.strerror) or "no such path can be"
