"""The server as a container runs it: by variables, with a token, until it is told to end."""

from __future__ import annotations

import json
import re
import signal
import socket
import time
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from tests.support import command
from tests.support.asgi import PATHS
from tests.support.command import START_SECONDS, Served
from tests.unit.test_cli import refused, run

pytestmark = pytest.mark.slow

SMALL = {"FAKESERVER_SIZE": "10", "FAKESERVER_ONLY": "prime"}
EVERYWHERE = {**SMALL, "FAKESERVER_HOST": "0.0.0.0"}


def serving(folder: Path, variables: dict[str, str], **more: str) -> AbstractContextManager[Served]:
    """`fakeserver serve` with these variables and no flag but that of the port."""
    return command.serving(folder, command=command.FAKESERVER, **variables, **more)


def settings(served: Served, token: str | None) -> int:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return served.get("/__admin/settings", **headers).status_code


def test_a_token_is_made_and_shown_once(tmp_path: Path) -> None:
    """Where other machines reach the server and nobody gave one: on the screen, not by the logger, another each time;
    and a probe, which has none, sees that the server is well."""
    made = []
    for _ in range(2):
        more = {**EVERYWHERE, "FAKESERVER_LOG_LEVEL": "debug", "FAKESERVER_ACCESS_LOG": "1"}
        with serving(tmp_path, more) as served:
            (token,) = re.findall(r"^  admin API  Authorization: Bearer (\S+) ", served.screen, re.MULTILINE)
            assert (settings(served, None), settings(served, token)) == (401, 200)
            assert run(tmp_path, "health", "--url", served.base_url).returncode == 0
            assert token not in served.stderr.read_text("utf-8")
            made.append(token)
    assert made[0] != made[1]


def test_a_token_that_is_given_is_not_shown(tmp_path: Path) -> None:
    """In a variable or in a file; on loopback none is made."""
    secret = tmp_path / "ein Geheimnis"
    secret.write_text("from-a-file\n")
    for more, token in (
        ({"FAKESERVER_ADMIN_TOKEN": "from-a-variable"}, "from-a-variable"),
        ({"FAKESERVER_ADMIN_TOKEN_FILE": str(secret)}, "from-a-file"),
    ):
        with serving(tmp_path, EVERYWHERE, **more) as served:
            assert (settings(served, None), settings(served, token)) == (401, 200)
            assert token not in served.screen
            assert "admin API" not in served.screen
    with serving(tmp_path, SMALL) as local:
        assert settings(local, None) == 200
        assert "admin API" not in local.screen


def test_tokens_that_cannot_be_used(tmp_path: Path) -> None:
    """One line, which names the flag and never the token."""
    empty, binary = tmp_path / "empty", tmp_path / "binary"
    empty.write_text("\n")
    binary.write_bytes(b"\xff\xfe")
    for arguments, cause in (
        (["--admin-token-file", str(empty)], "printable"),
        (["--admin-token-file", str(binary)], "not text"),
        (["--admin-token-file", "nowhere"], "No such file"),
        (["--admin-token", "two words"], "printable"),
        (["--admin-token", "x", "--admin-token-file", str(empty)], "not given together"),
    ):
        outcome = run(tmp_path, "serve", *arguments)
        refused(outcome, "--admin-token", cause)
        assert "two words" not in outcome.stderr


def test_what_a_service_called_fakeserver_sets_is_explained(tmp_path: Path) -> None:
    outcome = run(tmp_path, "serve", FAKESERVER_PORT="tcp://10.96.0.7:8000")
    refused(outcome, "FAKESERVER_PORT", "Kubernetes", "enableServiceLinks: false")


def test_logs_are_json_lines(tmp_path: Path) -> None:
    """Each line of stderr is an object, those of uvicorn too; a connection that was broken has no status."""
    more = {"FAKESERVER_LOG_FORMAT": "json", "FAKESERVER_LOG_LEVEL": "info", "FAKESERVER_ACCESS_LOG": "1"}
    with serving(tmp_path, SMALL, **more) as served:
        served.get("/__admin/health")
        with pytest.raises(httpx.TransportError):
            served.get(f"/prime{PATHS['prime']}?__fault=EMPTY_RESPONSE", Authorization="Bearer prime-admin-key")
        served.process.send_signal(signal.SIGTERM)
        served.process.wait(START_SECONDS)
        lines = [json.loads(line) for line in served.stderr.read_text("utf-8").splitlines()]
    assert {"fakeserver.access", "uvicorn.error"} <= {line["logger"] for line in lines}
    assert {200, None} <= {line["status"] for line in lines if line["logger"] == "fakeserver.access"}


def test_what_is_being_answered_is_finished(tmp_path: Path) -> None:
    """A server that is told to end answers whom it has begun to answer, and takes nobody else."""
    with serving(tmp_path, SMALL) as served:
        address = ("127.0.0.1", int(served.base_url.rpartition(":")[2]))
        with socket.create_connection(address, timeout=START_SECONDS) as waiting:
            head = f"GET /prime{PATHS['prime']} HTTP/1.1\r\nHost: localhost\r\nPrefer: delay=300ms\r\n"
            waiting.sendall(f"{head}Authorization: Bearer prime-admin-key\r\n\r\n".encode())
            while not served.get("/__admin/requests").json()["requests"]:
                time.sleep(0.01)
            served.process.send_signal(signal.SIGTERM)
            received = b""
            while piece := waiting.recv(65_536):
                received += piece
        assert served.process.wait(START_SECONDS) in (128 + signal.SIGTERM, -signal.SIGTERM)
        assert received.startswith(b"HTTP/1.1 200 ")
        assert received.endswith(b"}")
        with pytest.raises(httpx.TransportError):
            served.get("/__admin/health")
