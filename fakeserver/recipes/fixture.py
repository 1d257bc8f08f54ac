"""Fixtures: the recipe of a provider's seeded world, and the vocabularies that all recipes draw from.

A provider brings its recipe along; ours are `fixtures/<slug>.yaml` and `fixtures/vocabularies.yaml`. Files of a folder
that somebody names replace those of the same name. Everything is checked while it is read; a `FixtureError` names the
file, the place and the cause. The documents of our own recipes are held against the spec by the tests, those of anybody
else's at start.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fakeserver.arguments import near
from fakeserver.documents.draws import CODES, UNIQUE, Column, code_table, substitute
from fakeserver.documents.seeded import MAX_SIZE, Pin
from fakeserver.problems import Json, SpecError
from fakeserver.provider import Provider
from fakeserver.recipes.located import PLACEHOLDER, Located, kind
from fakeserver.recipes.located import FixtureError as FixtureError
from fakeserver.recipes.trial import Part, check
from fakeserver.resources import resource
from fakeserver.spec import reader
from fakeserver.spec.credentials import Caller
from fakeserver.spec.kept_yaml import read_kept

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

VOCABULARIES = "vocabularies"
CREDENTIAL = re.compile(r"[!-*,-~]{1,256}")
"""What a header carries as it is; behind a plus begins what a request asks for."""
PARTS = ("callers", "tenants", "columns", "vocabularies", "switches", "caps")
TENANT = ("share", "columns", "pins")
CALLER = ("name", "user", "home", "tenants")
ROLES = ("admin", "member")
NOTHING = Located({})
MAX_SHARE = 100
MAX_WEIGHT = 1_000_000

Columns = Mapping[str, tuple[Column, list[str]]]
"""Columns by field, each with the place that each of its values comes from."""


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

    callers: Mapping[str, Caller] = dataclasses.field(repr=False)
    tenants: Mapping[str, Tenant]
    vocabularies: Mapping[str, list[Json]]
    switches: Mapping[str, Json]
    digest: str
    caps: Mapping[str, int]
    """How much of something a tenant may have; what is absent has no cap."""

    @property
    def credential(self) -> str:
        """The credential that stands for a provider where nobody chooses one: the first of the recipe."""
        return next(iter(self.callers))

    @property
    def stranger(self) -> str | None:
        """The credential of the first caller who shares no tenant with that one, if there is any."""
        return next((key for key in self.callers if not self._shared(key)), None)

    @property
    def colleague(self) -> str | None:
        """The credential of the first caller beside that one who shares a tenant with it, if there is any."""
        return next((key for key in self.callers if key != self.credential and self._shared(key)), None)

    def _shared(self, key: str) -> set[str]:
        """The tenants of a caller that are also those of the provider's first one."""
        each, first = self.callers[key], self.callers[self.credential]
        return {each.home, *each.tenants} & {first.home, *first.tenants}

    def owner(self, tenant: str, nobody: str) -> str:
        """Who owns what is put into a tenant: its first admin, or else `nobody`."""
        return next((caller.user for caller in self.callers.values() if caller.administers(tenant)), nobody)

    def sizes(self, size: int, default_tenant: str) -> dict[str, int]:
        """How many of the provider's `size` documents each tenant gets."""
        sizes = {name: size * tenant.share // MAX_SHARE for name, tenant in self.tenants.items()}
        sizes[default_tenant] = size - sum(count for name, count in sizes.items() if name != default_tenant)
        return sizes


# The file


def find_files(folder: Path, slugs: Iterable[str]) -> dict[str, Path]:
    """The files of a folder that replace packaged ones, by the provider whose recipe it is, or as `vocabularies`."""
    known = [f"{name}.yaml" for name in (*slugs, VOCABULARIES)]
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".yaml", ".yml"))
    except OSError as error:
        raise FixtureError(f"{folder}: {error.strerror}") from error
    for path in paths:
        if path.name not in known:
            raise FixtureError(f"{path}: replaces nothing{near(path.name, known)}")
    return {path.stem: path for path in paths}


def find_vocabularies(path: Path | None, locale: str | None, seed: int) -> dict[str, list[Json]]:
    """The words that recipes draw from: ours, those of a file that replaces them, or drawn by a locale and a seed."""
    if locale is None:
        return load_vocabularies(path)
    if path is not None:
        raise FixtureError(f"{path} and a locale each replace the vocabularies: leave one of them out")
    from fakeserver.recipes.drawing import draw_vocabularies

    return draw_vocabularies(locale, seed)


def load_vocabularies(path: Path | None = None) -> dict[str, list[Json]]:
    """The words that recipes draw from: ours, or those of a file that replaces them."""
    found = path or resource(f"fixtures/{VOCABULARIES}.yaml")
    value = _read(found, kept=path is None)
    try:
        return _vocabularies(Located(value), load_vocabularies() if path else {})
    except FixtureError as error:
        raise FixtureError(f"{found}: {error}") from error


def load(
    provider: Provider,
    contract: reader.Spec,
    vocabularies: Mapping[str, list[Json]],
    path: Path | None = None,
    *,
    trial: bool = False,
) -> Fixture:
    """One provider's fixture, or one sentence on what is wrong with it. `path` is a recipe that replaces its own;
    `trial` holds trial documents against the spec even if the recipe is one of ours."""
    found = path or provider.recipe
    value = _read(found, kept=path is None)
    try:
        fixture, parts = _fixture(Located(value), vocabularies, provider)
        if trial or found != resource(f"fixtures/{provider.slug}.yaml"):
            check(provider, contract, fixture.vocabularies, parts)
    except FixtureError as error:
        raise FixtureError(f"{found}: {error}") from error
    return fixture


def load_credential(provider: Provider, path: Path | None = None) -> str:
    """The first credential of a provider's own recipe, or of one that replaces it; nothing else is read."""
    found = path or provider.recipe
    try:
        callers = Located(_read(found, kept=path is None)).members()["callers"].members()
        return next(iter(callers))
    except (FixtureError, LookupError, StopIteration) as error:
        raise FixtureError(f"{found}: no caller can be read: {error}") from error


def _read(path: Traversable, *, kept: bool) -> Json:
    """What is in a file: of a package, which is kept, or of somebody's folder, where nothing is."""
    try:
        if kept:
            return read_kept(path)[1]
        from fakeserver.spec.yaml_text import load_yaml

        return load_yaml(path)
    except SpecError as error:
        raise FixtureError(str(error)) from error


# The recipe


def _vocabularies(node: Located, others: Mapping[str, list[Json]]) -> dict[str, list[Json]]:
    """Lists of words: text, or mappings with the same keys; of a name that others have, the words are like theirs."""
    for name, vocabulary in node.members().items():
        words = vocabulary.entries()
        first = others[name][0] if name in others else words[0].value
        for word in words:
            if isinstance(first, dict):
                for part in word.members(needed=first).values():
                    part.text()
            else:
                word.text()
    return dict(node.value)


def _fixture(node: Located, vocabularies: Mapping[str, list[Json]], provider: Provider) -> tuple[Fixture, list[Part]]:
    parts = node.members(PARTS, needed=("callers", "tenants"))
    words = {**vocabularies, **_vocabularies(parts.get("vocabularies", NOTHING), vocabularies)}
    shared = _columns(parts.get("columns", NOTHING), words)
    tenants = parts["tenants"].members(needed=(provider.default_tenant,))
    recipes = [_tenant(name, tenant, shared, words, provider) for name, tenant in tenants.items()]
    shares = _shares(parts["tenants"], provider.default_tenant)
    callers = {key: _caller(key, caller, tenants) for key, caller in parts["callers"].members().items()}
    if not callers:
        raise parts["callers"].wrong("must have at least one caller")
    fixture = Fixture(
        callers=callers,
        tenants={recipe.name: Tenant(shares[recipe.name], recipe.columns, recipe.pins) for recipe in recipes},
        vocabularies=words,
        switches=_switches(parts.get("switches", NOTHING), provider),
        digest=hashlib.sha256(repr((node.value, sorted(words.items()))).encode()).hexdigest(),
        caps={
            name: cap.integer(0, MAX_SIZE) for name, cap in parts.get("caps", NOTHING).members(provider.caps).items()
        },
    )
    return fixture, recipes


def _tenant(name: str, node: Located, shared: Columns, words: Mapping[str, list[Json]], provider: Provider) -> Part:
    """One tenant's part of the recipe: its own columns over those that all tenants share."""
    if "/" in name:
        raise node.wrong("the name stands in paths, so it can have no slash")
    parts = node.members(TENANT)
    drawn = {**shared, **_columns(parts.get("columns", NOTHING), words)}
    if "owner" not in drawn:
        there = ", ".join(drawn) or "none"
        raise node.wrong(f"the column 'owner' is missing, the user who owns a document; there are {there}")
    columns = {field: column for field, (column, _) in drawn.items()}
    places = {field: places for field, (_, places) in drawn.items()}
    return Part(name, columns, _pins(parts.get("pins", NOTHING), words, provider), places)


def _shares(node: Located, default_tenant: str) -> dict[str, int]:
    """Each tenant's percentage of the documents; the default tenant's is what the others leave."""
    shares = {}
    for name, tenant in node.members().items():
        share = tenant.members().get("share")
        shares[name] = share.integer(0, MAX_SHARE) if share else 0
    others = sum(share for name, share in shares.items() if name != default_tenant)
    if others > MAX_SHARE:
        raise node.wrong(f"the shares add up to {others}, which is more than {MAX_SHARE}")
    if shares[default_tenant] not in (0, MAX_SHARE - others):
        raise node.wrong(f"{default_tenant} gets what others leave, {MAX_SHARE - others}: omit its share")
    return shares


def _switches(node: Located, provider: Provider) -> dict[str, Json]:
    """What the recipe chooses, and the provider's first choice where it says nothing."""
    chosen = {name: switch.one_of(provider.switches[name]) for name, switch in node.members(provider.switches).items()}
    return {name: chosen.get(name, choices[0]) for name, choices in provider.switches.items()}


def _caller(key: str, node: Located, tenants: Collection[str]) -> Caller:
    if CREDENTIAL.fullmatch(key) is None:
        raise node.wrong("a credential is printable ASCII without spaces and without a plus")
    parts = node.members(CALLER, needed=CALLER)
    roles = {name: role.one_of(ROLES) for name, role in parts["tenants"].members(tenants).items()}
    return Caller(parts["name"].text(), parts["user"].text(), parts["home"].one_of(tenants), roles)


def _pins(node: Located, words: Collection[str], provider: Provider) -> dict[int, Pin]:
    if not isinstance(node.value, dict):
        raise node.wrong(f"must be a mapping of ordinals, not {kind(node.value)}")
    pins = {}
    for ordinal, value in node.value.items():
        Located(ordinal, f"{node.where}: an ordinal").integer(0, MAX_SIZE)
        pins[ordinal] = _pin(Located(value, f"{node.where}.{ordinal}"), words, provider)
    return pins


def _pin(node: Located, words: Collection[str], provider: Provider) -> Pin:
    parts = node.members(("draw", "set", "drop"))
    drawn, laid = (parts.get(name, NOTHING).members() for name in ("draw", "set"))
    draws = {field: value.json(words, literal=True) for field, value in drawn.items()}
    values = {field: value.json(words, literal=True) for field, value in laid.items()}
    dropped = {field.text() for field in parts["drop"].entries()} if "drop" in parts else set()
    if "owner" in drawn:
        drawn["owner"].text()
    for field in (*values, *dropped):
        if field in (provider.created, provider.identity):
            raise node.wrong(f"{field!r} orders the listing, so that no pin can change it")
        if field in values and field in dropped:
            raise node.wrong(f"{field!r} is both set and dropped")
    return Pin(draws, values, frozenset(dropped))


def _columns(node: Located, words: Mapping[str, list[Json]]) -> Columns:
    return {field: _column(field, column, words) for field, column in node.members().items()}


def _column(field: str, node: Located, words: Mapping[str, list[Json]]) -> tuple[Column, list[str]]:
    """A column from `[{value, weight, variants?}, …]`, or from `{starts, values: [{value, weights}, …]}`."""
    listed, starts = node, [0]
    if isinstance(node.value, dict):
        parts = node.members(("starts", "values"), needed=("starts", "values"))
        listed, starts = parts["values"], [start.integer(0, MAX_SIZE) for start in parts["starts"].entries()]
        if starts[0] != 0 or sorted(set(starts)) != starts:
            raise parts["starts"].wrong("must ascend from 0")
    values: list[Json] = []
    weights: list[list[int]] = []
    places: list[str] = []
    for entry in listed.entries():
        parts = entry.members(("value", "weight", "weights", "variants"), needed=("value",))
        bands, variants = _weights(entry, parts, len(starts)), 1
        if "variants" in parts:
            variants = parts["variants"].integer(1, CODES)
        parts["value"].json(words)
        if field == "owner":
            parts["value"].text()
        # Variants are as common as the words of a language: the second half as often as the first.
        harmonic = sum(1000 // (index + 1) for index in range(variants))
        for index in range(variants):
            values.append(_fill(parts["value"], parts["value"].value, index, words))
            weights.append([weight * 1_000_000 // (index + 1) // harmonic for weight in bands])
            places.append(parts["value"].where)
    if len(values) > CODES:
        raise node.wrong(f"has {len(values)} values with their variants, and can have {CODES}")
    for band, start in enumerate(starts):
        if not any(bands[band] for bands in weights):
            raise node.wrong(f"needs a weight above zero from ordinal {start} on")
    tables = tuple(code_table([bands[band] for bands in weights]) for band in range(len(starts)))
    unique = frozenset(code for code, value in enumerate(values) if substitute(value, UNIQUE, "") != value)
    return Column(field, tuple(values), tuple(starts), tables, unique), places


def _weights(entry: Located, parts: Mapping[str, Located], bands: int) -> list[int]:
    """How common a value is in each band of ordinals."""
    if ("weight" in parts) == ("weights" in parts):
        raise entry.wrong("needs either the key 'weight' or the key 'weights'")
    if "weight" in parts:
        return [parts["weight"].integer(0, MAX_WEIGHT)] * bands
    weights = [weight.integer(0, MAX_WEIGHT) for weight in parts["weights"].entries()]
    if len(weights) != bands:
        raise parts["weights"].wrong(f"needs {bands}, one for each start, and has {len(weights)}")
    return weights


def _fill(node: Located, value: Json, index: int, words: Mapping[str, list[Json]]) -> Json:
    """The value with each `{vocabulary}` replaced by that vocabulary's word number `index`."""
    if isinstance(value, dict):
        return {_fill(node, name, index, words): _fill(node, member, index, words) for name, member in value.items()}
    if isinstance(value, list):
        return [_fill(node, entry, index, words) for entry in value]
    if not isinstance(value, str):
        return value

    def word(match: re.Match[str]) -> str:
        if match[0] == UNIQUE:
            return UNIQUE
        if match[1] not in words:
            raise node.wrong(f"the vocabulary {match[1]!r} does not exist{near(match[1], words)}")
        entry = words[match[1]][index % len(words[match[1]])]
        if isinstance(entry, dict) != bool(match[2]) or (match[2] and match[2] not in entry):
            forms = [f"{{{match[1]}.{name}}}" for name in entry] if isinstance(entry, dict) else [f"{{{match[1]}}}"]
            raise node.wrong(f"{match[0]} is not a word{near(match[0], forms)}")
        return str(entry[match[2]] if match[2] else entry)

    return PLACEHOLDER.sub(word, value)
