"""The packaged laws run under pytest, and a team's own laws run beside them; what is broken is told without secrets."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from contract_tests.judging.session import BUDGETS
from contract_tests.reporting.exit_codes import COULD_NOT_CHECK
from fakeserver.testing.server import Server, running

README = Path(__file__).parents[2] / "contract_tests" / "README.md"


def pytest_run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *arguments,
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_the_readme_example_beside_the_packaged_laws(tmp_path: Path) -> None:
    """The example of the kit's README holds on the fake; each law is one test; a broken law of one's own fails."""
    example = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    (tmp_path / "test_ours.py").write_text(
        example[1]
        + "\n\ndef nobody_runs(check):\n    '''Nothing runs.'''\n    check.witness('rows')\n"
        + "    check.fail('something runs', *check.snapshot().asks)\n\n\n"
        + "def test_nobody_runs(contract):\n    contract.hold(nobody_runs)\n"
    )
    with running() as server:
        base = server.base_url
        options = ["--provider", "prime", "--base-url", f"{base}/prime", "--token", "prime-admin-key"]
        done = pytest_run(tmp_path, "--pyargs", "contract_tests", "test_ours.py", *options)
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "1 failed" in said
    assert "FAILED test_ours.py::test_nobody_runs" in said
    assert "something runs" in said
    assert int(re.search(r"(\d+) passed", said)[1]) > 30  # type: ignore[index]
    assert "prime-admin-key" not in said


TOKEN = "prime-admin-key"
OURS = '''
import pytest
from contract_tests.judging.check import Inconclusive
from contract_tests.judging.law import Law
from contract_tests.outcome import Tier


def listed(check):
    """There are sandboxes."""
    check.expect("all", check.question((), size=100))


def unread(check):
    """Nobody can tell."""
    raise Inconclusive("there is nothing to read")


def echoed(check):
    """Nothing repeats a token."""
    check.fail("prime-admin-key was seen", *check.snapshot().asks, rows=check.snapshot().rows[:1])


def odd(check):
    """Only implied."""
    check.fail("the order is odd", *check.snapshot().asks, tier=Tier.SHOULD)


@pytest.mark.parametrize("law", [listed, unread, echoed, odd], ids=lambda law: law.__name__)
def test_ours(contract, law):
    contract.hold(law)


def test_registered(contract):
    contract.hold(Law("ours.listed", listed, Tier.MUST, lambda promises: "007"))
'''


class Runner:
    """pytest in this process, with these arguments."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pytester = pytester
        monkeypatch.delenv("FAKESERVER_TOKEN", raising=False)
        pytester.makepyfile(test_ours=OURS)

    def __call__(self, *arguments: str) -> pytest.RunResult:
        return self.pytester.runpytest_inprocess("-p", "no:cacheprovider", "-rs", "--showlocals", *arguments)


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """In a folder with laws of a team, and with nothing in the environment."""
    return Runner(pytester, monkeypatch)


def test_a_law_of_a_team_passes_fails_or_is_skipped(run: Runner, base_url: str) -> None:
    """What holds passes, a broken promise fails with its evidence, the rest is skipped with its reason; no secret."""
    done = run("--provider", "prime", "--base-url", base_url, "--token", TOKEN)
    done.assert_outcomes(passed=2, failed=1, skipped=2)
    said = done.stdout.str()
    done.stdout.fnmatch_lines_random(
        [
            "BROKEN: echoed: [[]redacted] was seen",
            "  promised: Nothing repeats a token.*",
            '  curl -s *-H "Authorization: Bearer $TOKEN" *per_page=*',
            "  row: {*",
            "SKIPPED*inconclusive: there is nothing to read",
            "SKIPPED*warning: odd: the order is odd*",
        ]
    )
    assert TOKEN not in said


def test_a_strict_run_fails_on_what_is_implied(run: Runner, base_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token may come from the environment."""
    monkeypatch.setenv("FAKESERVER_TOKEN", TOKEN)
    done = run("--provider", "prime", "--base-url", base_url, "--strict-contract")
    done.assert_outcomes(passed=2, failed=2, skipped=1)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--token", "no-such-token"], "could not check: prime: the credential was refused (401)*"),
        (
            ["--token", TOKEN, "--base-url", "http://127.0.0.1:1/prime"],
            "could not check: http://127.0.0.1:1 cannot be reached*",
        ),
    ],
)
def test_what_cannot_be_checked_is_one_line(run: Runner, base_url: str, arguments: list[str], says: str) -> None:
    """One test fails with it and the others are skipped; the exit status is not that of a broken promise."""
    done = run("--provider", "prime", "--base-url", base_url, *arguments)
    done.assert_outcomes(failed=1, skipped=4)
    assert done.ret == COULD_NOT_CHECK
    done.stdout.fnmatch_lines([says, "contract: the deployment could not be checked*(exit status 3)"])
    said = done.stdout.str()
    assert "Traceback" not in said
    assert "Unreachable" not in said
    # Nothing was raised from anything, whose frames would show the token.
    assert TOKEN not in said


def test_a_broken_promise_is_more_than_what_could_not_be_checked(run: Runner) -> None:
    """A test of the team's own that fails keeps pytest's exit status."""
    run.pytester.makepyfile(test_more="def test_more():\n    assert False")
    done = run("--provider", "prime", "--base-url", "http://127.0.0.1:1/prime", "--token", TOKEN)
    done.assert_outcomes(failed=2, skipped=4)
    assert done.ret == pytest.ExitCode.TESTS_FAILED


def test_a_collection_that_fails_is_no_matter_of_the_deployment(run: Runner) -> None:
    run.pytester.makepyfile(test_more="import nothing_of_the_kind")
    options = ["--provider", "prime", "--base-url", "http://127.0.0.1:1/prime", "--token", TOKEN]
    done = run(*options, "--continue-on-collection-errors")
    done.assert_outcomes(failed=1, skipped=4, errors=1)
    assert done.ret == pytest.ExitCode.TESTS_FAILED


def test_an_option_of_another_plugin_is_read(run: Runner, base_url: str) -> None:
    """Whoever has a --token already keeps it, and it is ours as well."""
    run.pytester.makepyfile(
        theirs="""
        def pytest_addoption(parser):
            parser.addoption("--token", help="theirs")
        """
    )
    run.pytester.syspathinsert()
    done = run("-p", "theirs", "--provider", "prime", "--base-url", base_url, "--token", TOKEN)
    done.assert_outcomes(passed=2, failed=1, skipped=2)


def test_every_law_of_the_provider_is_a_test(run: Runner, base_url: str) -> None:
    """Those of another provider are not."""
    options = ["--provider", "prime", "--base-url", base_url, "--token", TOKEN]
    told = run("--collect-only", "-q", "--pyargs", "contract_tests", *options).stdout.str()
    assert "test_law[pages.total]" in told
    assert "test_law[cursors.end]" not in told


def test_the_laws_are_exercised_as_the_command_does_it(run: Runner, server: Server) -> None:
    """In one run, with the budget of the profile; what no test asks about is not exercised."""
    sent = []
    for more in ([], ["--contract-profile", "polite"], ["-k", "pages.total or cursors"]):
        with server.world() as world:
            options = ["--provider", "prime", "--base-url", world.prime.base_url, "--token", TOKEN]
            done = run("--pyargs", "contract_tests", *options, *more)
            assert done.ret == pytest.ExitCode.OK
            sent.append(len(world.requests))
    assert sent[0] <= budget_of_laws("default")
    assert 5 < sent[1] <= budget_of_laws("polite") < sent[0]
    assert 0 < sent[2] < 10


def budget_of_laws(profile: str) -> int:
    most = BUDGETS[profile].laws
    assert most is not None
    return most


def test_what_a_later_request_shows_is_told_as_well(run: Runner, server: Server) -> None:
    """A law that only watches has its verdict when everything has been sent: a failure in the end is not lost."""
    with server.world() as world:
        world.prime.fault(code=500, after=20)
        options = ["--provider", "prime", "--base-url", world.prime.base_url, "--token", TOKEN]
        done = run("--pyargs", "contract_tests", *options)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.stdout.fnmatch_lines_random(
        ["*test_law[[]values.no_5xx[]] *", "BROKEN: values.no_5xx: 500, twice in a row", "could not check: *"]
    )


def test_an_account_without_rows_is_no_success(run: Runner, server: Server) -> None:
    """Where no law comes to a verdict, the run has checked nothing."""
    with server.world() as world:
        world.prime.documents = []
        options = ["--provider", "prime", "--base-url", world.prime.base_url, "--token", TOKEN]
        done = run("--pyargs", "contract_tests", "-k", "filters.single or pages.walk", *options)
    assert "failed" not in done.parseoutcomes()
    assert done.ret == COULD_NOT_CHECK
    done.stdout.fnmatch_lines(["contract: could not check: no law came to a verdict*"])


def test_a_list_that_is_none_is_not_checked(run: Runner, server: Server) -> None:
    """A law of a team's own is skipped for want of rows, and the run fails for want of a list."""
    with server.world() as world:
        world.prime.fault(operation="listSandboxes", fault="TRUNCATED_BODY", times=1_000)
        options = ["--provider", "prime", "--base-url", world.prime.base_url, "--token", TOKEN]
        done = run(*options)
    done.assert_outcomes(failed=1, skipped=4)
    assert done.ret == COULD_NOT_CHECK


def test_the_libraries_of_a_run_are_there_before_it(pytester: pytest.Pytester) -> None:
    """Otherwise they were gone after it, while modules that stay hold parts of them: a later test failed by that."""
    assert {"schemathesis", "httpx", "uvicorn"} <= sys.modules.keys()
