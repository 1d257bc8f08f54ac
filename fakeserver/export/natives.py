"""What the runtime beside the engine has by itself: by value of Python, its name there."""

from __future__ import annotations

import ast
import base64
import builtins
import hashlib
import hmac
import ipaddress
import json
import math
import urllib.parse
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from itertools import islice, takewhile
from typing import Any, cast

from pyroaring import BitMap

from fakeserver.documents.changes import Clear, Put, Remove
from fakeserver.documents.keys import itself
from fakeserver.documents.states import ABSENT, Instant
from fakeserver.documents.tags import letters_of
from fakeserver.instants import at, instant, naive
from fakeserver.lifecycle.records import find_record, mint
from fakeserver.listing.filters import as_decoded, nothing_wrong
from fakeserver.listing.meaning import Job, Result, Write
from fakeserver.listing.pages import Context
from fakeserver.problems import UNKNOWN, FakeProblem, Issue, Problem
from fakeserver.spec.wording import ValueRefused

TESTS: Mapping[Any, str] = {
    str: 'typeof {} === "string"',
    bool: 'typeof {} === "boolean"',
    dict: "{} instanceof Map",
    list: "Array.isArray({})",
    tuple: "Array.isArray({})",
    set: "{} instanceof Set",
    frozenset: "{} instanceof Set",
    bytes: "{} instanceof Uint8Array",
    type(None): "{} === null",
    int: "py.isInt({})",
    float: "py.isFloat({})",
}
"""Whether a value is of one of these types."""

DROPPED: Mapping[Any, frozenset[str]] = {Result: frozenset({"after"})}
"""Arguments that mean nothing there: what follows for a sandbox as a machine, which no browser has."""

_BUILTINS = (
    "len any all sum min max sorted reversed enumerate zip map filter next iter abs range str int float bool dict list "
    "tuple set frozenset repr ord chr"
).split()
_ERRORS = (ValueError, KeyError, TypeError, OverflowError, AttributeError, IndexError, UnicodeError, Exception)

NATIVES: dict[Any, str] = {
    **{getattr(builtins, name): f"py.{name}" for name in _BUILTINS},
    **{each: f"py.{each.__name__}" for each in _ERRORS},
    cast: "py.cast",
    partial: "py.partial",
    islice: "py.islice",
    takewhile: "py.takewhile",
    round: "py.round",
    base64.urlsafe_b64encode: "py.base64",
    urllib.parse.urlsplit: "py.urlsplit",
    BitMap: "rt.BitMap",
    Context: "rt.Context",
    dict.fromkeys: "py.fromkeys",
    bytes: "py.bytesOf",
    int.from_bytes: "py.fromBytes",
    divmod: "py.divmod",
    ipaddress.ip_address: "net.address",
    ipaddress.ip_network: "net.network",
    ipaddress.IPv4Network: "net.network4",
    ipaddress.IPv4Address: "net.Address4",
    ipaddress.IPv6Address: "net.Address6",
    bytes.fromhex: "py.fromhex",
    math.ceil: "py.ceil",
    json.dumps: "py.dumps",
    urllib.parse.unquote_plus: "py.unquotePlus",
    urllib.parse.unquote: "py.unquote",
    uuid.UUID: "py.uuid",
    uuid.uuid5: "py.uuid5",
    hmac.digest: "py.hmacDigest",
    hashlib.sha256: "py.sha256Of",
    at: "py.instantText",
    naive: "py.naiveText",
    instant: "py.instant",
    letters_of: "py.lettersOf",
    Instant: "py.Instant",
    as_decoded: "py.itself",
    nothing_wrong: "py.nothing",
    itself: "py.itself",
    Issue: "rt.Issue",
    Problem: "rt.Problem",
    FakeProblem: "rt.FakeProblem",
    ValueRefused: "rt.ValueRefused",
    Result: "rt.Result",
    Write: "rt.Write",
    Put: "rt.Put",
    Remove: "rt.Remove",
    Clear: "rt.Clear",
    find_record: "rt.findRecord",
    mint: "rt.mint",
}

CONSTANTS: tuple[tuple[object, str], ...] = (
    (ABSENT, "rt.ABSENT"),
    (UNKNOWN, "rt.UNKNOWN"),
    (uuid.NAMESPACE_URL, '"6ba7b811-9dad-11d1-80b4-00c04fd430c8"'),
)

BOOLEAN = frozenset({any, all, isinstance, bool})
"""Functions that answer yes or no."""

KEYWORDS: Mapping[Any, frozenset[str]] = {
    min: frozenset({"key", "default"}),
    max: frozenset({"key", "default"}),
    sorted: frozenset({"key", "reverse"}),
    zip: frozenset({"strict"}),
    json.dumps: frozenset({"ensure_ascii", "sort_keys", "separators"}),
    uuid.UUID: frozenset({"bytes", "version"}),
    at: frozenset({"digits"}),
    naive: frozenset({"digits"}),
    dict: frozenset(),
    ipaddress.ip_network: frozenset({"strict"}),
    ipaddress.IPv4Network: frozenset({"strict"}),
    find_record: frozenset({"field"}),
}
"""Functions with options, and which of these the runtime knows."""

METHODS: Mapping[str, str] = {
    "get": "get", "items": "items", "keys": "keys", "values": "values", "pop": "pop", "append": "append",
    "extend": "extend", "add": "append", "update": "update", "setdefault": "setdefault", "startswith": "startswith",
    "endswith": "endswith", "removeprefix": "removeprefix", "removesuffix": "removesuffix", "strip": "strip",
    "lstrip": "lstrip", "rstrip": "rstrip", "lower": "lower", "upper": "upper", "title": "title", "split": "split",
    "partition": "partition", "rpartition": "rpartition", "join": "join", "replace": "replace", "format": "fill",
    "encode": "encode", "decode": "decode", "hex": "hex", "digest": "digestOf", "hexdigest": "hexdigestOf",
    "isdigit": "isdigit", "isascii": "isascii", "fullmatch": "fullmatch", "match": "match", "search": "search",
    "sub": "substitute", "index": "index", "count": "count", "difference": "sub", "intersection": "intersect",
    "union": "union", "issubset": "issubset", "splitlines": "splitlines", "find": "find", "copy": "copy",
    "to_bytes": "toBytes",
}  # fmt: skip
"""Methods of texts, lists, objects, sets and regular expressions, and the functions that they are there."""

CODINGS: Mapping[str, str] = {"utf-8": "encode", "ascii": "encodeAscii", "idna": "encodeIdna"}
"""How texts are encoded, and the functions that do so there."""

ATTRIBUTES: Mapping[str, str] = {"bytes": "bytesIn"}
"""Attributes of values that stand as other ones there."""

LEFT: Mapping[str, frozenset[str]] = {
    "Machine": frozenset(
        {
            "object_to",
            "states",
            "outcomes",
            "adopt",
            "release",
            "outcomes_in",
            "dues",
            "age",
            "moving",
            "ended",
            "_sources",
            "under",
        }
    ),
    "Transition": frozenset({"note"}),
}
"""Of the server's own classes, what nothing that is exported asks for."""

SHOWN: Mapping[tuple[str, str], Callable[[Any], Any]] = {
    ("Machine", "facts"): lambda facts: {name: kind for name, kind in facts.items() if kind is Instant},
}
"""What of a field is asked for there: a document's clock moves the instants that are kept of it."""

PLACES: Mapping[Any, tuple[str, ...]] = {Result: ("status", "body", "writes", "headers", "media_type", "job")}
"""The order of arguments there, where it is another one: what is given often stands in front."""

UNREAD = frozenset({"remark", "after"})
"""Attributes that are for the journal, or for a sandbox as a machine."""

REFUSED: Mapping[type, str] = {Job: "a sandbox that runs commands"}
"""What no browser has, and what is said of an operation that needs it."""

OPERATORS: Mapping[type, str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.FloorDiv: "floordiv", ast.Mod: "mod",
    ast.BitOr: "union", ast.BitAnd: "intersect", ast.BitXor: "xor",
}  # fmt: skip
ORDERS: Mapping[type, str] = {ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge"}
