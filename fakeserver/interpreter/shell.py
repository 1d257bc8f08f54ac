"""bash as `bashkit` has it: commands in a process of their own in name only, with files and limits, and nothing of the
host's."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from fakeserver.instants import SECOND
from fakeserver.interpreter import images, inner
from fakeserver.interpreter.background import set_aside
from fakeserver.interpreter.builtins import Builtins
from fakeserver.interpreter.courses import Course
from fakeserver.interpreter.orders import (
    BASH,
    PYTHON,
    SIGNALLED,
    STDERR,
    STDOUT,
    TIMED_OUT,
    Finished,
    Halt,
    Hear,
    Order,
    Scripted,
    without_surrogates,
)
from fakeserver.interpreter.watching import WATCH

if TYPE_CHECKING:
    from bashkit import Bash, FileSystem

MAX_COMMANDS = 10**9
MAX_TURNS = 10**8
"""Simple commands and turns of a loop; what ends a command is time."""
MAX_MEMORY_BYTES = 64 * 2**20
"""Of what an interpreter holds beside the files."""
MAX_TEXT_BYTES = 128 * 2**10
"""Of a command, as Linux has it for each argument of a program, and so for that of `bash -c`."""
MAX_SURROUNDINGS_BYTES = 2**21
"""Of all variables that a command is given."""
MAX_NAMES = 10_000
CANNOT_RUN = 126
TOO_LONG = b"bash: Argument list too long\n"
CANCELLED = "execution cancelled"
"""How the interpreter calls what somebody has ended."""
PARSE_ERROR = re.compile(r"parse error at (line \d+), column \d+: (.*)", re.DOTALL)
HINT = re.compile(r"(command not found)\.[^\n]*")
"""What bashkit adds for people who may install another sandbox."""
TIMED = re.compile(r"\s*time\s")
REPORT = re.compile(r"real\t(\d+)m(\d+\.\d+)s")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PRELUDE = """
sleep() {{ set -- "$(date +%s%6N < /dev/null)" "$@"; command sleep "${{@:2}}" < /dev/null || return
  eval "$(__clock "$1" < /dev/null)" < /dev/null; }}
unset BASHKIT_ALLOW_INPROCESS_PYTHON
SECONDS=0; EPOCHSECONDS={seconds}; EPOCHREALTIME={seconds}.{micros}
cd -- {directory}
"""
"""Variables that tell the time, and see when it is slept away. What a function by the
name of a command of ours calls would take all input of the loop that it is called in."""


IN_BACKGROUND = r"""
__sh() { local shell="$1" text; shift; case "$1" in
  -c) if text="$(__aside "$2")"; then shift 2; command "$shell" -c "$text" "$@"; else command "$shell" "$@"; fi;;
  -*|"") command "$shell" "$@";;
  *) if text="$(__aside_file "$1")"; then command "$shell" -c "$text" "$@"; else command "$shell" "$@"; fi;;
  esac; }
sh() { __sh sh "$@"; }
bash() { __sh bash "$@"; }
nohup() { "$@"; }
"""
"""A shell in the shell, and a script, put into the background what they want there. Their `$0` stays."""
ANOTHER = re.compile(r"\bnohup\b|sh\b")
"""What a text has that runs another."""


class Spoiled(Exception):
    """Files that were frozen once cannot be read any more."""


@cache
def bashkit() -> Any:
    """The interpreter's package."""
    import bashkit

    return bashkit


@lru_cache(MAX_NAMES)
def is_known(name: str) -> bool:
    """Whether the interpreter has such a command."""
    return bool(bashkit().Bash().execute_sync(f"type -t -- {shlex.quote(name)}").stdout.strip())


class Shell:
    """Runs orders in one interpreter, among the files of a sandbox as they were frozen, or among those that are mounted
    (by path). `builtins` join its own, and `outermost` those of no command within a command; of those that are
    `scripted`, somebody says what they come to. A process has a `clock` (microseconds since 1970), by which its sleeps
    pass as `waits` has it; the sleeps of any other take no time, and it has a clock of its own."""

    def __init__(
        self,
        frozen: bytes | None,
        *,
        user: str = "root",
        host: str = "sandbox",
        mounts: Mapping[str, FileSystem] | None = None,
        builtins: Mapping[str, Callable[..., Any]] | None = None,
        scripted: Mapping[str, Scripted] | None = None,
        outermost: Mapping[str, Callable[..., Any]] | None = None,
        clock: Callable[[], int] | None = None,
        waits: Callable[[float], None] | None = None,
    ) -> None:
        self.kit = bashkit()
        self.course: Course | None = None
        self.python = ""
        self.depth = 0
        self.timed = ""
        self.user, self.host = user, host
        self.clock, self.waits = clock, waits
        self.starts = bool(builtins)
        """Whether it can let commands go on by themselves."""
        self.builtins = {**Builtins(self).table(scripted or {}), **(builtins or {})}
        self.bash: Bash = self.make(custom_builtins={**self.builtins, **(outermost or {})})
        if frozen is not None:
            self.restore(frozen)
        for path, files in (mounts or {}).items():
            self.bash.mount(path, files)
        home = "/root" if user == "root" else f"/home/{user}"
        for directory in (home, *(images.DIRECTORIES if frozen is None and not mounts else ())):
            if not self.bash.exists(directory):
                self.bash.mkdir(directory, recursive=True)

    def make(self, **more: Any) -> Bash:
        """An interpreter with the limits and commands of this one."""
        made: Bash = self.kit.Bash(
            **{
                "username": self.user,
                "hostname": self.host,
                "python": True,
                "max_commands": MAX_COMMANDS,
                "max_loop_iterations": MAX_TURNS,
                "max_memory": MAX_MEMORY_BYTES,
                "profile": self.kit.ExecutionProfile.Interactive,
                "custom_builtins": self.builtins,
                **more,
            }
        )
        return made

    def restore(self, frozen: bytes) -> None:
        """Have the files that were frozen in the place of all that there are."""
        try:
            self.bash.restore_snapshot(frozen)
        except self.kit.BashError as error:
            raise Spoiled(str(error)) from error

    def freeze(self) -> bytes:
        """The files of one that has run nothing."""
        inner.clean(self.bash)
        frozen: bytes = self.bash.snapshot()
        return frozen

    def run(self, order: Order, now: int, hear: Hear, halt: Halt | None = None) -> Finished:
        """Run an order at an instant (microseconds since 1970), until `halt` ends it."""
        order = without_surrogates(order)
        course = self.course = Course(self.bash, now, order.seconds)
        refused = self._prepare(order, now, hear)
        return self._whole(order, course, hear, halt or Halt()) if refused is None else refused

    def go_on(
        self, order: Order, now: int, hear: Hear, state: str, begin: Callable[[Callable[[], None]], None]
    ) -> Finished:
        """The same for a process, in a shell that has the variables and functions of a `state`; `begin` is told what
        ends it."""
        order = without_surrogates(order)
        course = self.course = Course(self.bash, now, order.seconds, waits=self.waits)
        begin(course.end)
        said: dict[str, list[bytes]] = {STDOUT: [], STDERR: []}
        if state:
            self._carry_out(course, state, self._heard(hear_nothing, said))
        refused = self._prepare(order, now, hear)
        return self._whole(order, course, hear) if refused is None else refused

    def _whole(self, order: Order, course: Course, hear: Hear, halt: Halt | None = None) -> Finished:
        """What an order comes to that nothing refuses."""
        said: dict[str, list[bytes]] = {STDOUT: [], STDERR: []}
        text, heard = self._text(order), self._heard(hear, said, TIMED.match(order.text) is not None)
        if halt is not None:
            halt.arm(course.end)
        finished = self._outcome(self._carry_out(course, text, heard), course, hear, said)
        if finished.timed_out and halt is not None and halt.asked:
            return replace(finished, exit_code=SIGNALLED + halt.signal, timed_out=False)
        return finished

    def _outcome(self, result: Any, course: Course, hear: Hear, said: dict[str, list[bytes]]) -> Finished:
        """What a text has come to that was carried out."""
        if course.over:
            # Of a command that is kept from going on the interpreter does not say what it has written.
            stdout, stderr = (b"".join(said[stream]) for stream in (STDOUT, STDERR))
            return Finished(TIMED_OUT, stdout, stderr, course.seconds, timed_out=True, slept=course.slept)
        return self._finished(result, course, hear, said)

    def _prepare(self, order: Order, now: int, hear: Hear) -> Finished | None:
        """What surrounds an order, or how it ends before it begins."""
        self.python = images.full_version(order.python) if order.python else images.python_of(order.image)
        directory = order.directory or order.start or order.home
        if order.start and not self.bash.exists(order.start):
            self.bash.mkdir(order.start, recursive=True)
        if is_too_long(order):
            hear(STDERR, TOO_LONG)
            return Finished(CANNOT_RUN, b"", TOO_LONG)
        surroundings = {"PATH": PATH, "HOME": order.home, "USER": order.user, "PWD": directory, **order.variables}
        for name, text in surroundings.items():
            self.bash.set_env(name, text)
        seconds, micros = divmod(now, SECOND)
        prelude = PRELUDE.format(seconds=seconds, micros=f"{micros:06}", directory=shlex.quote(directory))
        if self.starts and ANOTHER.search(order.text):
            prelude = f"{IN_BACKGROUND}{prelude}"
        if not self.bash.execute_sync(prelude).exit_code:
            return None
        told = f"bash: line 1: cd: {directory}: No such file or directory\n".encode()
        hear(STDERR, told)
        return Finished(1, b"", told)

    def _text(self, order: Order) -> str:
        text = f"python3 -c {shlex.quote(order.text)}" if order.language == PYTHON else order.text
        if self.starts and order.language == BASH:
            text = set_aside(text)
        if not order.stdin:
            return text
        self.bash.fs().write_file("/dev/.stdin", order.stdin)
        return f"bash -c {shlex.quote(text)} < /dev/.stdin"

    def _finished(self, result: Any, course: Course, hear: Hear, said: Mapping[str, list[bytes]]) -> Finished:
        stdout, stderr, code = result.stdout_bytes, self._mended(result.stderr).encode(), result.exit_code
        if result.error and result.error != CANCELLED:
            wrong = PARSE_ERROR.match(result.error)
            told = f"bash: -c: {wrong[1]}: {wrong[2]}" if wrong else f"bash: {result.error}"
            last, code = f"{told}\n".encode(), 2 if wrong else 1
            hear(STDERR, last)
            # Of a command that has reached a limit the interpreter does not say what it had written.
            stdout, stderr = stdout or b"".join(said[STDOUT]), b"".join((*said[STDERR], last))
        truncated = result.stdout_truncated or result.stderr_truncated
        return Finished(code, stdout, stderr, course.seconds, truncated=truncated, slept=course.slept)

    def _heard(self, hear: Hear, said: dict[str, list[bytes]], timed: bool = False) -> Callable[[str, str], None]:
        """What is told of a command's output, by the interpreter. Where the whole is `timed`, the report that comes at
        its end has the time that was slept."""
        self.timed = ""

        def heard(stdout: str, stderr: str) -> None:
            if timed and not self.timed and (report := REPORT.search(stderr)):
                self.timed = clock_text(float(report[1]) * 60 + float(report[2]) + self.slept)
            for stream, text in ((STDOUT, stdout), (STDERR, self._mended(stderr))):
                if text:
                    said[stream].append(text.encode())
                    hear(stream, said[stream][-1])

        return heard

    def _mended(self, stderr: str) -> str:
        """Errors as bash writes them."""
        told = HINT.sub(r"\1", stderr).replace("\tunavailable\n", "\t0m0.000s\n")
        return REPORT.sub(lambda _: f"real\t{self.timed}", told, count=1) if self.timed else told

    @property
    def slept(self) -> float:
        return 0.0 if self.course is None else self.course.slept

    def _carry_out(self, course: Course, text: str, heard: Callable[[str, str], None]) -> Any:
        """What the interpreter makes of a text, in the time that the course has."""
        with WATCH.over(course):
            result = course.bash.execute_sync(text, heard)
        course.bash.clear_cancel()
        return result

    def inside(self, bash: Bash, text: str, seconds: float | None) -> Finished:
        """What a command within the one that runs comes to, in an interpreter of its own. It has so many seconds, and
        no more than those around it have left."""
        above = self.course
        assert above is not None
        if self.depth >= inner.MAX_DEPTH:
            raise inner.TooDeep
        course = self.course = above.below = Course(bash, above.now, seconds, above, self.waits)
        self.depth += 1
        said: dict[str, list[bytes]] = {STDOUT: [], STDERR: []}
        try:
            if above.over:
                course.end()
            result = self._carry_out(course, text, self._heard(hear_nothing, said))
        finally:
            self.depth -= 1
            self.course, above.below = above, None
        return self._outcome(result, course, hear_nothing, said)

    # What commands of ours ask for

    def now(self) -> int:
        """Microseconds since 1970, by the clock of the sandbox."""
        if self.clock is not None:
            return self.clock()
        return 0 if self.course is None else self.course.now

    def has(self, name: str) -> bool:
        """Whether the interpreter itself has such a command."""
        return is_known(name)

    def wait(self, seconds: float) -> None:
        """Let so much real time pass, unless the command is to end before."""
        course = self.course
        assert course is not None
        course.outside(lambda: course.wait(seconds))

    def sleep(self, seconds: float) -> None:
        if self.course is not None:
            self.course.sleep(seconds)


def clock_text(seconds: float) -> str:
    """As `time` reports it."""
    return f"{int(seconds // 60)}m{seconds % 60:.3f}s"


def is_too_long(order: Order) -> bool:
    """Whether Linux would start no program with this text and these variables."""
    sizes = [len(name.encode()) + len(text.encode()) for name, text in order.variables.items()]
    longest = max((*sizes, len(order.text.encode()) if order.language == BASH else 0))
    return longest > MAX_TEXT_BYTES or sum(sizes) > MAX_SURROUNDINGS_BYTES


def hear_nothing(stream: str, piece: bytes) -> None:
    """Nobody listens, as to a command within another."""
