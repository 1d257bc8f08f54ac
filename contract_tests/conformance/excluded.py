"""What Schemathesis finds and does not judge here: checks that never run, and failures that the promises explain."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemathesis.core.failures import Failure

from contract_tests.promises.filter_kinds import Closed, EncodedTags, Filter, Json, Tags
from contract_tests.promises.form import Promises

BLAMED = re.compile(r"parameters? ((?:`[^`]+`(?:, | and )?)+) in (?:query|path|header)")
NEVER: Mapping[str, str] = {
    "unsupported_method": "it sends POST, PUT, PATCH and DELETE; the kit only reads",
    "allow_header_conformance": "it needs an answer to a method that the kit never sends",
    "use_after_free": "it deletes first; the kit only reads",
    "ensure_resource_availability": "it creates first; the kit only reads",
    "object_level_authorization": "it needs two identities; the tenancy laws have them",
}
"""By check: why it never runs."""
REFUSES, ACCEPTS = "negative_data_rejection", "positive_data_acceptance"


def accept_anything(texts: Sequence[str]) -> bool:
    return True


def all_empty(texts: Sequence[str]) -> bool:
    return not any(piece for text in texts for piece in text.split(","))


def not_given(texts: Sequence[str]) -> bool:
    return not texts


def cannot_be_read_by(filter: Filter) -> Callable[[Sequence[str]], bool]:
    """Whether a filter finds no meaning in these texts."""

    def unreadable(texts: Sequence[str]) -> bool:
        try:
            filter.keeps(tuple((filter.parameter, text) for text in texts))
        except ValueError:
            return True
        return False

    return unreadable


@dataclass(frozen=True, slots=True)
class Excuse:
    """A check's failure that blames nothing but this query parameter, where its texts are the ones described."""

    check: str
    parameter: str
    reason: str
    applies: Callable[[Sequence[str]], bool] = accept_anything


def excuses(promises: Promises) -> list[Excuse]:
    """What a provider's promises explain."""
    paging, cursor = promises.listing.paging, promises.listing.cursor
    found = [excuse for filter in promises.listing.filters for excuse in explain_filter(filter)]
    if paging.empty_is_absent:
        reason = "an empty value counts as absent (Observed)"
        found += [Excuse(REFUSES, name, reason, all_empty) for name in sorted(paging.parameters)]
    if cursor is not None:
        reason = f"a cursor is opaque: no random text is one, and a {cursor.refused} is its documented answer"
        found.append(Excuse(ACCEPTS, cursor.parameter, reason))
    return found


def explain_filter(filter: Filter) -> Iterator[Excuse]:
    """What one filter's kind explains."""
    if isinstance(filter, Closed) and filter.commas:
        reason = "an empty value, also between commas, filters nothing (Assumed)"
        yield Excuse(REFUSES, filter.parameter, reason, all_empty)
    if isinstance(filter, Tags | Json):
        reason = "under another name than the documented one it is an undeclared parameter, which is ignored"
        yield Excuse(REFUSES, filter.parameter, reason, not_given)
    if isinstance(filter, EncodedTags):
        reason = "no schema states how pairs are written in one text, so that few random texts can be read"
        yield Excuse(ACCEPTS, filter.parameter, reason, cannot_be_read_by(filter))


def find_blamed(failure: Failure, case: Any) -> list[str]:
    """The parameters that a failure names, else all that the case gives."""
    match = BLAMED.search(failure.message)
    return re.findall("`([^`]+)`", match[1]) if match else [*(case.query or {})]


def is_excused(
    known: Sequence[Excuse], check: str, failure: Failure, case: Any, sent: Sequence[tuple[str, str]]
) -> bool:
    """Whether the excuses of this check cover every parameter that the failure blames, or one that may be to blame
    where a refusal names none."""
    own = [excuse for excuse in known if excuse.check == check]
    if check == ACCEPTS:
        given = case.query or {}
        return any(excuse.parameter in given and covers(excuse, excuse.parameter, sent) for excuse in own)
    names = find_blamed(failure, case)
    return bool(names) and all(any(covers(excuse, name, sent) for excuse in own) for name in names)


def covers(excuse: Excuse, name: str, sent: Sequence[tuple[str, str]]) -> bool:
    return excuse.parameter == name and excuse.applies([text for given, text in sent if given == name])
