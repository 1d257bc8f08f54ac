"""`@superserve/sdk` from npm makes, finds, pauses, resumes and deletes on the live fake, in one node process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.clients.superserve_node import needs_node, run
from tests.support.server import Live

PROGRAM = Path(__file__).with_name("superserve_life.mjs")

pytestmark = needs_node


@pytest.fixture(scope="module")
def told(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the program printed."""
    point = {"baseUrl": live.base_url("superserve", "life-js"), "apiKey": "superserve-admin-key"}
    return run(PROGRAM, tmp_path_factory.mktemp("home"), point=point)


def test_the_quick_start_up_to_its_first_command(told: Any) -> None:
    assert (told["created"]["name"], told["created"]["status"]) == ("quickstart", "active")
    assert told["listed"] == told["created"]["id"]


def test_a_life(told: Any) -> None:
    """Each call shows in the next, and a deletion of what is gone is none."""
    assert (told["paused"], told["resumed"], told["connected"]) == ("paused", "active", "active")
    network = {"allowOut": ["8.8.8.8/32", "b.com"]}
    assert told["updated"] == {"metadata": {"a": "1"}, "network": network}
    assert told["killed"] is False


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("refused while paused", ("ConflictError", 409, "conflict")),
        ("gone", ("NotFoundError", 404, "not_found")),
        ("bad name", ("ValidationError", 400, "bad_request")),
        ("no template", ("NotFoundError", 404, "not_found")),
        ("too many", ("RateLimitError", 429, "too_many_sandboxes")),
        ("not booted", ("ServerError", 500, "internal_error")),
    ],
)
def test_refusals(told: Any, step: str, expected: tuple[str, int, str]) -> None:
    assert (told[step]["error"], told[step]["status"], told[step]["code"]) == expected


def test_templates(told: Any) -> None:
    """One is ready when somebody asks; one that failed has its code from its message."""
    assert told["template"] == {"state": "ready", "last": "build ready"}
    assert (told["failed template"]["error"], told["failed template"]["code"]) == ("BuildError", "build_failed")


def test_nothing_was_waited_for(told: Any) -> None:
    assert told["delays"] == []
