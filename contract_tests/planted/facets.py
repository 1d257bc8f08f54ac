"""Dreadnode's facets: wrong rows counted, wrong buckets kept, wrong order."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
from pyroaring import BitMap

from contract_tests.planted.backend import FACETS, Backend, Next
from contract_tests.planted.bug import Plant, table
from contract_tests.planted.plants import (
    around,
    body,
    drop_parameters,
    first_of_commas,
    first_only,
    last_only,
    live_by_default,
    query_of,
    with_query,
)
from fakeserver.documents.collection import Collection
from fakeserver.listing.facets import Facet
from fakeserver.pipeline.exchange import Answer, Request
from fakeserver.problems import Document

PAGE = 50
MOST_BUCKETS = 10
NO_PROJECT = {"project_id": None, "project_key": None, "project_name": None}


@dataclass(frozen=True, slots=True)
class WrongFacet(Facet):
    """A facet that counts other rows than those that were found."""

    seen: Callable[[BitMap, Collection], BitMap] = lambda found, collection: found

    def counts(self, found: BitMap, collection: Collection) -> list[Document]:
        right = Facet(self.field, self.bucket, self.tie, self.keys)
        return right.counts(self.seen(found, collection), collection)


def counting(seen: Callable[[BitMap, Collection], BitMap], *fields: str) -> Plant:
    """The facets of these fields (of all, without one) count other rows."""

    def change(facet: Facet) -> Facet:
        if fields and facet.field not in fields:
            return facet
        return WrongFacet(facet.field, facet.bucket, facet.tie, facet.keys, seen)

    return lambda backend, operation: backend.facets(change)


def buckets(change: Callable[[list[Document]], list[Document]], *names: str) -> Plant:
    """The buckets of these lists (of both, without one) are others."""
    return body(
        lambda value: {name: change(each) if name in (names or value) else each for name, each in value.items()}
    )


def _ties_shuffled(backend: Backend, operation: str) -> Backend:
    """Buckets of one count come in an order that changes from answer to answer."""
    draws = random.Random(0)

    def change(found: list[Document]) -> list[Document]:
        return sorted(draws.sample(found, len(found)), key=lambda each: -each["count"])

    return buckets(change)(backend, operation)


def ordered(key: Callable[[Document], Any], *, reverse: bool = False) -> Plant:
    """The buckets are in another order."""
    return buckets(lambda found: sorted(found, key=key, reverse=reverse))


def loose(parameter: str, *names: str) -> Plant:
    """These lists do not know of one filter."""

    def change(request: Request, following: Next) -> Answer:
        answer = following(request)
        if answer.status == 200:
            kept = [pair for pair in query_of(request) if pair[0] != parameter]
            other = orjson.loads(following(with_query(request, kept)).text())
            answer.body = orjson.dumps(orjson.loads(answer.text()) | {name: other[name] for name in names})
        return answer

    return around(change)


def _key(bucket: Document) -> str:
    return str(bucket.get("value") or bucket.get("project_key"))


def _with_projects(found: BitMap, collection: Collection) -> BitMap:
    return BitMap([rank for rank in found if collection.document(rank).get("project_id")])


def _null_project(request: Request, following: Next) -> Answer:
    """Sandboxes without a project have a bucket of their own."""
    answer = following(request)
    if answer.status == 200:
        value = orjson.loads(answer.text())
        missing = sum(each["count"] for each in value["states"]) - sum(each["count"] for each in value["projects"])
        if missing:
            value["projects"].append({"count": missing, **NO_PROJECT})
            value["projects"].sort(key=lambda each: (-each["count"], each["project_key"] or ""))
        answer.body = orjson.dumps(value)
    return answer


def _zero_states(value: Any) -> Any:
    there = {each["value"] for each in value["states"]}
    empty = [{"count": 0, "value": each} for each in ("killed", "paused", "running") if each not in there]
    return {**value, "states": value["states"] + empty}


def _zero_projects(request: Request, following: Next) -> Answer:
    answer = following(request)
    if answer.status == 200:
        value, whole = orjson.loads(answer.text()), orjson.loads(following(with_query(request, [])).text())
        there = {each["project_id"] for each in value["projects"]}
        value["projects"] += [{**each, "count": 0} for each in whole["projects"] if each["project_id"] not in there]
        answer.body = orjson.dumps(value)
    return answer


DREADNODE = table(
    "dreadnode",
    FACETS,
    "facets",
    facets_ignore_state=("The state parameter is never read.", drop_parameters("state")),
    facets_ignore_project=("The project_id parameter is never read.", drop_parameters("project_id")),
    states_ignore_state=("The states are counted as if no state were asked for.", loose("state", "states")),
    states_ignore_project=("The states are counted for all projects.", loose("project_id", "states")),
    projects_ignore_state=("The projects are counted for all states.", loose("state", "projects")),
    projects_ignore_project=("The projects are counted as if none were asked for.", loose("project_id", "projects")),
    facets_state_last_only=("Of several states only the last is counted.", last_only("state")),
    facets_state_first_only=("Of several states only the first is counted.", first_only("state")),
    facets_state_comma_first=(
        "Of comma-separated states only the first is counted.",
        first_of_commas("state"),
    ),
    facets_without_killed=("Killed sandboxes are not counted unless they are asked for.", live_by_default()),
    facets_of_page=(
        "Only the first fifty sandboxes are counted.",
        counting(lambda found, collection: BitMap(islice(found, PAGE))),
    ),
    facets_of_everything=(
        "All sandboxes of the org are counted, whatever the filters say.",
        counting(lambda found, collection: collection.everything if found else found),
    ),
    states_of_projects=(
        "The states count only sandboxes that have a project.",
        counting(_with_projects, "state"),
    ),
    null_project=("Sandboxes without a project have a bucket of their own.", around(_null_project)),
    zero_states=("States that do not occur come with a count of zero.", body(_zero_states)),
    zero_projects=("Projects that do not occur come with a count of zero.", around(_zero_projects)),
    smallest_first=("The smallest count comes first.", ordered(lambda each: (each["count"], _key(each)))),
    alphabetical=("The buckets are in alphabetical order, whatever their counts.", ordered(_key)),
    ties_backwards=(
        "Equal counts are in reverse alphabetical order.",
        ordered(lambda each: (each["count"], _key(each)), reverse=True),
    ),
    facets_ties_unstable=("Equal counts are in an order that changes from answer to answer.", _ties_shuffled),
    ties_by_id=(
        "Equal counts are in the order of the projects' ids.",
        ordered(lambda each: (-each["count"], str(each.get("project_id") or each.get("value")))),
    ),
    count_plus_one=(
        "Every count is one too many.",
        buckets(lambda found: [each | {"count": each["count"] + 1} for each in found]),
    ),
    largest_minus_one=(
        "The newest sandbox is not counted.",
        counting(lambda found, collection: found - BitMap([found.min()]) if found else found),
    ),
    bucket_twice=("The largest bucket comes twice.", buckets(lambda found: [*found[:1], *found])),
    buckets_capped=(
        "Only the ten largest projects are listed.",
        buckets(lambda found: found[:MOST_BUCKETS], "projects"),
    ),
    single_bucket_lost=(
        "A value that only one sandbox has gets no bucket.",
        buckets(lambda found: [each for each in found if each["count"] > 1]),
    ),
    counts_as_text=(
        "Counts are texts.",
        buckets(lambda found: [each | {"count": str(each["count"])} for each in found]),
    ),
    states_as_object=(
        "The states are an object, not a list.",
        body(lambda value: value | {"states": {each["value"]: each["count"] for each in value["states"]}}),
    ),
    project_key_missing=(
        "Projects come with their id only.",
        buckets(lambda found: [each | {"project_key": None, "project_name": None} for each in found], "projects"),
    ),
    facets_in_list=(
        "The facets come inside an envelope of their own.",
        body(lambda value: {"facets": value}),
    ),
)
