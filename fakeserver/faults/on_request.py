"""Faults that a request asks for: `Prefer: code=…`, `__code=…` in the query, or `+code=…` behind the credential."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from fakeserver.arguments import near
from fakeserver.faults.headers import PREFIX, read_headers
from fakeserver.faults.scenarios import check_scenario
from fakeserver.faults.scripts import Effect, Fixed, make_effect
from fakeserver.problems import FakeProblem
from fakeserver.spec.credentials import Headers, credentials
from fakeserver.spec.parameters import query_pairs
from fakeserver.spec.reader import Operation

NAMES = ("code", "example", "delay", "fault", "times", "after", "phase", "outcome", "handling", "scenario")
WHAT = dict.fromkeys(("code", "example", "delay", "fault", "outcome", "scenario"))
"""Those that say what is done to an answer; the others say how."""
MAX_NAME = 100
"""Characters of an unknown name that a refusal repeats."""
QUERY_FORMS = {f"__{name}": name for name in NAMES}
QUERY_PREFIX = "__"
# Registered for other purposes (RFC 7240 and later); a client may send them to the real API, so they are ignored.
REGISTERED = frozenset({"respond-async", "return", "wait", "depth-noroot", "safe", "odata", "count", "tx"})
QUOTED = r'"(?:[^"\\]|\\.)*"'
PREFERENCE = re.compile(rf'\s*([^\s=;,"]+)\s*(?:=\s*({QUOTED}|[^\s;,"]*))?\s*(?:;(?:[^,"]|{QUOTED})*)?')
SUFFIX = re.compile(r"\+(?=(?:code|example|delay|fault|times|after|phase|outcome|scenario|header\.[^=+]{1,64})=)")
DELAY = re.compile(r"([0-9]{1,7}(?:\.[0-9]{1,3})?)(ms|s)?")

Preferences = dict[str, str]
"""What is asked for, as text, by the names in `NAMES`."""


@dataclass(frozen=True, slots=True)
class RequestedFault:
    """What a request asks for, checked; `text` repeats it. Of the requests that ask for the same, `times` get the
    effect (None: all), after the first `after` were let through."""

    text: str
    effect: Effect
    times: int | None = None
    after: int = 0
    scenario: str = ""
    """What a list shows, and its facets count; neither `times` nor `after` concern it."""
    fails: bool = True
    """Whether it asks for anything but a scenario."""


def read_request(
    operation: Operation, headers: Headers, query: bytes, inside: str | None = None
) -> tuple[list[str], RequestedFault | None]:
    """The credentials of a request without their suffixes (`inside` is one in its body), and the fault that it asks
    for; a FakeProblem where it asks for something unknown. The header wins over the query, the query over the
    credential."""
    keys: list[str] = []
    preferences: Preferences = {}
    for credential in (*credentials(operation, headers), *(() if inside is None else (inside,))):
        if "+" in credential:
            credential, suffix = split_credential(credential)
            preferences |= kept_of(suffix, operation)
        keys.append(credential)
    prefer = headers.get("prefer")
    if prefer is None and not preferences and b"__" not in query:
        return keys, None
    pairs = query_pairs(query)
    preferences |= {name.removeprefix(QUERY_PREFIX): text for name, text in pairs if is_query_form(name)}
    if prefer is not None:
        preferences |= read_prefer(prefer)
    misspelt = [
        name
        for name, _ in pairs
        if name.startswith(QUERY_PREFIX) and not is_query_form(name) and name not in operation.query_names
    ]
    if misspelt and preferences.get("handling") != "lenient":
        name = misspelt[0][:MAX_NAME]
        raise FakeProblem(400, f"Query parameter {name!r} is not known{near_form(name, QUERY_PREFIX)}", field=name)
    return keys, read_preferences(preferences, operation)


def is_query_form(name: str) -> bool:
    """Whether a field of the query asks the fake for something: `__code`, `__header.Retry-After`."""
    return name in QUERY_FORMS or name.startswith(QUERY_PREFIX + PREFIX)


def read_prefer(text: str) -> Preferences:
    """The preferences of a Prefer header (RFC 7240), names in lower case."""
    preferences: Preferences = {}
    position = 0
    while position < len(text):
        match = PREFERENCE.match(text, position)
        if match is None or match.end() == position:
            raise FakeProblem(400, "The Prefer header cannot be read", field="Prefer")
        value = match[2] or ""
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        preferences.setdefault(match[1].lower(), value)
        position = match.end()
        if position < len(text):
            if text[position] != ",":
                raise FakeProblem(400, "The Prefer header cannot be read", field="Prefer")
            position += 1
    return preferences


def split_credential(credential: str) -> tuple[str, Preferences]:
    """The credential itself, and what its suffix asks for: `key+code=503,times=2`."""
    key, *suffix = SUFFIX.split(credential, maxsplit=1)
    preferences = {}
    for part in suffix[0].split(",") if suffix else ():
        name, _, value = part.partition("=")
        preferences[name.strip()] = value.strip()
    return key, preferences


def check_suffixes(keys: Iterable[str], known: Container[str]) -> None:
    """Say what is misspelt where something stands behind a known credential that asks the fake for nothing."""
    for each in keys:
        key, plus, suffix = each.partition("+")
        if plus and key in known:
            raise unknown_preference(suffix.partition("=")[0])


def kept_of(suffix: Preferences, operation: Operation) -> Preferences:
    """What a credential asks of this operation. It goes with every call of an SDK, so an outcome that another operation
    has asks nothing here, nor does what says how."""
    if suffix.get("outcome") not in operation.others_outcomes:
        return suffix
    left = {name: text for name, text in suffix.items() if name != "outcome"}
    says_what = any(name in WHAT or name.startswith(PREFIX) for name in left)
    return left if says_what else {}


def read_preferences(preferences: Mapping[str, str], operation: Operation) -> RequestedFault | None:
    """The fault that preferences ask for; None where they ask for nothing of the fake's."""
    handling = preferences.get("handling", "strict")
    if handling not in ("strict", "lenient"):
        raise FakeProblem(400, "handling must be strict or lenient", field="handling")
    scenario = check_scenario(preferences["scenario"]) if "scenario" in preferences else ""
    if scenario and not operation.shows_scenarios:
        # A credential goes with every call of an SDK, and a preference that cannot be followed is ignored.
        preferences, scenario = {name: text for name, text in preferences.items() if name != "scenario"}, ""
    named = {name: text for name, text in preferences.items() if name.startswith(PREFIX)}
    unknown = sorted(set(preferences) - set(NAMES) - REGISTERED - named.keys())
    if unknown and handling != "lenient":
        raise unknown_preference(unknown[0])
    wanted = {name: preferences[name] for name in NAMES if name in preferences and name != "handling"} | named
    if not named and not wanted.keys() & WHAT:
        if wanted:
            name = next(iter(wanted))
            raise FakeProblem(400, f"{name} says how, but not what: add {', '.join(WHAT)} or a header", field=name)
        return None
    text = ", ".join(f"{name}={value}" for name, value in wanted.items())
    effect = make_effect(
        operation,
        # A header may hold what nobody shall read in the journal, or in a snapshot.
        label=", ".join(name if name in named else f"{name}={value}" for name, value in wanted.items()),
        code=read_number("code", wanted["code"]) if "code" in wanted else None,
        example=wanted.get("example"),
        headers=read_headers(named),
        delay=Fixed(read_delay(wanted["delay"])) if "delay" in wanted else None,
        fault=wanted.get("fault"),
        phase=wanted.get("phase", "before"),
        outcome=wanted.get("outcome", ""),
        lenient=handling == "lenient",
    )
    times = read_number("times", wanted["times"]) if "times" in wanted else None
    after = read_number("after", wanted.get("after", "0"))
    fails = bool(named) or bool(wanted.keys() - {"scenario"})
    return RequestedFault(text, effect, times, after, scenario, fails)


def unknown_preference(name: str) -> FakeProblem:
    """The refusal of a name that asks for nothing, with the one that was probably meant."""
    name = name[:MAX_NAME]
    return FakeProblem(400, f"Preference {name!r} is not known{near_form(name)}", field=name)


def near_form(name: str, prefix: str = "") -> str:
    """What was probably meant by an unknown name; where it has a point, a header of that name may have been."""
    _, _, header = name.partition(".")
    return near(name, (*(f"{prefix}{each}" for each in NAMES), f"{prefix}{PREFIX}{header or 'NAME'}"))


def read_number(name: str, text: str) -> int:
    if re.fullmatch(r"[0-9]{1,6}", text) is None:
        raise FakeProblem(400, f"{name} must be a whole number", field=name)
    return int(text)


def read_delay(text: str) -> float:
    """Seconds, from `250`, `250ms` or `1.5s`."""
    match = DELAY.fullmatch(text)
    if match is None:
        raise FakeProblem(400, "delay must be milliseconds, as 250 or 250ms, or seconds, as 1.5s", field="delay")
    return float(match[1]) * (1.0 if match[2] == "s" else 0.001)
