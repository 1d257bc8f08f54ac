"""The run that is kept in results.json, read back, so that a part that is measured again can take its place in it."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from benchmarks.report import Run


def read(path: Path) -> Run:
    """The run that `results.json` holds; a ValueError says what is not one."""
    run: Run = value_of(Run, json.loads(path.read_text(encoding="utf-8")))
    return run


def value_of(kind: Any, value: Any) -> Any:
    """A JSON value as what a type hint says: dataclasses, sequences, mappings by name, optional values, plain ones."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        (kind,) = (each for each in inner if each is not types.NoneType)
        return None if value is None else value_of(kind, value)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        unknown = value.keys() - {each.name for each in fields(kind)}
        if unknown:
            raise ValueError(f"a {kind.__name__} has no {', '.join(sorted(unknown))}")
        return kind(**{name: value_of(hints[name], member) for name, member in value.items()})
    if origin in (Sequence, tuple):
        return tuple(value_of(inner[0], each) for each in value)
    if origin is Mapping:
        return {name: value_of(inner[1], each) for name, each in value.items()}
    return value
