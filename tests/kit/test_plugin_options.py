"""The kit's options under pytest: by which names and from where they are read, what is said of wrong ones, and that
nothing is different where none is given."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fakeserver.testing.server import Server
from tests.support.command import environment, run_python

TOKEN = "prime-admin-key"
OURS = '''
def listed(check):
    """There are sandboxes."""
    check.expect("all", check.question((), size=100))


def test_listed(contract):
    contract.hold(listed)
'''
PLUGINS = ("-p", "fakeserver.pytest_plugin", "-p", "no:cacheprovider")
BASE_URL = """
import os

import pytest


def pytest_addoption(parser):
    parser.addini("base_url", help="theirs")
    parser.addoption("--base-url", default=os.getenv("PYTEST_BASE_URL"), help="theirs")


def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.option.base_url = config.getoption("base_url") or config.getini("base_url") or None


@pytest.fixture(scope="session")
def base_url(request):
    return request.config.getoption("base_url")
"""
"""What pytest-base-url does."""
MODULES = """
import json, sys
import pytest

code = pytest.main(sys.argv[1:])
heavy = ("hypothesis", "schemathesis", "httpx", "uvicorn", "starlette", "yaml", "orjson", "contract_tests.plugin")
print("loaded", json.dumps([name for name in heavy if name in sys.modules]))
finders = [type(each).__name__ for each in sys.meta_path] + [getattr(each, "__name__", "") for each in sys.meta_path]
print("finders", json.dumps([name for name in finders if name == "Finder"]))
sys.exit(code)
"""


def pytest_in(folder: Path, *arguments: str, script: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """pytest in a process of its own, with our plugin and no other that is installed here."""
    start = ["-c", script] if script else ["-m", "pytest"]
    return run_python(folder, *start, *PLUGINS, *arguments, **more)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A team's own tests: one of the deployment, and one of something else."""
    (tmp_path / "test_ours.py").write_text(OURS + "\n\ndef test_other():\n    pass\n")
    return tmp_path


def passed(done: subprocess.CompletedProcess[str], number: int = 2) -> bool:
    return done.returncode == 0 and f"{number} passed in" in done.stdout


# Where the options come from.


@pytest.mark.parametrize("prefix", ["--", "--contract-"])
def test_options_of_the_settings(folder: Path, base_url: str, prefix: str) -> None:
    """`addopts`, with the token from the environment; under both kinds of names."""
    (folder / "pytest.ini").write_text(f"[pytest]\naddopts = {prefix}provider=prime {prefix}base-url {base_url}\n")
    assert passed(pytest_in(folder, FAKESERVER_TOKEN=TOKEN))


def test_options_of_the_environment(folder: Path, base_url: str) -> None:
    options = f"--provider prime --base-url={base_url} --contract-token {TOKEN}"
    assert passed(pytest_in(folder, PYTEST_ADDOPTS=options))


def test_options_of_a_call(folder: Path, base_url: str) -> None:
    """`pytest.main([...])`: what stands in the process's own arguments is nobody's business."""
    options = ["--provider", "prime", "--base-url", base_url, "--token", TOKEN]
    script = f"import pytest, sys; sys.exit(pytest.main([*sys.argv[1:], *{options!r}]))"
    assert passed(pytest_in(folder, script=script))
    (folder / "options.txt").write_text("\n".join(options))
    assert passed(pytest_in(folder, "@options.txt"))


def test_every_option_arrives(folder: Path, base_url: str) -> None:
    """With its meaning at the command line."""
    (folder / "test_ours.py").write_text(
        "def test_given(contract):\n"
        "    options = contract.check.options\n"
        "    assert (options.orgs, options.known) == (('research',), ('sbx-1', 'sbx-2'))\n"
        "    assert (options.has_other, options.has_colleague) == (True, True)\n"
        "    assert (options.seed, options.profile, options.strict) == (7, 'polite', True)\n"
    )
    options = ["--provider", "prime", "--base-url", base_url, "--token", TOKEN, "--other-token", "prime-outsider-key"]
    options += ["--colleague-token", "prime-member-key", "--org", "research"]
    options += ["--known", "sbx-1", "--contract-known", "sbx-2", "--rate", "9/s"]
    options += ["--contract-seed", "7", "--contract-profile", "polite", "--strict-contract"]
    done = pytest_in(folder, *options)
    assert passed(done, 1), done.stdout
    assert f"contract: prime at {base_url}, polite profile" in done.stdout


# Beside others.


@pytest.mark.parametrize("place", ["argument", "setting", "variable"])
def test_the_base_url_of_another_plugin(folder: Path, base_url: str, place: str) -> None:
    """pytest-base-url keeps its option, and what it says is the deployment."""
    (folder / "theirs.py").write_text(BASE_URL)
    (folder / "test_theirs.py").write_text(f"def test_theirs(base_url):\n    assert base_url == {base_url!r}\n")
    setting = f"base_url = {base_url}" if place == "setting" else ""
    (folder / "pytest.ini").write_text(f"[pytest]\n{setting}\n")
    arguments = ["--base-url", base_url] if place == "argument" else []
    variables = {"PYTEST_BASE_URL": base_url} if place == "variable" else {}
    kit = ["--provider", "prime", "--token", TOKEN]
    done = pytest_in(folder, "-p", "theirs", *arguments, *kit, **variables)
    assert passed(done, 3), done.stdout + done.stderr
    done = pytest_in(folder, "-p", "theirs", *arguments, **variables)
    assert "2 passed, 1 skipped" in done.stdout  # A base URL is for whoever needs one, and asks for no check.
    assert done.returncode == 0


def test_a_base_url_of_our_own_beside_another(folder: Path, base_url: str) -> None:
    (folder / "theirs.py").write_text(BASE_URL)
    theirs = ["-p", "theirs", "--base-url", "http://127.0.0.1:1"]
    options = ["--provider", "prime", "--contract-base-url", base_url, "--token", TOKEN]
    assert passed(pytest_in(folder, *theirs, *options))


@pytest.mark.parametrize(
    "option", ['choices=["aws", "gcp"], default="gcp"', "type=len, default=3", 'action="append"'], ids=lambda text: text
)
def test_a_project_with_a_provider_of_its_own(folder: Path, base_url: str, option: str) -> None:
    """Its option is as it was, whatever it takes; ours has its other name, which a message gives."""
    (folder / "conftest.py").write_text(
        f"def pytest_addoption(parser):\n    parser.addoption('--provider', {option})\n"
    )
    theirs = ["--provider", "aws"]
    told = pytest_in(folder, *theirs, "-rs")
    assert "1 passed, 1 skipped" in told.stdout, told.stdout + told.stderr
    assert told.returncode == 0
    assert "no deployment to check: --contract-provider, --base-url and --token name one" in told.stdout
    options = ["--base-url", base_url, "--token", TOKEN]
    assert passed(pytest_in(folder, *theirs, "--contract-provider", "prime", *options))
    lacking = pytest_in(folder, *theirs, *options)
    assert lacking.returncode == pytest.ExitCode.USAGE_ERROR
    assert "contract: --contract-provider" in lacking.stderr


def test_an_option_further_below(tmp_path: Path) -> None:
    """A conftest that is loaded when its folder is collected may have any option."""
    below = tmp_path / "suite" / "below"
    below.mkdir(parents=True)
    (below / "conftest.py").write_text("def pytest_addoption(parser):\n    parser.addoption('--provider')\n")
    (below / "test_theirs.py").write_text("def test_theirs():\n    pass\n")
    assert passed(pytest_in(tmp_path), 1)


# What is wrong with them.


@pytest.mark.parametrize(
    ("changed", "names", "says"),
    [
        ({"--provider": "prim"}, "--provider", "provider 'prim' does not exist; did you mean 'prime'?"),
        ({"--provider": ""}, "--provider", "provider '' does not exist; known are dreadnode, instavm, prime"),
        ({"--provider": None}, "--provider", "is needed: dreadnode, instavm, prime, superserve"),
        ({"--base-url": None}, "--base-url", "is needed"),
        ({"--base-url": ""}, "--base-url", "''"),
        ({"--base-url": None, "--contract-base-url": "ftp://h"}, "--contract-base-url", "'ftp://h'"),
        ({"--base-url": "127.0.0.1:8000"}, "--base-url", "'127.0.0.1:8000'"),
        ({"--token": None}, "--token", "FAKESERVER_TOKEN in the environment"),
        ({"--token": ""}, "--token", ""),
        ({"--other-token": "two words"}, "--other-token", "has a character that no header may carry"),
        ({"--rate": "fast"}, "--rate", "'fast' is not a number of requests per second"),
        ({"--contract-rate": "0"}, "--contract-rate", "'0' is not a number of requests per second"),
        ({"--contract-seed": "x"}, "--contract-seed", "'x'"),
        ({"--contract-profile": "polit"}, "--contract-profile", "'polit' does not exist; did you mean 'polite'?"),
        ({"--provider": "dreadnode", "--base-url": "https://api.example.test"}, "--org", "dreadnode needs"),
    ],
)
def test_an_option_that_is_missing_or_wrong(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    changed: dict[str, str | None],
    names: str,
    says: str,
) -> None:
    """A run that was asked for and cannot happen is wrong usage, in one line, before anything is collected. The line
    calls the option as the user did."""
    monkeypatch.delenv("FAKESERVER_TOKEN", raising=False)
    pytester.makepyfile(test_ours=OURS + "\n\nraise AssertionError('collected')")
    given: dict[str, str | None] = {"--provider": "prime", "--base-url": "http://127.0.0.1:1", "--token": "secret-1f9"}
    options = [word for name, text in {**given, **changed}.items() if text is not None for word in (name, text)]
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider", *options)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    [line] = [line for line in done.stderr.lines if line.startswith("ERROR: ")]
    assert line.startswith("ERROR: contract: ")
    assert re.search(rf"(?<![\w-]){names}\b", line), line
    assert says in line
    assert "collected" not in done.stdout.str()
    assert "secret-1f9" not in done.stdout.str() + done.stderr.str()


@pytest.mark.parametrize("variable", [{"SSL_CERT_FILE": "/nowhere.pem"}, {"ALL_PROXY": "gopher://127.0.0.1:1"}])
def test_an_environment_that_permits_no_connection(folder: Path, variable: dict[str, str]) -> None:
    """One line as well, and no traceback."""
    options = ["--provider", "prime", "--base-url", "https://api.example.test", "--token", TOKEN]
    done = pytest_in(folder, *options, **variable)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout
    assert re.search(r"^ERROR: contract: .+", done.stderr)
    assert "Traceback" not in done.stdout + done.stderr
    assert TOKEN not in done.stdout + done.stderr


def test_help_needs_no_sound_options(folder: Path) -> None:
    done = pytest_in(folder, "--provider", "prim", "--help")
    assert done.returncode == 0
    assert "--contract-provider" in done.stdout


# Nothing, where none is given.


def test_a_law_in_a_plain_run(folder: Path) -> None:
    """It is skipped with its reason; so are the packaged laws, also where an empty set of them would be a failure."""
    (folder / "pytest.ini").write_text("[pytest]\nempty_parameter_set_mark = fail_at_collect\n")
    reason = "no deployment to check: --provider, --base-url and --token name one"
    done = pytest_in(folder, "-rs", FAKESERVER_TOKEN=TOKEN)
    assert "1 passed, 1 skipped" in done.stdout
    assert reason in done.stdout
    laws = pytest_in(folder, "-rs", "--pyargs", "contract_tests")
    assert "1 skipped" in laws.stdout, laws.stdout + laws.stderr
    assert reason in laws.stdout
    assert laws.returncode == 0


def test_a_plain_run_loads_nothing(folder: Path) -> None:
    """Neither the kit nor what it stands on, and Python looks for modules as before."""
    done = pytest_in(folder, script=MODULES)
    assert "1 passed, 1 skipped" in done.stdout, done.stdout + done.stderr
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines() if line.startswith(("loaded", "finders")))
    assert {name: json.loads(text) for name, text in said.items()} == {"loaded": [], "finders": []}


def test_a_plain_run_says_nothing(folder: Path) -> None:
    """Nor does it where pytest takes nothing lightly; with options neither, but for one line."""
    (folder / "test_ours.py").write_text("def test_other():\n    pass\n")
    strict = ["--strict-markers", "--strict-config", "-W", "error"]
    said = pytest_in(folder, *strict)
    assert passed(said, 1), said.stdout + said.stderr
    assert "contract" not in said.stdout + said.stderr
    bare = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--collect-only", "-q"],
        cwd=folder,
        env={**environment(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert pytest_in(folder, "--collect-only", "-q").stdout.split(" in ")[0] == bare.stdout.split(" in ")[0]


def test_a_strict_run_of_the_laws(folder: Path, base_url: str) -> None:
    """Every warning an error, no unknown mark, no unknown setting."""
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    options = ["--provider", "prime", "--base-url", base_url, "--token", TOKEN]
    strict = ["--strict-markers", "--strict-config", "-W", "error", "-q"]
    done = pytest_in(folder, *strict, "--pyargs", "contract_tests", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stdout


# In several processes.


@pytest.mark.slow
def test_several_processes_read_the_deployment_once(folder: Path, server: Server) -> None:
    """The packaged laws are one process's, so that as many requests leave as without others; its pace is not shared."""
    sent, said = [], []
    for more in ([], ["-p", "xdist", "-n", "2"]):
        with server.world() as world:
            options = ["--provider", "prime", "--base-url", world.prime.base_url, "--token", TOKEN]
            done = pytest_in(folder, "-q", "--pyargs", "contract_tests", *options, *more)
            assert done.returncode == 0, done.stdout + done.stderr
            sent.append(len(world.requests))
            said.append(done.stdout.splitlines()[-1].partition(" in ")[0])
    assert sent[0] == sent[1] > 20
    assert said[0] == said[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "share"), [([], 1), (["-n", "3"], 2), (["-n", "3", "--dist", "load"], 3), (["-n", "0"], 1)]
)
def test_processes_share_the_pace(folder: Path, base_url: str, more: list[str], share: int) -> None:
    """No more requests leave in a second than were asked for: each process that may have a test of the deployment
    keeps to its part of them."""
    law = "import pytest\n\n\ndef test_pace(contract):\n    assert contract.check.transport.inner.rate == 12 / %d\n"
    for name in ("one", "two"):
        (folder / f"test_{name}.py").write_text(law % share)
    (folder / "test_ours.py").write_text("def test_other():\n    pass\n")
    (folder / "conftest.py").write_text(
        "import contract_tests.cli.command as command\n"
        "from contract_tests.sending import wire\n"
        "class Wire(wire.Wire):\n"
        "    def __init__(self, *given, rate, **more):\n"
        "        super().__init__(*given, rate=rate, **more)\n"
        "        self.rate = rate\n"
        "command.Wire = Wire\n"
    )
    options = ["--provider", "prime", "--base-url", base_url, "--token", TOKEN, "--rate", "12/s"]
    done = pytest_in(folder, "-p", "xdist", *more, *options)
    assert passed(done, 3), done.stdout + done.stderr
