"""The kit's own files and the specs that promises name, as plain values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where PyYAML was built with it: every check waits for its spec, a fourth as long as without it."""


def read_yaml(path: Traversable | Path) -> Any:
    """What a YAML file holds; OSError or YAMLError where it cannot be read."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)
