"""Functions such as providers have, which are said again in TypeScript and asked the same there."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

from fakeserver.provider import at, instant, naive

NAMES = {"a": "one", "10": "ten", "b": "two"}
WORD = re.compile(r"([a-z]+)-([0-9]+)")
PLACES = {("a", 1): "first", ("b", 2): "second"}
OPEN = frozenset({"a", "b"})
LARGE = 1_000


RULES: dict[str, Callable[[int], int]] = {
    "more": lambda value: value + 1 if value > 2 else -value,
    "less": lambda value: value - 1,
    "same": lambda value: value,
}


class Pair(NamedTuple):
    first: int
    second: str = "none"

    @property
    def both(self) -> str:
        return f"{self.first}:{self.second!r}"


def members(value: dict[str, Any]) -> list[Any]:
    """Objects keep their order, and numbers how they are written."""
    changed = {**value, "10": 1, "z": value.get("a"), "a": [*value.get("list", ()), 2.0]}
    changed |= NAMES
    changed.pop("none", None)
    return [changed, list(changed), "10" in changed, len(changed), changed.keys() & {"a", "q"} == {"a"}]


def truths(value: list[Any]) -> list[Any]:
    return [[bool(each), each or "other", each and "both", not each, each is None, each == 1] for each in value]


def arithmetic(one: int, other: int) -> list[Any]:
    found = [one + other, one - other, one * other, one // other, one % other, -one, one * 1_000, max(one, other, 0)]
    return [*found, divmod(one, other), one < other <= LARGE, sum([one, other]), min([one, other], key=abs), abs(one)]


def bits(one: int, other: int) -> list[Any]:
    return [one & other, one | other, one ^ other, (one ^ other).to_bytes(8, "big").hex()]


def texts(text: str) -> list[Any]:
    head, sign, tail = text.partition("-")
    found = WORD.fullmatch(text)
    return [
        head,
        sign,
        tail,
        text.upper(),
        text[1:],
        text[-1:],
        text[::-1],
        text.strip(),
        text.split("-"),
        f"{text!r} {len(text):,}",
        text.removeprefix("w"),
        text.startswith(("w", "x")),
        found and found[2],
        text.replace("-", "+"),
        "-".join(sorted(text)),
        text.encode().hex(),
        WORD.sub("<>", text),
        text.title(),
        f"{len(text):04d}",
        text.rstrip("1"),
        repr([text, None, True, 1.5]),
    ]


def loops(values: list[int]) -> list[Any]:
    found: list[Any] = []
    for index, value in enumerate(values):
        if value < 0:
            continue
        if value > LARGE:
            break
        found.append((index, value))
    while len(found) > 3:
        found.pop()
    total = 0
    total += sum(value for value in values if value % 2)
    return [
        found,
        total,
        [a * b for a in values for b in values if a < b],
        {str(v): v for v in values},
        any(v > 5 for v in values),
        next((v for v in values if v > 2), None),
        sorted(values, key=lambda v: (v % 3, -v)),
        [*zip(values, "abc", strict=False)],
    ]


def issues(value: Mapping[str, Any]) -> Iterator[str]:
    match value.get("kind"):
        case "a" | "b":
            yield "letter"
        case None:
            yield "nothing"
        case int():
            yield "number"
        case other:
            yield f"other {other}"
    yield from (f"{name} is open" for name in value if name in OPEN)


def collected(value: dict[str, Any]) -> list[str]:
    return [*issues(value), *map(partial(named, "x"), value)]


def named(prefix: str, name: str, *more: str) -> str:
    return prefix + name + "".join(more)


def pairs(value: int) -> list[Any]:
    first = Pair(value)
    number, text = Pair(value, second="two")
    return [first.both, number, text, first == Pair(value), named("p", "n", "m"), [*first]]


def ruled(value: int) -> list[Any]:
    return [*(rule(value) for rule in RULES.values())]


def placed(place: list[Any]) -> list[Any]:
    """Tuples are keys by what is in them."""
    key = tuple(place)
    found = {**PLACES, ("new", 1): "mine"}
    found[key] = found.get(key, "none") + "!"
    return [PLACES.get(key), key in PLACES, found[key], len(found), key in {("a", 1), ("c", 3)}]


def refused(text: str) -> str:
    try:
        return str(int(text))
    except ValueError:
        return "no number"


def addresses(text: str) -> list[str]:
    found = []
    for read in (ipaddress.ip_address, ipaddress.ip_network, loosely):
        try:
            found.append(str(read(text)))
        except ValueError:
            found.append("refused")
    return found


def loosely(text: str) -> ipaddress.IPv4Network:
    return ipaddress.IPv4Network(text, strict=False)


def digests(text: str) -> list[str]:
    raw = text.encode()
    return [
        hashlib.sha256(raw).hexdigest(),
        hmac.digest(b"key", raw, "sha256").hex(),
        str(uuid5(NAMESPACE_URL, text)),
        json.dumps({"b": text, "a": [1, None]}, sort_keys=True),
        str(UUID(bytes=hashlib.sha256(raw).digest()[:16], version=4)),
        json.dumps(text, ensure_ascii=False),
        json.dumps([text, {"a": 1.0}], separators=(",", ":")),
    ]


def instants(text: str) -> list[Any]:
    try:
        found = instant(text)
    except ValueError:
        return ["refused"]
    return [found, at(found), naive(found), naive(found, digits=3), at(found + 1)]


CASES: dict[Any, list[list[Any]]] = {
    members: [[{"b": 1, "2": 2.5, "a": 3.0, "none": 1}], [{"list": [1, "x", None]}], [{}]],
    truths: [[[0, 1, "", "x", None, [], [0], {}, {"a": 1}, True, False, 0.0, 1.0, 2.5]]],
    arithmetic: [[7, 3], [-7, 3], [7, -3], [0, 5], [2**53, 3], [10**17 + 1, 7], [-5, -2]],
    bits: [[12, 10], [2**31, 1], [2**32 + 5, 2**33 + 6], [2**47 + 3, 2**47 + 2**32], [2**62 + 1, 2**55]],
    texts: [["web-10"], ["-"], [" a-b-c "], ["\u00e9t\u00e9-1"], ["\U0001f600-x"], ['it\'s-"x"'], ["a\nb"]],
    loops: [[[3, 1, 2, -1, 8]], [[]], [[5, 2000, 7]], [[1, 1, 4, 9, 2]]],
    collected: [[{"kind": "a"}], [{"kind": 3, "a": 1}], [{"kind": "zz", "b": 2}], [{}]],
    pairs: [[3], [-1]],
    ruled: [[1], [3]],
    placed: [[["a", 1]], [["b", 1]], [["new", 1]]],
    refused: [["12"], ["-3"], ["x"], [""], ["1.5"], ["123456789012345678901234567890"]],
    addresses: [
        ["10.0.0.1"],
        ["10.0.0.0/8"],
        ["10.0.0.1/8"],
        ["::1"],
        ["2001:db8::/32"],
        ["2001:db8:0:0:1:0:0:1"],
        ["::ffff:1.2.3.4"],
        ["300.1.1.1"],
        ["01.2.3.4"],
        ["x"],
        ["10.0.0.0/33"],
        ["1::2::3"],
        ["10.0.0.0/255.0.0.0"],
        ["fe80::1%eth0"],
    ],
    digests: [[""], ["abc"], ["\u00e9" * 70], ["x" * 200]],
    instants: [
        ["2026-01-18T10:30:00Z"],
        ["2026-01-18T10:30:00.123456Z"],
        ["2026-01-18T10:30:00+02:00"],
        ["2026-01-18"],
        ["2026-01-18 10:30"],
        ["nonsense"],
        ["2026-02-30T00:00:00Z"],
        ["1970-01-01T00:00:00.5Z"],
        ["9999-12-31T23:59:59Z"],
    ],
}
