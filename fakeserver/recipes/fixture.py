"""Fixtures: the recipe of a provider's seeded world, read from `fixtures/<slug>.yaml` and `fixtures/vocabularies.yaml`.

Everything is checked while it is read; a `FixtureError` names the file, the place and the cause. The documents of the
built-in recipes are held against the spec by the tests, those of anybody else's at start.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from fakeserver.documents.draws import CODES, UNIQUE, Column, substitute, table
from fakeserver.documents.seeded import Pin
from fakeserver.problems import Json, SpecError
from fakeserver.provider import Provider
from fakeserver.recipes.located import PLACEHOLDER, Located, kind, near
from fakeserver.recipes.located import FixtureError as FixtureError
from fakeserver.recipes.trial import Part, check
from fakeserver.spec import reader
from fakeserver.spec.credentials import Caller

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
CREDENTIAL = re.compile(r"[!-*,-~]{1,256}")
"""What a header carries as it is; behind a plus begins what a request asks for."""
CALLER = ("name", "user", "home", "tenants")
ROLES = ("admin", "member")
MAX_SHARE = 100
MAX_WEIGHT = 1_000_000
MAX_ORDINAL = 10_000_000


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


# The file


def load_vocabularies(folder: Path) -> dict[str, list[Json]]:
    """The words that recipes draw from."""
    path = folder / "vocabularies.yaml"
    value = _read(path)
    try:
        return _vocabularies(Located(value), {} if _built_in(path) else load_vocabularies(reader.resource("fixtures")))
    except FixtureError as error:
        raise FixtureError(f"{path}: {error}") from error


def load(folder: Path, provider: Provider, contract: reader.Spec, vocabularies: Mapping[str, list[Json]]) -> Fixture:
    """One provider's fixture, or one sentence on what is wrong with it."""
    path = folder / f"{provider.slug}.yaml"
    value = _read(path)
    try:
        fixture, parts = _fixture(Located(value), vocabularies, provider)
        if not _built_in(path):
            check(provider, contract, fixture.vocabularies, parts)
    except FixtureError as error:
        raise FixtureError(f"{path}: {error}") from error
    return fixture


def load_callers(folder: Path, slug: str) -> list[str]:
    """The credentials of a fixture, the default one first."""
    return list(_read(folder / f"{slug}.yaml")["callers"])


def _built_in(path: Path) -> bool:
    return path.parent.resolve() == reader.resource("fixtures").resolve()


def _read(path: Path) -> Json:
    try:
        value = reader.load_yaml(path)
        if not _built_in(path):
            _refuse_repeats(yaml.compose(path.read_text(encoding="utf-8"), Loader=LOADER), path, set())
    except SpecError as error:
        raise FixtureError(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise FixtureError(f"{path}: {error}") from error
    return value


def _refuse_repeats(node: yaml.Node | None, path: Path, seen: set[int]) -> None:
    """Refuse a key that is given twice in one mapping, of which YAML keeps the second in silence."""
    if not isinstance(node, yaml.CollectionNode) or id(node) in seen:
        return
    seen.add(id(node))
    keys: set[str] = set()
    for each in node.value:
        for inner in each if isinstance(node, yaml.MappingNode) else (each,):
            _refuse_repeats(inner, path, seen)
        if isinstance(node, yaml.MappingNode) and isinstance(each[0], yaml.ScalarNode):
            if each[0].value in keys:
                raise FixtureError(f"{path}: line {each[0].start_mark.line + 1}: {each[0].value!r} is given twice")
            keys.add(each[0].value)


# The recipe


def _vocabularies(place: Located, others: Mapping[str, list[Json]]) -> dict[str, list[Json]]:
    """Lists of words: text, or mappings with the same keys; of a name that others have, the words are like theirs."""
    for name, words in place.members().items():
        listed = words.entries()
        first = others[name][0] if name in others else listed[0].value
        for word in listed:
            if isinstance(first, dict):
                for each in word.members(needed=first).values():
                    each.text()
            else:
                word.text()
    return dict(place.value)


def _fixture(place: Located, vocabularies: Mapping[str, list[Json]], provider: Provider) -> tuple[Fixture, list[Part]]:
    default_tenant = provider.default_tenant
    known = ("callers", "tenants", "columns", "vocabularies", "switches")
    parts = place.members(known, needed=("callers", "tenants"))
    nothing = Located({})
    words = {**vocabularies, **_vocabularies(parts.get("vocabularies", nothing), vocabularies)}
    shares: dict[str, int] = {}
    shared = _columns(parts.get("columns", nothing), words)
    found = []
    for name, raw in parts["tenants"].members(needed=(default_tenant,)).items():
        if "/" in name:
            raise raw.wrong("the name stands in paths, so it can have no slash")
        each = raw.members(("share", "columns", "pins"))
        drawn = {**shared, **_columns(each.get("columns", nothing), words)}
        if "owner" not in drawn:
            raise raw.wrong(f"the column 'owner' is missing; there are {', '.join(drawn)}")
        columns = {field: column for field, (column, _) in drawn.items()}
        pins = _pins(each.get("pins", nothing), words, provider)
        found.append(Part(name, columns, pins, {field: places for field, (_, places) in drawn.items()}))
        shares[name] = each["share"].whole(0, MAX_SHARE) if "share" in each else 0
    callers = {key: _caller(key, each, shares) for key, each in parts["callers"].members().items()}
    if not callers:
        raise parts["callers"].wrong("must have at least one caller")
    others = sum(share for name, share in shares.items() if name != default_tenant)
    if others > MAX_SHARE:
        raise parts["tenants"].wrong(f"the shares add up to {others}, which is more than {MAX_SHARE}")
    if shares[default_tenant] not in (0, MAX_SHARE - others):
        raise parts["tenants"].wrong(f"{default_tenant} gets what others leave, {MAX_SHARE - others}: omit its share")
    switches = {name: choices[0] for name, choices in provider.switches.items()}
    for name, chosen in parts.get("switches", nothing).members(provider.switches).items():
        switches[name] = chosen.one_of(provider.switches[name])
    tenants = {each.name: Tenant(shares[each.name], each.columns, each.pins) for each in found}
    digest = hashlib.sha256(repr((place.value, sorted(words.items()))).encode()).hexdigest()
    return Fixture(callers, tenants, words, switches, digest), found


def _caller(key: str, place: Located, tenants: Collection[str]) -> Caller:
    if CREDENTIAL.fullmatch(key) is None:
        raise place.wrong("a credential is printable ASCII without spaces and without a plus")
    parts = place.members(CALLER, needed=CALLER)
    roles = {name: each.one_of(ROLES) for name, each in parts["tenants"].members(tenants).items()}
    return Caller(parts["name"].text(), parts["user"].text(), parts["home"].one_of(tenants), roles)


def _pins(place: Located, words: Collection[str], provider: Provider) -> dict[int, Pin]:
    pins = {}
    if not isinstance(place.value, dict):
        raise place.wrong(f"must be a mapping of ordinals, not {kind(place.value)}")
    for ordinal, raw in place.value.items():
        Located(ordinal, f"{place.where}: an ordinal").whole(0, MAX_ORDINAL)
        each = Located(raw, f"{place.where}.{ordinal}")
        parts = each.members(("draw", "set", "drop"))
        drawn, laid = (parts.get(name, Located({})) for name in ("draw", "set"))
        drawn_values = {name: one.json(words, literal=True) for name, one in drawn.members().items()}
        values = {name: one.json(words, literal=True) for name, one in laid.members().items()}
        dropped = {one.text() for one in parts["drop"].entries()} if "drop" in parts else set()
        if "owner" in drawn_values:
            drawn.members()["owner"].text()
        for name in (*values, *dropped):
            if name in (provider.created, provider.identity):
                raise each.wrong(f"{name!r} orders the listing, so that no pin can change it")
            if name in values and name in dropped:
                raise each.wrong(f"{name!r} is both set and dropped")
        pins[ordinal] = Pin(drawn_values, values, frozenset(dropped))
    return pins


def _columns(place: Located, words: Mapping[str, list[Json]]) -> dict[str, tuple[Column, list[str]]]:
    """Each column, and the place that each of its values comes from."""
    return {field: _column(field, each, words) for field, each in place.members().items()}


def _column(field: str, place: Located, words: Mapping[str, list[Json]]) -> tuple[Column, list[str]]:
    """A column from `[{value, weight, variants?}, …]`, or from `{starts, values: [{value, weights}, …]}`."""
    listed, starts = place, [0]
    if isinstance(place.value, dict):
        parts = place.members(("starts", "values"), needed=("starts", "values"))
        listed, starts = parts["values"], [each.whole(0, MAX_ORDINAL) for each in parts["starts"].entries()]
        if starts[0] != 0 or sorted(set(starts)) != starts:
            raise parts["starts"].wrong("must ascend from 0")
    values: list[Json] = []
    weights: list[list[int]] = []
    wheres: list[str] = []
    for entry in listed.entries():
        parts = entry.members(("value", "weight", "weights", "variants"), needed=("value",))
        each, variants = _weights(entry, parts, len(starts)), 1
        if "variants" in parts:
            variants = parts["variants"].whole(1, CODES)
        parts["value"].json(words)
        if field == "owner":
            parts["value"].text()
        harmonic = sum(1000 // (index + 1) for index in range(variants))
        for index in range(variants):
            values.append(_filled(parts["value"], parts["value"].value, index, words))
            weights.append([weight * 1_000_000 // (index + 1) // harmonic for weight in each])
            wheres.append(parts["value"].where)
    if len(values) > CODES:
        raise place.wrong(f"has {len(values)} values with their variants, and can have {CODES}")
    for band, start in enumerate(starts):
        if not any(each[band] for each in weights):
            raise place.wrong(f"needs a weight above zero from ordinal {start} on")
    tables = tuple(table([each[band] for each in weights]) for band in range(len(starts)))
    unique = frozenset(code for code, value in enumerate(values) if substitute(value, UNIQUE, "") != value)
    return Column(field, tuple(values), tuple(starts), tables, unique), wheres


def _weights(entry: Located, parts: Mapping[str, Located], bands: int) -> list[int]:
    """How common a value is in each band of ordinals."""
    if ("weight" in parts) == ("weights" in parts):
        raise entry.wrong("needs either the key 'weight' or the key 'weights'")
    if "weight" in parts:
        return [parts["weight"].whole(0, MAX_WEIGHT)] * bands
    found = [each.whole(0, MAX_WEIGHT) for each in parts["weights"].entries()]
    if len(found) != bands:
        raise parts["weights"].wrong(f"needs {bands}, one for each start, and has {len(found)}")
    return found


def _filled(place: Located, value: Json, index: int, words: Mapping[str, list[Json]]) -> Json:
    """The value with each `{vocabulary}` replaced by that vocabulary's word number `index`."""
    if isinstance(value, dict):
        return {_filled(place, name, index, words): _filled(place, each, index, words) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(place, each, index, words) for each in value]
    if not isinstance(value, str):
        return value

    def word(match: re.Match[str]) -> str:
        if match[0] == UNIQUE:
            return UNIQUE
        if match[1] not in words:
            raise place.wrong(f"the vocabulary {match[1]!r} does not exist{near(match[1], words)}")
        entry = words[match[1]][index % len(words[match[1]])]
        if isinstance(entry, dict) != bool(match[2]) or (match[2] and match[2] not in entry):
            forms = [f"{{{match[1]}.{name}}}" for name in entry] if isinstance(entry, dict) else [f"{{{match[1]}}}"]
            raise place.wrong(f"{match[0]} is no word{near(match[0], forms)}")
        return str(entry[match[2]] if match[2] else entry)

    return PLACEHOLDER.sub(word, value)
