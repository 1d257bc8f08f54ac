"""Access to Superserve's data plane: tokens in the place of keys, and the hosts at which sandboxes answer.

A token is the server's (Observed: HMAC-SHA256 over the sandbox's id and the hour, in hexadecimal digits; here SHA-256,
twice, with the secret in front). In a namespace its name follows behind a dot, since no path says there which world is
meant.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from hashlib import sha256

from fakeserver.provider import SECOND, Asked, DataPlane, Machine, Problem, Record, View, find_record
from fakeserver.providers.superserve.refusals import said
from fakeserver.providers.superserve.states import MACHINE

TOKEN_WINDOW = 3_600 * SECOND
"""Observed: how long an access token stays the same; the data plane takes that of the window before as well."""
TOKEN, SANDBOX, HOST = "X-Access-Token", "X-Superserve-Sandbox-Id", "Host"
HEADS = (SANDBOX, HOST)
"""Headers that say which sandbox is meant."""
HOSTS = re.compile(r"(?:boxd-([a-z0-9][a-z0-9-]{0,63})\.)?(?:[a-z]{1,17}-)?sandbox\.superserve\.ai")
"""Observed: superserve 0.11.4, the host that all sandboxes share, the same of a region or of staging, and the host that
each has of its own."""
IDENTITY = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
"""Observed: the provider's server, what an id may be like."""


def token_of(identity: str, view: View, hours_ago: int = 0) -> str:
    """The access token of a sandbox in this hour, or in one before."""
    text = f"{identity}|{view.now // TOKEN_WINDOW - hours_ago}"
    secret = view.issuer.secret
    # As good as HMAC where the secret is of fixed length, and every creation makes one.
    signed = sha256(secret + sha256(secret + text.encode()).digest()).digest().hex()
    return f"{signed}.{view.issuer.name}" if view.issuer.name else signed


def holds(token: str, identity: str, view: View) -> bool:
    """Whether a token is that of this hour, or of the one before."""
    known = [token_of(identity, view, hours) for hours in (0, 1)]
    return any(hmac.compare_digest(token.encode(), each.encode()) for each in known)


def world_of(headers: Mapping[str, str]) -> str:
    """The namespace of a token, in front of what may be asked of the fake behind it."""
    return headers.get(TOKEN.lower(), "").partition("+")[0].partition(".")[2].strip()


def addressed(asked: Asked) -> str:
    """The id of the sandbox that a host of its own names, or else a header."""
    host = (asked.headers[HOST] or "").lower().partition(":")[0]
    own = HOSTS.fullmatch(host)
    identity = (own and own[1]) or (asked.headers[SANDBOX] or "").lower()
    if IDENTITY.fullmatch(identity) is None:
        raise Problem(
            400, "invalid", "", issues=[said(SANDBOX, f"invalid sandbox URL: {SANDBOX} names none", "header")]
        )
    return identity


def find_running(asked: Asked, view: View) -> Record:
    """The sandbox that the token is for, running, or a Problem."""
    identity, token = addressed(asked), next(iter(view.keys), "")
    if not token:
        raise Problem(401, "auth_failed", f"missing {TOKEN} header")
    if not holds(token, identity, view):
        raise Problem(401, "auth_failed", "invalid access token")
    found = (find_record(view, tenant, identity) for tenant in view.tenants)
    record = next((each for each in found if each is not None), None)
    if record is None or record.document["status"] == "failed":
        # Assumed: a sandbox that has failed is none any more. Observed: code and sentence of one that there is not.
        raise Problem(404, "sandbox_route_stale", "sandbox not found")
    record = rested(record, view)
    if record.document["status"] != "active":
        raise Problem(503, "sandbox_unavailable", f"sandbox is {record.document['status']}")
    return record


def rested(record: Record, view: View, machine: Machine = MACHINE) -> Record:
    """The document where nothing is on its way for long: in a world without transitions, a passing state that it was
    seeded in is over when somebody does something to it."""
    life = machine.settle(record.life, view.now) if view.transitions == "immediate" else record.life
    return record if life is None else record.after(life)


PLANE = DataPlane(HOSTS, frozenset({"exec", "execStream", "readFile", "writeFile"}), world_of)
