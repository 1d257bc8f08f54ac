"""What Prime says about one sandbox: its logs, why it failed, and the way to what runs in it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator

from fakeserver.provider import SECOND, Asked, Document, Result, View, at
from fakeserver.providers.prime.access import find_changeable, find_sandbox
from fakeserver.providers.prime.states import job_of

TOKEN_SECONDS = 3_600
"""Observed: prime-sandboxes 0.5.1 keeps a token for about an hour, and asks for another before it expires."""
UNFIT = re.compile("[^a-z0-9]+")
"""What a namespace of Kubernetes has no room for."""
GATEWAY = "/gateway"
"""Assumed: where the gateway is, behind the provider's base URL."""


def get_error_context(asked: Asked, view: View) -> Result:
    document = find_sandbox(view, asked.values["sandbox_id"]).document
    return Result(200, {name: document.get(name) for name in ("status", "errorType", "errorMessage")})


def get_logs(asked: Asked, view: View) -> Result:
    return Result(200, {"logs": "".join(lines_of(find_sandbox(view, asked.values["sandbox_id"]).document))})


def lines_of(document: Document) -> Iterator[str]:
    """Assumed: what the platform itself has to say; no command has run yet that could add to it."""
    yield f"{document['createdAt']} Sandbox {document['id']} created from {document['dockerImage']}\n"
    if document.get("startedAt") is not None:
        yield f"{document['startedAt']} Sandbox started\n"
    if document.get("errorMessage") is not None:
        yield f"{document['updatedAt']} {document['errorMessage']}\n"
    if document.get("terminatedAt") is not None:
        yield f"{document['terminatedAt']} Sandbox terminated\n"


def get_token(asked: Asked, view: View) -> Result:
    """A token for the gateway, which an SDK compares with its own clock. Assumed: a sandbox in whatever state has one,
    since the gateway itself says what is wrong; and who may not change a sandbox has none."""
    record = find_changeable(view, asked.values["sandbox_id"])
    document = record.document
    expires = view.wall() + TOKEN_SECONDS * SECOND
    account = document.get("teamId") or document.get("userId") or record.tenant
    answer = {
        "token": signed(view, {"aud": "gateway", "sub": record.identity, "exp": expires // SECOND}),
        "gateway_url": view.base_url() + GATEWAY,
        "user_ns": UNFIT.sub("-", account.lower()),
        "job_id": job_of(document),
        "expires_at": at(expires),
    }
    return Result(200, answer)


def signed(view: View, claims: Document) -> str:
    """A JSON Web Token (RFC 7519) that nobody else can make, and that nothing has to remember."""
    head = ".".join(in_base64(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return f"{head}.{in_base64(hmac.digest(view.issuer.secret, head.encode(), hashlib.sha256))}"


def in_base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
