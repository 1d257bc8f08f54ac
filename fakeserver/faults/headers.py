"""The headers that a failure brings along, whichever way somebody asks for it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fakeserver.problems import FakeProblem

FRAMING = frozenset({"content-length", "content-type", "transfer-encoding", "connection", "date", "x-fakeserver-fault"})
"""Headers that the server sets by what it sends."""
CORS = "access-control-"
"""What the headers begin with that let pages in, which `--origin` decides."""
MAX_RETRY_DIGITS = 10
"""Digits of the seconds that a client may be asked to wait."""
MAX_HEADERS = 20
"""Headers that one request may ask for."""
NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
MAX_TEXT = 1_024
"""Characters of a header that a request asks for."""
MAX_SHOWN = 100
"""Characters of its name that a refusal repeats."""
TEXT = re.compile(rf"[ -~]{{0,{MAX_TEXT}}}")
PREFIX = "header."
"""What stands in front of a header's name where a request asks for it: `header.Retry-After=30`."""


def object_to_header(name: str, text: str) -> str | None:
    """Why a failure cannot bring this header along, or None."""
    if name.lower() in FRAMING or name.lower().startswith(CORS):
        return "is set by the server itself"
    if name.lower() == "retry-after" and text.isdigit() and len(text) > MAX_RETRY_DIGITS:
        return f"must have at most {MAX_RETRY_DIGITS} digits"
    return None


def read_headers(preferences: Mapping[str, str]) -> dict[str, str]:
    """Headers that a request asks for, by name; `preferences` has them with their prefix. A FakeProblem names one that
    cannot be sent."""
    if len(preferences) > MAX_HEADERS:
        raise FakeProblem(400, f"at most {MAX_HEADERS} headers can be asked for", field="header")
    found = {}
    for preference, text in preferences.items():
        name = preference.removeprefix(PREFIX)
        objection = object_to_header(name, text)
        if NAME.fullmatch(name) is None:
            objection = "is not the name of a header"
        elif TEXT.fullmatch(text) is None:
            objection = f"must be at most {MAX_TEXT} printable ASCII characters"
        if objection is not None:
            shown = preference[:MAX_SHOWN]
            raise FakeProblem(400, f"{shown} {objection}", field=shown)
        found[name] = text
    return found
