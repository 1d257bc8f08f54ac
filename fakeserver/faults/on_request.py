"""Failures that a request asks for: `Prefer: code=…`, `__code=…` in the query, or `+code=…` behind the credential."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from fakeserver.faults.scripts import Failure, Fixed, failure_of
from fakeserver.problems import FakeProblem
from fakeserver.spec.parameters import Pairs
from fakeserver.spec.reader import Operation

NAMES = ("code", "example", "delay", "fault", "times", "after", "phase", "handling")
QUERY_FORMS = {f"__{name}": name for name in NAMES}
# Registered for other purposes (RFC 7240 and later); a client may send them to the real API, so they are ignored.
REGISTERED = frozenset({"respond-async", "return", "wait", "depth-noroot", "safe", "odata", "count", "tx"})
QUOTED = r'"(?:[^"\\]|\\.)*"'
PREFERENCE = re.compile(rf'\s*([^\s=;,"]+)\s*(?:=\s*({QUOTED}|[^\s;,"]*))?\s*(?:;(?:[^,"]|{QUOTED})*)?')
SUFFIX = re.compile(r"\+(?=(?:code|example|delay|fault|times|after|phase)=)")
DELAY = re.compile(r"([0-9]{1,7}(?:\.[0-9]{1,3})?)(ms|s)?")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request asks for, checked. `times` of them fail, after the first `after` were let through."""

    text: str
    failure: Failure
    times: int | None = None
    after: int = 0


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
    """The credential itself, and what its suffix asks for: `key+code=503,times=2`."""
    if "+" not in credential:
        return credential, {}
    key, *suffix = SUFFIX.split(credential, maxsplit=1)
    wishes = {}
    for part in suffix[0].split(",") if suffix else ():
        name, _, value = part.partition("=")
        wishes[name.strip()] = value.strip()
    return key, wishes


def wish(prefer: str | None, query: Pairs, suffix: Mapping[str, str], operation: Operation) -> Wish | None:
    """What is asked for, by header, query or credential; the header wins over the query over the credential."""
    asked = dict(suffix)
    asked |= {QUERY_FORMS[name]: text for name, text in query if name in QUERY_FORMS}
    if prefer is not None:
        asked |= read_prefer(prefer)
    handling = asked.pop("handling", "strict")
    if handling not in ("strict", "lenient"):
        raise FakeProblem(400, "handling must be strict or lenient", field="handling")
    unknown = sorted(set(asked) - set(NAMES) - REGISTERED)
    if unknown and handling != "lenient":
        raise FakeProblem(
            400, f"Preference {unknown[0]!r} is not known; known are {', '.join(NAMES)}", field=unknown[0]
        )
    wanted = {name: asked[name] for name in NAMES if name in asked}
    if not wanted.keys() & {"code", "example", "delay", "fault"}:
        if wanted:
            name = next(iter(wanted))
            raise FakeProblem(400, f"{name} says how, but not what: add code, example, delay or fault", field=name)
        return None
    text = ", ".join(f"{name}={value}" for name, value in wanted.items())
    failure = failure_of(
        operation,
        label=text,
        code=_whole("code", wanted["code"]) if "code" in wanted else None,
        example=wanted.get("example"),
        delay=Fixed(_seconds(wanted["delay"])) if "delay" in wanted else None,
        fault=wanted.get("fault"),
        phase=wanted.get("phase", "before"),
        lenient=handling == "lenient",
    )
    times = _whole("times", wanted["times"]) if "times" in wanted else None
    return Wish(text, failure, times, _whole("after", wanted.get("after", "0")))


def _whole(name: str, text: str) -> int:
    if re.fullmatch(r"[0-9]{1,6}", text) is None:
        raise FakeProblem(400, f"{name} must be a whole number", field=name)
    return int(text)


def _seconds(text: str) -> float:
    match = DELAY.fullmatch(text)
    if match is None:
        raise FakeProblem(400, "delay must be milliseconds, as 250 or 250ms, or seconds, as 1.5s", field="delay")
    return float(match[1]) * (1.0 if match[2] == "s" else 0.001)
