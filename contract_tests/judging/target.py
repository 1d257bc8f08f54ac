"""What is checked: a provider's promises, its spec, its security and its validators."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

from contract_tests.promises import BY_SLUG
from contract_tests.promises.form import Listing, Promises
from contract_tests.sending.security import Security

PACKAGE = Path(__file__).parent.parent


def specs() -> Path:
    """The folder of the specs: beside this package in a checkout, inside the server's package in a wheel."""
    beside = PACKAGE.parent / "openapi"
    return beside if beside.is_dir() else PACKAGE.parent / "fakeserver" / "openapi"


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """One provider, ready to be judged."""

    promises: Promises
    spec: dict[str, Any]
    security: Security
    validators: dict[tuple[str, int], jsonschema_rs.Draft202012Validator]
    """By operation id and status."""
    declared: dict[str, frozenset[str]]
    """The names that the schema of a row, an envelope or a bucket declares, by schema name."""

    @property
    def slug(self) -> str:
        return self.promises.slug

    @property
    def listing(self) -> Listing:
        return self.promises.listing


@cache
def target(slug: str) -> Target:
    """The target of this slug; KeyError for an unknown one."""
    promises = BY_SLUG[slug]
    document = yaml.safe_load((specs() / f"{slug}.yaml").read_text(encoding="utf-8"))
    validators = {}
    for operations in document["paths"].values():
        operation = operations["get"]
        for status, response in operation["responses"].items():
            if "$ref" in response:
                response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
            schema = response["content"]["application/json"]["schema"]
            validators[operation["operationId"], int(status)] = jsonschema_rs.Draft202012Validator(
                {**schema, "components": document["components"]}, validate_formats=True
            )
    declared = {
        name: frozenset(schema.get("properties", {})) for name, schema in document["components"]["schemas"].items()
    }
    return Target(promises, document, Security.of_spec(document), validators, declared)
