"""UUIDs in texts: what pydantic takes for one, held against pydantic itself."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from fakeserver.spec.reading import Reading
from fakeserver.spec.values import read_pydantic_uuid, read_uuid, reader_of
from fakeserver.spec.wording import ValueRefused
from tests.support.asgi import app_of, get, ids, main_tenant, rows

PYDANTIC = TypeAdapter(UUID)
SOME = "7d0cbb2e-5a57-4a5c-9d5e-0f3a6a1f0001"
TAKEN = (SOME, SOME.upper(), f"{{{SOME}}}", f"{{{SOME.upper()}}}", f"urn:uuid:{SOME}", SOME.replace("-", ""))
REFUSED = (
    *("", "no-uuid", SOME[:-1], f"{SOME}0", f" {SOME}", f"{SOME}\n", f"URN:UUID:{SOME}", f"uuid:{SOME}", f"({SOME})"),
    *(f"{{{SOME}", f"{SOME}}}", f"{{{SOME.replace('-', '')}}}", f"urn:uuid:{SOME.replace('-', '')}"),
    *(f"urn:uuid:{{{SOME}}}", SOME.replace("-", "", 1), SOME.replace("-", "_"), SOME.replace("7", "g"), "٧" * 32),
)


def by_pydantic(text: str) -> str | None:
    try:
        return str(PYDANTIC.validate_python(text))
    except ValidationError:
        return None


def by_us(text: str) -> str | None:
    try:
        return read_pydantic_uuid(text)
    except ValueRefused:
        return None


@pytest.mark.parametrize("text", [*TAKEN, *REFUSED])
def test_a_spelling_is_read_as_pydantic_reads_it(text: str) -> None:
    assert by_us(text) == by_pydantic(text) == (SOME if text in TAKEN else None)


@given(text=st.text("0aF-{}urnid:g ", max_size=50) | st.from_regex(r"(urn:uuid:|\{)?[0-9a-fA-F-]{32,37}\}?"))
def test_any_text_is_read_as_pydantic_reads_it(text: str) -> None:
    assert by_us(text) == by_pydantic(text)


@pytest.mark.parametrize("text", TAKEN[2:])
def test_elsewhere_a_uuid_has_five_groups(text: str) -> None:
    """What a framework takes is not what every API takes."""
    with pytest.raises(ValueRefused, match="UUID"):
        read_uuid(text)
    schema = {"type": "string", "format": "uuid"}
    with pytest.raises(ValueRefused, match="UUID"):
        reader_of(schema).read(text)
    assert reader_of(schema, Reading(uuids="pydantic")).read(text) == SOME


@pytest.mark.parametrize("spelling", ["{}", "%7B{}%7D", "urn:uuid:{}"])
def test_a_project_is_found_by_any_spelling(spelling: str) -> None:
    """Dreadnode's `project_id` is one project, however its UUID is written."""
    app = app_of(size=200)
    project = next(row["project_id"] for row in main_tenant(app, "dreadnode").documents() if row.get("project_id"))
    plain, queries = f"project_id={project}", [f"project_id={spelling.format(project)}"]
    if spelling == "{}":
        queries = [f"project_id={project.replace('-', '')}", f"project_id={project.upper()}"]
    expected = ids("dreadnode", rows("dreadnode", get(app, "dreadnode", plain)))
    assert expected
    for query in queries:
        reply = get(app, "dreadnode", query)
        assert ids("dreadnode", rows("dreadnode", reply)) == expected
