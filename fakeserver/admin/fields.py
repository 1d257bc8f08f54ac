"""Fields of a JSON object that somebody sent, taken one by one; what is wrong names its field."""

from __future__ import annotations

import math
from typing import Any

from fakeserver.admin.contract import refused
from fakeserver.parts import MAX_COUNT
from fakeserver.problems import Json

MAX_TEXT = 4_096
MAX_NAME = 64
"""Characters of an unknown name that a message repeats."""
MAX_DEPTH = 64
ABSENT = object()


class Fields:
    """An object's members, each taken once with its type; what nobody took is refused."""

    def __init__(self, value: Json, where: str = "") -> None:
        if not isinstance(value, dict):
            raise refused(where or "body", "must be an object")
        self.left = dict(value)
        self.where = f"{where}." if where else ""

    def take(self, name: str, default: Any) -> Any:
        if name not in self.left and default is ABSENT:
            raise refused(f"{self.where}{name}", "is missing")
        return self.left.pop(name, default)

    def text(self, name: str, default: Any = ABSENT, most: int = MAX_TEXT) -> Any:
        value = self.take(name, default)
        if value is not default and (not isinstance(value, str) or len(value) > most):
            raise refused(f"{self.where}{name}", f"must be a string of at most {most} characters")
        return value

    def choice(self, name: str, choices: tuple[str, ...], default: Any = ABSENT) -> Any:
        value = self.take(name, default)
        if value is not default and value not in choices:
            raise refused(f"{self.where}{name}", f"must be one of {', '.join(choices)}")
        return value

    def integer(self, name: str, least: int, most: int, default: Any = ABSENT) -> Any:
        value = self.take(name, default)
        if value is not default and (
            not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most
        ):
            raise refused(f"{self.where}{name}", f"must be a whole number from {least} to {most}")
        return value

    def number(self, name: str, least: float, most: float, default: Any = ABSENT) -> Any:
        value = self.take(name, default)
        if value is not default and (
            not isinstance(value, int | float)
            or isinstance(value, bool)
            or not math.isfinite(value)
            or not least <= value <= most
        ):
            raise refused(f"{self.where}{name}", f"must be a number from {least:g} to {most:g}")
        return value

    def boolean(self, name: str, default: Any = ABSENT) -> Any:
        value = self.take(name, default)
        if value is not default and not isinstance(value, bool):
            raise refused(f"{self.where}{name}", "must be true or false")
        return value

    def names(self) -> list[str]:
        return list(self.left)

    def end(self) -> None:
        if self.left:
            name = next(iter(self.left))[:MAX_NAME]
            raise refused(f"{self.where}{name}", "is not a known field")


def deeper(value: Json, levels: int) -> bool:
    """Whether a value is nested deeper than so many levels."""
    if not isinstance(value, (dict, list)):
        return False
    if levels == 0:
        return True
    members = value.values() if isinstance(value, dict) else value
    # Most members are plain; asking here saves them a call each.
    return any(deeper(member, levels - 1) for member in members if isinstance(member, (dict, list)))


def immense(value: Json) -> bool:
    """Whether a value is a number so large that nothing can be added to it."""
    return isinstance(value, int | float) and abs(value) > MAX_COUNT
