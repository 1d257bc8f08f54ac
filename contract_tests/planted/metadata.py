"""Metadata filters: InstaVM's containment of JSON objects and Superserve's pairs, misunderstood."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import unquote_plus

import orjson

from contract_tests.planted.backend import LIST, Next, crash
from contract_tests.planted.bug import Plant, table
from contract_tests.planted.filters import any_filter, filtered_after_paging
from contract_tests.planted.plants import (
    around,
    change_parameter,
    change_query,
    crash_when,
    drop_parameters,
    filtered,
    query_of,
    with_query,
)
from fakeserver.listing.containment import contains
from fakeserver.pipeline.exchange import Answer, Request
from fakeserver.problems import Document, Json

PREFIX = "metadata."


def _containing(holds: Callable[[Json, Json], bool]) -> Plant:
    """Containment by another rule for (the row's metadata, the wanted object)."""
    return filtered("metadata", lambda row, value: holds(row["metadata"], value))


def _pair_by_pair(same: Callable[[Json, Json], bool]) -> Plant:
    """Every wanted name must be there with a value that counts as the same."""
    return _containing(lambda has, wants: all(name in has and same(has[name], each) for name, each in wants.items()))


def _leaves(change: Callable[[Json], Json]) -> Callable[[Json], Json]:
    def changed(value: Json) -> Json:
        if isinstance(value, dict):
            return {name: changed(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [changed(inner) for inner in value]
        return change(value)

    return changed


def _as_leaves(change: Callable[[Json], Json]) -> Plant:
    """Containment after both sides' scalars were changed."""
    return _containing(lambda has, wants: contains(_leaves(change)(has), _leaves(change)(wants)))


def _ordered(has: Json, wants: Json) -> bool:
    if isinstance(has, dict) and isinstance(wants, dict):
        return all(name in has and _ordered(has[name], each) for name, each in wants.items())
    return contains([has], [wants]) and not (isinstance(wants, list) and has != wants)


def _any_element(has: Json, wants: Json) -> bool:
    if isinstance(has, list) and isinstance(wants, list):
        return not wants or any(contains(has, [each]) for each in wants)
    if isinstance(has, dict) and isinstance(wants, dict):
        return all(name in has and _any_element(has[name], each) for name, each in wants.items())
    return contains([has], [wants])


def _loose(has: Json, wants: Json) -> bool:
    """Python's own equality, in which true is 1."""
    if isinstance(has, dict) and isinstance(wants, dict):
        return all(name in has and _loose(has[name], each) for name, each in wants.items())
    if isinstance(has, list) and isinstance(wants, list):
        return all(any(_loose(each, want) for each in has) for want in wants)
    return bool(has == wants)


def _like(has: Json, wants: Json) -> bool:
    if isinstance(wants, str) and isinstance(has, str) and "%" in wants:
        parts = wants.split("%")
        return has.startswith(parts[0]) and has.endswith(parts[-1]) and all(each in has for each in parts)
    return contains([has], [wants])


def _dotted(has: Json, wants: Json) -> bool:
    def found(name: str) -> Json:
        value = has
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value

    return all(contains([found(name)], [each]) for name, each in wants.items())


def _escapes_kept(request: Request, following: Next) -> Answer:
    kept = [(name, text.replace("\\u", "\\\\u")) for name, text in query_of(request)]
    return following(with_query(request, kept))


INSTAVM = table(
    "instavm",
    LIST,
    "filters",
    metadata_ignored=("The metadata parameter is never read.", drop_parameters("metadata")),
    metadata_equal=("Metadata must equal the wanted object.", _containing(lambda has, wants: has == wants)),
    metadata_any_pair=(
        "One of several pairs is enough.",
        _containing(lambda has, wants: not wants or any(contains(has, {name: each}) for name, each in wants.items())),
    ),
    metadata_first_pair=(
        "Of several pairs only the first is looked at.",
        _containing(lambda has, wants: contains(has, dict([*wants.items()][:1]))),
    ),
    metadata_last_pair=(
        "Of several pairs only the last is looked at.",
        _containing(lambda has, wants: contains(has, dict([*wants.items()][-1:]))),
    ),
    metadata_keys_only=(
        "A row matches when it has the names, whatever their values.",
        _containing(lambda has, wants: {*wants} <= {*has}),
    ),
    metadata_any_key=(
        "A wanted value matches under any name.",
        _containing(lambda has, wants: all(each in [*has.values()] for each in wants.values())),
    ),
    metadata_top_level=(
        "Containment stops at the top: inner objects and arrays must be equal.",
        _pair_by_pair(lambda has, wants: has == wants and isinstance(has, bool) is isinstance(wants, bool)),
    ),
    metadata_as_text=("Numbers and texts that read alike are the same.", _as_leaves(str)),
    metadata_true_is_1=("true equals 1, and false equals 0.", _containing(_loose)),
    metadata_number_spelling=(
        "1.0 does not equal 1.",
        change_parameter("metadata", lambda text: text.replace(".0", ".000001")),
    ),
    metadata_case_folded=(
        "Texts are compared without regard to case.",
        _as_leaves(lambda value: value.lower() if isinstance(value, str) else value),
    ),
    metadata_trimmed=(
        "Texts are compared without the spaces around them.",
        _as_leaves(lambda value: value.strip() if isinstance(value, str) else value),
    ),
    metadata_prefix=(
        "A text matches when it starts with the wanted one.",
        _pair_by_pair(
            lambda has, wants: (
                has.startswith(wants) if isinstance(has, str) and isinstance(wants, str) else contains([has], [wants])
            )
        ),
    ),
    metadata_wildcard=("A percent sign in a wanted text matches anything.", _pair_by_pair(_like)),
    metadata_array_ordered=("Arrays must be equal, in order.", _containing(_ordered)),
    metadata_array_any=("One of several wanted elements is enough.", _containing(_any_element)),
    metadata_null_is_absent=(
        "A wanted null matches rows that lack the name.",
        _containing(lambda has, wants: contains({**dict.fromkeys(wants), **has}, wants)),
    ),
    metadata_null_ignored=(
        "A wanted null is left out of the query.",
        _containing(lambda has, wants: contains(has, {name: each for name, each in wants.items() if each is not None})),
    ),
    metadata_empty_none=(
        "The empty object finds nothing.",
        _containing(lambda has, wants: bool(wants) and contains(has, wants)),
    ),
    metadata_empty_only=(
        "The empty object finds only rows without metadata.",
        _containing(lambda has, wants: contains(has, wants) if wants else not has),
    ),
    metadata_dotted=("A dot in a name leads into an inner object.", _containing(_dotted)),
    metadata_escapes_kept=("JSON's \\u escapes are not decoded.", around(_escapes_kept)),
    metadata_quote_500=(
        "A single quote breaks the query.",
        crash_when(lambda query: "'" in str(dict(query).get("metadata"))),
    ),
    metadata_unicode_500=(
        "Text beyond ASCII breaks the query.",
        crash_when(lambda query: not dict(query).get("metadata", "").isascii()),
    ),
    filter_after_limit=("The limit is applied first and the filter afterwards.", filtered_after_paging),
)


def _pairs(change: Callable[[Document, str, str], bool]) -> Plant:
    """A pair holds by another rule for (the row's metadata, name, text)."""
    return filtered("metadata", lambda row, value: all(change(row["metadata"], *pair) for pair in value))


def _one_pair(position: int) -> Plant:
    return change_query(
        lambda query: (
            [pair for pair in query if not pair[0].startswith(PREFIX)]
            + [pair for pair in query if pair[0].startswith(PREFIX)][position:][:1]
        )
    )


def _decoded_twice(request: Request, following: Next) -> Answer:
    return following(with_query(request, [(name, unquote_plus(text)) for name, text in query_of(request)]))


def _plus_kept(request: Request, following: Next) -> Answer:
    return following(replace(request, query=request.query.replace(b"+", b"%2B")))


def _path_of(has: Document, name: str, text: str) -> bool:
    value: Json = has
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return bool(value == text)


def _unknown_key_ignored(request: Request, following: Next) -> Answer:
    kept = []
    for pair in query_of(request):
        alone = following(with_query(request, [pair, ("limit", "1")]))
        if not pair[0].startswith(PREFIX) or alone.status != 200 or orjson.loads(alone.text()):
            kept.append(pair)
    return following(with_query(request, kept))


def _failing_on_spaces(request: Request, following: Next) -> Answer:
    if any(name.startswith(PREFIX) and " " in name for name, _ in query_of(request)):
        raise crash()
    return following(request)


SUPERSERVE = table(
    "superserve",
    LIST,
    "filters",
    metadata_ignored=(
        "The metadata parameters are never read.",
        change_query(lambda query: [pair for pair in query if not pair[0].startswith(PREFIX)]),
    ),
    metadata_any_pair=(
        "One of several pairs is enough.",
        filtered("metadata", lambda row, value: any(row["metadata"].get(name) == text for name, text in value)),
    ),
    metadata_first_pair=("Of several pairs only the first is looked at.", _one_pair(0)),
    metadata_last_pair=("Of several pairs only the last is looked at.", _one_pair(-1)),
    metadata_keys_only=(
        "A row matches when it has the name, whatever the value.",
        _pairs(lambda has, name, text: name in has),
    ),
    metadata_any_key=(
        "A wanted value matches under any name.",
        _pairs(lambda has, name, text: text in has.values()),
    ),
    metadata_value_case=(
        "Values are compared without regard to case.",
        _pairs(lambda has, name, text: name in has and has[name].lower() == text.lower()),
    ),
    metadata_key_case=(
        "Names are compared without regard to case.",
        _pairs(lambda has, name, text: {each.lower(): has[each] for each in has}.get(name.lower()) == text),
    ),
    metadata_prefix=(
        "A value matches when it starts with the wanted text.",
        _pairs(lambda has, name, text: name in has and has[name].startswith(text)),
    ),
    metadata_substring=(
        "A value matches when it contains the wanted text.",
        _pairs(lambda has, name, text: name in has and text in has[name]),
    ),
    metadata_trimmed=(
        "Values are compared without the spaces around them.",
        _pairs(lambda has, name, text: name in has and has[name].strip() == text.strip()),
    ),
    metadata_comma_any=(
        "A comma in a value separates alternatives.",
        _pairs(lambda has, name, text: name in has and has[name] in text.split(",")),
    ),
    metadata_empty_ignored=(
        "A pair with an empty value filters nothing.",
        change_query(lambda query: [pair for pair in query if not pair[0].startswith(PREFIX) or pair[1]]),
    ),
    metadata_empty_is_absent=(
        "An empty value matches rows that lack the name.",
        _pairs(lambda has, name, text: has.get(name, "") == text),
    ),
    metadata_unknown_ignored=("A pair that no row has filters nothing.", around(_unknown_key_ignored)),
    metadata_dotted=("A dot in a name leads into an inner object.", _pairs(_path_of)),
    metadata_decoded_twice=("Values are percent-decoded twice.", around(_decoded_twice)),
    metadata_plus_kept=("A plus in the query stays a plus.", around(_plus_kept)),
    metadata_spaced_key_500=("A name with a space breaks the query.", around(_failing_on_spaces)),
    metadata_unicode_500=(
        "Text beyond ASCII breaks the query.",
        crash_when(lambda query: not "".join(name + text for name, text in query).isascii()),
    ),
    status_ignored=("The status parameter is never read.", drop_parameters("status")),
    status_first_only=(
        "Of comma-separated states only the first is looked at.",
        change_parameter("status", lambda text: text.split(",")[0]),
    ),
    status_resuming_as_active=(
        "Resuming sandboxes count as active.",
        filtered(
            "status",
            lambda row, value: row["status"] in value or ("active" in value and row["status"] == "resuming"),
        ),
    ),
    filters_or=("Several filters are joined with OR.", any_filter),
    filter_after_paging=("The page is cut first and filtered afterwards.", filtered_after_paging),
)
