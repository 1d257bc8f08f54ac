"""What no page states: requests that may be read in several ways, so that a server may change from one to another.

A changed server is permitted only when each answer that differs is one that the correct server gives to another reading
of the same request, or a refusal in the provider's own dialect. One stated difference makes the change a bug.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from contract_tests.outcome import Pairs
from contract_tests.planted.backend import Handler
from contract_tests.planted.probes import session
from contract_tests.planted.replay import Replay, same
from contract_tests.promises import BY_SLUG, Refusal
from contract_tests.sending.ask import Ask, Reply
from fakeserver.providers.superserve.limits import MAX_KEY_BYTES, MAX_METADATA_BYTES, MAX_PAIRS, MAX_VALUE_BYTES
from fakeserver.spec.json_text import MAX_JSON_DEPTH

SINGLE = {
    "dreadnode": ("project_id", "limit", "cursor"),
    "instavm": ("metadata", "limit"),
    "prime": ("team_id", "user_id", "status", "is_active", "page", "per_page"),
    "superserve": ("status", "limit", "offset"),
}
"""The parameters that take one value; to give the others more than once has a meaning."""
PREFIX = "metadata."
NOBODY = "no-such-key-anywhere"

Readings = Callable[[str, Pairs], Iterable[Pairs]]


@dataclass(frozen=True, slots=True)
class Silence:
    """A kind of request whose answer no page states. `readings` are the other ways to read a request, as queries whose
    answers are stated; none where the request is not of this kind."""

    name: str
    slugs: tuple[str, ...]
    reason: str
    readings: Readings


def read_repeated(slug: str, query: Pairs) -> Iterable[Pairs]:
    """One of the values counts, whichever it is."""
    counts = Counter(name for name, _ in query)
    several = [name for name in counts if counts[name] > 1 and (name in SINGLE[slug] or name.startswith(PREFIX))]
    for name in several[:1]:
        rest = [pair for pair in query if pair[0] != name]
        yield from ((*rest, pair) for pair in query if pair[0] == name)


def read_empty(slug: str, query: Pairs) -> Iterable[Pairs]:
    """An empty value, or an empty piece between commas, is left out."""
    names = SINGLE[slug]
    if any(name in names and not all(text.split(",")) for name, text in query):
        pieces = [(name, _without_empty(text) if name in names else text) for name, text in query]
        yield tuple(pair for pair in pieces if pair[1] or pair[0] not in names)


def _without_empty(text: str) -> str:
    return ",".join(piece for piece in text.split(",") if piece)


def read_strange_json(slug: str, query: Pairs) -> Iterable[Pairs]:
    """JSON that is nested very deep, or has half of a surrogate pair: no row has it."""
    if any(name == "metadata" and _is_strange(text) for name, text in query):
        rest = [pair for pair in query if pair[0] != "metadata"]
        yield (*rest, ("metadata", json.dumps({NOBODY: NOBODY})))


def _is_strange(text: str) -> bool:
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except ValueError:
        return False
    depth, level = 0, [value]
    while level:
        depth += 1
        inner = [
            [*each.values()] if isinstance(each, dict) else each for each in level if isinstance(each, dict | list)
        ]
        level = [each for several in inner for each in several]
    return depth > MAX_JSON_DEPTH


def read_large(slug: str, query: Pairs) -> Iterable[Pairs]:
    """Metadata at or beyond the observed limits: no row has it."""
    pairs = [(name.removeprefix(PREFIX), text) for name, text in query if name.startswith(PREFIX)]
    sizes = [(len(name.encode()), len(text.encode())) for name, text in pairs]
    if (
        len(pairs) >= MAX_PAIRS
        or sum(map(sum, sizes)) >= MAX_METADATA_BYTES
        or any(key >= MAX_KEY_BYTES or value >= MAX_VALUE_BYTES for key, value in sizes)
    ):
        rest = [pair for pair in query if not pair[0].startswith(PREFIX)]
        yield (*rest, (PREFIX + NOBODY, NOBODY))


SILENCES = (
    Silence(
        "repeated value",
        tuple(SINGLE),
        "No page says which value counts when a parameter that takes one is given more than once; 004 speaks of "
        "different keys only.",
        read_repeated,
    ),
    Silence(
        "empty value",
        ("superserve",),
        "Page 004 has neither `status` nor `limit` nor `offset`, so that nothing says what an empty one means.",
        read_empty,
    ),
    Silence(
        "strange JSON",
        ("instavm",),
        "Page 002 asks for a JSON string; it says nothing of how deep it may be, nor of half a surrogate pair, which "
        "JSON permits and PostgreSQL does not.",
        read_strange_json,
    ),
    Silence(
        "large metadata",
        ("superserve",),
        "Page 004 names no limit of a filter by metadata.",
        read_large,
    ),
)
SHAPE = "shape of a refusal"
"""Page 003 documents no refusal, and the provider is observed with two shapes: the same parameters named in the other
one are the same refusal."""


def grounds(slug: str, ask: Ask, right: Reply, changed: Reply, answer: Callable[[Ask], Reply]) -> str:
    """The silence that permits the other answer, or nothing where a page contradicts it."""
    refused = is_refusal(slug, changed)
    if slug == "prime" and refused and is_refusal(slug, right) and _names(slug, right) == _names(slug, changed):
        return SHAPE
    query = (*ask.query, *parse_qsl(ask.raw, keep_blank_values=True))
    for silence in SILENCES:
        readings = [*silence.readings(slug, query)] if slug in silence.slugs else []
        asks = [replace(ask, query=tuple(each), raw="") for each in readings]
        if asks and (refused or any(same(changed, answer(each)) for each in asks)):
            return silence.name
    return ""


def is_refusal(slug: str, reply: Reply) -> bool:
    """Whether a value is refused with the provider's status, in its dialect."""
    return reply.status == BY_SLUG[slug].refusals.value and _refusal(slug, reply) is not None


def _refusal(slug: str, reply: Reply) -> Refusal | None:
    try:
        return BY_SLUG[slug].refusals.read(reply.json())
    except ValueError:
        return None


def _names(slug: str, reply: Reply) -> frozenset[str] | None:
    refusal = _refusal(slug, reply)
    return refusal.names if refusal is not None else None


def unstated_grounds(slug: str, operation: str, handler: Handler) -> tuple[str, ...] | None:
    """The silences that cover every difference from the correct server, none where there is no difference; None where
    a difference is stated."""
    recorded = session(slug, operation)
    found: dict[str, None] = {}
    for right, changed in recorded.differences(Replay(slug, handler)):
        ground = grounds(slug, right.ask, right, changed, recorded.replay.send)
        if not ground:
            return None
        found[ground] = None
    return tuple(found)
