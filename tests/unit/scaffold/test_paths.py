"""Parameters that a request cannot do without: a value that they take, or a reason why nothing is served."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fakeserver.scaffold.source import UnusableSource
from tests.support.skeletons import skeleton

OPERATION = "get_teams_team_boxes"
LIMIT = {"name": "limit", "in": "query", "schema": {"type": "integer"}}
ROW = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "created_at": {"type": "string", "format": "date-time"},
        "state": {"type": "string", "enum": ["on", "off"]},
    },
}


def written(folder: Path, team: dict[str, Any], query: Sequence[dict[str, Any]] = ()) -> Path:
    answer = {"description": "", "content": {"application/json": {"schema": {"type": "array", "items": ROW}}}}
    description = {
        "openapi": "3.1.0",
        "info": {"title": "Acme", "version": "1"},
        "security": [{"key": []}],
        "paths": {
            "/teams/{team}/boxes": {
                "parameters": [{"name": "team", "in": "path", "required": True, "schema": team}],
                "get": {"parameters": [*query], "responses": {"200": answer}},
            }
        },
        "components": {"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}},
    }
    path = folder / "openapi.json"
    path.write_text(json.dumps(description), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "team",
    [
        {"type": "string"},
        {"type": "integer"},
        {"type": "string", "enum": ["/", "red"]},
        {"type": "string", "enum": ["", "..", "a/b", "é ?"]},
        {"type": "string", "enum": ["%2F"]},
    ],
    ids=str,
)
def test_a_value_stands_between_two_slashes(tmp_path: Path, team: dict[str, Any]) -> None:
    with skeleton(written(tmp_path, team), size=10) as made:
        assert made.rows(OPERATION)


@pytest.mark.parametrize(
    "team",
    [
        {"type": "string", "enum": ["/"]},
        {"type": "string", "enum": ["a/b", "", "."]},
        {"type": "string", "maxLength": 0},
        {"type": "string", "pattern": "^/x$"},
    ],
    ids=str,
)
def test_no_value_stands_between_two_slashes(tmp_path: Path, team: dict[str, Any]) -> None:
    with (
        pytest.raises(UnusableSource, match="no value of 'team' that was found stands between two slashes of a path"),
        skeleton(written(tmp_path, team)),
    ):
        raise AssertionError


@pytest.mark.parametrize("required", [False, True])
def test_a_first_page_has_no_cursor(tmp_path: Path, required: bool) -> None:
    """So that an operation which cannot do without one is not served."""
    cursor = {"name": "cursor", "in": "query", "required": required, "schema": {"type": "string"}}
    path = written(tmp_path, {"type": "string"}, [LIMIT, cursor])
    if not required:
        with skeleton(path, size=10) as made:
            assert made.rows(OPERATION)
        return
    told = "parameter 'cursor': a first page has no cursor, but this one is required"
    with pytest.raises(UnusableSource, match=told), skeleton(path):
        raise AssertionError
