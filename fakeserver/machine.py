"""The machine's clocks, out of reach of libraries that stop or move time in the tests of whoever uses the server.

freezegun puts other functions into `time`, and into every module that has them; it knows nothing of a copy of the
module. time-machine changes the functions themselves, but for `perf_counter_ns`, and leaves a way to the real ones.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from importlib.machinery import BuiltinImporter
from importlib.util import module_from_spec
from types import ModuleType
from typing import cast

TIME_MACHINE = "time_machine"


def copy_of_time() -> ModuleType:
    """The module `time` once more, with functions of its own. It is the real one even if time is stopped by now."""
    spec = BuiltinImporter.find_spec("time")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class RealTime:
    """What this package takes from the module `time`."""

    def __init__(self) -> None:
        copy = copy_of_time()
        self.monotonic_ns: Callable[[], int] = copy.perf_counter_ns
        """Nanoseconds from any point on, never backwards. Every request asks, so nothing stands in between."""
        clock = getattr(copy, "CLOCK_BOOTTIME", None)
        self.elapsed: Callable[[], float] = copy.perf_counter if clock is None else partial(copy.clock_gettime, clock)
        """Seconds from any point on, never backwards, while the machine sleeps too, where it has such a clock."""

        modules, real = sys.modules, copy.time_ns

        def time_ns() -> int:
            # Requests ask this.
            library = modules.get(TIME_MACHINE)
            if library is None:
                return cast(int, real())
            try:
                return cast(int, library.escape_hatch.time.time_ns())
            except ValueError:
                # Nobody moves time at the moment.
                return cast(int, real())

        self.time_ns: Callable[[], int] = time_ns
        """Nanoseconds since 1970."""


time = RealTime()


def monotonic() -> float:
    """Seconds on the machine's clock that nobody sets."""
    return time.monotonic_ns() / 10**9


elapsed = time.elapsed
"""What is agreed on with other machines for so long ends by this clock, without a function in between: a read under a
lease asks it."""
