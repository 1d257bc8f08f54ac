"""The fixture's handles on what sandboxes run, in every scope."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta

import pytest

from fakeserver.interpreter.orders import Order
from fakeserver.testing import World
from fakeserver.testing.admin import AdminError
from fakeserver.testing.handles import ProviderHandle
from fakeserver.testing.server import Server

pytestmark = pytest.mark.slow

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(fakeserver_server: Server) -> Run:
    """Runs a command in the first running sandbox of a provider, as its data plane does."""

    def run(handle: ProviderHandle, text: str, seconds: float | None = None) -> tuple[int, str, str]:
        world = fakeserver_server.app.worlds.known(handle.base_url.split("/")[-2])
        guest = world.guests.of(handle.slug, first(handle))
        finished = guest.run(Order(text, seconds=seconds), world.clock.now)
        return finished.exit_code, finished.stdout.decode(), finished.stderr.decode()

    return run


def first(handle: ProviderHandle) -> str:
    """The id of a sandbox that runs."""
    identity = "sandbox_id" if handle.slug == "instavm" else "id"
    field = "status" if "status" in handle.documents[0] else "state"
    found = (each[identity] for each in handle.documents if each[field] in ("RUNNING", "running", "active"))
    return str(next(found))


def test_a_provider_has_scripts_of_its_own(fakeserver: World, run: Run) -> None:
    made = fakeserver.prime.on_command("pytest*", stdout="1 failed", stderr="!", exit_code=1, times=1)
    assert (made["provider"], made["times"], made["hits"]) == ("prime", 1, 0)
    assert run(fakeserver.prime, "pytest -q") == (1, "1 failed", "!")
    assert run(fakeserver.instavm, "pytest -q")[0] == run(fakeserver.prime, "pytest -q")[0] == 127


def test_all_providers_have_the_scripts_of_their_world(fakeserver: World, run: Run) -> None:
    fakeserver.on_command("git *", stdout="ok")
    for handle in (fakeserver.dreadnode, fakeserver.instavm, fakeserver.prime, fakeserver.superserve):
        assert run(handle, "git status") == (0, "ok", "")


def test_the_last_script_that_matches_answers(fakeserver: World, run: Run) -> None:
    fakeserver.on_command("*", stdout="anything")
    fakeserver.prime.on_command("pytest*", exit_code=1)
    assert (run(fakeserver.prime, "pytest"), run(fakeserver.prime, "make")) == ((1, "", ""), (0, "anything", ""))


@pytest.mark.parametrize("delay", [2, 2.0, timedelta(seconds=2)])
def test_a_delay_is_seconds_or_a_timedelta(fakeserver: World, run: Run, delay: float | timedelta) -> None:
    """What is given less time times out when that is over."""
    assert fakeserver.prime.on_command("make", delay=delay)["delay_ms"] == 2_000
    assert run(fakeserver.prime, "make", 0) == (124, "", "")


def test_the_commands_that_ran_are_there_in_their_order(fakeserver: World, run: Run) -> None:
    fakeserver.on_command("pytest*", exit_code=1)
    run(fakeserver.prime, "pytest")
    run(fakeserver.instavm, "echo hi")
    told = [(each.provider, each.command, each.stdout, each.answered_by) for each in fakeserver.commands]
    assert told == [("prime", "pytest", "", "script"), ("instavm", "echo hi", "hi\n", "shell")]
    assert fakeserver.prime.commands == fakeserver.commands[:1]
    assert fakeserver.prime.commands[0].id == first(fakeserver.prime)


def test_nobody_changes_the_commands_that_ran(fakeserver: World, run: Run) -> None:
    """They are what happened; a list that is made of them is another one."""
    run(fakeserver.prime, "echo hi")
    with pytest.raises(dataclasses.FrozenInstanceError):
        fakeserver.commands[0].stdout = "ho"  # type: ignore[misc]
    assert isinstance(fakeserver.commands, tuple)


def test_files_are_looked_at(fakeserver: World, run: Run) -> None:
    run(fakeserver.prime, "mkdir -p 'a b'; printf '\\0\\377' > 'a b/c&d=e.bin'")
    identity = first(fakeserver.prime)
    assert fakeserver.prime.read_file(identity, "/root/a b/c&d=e.bin") == b"\0\xff"
    assert [(each["name"], each["kind"]) for each in fakeserver.prime.list_files(identity, "/root")] == [
        ("a b", "directory")
    ]
    assert "root" in {each["name"] for each in fakeserver.prime.list_files(identity)}
    with pytest.raises(AdminError, match="not found"):
        fakeserver.prime.read_file(identity, "/root/nothing")
    with pytest.raises(AdminError, match="no sandbox 'nobody'"):
        fakeserver.prime.list_files("nobody")
    with pytest.raises(IsADirectoryError, match="/root"):
        fakeserver.prime.read_file(identity, "/root")
    with pytest.raises(NotADirectoryError, match="passwd"):
        fakeserver.prime.list_files(identity, "/etc/passwd")


def test_what_is_misspelt_is_told(fakeserver: World) -> None:
    with pytest.raises(TypeError, match="did you mean 'exit_code'"):
        fakeserver.prime.on_command("pytest", exit_cod=1)  # type: ignore[call-arg]
    with pytest.raises(AttributeError, match="did you mean 'on_command'"):
        fakeserver.on_comand("pytest")  # type: ignore[attr-defined]
    for name in ("stdout", "stderr"):
        with pytest.raises(TypeError, match=f"{name} must be a str, not bytes"):
            fakeserver.on_command("pytest", **{name: b"1"})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="pattern must be a str, not bytes"):
        fakeserver.prime.on_command(b"pytest")  # type: ignore[arg-type]
    with pytest.raises(AdminError, match="less than or equal to 255"):
        fakeserver.on_command("pytest", exit_code=256)


@pytest.mark.parametrize("scope", ["", "_class", "_module", "_session"])
def test_scripts_and_files_live_as_long_as_their_world(scope: str, pytester: pytest.Pytester) -> None:
    """A test's own are gone with it; those of a wider world are there for the next one in it, and for nobody else."""
    kept = "[each['pattern'] for each in shown] == ['make']" if scope else "not shown"
    pytester.makepyfile(f"""
        class TestMine:
            def test_first(self, fakeserver{scope}):
                assert fakeserver{scope}.on_command("make")

            def test_second(self, fakeserver{scope}):
                shown = fakeserver{scope}.admin.call("GET", "/commands")["scripts"]
                assert {kept}

            def test_third(self, fakeserver{scope}):
                fakeserver{scope}.reset()
                assert fakeserver{scope}.admin.call("GET", "/commands") == {{"scripts": [], "commands": []}}
    """)
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=3)
