"""What is said on stdout and stderr. Whether anybody listens, and in which encoding, changes nothing else."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import TextIO


def take_any_character() -> None:
    """From now on, what stdout and stderr cannot encode is written with a backslash."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with suppress(OSError, ValueError):  # It may be closed.
                stream.reconfigure(errors="backslashreplace")


def tell(stream: TextIO | None, text: str) -> bool:
    """Write and flush the text; whether that went well. A stream that was closed is nobody's fault."""
    if stream is None:
        return False
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):
        silence(stream)
        return False
    return True


def complain(text: str) -> None:
    """One line on stderr."""
    tell(sys.stderr, f"{text}\n")


def silence(stream: TextIO) -> None:
    """Let what is left in the stream go nowhere, or Python would fail with it at its end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
