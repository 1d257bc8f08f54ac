"""What SQLite's log tells in shared memory: its head is another one with each commit, of whichever process.

See "WAL-Index File Format", 2.1: a commit writes the head before it is acknowledged.
"""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Callable
from pathlib import Path

HEAD_BYTES = 48
Head = Callable[[], bytes]

_MAPPED: dict[tuple[int, int], tuple[int, mmap.mmap]] = {}
"""By file, what this process has in its memory. It is never let go of: to close any descriptor of a file ends all locks
that the process has there, and SQLite has some."""


def head_of(database: Path) -> Head | None:
    """What reads the head, of a database that this process has open; None where that is not to be had."""
    if sys.platform == "win32":
        return None
    path = database.with_name(f"{database.name}-shm")
    try:
        status = path.stat()
        key = status.st_dev, status.st_ino
        if key not in _MAPPED:
            if status.st_size < HEAD_BYTES:
                return None
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            _MAPPED[key] = file, mmap.mmap(file, HEAD_BYTES, prot=mmap.PROT_READ)
    except (OSError, ValueError):
        return None
    mapped = _MAPPED[key][1]
    return lambda: mapped[:HEAD_BYTES]
