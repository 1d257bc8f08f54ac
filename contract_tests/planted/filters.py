"""Filters that keep too much, too little or the wrong rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pyroaring import BitMap

from contract_tests.planted.backend import LIST, Backend
from contract_tests.planted.bug import table
from contract_tests.planted.plants import (
    Query,
    WrongPosition,
    both,
    change_parameter,
    change_query,
    drop_parameters,
    filtered,
    first_of_commas,
    first_only,
    last_only,
    live_by_default,
    unknown_ignored,
)
from fakeserver.documents.collection import Collection
from fakeserver.listing.envelopes import Page
from fakeserver.listing.pages import Context
from fakeserver.problems import Document


def any_filter(backend: Backend, operation: str) -> Backend:
    """Rows that match at least one of the given filters."""

    def change(meaning: Any) -> Any:
        def paging(found: list[int], values: Mapping[str, Any], collection: Collection, context: Context) -> Page:
            holds = [
                each.predicate(values[each.parameter]) for each in meaning.filters if values[each.parameter] is not None
            ]
            kept = [rank for rank in found if not holds or any(each(collection.document(rank)) for each in holds)]
            page: Page = position.page(BitMap(kept), values, collection, context)
            return page

        position = meaning.pages.position
        return replace(meaning, filters=(), pages=replace(meaning.pages, position=WrongPosition(position, paging)))

    return backend.meaning(operation, change)


def filtered_after_paging(backend: Backend, operation: str) -> Backend:
    """The page is cut from all rows, and the filters then thin it out."""

    def change(meaning: Any) -> Any:
        def paging(found: list[int], values: Mapping[str, Any], collection: Collection, context: Context) -> Page:
            page: Page = position.page(BitMap(found), values, collection, context)
            for each in meaning.filters:
                value = values[each.parameter]
                if value is not None:
                    holds = each.predicate(value)
                    page = replace(page, ranks=[rank for rank in page.ranks if holds(collection.document(rank))])
            return page

        position = meaning.pages.position
        return replace(meaning, filters=(), pages=replace(meaning.pages, position=WrongPosition(position, paging)))

    return backend.meaning(operation, change)


def _commas_split(name: str) -> Any:
    return change_query(
        lambda query: [(each, piece) for each, text in query for piece in (text.split(",") if each == name else [text])]
    )


def _labels(document: Document) -> list[str]:
    return document.get("labels") or []


def _first_filter_only(query: Query) -> Query:
    given = [name for name, _ in query if name in FILTERS]
    return [pair for pair in query if pair[0] not in FILTERS or pair[0] == given[0]]


FILTERS = ("state", "project_id", "team_id", "user_id", "status", "is_active", "labels")

PRIME = table(
    "prime",
    LIST,
    "filters",
    status_ignored=("The status parameter is never read.", drop_parameters("status")),
    status_paused_as_running=(
        "Paused sandboxes count as running.",
        filtered(
            "status",
            lambda row, value: row["status"] == value or (value == "RUNNING" and row["status"] == "PAUSED"),
        ),
    ),
    status_provisioning_as_pending=(
        "Provisioning sandboxes are stored as pending, so their own filter finds none.",
        filtered("status", lambda row, value: row["status"] == value != "PROVISIONING"),
    ),
    is_active_ignored=("The is_active parameter is never read.", drop_parameters("is_active")),
    is_active_false_inverts=(
        "is_active=false keeps the terminated sandboxes only.",
        filtered("is_active", lambda row, value: (row["status"] != "TERMINATED") is value),
    ),
    is_active_false_is_true=(
        "Any is_active, false included, leaves terminated sandboxes out.",
        filtered("is_active", lambda row, value: row["status"] != "TERMINATED"),
    ),
    is_active_drops_error=(
        "is_active leaves failed sandboxes out as well.",
        filtered("is_active", lambda row, value: not value or row["status"] not in ("TERMINATED", "ERROR")),
    ),
    is_active_only_running=(
        "is_active keeps running sandboxes only.",
        filtered("is_active", lambda row, value: not value or row["status"] == "RUNNING"),
    ),
    labels_ignored=("The labels parameter is never read.", drop_parameters("labels")),
    labels_any=(
        "One of several labels is enough.",
        filtered("labels", lambda row, value: bool({*value} & {*_labels(row)})),
    ),
    labels_last_only=("Of several labels only the last is looked at.", last_only("labels")),
    labels_first_only=("Of several labels only the first is looked at.", first_only("labels")),
    labels_two_at_most=(
        "A third label is not looked at.",
        filtered("labels", lambda row, value: {*value[:2]} <= {*_labels(row)}),
    ),
    labels_exactly=(
        "The row's labels must be the wanted ones and no others.",
        filtered("labels", lambda row, value: {*value} == {*_labels(row)}),
    ),
    labels_substring=(
        "A label matches when it contains the wanted text.",
        filtered("labels", lambda row, value: all(any(each in has for has in _labels(row)) for each in value)),
    ),
    labels_prefix=(
        "A label matches when it starts with the wanted text.",
        filtered(
            "labels",
            lambda row, value: all(any(has.startswith(each) for has in _labels(row)) for each in value),
        ),
    ),
    labels_case_folded=(
        "Labels are compared without regard to case.",
        filtered(
            "labels", lambda row, value: {each.lower() for each in value} <= {has.lower() for has in _labels(row)}
        ),
    ),
    labels_trimmed=(
        "Labels are compared without the spaces around them.",
        filtered(
            "labels", lambda row, value: {each.strip() for each in value} <= {has.strip() for has in _labels(row)}
        ),
    ),
    labels_comma_split=("A comma separates labels, though it belongs to the label.", _commas_split("labels")),
    labels_unknown_ignored=(
        "A label that no sandbox has is left out of the query.",
        unknown_ignored("labels"),
    ),
    labels_unlabelled_kept=(
        "Sandboxes without labels pass the label filter.",
        filtered("labels", lambda row, value: not _labels(row) or {*value} <= {*_labels(row)}),
    ),
    user_ignored=("user_id is checked, but filters nothing.", filtered("user_id", lambda row, value: True)),
    team_ignored=("team_id is never read, so the personal sandboxes come back.", drop_parameters("team_id")),
    filters_or=("Several filters are joined with OR.", any_filter),
    filters_first_only=("Of several filters only the first of the query is applied.", change_query(_first_filter_only)),
    filter_after_paging=("The page is cut first and filtered afterwards.", filtered_after_paging),
)

_NOT_KILLED = filtered("state", lambda row, value: row["state"] in value and row["state"] != "killed")

DREADNODE = table(
    "dreadnode",
    LIST,
    "filters",
    state_ignored=("The state parameter is never read.", drop_parameters("state")),
    state_last_only=("Of several states only the last is looked at.", last_only("state")),
    state_first_only=("Of several states only the first is looked at.", first_only("state")),
    state_comma_first_only=(
        "Of comma-separated states only the first is looked at.",
        first_of_commas("state"),
    ),
    state_comma_last_only=(
        "Of comma-separated states only the last is looked at.",
        change_parameter("state", lambda text: text.rsplit(",", 1)[-1]),
    ),
    state_comma_ignored=(
        "A comma-separated list of states filters nothing.",
        change_query(lambda query: [pair for pair in query if pair[0] != "state" or "," not in pair[1]]),
    ),
    state_comma_joins_only=(
        "Repeated states are read as one text with a comma in it, which filters nothing.",
        change_query(
            lambda query: (
                query
                if sum(name == "state" for name, _ in query) < 2
                else [pair for pair in query if pair[0] != "state"]
            )
        ),
    ),
    state_never_killed=("Killed sandboxes are left out even when they are asked for.", _NOT_KILLED),
    state_default_live=("Without a state, killed sandboxes are left out.", live_by_default()),
    state_paused_as_running=(
        "Paused sandboxes count as running.",
        filtered(
            "state", lambda row, value: row["state"] in value or (row["state"] == "paused" and "running" in value)
        ),
    ),
    project_ignored=("The project_id parameter is never read.", drop_parameters("project_id")),
    project_of_workspace=(
        "project_id is compared with the workspace.",
        filtered("project_id", lambda row, value: row.get("workspace_id") == value),
    ),
    project_null_kept=(
        "Sandboxes without a project pass the project filter.",
        filtered("project_id", lambda row, value: row.get("project_id") in (value, None)),
    ),
    project_unknown_ignored=("A project that no sandbox has filters nothing.", unknown_ignored("project_id")),
    filters_or=("Several filters are joined with OR.", any_filter),
    filters_first_only=("Of several filters only the first of the query is applied.", change_query(_first_filter_only)),
    filter_after_paging=("The page is cut first and filtered afterwards.", filtered_after_paging),
    state_ignored_everywhere=(
        "The list and the facets share a query that never reads the state.",
        both(drop_parameters("state")),
    ),
    project_ignored_everywhere=(
        "The list and the facets share a query that never reads the project.",
        both(drop_parameters("project_id")),
    ),
)
