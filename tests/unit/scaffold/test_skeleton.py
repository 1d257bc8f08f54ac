"""A skeleton from a vendor's own file starts, lists valid rows, and answers every error that the file documents."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from tests.support.asgi import call
from tests.support.skeletons import PACKAGE, SLUG, Made, check_body, skeleton

VENDOR = Path(__file__).with_name("vendor.yaml")
LIST, TEAM = "boxes/list", "get_teams_team_boxes"


@pytest.fixture(scope="module")
def made() -> Iterator[Made]:
    with skeleton(VENDOR) as made:
        yield made


def test_lists_with_the_commonest_rows_are_served(made: Made) -> None:
    """Both lists of boxes are, under ids of their own, behind the path of the vendor's server."""
    assert {name: operation.path for name, operation in made.operations.items()} == {
        LIST: "/api/v2/boxes",
        TEAM: "/api/v2/teams/{team}/boxes",
    }


def test_each_operation_that_is_not_served_has_its_reason(made: Made) -> None:
    """A keyword that is not supported is named; so is what cannot be guessed."""
    assert made.reasons() == {
        "post_boxes": "what POST does cannot be guessed",
        "searchBoxes": "parameter 'filter': the style 'deepObject' is not honoured in the query",
        "getBox": "its answer has 2 lists",
        "deleteBox": "what DELETE does cannot be guessed",
        "listRegions": f"its rows are not those of {LIST!r}, and all lists have the same documents",
    }


def test_the_server_repeats_the_reason(made: Made) -> None:
    """Whoever asks for an operation that is not served reads why, in the vendor's own dialect."""
    reply = call(made.app, f"/{SLUG}/api/v2/boxes/search", headers={"x-acme-key": f"{SLUG}-admin-key"})
    assert reply.status == 501
    assert reply.headers["x-fakeserver-unserved"] == "GET /api/v2/boxes/search"
    assert reply.value["error"]["message"].endswith(": " + made.reasons()["searchBoxes"])


@pytest.mark.parametrize("operation", [LIST, TEAM])
def test_rows_are_as_their_schema_says(made: Made, operation: str) -> None:
    """A page has rows, and each of them is valid, whatever its schema asks for."""
    rows = made.rows(operation)
    assert len(rows) > 10
    assert len({row["box_id"] for row in rows}) == len(rows)
    assert {row["state"] for row in rows} == {"on", "off", "no"}
    assert all("odd" not in row for row in rows), "no text matches its pattern, and it may be left out"


def test_pages_add_up(made: Made) -> None:
    """By cursor, and by number."""
    everything, cursor, pages = made.rows(LIST, "limit=100"), "", 0
    walked: list[object] = []
    while cursor is not None:
        page = made.get(LIST, "limit=30" + (f"&cursor={quote(cursor)}" if cursor else "")).value
        walked += page["boxes"]
        cursor, pages = page["next_cursor"], pages + 1
        assert page["has_more"] is (cursor is not None)
    assert walked == everything
    assert pages == -(-len(everything) // 30)
    numbered = [row for page in (1, 2, 3) for row in made.rows(TEAM, f"per_page=10&page={page}")]
    assert numbered == everything[:30]
    assert made.rows(TEAM, "per_page=10&order=asc") == everything[::-1][:10]


@pytest.mark.parametrize("name", ["state", "owner_id", "archived"])
def test_filters_keep_exactly_the_rows_of_a_value(made: Made, name: str) -> None:
    """Parameters that name a field of the rows filter by it, and every value that documents have is found."""
    everything = made.rows(LIST)
    values = {row[name] for row in everything}
    assert len(values) > 1
    for value in values:
        text = str(value).lower() if isinstance(value, bool) else value
        assert made.rows(LIST, f"{name}={text}") == [row for row in everything if row[name] == value]


def test_a_list_filter_keeps_the_rows_that_have_every_value(made: Made) -> None:
    """`tags` is a list on both sides."""
    everything = made.rows(LIST)
    (tag, *_) = next(row["tags"] for row in everything if row["tags"])
    found = made.rows(LIST, f"tags={tag}")
    assert found == [row for row in everything if tag in row["tags"]]


def test_a_parameter_that_nothing_is_guessed_of_is_refused(made: Made) -> None:
    """It would be a wrong list that ignores it; without the parameter the list is right."""
    reply = made.get(LIST, "created_after=2026-01-01T00:00:00Z")
    assert reply.status == 400
    assert reply.value == {
        "error": {
            "code": "invalid",
            "status": 400,
            "message": "created_after: the fake does not filter by this parameter yet",
        }
    }


@pytest.mark.parametrize(
    ("operation", "statuses"), [(LIST, {400, 401, 404, 429, 500, 503}), (TEAM, {404})], ids=["ranges", "named"]
)
def test_every_documented_error_is_answered(made: Made, operation: str, statuses: set[int]) -> None:
    """In the vendor's dialect; `default` and `5XX` are documented statuses as well, and others are refused."""
    assert {status for status in made.operations[operation].responses if status >= 400} == statuses
    for status in statuses:
        reply = made.get(operation, prefer=f"code={status}")
        assert (reply.status, "x-fakeserver-fault" in reply.headers) == (status, True)
        check_body(made, operation, status, reply.value)
        assert reply.value.get("error", {}).get("status", status) == status, "each status has an example of its own"
        assert made.get(operation, f"__code={status}").status == status
    assert made.get(operation, prefer="code=418").status == 400


def test_refusals_speak_the_dialect_of_the_documented_errors(made: Made) -> None:
    """A strange credential, a bad cursor, a value of a wrong type."""
    stranger = made.get(LIST, caller="nobody")
    assert (stranger.status, stranger.value) == (
        401,
        {"error": {"code": "unauthenticated", "status": 401, "message": "Not authenticated"}},
    )
    for query in ("cursor=x", "limit=x", "limit=0", "state=On"):
        reply = made.get(LIST, query)
        assert reply.status == 400
        check_body(made, LIST, 400, reply.value)


def test_what_was_guessed_is_said_where_it_can_be_changed(made: Made) -> None:
    """The table has a comment for each assumption, and the recipe every value of a column."""
    table = (made.folder / PACKAGE / "provider.py").read_text(encoding="utf-8")
    for listed in made.plan.listings:
        assert listed.found.notes
        for note in listed.found.notes:
            assert f"# Assumed: {note}." in table
    recipe = yaml.safe_load((made.folder / PACKAGE / "recipe.yaml").read_text(encoding="utf-8"))
    assert [entry["value"] for entry in recipe["columns"]["state"]] == ["on", "off", "no"]


def test_other_rows_are_served_on_demand() -> None:
    """`--list` chooses the documents; rows without an instant are in the order of their ids."""
    with skeleton(VENDOR, "listRegions") as made:
        names = [row["name"] for row in made.rows("listRegions")]
        assert names == sorted(names)
        assert len(set(names)) > 10
        assert set(made.operations) == {"listRegions"}


def test_the_code_is_clean(made: Made) -> None:
    """What is generated is Python as ruff and mypy want it, and imports only what is promised to plugins."""
    for path in sorted(made.folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith(("fakeserver.", "contract_tests")):
                assert node.module in ("fakeserver.provider", "fakeserver.testing", "contract_tests.promises")


@pytest.mark.slow
@pytest.mark.parametrize("command", [["ruff", "check", "--no-cache", "."], ["ruff", "format", "--no-cache", "--check"]])
def test_ruff_finds_nothing(made: Made, command: list[str]) -> None:
    """With the rules of this repository, that somebody's plugin may well share."""
    rules = Path(__file__).parents[3] / "pyproject.toml"
    done = subprocess.run(
        [sys.executable, "-m", *command, "--config", str(rules)],
        cwd=made.folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
