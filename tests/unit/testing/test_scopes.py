"""Worlds that several tests share: per class, per module and per process, each from the seed and gone at its end."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.testing.test_server import run_pytest

pytestmark = pytest.mark.slow

CONFTEST = """
import os
import pytest


@pytest.fixture
def note(request):
    def write(world, scope):
        count = len(world.prime.documents)
        world.prime.documents = world.prime.documents[1:]
        print(f"{scope} {os.getpid()} {world.base_url} {count}")
    return write
"""
SUITE = """
import pytest


class TestOne:
    def test_a(self, fakeserver_class, note):
        note(fakeserver_class, "class")

    def test_b(self, fakeserver_class, note):
        note(fakeserver_class, "class")


class TestTwo(TestOne):
    pass


@pytest.mark.parametrize("number", range(3))
def test_module(number, fakeserver_module, fakeserver_session, fakeserver, note):
    note(fakeserver_module, "module")
    note(fakeserver_session, "session")
    note(fakeserver, "function")
"""
LAST = """
def test_what_is_left(fakeserver_server):
    print("left", sorted(each["name"] for each in fakeserver_server.app.worlds.listed()))


def test_alone(fakeserver_class, note):
    note(fakeserver_class, "alone")
"""


def told(output: str) -> dict[str, dict[str, list[int]]]:
    """By scope and world, how many documents each of its tests found, each of which took one away."""
    found: dict[str, dict[str, list[int]]] = {}
    for scope, process, url, count in re.findall(r"^(\w+) (\d+) (http\S+) (\d+)$", output, re.MULTILINE):
        found.setdefault(scope, {}).setdefault(f"{process} {url}", []).append(int(count))
    return found


def test_each_scope_has_a_world_of_its_own(tmp_path: Path) -> None:
    """The tests of a scope find what those before them left; the next scope begins from the seed."""
    (tmp_path / "conftest.py").write_text(CONFTEST)
    for name in ("test_first.py", "test_second.py"):
        (tmp_path / name).write_text(SUITE)
    (tmp_path / "test_third.py").write_text(LAST)
    output = run_pytest(tmp_path, "-n", 0, "-rP", "-p", "no:randomly")
    assert "16 passed" in output
    worlds = told(output)
    (whole,) = {counts[0] for counts in worlds["function"].values()}
    assert sorted(worlds["function"].values()) == [[whole]] * 6
    assert sorted(worlds["class"].values()) == [[whole, whole - 1]] * 4
    assert sorted(worlds["module"].values()) == [[whole, whole - 1, whole - 2]] * 2
    assert [*worlds["session"].values()] == [[whole - index for index in range(6)]]
    assert [*worlds["alone"].values()] == [[whole]]
    (session,) = (url.rpartition("/")[2] for url in worlds["session"])
    assert f"left ['{session}']" in output


def test_each_process_has_its_own(tmp_path: Path) -> None:
    """With pytest-xdist no world is shared between processes."""
    (tmp_path / "conftest.py").write_text(CONFTEST)
    for name in ("test_first.py", "test_second.py"):
        (tmp_path / name).write_text(SUITE)
    output = run_pytest(tmp_path, "-n", 2, "--dist", "loadfile", "-rP")
    assert "14 passed" in output
    worlds = told(output)
    processes = {world.split()[0] for world in worlds["function"]}
    assert len(worlds["session"]) == len(processes)
    assert sum(map(len, worlds["session"].values())) == 6
    assert len(worlds["module"]) == 2
    assert {len(counts) for counts in worlds["class"].values()} == {2}


def test_unserved_requests_fail_the_scope(pytester: pytest.Pytester) -> None:
    """Where the settings say so, a shared world that was asked for what the fake has not is an error at its end."""
    pytester.makepyfile(
        """
        import httpx

        class TestIt:
            def test_it(self, fakeserver_class):
                prime = fakeserver_class.prime
                httpx.post(prime.base_url + "/api/v1/sandbox/x/checkpoints", trust_env=False)
        """
    )
    pytester.makeini("[pytest]\nfakeserver_unserved = fail\n")
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    done.assert_outcomes(passed=1, errors=1)
    done.stdout.fnmatch_lines(["*does not serve POST /api/v1/sandbox/{id}/checkpoints of prime*"])
