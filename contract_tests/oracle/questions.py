"""Questions to a deployment: filters and pages with values mined from its own rows, and values at every edge."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from contract_tests.judging.traces import no_traces
from contract_tests.outcome import Context, Row
from contract_tests.sending.ask import Ask, Reply

Pairs = tuple[tuple[str, str], ...]
Choices = Mapping[str, Sequence[Pairs]]
"""By parameter: the pairs that may be sent for it."""

COMMON_VALUES = 4
RARE_VALUES = 2
MAX_ODD_VALUES = 3
MAX_FOLLOWED = 3
UNKNOWN = "no-such-value-7f3a"
UNKNOWN_UUID = "00000000-0000-4000-8000-00000000dead"
PAGE_PARAMETERS = frozenset({"page", "per_page", "limit", "offset", "cursor"})
TEXTS = ("it's", 'a"b', "50% off", "größe", "a\\b", "x" * 300, "a+b", "%2C", "null")
"""Texts that a careless server does not survive, or reads as something else."""
STATES = ("running", "paused", "killed")
STATUSES = ("PENDING", "PROVISIONING", "RUNNING", "PAUSED", "ERROR", "TERMINATED")
LISTED = ("active", "paused", "resuming")
"""The states of Superserve's sandboxes that a listing holds."""


@dataclass(frozen=True, slots=True)
class OracleQuestion:
    """One question. `follow` more pages are read by their cursors; `moved` are other filters that the first page's
    cursor is then sent with."""

    scope: str
    pairs: Pairs = ()
    facets: bool = False
    follow: int = 0
    moved: Pairs | None = None

    @property
    def cost(self) -> int:
        """How many requests it takes at most."""
        return 1 + self.follow + (self.moved is not None)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.pairs)

    @property
    def paged(self) -> bool:
        return bool(self.names & PAGE_PARAMETERS)

    def simpler(self) -> Iterator[OracleQuestion]:
        """Questions that ask for less: without one of the pairs, or with fewer pages."""
        if self.moved is None:
            for index in range(len(self.pairs)):
                yield replace(self, pairs=self.pairs[:index] + self.pairs[index + 1 :])
        if self.follow > 1:
            yield replace(self, follow=1)
        if self.follow:
            yield replace(self, follow=0)

    def put(self, context: Context, send: Callable[[Ask], Reply]) -> list[Reply]:
        """Ask it; the answers in the order of the requests."""
        path = context.path(self.scope) + ("/facets" if self.facets else "")
        before = tuple(context.filters(self.scope))
        replies = [send(Ask(path, before + self.pairs))]
        rest = tuple(pair for pair in self.pairs if pair[0] != "cursor")
        if not self.follow and self.moved is None:
            return replies
        first = cursor = next_cursor(replies[0])
        for _ in range(self.follow):
            if cursor is None:
                break
            replies.append(send(Ask(path, (*before, *rest, ("cursor", cursor)))))
            cursor = next_cursor(replies[-1])
        if self.moved is not None and first is not None:
            replies.append(send(Ask(path, (*before, *self.moved, ("cursor", first)))))
        return replies


def next_cursor(reply: Reply) -> str | None:
    """The cursor of the next page, where the answer has one."""
    try:
        value = reply.json() if reply.status == 200 else None
    except ValueError:
        return None
    found = value.get("next_cursor") if isinstance(value, dict) else None
    return found if isinstance(found, str) else None


@dataclass(frozen=True, slots=True)
class Questions:
    """What can be asked about these rows: a list by hand, and the choices that random questions are drawn from."""

    essential: tuple[OracleQuestion, ...]
    choices: Choices
    scope: str
    boundaries: tuple[OracleQuestion, ...] = ()
    """Questions at the exact end of this very list, which no smaller sample of its rows can plan."""
    facets: bool = False
    cursors: bool = False

    def drawn(self, seed: int, count: int) -> list[OracleQuestion]:
        """Random questions, equal for equal seeds."""
        found: dict[OracleQuestion, None] = {}
        parts = [st.one_of(st.just(()), st.sampled_from(list(pairs))) for pairs in self.choices.values() if pairs]

        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=count,
            database=None,
            phases=[Phase.generate],
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(st.tuples(*parts), st.booleans(), st.integers(0, MAX_FOLLOWED))
        def collect(chosen: tuple[Pairs, ...], facets: bool, follow: int) -> None:
            pairs = tuple(pair for part in chosen for pair in part)
            if self.facets and facets:
                pairs = tuple(pair for pair in pairs if pair[0] not in PAGE_PARAMETERS)
                found[OracleQuestion(self.scope, pairs, facets=True)] = None
            elif self.cursors and any(name == "limit" for name, _ in pairs):
                found[OracleQuestion(self.scope, pairs, follow=follow)] = None
            else:
                found[OracleQuestion(self.scope, pairs)] = None

        with no_traces():
            collect()
        return list(found)


def questions(slug: str, scope: str, rows: Sequence[Row]) -> Questions:
    """What these rows can be asked about."""
    return MINERS[slug](scope, rows)


def singles(scope: str, name: str, texts: Iterable[str]) -> list[OracleQuestion]:
    return [OracleQuestion(scope, ((name, text),)) for text in texts]


def frequent(values: Iterable[Any]) -> list[Any]:
    """The commonest values and the rarest ones."""
    counted = [value for value, _ in Counter(values).most_common()]
    return list(dict.fromkeys([*counted[:COMMON_VALUES], *counted[-RARE_VALUES:]]))


def odd(texts: Iterable[str]) -> list[str]:
    """Texts with characters that a query has to encode, or a server might read as something else."""
    found = [text for text in dict.fromkeys(texts) if not text.isalnum() or not text.isascii()]
    return sorted(found, key=lambda text: (text.isascii(), -len(set(text) - set("-_.:")), text))[:MAX_ODD_VALUES]


def near(text: str) -> list[str]:
    """Texts that only a sloppy comparison takes for this one."""
    wildcard = "%" + text[1:]
    return [each for each in (text[:-1], text.swapcase(), text + " ", text[1:], wildcard) if each != text]


def sizes(count: int, rows: Sequence[Row], created: str, most: int) -> list[int]:
    """Page sizes at whose ends something may go wrong: around the whole, and inside a group of equal dates."""
    ties = [index for index in range(1, len(rows)) if rows[index].get(created) == rows[index - 1].get(created)]
    wanted = [count, count - 1, count + 1, -(-count // 2), -(-count // 3), *ties[:2], 1, 2, 7]
    return list(dict.fromkeys(size for size in wanted if 1 <= size <= most))


def prime(scope: str, rows: Sequence[Row]) -> Questions:
    labels = [label for row in rows for label in row.get("labels") or ()]
    known = list(dict.fromkeys([*frequent(labels), *odd(labels)]))
    together = [tuple(row["labels"][:2]) for row in rows if len(row.get("labels") or ()) > 1]
    several = [tuple(("labels", label) for label in pair) for pair in frequent(together)]
    states = list(dict.fromkeys([*frequent(row.get("status") for row in rows), *STATUSES]))
    users = frequent(str(row["userId"]) for row in rows if row.get("userId"))
    users = users[:1] if not scope else users
    per_page = sizes(len(rows), rows, "createdAt", 1_000)
    split = ("per_page", str(max(1, -(-len(rows) // 3))))
    threes = [row for row in rows if len(row.get("labels") or ()) > 2][:1]
    reversed_pairs = [tuple(reversed(pairs)) for pairs in several[:1]]
    joined = [(("labels", ",".join(text for _, text in pairs)),) for pairs in several[:1]]
    essential = [
        OracleQuestion(scope),
        *singles(scope, "status", states),
        *singles(scope, "is_active", ("true", "false", "1")),
        OracleQuestion(scope, (("is_active", "true"), ("status", "TERMINATED"))),
        *singles(scope, "labels", [*known, UNKNOWN]),
        *(OracleQuestion(scope, pairs) for pairs in [*several, *reversed_pairs, *joined]),
        *(OracleQuestion(scope, (("labels", text),)) for label in known[:2] for text in near(label)),
        *(OracleQuestion(scope, (("labels", label), ("labels", UNKNOWN))) for label in known[:1]),
        *(OracleQuestion(scope, (("labels", label), ("labels", label))) for label in known[:1]),
        *(OracleQuestion(scope, (("status", state), ("labels", label))) for state in states[:2] for label in known[:2]),
        *singles(scope, "user_id", [*users, UNKNOWN]),
        *singles(scope, "labels", TEXTS),
        *(OracleQuestion(scope, tuple(("labels", label) for label in row["labels"][:3])) for row in threes),
        *singles(scope, "per_page", map(str, per_page)),
        *(OracleQuestion(scope, (("page", page), split)) for page in ("2", "3", "4")),
        *(OracleQuestion(scope, (("status", state), ("per_page", "2"), ("page", "2"))) for state in states[:2]),
        *(OracleQuestion(scope, (("is_active", "true"), ("per_page", "7"), ("page", page))) for page in ("1", "2")),
        *(OracleQuestion(scope, (("labels", label), ("per_page", "1"), ("page", "2"))) for label in known[:1]),
        *singles(scope, "page", ("2", "1000000", "0", "-1", "x", "1.5")),
        *singles(scope, "per_page", ("0", "1001", "x", "")),
        *singles(scope, "status", ("running", "NO_SUCH_STATUS", "RUNNING ", "RUNNING,PAUSED")),
        *singles(scope, "is_active", ("maybe",)),
        OracleQuestion(scope, (("page", "0"), ("per_page", "0"))),
    ]
    choices: Choices = {
        "status": [(("status", state),) for state in states],
        "is_active": [(("is_active", text),) for text in ("true", "false")],
        "labels": [*((("labels", label),) for label in known), *several],
        "page": [(("page", str(page)),) for page in (1, 2, 3)],
        "per_page": [(("per_page", str(size)),) for size in per_page],
    }
    third = -(-len(rows) // 3)
    last = OracleQuestion(scope, (("page", str(-(-len(rows) // third))), split)) if rows else None
    ends = [exact(scope, rows, "status", "status", "per_page", 1_000), last]
    return Questions(tuple(dict.fromkeys(essential)), choices, scope, tuple(filter(None, ends)))


def exact(scope: str, rows: Sequence[Row], field: str, name: str, size: str, most: int) -> OracleQuestion | None:
    """A page that is exactly as long as the rows with the field's commonest value that still fits."""
    counted = [(str(value), count) for value, count in Counter(row.get(field) for row in rows).most_common() if value]
    for value, count in counted:
        if count <= most:
            return OracleQuestion(scope, ((name, value), (size, str(count))))
    return None


def dreadnode(scope: str, rows: Sequence[Row]) -> Questions:
    states = list(dict.fromkeys([*frequent(row["state"] for row in rows if row.get("state")), *STATES]))
    projects = frequent(str(row["project_id"]) for row in rows if row.get("project_id"))
    two = states[:2]
    repeated: Pairs = tuple(("state", state) for state in two)
    forms: list[Pairs] = [
        repeated,
        tuple(reversed(repeated)),
        (("state", ",".join(two)),),
        (("state", ",".join(states)),),
        (("state", two[0]), ("state", two[0])),
        (("state", two[0] + ","),),
        (("state", ""),),
    ]
    limits = [size for size in sizes(len(rows), rows, "created_at", 100) if size > 1]
    filters: list[Pairs] = [
        (),
        *((("state", state),) for state in states),
        *((("project_id", project),) for project in [*projects, UNKNOWN_UUID]),
        *((("state", state), ("project_id", project)) for state in two for project in projects[:2]),
        *forms,
        *((("project_id", project.upper()),) for project in projects[:1]),
    ]
    bad: list[Pairs] = [
        *((("state", text),) for text in ("NO_SUCH_STATE", two[0].upper(), f"{two[0]},NO_SUCH_STATE")),
        *((("project_id", text),) for text in ("x", UNKNOWN_UUID[:-1])),
    ]
    essential = [
        *(OracleQuestion(scope, pairs, facets=facets) for pairs in filters for facets in (False, True)),
        *(OracleQuestion(scope, pairs, facets=facets) for pairs in bad for facets in (False, True)),
        *(OracleQuestion(scope, (("limit", str(limit)),), follow=2) for limit in limits),
        *(OracleQuestion(scope, (*pairs, ("limit", "2")), follow=2) for pairs in filters[1:6]),
        *(OracleQuestion(scope, (*pairs, ("limit", "7")), follow=1) for pairs in filters[1:6]),
        *(
            OracleQuestion(scope, (("state", two[0]), ("limit", "2")), moved=moved)
            for moved in ((("state", two[1]), ("limit", "2")), (("limit", "2"),))
        ),
        OracleQuestion(scope, (("limit", "2"),), moved=(("limit", "3"),)),
        *singles(scope, "limit", ("1", "100", "0", "101", "x", "-1", "")),
        *singles(scope, "cursor", ("x", "AAAA", "")),
    ]
    choices: Choices = {
        "state": [*((("state", state),) for state in states), *forms[:3]],
        "project_id": [(("project_id", project),) for project in projects],
        "limit": [(("limit", str(limit)),) for limit in limits],
    }
    ends = [exact(scope, rows, "project_id", "project_id", "limit", 100)]
    boundaries = tuple(filter(None, ends))
    return Questions(tuple(dict.fromkeys(essential)), choices, scope, boundaries, facets=True, cursors=True)


def instavm(scope: str, rows: Sequence[Row]) -> Questions:
    metadata = [row["metadata"] for row in rows if isinstance(row.get("metadata"), dict) and row["metadata"]]
    pairs = frequent(dense({name: value}) for each in metadata for name, value in each.items())
    complex_ones = [each for each in metadata if any(isinstance(value, dict | list) for value in each.values())]
    typed = [
        {name: value}
        for each in metadata
        for name, value in each.items()
        if isinstance(value, bool | int | float) or value is None
    ]
    texts = list(
        dict.fromkeys(
            [
                *pairs,
                *(dense(each) for each in metadata[:2]),
                *(dense(each) for each in complex_ones[:3]),
                *(dense(each) for each in partial(complex_ones)),
                *odd(
                    dense({name: value}) for each in metadata for name, value in each.items() if isinstance(value, str)
                ),
                *(dense(each) for each in typed[:4]),
            ]
        )
    )
    sloppy = [
        dense(wrong)
        for each in metadata[:6]
        for name, value in [*each.items()][:1]
        for wrong in ({name: recast(value)}, {name.swapcase(): value}, *({name: text} for text in near(str(value))[:2]))
    ]
    sloppy += [dense({name: recast(value)}) for each in typed[:3] for name, value in each.items()]
    forms = [json.dumps(each, indent=1) for each in metadata[:1]] + [
        json.dumps(dict(reversed(each.items()))) for each in metadata if len(each) > 1
    ][:1]
    escaped = [json.dumps(each) for each in metadata if not dense(each).isascii()][:1]
    limits = sizes(len(rows), rows, "started_at", 1_000)
    essential = [
        OracleQuestion(scope),
        *singles(scope, "metadata", ["{}", *texts, dense({UNKNOWN: UNKNOWN}), *forms, *escaped, *sloppy]),
        *singles(scope, "limit", [*map(str, limits), "1000", "0", "1001", "x", "-1", ""]),
        *(OracleQuestion(scope, (("metadata", text), ("limit", limit))) for text in texts[:2] for limit in ("1", "2")),
        *(OracleQuestion(scope, (("metadata", dense({UNKNOWN: text})),)) for text in TEXTS),
        *singles(scope, "metadata", ("not json", "[]", '"text"', "{", "null", "1")),
        *(OracleQuestion(scope, (("metadata", dense({name: None})),)) for each in metadata[:1] for name in each),
    ]
    choices: Choices = {
        "metadata": [(("metadata", text),) for text in [*texts, *sloppy[:4]]],
        "limit": [(("limit", str(limit)),) for limit in limits],
    }
    ends = (OracleQuestion(scope, (("limit", str(len(rows))),)),) if 1 <= len(rows) <= 1_000 else ()
    return Questions(tuple(dict.fromkeys(essential)), choices, scope, ends)


def dense(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def partial(values: Iterable[Row]) -> Iterator[Row]:
    """Parts of nested objects and arrays that containment still finds."""
    for each in [*values][:4]:
        for name, value in each.items():
            if isinstance(value, dict) and value:
                yield {name: dict([next(iter(value.items()))])}
                yield {name: {}}
            elif isinstance(value, list) and value:
                yield {name: value[-1:]}
                yield {name: [*reversed(value)]}
                yield {name: []}


def recast(value: Any) -> Any:
    """The same to a reader who does not look at types."""
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and value == str(int(value)) else [value]
    return str(value).lower() if isinstance(value, bool | int | float) else "null" if value is None else {}


def superserve(scope: str, rows: Sequence[Row]) -> Questions:
    metadata = [row["metadata"] for row in rows if isinstance(row.get("metadata"), dict) and row["metadata"]]
    every = [(f"metadata.{name}", text) for each in metadata for name, text in each.items()]
    known = list(
        dict.fromkeys(
            [
                *frequent(every),
                *(
                    pair
                    for text in odd(name + value for name, value in every)
                    for pair in every
                    if pair[0] + pair[1] == text
                ),
            ]
        )
    )
    several = frequent(
        tuple((f"metadata.{name}", text) for name, text in [*each.items()][:2]) for each in metadata if len(each) > 1
    )
    sloppy: list[Pairs] = [((name, text),) for name, value in known[:2] for text in near(value)]
    sloppy += [((name.swapcase().replace("METADATA.", "metadata."), value),) for name, value in known[:1]]
    states = list(dict.fromkeys([*frequent(str(row["status"]) for row in rows if row.get("status")), *LISTED]))
    limits = [(("limit", str(size)),) for size in sizes(len(rows), rows, "created_at", 200)]
    offsets = [(("offset", str(size)),) for size in sizes(len(rows), rows, "created_at", 10**6)]
    essential = [
        OracleQuestion(scope),
        *(OracleQuestion(scope, (pair,)) for pair in known),
        *(
            OracleQuestion(scope, pairs)
            for pairs in [*several, *(tuple(reversed(pairs)) for pairs in several[:1]), *sloppy]
        ),
        *(OracleQuestion(scope, (pair, ("metadata." + UNKNOWN, "x"))) for pair in known[:1]),
        *(OracleQuestion(scope, ((name, text),)) for name, _ in known[:1] for text in (UNKNOWN, *TEXTS)),
        *(OracleQuestion(scope, ((f"metadata.{text}", "x"),)) for text in TEXTS[:7]),
        *(OracleQuestion(scope, ((name, f"{value},{UNKNOWN}"),)) for name, value in known[:1]),
        *(OracleQuestion(scope, ((name, ""),)) for name, _ in known[:1]),
        *singles(scope, "status", [*states, ",".join(states[:2]), ",".join(states), "starting", ""]),
        *(OracleQuestion(scope, (pair, ("status", state))) for pair in known[:2] for state in states[:2]),
        *(OracleQuestion(scope, pairs) for pairs in [*limits, *offsets]),
        *(OracleQuestion(scope, (("limit", "2"), ("offset", offset))) for offset in ("1", "2", "3")),
        *(OracleQuestion(scope, (pair, ("limit", "2"), ("offset", "1"))) for pair in known[:2]),
        *(OracleQuestion(scope, (("status", state), ("limit", "3"), ("offset", "2"))) for state in states[:2]),
        *singles(scope, "limit", ("201", "0", "-1", "x", "")),
        *singles(scope, "offset", ("-1", "x", "1000000")),
        *singles(scope, "status", ("NO_SUCH_STATUS", states[0].upper())),
        *singles(scope, "metadata.", ("x",)),
        *(OracleQuestion(scope, (pair, pair)) for pair in known[:1]),
    ]
    choices: Choices = {
        "metadata": [*((pair,) for pair in known), *several],
        "status": [(("status", text),) for text in [*states, ",".join(states[:2])]],
        "limit": limits,
        "offset": offsets,
    }
    ends = [exact(scope, rows, "status", "status", "limit", 200)]
    return Questions(tuple(dict.fromkeys(essential)), choices, scope, tuple(filter(None, ends)))


MINERS: Mapping[str, Callable[[str, Sequence[Row]], Questions]] = {
    "dreadnode": dreadnode,
    "instavm": instavm,
    "prime": prime,
    "superserve": superserve,
}
