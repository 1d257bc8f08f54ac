"""A skeleton, loaded as a server loads it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from fakeserver.pipeline.service import Service
from fakeserver.provider import Provider
from fakeserver.recipes import fixture
from fakeserver.spec import reader


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files by their paths within a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def load(folder: Path, package: str) -> Service:
    """The provider of the package in a folder, compiled; what is wrong with it is a SpecError or a FixtureError."""
    with importable(folder, package):
        provider: Provider = importlib.import_module(f"{package}.provider").PROVIDER
        contract = reader.load(provider.spec, provider.operations)
        return Service(provider, contract, fixture.load(provider, contract, fixture.load_vocabularies()))


@contextmanager
def importable(folder: Path, package: str) -> Iterator[None]:
    """A folder on the path for the length of a block; afterwards nothing that was imported from it is known."""
    sys.path.insert(0, str(folder))
    dont_write, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.dont_write_bytecode = dont_write
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
            del sys.modules[name]
