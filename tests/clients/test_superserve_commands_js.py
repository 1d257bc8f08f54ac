"""`@superserve/sdk` from npm runs commands and moves files on the live fake, in one node process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.clients.superserve_node import needs_node, run
from tests.support.server import Live

PROGRAM = Path(__file__).with_name("superserve_commands.mjs")

pytestmark = needs_node


@pytest.fixture(scope="module")
def told(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the program printed."""
    point = {"baseUrl": live.base_url("superserve", "commands-js"), "apiKey": "superserve-admin-key"}
    return run(PROGRAM, tmp_path_factory.mktemp("home"), root=live.root, point=point)


def test_commands(told: Any) -> None:
    """What one writes is told apart, and comes as it is written if somebody listens."""
    assert told["run"] == {"stdout": "1 2\n", "stderr": "err\n", "exitCode": 3}
    heard = [f"{mark}{number}\n" for number in "123" for mark in ("", "e")]
    streamed = {"stdout": "1\n2\n3\n", "stderr": "e1\ne2\ne3\n", "exitCode": 7}
    assert told["stream"] == {"heard": heard, **streamed}
    assert told["in a directory"]["stdout"] == "/tmp\n"


def test_commands_that_take_too_long(told: Any) -> None:
    assert told["late"] == {"stdout": "", "stderr": "", "exitCode": 124}
    assert told["late stream"] == {"stdout": "early\n", "stderr": "", "exitCode": 124}


def test_files_byte_for_byte(told: Any) -> None:
    assert told["files"] == ["hé", True, 0, True, "PK"]


def test_files_and_a_pause(told: Any) -> None:
    """A command resumes a paused sandbox by the SDK's own doing, and its files are kept."""
    assert told["resumed by itself"] == ["bytes\nempty\nlarge\nä b.txt\n", "active"]
    assert told["kept"] == "hé"


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("missing", ("NotFoundError", 404, "not_found")),
        ("a directory", ("ValidationError", 400, "bad_request")),
        ("no such directory", ("ValidationError", 400, "bad_request")),
        ("full", ("ServerError", 507, "sandbox_storage_full")),
        ("killed", ("NotFoundError", 404, "sandbox_route_stale")),
    ],
)
def test_refusals(told: Any, step: str, expected: tuple[str, int, str]) -> None:
    """Each is of the class that the SDK has for it."""
    assert (told[step]["error"], told[step]["status"], told[step]["code"]) == expected


def test_the_hosts_that_were_asked(told: Any) -> None:
    """The SDK takes the provider's own for a base URL that it does not know."""
    assert told["hosts"] == ["sandbox.superserve.ai"]
