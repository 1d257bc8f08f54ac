"""What the command lines of the server and the contract kit share: a mistake is one line that says what was meant."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

INSTALL = "if a package brings it, install that first"
"""Advice about a provider that is not known."""
MAX_SEED = 2**63 - 1


class UsageError(Exception):
    """Wrong usage; the message is the one line that the caller reads."""


def closest(name: str, known: Sequence[str], least: float = 0.6) -> list[str]:
    """The known name that is most like this one, if any is by so much, from 0 to 1."""
    # Who misspells nothing does without it.
    from difflib import get_close_matches

    return get_close_matches(name, known, 1, least)


def near(name: object, known: Iterable[str], advice: str = "") -> str:
    """The end of a message about an unknown name: the known one that was probably meant, or all in the order given and
    what else to do (`advice`)."""
    known = list(known)
    close = closest(str(name), known)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known are {', '.join(known) or 'none'}" + (f"; {advice}" if advice else "")


def one_of(known: Sequence[str], noun: str, advice: str = "") -> Callable[[str], str]:
    """An argparse type that takes one of the known words, or suggests the nearest; `advice` says what to do where none
    is near."""

    def read(text: str) -> str:
        if text not in known:
            raise argparse.ArgumentTypeError(f"{noun} {text!r} does not exist{near(text, known, advice)}")
        return text

    return read


def integer(least: int, most: int) -> Callable[[str], int]:
    """An argparse type for an integer within bounds."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
        return int(text)

    return read


class Parser(argparse.ArgumentParser):
    """argparse whose errors are a UsageError of one line each, with a suggestion where something was mistyped."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}")

    # Typeshed overloads it for namespaces of other types, which nobody gives here.
    def parse_args(self, args: Sequence[str] | None = None, namespace: None = None) -> argparse.Namespace:  # type: ignore[override]
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            flag = unknown[0].partition("=")[0]
            known = [option for action in self._actions for option in action.option_strings]
            self.error(f"unknown argument {flag!r}{near(flag, known)}")
        return parsed
