"""The last line of defence, for reports: should a secret be in one of their texts after all, it goes.

Texts are looked at before they are printed: afterwards a short secret could be a part of the markup, and a long one
could be spelled in the way of the format.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar

from contract_tests.reporting.report import Report

OURS = frozenset({"slug", "law", "layer", "tier", "verdict", "profile", "credential", "channel", "method"})
"""Fields whose texts are words of the kit's own, by which things are found."""

Value = TypeVar("Value")


def redact(report: Report, hide: Callable[[str], str]) -> Report:
    """The report with `hide` applied to every text that is not a word of the kit's own."""
    return hidden(report, hide)


def hidden(value: Value, hide: Callable[[str], str]) -> Value:
    """The value with `hide` applied to the texts in it, the keys of its mappings included."""
    return _hidden(value, hide)  # type: ignore[no-any-return]  # Each branch gives what it was given.


def _hidden(value: Any, hide: Callable[[str], str]) -> Any:
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return tuple(_hidden(each, hide) for each in value)
    if isinstance(value, list):
        return [_hidden(each, hide) for each in value]
    if isinstance(value, Mapping):
        return {_hidden(key, hide): _hidden(each, hide) for key, each in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        told = [each.name for each in fields(value) if each.init and each.name not in OURS]
        found = {name: _hidden(getattr(value, name), hide) for name in told}
        return replace(value, **{name: each for name, each in found.items() if each is not getattr(value, name)})
    return value
