"""An exchange in words: what is cut, masked and warned of, and what stays as it happened."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from fakeserver.worlds.entries import MAX_TEXT, MAX_WARNINGS, Entry, Exchange, Particulars, describe, plain
from tests.support.asgi import services

ABOUT = Particulars(
    "prime",
    "GET",
    "/api/v1/sandbox",
    b"page=1",
    None,
    "admin",
    {"page": 1},
    200,
    "code=503",
    "3",
    remarks=("remark",),
)


def exchange(**more: Any) -> Exchange:
    operation = services()["prime"].spec.operations["listSandboxes"]
    return Exchange(1_000_000, replace(ABOUT, operation=operation, **more))


def test_the_facts_stay_as_they_are() -> None:
    assert describe(exchange(), 7) == Entry(
        number=7,
        instant=1_000_000,
        method="GET",
        path="/prime/api/v1/sandbox",
        query="page=1",
        status=200,
        provider="prime",
        operation="listSandboxes",
        caller="admin",
        values={"page": 1},
        fault="code=503",
        warnings=("remark",),
    )


def test_long_texts_are_cut_and_credentials_masked() -> None:
    """The query before it is masked, so that half a name is masked as well; what is not UTF-8 is replaced."""
    assert len(describe(exchange(path="/" + "x" * MAX_TEXT), 1).path) == MAX_TEXT
    assert len(describe(exchange(query=b"labels=" + b"x" * MAX_TEXT), 1).query) == MAX_TEXT
    assert describe(exchange(query=b"labels=%ff\xff&api_key=S"), 1).query == "labels=%ff\ufffd&api_key=…"


def test_warnings_come_before_remarks_and_are_bounded() -> None:
    query = b"&".join(b"unknown%d=1" % number for number in range(50))
    warnings = describe(exchange(query=query), 1).warnings
    assert len(warnings) == MAX_WARNINGS + 1
    assert warnings[0] == "parameter 'unknown0' is not on the reference page and was ignored"
    assert warnings[-1] == "remark"


def test_nothing_is_known_of_a_path_without_an_operation() -> None:
    """Every parameter that sounds like a credential is masked there, and none is warned of."""
    entry = describe(Exchange(1, replace(ABOUT, values=None, query=b"page=1&key=S", status=404, remarks=())), 1)
    assert (entry.operation, entry.query, entry.row()["values"]) == (None, "page=1&key=…", None)


@pytest.mark.parametrize(
    ("more", "unserved", "warning"),
    [
        ({"status": 404}, "GET /api/v1/sandbox", "the fake has no operation at this path; if the provider has one, "),
        ({"status": 405, "method": "PUT"}, "PUT /api/v1/sandbox", "the fake has no PUT at this path; if the provider "),
        ({"status": 501, "unserved": "POST /v1/{id}"}, "POST /v1/{id}", "the fake does not serve POST /v1/{id}, which"),
        ({"status": 404, "unserved": "POST /v1/{id}"}, "POST /v1/{id}", "the fake does not serve POST /v1/{id}, which"),
    ],
)
def test_what_the_fake_has_not_is_told_apart(more: dict[str, Any], unserved: str, warning: str) -> None:
    """An answer that only the fake gives; the warning says that nothing happened."""
    entry = describe(Exchange(1, replace(ABOUT, **more)), 1)
    assert entry.unserved == unserved
    assert entry.warnings[0].startswith(warning)
    assert entry.warnings[0].endswith("nothing happened")


@pytest.mark.parametrize("status", [200, 401, 404, 422, 431, 500])
def test_answers_of_an_operation_are_the_providers(status: int) -> None:
    entry = describe(exchange(status=status), 1)
    assert (entry.unserved, entry.warnings) == (None, ("remark",))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ((1, "a", None, True), [1, "a", None, True]),
        ({"n": Decimal("1.50"), "deep": [Decimal(1)]}, {"n": "1.50", "deep": ["1"]}),
        (2**63 - 1, 2**63 - 1),
        (2**63, str(2**63)),
        (-(2**63) - 1, str(-(2**63) - 1)),
    ],
)
def test_values_are_written_as_json_that_everybody_reads(value: Any, written: Any) -> None:
    assert plain(value) == written
