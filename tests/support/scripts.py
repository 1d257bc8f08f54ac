"""The project's own scripts, which no package has."""

from __future__ import annotations

import importlib.util
from types import ModuleType

from tests.support.asgi import ROOT


def load_script(name: str) -> ModuleType:
    """A script of .ci, as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
