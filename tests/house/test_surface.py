"""`fakeserver.provider` is all that a provider needs: ours are written with nothing else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from fakeserver import provider
from tests.house.test_architecture import PACKAGE, imported
from tests.support.asgi import SLUGS

OWN_FILES = "fakeserver.resources"
"""Where ours find their files; those of another package are found by `importlib.resources`."""


@pytest.mark.parametrize("slug", SLUGS)
def test_providers_import_the_one_surface_alone(slug: str) -> None:
    """Another package could bring this provider and import from nothing that is not promised."""
    path = PACKAGE / "providers" / f"{slug}.py"
    modules = {name for name in imported(path) if name.split(".")[0] == "fakeserver"}
    assert {name for name in modules if not name.startswith(OWN_FILES)} - {"fakeserver.provider"} <= {
        f"fakeserver.provider.{name}" for name in provider.__all__
    }


def test_the_surface_is_whole() -> None:
    """Every name is there, once, and whatever the module imports for others to use is named."""
    tree = ast.parse(Path(provider.__file__).read_text(encoding="utf-8"))
    reexported = {
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fakeserver.")
        for alias in node.names
    }
    defined = {
        name
        for name, value in vars(provider).items()
        if getattr(value, "__module__", None) == provider.__name__ and not name.startswith("_")
    }
    assert len(provider.__all__) == len(set(provider.__all__))
    assert set(provider.__all__) == reexported | defined | {"Switches", "Age", "ErrorDialect"}
