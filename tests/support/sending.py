"""What the tests of sending share: a deployment that answers in process, and the secret that must not be told."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import httpx

from contract_tests.sending.in_process import InProcess
from contract_tests.sending.security import Scheme, Security
from contract_tests.sending.wire import Wire

BASE = "https://api.example.test/prime"
SECRET = "canary-3f9a1c-token"
SECURITY = Security((Scheme("Authorization", "Bearer "), Scheme("X-API-Key")))


def wire(answer: Callable[[httpx.Request], httpx.Response], **more: object) -> Wire:
    client = httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=False)
    given: dict[str, object] = {"rate": float("inf"), "client": client, "sleep": lambda seconds: None, **more}
    return Wire(BASE, SECURITY, {"token": SECRET}, **given)  # type: ignore[arg-type]


def silent(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=[])


def local(status: int = 200, body: bytes = b"[]", headers: Mapping[str, str] | None = None) -> InProcess:
    """A server in process that always answers the same."""
    return InProcess(lambda *request: (status, headers or {}, body), SECURITY, {"token": SECRET})
