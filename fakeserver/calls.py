"""Calls of servers on this machine, as their admin API takes them: JSON there and back, past proxies of the
environment."""

from __future__ import annotations

import json
import urllib.request
from functools import cache
from typing import Any


@cache
def opener() -> urllib.request.OpenerDirector:
    """What opens URLs and knows no proxy."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def send(
    url: str, method: str = "GET", body: Any = None, *, seconds: float, token: str | None = None
) -> tuple[bytes, str]:
    """The bytes of an answer, and their media type; with the `token` of an admin API that wants one. OSError: there is
    none in time, or as an HTTPError, it is a refusal."""
    request = urllib.request.Request(
        url,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"} | ({} if token is None else {"Authorization": f"Bearer {token}"}),
    )
    with opener().open(request, timeout=seconds) as answer:
        return answer.read(), answer.headers.get_content_type()
