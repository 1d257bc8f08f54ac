"""The secrets of a run: they reach the header that carries them, and no text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from html import escape
from urllib.parse import quote

from contract_tests.sending.ask import Ask, Reply
from contract_tests.sending.secret import Secret
from contract_tests.sending.security import Security, derived_from

SHORTEST_REDACTED = 4
"""Shorter secrets are not looked for: a report would lose half of its words."""
SHORTEST_REPEATED = 8
"""A shorter secret may be in an answer by chance."""
MAX_SEARCHED_BYTES = 200_000
REDACTED = "[redacted]"
WORDS = re.compile(rf"[^\s=;,:]{{{SHORTEST_REPEATED},}}")
"""What a header's value is made of: the token behind `Bearer`, the value of a cookie."""


def spellings_of(secret: str) -> set[str]:
    """The secret as it stands, and as HTML, URLs and JSON spell it; nothing where it is too short to look for."""
    if len(secret) < SHORTEST_REDACTED:
        return set()
    return {secret, escape(secret), quote(secret, safe=""), json.dumps(secret)[1:-1]}


class Credentials:
    """The token and, as `other` and `colleague`, those of further callers. A repr names them and shows none."""

    def __init__(self, secrets: Mapping[str, str], hidden: Iterable[str] = ()) -> None:
        """`hidden` are texts that are no credentials of the API, and are as little to be shown: of each, its longer
        words as well."""
        self._secrets = {name: Secret(secret) for name, secret in secrets.items()}
        words = {word for text in hidden for word in (text, *WORDS.findall(text))}
        given = {secret for secret in self._secrets.values() if len(secret) >= SHORTEST_REDACTED}
        derived = {each for secret in given for each in derived_from(secret) if len(each) >= SHORTEST_REPEATED}
        self._spellings = sorted(
            {Secret(spelling) for secret in given | derived | words for spelling in spellings_of(secret)},
            key=lambda spelling: (-len(spelling), spelling),
        )

    def __repr__(self) -> str:
        return f"Credentials({', '.join(self._secrets)})"

    def __contains__(self, name: str) -> bool:
        return name in self._secrets

    def header(self, security: Security, ask: Ask) -> tuple[str, str] | None:
        """The header that carries the credential which the ask names, or None where nothing is sent."""
        return security.header_for(ask.credential, ask.channel, self._secrets)

    def redact(self, text: str) -> str:
        """The last line of defence: should a credential be in the text after all, it goes."""
        for spelling in self._spellings:
            text = text.replace(spelling, REDACTED)
        return text

    def is_repeated_by(self, reply: Reply) -> bool:
        """Whether the answer holds one of the credentials, in a header or in a body that is not too long to search."""
        body = reply.body if len(reply.body) < MAX_SEARCHED_BYTES else b""
        return any(
            secret.encode() in body or any(secret in text for text in reply.headers.values())
            for secret in self._secrets.values()
            if len(secret) >= SHORTEST_REPEATED
        )
