"""Providers of other packages: found, served beside ours, and when they are wrong, named and left out."""

from __future__ import annotations

import logging
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest

from fakeserver import cli
from fakeserver.plugins import Plugins, UnusablePlugin
from fakeserver.provider import Provider
from fakeserver.serving import app as serving
from fakeserver.serving import command as command_of_serve
from fakeserver.serving.app import App, Settings, create_app
from fakeserver.testing.server import running
from tests.support.asgi import PATHS, ROOT, SLUGS, call, header_of
from tests.support.distributions import ACME, GROUP, install, install_acme, on_path

LONGEST_LINE = 700
ACME_PATH = f"/acme{PATHS['instavm']}"

Site = Callable[[], Plugins[Provider]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with on_path(tmp_path, monkeypatch) as path:
        yield path


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    """Look for providers as a process does that starts now."""

    def look() -> Plugins[Provider]:
        found = Plugins(GROUP, lambda: Provider, "provider")
        for module in (serving, cli, command_of_serve):
            monkeypatch.setattr(module, "PROVIDERS", found)
        return found

    return look


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def command(*arguments: str) -> tuple[int, str, str]:
    out, err = StringIO(), StringIO()
    return cli.main(arguments, out, err), out.getvalue(), err.getvalue()


def serves_all(app: App, *more: str) -> None:
    """Every provider of ours, and these, answer with documents."""
    assert [*app.services] == [*SLUGS, *more]
    for slug in SLUGS:
        assert call(app, f"/{slug}{PATHS[slug]}", headers=header_of(slug, f"{slug}-admin-key")).status == 200


def test_a_provider_of_another_package_is_served(folder: Path, site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """It stands behind ours, with its own spec and recipe, in the server, the command line and a test's world."""
    module = install_acme(folder)
    assert [*site()] == [*SLUGS, "acme"]
    app = create_app(Settings(size=20))
    serves_all(app, "acme")
    assert len(call(app, ACME_PATH, headers={"x-api-key": "acme-admin-key"}).value) > 0
    assert call(app, ACME_PATH, headers={"x-api-key": "instavm-admin-key"}).status == 401
    assert warnings_of(caplog) == []
    assert command("openapi", "acme") == (0, (module / "openapi.yaml").read_text(encoding="utf-8"), "")
    assert "acme-admin-key" in command("env", "acme")[1]
    with running(Settings(size=20, only=("acme",))) as server, server.world() as world:
        assert world.provider("acme").token == "acme-admin-key"
        assert world.provider("acme").documents


NOT_A_PROVIDER = "PROVIDER = 7"
WRONG_TABLE = (
    ACME
    + """
from fakeserver.provider import Equal, Listing
listing = PROVIDER.operations["listSandboxes"]
PROVIDER = replace(PROVIDER, operations={"listSandboxes": replace(listing, filters=(Equal("colour", field="colour"),))})
"""
)
NO_TABLE = ACME + "PROVIDER = replace(PROVIDER, operations=None)"
NO_LISTING = ACME + "PROVIDER = replace(PROVIDER, operations={})"
NO_SPEC = ACME + "PROVIDER = replace(PROVIDER, spec=FILES / 'absent.yaml')"
NO_RECIPE = ACME + "PROVIDER = replace(PROVIDER, recipe=FILES / 'absent.yaml')"
NO_PATH = ACME + "PROVIDER = replace(PROVIDER, spec='openapi.yaml')"
NO_DOCUMENT = ACME + "PROVIDER = replace(PROVIDER, make=lambda draw: {'id': 1 // 0})"
NO_VARIABLE = ACME + "PROVIDER = replace(PROVIDER, sdk={'ACME_KEY': '{token}'})"
DUMB = ACME + "PROVIDER = replace(PROVIDER, errors=lambda problem, switches: None)"
UNSPEAKABLE = ACME + "PROVIDER = replace(PROVIDER, errors=lambda problem, switches: (400, {1j}))"
NO_ERROR = ACME + "PROVIDER = replace(PROVIDER, errors=lambda problem, switches: (200, {}))"
EXITS_LATER = ACME + "PROVIDER = replace(PROVIDER, make=lambda draw: exit('enough'))"
UNTOLD = """
class Untold(Exception):
    def __str__(self):
        raise ValueError

raise Untold
"""
OTHER_SLUG = ACME.replace('slug="acme"', 'slug="acne"')

BAD: dict[str, tuple[str, str]] = {
    "an exception": ("raise RuntimeError('two\\nlines')", "RuntimeError: two lines (__init__.py, line 1)"),
    "an exception that fails itself": (UNTOLD, "Untold"),
    "an exception for terminals": (r"raise RuntimeError('a\x1b[2J\x07b')", "RuntimeError: a [2J b"),
    "an exception without a word": ("raise RuntimeError", "RuntimeError"),
    "an endless word": ("raise RuntimeError('x' * 100_000)", "RuntimeError: xxx"),
    "the end of the process": ("raise SystemExit(3)", "SystemExit: 3"),
    "a cancelled task": ("import asyncio; raise asyncio.CancelledError", "CancelledError"),
    "a missing module": (
        "import not_there",
        "ModuleNotFoundError: No module named 'not_there' (__init__.py, line 1)",
    ),
    "a syntax error": ("def", "SyntaxError: invalid syntax"),
    "no such name": ("", "AttributeError: module 'fake_acme' has no attribute 'PROVIDER'"),
    "not a provider": (NOT_A_PROVIDER, "fake_acme:PROVIDER is of type int, not Provider"),
    "another slug": (OTHER_SLUG, "the slug of fake_acme:PROVIDER is 'acne', but its entry point is called 'acme'"),
    "a wrong table": (WRONG_TABLE, "listSandboxes: the spec declares 'metadata', which nothing reads"),
    "no table": (NO_TABLE, "operations must be a mapping"),
    "no listing": (NO_LISTING, "no operation of the provider 'acme' answers with its documents"),
    "a missing spec": (NO_SPEC, "absent.yaml: No such file or directory"),
    "a missing recipe": (NO_RECIPE, "absent.yaml: No such file or directory"),
    "a path as text": (NO_PATH, "spec must be a file as importlib.resources finds it, not 'openapi.yaml'"),
    "no document": (NO_DOCUMENT, "ZeroDivisionError('integer division or modulo by zero') (__init__.py, line 8)"),
    "an environment of nothing": (NO_VARIABLE, "ValueError: sdk can name base_url, key, tenant in braces"),
    "a dialect without words": (DUMB, "errors fails at a problem of the kind 'unauthenticated': TypeError"),
    "a dialect beyond JSON": (UNSPEAKABLE, "errors fails at a problem of the kind 'unauthenticated': TypeError"),
    "a dialect without errors": (NO_ERROR, "errors gives a problem of the kind 'unauthenticated' the status 200"),
    "a maker that ends the process": (EXITS_LATER, "SystemExit: enough"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.slow
def test_a_bad_provider_is_named_and_left_out(
    folder: Path, site: Site, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """One line with the package and the cause, and the others are served; who asks for it gets the line and a 2."""
    code, cause = BAD[name]
    install_acme(folder, code=code)
    site()
    serves_all(create_app(Settings(size=20)))
    (line,) = warnings_of(caplog)
    assert line.startswith("provider 'acme' of package 'fake-acme' cannot be used: ")
    assert cause in line
    assert line.isprintable()
    assert len(line) < LONGEST_LINE
    caplog.clear()
    assert command("serve", "--port", "0", "--only", "acme") == (2, "", f"fakeserver: {line}\n")
    (folder / "recipes").mkdir()
    (folder / "recipes" / "acme.yaml").write_text("callers: {}\n")
    status, _, told = command("serve", "--port", "0", "--fixtures", str(folder / "recipes"))
    assert (status, told.count("\n")) == (2, 1)
    assert "acme" in told
    assert warnings_of(caplog) == []
    # Who asks for others hears nothing of it.
    assert [*create_app(Settings(size=20, only=("prime",))).services] == ["prime"]
    assert warnings_of(caplog) == []


@pytest.mark.parametrize(
    "slug", ["a/b", "../prime", "Acme", "ns", "__admin", "vocabularies", "a b", "ä", "x" * 65, "1st"]
)
def test_a_slug_that_is_not_a_segment_of_a_path(
    folder: Path, site: Site, caplog: pytest.LogCaptureFixture, slug: str
) -> None:
    """It is refused before anything of the package is imported."""
    install(folder, "fake-odd", {slug: "fake_odd:PROVIDER"}, "raise AssertionError('imported')")
    site()
    serves_all(create_app(Settings(size=20)))
    (line,) = warnings_of(caplog)
    assert line.startswith(f"provider {slug!r} of package 'fake-odd' cannot be used: ")
    assert "slug" in line.partition("cannot be used")[2]


def test_two_of_one_slug(folder: Path, site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody takes the place of ours, and of two others neither is served: who knows which one was meant?"""
    install_acme(folder)
    install_acme(folder, "fake-zenith")
    install(folder, "fake-prime", {"prime": "fake_prime:PROVIDER"}, "raise AssertionError('imported')")
    site()
    serves_all(create_app(Settings(size=20)))
    ours, others = warnings_of(caplog)
    same = "brings one of the same name"
    assert ours == f"provider 'prime' of package 'fake-prime' cannot be used: package 'fakeserver' {same}"
    assert others == f"provider 'acme' of package 'fake-acme' cannot be used: package 'fake-zenith' {same}"
    assert command("serve", "--port", "0", "--only", "acme") == (2, "", f"fakeserver: {others}\n")
    assert [*create_app(Settings(size=20, only=("prime",))).services] == ["prime"]


@pytest.mark.parametrize(
    "content", [f"[{GROUP}]\nno equals sign\n".encode(), f"[{GROUP}]\n\xff = x\n".encode("latin-1")]
)
def test_metadata_that_cannot_be_read(
    folder: Path, site: Site, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    """A package whose entry points are not even text of theirs keeps nobody from being served."""
    install(folder, "fake-broken", {})
    (folder / "fake_broken-1.0.dist-info" / "entry_points.txt").write_bytes(content)
    install_acme(folder)
    (folder / "fake_acme-1.0.dist-info" / "METADATA").unlink()
    site()
    serves_all(create_app(Settings(size=20)), "acme")
    (line,) = warnings_of(caplog)
    assert line.startswith("the entry points of package 'fake-broken' cannot be read: ")


def test_no_provider_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an installation there is nothing to serve, and the command says so."""
    monkeypatch.setattr(serving, "PROVIDERS", Plugins("fakeserver.no_such_group", lambda: Provider, "provider"))
    status, out, told = command("serve", "--port", "0")
    assert (status, out, told.count("\n")) == (2, "", 1)
    assert "no provider is installed" in told


def test_a_package_in_an_archive(folder: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files need not be files: what `importlib.resources` finds is read as it is, and named where it is missing."""
    install_acme(folder / "packed")
    install_acme(folder / "broken", "fake-broken", NO_SPEC)
    for name in ("packed", "broken"):
        archive = shutil.make_archive(str(folder / name), "zip", folder / name)
        monkeypatch.syspath_prepend(archive)
        found = site()
        if name == "packed":
            serves_all(create_app(Settings(size=20)), "acme")
            assert command("openapi", "acme")[1] == (ROOT / "openapi" / "instavm.yaml").read_text(encoding="utf-8")
            assert command("env", "acme")[0] == 0
            sys.path.remove(archive)
        else:
            assert found["acme"].slug == "acme"
            status, _, told = command("serve", "--port", "0", "--only", "acme")
            assert (status, told.count("\n")) == (2, 1)
            assert re.search(r"package 'fake-broken' cannot be used: .*absent\.yaml", told)


def test_what_a_package_prints_is_no_output(folder: Path, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """The first line of `serve` is the base URL, and `openapi` is the spec, whatever somebody prints when imported."""
    install_acme(folder, code=ACME + "print('Thank you for choosing Acme!')")
    assert site()["acme"].slug == "acme"
    assert capsys.readouterr() == ("", "Thank you for choosing Acme!\n")


def test_interrupting_an_import_interrupts(folder: Path, site: Site) -> None:
    """Ctrl-C is the user's, not the package's."""
    install_acme(folder, code="raise KeyboardInterrupt")
    found = site()
    with pytest.raises(KeyboardInterrupt):
        found["acme"]


def test_nothing_is_imported_before_it_is_asked_for(folder: Path, site: Site) -> None:
    """Names come from metadata alone."""
    install_acme(folder, code="raise AssertionError('imported')")
    found = site()
    assert "acme" in found
    assert len(found) == len(SLUGS) + 1
    assert found["prime"].slug == "prime"
    with pytest.raises(UnusablePlugin, match="imported"):
        found["acme"]
    with pytest.raises(KeyError):
        found["acne"]


def test_the_commands_name_a_bad_provider(folder: Path, site: Site) -> None:
    """`env` and `openapi` end with the line of the provider that they were asked for."""
    install_acme(folder, code="raise RuntimeError('oh')")
    site()
    for verb in ("env", "openapi"):
        status, out, told = command(verb, "acme")
        assert (status, out) == (2, "")
        assert told.count("\n") == 1
        assert "provider 'acme' of package 'fake-acme' cannot be used: RuntimeError: oh" in told
    sys.modules.pop("fake_acme", None)


@pytest.mark.parametrize(("verb", "code"), [("openapi", NO_SPEC), ("env", NO_RECIPE)])
def test_the_commands_name_a_missing_file(folder: Path, site: Site, verb: str, code: str) -> None:
    install_acme(folder, code=code)
    site()
    status, out, told = command(verb, "acme")
    assert (status, out, told.count("\n")) == (2, "", 1)
    assert re.search(r"package 'fake-acme' cannot be used: .*absent\.yaml", told)


def test_a_recipe_of_another_name_overlays_a_plugin(folder: Path, site: Site) -> None:
    """A folder's file replaces the recipe of its name, also that of another package's provider, and nothing else."""
    install_acme(folder)
    site()
    own = folder / "recipes"
    own.mkdir()
    text = (ROOT / "fixtures" / "instavm.yaml").read_text(encoding="utf-8")
    (own / "acme.yaml").write_text(text.replace("instavm-admin-key", "sesame"), encoding="utf-8")
    app = create_app(Settings(size=20, fixtures=own))
    serves_all(app, "acme")
    assert call(app, ACME_PATH, headers={"x-api-key": "sesame"}).status == 200
    (own / "acne.yaml").write_text(text, encoding="utf-8")
    status, _, told = command("serve", "--port", "0", "--fixtures", str(own))
    assert status == 2
    assert told == f"fakeserver: {own / 'acne.yaml'}: replaces nothing; did you mean 'acme.yaml'?\n"
