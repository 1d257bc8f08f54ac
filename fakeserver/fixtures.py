"""Fixtures: the recipe of a provider's seeded world, read from `fixtures/<slug>.yaml` and `fixtures/vocabularies.yaml`.

Everything is checked while it is read; a `FixtureError` names the file and the key that is wrong.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fakeserver.auth import Caller
from fakeserver.draws import CODES, UNIQUE, Column, substitute, table
from fakeserver.problems import Document, Json
from fakeserver.seeded import Pin
from fakeserver.spec import SpecError, load_yaml

PLACEHOLDER = re.compile(r"\{(\w+)(?:\.(\w+))?\}")
MAX_SHARE = 100


class FixtureError(Exception):
    """A fixture that cannot be used; the message names the file, the key and the cause."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """One tenant's part of the recipe. `share` is its percentage of the provider's documents; the default tenant
    takes what the others leave."""

    share: int
    columns: Mapping[str, Column]
    pins: Mapping[int, Pin]


@dataclass(frozen=True, slots=True)
class Fixture:
    """One provider's recipe."""

    callers: Mapping[str, Caller]
    tenants: Mapping[str, Tenant]
    vocabularies: Mapping[str, list[Json]]
    switches: Mapping[str, Json]
    digest: str

    def sizes(self, size: int, default_tenant: str) -> dict[str, int]:
        """How many of the provider's `size` documents each tenant gets."""
        sizes = {name: size * tenant.share // MAX_SHARE for name, tenant in self.tenants.items()}
        sizes[default_tenant] = size - sum(count for name, count in sizes.items() if name != default_tenant)
        return sizes


def load_vocabularies(folder: Path) -> dict[str, list[Json]]:
    """The words that recipes draw from."""
    path = folder / "vocabularies.yaml"
    value = _read(path)
    if not isinstance(value, dict) or not all(isinstance(words, list) and words for words in value.values()):
        raise FixtureError(f"{path}: must map names to non-empty lists")
    return value


def load(folder: Path, slug: str, vocabularies: Mapping[str, list[Json]], default_tenant: str) -> Fixture:
    """One provider's fixture, or one sentence on what is wrong with it."""
    path = folder / f"{slug}.yaml"
    value = _read(path)
    try:
        return _fixture(value, vocabularies, default_tenant)
    except FixtureError as error:
        raise FixtureError(f"{path}: {error}") from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise FixtureError(f"{path}: malformed near {error!r}") from error


def load_callers(folder: Path, slug: str) -> list[str]:
    """The credentials of a fixture, the default one first."""
    return list(_read(folder / f"{slug}.yaml")["callers"])


def _read(path: Path) -> Json:
    try:
        return load_yaml(path)
    except SpecError as error:
        raise FixtureError(str(error)) from error


def _fixture(value: Json, vocabularies: Mapping[str, list[Json]], default_tenant: str) -> Fixture:
    if not isinstance(value, dict):
        raise FixtureError("must be a mapping")
    _known(value, {"callers", "tenants", "columns", "vocabularies", "switches"}, "the fixture")
    words = {**vocabularies, **value.get("vocabularies", {})}
    shared = value.get("columns", {})
    tenants = {}
    for name, raw in value["tenants"].items():
        _known(raw, {"share", "columns", "pins"}, f"tenants.{name}")
        columns = {**shared, **raw.get("columns", {})}
        tenants[name] = Tenant(
            share=raw.get("share", 0),
            columns={field: _column(field, each, words) for field, each in columns.items()},
            pins=_pins(name, raw.get("pins", {})),
        )
    if default_tenant not in tenants:
        raise FixtureError(f"tenants: the default tenant {default_tenant!r} is missing")
    if sum(each.share for name, each in tenants.items() if name != default_tenant) > MAX_SHARE:
        raise FixtureError("tenants: the shares add up to more than 100")
    return Fixture(
        callers={key: _caller(key, raw, tenants) for key, raw in value["callers"].items()},
        tenants=tenants,
        vocabularies=words,
        switches=value.get("switches", {}),
        digest=hashlib.sha256(repr((value, sorted(words.items()))).encode()).hexdigest(),
    )


def _caller(key: str, raw: Document, tenants: Mapping[str, Tenant]) -> Caller:
    _known(raw, {"name", "user", "home", "tenants"}, f"callers.{key}")
    for name in (raw["home"], *raw["tenants"]):
        if name not in tenants:
            raise FixtureError(f"callers.{key}: tenant {name!r} does not exist")
    return Caller(name=raw["name"], user=raw["user"], home=raw["home"], tenants=dict(raw["tenants"]))


def _pins(tenant: str, raw: Mapping[Any, Document]) -> dict[int, Pin]:
    pins = {}
    for ordinal, each in raw.items():
        if not isinstance(ordinal, int) or ordinal < 0:
            raise FixtureError(f"tenants.{tenant}.pins: {ordinal!r} is no ordinal")
        _known(each, {"draw", "set", "drop"}, f"tenants.{tenant}.pins.{ordinal}")
        pins[ordinal] = Pin(each.get("draw", {}), each.get("set", {}), frozenset(each.get("drop", ())))
    return pins


def _column(field: str, raw: Json, words: Mapping[str, list[Json]]) -> Column:
    """A column from `[{value, weight, variants?}, …]`, or from `{starts, values: [{value, weights}, …]}`."""
    starts, entries = (raw["starts"], raw["values"]) if isinstance(raw, dict) else ([0], raw)
    if starts[:1] != [0] or sorted(set(starts)) != starts:
        raise FixtureError(f"columns.{field}.starts: must ascend from 0")
    values: list[Json] = []
    weights: list[list[int]] = []
    for entry in entries:
        _known(entry, {"value", "weight", "weights", "variants"}, f"columns.{field}")
        each = entry["weights"] if "weights" in entry else [entry["weight"]] * len(starts)
        if len(each) != len(starts):
            raise FixtureError(f"columns.{field}: {entry['value']!r} needs {len(starts)} weights")
        variants = entry.get("variants", 1)
        harmonic = sum(1000 // (index + 1) for index in range(variants))
        for index in range(variants):
            values.append(_filled(entry["value"], index, words, field))
            weights.append([weight * 1_000_000 // (index + 1) // harmonic for weight in each])
    if not 0 < len(values) <= CODES:
        raise FixtureError(f"columns.{field}: needs 1 to {CODES} values, has {len(values)}")
    for band in range(len(starts)):
        used = sum(1 for each in weights if each[band])
        if not 0 < used <= CODES:
            raise FixtureError(f"columns.{field}: needs a weight above zero from ordinal {starts[band]} on")
    return Column(
        field=field,
        values=tuple(values),
        starts=tuple(starts),
        tables=tuple(table([each[band] for each in weights]) for band in range(len(starts))),
        unique=frozenset(code for code, value in enumerate(values) if substitute(value, UNIQUE, "") != value),
    )


def _filled(value: Json, index: int, words: Mapping[str, list[Json]], field: str) -> Json:
    """The value with each `{vocabulary}` replaced by that vocabulary's word number `index`."""
    if isinstance(value, dict):
        return {
            _filled(name, index, words, field): _filled(inner, index, words, field) for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_filled(inner, index, words, field) for inner in value]
    if not isinstance(value, str):
        return value

    def word(match: re.Match[str]) -> str:
        if match[0] == UNIQUE:
            return UNIQUE
        if match[1] not in words:
            raise FixtureError(f"columns.{field}: vocabulary {match[1]!r} does not exist")
        entry = words[match[1]][index % len(words[match[1]])]
        return str(entry[match[2]] if match[2] else entry)

    return PLACEHOLDER.sub(word, value)


def _known(raw: Json, known: set[str], where: str) -> None:
    if not isinstance(raw, dict):
        raise FixtureError(f"{where}: must be a mapping")
    unknown = sorted(map(str, set(raw) - known))
    if unknown:
        raise FixtureError(f"{where}: unknown key {unknown[0]!r}")
