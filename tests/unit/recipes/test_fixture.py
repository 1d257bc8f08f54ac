"""Recipes of somebody's own: whatever is wrong with one is one line at start, and never an answer that fails."""

from __future__ import annotations

import dataclasses
import datetime
import shutil
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from yaml import CSafeLoader

from fakeserver import cli
from fakeserver.documents.draws import Draw
from fakeserver.problems import Document
from fakeserver.providers import PROVIDERS
from fakeserver.recipes.fixture import FixtureError, load, load_vocabularies
from fakeserver.recipes.located import Located
from fakeserver.serving.app import load_services
from fakeserver.spec import reader
from tests.support.admin import admin, done
from tests.support.asgi import FACETS, PATHS, ROOT, SLUGS, app_of, get, main_tenant, spec_of
from tests.support.texts import TEXTS

Change = Callable[[Any], object]
ABSENT = object()
SAMPLES = 30
MOST_CHARACTERS = 600
NASTY: tuple[Any, ...] = (None, "", "inf", -1, 7, 1.5, 2**70, float("inf"), [], {}, [[]], {"x": []}, True, ABSENT)


def recipes(tmp_path: Path) -> Path:
    """A copy of the built-in folder."""
    folder = tmp_path / "recipes"
    shutil.copytree(ROOT / "fixtures", folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def refusal(folder: Path, *slugs: str) -> str:
    """The one line that the command prints instead of starting."""
    out, err = StringIO(), StringIO()
    only = [part for slug in slugs for part in ("--only", slug)]
    assert cli.main(["serve", "--port", "0", "--fixtures", str(folder), *only], out, err) == cli.USAGE_ERROR
    assert out.getvalue() == ""
    line = err.getvalue()
    assert line.count("\n") == 1, line
    assert line.startswith(f"fakeserver: {folder}/"), line
    return line.removeprefix(f"fakeserver: {folder}/").strip()


def put(*place: Any, value: Any = ABSENT) -> Change:
    """Another value at a place, or none."""

    def change(recipe: Any) -> None:
        for part in place[:-1]:
            recipe = recipe[part]
        if value is ABSENT:
            del recipe[place[-1]]
        else:
            recipe[place[-1]] = value

    return change


def renamed(*place: Any, to: Any) -> Change:
    def change(recipe: Any) -> None:
        for part in place[:-1]:
            recipe = recipe[part]
        recipe[to] = recipe.pop(place[-1])

    return change


STATUS = ("columns", "status")
LABELS = ("columns", "labels")
MAIN = ("tenants", "main")
ADMIN = ("callers", "prime-admin-key")
PRIME: dict[str, tuple[Change, str]] = {
    # The parts
    "unknown part": (put("tennants", value={}), "unknown key 'tennants'; did you mean 'tenants'?"),
    "no tenants": (put("tenants"), "the key 'tenants' is missing"),
    "no callers": (put("callers"), "the key 'callers' is missing"),
    "callers are none": (put("callers", value={}), "callers: must have at least one caller"),
    "callers are a list": (put("callers", value=["prime-admin-key"]), "callers: must be a mapping, not a list"),
    "columns are empty": (put("columns", value=None), "columns: must be a mapping, not empty"),
    "columns are text": (put("columns", value="status"), "columns: must be a mapping, not 'status'"),
    # Callers
    "caller without a user": (put(*ADMIN, "user"), "callers.prime-admin-key: the key 'user' is missing"),
    "caller with a role": (put(*ADMIN, "role", value="x"), "callers.prime-admin-key: unknown key 'role'"),
    "user is a number": (put(*ADMIN, "user", value=7), "callers.prime-admin-key.user: must be text, not 7"),
    "name is empty": (put(*ADMIN, "name", value=""), "callers.prime-admin-key.name: must be text, not empty"),
    "home does not exist": (put(*ADMIN, "home", value="mian"), "home: 'mian' does not exist; did you mean 'main'?"),
    "home is a list": (put(*ADMIN, "home", value=["main"]), "callers.prime-admin-key.home: ['main'] does not exist"),
    "tenant does not exist": (
        put(*ADMIN, "tenants", value={"reserch": "admin"}),
        "callers.prime-admin-key.tenants: unknown key 'reserch'; did you mean 'research'?",
    ),
    "tenants are a list": (
        put(*ADMIN, "tenants", value=["main"]),
        "callers.prime-admin-key.tenants: must be a mapping, not a list",
    ),
    "role does not exist": (
        put(*ADMIN, "tenants", "main", value="admn"),
        "callers.prime-admin-key.tenants.main: 'admn' does not exist; did you mean 'admin'?",
    ),
    "credential with a plus": (renamed(*ADMIN, to="prime+key"), "callers.prime+key: a credential is printable ASCII"),
    "credential with a space": (renamed(*ADMIN, to="prime key"), "callers.prime key: a credential is printable ASCII"),
    "credential is a number": (renamed(*ADMIN, to=12345), "callers: the key 12345 must be text: quote it"),
    # Tenants
    "no default tenant": (put(*MAIN), "tenants: the key 'main' is missing"),
    "tenants are a list of names": (put("tenants", value=["main"]), "tenants: must be a mapping, not a list"),
    "tenant is empty": (put(*MAIN, value=None), "tenants.main: must be a mapping, not empty"),
    "tenant is a number": (put("tenants", 7, value={}), "tenants: the key 7 must be text"),
    "tenant with a slash": (renamed("tenants", "outsider", to="a/b"), "tenants.a/b: the name stands in paths"),
    "share is a fraction": (
        put("tenants", "research", "share", value=0.2),
        "tenants.research.share: must be a whole number from 0 to 100, not 0.2",
    ),
    "share is negative": (put("tenants", "research", "share", value=-1), "tenants.research.share: must be a whole"),
    "share is true": (put("tenants", "research", "share", value=True), "tenants.research.share: must be a whole"),
    "shares are too large": (put("tenants", "research", "share", value=91), "tenants: the shares add up to 101"),
    "default share is another": (put(*MAIN, "share", value=50), "tenants: main gets what others leave, 70"),
    # Columns
    "column is missing": (put(*STATUS), "tenants.main: the column 'status' is missing; there are labels, owner"),
    "column is misspelt": (renamed(*STATUS, to="statuss"), "the column 'status' is missing; there are labels, statuss"),
    "one tenant lacks a column": (
        put("tenants", "research", "columns", "userId"),
        "tenants.research: the column 'userId' is missing",
    ),
    "owner is missing": (put("tenants", "member", "columns", "owner"), "tenants.member: the column 'owner' is missing"),
    "column that nothing reads": (
        put("columns", "regions", value=[{"value": "eu", "weight": 1}]),
        "tenants.main: nothing reads the column 'regions'",
    ),
    "column is empty": (put(*STATUS, value=None), "columns.status: must be a list with something in it, not empty"),
    "column has no values": (put(*STATUS, "values", value=[]), "columns.status.values: must be a list with something"),
    "column without starts": (put(*STATUS, "starts"), "columns.status: the key 'starts' is missing"),
    "column is a list of texts": (put(*LABELS, value=["prod"]), "columns.labels[0]: must be a mapping, not 'prod'"),
    "owner is null": (
        put(*MAIN, "columns", "owner", value=[{"value": None, "weight": 1}]),
        "tenants.main.columns.owner[0].value: must be text, not empty",
    ),
    "starts are not ascending": (put(*STATUS, "starts", value=[0, 5, 5, 9]), "columns.status.starts: must ascend from"),
    "starts begin late": (put(*STATUS, "starts", value=[1, 5, 20, 460]), "columns.status.starts: must ascend from 0"),
    "start is text": (put(*STATUS, "starts", 1, value="5"), "columns.status.starts[1]: must be a whole number"),
    "weights are too few": (
        put(*STATUS, "values", 2, "weights", value=[1, 2]),
        "columns.status.values[2].weights: needs 4, one for each start, and has 2",
    ),
    "weight is negative": (
        put(*STATUS, "values", 2, "weights", 1, value=-5),
        "columns.status.values[2].weights[1]: must be a whole number from 0 to 1000000, not -5",
    ),
    "weight is a fraction": (put(*LABELS, 0, "weight", value=0.5), "columns.labels[0].weight: must be a whole number"),
    "weight is text": (put(*LABELS, 0, "weight", value="5"), "columns.labels[0].weight: must be a whole number"),
    "weight is huge": (put(*LABELS, 0, "weight", value=10**9), "columns.labels[0].weight: must be a whole number"),
    "weight is missing": (put(*LABELS, 0, "weight"), "columns.labels[0]: needs either the key 'weight'"),
    "weight and weights": (put(*LABELS, 0, "weights", value=[1]), "columns.labels[0]: needs either the key 'weight'"),
    "weights are all zero": (
        put(*LABELS, value=[{"value": [], "weight": 0}]),
        "columns.labels: needs a weight above zero from ordinal 0 on",
    ),
    "value is missing": (put(*LABELS, 0, "value"), "columns.labels[0]: the key 'value' is missing"),
    "key is misspelt": (renamed(*LABELS, 0, "weight", to="wieght"), "unknown key 'wieght'; did you mean 'weight'?"),
    "variants are none": (put(*LABELS, 2, "variants", value=0), "columns.labels[2].variants: must be a whole number"),
    "variants are too many": (put(*LABELS, 2, "variants", value=257), "columns.labels[2].variants: must be a whole"),
    "values are too many": (
        put(*LABELS, value=[{"value": ["{people}"], "weight": 1, "variants": 200}] * 2),
        "columns.labels: has 400 values with their variants, and can have 256",
    ),
    # Values
    "status does not exist": (
        put(*STATUS, "values", 2, "value", value="RUNING"),
        "columns.status.values[2].value: cannot be 'RUNING'; did you mean 'RUNNING'?",
    ),
    "status is a list": (
        put(*STATUS, "values", 2, "value", value=["RUNNING"]),
        "columns.status.values[2].value: must be of type string, not a list",
    ),
    "status is an unquoted no": (
        put(*STATUS, "values", 0, "value", value=False),
        "columns.status.values[0].value: must be of type string, not False",
    ),
    "status of no weight does not exist": (
        put(*STATUS, "values", 0, value={"value": "GONE", "weight": 0}),
        "columns.status.values[0].value: cannot be 'GONE'",
    ),
    "labels are text": (put(*LABELS, 1, "value", value="prod"), "columns.labels[1].value: must be of type array"),
    "label is a number": (
        put(*LABELS, 1, "value", value=["prod", 7]),
        "columns.labels[1].value[1]: must be of type string, not 7",
    ),
    "label is a placeholder without quotes": (
        put(*LABELS, 1, "value", value=["prod", {"teams": None}]),
        'columns.labels[1].value[1]: is a mapping; a placeholder must be quoted: "{teams}"',
    ),
    "labels that are no list": (
        put(*LABELS, 0, "value", value=7),
        "columns.labels[0].value: must be of type array, not 7",
    ),
    "label of a vocabulary that does not exist": (
        put(*LABELS, 1, "value", value=["{teems}"]),
        "columns.labels[1].value: the vocabulary 'teems' does not exist; did you mean 'teams'?",
    ),
    "label of a part that does not exist": (
        put(*LABELS, 1, "value", value=["{projects.kay}"]),
        "columns.labels[1].value: {projects.kay} is not a word; did you mean '{projects.key}'?",
    ),
    "label of a part of plain words": (
        put(*LABELS, 1, "value", value=["{people.id}"]),
        "columns.labels[1].value: {people.id} is not a word",
    ),
    "label of a whole mapping": (
        put(*LABELS, 1, "value", value=["{projects}"]),
        "columns.labels[1].value: {projects} is not a word",
    ),
    "label is a date": (put(*LABELS, 1, "value", value=[ABSENT]), "columns.labels[1].value[0]: is a date"),
    "label is not a number": (
        put(*LABELS, 1, "value", value=[float("nan")]),
        "columns.labels[1].value[0]: is too large",
    ),
    "user is a list in one tenant": (
        put("tenants", "research", "columns", "userId", 1, "value", value=[]),
        "tenants.research.columns.userId[1].value: must be of type string or null, not empty",
    ),
    # Pins
    "pins are a list": (put(*MAIN, "pins", value=[{}]), "tenants.main.pins: must be a mapping of ordinals"),
    "ordinal is text": (put(*MAIN, "pins", value={"0": {}}), "tenants.main.pins: an ordinal: must be a whole number"),
    "ordinal is negative": (
        put(*MAIN, "pins", value={-1: {}}),
        "tenants.main.pins: an ordinal: must be a whole number",
    ),
    "pin is empty": (put(*MAIN, "pins", 1, value=None), "tenants.main.pins.1: must be a mapping, not empty"),
    "pin with another key": (put(*MAIN, "pins", 1, value={"sets": {}}), "unknown key 'sets'; did you mean 'set'?"),
    "pin of no column": (
        put(*MAIN, "pins", 1, "draw", value={"statsu": "RUNNING"}),
        "tenants.main.pins.1.draw: there is no column 'statsu'; did you mean 'status'?",
    ),
    "pin of a value that does not exist": (
        put(*MAIN, "pins", 1, "draw", value={"status": "RUNNIN"}),
        "tenants.main.pins.1.draw: status cannot be 'RUNNIN'; did you mean 'RUNNING'?",
    ),
    "pin with a placeholder": (
        put(*MAIN, "pins", 1, "draw", value={"labels": ["{people}"]}),
        "tenants.main.pins.1.draw.labels[0]: placeholders such as {people} are filled in columns only",
    ),
    "pin of an owner that is a number": (
        put(*MAIN, "pins", 1, "draw", value={"owner": 5}),
        "tenants.main.pins.1.draw.owner: must be text, not 5",
    ),
    "pin of no field": (
        put(*MAIN, "pins", 1, "set", value={"gpuCuont": 1}),
        "tenants.main.pins.1: no document has the field 'gpuCuont'; did you mean 'gpuCount'?",
    ),
    "pin of a wrong type": (
        put(*MAIN, "pins", 1, "set", value={"gpuCount": "1"}),
        "tenants.main.pins.1.set: gpuCount must be of type integer, not '1'",
    ),
    "pin of a date without quotes": (
        put(*MAIN, "pins", 1, "set", value={"startedAt": ABSENT}),
        "tenants.main.pins.1.set.startedAt: is a date, which JSON does not have: quote it",
    ),
    "pin of a date that is none": (
        put(*MAIN, "pins", 1, "set", value={"startedAt": "soon"}),
        "tenants.main.pins.1.set: startedAt must be a date-time, not 'soon'",
    ),
    "pin of the creation": (
        put(*MAIN, "pins", 1, "set", value={"createdAt": "2026-01-01T00:00:00Z"}),
        "tenants.main.pins.1: 'createdAt' orders the listing",
    ),
    "pin without an id": (put(*MAIN, "pins", 1, "drop", value=["id"]), "tenants.main.pins.1: 'id' orders the listing"),
    "drop is text": (put(*MAIN, "pins", 1, "drop", value="region"), "tenants.main.pins.1.drop: must be a list"),
    "drop of no field": (put(*MAIN, "pins", 1, "drop", value=["regoin"]), "did you mean 'region'?"),
    "drop of a field that the spec requires": (
        put(*MAIN, "pins", 1, "drop", value=["name"]),
        "tenants.main.pins.1.drop: name is missing",
    ),
    "set and dropped": (
        put(*MAIN, "pins", 1, value={"set": {"region": "eu"}, "drop": ["region"]}),
        "tenants.main.pins.1: 'region' is both set and dropped",
    ),
    # Switches and vocabularies
    "switch does not exist": (
        put("switches", "validation_error", value="detail"),
        "switches: unknown key 'validation_error'; did you mean 'validation_errors'?",
    ),
    "switch of no choice": (
        put("switches", "validation_errors", value="details"),
        "switches.validation_errors: 'details' does not exist; did you mean 'detail'?",
    ),
    "switch is off": (put("switches", "validation_errors", value=False), "switches.validation_errors: False does not"),
    "switches are a list": (put("switches", value=["detail"]), "switches: must be a mapping, not a list"),
    "own vocabulary is empty": (
        put("vocabularies", value={"nouns": []}),
        "vocabularies.nouns: must be a list",
    ),
    "own vocabulary is text": (put("vocabularies", value={"nouns": "box"}), "vocabularies.nouns: must be a list with"),
    "own vocabulary has a number": (
        put("vocabularies", value={"regions": ["eu", 7]}),
        "vocabularies.regions[1]: must be text, not 7",
    ),
    "own vocabulary is mixed": (
        put("vocabularies", value={"bases": [{"id": "a", "key": "b"}, {"id": "c"}]}),
        "vocabularies.bases[1]: the key 'key' is missing",
    ),
    "own vocabulary of mappings for text": (
        put("vocabularies", value={"images": [{"name": "python"}]}),
        "vocabularies.images[0]: must be text, not a mapping",
    ),
}


def damaged(folder: Path, slug: str, change: Change) -> None:
    path = folder / f"{slug}.yaml"
    recipe = TEXTS.read(path)[1]
    change(recipe)
    # A stand-in for what YAML makes of an unquoted date.
    TEXTS.write(path, _dated(recipe))


def _dated(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _dated(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_dated(each) for each in value]
    return datetime.date(2026, 1, 1) if value is ABSENT else value


@pytest.mark.parametrize("name", PRIME)
def test_a_mistake_in_a_recipe_is_named(tmp_path: Path, name: str) -> None:
    """Each mistake is one line that names the file, the place and the cause."""
    change, cause = PRIME[name]
    folder = recipes(tmp_path)
    damaged(folder, "prime", change)
    line = refusal(folder, "prime")
    assert line.startswith("prime.yaml: "), line
    assert cause in line


OTHERS: dict[str, tuple[str, Change, str]] = {
    "metadata is text": (
        "superserve",
        put("columns", "metadata", 0, "value", value="env"),
        "columns.metadata[0].value: must be of type object, not 'env'",
    ),
    "metadata of numbers": (
        "superserve",
        put("columns", "metadata", 1, "value", value={"env": 1}),
        "columns.metadata[1].value.env: must be of type string, not 1",
    ),
    "metadata is a list": (
        "instavm",
        put("columns", "metadata", 1, "value", value=["env"]),
        "columns.metadata[1].value: must be of type object, not a list",
    ),
    "metadata with a number for a name": (
        "instavm",
        put("columns", "metadata", 1, "value", value={1: "env"}),
        "columns.metadata[1].value: the key 1 must be text: quote it",
    ),
    "project is no UUID": (
        "dreadnode",
        put("columns", "project_id", 1, value={"value": "project-1", "weight": 1}),
        "columns.project_id[1].value: must be a uuid, not 'project-1'",
    ),
    "project in capitals": (
        "dreadnode",
        put("columns", "project_id", 1, value={"value": "5C1F2D7E-8A34-4B09-9E61-3D20F7A4B8C5", "weight": 1}),
        "columns.project_id[1].value: must be a uuid",
    ),
    "cap below one": (
        "superserve",
        put("tenants", "main", "pins", 3, "set", value={"timeout_seconds": 0}),
        "tenants.main.pins.3.set: timeout_seconds must be at least 1",
    ),
    "rule is text": (
        "superserve",
        put("tenants", "main", "pins", 4, "set", value={"network": {"allow_out": "api.openai.com"}}),
        "tenants.main.pins.4.set: network.allow_out must be of type array",
    ),
    "switch of a provider without": ("instavm", put("switches", value={"a": "b"}), "switches: unknown key 'a'"),
    "cap of a provider without": ("instavm", put("caps", value={"boxes": 1}), "caps: unknown key 'boxes'"),
    "projects without ids": (
        "dreadnode",
        put("vocabularies", value={"projects": [{"key": "a"}]}),
        "vocabularies.projects[0]: the key 'id' is missing",
    ),
    "workspaces are plain words": (
        "dreadnode",
        put("vocabularies", value={"workspaces": ["main"]}),
        "vocabularies.workspaces[0]: must be a mapping, not 'main'",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_mistake_in_another_recipe_is_named(tmp_path: Path, name: str) -> None:
    """The same holds for what only one provider's documents have."""
    slug, change, cause = OTHERS[name]
    folder = recipes(tmp_path)
    damaged(folder, slug, change)
    line = refusal(folder)
    assert line.startswith(f"{slug}.yaml: "), line
    assert cause in line


WORDS: dict[str, tuple[Change, str]] = {
    "none at all": (lambda words: words.clear(), "prime.yaml: columns.labels[2].value: the vocabulary 'teams' does"),
    "a list": (lambda words: words.update(people="Anna"), "vocabularies.yaml: people: must be a list with something"),
    "an empty one": (lambda words: words.update(people=[]), "vocabularies.yaml: people: must be a list with something"),
    "an unquoted no": (
        lambda words: words["regions"].append(False),
        "vocabularies.yaml: regions[5]: must be text",
    ),
    "missing": (
        lambda words: words.pop("jobs"),
        "prime.yaml: tenants.main: the vocabulary 'jobs' is",
    ),
    "without a key": (
        lambda words: words["projects"][3].pop("key"),
        "vocabularies.yaml: projects[3]: the key 'key'",
    ),
}


@pytest.mark.parametrize("name", WORDS)
def test_a_mistake_in_the_vocabularies_is_named(tmp_path: Path, name: str) -> None:
    """Words are text, or mappings that are all alike."""
    change, cause = WORDS[name]
    folder = recipes(tmp_path)
    damaged(folder, "vocabularies", change)
    assert refusal(folder, "prime").startswith(cause)


TYPED: dict[str, tuple[str, str, str]] = {
    "a key given twice": ("tenants:\n", "tenants:\n  main: {}\n", "'main' is given twice"),
    "a column given twice": ("columns:\n", "columns:\n  labels: []\n", "'labels' is given twice"),
    "an ordinal given twice": ("pins:\n", "pins:\n      1: {}\n", "'1' is given twice"),
    "a placeholder without quotes": ('[prod, "team:{teams}"]', "[prod, {teams}]", "a placeholder must be quoted"),
    "a date that is none": ("user: user_admin", "user: 2026-02-30", "day is out of range"),
    "a tag for another text": ("user: user_admin", "user: !!bool user_admin", "cannot be read as YAML: 'user_admin'"),
    "a tag for a date": ("user: user_admin", "user: !!timestamp user_admin", "cannot be read as YAML"),
    "a value within itself": ("value: [prod]", "value: &own [*own]", "holds itself"),
    "an indentation that fits nothing": (
        "columns:\n  status:",
        "columns:\n   status:",
        ": did not find expected key while parsing a block mapping that begins in line ",
    ),
    "a list as a key": ("switches:\n", "switches:\n  ? [a]\n  : b\n", "unhashable"),
}


@pytest.mark.parametrize("name", TYPED)
def test_a_mistake_in_the_text_is_named(tmp_path: Path, name: str) -> None:
    """What YAML would take in silence, or with a traceback, is refused as well."""
    old, new, cause = TYPED[name]
    folder = recipes(tmp_path)
    path = folder / "prime.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    line = refusal(folder, "prime")
    assert line.startswith("prime.yaml: ")
    assert cause in line


def test_the_built_in_recipes_pass_the_checks_that_others_get(tmp_path: Path) -> None:
    """A copy of the built-in folder is the same recipes."""
    copied = load_services(folder=recipes(tmp_path))
    built_in = load_services()
    assert {slug: each.fixture for slug, each in copied.items()} == {
        slug: each.fixture for slug, each in built_in.items()
    }


@pytest.mark.parametrize("slug", SLUGS)
def test_another_recipe_that_is_sound_is_served(tmp_path: Path, slug: str) -> None:
    """A recipe without anything that can be left out is served, in every state and to every caller."""
    folder = recipes(tmp_path)

    def change(recipe: Any) -> None:
        for tenant in recipe["tenants"].values():
            tenant.pop("pins", None)
        recipe.pop("switches", None)

    damaged(folder, slug, change)
    app = app_of(size=50, fixtures=folder, only=(slug,))
    for who in ("admin", "member"):
        assert get(app, slug, who=who).status == 200


def test_what_nobody_foresaw_is_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider whose documents cannot be made from a recipe says of which tenant."""

    def make(draw: Draw) -> Document:
        return {"id": draw.column("labels")["team"]}

    monkeypatch.setitem(PROVIDERS.loaded, "prime", dataclasses.replace(PROVIDERS["prime"], make=make))
    line = refusal(recipes(tmp_path), "prime")
    assert line.startswith("prime.yaml: tenants.main: no document can be made: TypeError(")


def test_a_document_that_json_cannot_hold_is_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is a provider that makes what no answer can carry."""
    made = PROVIDERS["prime"].make

    def make(draw: Draw) -> Document:
        return {**made(draw), "createdAt": datetime.datetime(2026, 1, 1)}

    monkeypatch.setitem(PROVIDERS.loaded, "prime", dataclasses.replace(PROVIDERS["prime"], make=make))
    line = refusal(recipes(tmp_path), "prime")
    assert line.startswith("prime.yaml: tenants.main: no document can be made: ValueError(")


def test_a_recipe_of_documents_whose_schema_leads_back_to_itself(tmp_path: Path) -> None:
    """A recursive schema holds a recipe against what it says, at any depth."""
    document = spec_of("superserve")
    item = document["components"]["schemas"]["SandboxResponse"]
    item["properties"]["parent"] = {"$ref": "#/components/schemas/SandboxResponse"}
    TEXTS.write(tmp_path / "superserve.yaml", document)
    folder, provider = recipes(tmp_path), PROVIDERS["superserve"]
    contract = reader.load(tmp_path / "superserve.yaml", provider.operations)
    parent = dict(next(iter(main_tenant(app_of(size=20), "superserve").documents())))
    pin, path = ("tenants", "main", "pins", 5, "set"), folder / "superserve.yaml"

    damaged(folder, "superserve", put(*pin, value={"parent": {**parent, "parent": parent}}))
    assert load(provider, contract, load_vocabularies(), path).tenants["main"].pins[5].set["parent"]["parent"]

    damaged(folder, "superserve", put(*pin, value={"parent": {**parent, "parent": {**parent, "name": 7}}}))
    with pytest.raises(FixtureError, match=r"pins\.5\.set: parent\.parent\.name must be of type string, not 7"):
        load(provider, contract, load_vocabularies(), path)


def test_half_a_character_is_refused() -> None:
    """Only the slower of the two YAML readers lets it through."""
    with pytest.raises(FixtureError, match="label: holds half a character"):
        Located("\ud800", "label").json(())


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a recipe, containers included."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield (*place, name)
        yield from places(each, (*place, name))


@pytest.mark.slow
@pytest.mark.parametrize("slug", SLUGS)
def test_no_recipe_starts_a_server_that_fails(tmp_path: Path, slug: str) -> None:
    """Any place of a recipe with a value that nobody expects there: refused at start, or served without a failure."""
    folder = recipes(tmp_path)
    text = (folder / f"{slug}.yaml").read_text(encoding="utf-8")
    cases = [(place, value) for place in places(yaml.load(text, Loader=CSafeLoader)) for value in NASTY]
    served = 0
    for place, value in Random(slug).sample(cases, SAMPLES):
        (folder / f"{slug}.yaml").write_text(text, encoding="utf-8")
        damaged(folder, slug, put(*place, value=value))
        try:
            app = app_of(size=30, fixtures=folder, only=(slug,))
        except FixtureError as error:
            message = str(error)
            assert message.startswith(str(folder)), (place, value)
            assert "\n" not in message
            assert len(message) < MOST_CHARACTERS, message
            continue
        served += 1
        paths = [PATHS[slug], FACETS] if slug == "dreadnode" else [PATHS[slug]]
        for path in paths:
            for who in ("admin", "member", "outsider"):
                assert get(app, slug, path=path, who=who).status in (200, 401, 403), (place, value)
        done(admin(app, "PUT", "/clock", {"action": "advance", "seconds": 86_400}))
        assert get(app, slug).status in (200, 401, 403), (place, value)
        done(admin(app, "GET", "/snapshot"))
        done(admin(app, "GET", "/errors"))
    assert 0 < served < SAMPLES


def test_switches_that_are_left_out_have_the_first_choice(tmp_path: Path) -> None:
    folder = recipes(tmp_path)
    damaged(folder, "prime", put("switches"))
    assert load_services(["prime"], folder)["prime"].fixture.switches == {
        "validation_errors": "detail",
        "fields": "page",
    }


def test_a_mistake_in_a_recipe_that_is_not_served_does_not_matter(tmp_path: Path) -> None:
    """Only what is served has to be sound."""
    folder = recipes(tmp_path)
    damaged(folder, "superserve", put("tenants"))
    assert [*load_services(["prime"], folder)] == ["prime"]
    with pytest.raises(FixtureError, match=r"superserve\.yaml: the key 'tenants' is missing"):
        load_services(["superserve"], folder)
