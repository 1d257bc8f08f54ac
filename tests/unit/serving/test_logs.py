"""What a server logs, and what it never does."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from typing import Any

import pytest

from fakeserver.serving import logs
from fakeserver.serving.app import Settings, create_app
from fakeserver.serving.logs import AccessLog, AnswersAtOnce
from tests.support.asgi import PATHS, header_of

SECRET = "prime-admin-key"


@pytest.fixture
def stderr() -> io.StringIO:
    return io.StringIO()


def scope_of(path: str, query: bytes = b"", **headers: str) -> dict[str, Any]:
    """A request for the application, without a connection."""
    sent = [(name.lower().encode(), text.encode()) for name, text in headers.items()]
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": query,
        "headers": [(b"host", b"localhost"), *sent],
        "client": ("127.0.0.1", 9),
    }


async def ask(app: AnswersAtOnce, scope: dict[str, Any]) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        pass

    await app(scope, receive, send)


@pytest.fixture(params=["at once", "by a task"])
def line(request: pytest.FixtureRequest, stderr: io.StringIO) -> Any:
    """The line of one request, whichever way its answer takes, as JSON."""
    app = AccessLog(create_app(Settings(size=10, only=("prime",))))

    def line_of(path: str, query: bytes = b"", **headers: str) -> dict[str, Any]:
        stderr.truncate(stderr.seek(0))
        with logs.logging_as("json", "critical", stderr):
            if request.param == "at once":
                assert app.at_once(scope_of(path, query, **headers)) is not None
            else:
                asyncio.run(ask(app, scope_of(path, query, **headers)))
        (only,) = stderr.getvalue().splitlines()
        found: dict[str, Any] = json.loads(only)
        return found

    return line_of


def test_a_request_is_a_line(line: Any) -> None:
    """Whatever the level: method, target, status, how long it took, and the fault that was put in."""
    found = line("/prime" + PATHS["prime"], b"per_page=5", **header_of("prime", SECRET), Prefer="code=503")
    assert {name: found[name] for name in ("client", "method", "target", "status", "fault")} == {
        "client": "127.0.0.1",
        "method": "GET",
        "target": f"/prime{PATHS['prime']}?per_page=5",
        "status": 503,
        "fault": "code=503",
    }
    assert found["milliseconds"] >= 0
    assert (found["level"], found["logger"]) == ("info", "fakeserver.access")


def test_a_line_shows_no_credential(line: Any) -> None:
    found = line("/prime" + PATHS["prime"], b"api_key=tr0ub4dor", **header_of("prime", SECRET))
    assert "tr0ub4dor" not in json.dumps(found)
    assert SECRET not in json.dumps(found)


def test_a_line_stays_one(line: Any) -> None:
    """Whatever a path or a query holds."""
    found = line("/prime/\n127.0.0.1 forged\x1b[2J", b'a\r\nb="')
    assert not re.search(r"[\x00-\x1f\x7f\"]", found["target"])


def test_the_admin_api_has_lines(stderr: io.StringIO) -> None:
    """In plain text by default."""
    app = AccessLog(create_app(Settings(size=10, only=("prime",))))
    with logs.logging_as("plain", "warning", stderr):
        asyncio.run(ask(app, scope_of("/__admin/health")))
    assert re.fullmatch(r'127\.0\.0\.1 "GET /__admin/health" 200 [\d.]+ ms\n', stderr.getvalue())


def test_every_record_is_one_json_line(stderr: io.StringIO) -> None:
    """With the exception in it, whoever logs; and afterwards the loggers are as they were."""
    before = [[*logging.getLogger(name).handlers] for name in logs.SERVER]
    with logs.logging_as("json", "warning", stderr):
        try:
            raise ValueError("two\nlines")
        except ValueError:
            logging.getLogger("uvicorn.error").exception("it\nfailed")
        logging.getLogger("fakeserver").info("not from this level on")
    (only,) = stderr.getvalue().splitlines()
    found = json.loads(only)
    assert (found["level"], found["logger"], found["message"]) == ("error", "uvicorn.error", "it\nfailed")
    assert found["exception"].endswith("ValueError: two\nlines")
    assert [[*logging.getLogger(name).handlers] for name in logs.SERVER] == before
