"""Promises of other packages: `fakeserver check` knows them, or names what is wrong with them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contract_tests.cli import arguments, command
from contract_tests.judging import target as targets
from contract_tests.promises import Promises
from contract_tests.reporting import exit_codes
from fakeserver.plugins import Plugins
from tests.support.asgi import SLUGS
from tests.support.distributions import PROMISED, install, install_acme, install_promises, on_path

GROUP = "fakeserver.promises"
HELD = "http://127.0.0.1:9"
"""Where nobody answers; what is tested here ends before anything is sent."""
MOST_SECONDS = 60

Site = Callable[[], Plugins[Promises]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with on_path(tmp_path, monkeypatch) as path:
        yield path
    targets.target.cache_clear()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    """Look for promises as a process does that starts now."""

    def look() -> Plugins[Promises]:
        found = Plugins(GROUP, lambda: Promises, "promises")
        for module in (arguments, targets):
            monkeypatch.setattr(module, "BY_SLUG", found)
        return found

    return look


def refusal(capsys: pytest.CaptureFixture[str], slug: str, *more: str) -> str:
    """What is said on the command line instead of a check: one line."""
    assert command.main([slug, "--base-url", HELD, "--token", "t", *more]) == exit_codes.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


def test_promises_of_another_package_are_known(folder: Path, site: Site) -> None:
    """They stand behind ours, with the spec that they bring."""
    module = install_promises(folder)
    found = site()
    assert [*found] == [*SLUGS, "acme"]
    assert targets.target("acme").promises.spec == module / "openapi.yaml"
    assert targets.target("acme").validators.keys() == targets.target("instavm").validators.keys()


WRONG_OPERATION = PROMISED + "PROMISES = replace(PROMISES, listing=replace(PROMISES.listing, operation='listBoxes'))"
BAD: dict[str, tuple[str, str]] = {
    "an exception": ("raise RuntimeError('oh')", "RuntimeError: oh"),
    "the end of the process": ("raise SystemExit(0)", "SystemExit: 0"),
    "not promises": ("PROMISES = {}", "acme_promises:PROMISES is of type dict, not Promises"),
    "another slug": (PROMISED.replace('"acme"', '"acne"'), "is 'acne', but its entry point is called 'acme'"),
    "a missing spec": (PROMISED.replace("openapi.yaml", "absent.yaml"), "No such file or directory"),
    "a spec that is no YAML": (PROMISED.replace("openapi.yaml", "__init__.py"), "TypeError"),
    "another operation": (WRONG_OPERATION, "the spec has no GET whose operationId is 'listBoxes'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_promises_are_named(folder: Path, site: Site, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """One line with the package and the cause for who asks for them, and nothing for anybody else."""
    code, cause = BAD[name]
    install_promises(folder, code)
    site()
    line = refusal(capsys, "acme")
    assert "promises 'acme' of package 'acme-promises' cannot be used: " in line
    assert cause in line
    assert arguments.parse(["prime", "--base-url", HELD, "--token", "t"]).slug == "prime"
    assert "acme" not in capsys.readouterr().err


def test_two_promises_of_one_slug(folder: Path, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    install_promises(folder)
    install(folder, "zenith", {"acme": "zenith:PROMISES"}, group=GROUP)
    site()
    assert "package 'zenith' brings one of the same name" in refusal(capsys, "acme")


def test_nobody_takes_the_place_of_our_promises(folder: Path, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    install(folder, "zenith", {"prime": "zenith:PROMISES"}, "raise AssertionError('imported')", group=GROUP)
    site()
    assert arguments.parse(["prime", "--base-url", HELD, "--token", "t"]).slug == "prime"
    cause = "package 'fakeserver' brings one of the same name"
    assert f"promises 'prime' of package 'zenith' cannot be used: {cause}\n" in capsys.readouterr().err


def test_a_provider_that_is_not_known(folder: Path, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    install_promises(folder)
    site()
    assert "provider 'acne' does not exist; did you mean 'acme'?" in refusal(capsys, "acne")
    assert "; if a package brings its promises, install that first" in refusal(capsys, "zenith")


def test_promises_without_a_fake(folder: Path, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """What compares with a fake is left out where there is none, with a word about it; asked for, it is wrong usage."""
    install_promises(folder)
    site()
    given = arguments.parse(["acme", "--base-url", HELD, "--token", "t"])
    assert {layer.name for layer in given.layers} == {"laws", "conformance"}
    assert "without oracle and power, which need a fake: no provider 'acme' is installed" in capsys.readouterr().err
    line = refusal(capsys, "acme", "--only-layer", "oracle")
    assert "--only-layer oracle needs a fake: no provider 'acme' is installed" in line


@pytest.mark.slow
def test_bad_promises_under_pytest(tmp_path: Path) -> None:
    """The run fails, with the line that the command would print."""
    install_promises(tmp_path, "raise RuntimeError('oh')")
    options = ["--provider", "acme", "--base-url", HELD, "--token", "t"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs", "contract_tests", *options],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        timeout=MOST_SECONDS,
        check=False,
    )
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--provider: promises 'acme' of package 'acme-promises' cannot be used: RuntimeError: oh" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.slow
def test_a_provider_and_its_promises_hold(tmp_path: Path) -> None:
    """Served and checked by processes that know nothing of it but what is installed; our own callers' names are not
    needed, since the first of a recipe stands for all."""
    module = install_acme(tmp_path)
    path = module / "recipe.yaml"
    text = path.read_text(encoding="utf-8")
    for old, new in (("acme-admin-key", "sk-one"), ("acme-outsider-key", "sk-two"), ("name: admin", "name: root")):
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    install_promises(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "fakeserver"]
    serve = [*command, "serve", "--port", "0", "--only", "acme", "--no-rate-limits"]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path) as server:
        try:
            assert server.stdout is not None
            base_url = server.stdout.readline().strip()
            check = ["check", "acme", "--base-url", base_url, "--token", "sk-one", "--other-token", "sk-two"]
            done = subprocess.run(
                [*command, *check, "--profile", "polite"],
                capture_output=True,
                text=True,
                env=environment,
                cwd=tmp_path,
                timeout=MOST_SECONDS,
                check=False,
            )
        finally:
            server.terminate()
    assert done.returncode == exit_codes.HOLDS, done.stdout + done.stderr
    assert "oracle.filters" in done.stdout
    assert "no faults are known of this provider" in done.stdout
