"""Why a bug could not be seen: what the rows or the requests of a run lacked, in one sentence each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, pairwise

from contract_tests.outcome import Row
from contract_tests.planted.backend import FACETS, Rows
from contract_tests.planted.bug import Bug
from contract_tests.sending.ask import Ask

CREATED = {"dreadnode": "created_at", "instavm": "started_at", "prime": "createdAt", "superserve": "created_at"}
STATE = {"dreadnode": "state", "instavm": "status", "prime": "status", "superserve": "status"}
MOST_SENTENCES = 8


def missing(slug: str, unseen: Sequence[Bug], documents: Rows, asks: Sequence[Ask]) -> tuple[str, ...]:
    """What the run lacked for these bugs, without repetition; a bug that nothing explains is described itself."""
    rows = [*chain.from_iterable(each for name, each in documents.items() if name != "outsider")]
    facts = lacks(slug, rows, documents, asks)
    sentences: dict[str, None] = {}
    unexplained = []
    for bug in unseen:
        reasons = [sentence for concerns, sentence in facts if concerns(bug)]
        sentences |= dict.fromkeys(reasons[:1])
        if not reasons:
            unexplained.append(bug)
    found = [*sentences]
    found += [f"nothing was asked that shows this: {_lowered(bug.summary)}" for bug in unexplained]
    more = len(found) - MOST_SENTENCES
    return tuple(found) if more <= 0 else (*found[:MOST_SENTENCES], f"and {more} more kinds of fault")


def _lowered(sentence: str) -> str:
    first = sentence[0].lower() if sentence[1:2].islower() or sentence.startswith("A ") else sentence[0]
    return (first + sentence[1:]).removesuffix(".")


Concerns = Callable[[Bug], bool]


def lacks(slug: str, rows: list[Row], documents: Rows, asks: Sequence[Ask]) -> list[tuple[Concerns, str]]:
    """Everything that is missing, each with the bugs that it hides; the most telling reasons come first."""
    count = max((len(each) for name, each in documents.items() if name != "outsider"), default=0)
    found: list[tuple[bool, Concerns, str]] = [
        (not any(each.credential == "other" for each in asks), _of("tenancy"), "no second credential was given"),
        (
            not any(each.credential == "other" for each in asks),
            _named("caller", "tenant"),
            "no second credential was given",
        ),
        (not rows, _of(*EVERYTHING), "the account has no sandboxes"),
        (not any(_error(each) for each in asks), _of("values"), "no bad value was sent"),
        (not any(each.path.endswith("/facets") for each in asks), _facets, "the facets were not asked for"),
        (not any(each.credential == "none" for each in asks), _of("credentials"), "no credential was left out"),
    ]
    found += [
        (count <= size, _named(*names), f"fewer than {size + 1} rows, so {what} cannot be seen")
        for size, names, what in SIZES[slug]
    ]
    found += _of_values(slug, rows, documents)
    found += [
        (not _ties(slug, rows), _named("tie"), "no two sandboxes were created at the same instant"),
        (count < 4, _of("pages", "cursors"), "too few rows for a second page"),
        (
            len({each.get(STATE[slug]) for each in rows}) < 2,
            _named("state", "status", "is_active", "active"),
            "all sandboxes are in one state",
        ),
        (len(rows) < 30, _named("rarely", "undeclared"), "too few rows for a mistake that only a few of them have"),
    ]
    return [(concerns, sentence) for lacking, concerns, sentence in found if lacking]


EVERYTHING = ("filters", "pages", "cursors", "facets", "schema", "rows", "tenancy", "state")
SIZES: dict[str, tuple[tuple[int, tuple[str, ...], str], ...]] = {
    "dreadnode": (
        (20, ("default_20", "capped_20"), "a limit of 20"),
        (50, ("default", "of_page", "keeps_limit"), "the default limit"),
        (100, ("100",), "the largest limit"),
    ),
    "instavm": (
        (50, ("default_50",), "a limit of 50"),
        (100, ("default", "100"), "the default limit"),
        (500, ("500",), "a limit of 500"),
    ),
    "prime": (
        (20, ("default_20",), "a page of 20"),
        (50, ("default", "by_50"), "the default page size"),
        (100, ("100", "capped", "quietly"), "a page of more than 100"),
    ),
    "superserve": ((100, ("100",), "a limit of 100"), (200, ("200",), "the largest limit")),
}


def _of_values(slug: str, rows: list[Row], documents: Rows) -> list[tuple[bool, Concerns, str]]:
    """What the values of the rows lack, provider by provider."""
    if slug == "prime":
        labels = [each.get("labels") or [] for each in rows]
        known = {*chain.from_iterable(labels)}
        users = {each.get("userId") for each in rows}
        return [
            (not known, _named("label"), "no sandbox has a label"),
            (all(len(each) < 2 for each in labels), _named("labels"), "no sandbox has two labels"),
            (
                len({tuple(sorted(each)) for each in labels if len(each) > 1}) < 2,
                _named("labels_any", "last_only", "first_only"),
                "no two sandboxes share a label and differ in another",
            ),
            (all(len(each) < 3 for each in labels), _named("two_at_most"), "no sandbox has three labels"),
            (not any("," in each for each in known), _named("comma"), "no label has a comma"),
            (not any(each != each.strip() for each in known), _named("trimmed"), "no label has a blank at its end"),
            (
                len(documents) < 2 or not any(each.get("teamId") for each in rows),
                _named("team", "user"),
                "no team was given, or it has no sandboxes",
            ),
            (len(users) < 2, _named("user"), "all sandboxes belong to one user"),
            *[
                (not any(each.get("status") == state for each in rows), _named(*names), f"no sandbox is {state}")
                for state, names in (
                    ("PAUSED", ("paused",)),
                    ("ERROR", ("error", "exit_code")),
                    ("TERMINATED", ("terminated", "is_active")),
                    ("PROVISIONING", ("provisioning",)),
                    ("RUNNING", ("running",)),
                )
            ],
        ]
    if slug == "dreadnode":
        projects = {each.get("project_id") for each in rows} - {None}
        return [
            (not projects, _named("project", "zero", "buckets", "ties"), "no sandbox belongs to a project"),
            (len(projects) < 2, _named("project", "ties", "largest", "alphabetical"), "there is only one project"),
            (len(projects) <= 10, _named("capped"), "there are no more than ten projects"),
            (
                all(each.get("project_id") for each in rows),
                _named("null_project", "of_projects", "null_kept"),
                "every sandbox belongs to a project",
            ),
            (len([*documents]) < 2, _named("org", "everybody"), "no second org was given"),
            *[
                (not any(each.get("state") == state for each in rows), _named(*names), f"no sandbox is {state}")
                for state, names in (
                    ("paused", ("paused", "pause_reason")),
                    ("killed", ("killed", "live")),
                    ("running", ("running",)),
                )
            ],
        ]
    metadata = [each.get("metadata") or {} for each in rows]
    values = [*chain.from_iterable(each.values() for each in metadata)]
    return [
        (not values, _named("metadata"), "no sandbox has metadata"),
        (all(len(each) < 2 for each in metadata), _named("pair", "any_key"), "no sandbox has two pairs of metadata"),
        (not any(isinstance(each, list) for each in values), _named("array"), "no metadata has an array"),
        (
            not any(isinstance(each, dict) for each in values),
            _named("top_level", "dotted"),
            "no metadata has an inner object",
        ),
        (not any(isinstance(each, bool) for each in values), _named("true_is_1"), "no metadata has true or false"),
        (
            not any(isinstance(each, int | float) for each in values),
            _named("number", "as_text", "stringified"),
            "no metadata has a number",
        ),
        (not any(each is None for each in values), _named("null"), "no metadata has a null"),
        (not any(each == "" for each in values), _named("empty"), "no metadata has an empty value"),
        (not any(" " in each for row in metadata for each in row), _named("spaced"), "no key of metadata has a blank"),
        (
            not any(isinstance(each, str) and not each.isascii() for each in values),
            _named("unicode", "escapes", "latin"),
            "all metadata is ASCII",
        ),
        (all(metadata), _named("metadata_null", "metadata_absent", "empty"), "every sandbox has metadata"),
        *[
            (
                not any(each.get("status") == state for each in rows),
                _named(state, f"as_{state}"),
                f"no sandbox is {state}",
            )
            for state in ("resuming", "paused", "suspended")
        ],
    ]


def _of(*families: str) -> Concerns:
    return lambda bug: bug.family in families


def _named(*parts: str) -> Concerns:
    return lambda bug: any(part in bug.name for part in parts)


def _facets(bug: Bug) -> bool:
    return bug.operation == FACETS


def _error(ask: Ask) -> bool:
    return any(text in ("0", "-1", "x", "bad") or not text for _, text in ask.query)


def _ties(slug: str, rows: list[Row]) -> bool:
    instants = sorted(str(each.get(CREATED[slug])) for each in rows)
    return any(one == two for one, two in pairwise(instants))
