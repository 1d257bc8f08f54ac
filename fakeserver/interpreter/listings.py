"""`ls` where it shows more than names: the long format, and the entries that begin with a dot."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bashkit import FileSystem

KINDS = {"directory": stat.S_IFDIR, "symlink": stat.S_IFLNK, "fifo": stat.S_IFIFO}
LONG = {"--all": "a", "--almost-all": "A", "--human-readable": "h", "--recursive": "R", "--reverse": "r", "--size": "s"}
LONG |= {"--directory": "d", "--classify": "F", "--numeric-uid-gid": "n", "--no-group": "G", "--format=long": "l"}
IGNORED = ("--color", "--time-style", "--full-time", "--group-directories-first")
KNOWN = frozenset("1aAdFhlnRrStgGopCi")
BLOCK = 4096
HALF_YEAR = timedelta(days=182)
MAX_SHOWN_DEPTH = 100
"""Directories within each other that are listed."""


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    path: str
    kind: str
    size: int
    mode: int
    modified: float

    @property
    def is_directory(self) -> bool:
        return self.kind == "directory"

    @property
    def blocks(self) -> int:
        """Kibibytes on a disk of such blocks."""
        if self.kind == "symlink":
            return 0
        return 4 if self.is_directory else -(-self.size // BLOCK) * 4


def letters(argv: Sequence[str]) -> tuple[set[str], list[str]] | None:
    """The letters of the options, and the paths; nothing where there is an option that is not known here."""
    flags, paths, options = set[str](), list[str](), True
    for word in argv:
        if options and word == "--":
            options = False
        elif options and word.startswith("--"):
            if word in LONG:
                flags.add(LONG[word])
            elif not word.startswith(IGNORED):
                return None
        elif options and word.startswith("-") and word != "-":
            flags.update(word[1:])
        else:
            paths.append(word)
    return (flags, paths) if flags <= KNOWN else None


@dataclass(frozen=True, slots=True)
class Ls:
    """One call of `ls`. Files were changed so much later by the sandbox's clock (`ahead`) than by the machine's."""

    files: FileSystem
    flags: set[str]
    user: str
    now: datetime
    ahead: float
    whole: Callable[[str], str]
    """A path as it is from the root."""

    def write(self, paths: Sequence[str]) -> tuple[str, str, int]:
        """Both streams, and the exit code."""
        singles, folders, wrong = list[Entry](), list[Entry](), list[str]()
        for path in paths or ["."]:
            entry = self._entry(path)
            if entry is None:
                wrong.append(f"ls: cannot access '{path}': No such file or directory\n")
            else:
                (folders if entry.is_directory and "d" not in self.flags else singles).append(entry)
        blocks = ["".join(self._lines(self._ordered(singles)))] if singles else []
        titled = len(paths) > 1 or "R" in self.flags
        for folder in self._ordered(folders):
            blocks += self._folder(folder, titled, 0)
        return "\n".join(blocks), "".join(wrong), 2 if wrong else 0

    def _entry(self, path: str) -> Entry | None:
        where = self.whole(path)
        if where == "/":
            return self._made(path, where, self.files.stat(where))
        parent, _, name = where.rpartition("/")
        try:
            found = next(each for each in self.files.read_dir(parent or "/") if each["name"] == name)
            entry = self._made(path, where, found["metadata"])
            # A link that is named is followed, but for the long format's sake.
            if entry.kind == "symlink" and not self.flags & {*"ld"}:
                entry = self._made(path, where, self.files.stat(where))
        except (StopIteration, RuntimeError, OSError):
            # The interpreter's own files are in no directory.
            return self._bare(path, where)
        return entry

    def _bare(self, path: str, where: str) -> Entry | None:
        try:
            return self._made(path, where, self.files.stat(where)) if self.files.exists(where) else None
        except (RuntimeError, OSError):
            return None

    def _made(self, name: str, path: str, about: dict[str, Any]) -> Entry:
        size = BLOCK if about["file_type"] == "directory" else int(about["size"])
        if about["file_type"] == "symlink":
            size = len(self.files.read_link(path).encode())
        return Entry(name, path, about["file_type"], size, int(about["mode"]), float(about["modified"]) + self.ahead)

    def _folder(self, folder: Entry, titled: bool, depth: int) -> Iterator[str]:
        base = folder.path.rstrip("/")
        inside = [
            self._made(each["name"], f"{base}/{each['name']}", each["metadata"])
            for each in self.files.read_dir(folder.path)
            if self.flags & {*"aA"} or not each["name"].startswith(".")
        ]
        shown = self._ordered(inside)
        if "a" in self.flags:
            above = self.whole(f"{folder.path}/..")
            dots = [self._made(".", folder.path, self.files.stat(folder.path))]
            dots.append(self._made("..", above, self.files.stat(above)))
            shown = [*shown, *reversed(dots)] if "r" in self.flags else [*dots, *shown]
        total = f"total {self._size(sum(each.blocks for each in shown) * 1024, 1024)}\n" if self._is_long else ""
        yield (f"{folder.name}:\n" if titled else "") + total + "".join(self._lines(shown))
        if "R" in self.flags and depth < MAX_SHOWN_DEPTH:
            for each in shown:
                if each.is_directory and each.name not in (".", ".."):
                    name = f"{folder.name.rstrip('/')}/{each.name}"
                    inner = Entry(name, each.path, each.kind, each.size, each.mode, each.modified)
                    yield from self._folder(inner, True, depth + 1)

    def _ordered(self, entries: list[Entry]) -> list[Entry]:
        entries = sorted(entries, key=lambda each: each.name.encode())
        if "S" in self.flags:
            entries.sort(key=lambda each: -each.size)
        elif "t" in self.flags:
            entries.sort(key=lambda each: -each.modified)
        return entries[::-1] if "r" in self.flags else entries

    @property
    def _is_long(self) -> bool:
        return bool(self.flags & {*"lngo"})

    def _lines(self, entries: list[Entry]) -> Iterator[str]:
        if not self._is_long:
            yield from (f"{each.name}{self._mark(each)}\n" for each in entries)
            return
        sizes = {each.path: self._size(each.size) for each in entries}
        broad = max(map(len, sizes.values()), default=1)
        owner = ("0" if self.user == "root" else "1000") if "n" in self.flags else self.user
        owners = ("" if "g" in self.flags else f" {owner}") + ("" if self.flags & {*"oG"} else f" {owner}")
        for each in entries:
            mode = stat.filemode(KINDS.get(each.kind, stat.S_IFREG) | each.mode)
            target = f" -> {self.files.read_link(each.path)}" if each.kind == "symlink" else ""
            # How many directories are in one is not counted: it would take a look into each.
            counts = f"{2 if each.is_directory else 1}{owners} {sizes[each.path]:>{broad}}"
            yield f"{mode} {counts} {self._when(each.modified)} {each.name}{self._mark(each)}{target}\n"

    def _mark(self, entry: Entry) -> str:
        if entry.is_directory:
            return "/" if self.flags & {*"Fp"} else ""
        if "F" not in self.flags or (entry.kind == "symlink" and self._is_long):
            return ""
        return "@" if entry.kind == "symlink" else "*" if entry.mode & 0o111 else ""

    def _size(self, size: int, unit: int = 1) -> str:
        if "h" not in self.flags:
            return str(size // unit)
        amount = float(size)
        for letter in ("", "K", "M", "G"):
            if amount < 1024 or letter == "G":
                break
            amount /= 1024
        # What does not fit in two digits has no fraction, and is never shown as less than it is.
        if letter and amount < 10:
            return f"{-(-amount * 10 // 1) / 10:.1f}{letter}"
        return f"{int(-(-amount // 1))}{letter}"

    def _when(self, modified: float) -> str:
        instant = datetime.fromtimestamp(modified, UTC)
        recent = timedelta() <= self.now - instant < HALF_YEAR
        return f"{instant:%b} {instant.day:2} " + (f"{instant:%H:%M}" if recent else f" {instant.year}")
