"""What a sandbox is asked to run, and what comes of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

STDOUT, STDERR = "stdout", "stderr"
TIMED_OUT, KILLED, NOT_FOUND, SEGMENTATION_FAULT = 124, 137, 127, 139
"""Exit codes of a command that took too long, that was killed, that there is none of, and that got too deep into
itself."""
BASH, PYTHON = "bash", "python"
"""The languages that an order may be written in."""
SHELL, SCRIPT, NOBODY = "shell", "script", "nobody"
"""What answered a command: the interpreter, what somebody scripted, or neither of them, which is not installed."""

Hear = Callable[[str, bytes], None]
"""Is told what a command writes, as it does: the stream's name, and a piece."""


TERMINATE, KILL = 15, 9
"""Signals, by their numbers; a command that one ends has an exit code of 128 and that."""
SIGNALLED = 128


class Halt:
    """Ends a command from another thread, before it begins or while it runs."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._end: Callable[[], None] | None = None
        self.signal = KILL
        """What ends it."""

    def __call__(self, signal: int = KILL) -> None:
        self.signal = signal
        self._asked.set()
        if self._end is not None:
            self._end()

    @property
    def asked(self) -> bool:
        return self._asked.is_set()

    def arm(self, end: Callable[[], None]) -> None:
        """Say what ends the command from here on."""
        self._end = end
        if self.asked:
            end()

    def arm_signal(self, end: Callable[[int], None]) -> None:
        """The same, of what wants to know the signal."""
        self.arm(lambda: end(self.signal))


@dataclass(frozen=True, slots=True)
class Order:
    """A command with what surrounds it; it may hold secrets, and shows none where it is printed. Without a directory it
    runs in `start`, which its sandbox's image has, or in the user's home; `defaults` are the image's variables, before
    which those of the sandbox and the command's own go. `seconds` is how long it may take. `python` is the version of
    it that there is, where the name of the sandbox's image does not tell."""

    text: str = field(repr=False)
    directory: str = ""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    defaults: Mapping[str, str] = field(default_factory=dict, repr=False)
    user: str = "root"
    stdin: bytes = field(default=b"", repr=False)
    seconds: float | None = None
    host: str = "sandbox"
    python: str = ""
    start: str = ""
    language: str = BASH
    image: str = ""

    @property
    def home(self) -> str:
        return "/root" if self.user == "root" else f"/home/{self.user}"


@dataclass(frozen=True, slots=True)
class Finished:
    """What came of an order. `seconds` is how long it took by the clock of the sandbox, where it `slept` as long as it
    said; `truncated` output is the beginning of what there was."""

    exit_code: int
    stdout: bytes = field(default=b"", repr=False)
    stderr: bytes = field(default=b"", repr=False)
    seconds: float = 0.0
    timed_out: bool = False
    truncated: bool = False
    answered_by: str = SHELL
    slept: float = 0.0


Scripted = Callable[[str], Finished | None]
"""What a command of a name comes to that somebody has scripted, by all its words; nothing if none of that fits."""


def without_surrogates(order: Order) -> Order:
    """An order whose texts are all text that can be written."""

    def clean(text: str) -> str:
        return text.encode(errors="replace").decode()

    variables = {clean(name): clean(text) for name, text in order.variables.items()}
    return replace(order, text=clean(order.text), directory=clean(order.directory), variables=variables)
