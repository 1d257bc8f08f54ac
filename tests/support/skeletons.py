"""Skeletons of plugins, made from a description and served without being installed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema_rs import Draft202012Validator

from fakeserver.recipes.schema import FORMATS
from fakeserver.scaffold import trial
from fakeserver.scaffold.command import make
from fakeserver.scaffold.guesses import Listed
from fakeserver.scaffold.plan import Plan
from fakeserver.serving.app import App, Settings, create_app
from fakeserver.spec.reader import Operation
from tests.support.asgi import EPOCH, Reply, call

SLUG = "acme"
PACKAGE = f"fakeserver_{SLUG}"


@dataclass
class Made:
    """A skeleton of the provider `acme` behind a server."""

    plan: Plan
    folder: Path
    app: App

    @property
    def operations(self) -> dict[str, Operation]:
        return self.app.services[SLUG].spec.operations

    def listed(self, operation: str) -> Listed:
        return next(each for each in self.plan.listings if each.found.endpoint.id == operation)

    def reasons(self) -> dict[str, str]:
        """Why operations are not served, by their ids."""
        return {found.endpoint.id: found.reason for found in self.plan.unserved}

    def get(self, operation: str, query: str = "", *, caller: str = "admin", prefer: str = "") -> Reply:
        """The answer to a request that the operation can answer; with more in its query, and a preference."""
        path = self.listed(operation).request
        scheme = self.operations[operation].security[0]
        key = f"{SLUG}-{caller}-key"
        headers = {scheme.header: f"Bearer {key}" if scheme.prefix else key} | ({"prefer": prefer} if prefer else {})
        joint = "&" if "?" in path else "?"
        return call(self.app, f"/{SLUG}{path}{joint}{query}" if query else f"/{SLUG}{path}", headers=headers)

    def rows(self, operation: str, query: str = "") -> list[dict[str, Any]]:
        """The rows of an answer that is as its schema says."""
        reply = self.get(operation, query)
        assert reply.status == 200, reply.body
        value, items = reply.value, self.listed(operation).items
        check_body(self, operation, 200, value)
        rows: list[dict[str, Any]] = value if items is None else value[items]
        return rows


def check_body(made: Made, operation: str, status: int, value: Any) -> None:
    """Hold a body against the schema that the skeleton's spec has for it."""
    spec = made.app.services[SLUG].spec
    schema = {
        "allOf": [spec.operations[operation].responses[status].schema],
        "components": spec.document.get("components", {}),
    }
    validator = Draft202012Validator(schema, formats=FORMATS, validate_formats=True, offline=True)
    assert [error.message for error in validator.iter_errors(value)] == []


@contextmanager
def skeleton(source: Path, chosen: str | None = None, *, size: int = 100) -> Iterator[Made]:
    """The skeleton of a description, for the length of a block."""
    made = make(SLUG, source, chosen)
    try:
        services = {SLUG: trial.load(made.folder, PACKAGE)}
        settings = Settings(size=size, epoch=EPOCH, rate_limits=False)
        yield Made(made.plan, made.folder, create_app(settings, services))
    finally:
        shutil.rmtree(made.folder)


def write_json(folder: Path, document: Any) -> Path:
    """A description as a file."""
    path = folder / "openapi.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path
