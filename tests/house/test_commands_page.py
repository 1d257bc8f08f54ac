"""What docs/commands.md promises, executed."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from fakeserver.admin.contract import Contract
from fakeserver.commands.guests import Guests
from fakeserver.instants import instant
from fakeserver.interpreter.orders import Finished, Order
from tests.support.asgi import ROOT, app_of
from tests.support.pages import shell
from tests.support.server import serving

PAGE = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
NOW = instant("2026-01-18T10:30:00Z")


def rows(head: str) -> list[list[str]]:
    """The cells of the table whose head begins so."""
    table = PAGE.partition(f"| {head}")[2].partition("\n\n")[0]
    assert table, f"no table begins with {head}"
    return [re.split(r"(?<!\\) ?\| ?", line)[1:-1] for line in table.splitlines()[2:]]


def text_of(cell: str) -> str:
    """What stands in a cell between its backticks."""
    return cell.strip().strip("`").replace("\\|", "|")


def run(text: str, seconds: float | None = None) -> Finished:
    return Guests().of("prime", "a").run(Order(text, seconds=seconds), NOW)


@pytest.mark.slow
@pytest.mark.parametrize(("command", "printed", "code"), rows("command | prints"), ids=lambda cell: cell[:40])
def test_what_runs(command: str, printed: str, code: str) -> None:
    finished = run(text_of(command))
    assert (finished.stdout.decode().strip(), finished.exit_code) == (text_of(printed), int(code))
    assert finished.stderr == b""


@pytest.mark.parametrize(("command", "told", "code"), rows("command | says on stderr"), ids=lambda cell: cell[:40])
def test_what_does_not_run(command: str, told: str, code: str) -> None:
    finished = run(text_of(command))
    assert (finished.stdout, finished.exit_code) == (b"", int(code))
    assert text_of(told) in finished.stderr.decode()


@pytest.mark.slow
@pytest.mark.parametrize("command", ["curl -s http://127.0.0.1:8000/", "wget -q http://127.0.0.1:8000/"])
def test_there_is_no_network(command: str) -> None:
    assert f"`{command.split()[0]}`" in PAGE
    finished = run(command)
    assert finished.exit_code != 0
    assert finished.stdout == b""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "seconds", "printed", "code"), rows("command | time limit"), ids=lambda cell: cell[:40]
)
def test_what_sleeps_takes_no_time_on_the_wall(command: str, seconds: str, printed: str, code: str) -> None:
    finished = run(text_of(command), float(seconds.split()[0]) if seconds.strip() else None)
    lines = re.findall("`([^`]+)`", printed)
    assert (finished.stdout.decode().splitlines(), finished.exit_code) == (lines, int(code))
    assert finished.slept >= (float(seconds.split()[0]) - 1 if seconds.strip() else 3_600)


@pytest.mark.parametrize(("constant", "number", "_"), rows("constant | limit"), ids=lambda cell: cell[:60])
def test_limits_are_as_the_page_has_them(constant: str, number: str, _: str) -> None:
    module, _, name = text_of(constant).rpartition(".")
    assert getattr(importlib.import_module(module), name) == int(number.replace(",", ""))


@pytest.mark.slow
@pytest.mark.parametrize("script", re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL), ids=("a", "b"))
def test_every_shell_example_runs(script: str, tmp_path: Path) -> None:
    with serving(app_of()) as live:
        done = shell(script, live.root, tmp_path)
        assert done.returncode == 0, done.stdout[-2_000:] + done.stderr
        assert done.stdout
        assert "about:blank" not in done.stdout, done.stdout


CLIENT = """
import json
import urllib.request

import pytest

from fakeserver.interpreter.orders import Order

SERVERS = []


@pytest.fixture(autouse=True)
def server(fakeserver_server):
    SERVERS[:] = [fakeserver_server]


class MyClient:
    def __init__(self, provider):
        self.provider = provider

    def create(self):
        body = json.dumps({"name": "mine", "docker_image": "python:3.11-slim"}).encode()
        headers = {"Authorization": "Bearer " + self.provider.token, "Content-Type": "application/json"}
        request = urllib.request.Request(self.provider.base_url + "/api/v1/sandbox", body, headers)
        with urllib.request.urlopen(request) as answer:
            self.id = json.loads(answer.read())["id"]
        return self

    def run(self, text):
        world = SERVERS[0].app.worlds.known(self.provider.base_url.split("/")[-2])
        finished = world.guests.of(self.provider.slug, self.id).run(Order(text), world.clock.now)
        return finished.exit_code, finished.stdout.decode()

"""


@pytest.mark.slow
def test_the_python_example_holds(pytester: pytest.Pytester) -> None:
    """The page's tests pass as they stand, with a client that runs what the data plane of a provider does."""
    (example,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    pytester.makepyfile(CLIENT + example)
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=3)


def test_the_members_of_a_script_are_all_there() -> None:
    """Those that the admin API takes."""
    named = {name for cells in rows("member | means") for name in re.findall("`(\\w+)`", cells[0])}
    assert named == {*Contract().document["components"]["schemas"]["Script"]["properties"]}
