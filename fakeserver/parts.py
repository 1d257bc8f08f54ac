"""What a part of a world is read back from: an object of a snapshot, its members taken one by one.

Each part of a world writes itself (`dump`) and reads itself (`load`) beside its state. A snapshot is untrusted, so a
part takes every member with its type and its range; what is wrong is raised as a refusal that names its place.
"""

from __future__ import annotations

from typing import Any, Protocol

MAX_COUNT = 2**53
"""What every reader of JSON takes for a whole number; what is counted, or grows with time, must have room above."""


class Part(Protocol):
    """An object whose members are taken by their names; an array's are called by their places."""

    @property
    def place(self) -> str:
        """Where it stands in the snapshot, as `faults.scripts.0`."""
        ...

    def boolean(self, name: str) -> Any: ...
    def integer(self, name: str, least: int, most: int) -> Any: ...
    def count(self, name: str, least: int = 0) -> int:
        """A whole number of what was counted."""
        ...

    def number(self, name: str, least: float, most: float) -> Any: ...
    def text(self, name: str, most: int = ...) -> Any:
        """A string of at most so many characters."""
        ...

    def choice(self, name: str, choices: tuple[str, ...]) -> Any: ...
    def maybe(self, name: str, most: int = ...) -> str | None:
        """A string of at most so many characters, or null."""
        ...

    def members(self, name: str) -> dict[str, Any]: ...
    def anything(self, name: str) -> Any:
        """Any value that is not nested too deeply to be written again."""
        ...

    def part(self, name: str) -> Part:
        """An object whose members are taken in their turn."""
        ...

    def elements(self, name: str, most: int | None = None) -> Part: ...
    def row(self, name: str, columns: tuple[str, ...]) -> Part: ...
    def names(self) -> list[str]:
        """The members that nobody has taken yet."""
        ...

    def rest(self) -> dict[str, Any]:
        """Those members, taken."""
        ...

    def end(self) -> None:
        """Refuse what nobody has taken."""
        ...

    def wrong(self, name: str, detail: str) -> Exception: ...
