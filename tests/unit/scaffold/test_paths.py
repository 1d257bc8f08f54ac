"""Parameters of a path: a value that stands between two slashes, or a reason why nothing is served."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fakeserver.scaffold.source import UnusableSource
from tests.support.skeletons import skeleton

OPERATION = "get_teams_team_boxes"
ROW = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "created_at": {"type": "string", "format": "date-time"},
        "state": {"type": "string", "enum": ["on", "off"]},
    },
}


def written(folder: Path, team: dict[str, Any]) -> Path:
    answer = {"description": "", "content": {"application/json": {"schema": {"type": "array", "items": ROW}}}}
    description = {
        "openapi": "3.1.0",
        "info": {"title": "Acme", "version": "1"},
        "security": [{"key": []}],
        "paths": {
            "/teams/{team}/boxes": {
                "parameters": [{"name": "team", "in": "path", "required": True, "schema": team}],
                "get": {"responses": {"200": answer}},
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
