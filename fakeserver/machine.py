"""The machine's clocks, out of reach of libraries that stop or move time in the tests of whoever uses the server.

freezegun puts other functions into `time`, and into every module that has them; it knows nothing of a copy of the
module. time-machine changes the functions themselves, but for `perf_counter_ns`, and leaves a way to the real ones.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import BuiltinImporter
from importlib.util import module_from_spec
from types import ModuleType

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
        self._copy = copy_of_time()
        self.monotonic_ns: Callable[[], int] = self._copy.perf_counter_ns
        """Nanoseconds from any point on, never backwards. Every request asks, so nothing stands in between."""

    def time_ns(self) -> int:
        """Nanoseconds since 1970."""
        library = sys.modules.get(TIME_MACHINE)
        now: int
        if library is not None:
            try:
                now = library.escape_hatch.time.time_ns()
            except ValueError:
                pass  # Nobody moves time at the moment.
            else:
                return now
        now = self._copy.time_ns()
        return now

    def elapsed_ns(self) -> int:
        """The same, while the machine sleeps too, where it has such a clock."""
        clock = getattr(self._copy, "CLOCK_BOOTTIME", None)
        now: int = self._copy.perf_counter_ns() if clock is None else self._copy.clock_gettime_ns(clock)
        return now


time = RealTime()


def monotonic() -> float:
    """Seconds on the machine's clock that nobody sets."""
    return time.monotonic_ns() / 10**9


def elapsed() -> float:
    """Seconds on a clock that goes on while the machine sleeps, where there is one: what is agreed on with other
    machines for so long ends by it."""
    return time.elapsed_ns() / 10**9
