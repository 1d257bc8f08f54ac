"""What leads the data plane's hosts of `superserve` to a fake: the transport of its HTTP client, and nothing else."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

DATA_PLANE = re.compile(r"(boxd-[a-z0-9-]+\.)?(usw-|staging-)?sandbox\.superserve\.ai")


def lead(monkeypatch: pytest.MonkeyPatch, root: str) -> list[str]:
    """Send what goes to the data plane to the root of a fake, with the host that it was for. The list has the hosts
    that were asked for; any other one but loopback is refused by the fixture `isolated`."""
    asked: list[str] = []

    def led(request: httpx.Request) -> httpx.Request:
        if request.url.scheme == "https" and DATA_PLANE.fullmatch(request.url.host):
            asked.append(request.url.host)
            request.url = httpx.URL(root).copy_with(raw_path=request.url.raw_path)
        return request

    for transport, name in (
        (httpx.HTTPTransport, "handle_request"),
        (httpx.AsyncHTTPTransport, "handle_async_request"),
    ):
        handle = getattr(transport, name)

        def handled(self: Any, request: httpx.Request, handle: Any = handle) -> Any:
            return handle(self, led(request))

        monkeypatch.setattr(transport, name, handled)
    return asked
