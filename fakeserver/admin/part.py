"""Parts of a snapshot, which is untrusted: each value is taken with its type and its range; what is wrong is refused by
its place."""

from __future__ import annotations

from typing import Any

from fakeserver.admin.contract import refusal
from fakeserver.arguments import near
from fakeserver.parts import MAX_COUNT
from fakeserver.problems import FakeProblem, Json

MAX_TEXT = 4_096
MAX_NAME = 64
"""Characters of an unknown name that a message repeats."""
MAX_DEPTH = 64
"""Levels of a document, and of a value that a snapshot holds."""


class Part:
    """A snapshot's object, its members taken one by one, each with its type: none may be absent, and what nobody took
    is refused."""

    def __init__(self, value: Json, where: str = "") -> None:
        if not isinstance(value, dict):
            raise refusal(where or "body", "must be an object")
        self.left = dict(value)
        self._taken: list[str] = []
        self.where = f"{where}." if where else ""

    @property
    def place(self) -> str:
        return self.where.removesuffix(".")

    def take(self, name: str) -> Any:
        if name not in self.left:
            raise refusal(f"{self.where}{name}", "is missing")
        self._taken.append(name)
        return self.left.pop(name)

    def text(self, name: str, most: int = MAX_TEXT) -> Any:
        value = self.take(name)
        if not isinstance(value, str) or len(value) > most:
            raise self.wrong(name, f"must be a string of at most {most} characters")
        return value

    def choice(self, name: str, choices: tuple[str, ...]) -> Any:
        value = self.take(name)
        if value not in choices:
            raise self.wrong(name, f"must be one of {', '.join(choices)}")
        return value

    def integer(self, name: str, least: int, most: int) -> Any:
        value = self.take(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.wrong(name, f"must be a whole number from {least} to {most}")
        return value

    def number(self, name: str, least: float, most: float) -> Any:
        value = self.take(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
            raise self.wrong(name, f"must be a number from {least:g} to {most:g}")
        return value

    def boolean(self, name: str) -> Any:
        value = self.take(name)
        if not isinstance(value, bool):
            raise self.wrong(name, "must be true or false")
        return value

    def names(self) -> list[str]:
        return list(self.left)

    def end(self) -> None:
        if self.left:
            name = next(iter(self.left))
            raise self.wrong(name, f"is not a known field{near(name[:MAX_NAME], self._taken)}")

    def count(self, name: str, least: int = 0) -> int:
        """A whole number of what was counted."""
        value: int = self.integer(name, least, MAX_COUNT)
        return value

    def members(self, name: str) -> dict[str, Json]:
        """An object of anything."""
        value = self.take(name)
        if not isinstance(value, dict):
            raise self.wrong(name, "must be an object")
        return value

    def array(self, name: str, most: int | None = None) -> list[Json]:
        value = self.take(name)
        if not isinstance(value, list):
            raise self.wrong(name, "must be an array")
        if most is not None and len(value) > most:
            raise self.wrong(name, f"must have at most {most} elements")
        return value

    def part(self, name: str) -> Part:
        """An object within this one."""
        return Part(self.members(name), f"{self.where}{name}")

    def elements(self, name: str, most: int | None = None) -> Part:
        """An array, as an object whose members are called by their places."""
        return Part({str(index): each for index, each in enumerate(self.array(name, most))}, f"{self.where}{name}")

    def row(self, name: str, columns: tuple[str, ...]) -> Part:
        """An array with an element for each of these columns, as an object of them."""
        value = self.array(name)
        if len(value) != len(columns):
            raise self.wrong(name, f"must be an array of {', '.join(columns)}")
        return Part(dict(zip(columns, value, strict=True)), f"{self.where}{name}")

    def maybe(self, name: str, most: int = MAX_TEXT) -> str | None:
        """A string or null."""
        if name in self.left and self.left[name] is None:
            del self.left[name]
            return None
        text: str = self.text(name, most=most)
        return text

    def anything(self, name: str) -> Json:
        """Any value that is not nested too deeply to be written again."""
        value = self.take(name)
        if deeper(value, MAX_DEPTH + 1):
            raise self.wrong(name, f"is nested deeper than {MAX_DEPTH}")
        return value

    def rest(self) -> dict[str, Json]:
        """What nobody has taken yet, taken."""
        rest, self.left = self.left, {}
        return rest

    def wrong(self, name: str, detail: str) -> FakeProblem:
        """The refusal of a member for more than its type."""
        return refusal(f"{self.where}{name[:MAX_NAME]}", detail)


def deeper(value: Json, levels: int) -> bool:
    """Whether a value is nested deeper than so many levels."""
    if not isinstance(value, (dict, list)):
        return False
    if levels == 0:
        return True
    members = value.values() if isinstance(value, dict) else value
    # Most members are plain; asking here saves them a call each.
    return any(deeper(member, levels - 1) for member in members if isinstance(member, (dict, list)))
