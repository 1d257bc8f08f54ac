"""The files of a sandbox that is awake, for those who answer requests for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

from fakeserver.commands.workers import Tenancy
from fakeserver.interpreter import wire


class Facts(TypedDict):
    """What is known of a file: its type (`file`, `directory`, `symlink`, `fifo`), its size in bytes, its mode, and when
    it was changed (seconds since 1970)."""

    file_type: str
    size: int
    mode: int
    modified: float


class Row(TypedDict):
    """An entry of a directory."""

    name: str
    metadata: Facts


@dataclass(frozen=True, slots=True)
class Files:
    """Files by their whole paths. What cannot be done is a `RuntimeError` with what the interpreter says of it."""

    tenancy: Tenancy

    def _ask(self, name: str, *values: object, content: bytes | None = None) -> Any:
        pieces = [] if content is None else [content]
        told = self.tenancy.talk(wire.FILES, [name, *values], pieces)
        return told.pieces[0] if told.pieces else told.values[0]

    def stat(self, path: str) -> Facts:
        found: Facts = self._ask("stat", path)
        return found

    def exists(self, path: str) -> bool:
        return bool(self._ask("exists", path))

    def read_dir(self, path: str) -> list[Row]:
        found: list[Row] = self._ask("read_dir", path)
        return found

    def read_file(self, path: str) -> bytes:
        found: bytes = self._ask("read_file", path)
        return found

    def read_link(self, path: str) -> str:
        return str(self._ask("read_link", path))

    def write_file(self, path: str, content: bytes) -> None:
        self._ask("write_file", path, content=content)

    def mkdir(self, path: str, recursive: bool = False) -> None:
        self._ask("mkdir", path, recursive)

    def remove(self, path: str, recursive: bool = False) -> None:
        self._ask("remove", path, recursive)
