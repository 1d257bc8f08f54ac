"""Tokens for Prime's gateway: what they claim is written in them, so that nothing has to remember them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json

from fakeserver.provider import SECOND, Document, Record, View

TOKEN_SECONDS = 3_600
"""Observed: prime-sandboxes 0.5.1 keeps a token for about an hour, and asks for another before it expires."""
MAX_TOKEN = 4_096
"""Characters of a token that is read."""


def make_token(record: Record, view: View) -> tuple[str, int]:
    """A token for a sandbox, and when it expires, by the clock on the wall."""
    expires = view.wall() + TOKEN_SECONDS * SECOND
    claims = {"aud": "gateway", "sub": record.identity, "tenant": record.tenant, "exp": expires // SECOND}
    return signed(view, claims), expires


def signed(view: View, claims: Document) -> str:
    """A JSON Web Token (RFC 7519) that nobody outside this world can make."""
    head = ".".join(in_base64(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return f"{head}.{signature_of(view, head)}"


def signature_of(view: View, head: str) -> str:
    return in_base64(hmac.digest(view.issuer.secret, head.encode(), hashlib.sha256))


def in_base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def read_token(view: View) -> Document | None:
    """What the token of a request claims; None where it has none, or one that does not count."""
    for key in view.keys:
        token = key.partition("+")[0]
        head, _, signature = token.rpartition(".")
        if len(token) <= MAX_TOKEN and hmac.compare_digest(signature_of(view, head).encode(), signature.encode()):
            claims = claims_of(head)
            if claims is not None and claims["exp"] * SECOND > view.wall():
                return claims
    return None


def claims_of(head: str) -> Document | None:
    """What a token that this world has signed claims; its secret signs other things as well."""
    try:
        claims = json.loads(base64.urlsafe_b64decode(head.partition(".")[2] + "=="))
    except (binascii.Error, ValueError):
        return None
    return claims if isinstance(claims, dict) and claims.get("aud") == "gateway" else None
