"""What Prime says about one sandbox: its logs, why it failed, and the way to what runs in it."""

from __future__ import annotations

from collections.abc import Iterator

from fakeserver.provider import Asked, Document, Result, View, at
from fakeserver.providers.prime.access import find_changeable, find_sandbox
from fakeserver.providers.prime.gateway import GATEWAY, namespace_of
from fakeserver.providers.prime.states import job_of
from fakeserver.providers.prime.tokens import make_token


def get_error_context(asked: Asked, view: View) -> Result:
    document = find_sandbox(view, asked.values["sandbox_id"]).document
    return Result(200, {name: document.get(name) for name in ("status", "errorType", "errorMessage")})


def get_logs(asked: Asked, view: View) -> Result:
    return Result(200, {"logs": "".join(lines_of(find_sandbox(view, asked.values["sandbox_id"]).document))})


def lines_of(document: Document) -> Iterator[str]:
    """Assumed: what the platform itself has to say, and nothing of what commands write."""
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
    token, expires = make_token(record, view)
    answer = {
        "token": token,
        "gateway_url": view.base_url() + GATEWAY,
        "user_ns": namespace_of(record),
        "job_id": job_of(record.document),
        "expires_at": at(expires),
    }
    return Result(200, answer)
