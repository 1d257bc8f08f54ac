"""Why a bug could not be seen: what the rows or the requests of a run lacked, in one sentence each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, pairwise
from typing import Any

from contract_tests.outcome import Row
from contract_tests.planted.backend import FACETS, OUTSIDER, Rows
from contract_tests.planted.bug import Bug
from contract_tests.promises import BY_SLUG
from contract_tests.promises.filter_kinds import AllOf, Closed, Json, Owner, Reference, Tags
from contract_tests.promises.form import Promises
from contract_tests.sending.ask import Ask

MOST_SENTENCES = 8
FEW_ROWS = 30
MOST_BUCKETS = 10
EVERYTHING = ("filters", "pages", "cursors", "facets", "schema", "rows", "tenancy", "state")
DEFAULT, MOST = "default", "most"
"""Sizes that the promises know."""
SIZES: Mapping[str, tuple[tuple[int | str, tuple[str, ...], str], ...]] = {
    "dreadnode": (
        (20, ("default_20", "capped_20"), "a limit of 20"),
        (DEFAULT, ("default", "of_page", "keeps_limit"), "the default limit"),
        (MOST, ("100",), "the largest limit"),
    ),
    "instavm": (
        (50, ("default_50",), "a limit of 50"),
        (DEFAULT, ("default", "100"), "the default limit"),
        (500, ("500",), "a limit of 500"),
    ),
    "prime": (
        (20, ("default_20",), "a page of 20"),
        (DEFAULT, ("default", "by_50"), "the default page size"),
        (100, ("100", "capped", "quietly"), "a page of more than 100"),
    ),
    "superserve": ((100, ("100",), "a limit of 100"), (MOST, ("200",), "the largest limit")),
}
"""How many rows it takes to see the bugs of these names, and what cannot be seen with fewer."""
OTHER_NAMES = {"ERROR": ("exit_code",), "TERMINATED": ("is_active",), "paused": ("pause_reason",), "killed": ("live",)}
"""By state: what else the bugs about it are called."""

Concerns = Callable[[Bug], bool]
Lack = tuple[bool, Concerns, str]
"""Whether something is missing, the bugs that this hides, and the sentence that says so."""


def explain_unseen(slug: str, unseen: Sequence[Bug], documents: Rows, asks: Sequence[Ask]) -> tuple[str, ...]:
    """What the run lacked for these bugs, without repetition; a bug that nothing explains is described itself."""
    rows = [*chain.from_iterable(own for name, own in documents.items() if name != OUTSIDER)]
    facts = lacks(slug, rows, documents, asks)
    sentences: dict[str, None] = {}
    unexplained = []
    for bug in unseen:
        reasons = [sentence for concerns, sentence in facts if concerns(bug)]
        sentences |= dict.fromkeys(reasons[:1])
        if not reasons:
            unexplained.append(bug)
    said = [*sentences]
    said += [f"nothing was asked that shows this: {_lowered(bug.summary)}" for bug in unexplained]
    more = len(said) - MOST_SENTENCES
    return tuple(said) if more <= 0 else (*said[:MOST_SENTENCES], f"and {more} more kinds of fault")


def _lowered(sentence: str) -> str:
    first = sentence[0].lower() if sentence[1:2].islower() or sentence.startswith("A ") else sentence[0]
    return (first + sentence[1:]).removesuffix(".")


def lacks(slug: str, rows: list[Row], documents: Rows, asks: Sequence[Ask]) -> list[tuple[Concerns, str]]:
    """Everything that is missing, each with the bugs that it hides; the most telling reasons come first."""
    promises = BY_SLUG[slug]
    count = max((len(own) for name, own in documents.items() if name != OUTSIDER), default=0)
    state = promises.listing.state
    known = [
        *_of_requests(promises, asks, rows),
        *_of_sizes(promises, count),
        *_of_values(promises, rows, documents),
        (not _ties(promises, rows), _named("tie"), "no two sandboxes were created at the same instant"),
        (count < 4, _of("pages", "cursors"), "too few rows for a second page"),
        (
            len({row.get(state) for row in rows}) < 2,
            _named("state", "status", "is_active", "active"),
            "all sandboxes are in one state",
        ),
        (
            len(rows) < FEW_ROWS,
            _named("rarely", "undeclared"),
            "too few rows for a mistake that only a few of them have",
        ),
    ]
    return [(concerns, sentence) for lacking, concerns, sentence in known if lacking]


def _of_requests(promises: Promises, asks: Sequence[Ask], rows: list[Row]) -> Iterator[Lack]:
    alone = not any(ask.credential == "other" for ask in asks)
    yield alone, _of("tenancy"), "no second credential was given"
    yield alone, _named("caller", "tenant"), "no second credential was given"
    yield not rows, _of(*EVERYTHING), "the account has no sandboxes"
    yield not any(_bad(ask) for ask in asks), _of("values"), "no bad value was sent"
    counted = any(promises.operation_at(ask.path) == FACETS for ask in asks)
    yield not counted, _facets, "the facets were not asked for"
    yield not any(ask.credential == "none" for ask in asks), _of("credentials"), "no credential was left out"


def _of_sizes(promises: Promises, count: int) -> Iterator[Lack]:
    for size, names, what in SIZES.get(promises.slug, ()):
        rows: int = getattr(promises.listing.paging, size) if isinstance(size, str) else size
        yield count <= rows, _named(*names), f"fewer than {rows + 1} rows, so {what} cannot be seen"


def _of_values(promises: Promises, rows: list[Row], documents: Rows) -> Iterator[Lack]:
    """What the values of the rows lack, filter by filter."""
    for filter in promises.listing.filters:
        if isinstance(filter, AllOf):
            yield from _of_members([row.get(filter.field) or [] for row in rows])
        elif isinstance(filter, Owner):
            users = {row.get(filter.field) for row in rows}
            yield len(users) < 2, _named("user"), "all sandboxes belong to one user"
        elif isinstance(filter, Reference):
            yield from _of_references([row.get(filter.field) for row in rows])
        elif isinstance(filter, Closed):
            for state in filter.values:
                names = _named(state.lower(), *OTHER_NAMES.get(state, ()))
                yield not any(row.get(filter.field) == state for row in rows), names, f"no sandbox is {state}"
        elif isinstance(filter, Json | Tags):
            yield from _of_metadata([row.get(filter.field) or {} for row in rows])
    scopes = promises.scopes
    if scopes.in_query:
        alone = len(documents) < 2 or not any(row.get(scopes.field) for row in rows)
        yield alone, _named("team", "user"), "no team was given, or it has no sandboxes"
    if scopes.in_path:
        yield len(documents) < 2, _named("org", "everybody"), "no second org was given"


def _of_members(groups: list[list[str]]) -> Iterator[Lack]:
    known = {*chain.from_iterable(groups)}
    together = {tuple(sorted(group)) for group in groups if len(group) > 1}
    differing = _named("labels_any", "last_only", "first_only")
    yield not known, _named("label"), "no sandbox has a label"
    yield all(len(group) < 2 for group in groups), _named("labels"), "no sandbox has two labels"
    yield len(together) < 2, differing, "no two sandboxes share a label and differ in another"
    yield all(len(group) < 3 for group in groups), _named("two_at_most"), "no sandbox has three labels"
    yield not any("," in label for label in known), _named("comma"), "no label has a comma"
    yield all(label == label.strip() for label in known), _named("trimmed"), "no label has a blank at its end"


def _of_references(values: list[Any]) -> Iterator[Lack]:
    known, kept = {*values} - {None}, _named("null_project", "of_projects", "null_kept")
    yield not known, _named("project", "zero", "buckets", "ties"), "no sandbox belongs to a project"
    yield len(known) < 2, _named("project", "ties", "largest", "alphabetical"), "there is only one project"
    yield len(known) <= MOST_BUCKETS, _named("capped"), "there are no more than ten projects"
    yield all(values), kept, "every sandbox belongs to a project"


def _of_metadata(metadata: list[Row]) -> Iterator[Lack]:
    values = [*chain.from_iterable(value.values() for value in metadata)]

    def none_is(*kinds: type) -> bool:
        return not any(isinstance(value, kinds) for value in values)

    keys = {key for value in metadata for key in value}
    foreign = any(isinstance(value, str) and not value.isascii() for value in values)
    yield not values, _named("metadata"), "no sandbox has metadata"
    yield all(len(value) < 2 for value in metadata), _named("pair", "any_key"), "no sandbox has two pairs of metadata"
    yield none_is(list), _named("array"), "no metadata has an array"
    yield none_is(dict), _named("top_level", "dotted"), "no metadata has an inner object"
    yield none_is(bool), _named("true_is_1"), "no metadata has true or false"
    yield none_is(int, float), _named("number", "as_text", "stringified"), "no metadata has a number"
    yield none_is(type(None)), _named("null"), "no metadata has a null"
    yield "" not in values, _named("empty"), "no metadata has an empty value"
    yield not any(" " in key for key in keys), _named("spaced"), "no key of metadata has a blank"
    yield not foreign, _named("unicode", "escapes", "latin"), "all metadata is ASCII"
    yield all(metadata), _named("metadata_null", "metadata_absent", "empty"), "every sandbox has metadata"


def _of(*families: str) -> Concerns:
    return lambda bug: bug.family in families


def _named(*parts: str) -> Concerns:
    return lambda bug: any(part in bug.name for part in parts)


def _facets(bug: Bug) -> bool:
    return bug.operation == FACETS


def _bad(ask: Ask) -> bool:
    return any(text in ("0", "-1", "x", "bad") or not text for _, text in ask.query)


def _ties(promises: Promises, rows: list[Row]) -> bool:
    instants = sorted(str(row.get(promises.listing.created)) for row in rows)
    return any(one == two for one, two in pairwise(instants))
