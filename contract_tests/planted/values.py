"""Bad values that are taken, good ones that are refused, and refusals in the wrong words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson

from contract_tests.planted.backend import FACETS, LIST, Next, crash
from contract_tests.planted.bug import Plant, table
from contract_tests.planted.pages import clamped
from contract_tests.planted.plants import (
    Query,
    accept_bad,
    around,
    change_parameter,
    change_query,
    crash_when,
    first_of_commas,
    query_of,
    refusals,
    swap_status,
    with_query,
)
from fakeserver.pipeline.exchange import Answer, Request


def failing(status: int) -> Plant:
    """Where 422 or 400 is right, a crash."""

    def change(request: Request, following: Next) -> Answer:
        answer = following(request)
        if answer.status == status:
            raise crash()
        return answer

    return around(change)


def most_refused(name: str, most: int) -> Plant:
    """The largest page of all is refused as if it were one larger."""
    return change_query(lambda query: [*query, (name, str(most + 1))] if (name, str(most)) in query else query)


def emptied(*names: str) -> Plant:
    """A bad value of these parameters is an empty list, not a refusal."""

    def change(request: Request, following: Next) -> Answer:
        answer = following(request)
        if answer.status not in (400, 422):
            return answer
        kept = [pair for pair in query_of(request) if pair[0] not in names]
        right = following(with_query(request, kept))
        if right.status == 200:
            right.body = re.sub(rb"\[.*\]", b"[]", right.text(), flags=re.DOTALL)
            right.body = re.sub(rb'"total":\d+', b'"total":0', right.text())
            right.body = re.sub(rb'"(has_next)":true', rb'"\1":false', right.text())
            right.body = re.sub(rb'"next_cursor":"[^"]*"', b'"next_cursor":null', right.text())
        return right

    return around(change)


def least(name: str, bound: int) -> Plant:
    """A smaller number counts as this one."""

    def change(text: str) -> str:
        return str(bound) if re.fullmatch(r"-?[0-9]{1,9}", text) and int(text) < bound else text

    return change_parameter(name, change)


def lenient(name: str) -> Plant:
    """A text that is not a number counts as absent."""
    return change_query(
        lambda query: [pair for pair in query if pair[0] != name or re.fullmatch(r"[+-]?[0-9]+", pair[1])]
    )


def _truncated(text: str) -> str:
    """`int(float(text))`."""
    return str(int(float(text))) if re.fullmatch(r"[0-9]+\.[0-9]+", text) else text


def _first_issue(rows: list[Any]) -> list[Any]:
    return rows[:1]


def _detail(change: Callable[[Any], Any]) -> Plant:
    """Prime's or InstaVM's list of issues is another one."""
    return refusals(lambda status, value: (status, {"detail": change(value["detail"])}), 422)


def _errors(change: Callable[[Any], Any]) -> Plant:
    """Dreadnode's list of issues is another one."""
    return refusals(lambda status, value: (status, value | {"errors": change(value["errors"])}), 422)


def _each(**fields: Any) -> Callable[[list[Any]], list[Any]]:
    return lambda issues: [
        issue | {name: value(issue) if callable(value) else value for name, value in fields.items()} for issue in issues
    ]


STATES = ("running", "paused", "killed")

PRIME = table(
    "prime",
    LIST,
    "values",
    page_zero_taken=("Page 0 is the first page.", least("page", 1)),
    per_page_zero_taken=("per_page=0 is one row.", least("per_page", 1)),
    per_page_1001_taken=("per_page above 1000 counts as 1000.", clamped("per_page", 1000)),
    per_page_1000_refused=("per_page=1000 is refused.", most_refused("per_page", 1000)),
    per_page_text_taken=("A per_page that is not a number counts as absent.", lenient("per_page")),
    page_fraction_taken=("page=1.5 is page 1.", change_parameter("page", _truncated)),
    status_bad_ignored=("An unknown status filters nothing.", accept_bad("status")),
    status_bad_empty=("An unknown status is an empty list.", emptied("status")),
    status_bad_500=(
        "An unknown status is a crash.",
        crash_when(lambda query: "UNKNOWN" in dict(query).get("status", "")),
    ),
    status_case_folded=("A status may be written in any case.", change_parameter("status", str.upper)),
    status_trimmed=("Blanks around a status are cut off.", change_parameter("status", str.strip)),
    status_comma_taken=("Of comma-separated statuses the first is taken.", first_of_commas("status")),
    is_active_bad_is_false=("An is_active that is neither true nor false filters nothing.", accept_bad("is_active")),
    refusal_is_400=("A bad value is a 400.", swap_status(422, 400)),
    refusal_is_500=("A bad value is a crash.", failing(422)),
    refusal_is_text=(
        "A refusal's errors are one text.",
        _detail(lambda issues: "; ".join(issue["msg"] for issue in issues)),
    ),
    refusal_first_only=("Of several bad values only the first is named.", _detail(_first_issue)),
    refusal_wrong_param=(
        "A refusal names the wrong parameter.",
        _detail(
            _each(loc=lambda issue: ["query", {"per_page": "limit", "page": "per_page"}.get(issue["loc"][1], "query")])
        ),
    ),
    refusal_without_param=(
        "A refusal does not name the parameter.",
        _detail(lambda issues: [{"msg": issue["msg"], "type": issue["type"]} for issue in issues]),
    ),
    refusal_empty=("A refusal's list of errors is empty.", _detail(lambda issues: [])),
    quote_500=("A single quote breaks the query.", crash_when(lambda query: any("'" in text for _, text in query))),
    unicode_500=(
        "Text beyond ASCII breaks the query.",
        crash_when(lambda query: not "".join(text for _, text in query).isascii()),
    ),
    backslash_500=("A backslash breaks the query.", crash_when(lambda query: any("\\" in text for _, text in query))),
    long_text_500=(
        "A label of 300 characters breaks the query.",
        crash_when(lambda query: any(len(t) >= 300 for _, t in query)),
    ),
)

INSTAVM = table(
    "instavm",
    LIST,
    "values",
    limit_zero_taken=("limit=0 is one row.", least("limit", 1)),
    limit_1001_taken=("limit above 1000 counts as 1000.", clamped("limit", 1000)),
    limit_1000_refused=("limit=1000 is refused.", most_refused("limit", 1000)),
    limit_text_taken=("A limit that is not a number counts as absent.", lenient("limit")),
    metadata_bad_ignored=("Metadata that is not JSON filters nothing.", accept_bad("metadata")),
    metadata_bad_empty=("Metadata that is not JSON is an empty list.", emptied("metadata")),
    metadata_bad_500=(
        "Metadata that is not JSON is a crash.",
        crash_when(lambda query: not _is_json(dict(query).get("metadata", "{}"))),
    ),
    metadata_array_taken=(
        "A JSON array as metadata filters nothing.",
        accept_bad("metadata", only=lambda text: text.startswith("[")),
    ),
    metadata_scalar_taken=(
        "A JSON scalar as metadata filters nothing.",
        accept_bad("metadata", only=lambda text: text in ("1", "true", "null", '"a"')),
    ),
    metadata_array_500=(
        "A JSON array as metadata is a crash.",
        crash_when(lambda query: dict(query).get("metadata", "").startswith("[")),
    ),
    refusal_is_400=("A bad value is a 400.", swap_status(422, 400)),
    refusal_is_text=(
        "A refusal's detail is one text.",
        _detail(lambda issues: "; ".join(issue["msg"] for issue in issues)),
    ),
    refusal_first_only=("Of several bad values only the first is named.", _detail(_first_issue)),
    refusal_loc_body=(
        "A refusal places the parameter in the body.",
        _detail(_each(loc=lambda issue: ["body", *issue["loc"][1:]])),
    ),
    refusal_loc_short=("A refusal's loc lacks the parameter.", _detail(_each(loc=lambda issue: issue["loc"][:1]))),
    refusal_other_envelope=(
        "A refusal is in an envelope of its own.",
        refusals(lambda status, value: (status, {"error": {"message": str(value["detail"])}}), 422),
    ),
)


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except ValueError:
        return False
    return True


def _code(change: Callable[[Any], Any]) -> Plant:
    return refusals(lambda status, value: (status, change(value)))


_BAD_PROJECT_CRASHES = crash_when(lambda query: len(dict(query).get("project_id", "x" * 36)) != 36)

DREADNODE = (
    *table(
        "dreadnode",
        LIST,
        "values",
        limit_zero_taken=("limit=0 is one row.", least("limit", 1)),
        limit_101_taken=("limit above 100 counts as 100.", clamped("limit", 100)),
        limit_100_refused=("limit=100 is refused.", most_refused("limit", 100)),
        limit_text_taken=("A limit that is not a number counts as absent.", lenient("limit")),
        state_bad_ignored=("An unknown state filters nothing.", accept_bad("state")),
        state_bad_empty=("An unknown state is an empty list.", emptied("state")),
        state_bad_dropped=(
            "Of several states the unknown ones are left out.",
            change_parameter(
                "state", lambda text: ",".join(each for each in text.split(",") if each in STATES) or text
            ),
        ),
        state_case_folded=("A state may be written in any case.", change_parameter("state", str.lower)),
        state_empty_refused=(
            "An empty state is refused.",
            change_parameter("state", lambda text: text or "empty"),
        ),
        project_bad_empty=("A project_id that is not a UUID is an empty list.", emptied("project_id")),
        project_bad_500=("A project_id that is not a UUID is a crash.", _BAD_PROJECT_CRASHES),
        refusal_is_400=("A bad value is a 400.", swap_status(422, 400)),
        refusal_code_mismatch=("The body's code is not the status.", _code(lambda value: value | {"code": 400})),
        refusal_type_swapped=(
            "A bad value is called an invalid request.",
            refusals(lambda status, value: (status, value | {"type": "invalid_error"}), 422),
        ),
        refusal_without_errors=(
            "A refusal does not list the bad values.",
            refusals(lambda status, value: (status, value | {"errors": None}), 422),
        ),
        refusal_first_only=("Of several bad values only the first is named.", _errors(_first_issue)),
        refusal_loc_wrong=("A refusal names the wrong parameter.", _errors(_each(loc=["query", "request"]))),
        refusal_fastapi=(
            "A refusal is FastAPI's own, not the API's.",
            refusals(lambda status, value: (status, {"detail": value["errors"]}), 422),
        ),
    ),
    *table(
        "dreadnode",
        FACETS,
        "values",
        facets_state_bad_ignored=("An unknown state filters nothing.", accept_bad("state")),
        facets_project_bad_500=("A project_id that is not a UUID is a crash.", _BAD_PROJECT_CRASHES),
        facets_refusal_is_400=("A bad value is a 400.", swap_status(422, 400)),
    ),
)


def _repeated_key(query: Query) -> Query:
    """The last of two values of one key wins."""
    return list({name if name.startswith("metadata.") else (name, text): (name, text) for name, text in query}.values())


SUPERSERVE = table(
    "superserve",
    LIST,
    "values",
    status_bad_ignored=("An unknown status filters nothing.", accept_bad("status")),
    status_bad_empty=("An unknown status is an empty list.", emptied("status")),
    status_case_folded=("A status may be written in any case.", change_parameter("status", str.lower)),
    limit_zero_taken=("limit=0 is one row.", least("limit", 1)),
    limit_201_refused=(
        "limit above 200 is refused.",
        change_query(
            lambda q: [("limit", "0"), *q] if dict(q).get("limit", "").isdigit() and int(dict(q)["limit"]) > 200 else q
        ),
    ),
    limit_text_taken=("A limit that is not a number counts as absent.", lenient("limit")),
    offset_negative_taken=("A negative offset counts as 0.", least("offset", 0)),
    metadata_empty_key_taken=("A metadata filter without a key is not looked at.", accept_bad("metadata.")),
    metadata_repeated_key_taken=("Of two values of one key the last is taken.", change_query(_repeated_key)),
    refusal_is_422=("A bad value is a 422.", swap_status(400, 422)),
    refusal_is_500=("A bad value is a crash.", failing(400)),
    refusal_flat=("A refusal is not in the error envelope.", refusals(lambda status, value: (status, value["error"]))),
    refusal_code_wrong=(
        "A bad value has the code of a crash.",
        refusals(lambda status, value: (status, {"error": value["error"] | {"code": "internal_error"}}), 400),
    ),
    refusal_without_message=(
        "A refusal has no message.",
        refusals(lambda status, value: (status, {"error": {"code": value["error"]["code"]}})),
    ),
)
