"""Exports: the folder that says what it is, comes out the same, and keeps what somebody wrote into it."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest

from fakeserver.cli import main
from fakeserver.export.folder import DESCRIPTION
from tests.support.asgi import EPOCH, SLUGS, app_of, main_tenant

AT = ("--epoch", "2026-01-18T10:30:00Z")


def export(slug: str, folder: Path, *more: str) -> tuple[int, str]:
    """The exit code, and what was said."""
    out, err = StringIO(), StringIO()
    code = main(["export", slug, "--format", "json", "--out", str(folder), "--size", "60", *AT, *more], out, err)
    return code, out.getvalue() + err.getvalue()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("slug", SLUGS)
def test_documents_are_those_of_the_server(slug: str, tmp_path: Path) -> None:
    """Every document of every tenant, byte for byte and in the order of the server's lists."""
    assert export(slug, tmp_path)[0] == 0
    app = app_of(size=60, epoch=EPOCH)
    found = json.loads((tmp_path / "documents.json").read_bytes())
    tenants = app.world.advance(app.services[slug].provider)
    assert {name: len(each) for name, each in found.items()} == {name: len(each) for name, each in tenants.items()}
    main_rows = main_tenant(app, slug)
    lines = (tmp_path / "documents.json").read_bytes().splitlines()
    for rank in main_rows.everything:
        assert main_rows.body(rank) in {line.removesuffix(b",") for line in lines}
    assert found[app.services[slug].provider.default_tenant] == [*main_rows.documents()]


def test_an_export_is_the_same_every_time(tmp_path: Path) -> None:
    for name in ("one", "other"):
        assert export("superserve", tmp_path / name)[0] == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "other")
    assert export("superserve", tmp_path / "other", "--seed", "1")[0] == 0
    assert contents(tmp_path / "one") != contents(tmp_path / "other")


def test_an_export_says_what_it_is(tmp_path: Path) -> None:
    export("prime", tmp_path, "--seed", "7")
    said = json.loads((tmp_path / DESCRIPTION).read_bytes())
    assert (said["provider"], said["format"], said["seed"], said["size"]) == ("prime", "json", 7, 60)
    assert said["epoch"] == "2026-01-18T10:30:00.000000Z"
    assert sum(said["documents"].values()) == 60
    assert said["left_out"]
    assert {*said["files"], DESCRIPTION} == {*contents(tmp_path)}


@pytest.mark.parametrize("name", ["documents.json", DESCRIPTION])
def test_what_was_changed_by_hand_is_kept(name: str, tmp_path: Path) -> None:
    """The refusal is one line that names the file; with --force it is written over."""
    export("prime", tmp_path)
    as_written = contents(tmp_path)
    (tmp_path / name).write_bytes(as_written[name].replace(b"e", b"E", 1))
    changed = contents(tmp_path)
    code, said = export("prime", tmp_path, "--seed", "2")
    assert (code, said.count("\n")) == (2, 1)
    assert f"{tmp_path / name} was changed by hand" in said
    assert contents(tmp_path) == changed
    assert export("prime", tmp_path, "--force")[0] == 0
    assert contents(tmp_path) == as_written


@pytest.mark.slow
def test_handlers_that_were_changed_by_hand_are_kept(tmp_path: Path) -> None:
    """The same of the other format, which writes folders within the folder."""
    out = StringIO()
    asked = ["export", "superserve", "--format", "msw", "--out", str(tmp_path), "--size", "5"]
    assert main(asked, out, out) == 0
    as_written = contents(tmp_path)
    changed = tmp_path / "scenarios" / "one.ts"
    changed.write_text("mine", encoding="utf-8")
    err = StringIO()
    assert main([*asked, "--seed", "1"], StringIO(), err) == 2
    assert f"{changed} was changed by hand" in err.getvalue()
    assert changed.read_text(encoding="utf-8") == "mine"
    assert main([*asked, "--force"], StringIO(), err) == 0
    assert contents(tmp_path) == as_written


def test_what_somebody_else_wrote_is_kept(tmp_path: Path) -> None:
    """A file that no export wrote is not written over, and one beside the export's own is left alone."""
    (tmp_path / "documents.json").write_text("mine")
    code, said = export("prime", tmp_path)
    assert code == 2
    assert "was written by somebody else" in said
    assert contents(tmp_path) == {"documents.json": b"mine"}
    (tmp_path / "documents.json").rename(tmp_path / "mine.json")
    assert export("prime", tmp_path)[0] == 0
    assert (tmp_path / "mine.json").read_text() == "mine"


def test_what_an_export_left_is_taken_away(tmp_path: Path) -> None:
    """Another provider's export leaves nothing of the last one, and no description leads out of the folder."""
    folder = tmp_path / "out"
    export("superserve", folder)
    assert (folder / "kinds").is_dir()
    assert export("prime", folder)[0] == 0
    assert {*contents(folder)} == {*json.loads((folder / DESCRIPTION).read_bytes())["files"], DESCRIPTION}
    (tmp_path / "outside.json").write_text("mine")
    described = json.loads((folder / DESCRIPTION).read_bytes())
    described["files"]["../outside.json"] = ""
    (folder / DESCRIPTION).write_text(json.dumps(described))
    assert export("superserve", folder, "--force")[0] == 0
    assert (tmp_path / "outside.json").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["prime", "--format", "yaml", "--out", "x"], "format 'yaml' does not exist"),
        (["prine", "--format", "json", "--out", "x"], "provider 'prine' does not exist; did you mean 'prime'?"),
        (["prime", "--format", "json"], "--out"),
        (["prime", "--format", "json", "--out", "x", "--size", "100001"], "--size"),
    ],
)
def test_wrong_usage_is_one_line(arguments: list[str], told: str) -> None:
    err = StringIO()
    assert main(["export", *arguments], StringIO(), err) == 2
    assert told in err.getvalue()
    assert err.getvalue().count("\n") == 1


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    code, said = export("prime", tmp_path / "file")
    assert (code, said.count("\n")) == (2, 1)
    assert "is not a folder" in said
    assert export("prime", tmp_path / "file" / "below", "--force")[0] == 2
