"""The embedded Python, and what programs ask of the machine around them."""

from __future__ import annotations

import pytest

from fakeserver.interpreter.orders import PYTHON
from fakeserver.interpreter.rewriting import MAX_SOURCE, prepare
from tests.unit.interpreter.shells import run, said


@pytest.mark.parametrize(
    ("program", "written"),
    [
        ("import time\nt = time.time(); time.sleep(2)\nprint(round(time.time() - t))", "2\n"),
        ("from time import sleep as rest, time_ns\nrest(90)\nprint(time_ns() // 10**9)", "1767225690\n"),
        (
            "from time import (\n    sleep,\n    time,\n)\na = time()\nsleep(3)\nprint(round(time() - a))",
            "3\n",
        ),
        ("import os, time as clock\nclock.sleep(1); print(os.getcwd(), int(clock.time()))", "/root 1767225601\n"),
        ("import datetime\nprint(datetime.datetime.now().date(), datetime.date.today())", "2026-01-01 2026-01-01\n"),
        ("from datetime import datetime, timezone as tz\nprint(datetime.now(tz.utc).isoformat()[-6:])", "+00:00\n"),
        ("import sys\nprint(sys.argv, sys.platform)", "['-c'] linux\n"),
        ("import sys\nprint(sys.version_info.major, sys.version_info >= (3, 8))", "3 True\n"),
        ("import sys\nsys.stdout.write('a'); sys.stdout.flush(); print('b', file=sys.stdout, end='')", "ab"),
        ("import os\nos.makedirs('q/w')\nprint(os.listdir('q'), os.environ['HOME'])", "['w'] /root\n"),
        ("x = 'import time'  # import time\nprint(x)", "import time\n"),
        ("class Clock:\n    def time(self): return 5\ntime = Clock()\nprint(time.time())", "5\n"),
        ("open('f', 'w').write('hi'); print(open('f').read())", "hi\n"),
        ("1 + 1", ""),
        ("print([x**2 for x in range(4)], f'{3.14159:.2f}')", "[0, 1, 4, 9] 3.14\n"),
        ("if __name__ == '__main__':\n    print('main')", "main\n"),
    ],
)
def test_a_program_writes_what_python_has_it_write(program: str, written: str) -> None:
    assert said(program, language=PYTHON, seconds=500) == written


@pytest.mark.parametrize(
    ("program", "code", "stdout", "stderr"),
    [
        ("import sys\nprint(1)\nsys.exit(3)", 3, "1\n", ""),
        ("import sys\nsys.exit('wrong')", 1, "", "wrong\n"),
        ("from sys import exit\nexit()", 0, "", ""),
        ("raise SystemExit(4)", 4, "", ""),
        ("raise SystemExit", 0, "", ""),
        ("exit(5)", 5, "", ""),
        ("import sys\nprint('a', 1, sep='-', file=sys.stderr)\nsys.stderr.write('b')", 0, "", "a-1\nb"),
        ("from sys import stderr as e\nprint('a', file=e)", 0, "", "a\n"),
    ],
)
def test_a_program_ends_as_it_says(program: str, code: int, stdout: str, stderr: str) -> None:
    finished = run(program, language=PYTHON)
    assert (finished.exit_code, finished.stdout.decode(), finished.stderr.decode()) == (code, stdout, stderr)


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("import time\n\n1 / 0", "line 3, in <module>\n    1 / 0\n    ~~~~~\nZeroDivisionError: division by zero\n"),
        ("print(nothing)", "NameError: name 'nothing' is not defined\n"),
        ("import time\nnothing(1)", "NameError: name 'nothing' is not defined\n"),
        ("import time\ntime.sleep(-1)", "ValueError: sleep length must be non-negative\n"),
        ("x = input()", "EOFError: EOF when reading a line\n"),
        ("import os\nos.remove('f')", "FileNotFoundError: [Errno 2] No such file or directory: 'f'\n"),
        ("import os\nos.mkdir('/tmp')", "FileExistsError: [Errno 17] File exists: '/tmp'\n"),
    ],
)
def test_an_error_names_its_line_as_python_does(program: str, told: str) -> None:
    finished = run(program, language=PYTHON)
    assert finished.exit_code == 1
    assert finished.stderr.decode().startswith("Traceback")
    assert finished.stderr.decode().endswith(told)


def test_a_script_has_arguments_and_an_input() -> None:
    script = (
        'import sys\\nprint(sys.argv, input())\\nfor line in sys.stdin: print(line, end="")\\nprint(sys.stdin.read())'
    )
    assert said(f"printf '{script}' > s.py; printf '1\\n2\\n' | python3 -u s.py a b") == "['s.py', 'a', 'b'] 1\n2\n\n"


def test_a_program_is_read_from_the_input() -> None:
    assert said("echo 'import sys; print(sys.argv)' | python - a; python3 <<< 'print(2)'") == "['-', 'a']\n2\n"


def test_the_error_of_a_script_names_the_script() -> None:
    finished = run("echo '1/0' > s.py; python3 s.py")
    assert b'File "s.py", line 1' in finished.stderr


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        ("python3 s.py", 2, "python3: can't open file 's.py': [Errno 2] No such file or directory\n"),
        ("python3 -m http.server", 1, "/usr/local/bin/python3: No module named http\n"),
        ("python3 -c", 2, "Argument expected for the -c option\n"),
        ("printf '\\xff' > s.py; python3 s.py", 1, "SyntaxError: (unicode error) 'utf-8' codec can't decode s.py\n"),
    ],
)
def test_a_call_that_means_nothing_is_refused(command: str, code: int, told: str) -> None:
    finished = run(command)
    assert (finished.exit_code, finished.stderr.decode()) == (code, told)


def test_a_program_that_sleeps_too_long_is_ended() -> None:
    finished = run("import time\nprint(1)\ntime.sleep(60)\nprint(2)", language=PYTHON, seconds=5)
    assert (finished.exit_code, finished.timed_out) == (124, True)
    assert said("timeout 5 python3 -c 'import time; time.sleep(9)'; echo $?; date +%S", seconds=60) == "124\n05\n"


@pytest.mark.parametrize("named", ["json", "json as j"])
def test_a_program_reads_and_writes_json_in_files(named: str) -> None:
    module = named.split()[-1]
    source = f"""import {named}
with open("a.json", "w") as file:
    {module}.dump({{"a": [1, None]}}, file, indent=1)
with open("a.json") as file:
    print({module}.load(file)["a"], {module}.loads("2"))
"""
    assert run(source, language=PYTHON).stdout == b"[1, None] 2\n"


def test_a_program_keeps_its_lines() -> None:
    source = "import time\nfrom sys import (\n    argv,\n    exit,\n)\nprint(time.time(), argv)\n\nexit(0)\n"
    assert prepare(source).count("\n") == source.count("\n")


@pytest.mark.parametrize(
    "source", ["print('", "x = (", "\x00", "import time\n\tx\n  y", "import", "from time", "import time as"]
)
def test_what_is_no_python_is_left_as_it_is_or_refused_by_python(source: str) -> None:
    prepare(source)
    assert run(source, language=PYTHON).exit_code in (0, 1)


def test_a_program_that_is_too_long_runs_as_it_is() -> None:
    source = f"import time\n# {'a' * MAX_SOURCE}"
    assert prepare(source) == source


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("print(1", "line 1\n    print(1\n           ^\nSyntaxError: unexpected EOF while parsing\n"),
        ("x = [1,\n2", "line 2\n    2\n     ^\nSyntaxError: unexpected EOF while parsing\n"),
        (
            "if True:",
            "line 1\n    if True:\n            ^\nSyntaxError: Expected an indented block after `if` statement\n",
        ),
    ],
)
def test_a_program_that_breaks_off_has_its_error_where_it_ends(source: str, told: str) -> None:
    finished = run(source, language="python")
    assert finished.exit_code == 1
    assert finished.stderr.decode().endswith(told)
