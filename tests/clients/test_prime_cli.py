"""The command line `prime` from PyPI lists, makes, reads, uses and deletes sandboxes on the live fake."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from tests.clients.others import command_line, needs
from tests.support.server import Live

NAME = "prime-0.18.0"
KEY = "prime-admin-key"

pytestmark = [needs(NAME), pytest.mark.slow]


@pytest.fixture
def prime(live: Live, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Runs `prime sandbox …` in a world of the test's own, and gives what it prints."""
    url = live.base_url("prime", f"prime-cli-{crc32(request.node.name.encode())}")
    environment = {
        **live.app.services["prime"].provider.environment(url, KEY),
        "PRIME_DISABLE_VERSION_CHECK": "1",
        "PRIME_USER_ID": "user_admin",
        "COLUMNS": "200",
    }

    with command_line(NAME, "prime_cli.main", "run", tmp_path, **environment) as call:

        def prime(*words: str, code: int = 0) -> str:
            ended, said = call("sandbox", *words)
            assert ended == code, said
            return said

        yield prime


def read(prime: Callable[..., str], *words: str) -> Any:
    return json.loads(prime(*words, "--output", "json"))


def test_create_list_get_delete(prime: Callable[..., str]) -> None:
    before = read(prime, "list")["total"]
    told = prime("create", "python:3.11-slim", "--name", "mine", "--label", "cli", "--env", "A=b", "--yes", "--plain")
    assert "Successfully created sandbox" in told
    (row,) = read(prime, "list", "--label", "cli")["sandboxes"]
    assert (row["name"], row["image"], row["status"], row["labels"]) == ("mine", "python:3.11-slim", "RUNNING", ["cli"])
    assert row["id"] in told
    assert read(prime, "list")["total"] == before + 1
    found = read(prime, "get", row["id"])
    assert (found["type"], found["environment_vars"], found["user_id"]) == ("VM", {"A": "*"}, "user_admin")
    assert "Sandbox started" in prime("logs", row["id"])
    assert "Successfully deleted" in prime("delete", row["id"], "--yes", "--plain")
    assert read(prime, "get", row["id"])["status"] == "TERMINATED"
    assert read(prime, "list")["total"] == before


def test_create_run_upload_download_delete(prime: Callable[..., str], tmp_path: Path) -> None:
    told = prime("create", "python:3.11-slim", "--label", "used", "--env", "A=b", "--yes", "--plain")
    (box,) = (each["id"] for each in read(prime, "list", "--label", "used")["sandboxes"])
    assert box in told
    assert "it says b" in prime("run", box, "--", "sh", "-c", "echo it says $A")
    assert "no such thing" in prime("run", box, "--", "sh", "-c", "echo no such thing >&2; exit 3", code=3)
    here, back = tmp_path / "here.txt", tmp_path / "back.txt"
    here.write_text("up and down\n")
    assert "uploaded" in prime("upload", box, str(here), "/tmp/there.txt")
    assert "up and down" in prime("run", box, "cat", "/tmp/there.txt")
    assert "downloaded" in prime("download", box, "/tmp/there.txt", str(back))
    assert back.read_text() == "up and down\n"
    assert "Successfully deleted" in prime("delete", box, "--yes", "--plain")
    prime("run", box, "echo", code=1)


def test_many_are_deleted_by_their_label(prime: Callable[..., str]) -> None:
    for _ in range(2):
        prime("create", "python:3.11-slim", "--label", "batch", "--yes", "--plain")
    assert "2" in prime("delete", "--label", "batch", "--yes", "--plain")
    assert read(prime, "list", "--label", "batch")["total"] == 0


def test_what_is_not_there_is_told(prime: Callable[..., str]) -> None:
    assert "Sandbox not found" in prime("get", "nobody", code=1)
    assert "Sandbox not found" in prime("delete", "nobody", "--yes", code=1)
