"""Answers against the schemas of the spec: what does not fit, and who says that it should."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import jsonschema_rs

from contract_tests.judging.target import Target
from contract_tests.promises.common import UNDOCUMENTED
from contract_tests.promises.statements import Statement

MARKED = re.compile(r"\b(?:Assumed|Observed):.*", re.DOTALL)
"""What our spec's descriptions say that no page does."""
MAX_FAULTS = 50
"""Of one answer that are looked at."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One place of an answer that does not fit its schema."""

    path: tuple[str | int, ...]
    message: str
    by: Statement
    rule: tuple[str | int, ...] = ()
    """Where the schema says so."""

    @property
    def where(self) -> str:
        return "/" + "/".join(map(str, self.path))


def find_faults(target: Target, operation: str, status: int, value: Any) -> Iterator[Fault]:
    """What is wrong with the form of an answer, as far as anybody wants to know; nothing where it has no schema."""
    validator = target.validators.get((operation, status))
    if validator is None:
        return
    for error in islice(validator.iter_errors(value), MAX_FAULTS):
        by = statement_of(target, operation, status, error)
        yield Fault(tuple(error.instance_path), error.message, by, tuple(error.schema_path))


def statement_of(target: Target, operation: str, status: int, error: jsonschema_rs.ValidationError) -> Statement:
    """Who says that an answer looks otherwise. Of a field, what our spec marks Assumed or Observed is no page's."""
    listing, refusals = target.listing, target.promises.refusals
    if status != 200:
        return refusals.form if status in listing.statuses else UNDOCUMENTED
    path, facets = list(error.instance_path), target.promises.facets
    in_row = operation == listing.operation and any(isinstance(part, int) for part in path)
    form = listing.form if operation == listing.operation or facets is None else facets.statement
    fields = set(fields_of(error))
    if in_row and (error.instance is None or is_missing(error)):
        return form if fields & listing.always else listing.required
    if is_type(error) and error.instance is not None:
        return form
    schema = listing.row_schema if in_row else listing.envelope_schema
    return next(marked_by(target, schema, fields), form)


def is_missing(error: jsonschema_rs.ValidationError) -> bool:
    return list(error.schema_path)[-1:] == ["required"]


def is_type(error: jsonschema_rs.ValidationError) -> bool:
    return list(error.schema_path)[-1:] == ["type"]


def fields_of(error: jsonschema_rs.ValidationError) -> Iterator[str]:
    """The fields at fault: the one that is missing, or the outermost one that the place is in."""
    missing = getattr(error.kind, "property", None)
    names = [part for part in error.instance_path if isinstance(part, str)]
    if isinstance(missing, str):
        yield missing
    yield from names


def marked_by(target: Target, schema: str, fields: set[str]) -> Iterator[Statement]:
    """What our spec says of these fields that the page does not."""
    for name in sorted(fields):
        text = target.spec["components"]["schemas"].get(schema, {}).get("properties", {}).get(name, {})
        found = MARKED.search(" ".join(str(text.get("description", "")).split()))
        if found is not None:
            yield Statement(found[0])
