"""`fakeserver fixtures` and `fakeserver vocabularies`: what recipes of one's own begin with."""

from __future__ import annotations

import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema_rs import Draft202012Validator

from fakeserver import cli
from fakeserver.extras import install_line
from fakeserver.recipes import words
from fakeserver.recipes.drawing import draw_vocabularies, write_vocabularies
from fakeserver.recipes.fixture import FixtureError, load_vocabularies
from fakeserver.recipes.words import hides_unfit, is_unfit
from fakeserver.serving.app import load_services
from tests.support.asgi import ROOT, ROWS, SLUGS, SPECS, app_of, main_tenant, schema_of

FILES = {*(f"{slug}.yaml" for slug in SLUGS), "vocabularies.yaml"}
BY_LOCALE = {"people", "names", "emails", "companies"}


def run(*arguments: str) -> str:
    out, err = StringIO(), StringIO()
    assert cli.main(arguments, out, err) == 0, err.getvalue()
    return out.getvalue()


def refusal(*arguments: str) -> str:
    """The one line that a command prints instead of doing anything."""
    out, err = StringIO(), StringIO()
    assert cli.main(arguments, out, err) == cli.USAGE_ERROR
    assert out.getvalue() == ""
    assert err.getvalue().count("\n") == 1
    return err.getvalue().strip()


def test_the_recipes_are_written(tmp_path: Path) -> None:
    """Every built-in recipe and the vocabularies, byte for byte, in a folder that a server takes as it is."""
    folder = tmp_path / "a" / "recipes"
    said = run("fixtures", "--out", str(folder))
    assert {path.name for path in folder.iterdir()} == FILES
    assert all((folder / name).read_bytes() == (ROOT / "fixtures" / name).read_bytes() for name in FILES)
    assert f"fakeserver serve --fixtures {folder}" in said
    own, packaged = app_of(size=20, fixtures=folder), app_of(size=20)
    for slug in SLUGS:
        assert list(main_tenant(own, slug).documents()) == list(main_tenant(packaged, slug).documents())


def test_recipes_that_are_there_are_kept(tmp_path: Path) -> None:
    """Nothing is written where one of the files is already, unless the flag says so; other files are left alone."""
    (tmp_path / "prime.yaml").write_text("mine", "utf-8")
    (tmp_path / "notes.txt").write_text("mine", "utf-8")
    line = refusal("fixtures", "--out", str(tmp_path))
    assert line == f"fakeserver fixtures: {tmp_path} has prime.yaml already; --overwrite replaces what is there"
    assert {path.name for path in tmp_path.iterdir()} == {"prime.yaml", "notes.txt"}
    run("fixtures", "--out", str(tmp_path), "--overwrite")
    assert (tmp_path / "prime.yaml").read_bytes() == (ROOT / "fixtures" / "prime.yaml").read_bytes()
    assert (tmp_path / "notes.txt").read_text("utf-8") == "mine"


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A file in the folder's place is named, for either command, as is a folder that is missing."""
    (tmp_path / "file").write_text("", "utf-8")
    place = tmp_path / "file" / "recipes"
    assert (
        refusal("fixtures", "--out", str(place)) == f"fakeserver fixtures: {place} cannot be written: Not a directory"
    )
    place = tmp_path / ("x" * 300)
    for command in ("fixtures", "vocabularies"):
        line = refusal(command, "--out", str(place))
        assert line == f"fakeserver {command}: {place} cannot be written: File name too long"
    place = tmp_path / "absent" / "words.yaml"
    line = refusal("vocabularies", "--out", str(place))
    assert line == f"fakeserver vocabularies: {place} cannot be written: No such file or directory"


@pytest.mark.parametrize("arguments", [("fixtures",), ("fixtures", "--uot", "x"), ("vocabularies", "--seed", "-1")])
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    """What is missing or mistyped is one line."""
    assert refusal(*arguments).startswith(f"fakeserver {arguments[0]}: ")


def test_vocabularies_by_locale(tmp_path: Path) -> None:
    """Another locale has other people and kinds of companies under the same names, and is drawn the same again."""
    path = tmp_path / "vocabularies.yaml"
    run("vocabularies", "--locale", "de_DE", "--seed", "7", "--out", str(path))
    assert path.read_text("utf-8").startswith("# Drawn by: fakeserver vocabularies --locale de_DE --seed 7\n")
    assert run("vocabularies", "--locale", "de_DE", "--seed", "7") == path.read_text("utf-8")
    drawn, ours = load_vocabularies(path), load_vocabularies()
    assert drawn.keys() == ours.keys()
    assert set(map(str, drawn["people"])).isdisjoint(map(str, ours["people"]))
    assert any("GmbH" in str(each) for each in drawn["companies"])
    assert any(not str(each).isascii() for each in drawn["names"])
    assert load_services(("prime",), tmp_path)["prime"].fixture.vocabularies == drawn


def test_another_seed_draws_other_words() -> None:
    """The seed chooses the words, the locale only the people and their companies."""
    seven, eight = (draw_vocabularies("en_GB", seed) for seed in (7, 8))
    assert seven["services"] != eight["services"]
    assert seven["projects"] != eight["projects"]
    french = draw_vocabularies("fr_FR", 7)
    assert {name for name in seven if seven[name] != french[name]} == BY_LOCALE


def test_cities_stay_under_a_locale() -> None:
    """They are in labels for their scripts and spaces, and a locale has but one script."""
    labels = load_services(("prime",), locale="de_DE", seed=7)["prime"].fixture.tenants["main"].columns["labels"].values
    sites = {each[0].removeprefix("site:") for each in labels if each and each[0].startswith("site:")}
    assert sites <= {*words.split(words.CITIES)}
    assert len(sites) == 8
    assert any(not site.isascii() for site in sites)
    assert sites == {*draw_vocabularies("fr_FR", 7)["cities"][:8]}


def test_the_packaged_ones_are_drawn_by_the_command() -> None:
    """`make vocabularies` would write what is there, but for the people, who depend on the Faker that is installed."""
    drawn = yaml.safe_load(write_vocabularies("en_US", 0))
    ours = load_vocabularies()
    assert {name: ours[name] for name in ours if name not in BY_LOCALE} == {
        name: drawn[name] for name in drawn if name not in BY_LOCALE
    }


@pytest.mark.parametrize("locale", ["ar_AA", "de_DE", "he_IL", "ja_JP", "ko_KR", "pl_PL", "ru_RU", "th_TH", "zh_TW"])
def test_people_of_any_script(locale: str) -> None:
    """Handles and addresses are plain ASCII, different from each other and harmless, whatever names are written in."""
    drawn = draw_vocabularies(locale, 3)
    assert len({*drawn["people"]}) == len(drawn["names"]) == len({*drawn["emails"]}) == 40
    for handle, name, email in zip(drawn["people"], drawn["names"], drawn["emails"], strict=True):
        assert handle.isascii()
        assert email.startswith(f"{handle}@example.")
        assert len(name.split()) >= 2
        assert not hides_unfit(handle)
        assert not is_unfit(name)
    assert all(each == each.strip() for each in drawn["companies"])


def test_a_file_of_words_is_kept(tmp_path: Path) -> None:
    """Words that somebody has are replaced only if the flag says so."""
    path = tmp_path / "words.yaml"
    path.write_text("mine", "utf-8")
    assert refusal("vocabularies", "--out", str(path)).endswith(f"{path} is there already; --overwrite replaces it")
    assert path.read_text("utf-8") == "mine"
    run("vocabularies", "--out", str(path), "--overwrite")
    assert "people:" in path.read_text("utf-8")


@pytest.mark.parametrize(
    ("locale", "end"),
    [
        ("de_DD", "; did you mean 'de_DE'?"),
        ("", "; known are de_DE, fr_FR, ja_JP, and many more"),
        ("../de_DE", "; did you mean 'de_DE'?"),
    ],
)
def test_a_locale_that_does_not_exist(locale: str, end: str) -> None:
    """It is named, by either command, and before anything is served."""
    cause = f"Faker has no locale {locale!r}{end}"
    assert refusal("vocabularies", "--locale", locale) == f"fakeserver vocabularies: {cause}"
    assert refusal("serve", "--port", "0", "--locale", locale) == f"fakeserver: {cause}"


def test_without_faker(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is named, with how to get it."""
    monkeypatch.setitem(sys.modules, "faker", None)
    for arguments in (("vocabularies",), ("serve", "--port", "0", "--locale", "de_DE")):
        line = refusal(*arguments)
        assert "needs Faker" in line
        assert line.endswith(install_line("fixtures"))


def test_a_locale_is_served(tmp_path: Path) -> None:
    """`serve --locale` draws the words by locale and seed: its documents are valid, and name people of that country."""
    drawn = draw_vocabularies("de_DE", 7)
    app = app_of(size=300, seed=7, locale="de_DE")
    for slug in SLUGS:
        schema = schema_of(slug, SPECS[slug]["components"]["schemas"][ROWS[slug]])
        validator = Draft202012Validator(schema, validate_formats=True)
        assert all(validator.is_valid(each) for each in main_tenant(app, slug).documents())
    owners: set[Any] = {each["metadata"].get("owner") for each in main_tenant(app, "superserve").documents()}
    assert len(owners & {*drawn["people"]}) > 5
    assert owners.isdisjoint(map(str, load_vocabularies()["people"]))


def test_a_locale_beside_words_of_ones_own(tmp_path: Path) -> None:
    """Either of them replaces the vocabularies, so both at once are refused; a recipe beside a locale is not."""
    run("fixtures", "--out", str(tmp_path))
    with pytest.raises(FixtureError, match=r"vocabularies\.yaml and a locale each replace the vocabularies"):
        load_services((), tmp_path, "de_DE")
    (tmp_path / "vocabularies.yaml").unlink()
    assert set(load_services((), tmp_path, "de_DE")) >= {*SLUGS}


@pytest.mark.slow
def test_a_server_without_a_locale_needs_no_faker() -> None:
    """Nothing of Faker is imported, and its words are those of the package."""
    script = "import sys; from fakeserver.serving.app import create_app; create_app(); print('faker' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "False\n"
