"""Commands that mean harm: each comes to a clear end, in bounded time and memory, and sees nothing of the host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakeserver.interpreter.hosting import MAX_GROWTH_BYTES
from fakeserver.interpreter.orders import PYTHON
from fakeserver.interpreter.shell import Shell
from tests.support.asgi import ROOT
from tests.unit.interpreter.shells import run

SECONDS = 0.5
"""That each command is given."""
MOST_SECONDS = 120.0
"""Until a server that says nothing more is ended."""
MAX_MEGABYTES = 200 + 2 * MAX_GROWTH_BYTES // 2**20
"""Of a worker, at its highest: what is seen to grow too much grows a little further."""
MAX_SERVER_MEGABYTES = 150
"""By which the server has grown, that has its output."""
ALONE = """
import json, resource, sys, time
from fakeserver.commands import workers
from fakeserver.commands.guests import Guests
from fakeserver.interpreter.orders import Order
guests = Guests()

def run(name, text, **more):
    return guests.of("prime", name).run(Order(text, **more), 10**15)

def megabytes(whose):
    return resource.getrusage(whose).ru_maxrss // 1024

for number, line in enumerate(sys.stdin):
    asked, language, seconds = json.loads(line)
    mine, other = f"mine{number}", f"other{number}"
    for name in (mine, other):
        run(name, "echo kept > f")
    first = first if number else megabytes(resource.RUSAGE_SELF)
    finished = run(mine, asked, seconds=seconds, language=language)
    grown = megabytes(resource.RUSAGE_SELF) - first
    after = [run(name, "cat f").stdout.decode() for name in (mine, other)]
    workers.end_all()
    while workers.LIVING:
        time.sleep(0.001)
    workers.ENDING.clear()
    told = finished.stderr[-300:].decode(errors="replace")
    size, most = len(finished.stdout), megabytes(resource.RUSAGE_CHILDREN)
    print(json.dumps([finished.exit_code, size, told, most, grown, after]), flush=True)
"""
"""A server of commands: each line that it reads is one, and each line that it writes says what came of it."""
ENDS = frozenset({0, 1, 2, 5, 124, 125, 126, 127, 130, 137, 139})


class Alone:
    """A process of its own for commands that mean harm. It outlives them all, and stays small over all of them."""

    def __init__(self, folder: Path) -> None:
        self._errors = folder / "errors"
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-c", ALONE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, cwd=ROOT
            )

    def run(self, text: str, language: str = "bash", seconds: float = SECONDS) -> tuple[int, int, str]:
        """The exit code, the bytes of output and the last of the errors of a command. Its server lives on, has stayed
        small, and the files of both sandboxes are as they were."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        late = threading.Timer(MOST_SECONDS, self._process.kill)
        late.start()
        try:
            self._process.stdin.write(json.dumps([text, language, seconds]).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        finally:
            late.cancel()
        assert line, f"the process ended with {self._process.wait()}: {self._errors.read_text()[-2_000:]}"
        code, size, told, most, grown, after = json.loads(line)
        assert most < MAX_MEGABYTES
        assert grown < MAX_SERVER_MEGABYTES
        assert after[1] == "kept\n"
        assert after[0]
        assert size <= 11 * 2**20
        assert code in ENDS
        return code, size, told

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Alone]]:
    """The process that is there, if one is."""
    found: list[Alone] = []
    yield found
    for each in found:
        each.close()


@pytest.fixture
def alone(lives: list[Alone], tmp_path_factory: pytest.TempPathFactory) -> Alone:
    """One process for all commands; after one that has ended it, the next gets another."""
    if not (lives and lives[-1].is_alive):
        lives.append(Alone(tmp_path_factory.mktemp("alone")))
    return lives[-1]


MADE = 'x=\'%s\'; for i in {1..19}; do x="$x$x"; done; eval "$x true"'
"""Half a million times, which no text from outside has room for."""
BASH = {
    "fork bomb": ":(){ :|:& };:",
    "loop": "while :; do :; done",
    "loop of true": "while true; do true; done",
    "loop for ever": "for ((;;)); do date; done",
    "recursion": "f() { f; }; f",
    "recursion of two": "f() { f | f & }; f; f",
    "eval of itself": 'x=\'eval "$x"\'; eval "$x"',
    "eval": f"{'eval ' * 20_000}true",
    "command": f"{'command ' * 12_000}true",
    "exec": f"{'exec ' * 20_000}true",
    "env": f"{'env ' * 20_000}true",
    "xargs": f"{'xargs ' * 20_000}true",
    "time": f"{'time ' * 25_000}true",
    "time that it made": 'x=\'time \'; for i in {1..13}; do x="$x$x"; done; eval "$x"',
    "time that it made, without end": f"{MADE % 'time '}",
    "parentheses that it made": f"{MADE % '('}",
    "arithmetic that it made": f"{MADE % '$(('}",
    "groups that it made": f"{MADE % '{ '}",
    "functions that it made": f"{MADE % 'f() { '}",
    "script of itself": "echo 'bash s' > s; bash s",
    "source of itself": "echo '. ./s' > s; . ./s",
    "timeout of itself": "timeout 9 " * 50 + "true",
    "substitutions": "$(" * 10_000,
    "closed substitutions": f"echo {'$(' * 500}{')' * 500}",
    "parentheses": "(" * 60_000,
    "arithmetic": f"echo $(({'(' * 20_000}1{')' * 20_000}))",
    "arithmetic openings": "$((" * 20_000,
    "braces": "{ " * 30_000,
    "expansions": "echo ${a:-" * 5_000,
    "brace bomb": f"echo {'{a,b}' * 40}",
    "brace range": "touch {1..1000000}",
    "glob bomb": "shopt -s globstar; ls /**/**/**/**/**/**/**/**",
    "pattern": "shopt -s extglob; [[ aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa == +(+(+(a)))b ]]; echo $?",
    "regular expression": "echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | grep -E '(a+)+b'; echo $?",
    "doubling": "x=a; while :; do x=$x$x; done",
    "array": "while :; do a+=(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa); done",
    "yes": "yes",
    "echo for ever": "while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done",
    "a gigabyte": "head -c 1G /dev/zero",
    "zeros": "cat /dev/zero",
    "numbers": "seq 1000000000",
    "dd": "dd if=/dev/zero of=f bs=1M count=1000",
    "files": "for i in $(seq 1000000); do : > f$i; done",
    "directories": "while mkdir -p a && cd a; do :; done",
    "growing file": "echo a > f; while :; do cat f f f > g; mv g f; done",
    "gzip bomb": "for i in {1..9}; do head -c 1000000 /dev/zero >> y; done; gzip y; while zcat y.gz >> x; do :; done",
    "tar bomb": "head -c 9000000 /dev/zero > z; while tar cf t$((i++)).tar z; do :; done",
    "big sort": "for i in {1..9}; do seq 100000 >> f; done; while :; do sort -R f > g; done",
    "jq for ever": "jq -n 'def f: f; f'",
    "jq of everything": "jq -n '[recurse(.)]'",
    "jq nested": f"jq -n '{'[' * 5_000}{']' * 5_000}'",
    "awk for ever": "awk 'BEGIN { while (1); }'",
    "awk that grows": "awk 'BEGIN { x = \"a\"; while (1) x = x x }'",
    "sleep for ever": "sleep infinity",
    "input for ever": "while true; do read x; done < /dev/zero",
    "links in a circle": "ln -s a b; ln -s b a; cat a; ln -s . l; ls -R; find -L .; cp -r . x",
    "traps": "trap 'kill -INT $$' INT; kill -INT $$",
    "names in a circle": "a=b; b=a; echo $((a)); declare -n r=s; declare -n s=r; echo $r",
    "long line": "a" * 10_000_000,
}
PYTHONS = {
    "loop": "while True: pass",
    "print": "while True: print('a' * 1000)",
    "recursion": "def f(): f()\nf()",
    "list": "x = [0] * 10**10",
    "growing list": "x = []\nwhile True: x.append(x)",
    "growing text": "x = 'a'\nwhile True: x = x + x",
    "power": "print(10**10**9)",
    "long sum": "print(sum(range(10**12)))",
    "sorted": "print(sorted(range(10**7))[0])",
    "nested": f"print({'(' * 20_000}{')' * 20_000})",
    "nested lists": f"x = {'[' * 20_000}{']' * 20_000}",
    "time for ever": "import time\nwhile True: time.time()",
    "sleep for ever": "import time\nwhile True: time.sleep(0)",
    "files": "i = 0\nwhile True:\n    i += 1\n    open(f'f{i}', 'w').write('a')",
}


@pytest.mark.slow
@pytest.mark.parametrize("text", BASH.values(), ids=BASH)
def test_a_hostile_command_comes_to_a_clear_end(alone: Alone, text: str) -> None:
    """And its process lives on, and stays small."""
    code, size, told = alone.run(text)
    assert code in (0, 124, 130) or told or size


@pytest.mark.slow
@pytest.mark.parametrize("text", PYTHONS.values(), ids=PYTHONS)
def test_a_hostile_program_comes_to_a_clear_end(alone: Alone, text: str) -> None:
    code, _, told = alone.run(text, PYTHON)
    assert code == 124 or (code in (1, 137) and told)


def test_a_command_without_a_limit_of_its_own_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fakeserver.interpreter.courses.MAX_WALL_SECONDS", 0.2)
    finished = run("echo a; while :; do :; done", seconds=None)
    assert (finished.stdout, finished.exit_code, finished.timed_out) == (b"a\n", 124, True)


LOOKS = (
    "cat {canary}",
    "cat < {canary}",
    "cat ../../../../../../../../..{canary}",
    "ln -s {canary} l; cat l; cp l c; cat c; readlink -f l; tar cf t l; tar xOf t",
    "ln -s / r; cat r{canary}; cd r/..; cat .{canary}; ls -laR / | head -n 500",
    "ln -s ../../../../../../../../..{canary} l; cat l; find / -name '*canary*' -exec cat {{}} +",
    ". {canary}; source {canary}; bash {canary}; mapfile < {canary}; echo $(< {canary})",
    "exec 3< {canary}; cat <&3; dd if={canary}; head {canary}; sort {canary}; base64 {canary}; xxd {canary}",
    "python3 -c 'print(open(\"{canary}\").read())'; python3 {canary}",
    "jq . {canary}; jq -n --slurpfile x {canary} 'def f: $x; f'; jq -n 'def f: env; f'; jq -n '$ENV'",
    "env; printenv; set; declare -p; echo $CANARY; python3 -c 'import os; print(os.environ, os.getenv(\"CANARY\"))'",
    "for f in environ cmdline maps root{canary} fd/0 mounts; do cat /proc/self/$f /proc/1/$f; done; ls /proc/self",
    "python3 -c 'import socket'; python3 -c 'import ctypes'; python3 -c '__import__(\"os\").system(\"cat {canary}\")'",
    'awk \'BEGIN {{ getline line < "{canary}"; print line; system("cat {canary}"); print ENVIRON["CANARY"] }}\'',
    "sed -n 'r {canary}' <<< a; sed '1e cat {canary}' <<< a; sed 'w {canary}' <<< broken; echo broken > {canary}",
    "exec 3<> /dev/tcp/127.0.0.1/{port}; curl http://127.0.0.1:{port}/; wget -O - 127.0.0.1:{port}; http :{port}",
    "rm -rf {canary}; mv {canary} x; chmod 0 {canary}; truncate -s 0 {canary}; touch {canary}",
)


@pytest.mark.parametrize("look", LOOKS)
def test_nothing_of_the_host_is_read_or_changed(look: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    canary = tmp_path / "canary.txt"
    canary.write_text("c4n4ry")
    monkeypatch.setenv("CANARY", "c4n4ry-variable")
    finished = run(look.format(canary=canary, port=9), variables={"OWN": "1"})
    written = finished.stdout + finished.stderr
    assert b"c4n4ry" not in written
    assert str(ROOT).encode() not in written
    assert sys.executable.encode() not in written
    assert f"\n{os.environ.get('LOGNAME', 'no such')}=".encode() not in written
    assert canary.read_text() == "c4n4ry"
    assert canary.stat().st_mode & 0o400


@pytest.mark.parametrize("path", ["/etc/passwd", "/../etc/passwd", "/tmp/../../etc/passwd"])
def test_files_are_the_sandboxs_own(path: str) -> None:
    system = Shell(None).bash.fs()
    assert b"/home/root" in system.read_file(path)
    assert not system.exists(__file__)
    with pytest.raises(RuntimeError):
        system.read_file(__file__)


def test_no_order_is_too_odd_for_an_answer() -> None:
    for surroundings in (
        {"variables": {"": "a", "A B": "b", "A=B": "c", "1": "d", "\ud800": "\ud800", "N": "a\x00b"}},
        {"directory": "\x00"},
        {"directory": "relative"},
        {"user": "../../x"},
        {"user": "a b;c$(d)"},
        {"user": ""},
        {"host": "a b\n"},
        {"stdin": bytes(range(256))},
        {"start": "/a/../../b"},
    ):
        assert run("echo fine; cat", **surroundings).exit_code in (0, 1)
