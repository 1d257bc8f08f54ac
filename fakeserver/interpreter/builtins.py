"""The commands that are ours and not the interpreter's: those that know the time, the machine, or how the real ones
answer. They hold in pipes, in scripts and behind `xargs` as well as on a line of their own."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from weakref import ref

from fakeserver.instants import SECOND
from fakeserver.interpreter import dates, inner, listings
from fakeserver.interpreter.images import DEFAULT_PYTHON
from fakeserver.interpreter.orders import NOT_FOUND, TIMED_OUT, Scripted
from fakeserver.interpreter.python import Files, Machine, command, read_call
from fakeserver.interpreter.rewriting import NAMES, prepare
from fakeserver.machine import time

if TYPE_CHECKING:
    from bashkit import BuiltinContext, BuiltinResult

    from fakeserver.interpreter.shell import Shell

MAX_SLEEP_SECONDS = 10**9
SUFFIXES = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
DURATION = re.compile(r"(\d{1,18}\.?\d{0,18}|\.\d{1,18})([smhd]?)")
ABSENT = ("curl", "wget", "http", "git", "ssh", "scp", "sftp", "vi", "nano", "rg", "yq", "tomlq", "sudo", "parallel")
"""Commands that the interpreter has, and an image has not."""
OWN = ("csv", "json", "log", "retry", "semver", "template", "verify", "glob", "dotenv")
"""The interpreter's own inventions."""
MAX_SPLIT = 1_000
"""Files that `split` makes."""


def seconds_of(text: str) -> float | None:
    """How long a duration of `sleep` and `timeout` is; none where it is no duration."""
    if text in ("inf", "infinity"):
        return MAX_SLEEP_SECONDS
    match = DURATION.fullmatch(text)
    return None if match is None else min(float(match[1]) * SUFFIXES[match[2]], MAX_SLEEP_SECONDS)


def read_seconds(words: Sequence[str]) -> tuple[float, str]:
    """How long a `sleep` is to sleep, or what is wrong with its words."""
    seconds, try_help = 0.0, "Try 'sleep --help' for more information.\n"
    if not words:
        return 0.0, f"sleep: missing operand\n{try_help}"
    for text in words:
        found = seconds_of(text)
        if found is None:
            return 0.0, f"sleep: invalid time interval {quoted(text)}\n{try_help}"
        seconds += found
    return min(seconds, MAX_SLEEP_SECONDS), ""


def quoted(text: str) -> str:
    """As the GNU tools quote in a message."""
    return f"‘{text}’"


class Builtins:
    """The commands of one shell."""

    def __init__(self, shell: Shell) -> None:
        # The interpreter holds these commands, and nothing would ever see that it is held by nobody else but its shell.
        self._shell = ref(shell)

    @property
    def shell(self) -> Shell:
        shell = self._shell()
        assert shell is not None
        return shell

    def table(self, scripted: Mapping[str, Scripted]) -> dict[str, Callable[[BuiltinContext], BuiltinResult]]:
        """By their names."""
        found: dict[str, Callable[[BuiltinContext], BuiltinResult]] = {
            "sleep": self.sleep,
            "date": self.date,
            "timeout": self.timeout,
            "id": self.id,
            "ls": self.ls,
            "python": self.python,
            "python3": self.python,
            "zcat": self.zcat,
            "split": self.split,
            "__clock": self.clock,
            **dict.fromkeys((*ABSENT, *OWN), self.absent),
        }
        for name, answer in scripted.items():
            # What the interpreter has of its own could not be called any longer.
            if name in found or not self.shell.has(name):
                found[name] = self._scripted(name, answer, found.get(name, self.absent))
        return found

    def _scripted(
        self, name: str, answer: Scripted, otherwise: Callable[[BuiltinContext], BuiltinResult]
    ) -> Callable[[BuiltinContext], BuiltinResult]:
        def call(context: BuiltinContext) -> BuiltinResult:
            finished = answer(shlex.join((name, *context.argv)))
            if finished is None:
                return otherwise(context)
            self.shell.wait(finished.seconds)
            stdout, stderr = (piece.decode(errors="replace") for piece in (finished.stdout, finished.stderr))
            return self.result(stdout, stderr, finished.exit_code)

        return call

    def result(self, stdout: str = "", stderr: str = "", code: int = 0) -> BuiltinResult:
        made: BuiltinResult = self.shell.kit.BuiltinResult(stdout, stderr, code)
        return made

    def absent(self, context: BuiltinContext) -> BuiltinResult:
        return self.result(stderr=f"bash: line 1: {context.name}: command not found\n", code=NOT_FOUND)

    # Time

    def sleep(self, context: BuiltinContext) -> BuiltinResult:
        """It takes no time but the sandbox's."""
        seconds, wrong = read_seconds(context.argv)
        if wrong:
            return self.result(stderr=wrong, code=1)
        self.shell.sleep(seconds)
        return self.result()

    def clock(self, context: BuiltinContext) -> BuiltinResult:
        """What tells the time among the variables, in words of the shell; `slept` before which a sleep began."""
        now, before = self.shell.now(), context.argv[0] if context.argv else ""
        slept = "" if not before else f"SECONDS=$((SECONDS + {(now - int(before)) // SECOND}));"
        return self.result(f"{slept}EPOCHSECONDS={now // SECOND};EPOCHREALTIME={now // SECOND}.{now % SECOND:06}\n")

    def date(self, context: BuiltinContext) -> BuiltinResult:
        def modified(path: str) -> datetime:
            try:
                about = context.fs.stat(posixpath.join(context.cwd, path))
            except RuntimeError:
                raise FileNotFoundError(f"{path}: No such file or directory") from None
            return datetime.fromtimestamp(float(about["modified"]) + self._ahead(), UTC)

        return self.result(*dates.write(context.argv, self.shell.now(), modified))

    def _ahead(self) -> float:
        """Seconds that the sandbox's clock is ahead of the machine's, by which its files are dated."""
        return self.shell.now() / SECOND - time.time_ns() / 10**9

    def timeout(self, context: BuiltinContext) -> BuiltinResult:
        """It sees how long a command sleeps, as the order's own limit does."""
        words, kept = list(context.argv), False
        while words and words[0].startswith("-"):
            word = words.pop(0)
            kept = kept or word == "--preserve-status"
            if word in ("-k", "-s", "--kill-after", "--signal"):
                del words[:1]
        seconds = seconds_of(words[0]) if words else None
        if len(words) < 2:
            told = "timeout: missing operand\nTry 'timeout --help' for more information.\n"
            return self.result(stderr=told, code=125)
        if seconds is None:
            told = f"timeout: invalid time interval {quoted(words[0])}\n"
            return self.result(stderr=f"{told}Try 'timeout --help' for more information.\n", code=125)
        text = inner.reading(context, shlex.join(words[1:]), self.shell.depth + 1)
        try:
            finished = inner.within(
                self.shell.make, context, lambda bash: self.shell.inside(bash, text, seconds or None)
            )
        except inner.TooDeep:
            return self.result(stderr="timeout: fork system call failed: Resource temporarily unavailable\n", code=125)
        code = 143 if finished.timed_out and kept else TIMED_OUT if finished.timed_out else finished.exit_code
        stdout, stderr = finished.stdout.decode(errors="replace"), finished.stderr.decode(errors="replace")
        return self.result(stdout, stderr.replace("bash: line 1: ", "timeout: failed to run command "), code)

    # The machine

    def id(self, context: BuiltinContext) -> BuiltinResult:
        user = self.shell.user
        number = 0 if user == "root" else 1_000
        flags = "".join(each.lstrip("-") for each in context.argv if each.startswith("-"))
        if flags:
            return self.result(f"{user if 'n' in flags else number}\n")
        return self.result(f"uid={number}({user}) gid={number}({user}) groups={number}({user})\n")

    def ls(self, context: BuiltinContext) -> BuiltinResult:
        found = listings.letters(context.argv)
        if found is None:
            word = next(each for each in context.argv if each.startswith("-") and each != "--")
            option = f"unrecognized option '{word}'" if word.startswith("--") else f"invalid option -- '{word[1:2]}'"
            return self.result(stderr=f"ls: {option}\nTry 'ls --help' for more information.\n", code=2)

        def whole(path: str) -> str:
            joined = posixpath.normpath(posixpath.join(context.cwd, path))
            return "/" + joined.lstrip("/")

        now = datetime.fromtimestamp(self.shell.now() / SECOND, UTC)
        ls = listings.Ls(context.fs, found[0], self.shell.user, now, self._ahead(), whole)
        return self.result(*ls.write(found[1]))

    def zcat(self, context: BuiltinContext) -> BuiltinResult:
        """`gzip -dc`."""
        text = inner.reading(context, f"gzip -dc {shlex.join(context.argv)}", self.shell.depth + 1)
        return self._plain(context, text)

    def _plain(self, context: BuiltinContext, text: str, **more: Any) -> BuiltinResult:
        def make() -> Any:
            return self.shell.make(**more)

        try:
            finished = inner.within(make, context, lambda bash: self.shell.inside(bash, text, None))
        except inner.TooDeep:
            return self.result(stderr="bash: fork: Resource temporarily unavailable\n", code=254)
        stdout, stderr = finished.stdout.decode(errors="replace"), finished.stderr.decode(errors="replace")
        return self.result(stdout, stderr, finished.exit_code)

    def split(self, context: BuiltinContext) -> BuiltinResult:
        """Into files of so many lines or bytes."""
        size, lines, words, paths = 1_000, True, list(context.argv), list[str]()
        while words:
            word = words.pop(0)
            if word[:2] in ("-l", "-b"):
                given = word[2:] or (words.pop(0) if words else "")
                match = re.fullmatch(r"(\d{1,12})([kKmM]?)", given)
                if match is None or not int(match[1]):
                    kind = "lines" if word[1] == "l" else "bytes"
                    return self.result(stderr=f"split: invalid number of {kind}: {quoted(given)}\n", code=1)
                lines, size = word[1] == "l", int(match[1]) * {"": 1, "k": 1024, "m": 2**20}[match[2].lower()]
            elif word.startswith("-") and word != "-":
                return self.result(stderr=f"split: invalid option -- '{word[1:2]}'\n", code=1)
            else:
                paths.append(word)
        source, prefix = (*paths, "-", "x")[:2] if len(paths) < 2 else paths[:2]
        prefix = "x" if len(paths) < 2 else prefix
        try:
            whole = posixpath.join(context.cwd, source)
            content = (context.stdin or "").encode() if source == "-" else context.fs.read_file(whole)
        except RuntimeError:
            told = f"split: cannot open {quoted(source)} for reading: No such file or directory\n"
            return self.result(stderr=told, code=1)
        return self._pieces(context, content, size if not lines else 0, size, prefix)

    def _pieces(self, context: BuiltinContext, content: bytes, size: int, count: int, prefix: str) -> BuiltinResult:
        if size:
            pieces = [content[at : at + size] for at in range(0, min(len(content), size * MAX_SPLIT), size)]
        else:
            rows = content.splitlines(keepends=True)
            pieces = [b"".join(rows[at : at + count]) for at in range(0, len(rows), count)]
        if len(pieces) > 26 * 26:
            return self.result(stderr="split: output file suffixes exhausted\n", code=1)
        for number, piece in enumerate(pieces):
            name = f"{prefix}{chr(97 + number // 26)}{chr(97 + number % 26)}"
            context.fs.write_file(posixpath.join(context.cwd, name), piece)
        return self.result()

    # Python

    def python(self, context: BuiltinContext) -> BuiltinResult:
        version = self.shell.python or DEFAULT_PYTHON
        call = read_call(
            context.argv, context.stdin, lambda path: context.fs.read_file(posixpath.join(context.cwd, path))
        )
        if call.version:
            return self.result(f"Python {version}\n")
        if call.refusal:
            return self.result(stderr=call.refusal, code=call.code)
        stdin = "" if call.name == "<stdin>" else context.stdin or ""
        machine = Machine(call, stdin, version, Files(context.fs, context.cwd), self.shell)
        text = command(prepare(call.source))

        def make() -> Any:
            return self.shell.make(external_functions=NAMES, external_handler=machine.answer, custom_builtins={})

        try:
            finished = inner.within(make, context, lambda bash: self.shell.inside(bash, text, None))
        except inner.TooDeep:
            return self.result(stderr="bash: fork: Resource temporarily unavailable\n", code=254)
        stdout, stderr = finished.stdout.decode(errors="replace"), finished.stderr.decode(errors="replace")
        code = finished.exit_code if machine.exit is None else machine.exit
        return self.result(stdout, machine.told(stderr), code)
