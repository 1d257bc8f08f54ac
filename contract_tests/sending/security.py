"""Where a credential travels: the documented schemes, and the name by which a law says which credential is meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contract_tests.sending.secret import Secret

GARBAGE = "no-such-credential-4f1c9d"

GIVEN = ("token", "other", "colleague")
"""Those that somebody gave: the first caller's, that of a stranger, and that of a colleague."""
CREDENTIALS = (*GIVEN, "none", "garbage", "malformed", "truncated", "recased")
"""`malformed` is the token behind the wrong scheme, `truncated` lacks its last character, `recased` swaps its case."""

SHELL: Mapping[str, str] = {"token": "$TOKEN", "other": "$OTHER_TOKEN", "colleague": "$COLLEAGUE_TOKEN"}
"""What stands for the credentials in a line for a shell."""
RECASED = """$(printf %s "$TOKEN" | tr 'A-Za-z' 'a-zA-Z')"""
"""The token with its case swapped, for a POSIX shell."""


class NeverSent(ValueError):
    """A request that the kit never sends."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """Where a credential travels: the header and what stands before the credential."""

    header: str
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Security:
    """The documented schemes, the main one first."""

    schemes: tuple[Scheme, ...]

    @property
    def channels(self) -> tuple[str, ...]:
        """The names for `Ask.channel`, the main one first."""
        return ("", *(scheme.header for scheme in self.schemes[1:]))

    @classmethod
    def of_spec(cls, document: Mapping[str, Any], operation: Mapping[str, Any]) -> Security:
        """The schemes of an operation of an OpenAPI document, in the order of its `security`."""
        declared = document["components"]["securitySchemes"]
        schemes = []
        for requirement in operation.get("security", document.get("security", [])):
            for name in requirement:
                scheme = declared[name]
                if scheme["type"] == "apiKey":
                    schemes.append(Scheme(scheme["name"]))
                else:
                    schemes.append(Scheme("Authorization", "Bearer "))
        return cls(tuple(schemes))

    def header_for(self, credential: str, channel: str, secrets: Mapping[str, str]) -> tuple[str, str] | None:
        """The header that carries this credential, or None where nothing is sent."""
        if credential not in CREDENTIALS:
            raise NeverSent(f"no credential is called {credential!r}")
        if credential == "none":
            return None
        scheme = self.scheme_of(channel)
        if credential == "garbage":
            return scheme.header, scheme.prefix + GARBAGE
        secret = secrets.get(credential if credential in GIVEN else "token")
        if secret is None:
            raise NeverSent(f"the credential {credential!r} was not given")
        shown = secret.startswith("$")
        match credential:
            case "malformed":
                return scheme.header, Secret(("Basic " if scheme.prefix else "Bearer ") + secret)
            case "truncated":
                return scheme.header, Secret(scheme.prefix + ("${TOKEN%?}" if shown else secret[:-1]))
            case "recased":
                return scheme.header, Secret(scheme.prefix + (RECASED if shown else secret.swapcase()))
        return scheme.header, Secret(scheme.prefix + secret)

    def scheme_of(self, channel: str) -> Scheme:
        """The scheme whose header this is; the main one for no header."""
        if not channel:
            return self.schemes[0]
        for scheme in self.schemes:
            if scheme.header.lower() == channel.lower():
                return scheme
        raise NeverSent(f"the spec documents no credential in {channel!r}")


def derived_from(secret: str) -> tuple[str, ...]:
    """What is sent of a credential, by `CREDENTIALS`; whoever sees one of these knows the others."""
    return secret, secret[:-1], secret.swapcase()


BEARER = Security((Scheme("Authorization", "Bearer "),))
