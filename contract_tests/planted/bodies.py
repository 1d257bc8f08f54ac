"""Rows and envelopes that are written wrongly: lost fields, other types, dates without an offset, impossible states."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

from contract_tests.planted.backend import LIST
from contract_tests.planted.bug import Plant, table
from contract_tests.planted.plants import body, change_answer, rare, rows, set_fields, without
from fakeserver.pipeline.exchange import Answer, Request
from fakeserver.problems import Document, Json

Row = Document
ODDS = 29
"""A rare mistake is in about one row of this many."""


def field(name: str, change: Callable[[Any], Json]) -> Plant:
    """One field of every row is written in another way, where it has a value."""
    return rows(lambda row: {**row, name: change(row[name])} if row.get(name) is not None else row)


def rare_field(identity: str, name: str, change: Callable[[Any], Json]) -> Plant:
    """The same in a few rows only."""
    return rare(identity, ODDS, lambda row: {**row, name: change(row[name])} if row.get(name) is not None else row)


def when(holds: Callable[[Row], bool], change: Callable[[Row], Row]) -> Plant:
    """Rows of one kind are written wrongly."""
    return rows(lambda row: change(row) if holds(row) else row)


def nulls_absent(row: Row) -> Row:
    return {name: value for name, value in row.items() if value is not None}


def naive(text: str) -> str:
    return text.removesuffix("Z")


def spaced(text: str) -> str:
    return text.replace("T", " ").removesuffix("Z")


def _plain(request: Request, answer: Answer) -> None:
    answer.media_type = "text/plain; charset=utf-8"


def _html(request: Request, answer: Answer) -> None:
    if answer.status >= 400:
        answer.media_type, answer.body = "text/html", b"<html><body>Bad request</body></html>"


def _latin(request: Request, answer: Answer) -> None:
    answer.body = json.dumps(json.loads(answer.text()), ensure_ascii=False).encode("latin-1", "replace")


def replaced(old: bytes, new: bytes) -> Plant:
    """The bytes of every success are edited."""

    def change(request: Request, answer: Answer) -> None:
        if answer.status == 200:
            answer.body = answer.text().replace(old, new)

    return change_answer(change)


def _renamed(**names: str) -> Plant:
    return body(lambda value: {names.get(name, name): each for name, each in value.items()})


def _new_id(identity: str) -> Plant:
    return rows(lambda row: {**row, identity: row[identity][:-4] + secrets.token_hex(2)})


PRIME = (
    *table(
        "prime",
        LIST,
        "schema",
        name_missing=("Rows have no name.", rows(without("name"))),
        name_missing_rarely=("A few rows have no name.", rare("id", ODDS, without("name"))),
        cores_as_text=("cpuCores is a text.", field("cpuCores", str)),
        cores_as_text_rarely=("cpuCores is a text in a few rows.", rare_field("id", "cpuCores", str)),
        network_as_number=("networkAccess is 0 or 1.", field("networkAccess", int)),
        status_undeclared=(
            "A few rows have a status that the contract does not know.",
            rare("id", ODDS, set_fields(status="TIMEOUT")),
        ),
        status_lower=("The status is in small letters.", field("status", str.lower)),
        created_naive=("createdAt has no offset.", field("createdAt", naive)),
        created_naive_rarely=("createdAt has no offset in a few rows.", rare_field("id", "createdAt", naive)),
        started_with_space=("startedAt has a space in place of the T.", field("startedAt", spaced)),
        terminated_as_number=(
            "terminatedAt is in seconds since 1970.",
            field("terminatedAt", lambda text: 1_735_600_000),
        ),
        user_as_number=("userId is a number.", field("userId", len)),
        name_null_rarely=("A few rows have no name but null.", rare("id", ODDS, set_fields(name=None))),
        labels_null=(
            "Rows without labels have null.",
            when(lambda row: row.get("labels") == [], set_fields(labels=None)),
        ),
        labels_as_text=("Labels are one text with commas.", field("labels", ",".join)),
        nulls_absent=("Fields without a value are left out.", rows(nulls_absent)),
        exit_code_as_text=("exitCode is a text.", field("exitCode", str)),
        env_as_list=(
            "environmentVars is a list of pairs.",
            field("environmentVars", lambda value: [*map(list, value.items())]),
        ),
        snake_case=("Rows are in snake_case.", rows(lambda row: {_snake(name): value for name, value in row.items()})),
        secret_field=("Rows show the key of the registry.", rows(set_fields(registryPassword="hunter2"))),
        envelope_camel=("The envelope is in camelCase.", _renamed(per_page="perPage", has_next="hasNext")),
        envelope_renamed=("The rows are called items.", _renamed(sandboxes="items")),
        total_as_text=("total is a text.", body(lambda value: {**value, "total": str(value["total"])})),
        has_next_as_number=("has_next is 0 or 1.", body(lambda value: {**value, "has_next": int(value["has_next"])})),
        empty_as_null=(
            "An empty list is null.",
            body(lambda value: {**value, "sandboxes": value["sandboxes"] or None}),
        ),
        media_type_text=("Answers are called plain text.", change_answer(_plain)),
        refusal_html=("Refusals are HTML.", change_answer(_html)),
        nan_in_json=("A missing number is written as NaN.", replaced(b'"exitCode":null', b'"exitCode":NaN')),
    ),
    *table(
        "prime",
        LIST,
        "rows",
        id_regenerated=("A row's id is new in every answer.", _new_id("id")),
        terminated_without_date=(
            "Terminated sandboxes have no terminatedAt.",
            when(lambda row: row["status"] == "TERMINATED", set_fields(terminatedAt=None)),
        ),
        running_with_end=(
            "Some running sandboxes have a terminatedAt.",
            when(lambda row: row["status"] == "RUNNING", set_fields(terminatedAt=lambda row: row["createdAt"])),
        ),
        updated_before_created=(
            "updatedAt lies before createdAt.",
            rows(set_fields(updatedAt="2020-01-01T00:00:00Z")),
        ),
        started_before_created=(
            "startedAt lies before createdAt.",
            when(lambda row: row["startedAt"] is not None, set_fields(startedAt="2020-01-01T00:00:00Z")),
        ),
    ),
)


def _snake(name: str) -> str:
    return "".join("_" + each.lower() if each.isupper() else each for each in name)


INSTAVM = (
    *table(
        "instavm",
        LIST,
        "schema",
        status_missing=("Rows have no status.", rows(without("status"))),
        name_missing_rarely=("A few rows have no name.", rare("sandbox_id", ODDS, without("name"))),
        name_null=(
            "Rows without a template have no name but null.",
            when(lambda row: row.get("template_id") is None, set_fields(name=None)),
        ),
        metadata_null=(
            "Rows without metadata have null.",
            when(lambda row: row["metadata"] == {}, set_fields(metadata=None)),
        ),
        metadata_absent=(
            "Rows without metadata lack the field.",
            when(lambda row: row["metadata"] == {}, without("metadata")),
        ),
        metadata_as_json=("Metadata is a text with JSON in it.", field("metadata", json.dumps)),
        metadata_stringified=(
            "The values in metadata are all texts.",
            field("metadata", lambda value: {name: str(each) for name, each in value.items()}),
        ),
        started_as_number=("started_at is in seconds since 1970.", field("started_at", lambda text: 1_735_600_000)),
        started_with_offset=("started_at has an offset.", field("started_at", lambda text: text + "Z")),
        started_garbled_rarely=(
            "started_at is not a timestamp in a few rows.",
            rare_field("sandbox_id", "started_at", lambda text: "just now"),
        ),
        end_empty=(
            "end_at is an empty text where there is none.",
            when(lambda r: r.get("end_at", "") is None, set_fields(end_at="")),
        ),
        id_as_number=("sandbox_id is a number in a few rows.", rare_field("sandbox_id", "sandbox_id", len)),
        list_in_envelope=("The list is in an envelope.", body(lambda value: {"sandboxes": value})),
        empty_as_null=("An empty list is null.", body(lambda value: value or None)),
        media_type_text=("Answers are called plain text.", change_answer(_plain)),
        body_latin=("Answers are in Latin-1.", change_answer(_latin)),
    ),
    *table(
        "instavm",
        LIST,
        "rows",
        id_regenerated=("A row's id is new in every answer.", _new_id("sandbox_id")),
        end_before_start=(
            "end_at lies before started_at.",
            when(lambda row: row.get("end_at") is not None, set_fields(end_at="2020-01-01T00:00:00")),
        ),
        name_of_nothing=(
            "Rows with a template are called default.",
            rows(set_fields(name="default")),
        ),
    ),
)

DREADNODE = (
    *table(
        "dreadnode",
        LIST,
        "schema",
        build_missing=("Rows have no build_id.", rows(without("build_id"))),
        killed_at_missing=(
            "killed_at is left out where it is null.",
            when(lambda row: row["killed_at"] is None, without("killed_at")),
        ),
        kind_undeclared=(
            "A few rows are of a kind that the contract does not know.",
            rare("id", ODDS, set_fields(sandbox_kind="notebook")),
        ),
        state_undeclared=("A few rows are starting.", rare("id", ODDS, set_fields(state="starting"))),
        pause_reason_undeclared=(
            "A pause by a user has a reason of its own.",
            field("pause_reason", lambda text: "user_requested" if text == "user" else text),
        ),
        id_no_uuid=("Ids have a prefix.", field("id", lambda text: "sbx_" + text)),
        build_no_uuid_rarely=(
            "build_id is not a UUID in a few rows.",
            rare_field("id", "build_id", lambda text: text[:8]),
        ),
        created_naive=("created_at has no offset.", field("created_at", naive)),
        started_naive_rarely=(
            "last_started_at has no offset in a few rows.",
            rare_field("id", "last_started_at", naive),
        ),
        runtime_fraction=(
            "total_runtime_seconds has a fraction.",
            field("total_runtime_seconds", lambda value: value + 0.5),
        ),
        credits_as_text=("billed_credits is a text.", field("billed_credits", str)),
        nulls_absent=("Fields without a value are left out.", rows(nulls_absent)),
        list_in_data=("The rows are called data.", _renamed(items="data")),
        empty_as_null=("An empty page is null.", body(lambda value: {**value, "items": value["items"] or None})),
        secret_field=("Rows show the token of the sandbox.", rows(set_fields(access_token="sk-live-1f0c"))),
    ),
    *table(
        "dreadnode",
        LIST,
        "rows",
        id_regenerated=("A row's id is new in every answer.", _new_id("id")),
        killed_without_date=(
            "Killed sandboxes have no killed_at.",
            when(lambda row: row["state"] == "killed", set_fields(killed_at=None)),
        ),
        pause_reason_kept=(
            "Running sandboxes keep the reason of their last pause.",
            when(lambda row: row["state"] == "running", set_fields(pause_reason="timeout")),
        ),
        project_key_lost=(
            "Rows with a project have no project_key.",
            when(lambda row: row.get("project_id") is not None, set_fields(project_key=None)),
        ),
        credits_do_not_add_up=(
            "The estimate leaves the running credits out.",
            when(
                lambda row: "billed_credits" in row,
                set_fields(estimated_total_credits=lambda row: row["billed_credits"] - 1),
            ),
        ),
    ),
)

SUPERSERVE = (
    *table(
        "superserve",
        LIST,
        "schema",
        metadata_absent=(
            "Rows without metadata lack the field.",
            when(lambda row: row["metadata"] == {}, without("metadata")),
        ),
        metadata_null=(
            "Rows without metadata have null.",
            when(lambda row: row["metadata"] == {}, set_fields(metadata=None)),
        ),
        metadata_numbers=(
            "Values in metadata that read like numbers are numbers.",
            field("metadata", lambda value: {n: int(each) if each.isdigit() else each for n, each in value.items()}),
        ),
        snapshot_null=("snapshot_id is null where there is none.", rows(lambda row: {"snapshot_id": None, **row})),
        timeout_null=(
            "timeout_seconds is null where there is none.",
            rows(lambda row: {"timeout_seconds": None, **row}),
        ),
        timeout_zero=("timeout_seconds is 0 where there is none.", rows(lambda row: {"timeout_seconds": 0, **row})),
        network_null=("network is null where there is none.", rows(lambda row: {"network": None, **row})),
        status_undeclared=(
            "Active sandboxes are called running.",
            field("status", lambda text: "running" if text == "active" else text),
        ),
        status_undeclared_rarely=("A few rows are failed.", rare("id", ODDS, set_fields(status="failed"))),
        vcpu_as_text=("vcpu_count is a text.", field("vcpu_count", str)),
        memory_fraction=(
            "memory_mib is in gibibytes with a fraction.",
            field("memory_mib", lambda value: value / 1024 + 0.5),
        ),
        created_naive=("created_at has no offset.", field("created_at", naive)),
        created_with_space=(
            "created_at is the database's text.",
            field("created_at", lambda text: spaced(text) + "+00"),
        ),
        id_no_uuid=("Ids have a prefix.", field("id", lambda text: "sb_" + text)),
        name_missing_rarely=("A few rows have no name.", rare("id", ODDS, without("name"))),
        deny_as_text=(
            "deny_out is one text.",
            field("network", lambda value: {**value, "deny_out": ",".join(value.get("deny_out", ()))}),
        ),
        secret_field=("Rows show the token of the sandbox.", rows(set_fields(access_token="sk-live-1f0c"))),
        list_in_envelope=("The list is in an envelope.", body(lambda value: {"sandboxes": value})),
        empty_as_null=("An empty list is null.", body(lambda value: value or None)),
        media_type_text=("Answers are called plain text.", change_answer(_plain)),
    ),
    *table(
        "superserve",
        LIST,
        "rows",
        id_regenerated=("A row's id is new in every answer.", _new_id("id")),
        snapshot_lost=(
            "Paused sandboxes have no snapshot_id.",
            when(lambda row: row["status"] == "paused", without("snapshot_id")),
        ),
    ),
)
