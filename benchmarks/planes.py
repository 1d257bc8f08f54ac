"""One command through each of the data planes, over HTTP with httpx, as SDKs send it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

COMMAND = "echo hi"
SAID = "hi"
SECONDS = 60
HOST = "sandbox.superserve.ai"
"""Of Superserve's data plane."""
PROVIDERS = ("prime", "superserve", "instavm", "dreadnode")

Plane = Callable[[], str]
"""Runs the command, and has what it writes."""


class Planes:
    """A sandbox of each provider, and a client that keeps its connection."""

    def __init__(self, base_url: str) -> None:
        self.client = httpx.Client(base_url=base_url, timeout=SECONDS)

    def send(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """What an answer says, which must be a good one."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        answer = self.client.request(method, path, json=body, headers=named)
        if answer.status_code >= 300:
            raise ValueError(f"{path} was answered {answer.status_code}: {answer.text[:200]!r}")
        return answer.json()

    def prime(self) -> Plane:
        api, who = "/prime/api/v1/sandbox", {"authorization": "Bearer prime-admin-key"}
        identity = self.send("POST", api, {"name": "bench", "docker_image": "python:3.11-slim"}, **who)["id"]
        token = self.send("POST", f"{api}/{identity}/auth", {}, **who)
        path = f"/prime/gateway/{token['user_ns']}/{token['job_id']}/exec"
        bearer = {"authorization": f"Bearer {token['token']}"}
        return lambda: str(self.send("POST", path, {"command": COMMAND}, **bearer)["stdout"])

    def superserve(self) -> Plane:
        made = self.send("POST", "/superserve/sandboxes", {"name": "bench"}, x_api_key="superserve-admin-key")
        headers = {"host": HOST, "x_superserve_sandbox_id": made["id"], "x_access_token": made["access_token"]}
        return lambda: str(self.send("POST", "/exec", {"command": COMMAND}, **headers)["stdout"])

    def instavm(self) -> Plane:
        key = "instavm-admin-key"
        begun = {"api_key": key, "vm_lifetime_seconds": 3_600}
        session = self.send("POST", "/instavm/v1/sessions/session", begun)["session_id"]
        body = {"command": COMMAND, "session_id": session, "language": "bash"}
        return lambda: str(self.send("POST", "/instavm/execute", body, x_api_key=key)["stdout"])

    def dreadnode(self) -> Plane:
        path, who = "/dreadnode/api/v1/org/acme/ws/main/environments", {"authorization": "Bearer dreadnode-admin-key"}
        made = self.send("POST", path, {"task_ref": "acme/recon@1.0"}, **who)
        headers = {**who, "x_environment_token": f"Bearer {made['execute_token']}"}
        return lambda: str(self.send("POST", f"{path}/{made['id']}/execute", {"command": COMMAND}, **headers)["output"])

    def all(self) -> dict[str, Plane]:
        """By provider; each has run the command once."""
        found: dict[str, Plane] = {slug: getattr(self, slug)() for slug in PROVIDERS}
        for slug, plane in found.items():
            if plane().strip() != SAID:
                raise ValueError(f"{slug} has echo say something else")
        return found
