"""Commands as a sandbox runs them: what they write, their exit codes, and the time that they take by its clock."""

from __future__ import annotations

from typing import Any

import pytest

from fakeserver.interpreter.orders import STDERR, STDOUT, Order
from fakeserver.interpreter.shell import MAX_SURROUNDINGS_BYTES, MAX_TEXT_BYTES, Shell
from tests.unit.interpreter.shells import NOW, run, said

SCRIPT = "printf '#!/bin/bash\\necho $0 $1 $#\\n' > s.sh; "


@pytest.mark.parametrize(
    ("command", "written"),
    [
        ("echo a | tr a b", "b\n"),
        ("cat <<EOF\n$((1 + 2))\nEOF", "3\n"),
        ("grep b <<< $'a\\nb'", "b\n"),
        ("for i in $(seq 100000); do :; done; echo $i", "100000\n"),
        ("a=(1 2 3); echo ${a[@]} ${#a[@]}; declare -A m=([k]=v); echo ${m[k]}", "1 2 3 3\nv\n"),
        ("f() { local x=1; echo $x $@; }; f a b", "1 a b\n"),
        ("trap 'echo bye' EXIT; echo hi", "hi\nbye\n"),
        (f"{SCRIPT}bash s.sh q; chmod +x s.sh; ./s.sh r", "s.sh q 1\n./s.sh r 1\n"),
        ("echo 'B=2' > e; source e; export A=1; env | grep ^A; echo $B", "A=1\n2\n"),
        ("echo '{\"a\": [1, 2]}' | jq -c '.a'", "[1,2]\n"),
        ("echo '[1, 2]' | jq 'reduce .[] as $x (0; . + $x)'", "3\n"),
        ("seq 5 | sed -n 2,3p | awk '{s += $1} END {print s}'", "5\n"),
        ("mkdir -p d/e; touch d/e/f; tar czf t.tgz d; rm -r d; tar xzf t.tgz; find d | sort", "d\nd/e\nd/e/f\n"),
        ("echo hi > g; gzip g; zcat g.gz; echo aGkK | base64 -d", "hi\nhi\n"),
        ("seq 3 > n; split -l 2 n part; cat partaa", "1\n2\n"),
        ("echo hi | sha256sum | cut -c1-8; printf '2\\n1\\n2\\n' | sort | uniq -c | wc -l", "98ea6e4f\n2\n"),
        ("seq 3 | xargs -n 1 echo n | tail -n 1", "n 3\n"),
        ("which ls; pwd; whoami; id; echo ~ $HOME $PATH", None),
        ("cd /tmp; pwd; cd - > /dev/null; pwd", "/tmp\n/root\n"),
        ("printf '\\xff\\0' | wc -c", "2\n"),
        ("echo a >> new; cat new", "a\n"),
        ("hostname; uname -s; uname -n", "sandbox\nLinux\nsandbox\n"),
    ],
)
def test_a_command_writes_what_bash_has_it_write(command: str, written: str | None) -> None:
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    root = f"/usr/bin/ls\n/root\nroot\nuid=0(root) gid=0(root) groups=0(root)\n/root /root {path}\n"
    assert said(command) == (written or root)


@pytest.mark.parametrize(
    ("command", "code", "stderr"),
    [
        ("exit 137", 137, ""),
        ("kill -9 $$; echo no", 137, ""),
        ("set -e; false; echo no", 1, ""),
        ("echo oops >&2; exit 3", 3, "oops\n"),
        ("nothing here", 127, "bash: line 1: nothing: command not found\n"),
        ("./nothing", 127, "bash: line 1: ./nothing: No such file or directory\n"),
        ("touch f; ./f", 126, "bash: line 1: ./f: Permission denied\n"),
        ("cat f", 1, "cat: f: No such file or directory\n"),
        ("ls f", 2, "ls: cannot access 'f': No such file or directory\n"),
        ("sleep x", 1, "sleep: invalid time interval ‘x’\nTry 'sleep --help' for more information.\n"),
        ("timeout x true", 125, "timeout: invalid time interval ‘x’\nTry 'timeout --help' for more information.\n"),
        ("timeout 1", 125, "timeout: missing operand\nTry 'timeout --help' for more information.\n"),
        ("split -l 0 f", 1, "split: invalid number of lines: ‘0’\n"),
        ("ls --nothing", 2, "ls: unrecognized option '--nothing'\nTry 'ls --help' for more information.\n"),
    ],
)
def test_a_command_that_fails_says_why_with_the_code_of_bash(command: str, code: int, stderr: str) -> None:
    finished = run(command)
    assert (finished.stdout, finished.exit_code, finished.stderr.decode()) == (b"", code, stderr)


def test_what_was_written_before_a_limit_was_reached_is_kept() -> None:
    finished = run("echo before; echo wrong >&2; f() { f; }; f; echo behind")
    assert (finished.exit_code, finished.stdout) == (1, b"before\n")
    assert finished.stderr.startswith(b"wrong\nbash: ")


def test_a_command_that_cannot_be_read_ends_with_2() -> None:
    finished = run("echo )")
    assert finished.exit_code == 2
    assert finished.stderr == b"bash: -c: line 1: syntax error near unexpected token `)'\n"


def test_what_is_written_is_heard_in_order_and_as_it_comes() -> None:
    heard: list[tuple[str, bytes]] = []
    shell = Shell(None)
    seen: list[int] = []

    def hear(stream: str, piece: bytes) -> None:
        heard.append((stream, piece))
        seen.append(shell.now())

    finished = shell.run(Order("echo a; echo b >&2; sleep 5; echo c", seconds=10), NOW, hear)
    assert heard == [(STDOUT, b"a\n"), (STDERR, b"b\n"), (STDOUT, b"c\n")]
    assert seen[2] - seen[1] >= 5_000_000
    assert (finished.stdout, finished.stderr) == (b"a\nc\n", b"b\n")


def test_a_command_has_a_user_a_directory_variables_and_an_input() -> None:
    finished = run(
        "whoami; id -u; pwd; echo $HOME $A; cat", user="bob", directory="/tmp", variables={"A": "1"}, stdin=b"\xffin"
    )
    assert finished.stdout == b"bob\n1000\n/tmp\n/home/bob 1\n\xffin"


def test_a_command_starts_where_its_image_has_it_start() -> None:
    assert said("pwd", start="/workspace") == "/workspace\n"


def test_a_directory_that_is_not_there_is_refused() -> None:
    finished = run("echo no", directory="/nowhere")
    assert finished.exit_code == 1
    assert finished.stderr == b"bash: line 1: cd: /nowhere: No such file or directory\n"


def test_nothing_but_files_is_left_of_a_command() -> None:
    first = Shell(None)
    run("A=1; f() { :; }; cd /tmp; echo kept > f; cat > /dev/null", shell=first, stdin=b"read")
    second = Shell(first.freeze())
    assert said(
        "cat /tmp/f; echo ${A-unset}; type f 2> /dev/null || pwd; ls -a /dev | grep stdin || true", shell=second
    ) == ("kept\nunset\n/root\n")


def test_the_interpreter_does_not_show_in_the_variables() -> None:
    assert "BASHKIT" not in said("env; declare -p")


@pytest.mark.parametrize(
    ("command", "written"),
    [
        ("date +%FT%T", "2026-01-01T00:00:00\n"),
        ("sleep 1.5; date +%s", "1767225601\n"),
        ("bash -c 'sleep 90; date +%R'", "00:01\n"),
        ("sleep 2; echo $SECONDS; SECONDS=10; sleep 3s; echo $SECONDS", "2\n13\n"),
        ("echo $EPOCHSECONDS; sleep 1m; echo $EPOCHSECONDS ${EPOCHREALTIME%.*}", "1767225600\n1767225660 1767225660\n"),
        ("timeout 2 sleep 5; echo $?; date +%S", "124\n02\n"),
        ("timeout 5 sleep 2; echo $?; date +%S", "0\n02\n"),
        ("timeout 2 bash -c 'echo a; sleep 3; echo b'; echo $?", "a\n124\n"),
        ("timeout 5 timeout 1 sleep 9; echo $?; date +%S", "124\n01\n"),
        ("timeout --preserve-status 1 sleep 9; echo $?; timeout 0 true; echo $?", "143\n0\n"),
        ("echo in | timeout 5 cat", "in\n"),
        ("timeout 5 sh -c 'exit 4'; echo $?", "4\n"),
        ("touch -d 2020-01-01 f; ls -l f | wc -l; date -r f +%Y | wc -c", "1\n5\n"),
    ],
)
def test_a_sleep_takes_the_time_of_the_sandbox_alone(command: str, written: str) -> None:
    assert said(command, seconds=500) == written


def test_what_was_slept_is_told() -> None:
    finished = run("sleep 3600; sleep 1h", seconds=None)
    assert finished.slept == 7_200
    assert finished.seconds >= 7_200


def test_a_command_that_sleeps_too_long_ends_where_the_real_one_would() -> None:
    finished = run("echo a; sleep 3; echo b; sleep infinity; echo c", seconds=5)
    assert (finished.stdout, finished.exit_code, finished.timed_out) == (b"a\nb\n", 124, True)
    assert 5 <= finished.seconds < 6


def test_an_order_ends_whatever_limit_is_within_it() -> None:
    finished = run("echo a; timeout 60 sleep 30; echo b", seconds=5)
    assert (finished.stdout, finished.exit_code, finished.timed_out) == (b"a\n", 124, True)


def test_the_report_of_time_has_what_was_slept() -> None:
    finished = run("time sleep 62")
    assert finished.timed_out
    assert run("time sleep 62", seconds=100).stderr.startswith(b"\nreal\t1m2.0")


@pytest.mark.parametrize(
    "order",
    [
        {"text": "a" * (MAX_TEXT_BYTES + 1)},
        {"text": "true", "variables": {"A": "a" * (MAX_TEXT_BYTES + 1)}},
        {"text": "true", "variables": {f"A{index}": "a" * 2**17 for index in range(MAX_SURROUNDINGS_BYTES // 2**17)}},
    ],
    ids=["text", "variable", "variables"],
)
def test_what_linux_would_not_start_is_refused(order: dict[str, Any]) -> None:
    finished = run(order["text"], variables=order.get("variables", {}))
    assert (finished.exit_code, finished.stderr) == (126, b"bash: Argument list too long\n")


@pytest.mark.parametrize("text", ["echo \ud800", "echo \x00", "\ud800", "\udcff\x00'", ""])
def test_no_text_is_too_odd(text: str) -> None:
    assert run(text).exit_code in (0, 2, 127)


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("python:3.11-slim", "3.11.14"),
        ("docker.io/library/python:3.12.4-bookworm", "3.12.4"),
        ("ubuntu:24.04", "3.12.12"),
        ("", "3.12.12"),
    ],
)
def test_python_has_the_version_of_the_image(image: str, version: str) -> None:
    told = said("python --version; python3 -V; python3 -c 'import sys; print(sys.version.split()[0])'", image=image)
    assert told == f"Python {version}\nPython {version}\n{version}\n"


def test_a_version_that_is_given_goes_before_the_images() -> None:
    assert said("python3 -V", image="python:3.11", python="3.13.1") == "Python 3.13.1\n"
