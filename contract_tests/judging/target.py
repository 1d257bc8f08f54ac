"""What is checked: a provider's promises, its spec, its security and its validators."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import jsonschema_rs

from contract_tests.promises import BY_SLUG
from contract_tests.promises.form import Listing, Promises
from contract_tests.sending.security import Security
from contract_tests.yaml_files import read_yaml


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Target:
    """One provider, ready to be judged."""

    promises: Promises
    spec: dict[str, Any]
    security: Security
    validators: dict[tuple[str, int], jsonschema_rs.Draft202012Validator]
    """By operation id and status."""
    declared: dict[str, frozenset[str]]
    """The names that the schema of a row, an envelope or a bucket declares, by schema name."""

    def __repr__(self) -> str:
        return f"Target({self.slug})"

    @property
    def slug(self) -> str:
        return self.promises.slug

    @property
    def listing(self) -> Listing:
        return self.promises.listing


@cache
def target(slug: str) -> Target:
    """The target of this slug; KeyError for an unknown one, UnusablePlugin for one whose package is wrong."""
    promises = BY_SLUG[slug]
    try:
        return target_of(promises)
    except Exception as error:  # The promises and the spec may be anybody's.
        raise BY_SLUG.unusable(slug, error) from error


def target_of(promises: Promises) -> Target:
    """The target of these promises. Of the spec only the operations that they are about are read."""
    document = read_yaml(promises.spec)
    operations = [operation_of(document, name) for name in promises.operations]
    validators = {
        (operation["operationId"], status): jsonschema_rs.Draft202012Validator(
            {**schema, "components": document["components"]}, validate_formats=True
        )
        for operation in operations
        for status, schema in answers_of(document, operation)
    }
    declared = {
        name: frozenset(schema.get("properties", {})) for name, schema in document["components"]["schemas"].items()
    }
    return Target(promises, document, Security.of_spec(document, operations[0]), validators, declared)


def operation_of(document: dict[str, Any], name: str) -> dict[str, Any]:
    """The operation of this id, which only reads."""
    for item in document["paths"].values():
        if item.get("get", {}).get("operationId") == name:
            found: dict[str, Any] = item["get"]
            return found
    raise LookupError(f"the spec has no GET whose operationId is {name!r}")


def answers_of(document: dict[str, Any], operation: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The schema of each status that an operation documents by its number with a JSON body."""
    for status, response in operation["responses"].items():
        if "$ref" in response:
            response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
        media_type = response.get("content", {}).get("application/json")
        if media_type is not None and str(status).isdigit():
            yield int(status), media_type["schema"]
