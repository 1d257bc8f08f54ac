"""The surfaces for plugins, `fakeserver.provider` and `contract_tests.promises`: ours are written with nothing else."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

from tests.house.test_architecture import KIT, PACKAGE, imported
from tests.support.asgi import ROOT, SLUGS

OWN_FILES = "fakeserver.resources"
"""Where ours find their files; those of another package are found by `importlib.resources`."""
SURFACES = {"fakeserver.provider": PACKAGE / "providers", "contract_tests.promises": KIT / "promises"}
ALIASES = {
    "fakeserver.provider": {"Switches", "ErrorDialect", "StrangerRule", "Command"},
    "contract_tests.promises": set(),
}
"""Names that the surface itself makes of others."""


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("surface", SURFACES)
def test_ours_import_the_one_surface_alone(surface: str, slug: str) -> None:
    """Another package could bring this provider, or these promises, and import from nothing that is not kept."""
    place = SURFACES[surface] / slug
    own = ".".join(place.relative_to(ROOT).parts)
    modules = {
        name
        for path in (place.rglob("*.py") if place.is_dir() else [place.with_suffix(".py")])
        for name in imported(path)
        if name.split(".")[0] in ("fakeserver", "contract_tests") and not name.startswith(own)
    }
    promised = {f"{surface}.{name}" for name in importlib.import_module(surface).__all__}
    assert {name for name in modules if not name.startswith(OWN_FILES)} - {surface} <= promised


@pytest.mark.parametrize("surface", SURFACES)
def test_the_surface_is_whole(surface: str) -> None:
    """Every name is there, once, and whatever the module imports for others to use is named."""
    module = importlib.import_module(surface)
    assert module.__file__ is not None
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    room = surface.split(".")[0]
    reexported = {
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{room}.")
        for alias in node.names
    }
    defined = {
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == surface and not name.startswith("_")
    }
    assert len(module.__all__) == len(set(module.__all__))
    assert set(module.__all__) == reexported | defined | ALIASES[surface]
