"""`fakeserver lint`, as a hook before a commit runs it."""

from __future__ import annotations

import io
from pathlib import Path

from fakeserver.cli import main
from fakeserver.resources import resource

RECIPE = resource("fixtures/prime.yaml").read_bytes().decode()


def lint(*arguments: str) -> tuple[int, list[str]]:
    out = io.StringIO()
    code = main(["lint", *arguments], out, io.StringIO())
    return code, out.getvalue().splitlines()


def test_what_is_installed_is_in_order() -> None:
    assert lint() == (0, [])


def test_every_recipe_that_is_wrong_is_a_line(tmp_path: Path) -> None:
    """With its file and place; those that are right are none."""
    folder = tmp_path / "ä folder"
    folder.mkdir()
    (folder / "superserve.yaml").write_bytes(resource("fixtures/superserve.yaml").read_bytes())
    assert lint("--fixtures", str(folder)) == (0, [])
    (folder / "prime.yaml").write_text(RECIPE.replace("callers:", "calers:", 1), "utf-8")
    (folder / "instavm.yaml").write_text("- [", "utf-8")
    code, lines = lint("--fixtures", str(folder))
    assert (code, len(lines)) == (1, 2), lines
    assert all(any(f"{folder / name}" in line for line in lines) for name in ("prime.yaml", "instavm.yaml"))
    (folder / "prme.yaml").write_text("{}", "utf-8")
    assert any("'prime.yaml'" in line for line in lint("--fixtures", str(folder))[1])


def test_words_are_tried_by_every_recipe(tmp_path: Path) -> None:
    (tmp_path / "vocabularies.yaml").write_text("people: 3", "utf-8")
    code, lines = lint("--fixtures", str(tmp_path))
    assert code == 1
    assert "vocabularies.yaml" in lines[0]


def test_accepted_deviations(tmp_path: Path) -> None:
    """A list that `check --accept` takes is in order, and no other."""
    accepted = tmp_path / "accepted.yaml"
    accepted.write_text("- {law: pages.exact, reason: known, expires: 2030-01-01}\n", "utf-8")
    assert lint("--accept", str(accepted)) == (0, [])
    accepted.write_text("- {law: pages.exact, reason: known}\n", "utf-8")
    assert lint("--accept", str(accepted)) == (1, [f"{accepted}: entry 1 needs law, reason and expires"])
    assert lint("--accept", str(tmp_path / "none.yaml"))[0] == 1
