"""`python3`: the embedded Python, with what programs ask of the machine around them."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from fakeserver.interpreter.rewriting import PREFIX

if TYPE_CHECKING:
    from bashkit import FileSystem

LAST = "\n\nNone"
PROCESS = 42
"""The number that a program has as a process."""
FLAGS = frozenset("uBEsSIqOPvb")
"""Options that change nothing here."""
VALUED = frozenset("WX")
UNFINISHED = re.compile(r"line \d+\n +None\n +~~~~\n(SyntaxError: .*)")
"""An error in what is put behind a program, which is the program's: it is not at its end yet."""
RAISED = re.compile(r"RuntimeError: external_handler: ")


class Left(Exception):
    """A program has ended itself."""


@dataclass
class Call:
    """One call of `python3`: the program (its text, and the name that errors have it by), and its arguments."""

    source: str = ""
    name: str = "<string>"
    argv: list[str] = field(default_factory=list)
    refusal: str = ""
    code: int = 2
    version: bool = False


def read_call(words: Sequence[str], stdin: str | None, read_file: Callable[[str], bytes]) -> Call:
    """What `python3` is asked to do."""
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word in ("-V", "--version", "-VV"):
            return Call(version=True)
        if word.startswith("-c"):
            text = word[2:] or (rest.pop(0) if rest else None)
            if text is None:
                return Call(refusal="Argument expected for the -c option\n")
            return Call(text, argv=["-c", *rest])
        if word.startswith("-m"):
            module = word[2:] or (rest.pop(0) if rest else "")
            return Call(refusal=f"/usr/local/bin/python3: No module named {module.partition('.')[0]}\n", code=1)
        if word[1] in VALUED:
            rest = rest if word[2:] else rest[1:]
        elif not {*word[1:]} <= FLAGS:
            return Call(
                refusal=f"unknown option {word}\nusage: python3 [option] ... [-c cmd | -m mod | file | -] ...\n"
            )
    if not rest or rest[0] == "-":
        return Call(stdin or "", "<stdin>", rest or [""])
    try:
        return Call(read_file(rest[0]).decode(), rest[0], rest)
    except UnicodeDecodeError:
        return Call(refusal=f"SyntaxError: (unicode error) 'utf-8' codec can't decode {rest[0]}\n", code=1)
    except (OSError, RuntimeError):
        told = f"python3: can't open file '{rest[0]}': [Errno 2] No such file or directory\n"
        return Call(refusal=told)


# What programs ask for


class Clock(Protocol):
    """What time it is (microseconds since 1970), and how to let some of it pass."""

    def now(self) -> int: ...
    def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Files:
    """The files that a program finds from its directory."""

    system: FileSystem
    directory: str

    def whole(self, path: str) -> str:
        """A path from the root; the interpreter's own way of following links is not asked."""
        return posixpath.normpath(posixpath.join(self.directory, path))


class Machine:
    """What surrounds one run of a program: its arguments and input, the clock, and what it writes to stderr."""

    def __init__(self, call: Call, stdin: str, version: str, files: Files, clock: Clock) -> None:
        self.call, self.version, self.files, self.clock = call, version, files, clock
        self.lines = stdin.splitlines(keepends=True)
        self.stderr: list[str] = []
        self.exit: int | None = None

    async def answer(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """What a call of one of our functions comes to; of any other there is none."""
        asked = name.removeprefix(PREFIX)
        if name in ("exit", "quit"):
            return self._sys_exit(*args)
        if name == "input":
            if not self.lines:
                raise EOFError("EOF when reading a line")
            return self.lines.pop(0).rstrip("\n")
        if asked == name:
            raise NameError(f"name '{name}' is not defined")
        return getattr(self, f"_{asked}")(*args, **kwargs)

    def told(self, stderr: str) -> str:
        """What a program's error looks like to who runs it."""
        stderr = RAISED.sub("", stderr).replace('File "<string>"', f'File "{self.call.name}"')
        stderr = UNFINISHED.sub(self._unfinished, stderr)
        said = "".join(self.stderr)
        return said if self.exit is not None else said + stderr

    def _unfinished(self, error: re.Match[str]) -> str:
        lines = self.call.source.rstrip().splitlines() or [""]
        wrong = "SyntaxError: unexpected EOF while parsing" if "found `None`" in error[1] else error[1]
        return f"line {len(lines)}\n    {lines[-1]}\n    {' ' * len(lines[-1])}^\n{wrong}"

    def _print(self, *args: Any, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        self._write(sep.join(map(str, args)) + end)

    def _write(self, text: str) -> int:
        self.stderr.append(text)
        return len(text)

    def _sys_exit(self, code: Any = None) -> None:
        if isinstance(code, str):
            self.stderr.append(f"{code}\n")
        self.exit = 0 if code is None else code & 255 if isinstance(code, int) else 1
        raise Left

    def _sys_argv(self) -> list[str]:
        return self.call.argv

    def _sys_path(self) -> list[str]:
        return ["", "/usr/local/lib/python3", "/usr/local/lib/python3/site-packages"]

    def _sys_executable(self) -> str:
        return "/usr/local/bin/python3"

    def _sys_platform(self) -> str:
        return "linux"

    def _sys_version(self) -> str:
        return f"{self.version} (main, Jan  1 2026, 00:00:00) [GCC 12.2.0]"

    def _sys_version_info(self) -> tuple[int | str, ...]:
        return (*map(int, self.version.split(".")), "final", 0)

    def _os_getcwd(self) -> str:
        return self.files.directory

    def _os_getpid(self) -> int:
        return PROCESS

    def _os_listdir(self, path: str = ".") -> list[str]:
        return sorted(each["name"] for each in self.files.system.read_dir(self.files.whole(path)))

    def _os_mkdir(self, path: str, mode: int = 0o777) -> None:
        where = self.files.whole(path)
        if self.files.system.exists(where):
            raise FileExistsError(17, "File exists", path)
        self.files.system.mkdir(where)

    def _os_makedirs(self, name: str, mode: int = 0o777, exist_ok: bool = False) -> None:
        where = self.files.whole(name)
        if not exist_ok and self.files.system.exists(where):
            raise FileExistsError(17, "File exists", name)
        self.files.system.mkdir(where, recursive=True)

    def _os_remove(self, path: str) -> None:
        where = self.files.whole(path)
        if not self.files.system.exists(where):
            raise FileNotFoundError(2, "No such file or directory", path)
        self.files.system.remove(where)

    _os_unlink = _os_remove

    def _stdin_read(self, count: int = -1) -> str:
        text = "".join(self.lines)
        self.lines = [] if count is None or count < 0 else text[count:].splitlines(keepends=True)
        return text if count is None or count < 0 else text[:count]

    def _stdin_readline(self) -> str:
        return self.lines.pop(0) if self.lines else ""

    def _stdin_readlines(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines

    _sys_stdin = _stdin_readlines

    def _time_time_ns(self) -> int:
        return self.clock.now() * 1_000

    _time_monotonic_ns = _time_perf_counter_ns = _time_time_ns

    def _time_time(self) -> float:
        return self.clock.now() / 10**6

    _time_monotonic = _time_perf_counter = _time_time

    def _time_sleep(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        self.clock.sleep(float(seconds))

    def _time_ctime(self) -> str:
        return f"{datetime.fromtimestamp(self.clock.now() / 10**6, UTC):%a %b %e %H:%M:%S %Y}"

    def _now(self, zone: Any = None) -> str:
        instant = datetime.fromtimestamp(self.clock.now() / 10**6, UTC)
        return (instant if zone is not None else instant.replace(tzinfo=None)).isoformat()

    def _today(self) -> str:
        return datetime.fromtimestamp(self.clock.now() / 10**6, UTC).date().isoformat()


def command(source: str) -> str:
    """What runs a program. The embedded Python shows what its last expression comes to, as long as that is the last."""
    return f"python3 -c {shlex.quote(source + LAST)}"
