"""The contract kit that is installed beside this package. A folder of the user's may well have its name too,
`contract_tests`, and comes first where Python looks for modules in the working directory."""

from __future__ import annotations

import importlib.util
import pkgutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

NAME = "contract_tests"
FOLDER = Path(__file__).parent.parent / NAME


def load() -> None:
    """Make the name mean our package in this process, wherever Python was started. ImportError: it is not installed."""
    if getattr(sys.modules.get(NAME), "__file__", None) == str(FOLDER / "__init__.py"):
        # Loaded once more it would be another, which does not know the modules that it has.
        return
    spec = importlib.util.spec_from_file_location(
        NAME, FOLDER / "__init__.py", submodule_search_locations=[str(FOLDER)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(package)
    except OSError as error:
        raise ImportError(f"{FOLDER} is missing") from error
    sys.modules[NAME] = package


class Finder:
    """Finds the modules of our package by their names, also where the package of that name is the user's."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        return PathFinder.find_spec(name, [str(FOLDER)]) if name.rpartition(".")[0] == NAME else None


@contextmanager
def borrowed_name() -> Iterator[None]:
    """Load our package for as long as the block lasts. Its modules are found ever after, but the name is free again, so
    that a package of the user's can be imported under it: theirs and ours then share it, module by module."""
    before = sys.modules.get(NAME)
    load()
    if Finder not in sys.meta_path:
        sys.meta_path.insert(0, Finder)
    try:
        yield
    finally:
        del sys.modules[NAME]
        if before is not None:
            sys.modules[NAME] = before


def shared_modules(folder: Path) -> list[str]:
    """The modules of a package of the user's that ours has too, so that each would be taken for the other."""
    ours, theirs = ({each.name for each in pkgutil.iter_modules([str(path)])} for path in (FOLDER, folder))
    return sorted(ours & theirs)
