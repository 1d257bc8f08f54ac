"""What a row of Prime's has beyond the reference page, and how answers show it."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from fakeserver.provider import Choice, Document, Extras, Json, View

IDLE_MINUTES = 30
MASKED = "********"
SDK = Choice("fields", "sdk")


def observed(document: Document) -> Document:
    """What prime-sandboxes 0.5.1 reads of a row and the page has not. Observed: a list of nobody for who may reach no
    network, and a build for an image that is still made while a sandbox is PENDING. Assumed: which sandboxes have an
    idle timeout or secrets, how these are masked, and that a reason for the end is the type of its error."""
    chance = sha256(document["id"].encode()).digest()[:4]
    timeout = document["timeoutMinutes"]
    ended = document["status"] == "TERMINATED"
    return {
        "networkAllowlist": allowed_by(document),
        "networkDenylist": None,
        "idleTimeoutMinutes": min(IDLE_MINUTES, timeout) if chance[0] % 4 == 0 and timeout > 0 else None,
        "terminationReason": document.get("errorType") if ended else None,
        # Observed: the provider's OpenAPI, VM sandboxes have none.
        "secrets": {"API_TOKEN": MASKED} if chance[1] % 5 == 0 and not document.get("vm", False) else None,
        "pendingImageBuildId": build_of(chance) if document["status"] == "PENDING" and chance[2] % 2 else None,
    }


def build_of(chance: bytes) -> str:
    return f"build-{chance.hex()}"


def allowed_by(document: Document) -> list[str] | None:
    """The destinations that a sandbox without lists of its own may reach; None for all."""
    return None if document["networkAccess"] else []


EXTRAS = Extras(
    SDK,
    (
        *("networkAllowlist", "networkDenylist", "idleTimeoutMinutes", "terminationReason", "secrets"),
        "pendingImageBuildId",
    ),
    observed,
)


def shown(document: Document, view: View) -> Document:
    """A sandbox as answers show it under the world's switches, alone as in lists."""
    return EXTRAS.added_to(document) if SDK.is_made(view.switches) else document


def wished_for(body: Document, view: View) -> Iterator[tuple[str, Json]]:
    """The same fields of a new sandbox: those that it was wished for with, and with the switch also that it was not
    wished for with others, since what a seeded one has is nobody's wish."""
    idle, secrets = body.get("idle_timeout_minutes"), body.get("secrets")
    if idle is not None or SDK.is_made(view.switches):
        yield "idleTimeoutMinutes", idle
    if secrets is not None or SDK.is_made(view.switches):
        # Their values are not kept.
        yield "secrets", None if secrets is None else dict.fromkeys(secrets, MASKED)
    if SDK.is_made(view.switches):
        yield "pendingImageBuildId", None
