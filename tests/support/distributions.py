"""Throw-away distributions: a folder with packages and their `entry_points.txt`, as if pip had put them there."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.asgi import ROOT

GROUP = "fakeserver.providers"

ACME = """
from dataclasses import replace
from importlib.resources import files
from fakeserver.providers.instavm import PROVIDER as KNOWN

FILES = files(__package__)
PROVIDER = replace(KNOWN, slug="acme", spec=FILES / "openapi.yaml", recipe=FILES / "recipe.yaml")
"""
"""A provider that is like one of ours in all but its name and its files."""


PROMISED = """
from dataclasses import replace
from importlib.resources import files
from contract_tests.promises.instavm import PROMISES as KNOWN

FILES = files(__package__)
PROMISES = replace(KNOWN, slug="acme", spec=FILES / "openapi.yaml")
"""
"""What that provider's pages promise."""


def install(folder: Path, package: str, points: Mapping[str, str], code: str = "", *, group: str = GROUP) -> Path:
    """A distribution whose one module has this code; the folder has to be on the path. Returns the module's folder."""
    module = folder / package.replace("-", "_")
    module.mkdir(parents=True)
    (module / "__init__.py").write_text(code, encoding="utf-8")
    known = folder / f"{module.name}-1.0.dist-info"
    known.mkdir()
    (known / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", encoding="utf-8")
    lines = [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (known / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return module


def install_acme(folder: Path, package: str = "fake-acme", code: str = ACME) -> Path:
    """A provider `acme` with files of its own, or with this code instead of what makes it work."""
    module = install(folder, package, {"acme": f"{package.replace('-', '_')}:PROVIDER"}, code)
    shutil.copy(ROOT / "openapi" / "instavm.yaml", module / "openapi.yaml")
    text = (ROOT / "fixtures" / "instavm.yaml").read_text(encoding="utf-8")
    (module / "recipe.yaml").write_text(text.replace("instavm-", "acme-"), encoding="utf-8")
    return module


def install_promises(folder: Path, code: str = PROMISED) -> Path:
    """A package that promises something of `acme` and serves nothing."""
    points = {"acme": "acme_promises:PROMISES"}
    module = install(folder, "acme-promises", points, code, group="fakeserver.promises")
    shutil.copy(ROOT / "openapi" / "instavm.yaml", module / "openapi.yaml")
    return module


@contextmanager
def on_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder on the path, so that its distributions are found; its modules are forgotten again."""
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in [name for name, module in sys.modules.items() if str(folder) in str(getattr(module, "__file__", ""))]:
        del sys.modules[name]
