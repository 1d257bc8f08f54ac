"""YAML files that a package brings along, read once: their values are kept in `__pycache__` beside them.

Reading YAML would take a sixth of a start. As with Python's modules, `PYTHONPYCACHEPREFIX` says where else they are
kept, and nothing is where Python should write no bytecode, or may not write.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import marshal
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fakeserver.problems import Json

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

READER = Path(__file__).with_name("yaml_text.py")
"""What tells PyYAML how a text is read: where that was changed, all is read anew."""
DIGEST = hashlib.sha256().digest_size


def read_kept(path: Traversable) -> tuple[str, Json]:
    """A file's text, and the plain values that it stands for; a `SpecError` says where it cannot be read."""
    place = _place_of(path)
    # Nothing is kept yet, or the text cannot be read; of that the reader says why.
    with contextlib.suppress(OSError, ValueError):
        text, kept = path.read_text(encoding="utf-8"), b"" if place is None else place.read_bytes()
        if kept[:DIGEST] == _digest(text, kept[DIGEST:]):
            return text, marshal.loads(kept[DIGEST:])
    from fakeserver.spec import yaml_text  # With PyYAML, which a start does without where all is kept.

    text, values = yaml_text.read_yaml(path)
    if place is not None and not sys.dont_write_bytecode:
        with contextlib.suppress(OSError, ValueError):  # A ValueError: `marshal` knows no dates.
            _keep(place, text, marshal.dumps(values))
    return text, values


def _place_of(path: Traversable) -> Path | None:
    """Where Python would keep the bytecode of a module of this name, under another suffix."""
    try:
        return Path(importlib.util.cache_from_source(path)).with_suffix(".marshal") if isinstance(path, Path) else None
    except NotImplementedError:  # An interpreter that keeps nothing.
        return None


def _digest(text: str, value: bytes) -> bytes:
    """Of a text, of what reads it and of what it became: `marshal` may do anything with bytes that it did not write."""
    return hashlib.sha256(b"\0".join((READER.read_bytes(), text.encode(), value))).digest()


def _keep(place: Path, text: str, value: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    # Whole or not at all: other servers start meanwhile.
    part = place.with_name(f"{place.name}.{os.getpid()}")
    try:
        part.write_bytes(_digest(text, value) + value)
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)
