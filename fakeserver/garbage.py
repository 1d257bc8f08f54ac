"""What a start makes stays, and Python's search for garbage among it takes a tenth of the time."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Look for no garbage until the block ends, or all that there is by then is kept."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def keep_all() -> None:
    """Look for garbage from here on, among what comes only. What there is lives as long as the process, and looking
    through it again and again costs every answer; the little garbage in it is not worth a search before the first."""
    gc.freeze()
    gc.enable()
