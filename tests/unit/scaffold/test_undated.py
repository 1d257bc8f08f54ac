"""Documents with numbers for ids and no date, as many a vendor has them: they are in the order of their numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakeserver.serving.screen import start_screen
from tests.support.asgi import Reply, call
from tests.support.skeletons import SLUG, Made, skeleton

PETS = """
openapi: 3.0.0
info: {title: Pets, version: '1'}
paths:
  /pets:
    get:
      parameters:
        - {name: limit, in: query, schema: {type: integer, default: 7}}
        - {name: cursor, in: query, schema: {type: string}}
      responses:
        '200':
          description: Pets.
          headers: {X-Next: {schema: {type: string}}, X-Next-Cursor: {schema: {type: string}}}
          content:
            application/json:
              schema:
                type: array
                items: {type: object, properties: {id: {type: integer}, name: {type: string}}}
    put: {operationId: putPets, responses: {'200': {description: x}}}
  /everything:
    get:
      responses:
        '200':
          description: Pets.
          headers: {X-Total-Count: {schema: {type: integer}}}
          content:
            application/json:
              schema:
                type: array
                items: {type: object, properties: {id: {type: integer}, name: {type: string}}}
"""


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    path = tmp_path / "pets.yaml"
    path.write_text(PETS, encoding="utf-8")
    with skeleton(path) as made:
        yield made


def put(made: Made, documents: list[Any]) -> Reply:
    """Replace the documents of the default tenant."""
    body = json.dumps(documents).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    return call(made.app, f"/__admin/documents/{SLUG}/main", method="PUT", headers=headers, body=body)


def walk(made: Made) -> list[int]:
    """The ids on all pages."""
    ids: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        reply = made.get("get_pets", f"cursor={cursor}" if cursor else "")
        ids += [row["id"] for row in reply.value]
        cursor = reply.headers.get("x-next-cursor")
    return ids


def test_ids_order_what_has_no_date(made: Made) -> None:
    """By number and not by digit, on one page or on many, seeded or put there."""
    ids = [row["id"] for row in made.rows("get_everything")]
    assert ids == sorted(ids)
    assert len(ids) > 50
    assert walk(made) == ids
    assert put(made, [{"id": number, "name": "x"} for number in (100, 9, 10, 1, 2_000, 30, 4, 77, 5)]).status < 300
    assert walk(made) == [1, 4, 5, 9, 10, 30, 77, 100, 2_000]


def test_a_list_without_pages_is_whole(made: Made) -> None:
    """Its envelope can tell how many rows there are."""
    reply = made.get("get_everything")
    assert reply.headers["x-total-count"] == str(len(reply.value))


@pytest.mark.parametrize(
    ("document", "cause"),
    [
        ({"name": "x"}, "is neither text nor a whole number"),
        ({"id": 1.0, "name": "x"}, "is neither text nor a whole number"),
    ],
    ids=["none", "a fraction"],
)
def test_a_document_needs_the_id_that_orders_it(made: Made, document: Any, cause: str) -> None:
    """Also where the vendor's schema does not ask for one."""
    reply = put(made, [document])
    assert (reply.status, reply.value["detail"]) == (422, f"document 0: id {cause}")


def test_ids_are_unique(made: Made) -> None:
    """Two documents with one number are refused."""
    assert "is the same as that of document 0" in put(made, [{"id": 1}, {"id": 1}]).value["detail"]


def test_the_start_screen_says_why_operations_are_not_served(made: Made) -> None:
    """Beside their names."""
    assert "acme does not serve putPets (what PUT does cannot be guessed)" in start_screen(made.app, ["http://x"], True)
    assert not (made.folder / "fakeserver_acme" / "promises.py").exists(), "the kit needs text ids and dates"
