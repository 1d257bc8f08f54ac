"""Our own specs and recipes: a checkout has them at its top, a wheel inside the package."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parent


def resource(name: str) -> Path:
    """A file of ours, such as `openapi/prime.yaml`. A provider of another package has `importlib.resources` for its."""
    inside = PACKAGE / name
    return inside if inside.exists() else PACKAGE.parent / name
