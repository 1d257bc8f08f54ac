"""Failures that somebody asked for: `Prefer: code=…`, `__code=…` in the query, or `+code=…` behind the credential."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from fakeserver.params import Pairs
from fakeserver.problems import FakeProblem
from fakeserver.spec import Operation

QUERY_FORMS = {"__code": "code", "__example": "example"}
KNOWN = frozenset({"code", "example", "handling"})
# Registered for other purposes (RFC 7240 and later); a client may send them to the real API, so they are ignored.
REGISTERED = frozenset({"respond-async", "return", "wait", "depth-noroot", "safe", "odata", "count", "tx"})
PREFERENCE = re.compile(r'\s*([^\s=;,"]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*))?\s*(?:;[^,]*)?')
SUFFIX = re.compile(r"\+(?=(?:code|example|times)=)")


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for, each part None where it was not."""

    code: str | None = None
    example: str | None = None
    handling: str = "strict"

    @property
    def empty(self) -> bool:
        return self.code is None and self.example is None

    def __str__(self) -> str:
        parts = {"code": self.code, "example": self.example}
        return ", ".join(f"{name}={value}" for name, value in parts.items() if value is not None)


@dataclass(frozen=True, slots=True)
class Forced:
    """A documented failure, ready to send; `body` is None for a status that the spec does not document."""

    status: int
    body: bytes | None


def read_prefer(text: str) -> dict[str, str]:
    """The preferences of a Prefer header (RFC 7240), names in lower case."""
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = PREFERENCE.match(text, position)
        if match is None or match.end() == position:
            raise FakeProblem(400, "The Prefer header cannot be read", field="Prefer")
        value = match[2] or ""
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        found.setdefault(match[1].lower(), value)
        position = match.end()
        if position < len(text):
            if text[position] != ",":
                raise FakeProblem(400, "The Prefer header cannot be read", field="Prefer")
            position += 1
    return found


def split_credential(credential: str) -> tuple[str, dict[str, str]]:
    """The credential itself, and what its suffix asks for: `key+code=429,example=x`."""
    key, *suffix = SUFFIX.split(credential, maxsplit=1)
    if not suffix:
        return credential, {}
    wishes = {}
    for part in suffix[0].split(","):
        name, _, value = part.partition("=")
        wishes[name.strip()] = value.strip()
    return key, wishes


def wish(prefer: str | None, query: Pairs, suffix: Mapping[str, str]) -> Wish:
    """What a request asks for, by header, query or credential; the header wins over the query over the credential."""
    asked = dict(suffix)
    asked |= {QUERY_FORMS[name]: text for name, text in query if name in QUERY_FORMS}
    if prefer is not None:
        asked |= read_prefer(prefer)
    handling = asked.get("handling", "strict")
    unknown = sorted(set(asked) - KNOWN - REGISTERED)
    if unknown and handling != "lenient":
        raise FakeProblem(
            400,
            f"Preference {unknown[0]!r} is not known; known are {', '.join(sorted(KNOWN))}",
            field=unknown[0],
        )
    if handling not in ("strict", "lenient"):
        raise FakeProblem(400, "handling must be strict or lenient", field="handling")
    return Wish(asked.get("code"), asked.get("example"), handling)


def answer(wanted: Wish, operation: Operation) -> Forced | None:
    """The failure that a wish names. None: a success was asked for, so the request goes on."""
    status = _status(wanted, operation)
    documented = operation.responses.get(status)
    if documented is None:
        if wanted.handling == "lenient" and 200 <= status <= 599:
            return Forced(status, None)
        codes = ", ".join(str(each) for each in operation.responses)
        raise FakeProblem(
            400,
            f"{operation.id} documents no {status}; documented are {codes} (Prefer: handling=lenient sends it anyway)",
            field="code",
        )
    if wanted.example is None:
        if status < 400:
            return None
        return Forced(status, orjson.dumps(next(iter(documented.examples.values()))))
    if wanted.example not in documented.examples:
        names = ", ".join(documented.examples) or "none"
        raise FakeProblem(
            400, f"{operation.id} {status} has no example {wanted.example!r}; it has {names}", field="example"
        )
    return Forced(status, orjson.dumps(documented.examples[wanted.example]))


def _status(wanted: Wish, operation: Operation) -> int:
    if wanted.code is not None:
        if re.fullmatch(r"[1-9][0-9]{2}", wanted.code) is None:
            raise FakeProblem(400, "code must be a status of three digits", field="code")
        return int(wanted.code)
    for status, response in operation.responses.items():
        if wanted.example in response.examples:
            return status
    raise FakeProblem(400, f"{operation.id} has no example {wanted.example!r}", field="example")
