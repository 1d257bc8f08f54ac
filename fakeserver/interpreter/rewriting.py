"""A program of Python, made for the embedded one.

It has no `time`, no `sys.argv`, no standard input, and a clock that stands still. A program's tokens that ask for these
are replaced by calls of functions of ours, line by line, so that its errors still name the lines they are in.
"""

from __future__ import annotations

import io
import re
import tokenize
from dataclasses import dataclass

MAX_SOURCE = 200_000
"""Characters of a program that is looked through; a longer one runs as it is."""
CALLS = {
    "time": ("time", "time_ns", "sleep", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "ctime"),
    "os": ("getcwd", "getpid", "listdir", "mkdir", "makedirs", "remove", "unlink"),
    "sys": ("exit",),
}
"""Functions of modules that are ours."""
VALUES = {"sys": ("argv", "path", "executable", "version", "version_info", "platform", "stdin")}
"""Values of modules that are ours."""
STREAMS = {"sys": ("stdout", "stderr")}
MODULES = ("time", "os", "sys", "datetime", "json")
FILED = {
    "load": "(lambda _file, **_more: {0}.loads(_file.read(), **_more))",
    "dump": "(lambda _value, _file, **_more: _file.write({0}.dumps(_value, **_more)))",
}
"""What the embedded `json` lacks, by the name that the module has."""
PARTS = ("major", "minor", "micro", "releaselevel", "serial")
METHODS = ("read", "readline", "readlines")
"""What is called on `sys.stdin`."""
PREFIX = "_os_call_"
PRINT = f"{PREFIX}print"
EXIT = f"{PREFIX}sys_exit"
WRITES = {"stderr": f"{PREFIX}write(", "stdout": "(lambda _text: print(_text, end=''))("}
NAMES = [
    *(f"{PREFIX}{module}_{name}" for table in (CALLS, VALUES) for module, names in table.items() for name in names),
    *(f"{PREFIX}stdin_{name}" for name in METHODS),
    *(f"{PREFIX}{name}" for name in ("print", "write", "now", "today")),
]
"""The functions that a program may call."""
ASKS = re.compile(r"\b(?:time|sys|os|datetime|json|print|SystemExit)\b")
ENDS = (tokenize.NEWLINE, tokenize.ENDMARKER)


@dataclass
class Piece:
    """A token, and the text that takes its place."""

    kind: int
    text: str
    start: tuple[int, int]
    end: tuple[int, int]


def prepare(source: str) -> str:
    """The program with our functions in it, in as many lines."""
    if len(source) > MAX_SOURCE or not ASKS.search(source):
        return source
    try:
        pieces = [
            Piece(each.type, each.string, each.start, each.end)
            for each in tokenize.generate_tokens(io.StringIO(source).readline)
        ]
    except (tokenize.TokenError, SyntaxError, ValueError):
        return source
    Program(pieces).replace()
    lines = source.splitlines(keepends=True)
    for piece in reversed(pieces):
        (row, begin), (last, end) = piece.start, piece.end
        if row == last and row <= len(lines) and lines[row - 1][begin:end] != piece.text:
            line = lines[row - 1]
            lines[row - 1] = f"{line[:begin]}{piece.text}{line[end:]}"
    return "".join(lines)


def listed(names: list[tuple[str, str]]) -> str:
    return ", ".join(name if name == alias else f"{name} as {alias}" for name, alias in names)


class Program:
    """The tokens of a program, and what its names stand for: modules, and what was imported from them."""

    def __init__(self, pieces: list[Piece]) -> None:
        self.pieces = pieces
        self.modules: dict[str, str] = {}
        self.taken: dict[str, tuple[str, str]] = {}

    def replace(self) -> None:
        for at, piece in enumerate(self.pieces):
            if piece.kind != tokenize.NAME or self._text(at - 1) == ".":
                continue
            if piece.text == "import" and self._begins(at):
                self._import(at)
            elif piece.text == "from" and self._begins(at):
                self._from(at)
            elif piece.text == "print" and self._text(at + 1) == "(":
                self._print(at)
            elif piece.text == "raise" and self._text(at + 1) == "SystemExit":
                called = self._text(at + 2) == "("
                piece.text, self.pieces[at + 1].text = EXIT if called else f"{EXIT}()", ""
            else:
                self._name(at)

    def _text(self, at: int) -> str:
        return self.pieces[at].text if 0 <= at < len(self.pieces) else ""

    def _begins(self, at: int) -> bool:
        """Whether a statement begins there."""
        before = self.pieces[at - 1].kind if at else tokenize.NEWLINE
        return before in (
            tokenize.NEWLINE,
            tokenize.NL,
            tokenize.INDENT,
            tokenize.DEDENT,
            tokenize.COMMENT,
            tokenize.ENCODING,
        ) or self._text(at - 1) in (";", ":")

    def _import(self, at: int) -> None:
        """`import time` is none that the embedded Python can do, so that nothing is left of it."""
        end = self._end(at)
        names = self._names(at + 1, end)
        self.modules |= {alias: name for name, alias in names if name in MODULES}
        kept = [(name, alias) for name, alias in names if name != "time"]
        if len(kept) < len(names):
            self._blank(at, end, f"import {listed(kept)}" if kept else "pass")

    def _from(self, at: int) -> None:
        module, end = self._text(at + 1), self._end(at)
        if module not in MODULES or self._text(at + 2) != "import":
            return
        names = self._names(at + 3, end)
        self.taken |= {alias: (module, name) for name, alias in names}
        ours = {*CALLS.get(module, ()), *VALUES.get(module, ()), *STREAMS.get(module, ())}
        kept = [(name, alias) for name, alias in names if name not in ours]
        if len(kept) < len(names):
            self._blank(at, end, f"from {module} import {listed(kept)}" if kept else "pass")

    def _names(self, at: int, end: int) -> list[tuple[str, str]]:
        """What is imported, each with the name that it gets."""
        words = [each.text for each in self.pieces[at:end] if each.kind == tokenize.NAME or each.text in (",", ".")]
        parts = [part.split(" as ") for part in " ".join(words).split(",")]
        whole = [[each.replace(" ", "") for each in part] for part in parts]
        return [(part[0], part[-1]) for part in whole if part[0]]

    def _end(self, at: int) -> int:
        """Where the statement ends."""
        while self.pieces[at].kind not in ENDS and self._text(at) != ";":
            at += 1
        return at

    def _blank(self, at: int, end: int, text: str) -> None:
        for piece in self.pieces[at:end]:
            if piece.kind not in (tokenize.NL, tokenize.COMMENT):
                piece.text = ""
        self.pieces[at].text = text

    def _print(self, at: int) -> None:
        """`print(…, file=sys.stderr)`: the only stream that the embedded Python can print to is the other one."""
        for position in range(at + 2, self._close(at + 1)):
            if self._text(position) != "file" or self._text(position + 1) != "=":
                continue
            first = self._text(position + 2)
            dotted = self.modules.get(first) == "sys" and self._text(position + 3) == "."
            member = self._text(position + 4) if dotted else self.taken.get(first, ("", ""))[1]
            end = position + (5 if dotted else 3)
            if member == "stderr":
                self.pieces[at].text = PRINT
            if member in ("stderr", "stdout"):
                self._blank(position, end, "")
                if self._text(end) == ",":
                    self.pieces[end].text = ""

    def _close(self, at: int) -> int:
        depth = 0
        for position in range(at, len(self.pieces)):
            depth += (self._text(position) in ("(", "[", "{")) - (self._text(position) in (")", "]", "}"))
            if not depth:
                return position
        return len(self.pieces)

    def _name(self, at: int) -> None:
        name = self._text(at)
        if name in self.modules and self._text(at + 1) == ".":
            if self.modules[name] == "datetime":
                self._clock(at, at + 2, self._text(at + 2))
            else:
                self._member(at, 3, self.modules[name], self._text(at + 2))
        elif name in self.taken and not self._is_set(at):
            module, member = self.taken[name]
            if module == "datetime":
                self._clock(at, at, member)
            else:
                self._member(at, 1, module, member)

    def _is_set(self, at: int) -> bool:
        return self._text(at + 1) == "=" or self._text(at - 1) in ("def", "class")

    def _member(self, at: int, width: int, module: str, member: str) -> None:
        """`time.sleep(1)`, `sys.argv[1]`, `sys.stdin.read()`, `sys.stderr.write("…")`."""
        after, method = self._text(at + width), self._text(at + width + 1)
        if module == "sys" and member in STREAMS["sys"] and after == "." and method in ("write", "flush"):
            ours = WRITES[member] if method == "write" else "(None"
            self._blank(at, at + width + 3, ours)
        elif member == "stdin" and after == "." and method in METHODS:
            self._blank(at, at + width + 2, f"{PREFIX}stdin_{method}")
        elif member == "version_info" and after == "." and method in PARTS:
            self._blank(at, at + width + 2, f"{PREFIX}sys_version_info()[{PARTS.index(method)}]")
        elif module == "json" and member in FILED and width > 1 and after == "(":
            self._blank(at, at + width, FILED[member].format(self._text(at)))
        elif member in CALLS.get(module, ()):
            self._blank(at, at + width, f"{PREFIX}{module}_{member}")
        elif member in VALUES.get(module, ()):
            self._blank(at, at + width, f"{PREFIX}{module}_{member}()")

    def _clock(self, at: int, last: int, kind: str) -> None:
        """`datetime.now()` and `date.today()`, which stand still where they are the embedded Python's."""
        method, opening = self._text(last + 2), last + 3
        if kind not in ("datetime", "date") or method not in ("now", "utcnow", "today") or self._text(opening) != "(":
            return
        close = self._close(opening)
        if close >= len(self.pieces):
            return
        ours = "today" if kind == "date" else "now"
        self.pieces[last + 2].text = f"fromisoformat({PREFIX}{ours}"
        self.pieces[close].text += ")"
