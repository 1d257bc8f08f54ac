"""A command within a command: `timeout` and the embedded Python have an interpreter of their own, on the same files."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bashkit import Bash, BuiltinContext

MAX_DEPTH = 4
"""Interpreters within each other; each holds a thread and three descriptors."""
STDIN = "/dev/.stdin"
"""Where an interpreter finds what it reads; nobody else sees the file, and it is not kept."""


class TooDeep(Exception):
    """Too many interpreters are within each other."""


def within(make: Callable[[], Bash], context: BuiltinContext, work: Callable[[Bash], Any]) -> Any:
    """What is worked by a new interpreter on the files of the one that calls, in its directory. It needs a thread of
    its own: the caller's drives the interpreter around it."""
    came: list[Any] = []

    def run() -> None:
        try:
            bash = make()
            bash.mount("/", context.fs)
            # The environment of an interpreter is no more than what is set.
            for name, text in context.env.items():
                bash.set_env(name, text)
            bash.execute_sync(f"cd -- {shlex.quote(context.cwd)}")
            came.append(work(bash))
        except BaseException as error:  # It belongs to whoever waits.
            came.append(error)

    thread = threading.Thread(target=run, name="fakeserver-inner", daemon=True)
    thread.start()
    thread.join()
    if isinstance(came[0], BaseException):
        raise came[0]
    return came[0]


def reading(context: BuiltinContext, text: str, depth: int) -> str:
    """A command that reads what the caller reads."""
    if not context.stdin:
        return text
    path = f"{STDIN}{depth}"
    context.fs.write_file(path, context.stdin.encode())
    return f"{text} < {path}"


def clean(bash: Bash) -> None:
    """Keep nothing of what commands have read."""
    for depth in ("", *range(1, MAX_DEPTH + 1)):
        with suppress(RuntimeError):
            bash.remove(f"{STDIN}{depth}")
