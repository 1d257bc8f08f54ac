"""The queries of the load, and what a plain reading of them says the answer must be.

The expected rows come from a comprehension over the whole list, never from the server's own filters or pages.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from benchmarks.servers import Server

PATH = "/prime/api/v1/sandbox"
HEADERS: Mapping[str, str] = {"Authorization": "Bearer prime-admin-key"}
PAGE_ROWS = 50
LONGEST_PAGE = 1_000
MIX_QUERIES = 100
STATUSES = ("RUNNING", "TERMINATED", "PAUSED", "ERROR")
LABELS = ("prod", "dev", "gpu", "eval", "nightly", "ci")
FRESH_ZEROS = 15
"""Leading zeros change the text of a number and not its meaning: so many per number make every query text new."""
AROUND = 25
"""Rows that a page may have more or less than the others, to be another one."""
LEAST_UNLIKE = 250
"""Pages, so that none is still kept when it is asked for again: 8 MB of them are, and one of 50 rows has 40 kB."""
SAMPLE_SEED = 20_260_118

Row = tuple[str, str, tuple[str, ...]]
"""Of a sandbox only what the queries ask about: id, status and labels."""


@dataclass(frozen=True, slots=True)
class Query:
    """A filtered page of prime's listing."""

    status: str | None = None
    active: bool = False
    labels: tuple[str, ...] = ()
    page: int = 1
    rows: int = PAGE_ROWS
    first_page: bool = False
    """Whether the page's number is written even where it is the first."""

    def pairs(self) -> list[tuple[str, str]]:
        found = [("status", self.status)] if self.status else []
        if self.active:
            found.append(("is_active", "true"))
        found += [("labels", label) for label in self.labels]
        if self.page > 1 or self.first_page:
            found.append(("page", str(self.page)))
        return [*found, ("per_page", str(self.rows))]

    def target(self) -> str:
        return target(self.pairs())

    def holds(self, row: Row) -> bool:
        """What the reference page says about this query, as one sentence about one row."""
        _, status, labels = row
        return (
            (self.status is None or status == self.status)
            and (not self.active or status != "TERMINATED")
            and set(self.labels) <= set(labels)
        )


def target(pairs: Sequence[tuple[str, str]]) -> str:
    return PATH + "?" + "&".join(f"{name}={quote(text, safe='')}" for name, text in pairs)


def all_rows(server: Server) -> list[Row]:
    """The whole list, page by page, without a filter."""
    rows: list[Row] = []
    for number in itertools.count(1):
        body = fetch(server, Query(rows=LONGEST_PAGE, page=number).target())
        rows += [row_of(each) for each in body["sandboxes"]]
        if not body["has_next"]:
            return rows
    raise AssertionError


def row_of(sandbox: Mapping[str, Any]) -> Row:
    return sandbox["id"], sandbox["status"], tuple(sandbox.get("labels") or ())


def fetch(server: Server, wanted: str) -> dict[str, Any]:
    response = server.get(wanted)
    if response.status != 200:
        raise ValueError(f"{wanted} was answered {response.status}")
    found: dict[str, Any] = json.loads(response.body)
    return found


def full_pages(rows: Sequence[Row]) -> list[Query]:
    """Every query with two filters, and every page of it, that fifty rows answer."""
    found = []
    for chosen, label in itertools.product((*STATUSES, None), LABELS):
        query = Query(status=chosen, active=chosen is None, labels=(label,))
        pages = sum(map(query.holds, rows)) // PAGE_ROWS
        found += [replace(query, page=number) for number in range(1, pages + 1)]
    return found


def mix(queries: Sequence[Query], count: int = MIX_QUERIES) -> list[str]:
    """Distinct request targets: the queries, and then the same with their parameters in other orders."""
    return [target(pairs) for pairs in mixed(queries, count)]


def mixed(queries: Sequence[Query], count: int) -> list[Sequence[tuple[str, str]]]:
    # With the page always written there are four parameters, so enough orders even for a small world.
    orders = [[*itertools.permutations(replace(query, first_page=True).pairs())] for query in queries]
    turns = itertools.chain.from_iterable(itertools.zip_longest(*orders))
    found: list[Sequence[tuple[str, str]]] = [pairs for pairs in turns if pairs is not None]
    if len(found) < count:
        raise ValueError(f"the world has only {len(found)} full pages of two filters, {count} are needed")
    return found[:count]


def fresh(queries: Sequence[Query], count: int = MIX_QUERIES) -> list[str]:
    """Targets of which no two are written alike, so that nothing that remembers a query's text can help."""
    return [
        target([(name, padded(name, text, zeros)) for name, text in pairs])
        for zeros in itertools.product(range(FRESH_ZEROS), repeat=2)
        for pairs in mixed(queries, count)
    ]


def unlike(queries: Sequence[Query]) -> list[str]:
    """Targets of which each asks for another page than the one hundreds in front of it, in words that were not sent
    before: pages of almost as many rows, from as far in the list."""
    pages = {
        replace(query, rows=size, page=(query.page - 1) * query.rows // size + 1)
        for query in queries
        for size in range(max(1, query.rows - AROUND), query.rows + AROUND + 1)
    }
    if len(pages) < LEAST_UNLIKE:
        raise ValueError(f"the world has only {len(pages)} pages that are unlike, {LEAST_UNLIKE} are needed")
    orders = [[*itertools.permutations(replace(page, first_page=True).pairs())] for page in sorted(pages, key=repr)]
    return [target(each) for each in itertools.chain.from_iterable(zip(*orders, strict=False))]


def padded(name: str, text: str, zeros: tuple[int, ...]) -> str:
    """The same number with zeros in front, as many as its parameter is given."""
    if name not in ("page", "per_page"):
        return text
    return "0" * zeros[name == "per_page"] + text


def sample(rows: Sequence[Row], count: int) -> Iterator[tuple[Query, list[Row]]]:
    """Queries of every kind with the rows that they must find: any filters, any page, short pages and empty ones."""
    draw = random.Random(SAMPLE_SEED)
    labels = sorted({label for row in rows[:LONGEST_PAGE] for label in row[2]})
    for _ in range(count):
        query = Query(
            status=draw.choice((*STATUSES, None)),
            active=draw.random() < 0.3,
            labels=tuple(draw.sample(labels, draw.choice((0, 1, 1, 2)))),
            rows=draw.choice((1, 7, PAGE_ROWS, LONGEST_PAGE)),
        )
        found = [row for row in rows if query.holds(row)]
        pages = -(-len(found) // query.rows)
        yield replace(query, page=draw.randint(1, pages + 1)), found


def mismatch(query: Query, found: Sequence[Row], body: Mapping[str, Any]) -> str | None:
    """How an answer differs from what the query must find, if it does."""
    start = (query.page - 1) * query.rows
    facts = {
        "total": (len(found), body["total"]),
        "page": (query.page, body["page"]),
        "per_page": (query.rows, body["per_page"]),
        "has_next": (start + query.rows < len(found), body["has_next"]),
    }
    for name, (right, got) in facts.items():
        if right != got:
            return f"{query.target()}: {name} is {got}, not {right}"
    if [row_of(each) for each in body["sandboxes"]] != found[start : start + query.rows]:
        return f"{query.target()}: other rows"
    return None
