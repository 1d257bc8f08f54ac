"""One answer against what was seen before and after it: three-valued, so that a moving list raises no false alarm.

A row is certain when both snapshots hold it unchanged. Only certain rows can convict; everything else may or may not be
in the answer. Where nothing moved, every row is certain and the judgement is exact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from contract_tests.outcome import Row, Snapshot, Tier
from contract_tests.promises.form import CURSOR, NUMBERED, WHOLE, Listing, Pairs
from contract_tests.sending.ask import Ask, Reply

TOTAL_HEADER = "x-total-count"


@dataclass(frozen=True, slots=True)
class Breach:
    """A contradiction. A hard one shows in the answer itself; a soft one needs the snapshots to be believed."""

    sentence: str
    asks: tuple[Ask, ...]
    rows: tuple[Row, ...] = ()
    tier: Tier = Tier.MUST
    law: str = ""
    """The law that it breaks, where that is not the one that asked."""
    soft: bool = False
    probe: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A request to a listing and what it means: its filters in their plain form, and the window of the page."""

    ask: Ask
    scope: str
    filters: Pairs = ()
    size: int | None = None
    """Rows on one page, None for all of them."""
    offset: int = 0
    number: int = 1
    tier: Tier = Tier.MUST
    anchor: str = ""
    """The page starts behind this row, the last one of the page before."""
    whole: bool = False
    """Compare contents only, not the window: for answers whose place in the list is unknown."""


@dataclass(frozen=True, slots=True)
class Body:
    """A 200 of a listing, taken apart."""

    rows: tuple[Row, ...]
    envelope: Mapping[str, Any] = field(default_factory=dict)


def body_of(listing: Listing, reply: Reply) -> Body | None:
    """The rows and their envelope, or None where the answer is no listing."""
    try:
        value = reply.json()
    except ValueError:
        return None
    rows = value.get(listing.items) if listing.items and isinstance(value, dict) else value
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and isinstance(row.get(listing.identity), str) for row in rows
    ):
        return None
    return Body(tuple(rows), value if isinstance(value, dict) else {})


def self_contradictions(listing: Listing, question: Question, reply: Reply, body: Body) -> list[Breach]:
    """What the answer shows to be wrong without looking at any other."""
    breaches = []
    asks = (question.ask,)

    def broken(sentence: str, rows: Sequence[Row] = (), tier: Tier = Tier.MUST, law: str = "") -> None:
        breaches.append(Breach(sentence, asks, tuple(rows), tier, law))

    keeps = listing.keeps(question.filters)
    strangers = [row for row in body.rows if not keeps(row)]
    if strangers:
        broken(
            f"{len(strangers)} of {len(body.rows)} rows do not match the filter {shown(question.filters)}",
            strangers,
            question.tier,
        )
    repeated = [name for name, times in Counter(row[listing.identity] for row in body.rows).items() if times > 1]
    if repeated:
        broken(
            f"{listing.identity} {repeated[0]} occurs twice in one answer",
            [row for row in body.rows if row[listing.identity] == repeated[0]],
            law="rows.unique",
        )
    if question.size is not None and len(body.rows) > question.size:
        broken(f"{len(body.rows)} rows on a page of {question.size}", tier=listing.paging.tier, law="pages.size")
    breaches += _unordered(listing, asks, body.rows)
    if listing.paging.style == NUMBERED:
        breaches += _numbered(question, body)
    if listing.paging.style == CURSOR and question.size is not None:
        following = body.envelope.get("next_cursor")
        if following is not None and not isinstance(following, str):
            broken("next_cursor is neither text nor null", law="cursors.end")
        elif following and len(body.rows) < question.size:
            broken(
                f"a page of {len(body.rows)} rows (limit {question.size}) still has a next_cursor",
                tier=Tier.SHOULD,
                law="cursors.end",
            )
        elif following == "":
            broken("next_cursor is empty text, not null", tier=Tier.SHOULD, law="cursors.end")
    return breaches


def _unordered(listing: Listing, asks: tuple[Ask, ...], rows: Sequence[Row]) -> list[Breach]:
    try:
        keys = [listing.order_key(row) for row in rows]
    except (KeyError, TypeError, ValueError, AttributeError):
        return []  # The schema law names a row whose date cannot be read.
    for index in range(1, len(keys)):
        if keys[index] < keys[index - 1]:
            how = (
                "newest first" if keys[index][0] != keys[index - 1][0] else f"by {listing.identity} within one instant"
            )
            return [
                Breach(
                    f"rows {index - 1} and {index} are not {how}",
                    asks,
                    tuple(rows[index - 1 : index + 1]),
                    Tier.SHOULD,
                    "rows.order",
                )
            ]
    return []


def _numbered(question: Question, body: Body) -> list[Breach]:
    total, size = body.envelope.get("total"), question.size or 0
    asks, breaches = (question.ask,), []
    if not isinstance(total, int):
        return []
    expected = max(0, min(size, total - (question.number - 1) * size))
    if len(body.rows) != expected:
        breaches.append(
            Breach(
                f"page {question.number} of {size} has {len(body.rows)} rows, its total of {total} leaves {expected}",
                asks,
                law="pages.total",
            )
        )
    more = question.number * size < total
    if body.envelope.get("has_next") is not more:
        breaches.append(
            Breach(
                f"has_next is {body.envelope.get('has_next')} on page {question.number} of {size}, total is {total}",
                asks,
                law="pages.has_next",
            )
        )
    for name, sent in (("page", question.number), ("per_page", size)):
        if body.envelope.get(name) != sent:
            breaches.append(
                Breach(f"{name} is {body.envelope.get(name)}, it was asked as {sent}", asks, law="pages.echo")
            )
    return breaches


def against_snapshots(
    listing: Listing, question: Question, reply: Reply, body: Body, before: Snapshot, after: Snapshot
) -> list[Breach]:
    """What contradicts rows that are certain."""
    keeps, identity = listing.keeps(question.filters), listing.identity
    earlier = {row[identity]: row for row in before.rows}
    later = earlier if after is before else {row[identity]: row for row in after.rows}
    certain = {name for name, row in earlier.items() if name in later and later[name] == row}
    breaches: list[Breach] = []
    asks = (question.ask, *before.asks[:1])

    def broken(sentence: str, rows: Sequence[Row] = (), tier: Tier = question.tier, law: str = "") -> None:
        breaches.append(Breach(sentence, asks, tuple(rows), tier, law, soft=True))

    unknown = [row for row in body.rows if row[identity] not in earlier and row[identity] not in later]
    if unknown and before.complete:
        broken(f"{len(unknown)} rows are not in the unfiltered list at all", unknown)
    changed = [row for row in body.rows if row[identity] in certain and row != earlier[row[identity]]]
    if changed:
        first = changed[0]
        names = [
            name for name in {**first, **earlier[first[identity]]} if differs(first, earlier[first[identity]], name)
        ]
        broken(
            f"{identity} {first[identity]} shows another {', '.join(names[:4])} here than in the unfiltered list",
            [first, earlier[first[identity]]],
            law="rows.same",
        )
    matching = [row[identity] for row in before.rows if keeps(row)]
    maybe = {name for name, row in earlier.items() if name not in certain and keeps(row)}
    maybe |= {name for name, row in later.items() if name not in certain and keeps(row)}
    got = [row[identity] for row in body.rows]
    sure = [name for name in matching if name in certain]
    slack = len(maybe - set(sure)) + len(unknown)
    if before.complete:
        count = total_of(listing, reply, body)
        if count is not None and not len(sure) <= count <= len(sure) + slack:
            broken(
                f"the total is {count}, but {spread(len(sure), slack)} rows match {shown(question.filters)}",
                law="pages.total",
                tier=Tier.SHOULD if listing.paging.style == WHOLE else Tier.MUST,
            )
    if question.whole or (question.anchor and question.anchor not in certain):
        return breaches
    if question.anchor:
        places = {name: index for index, name in enumerate(earlier)}
        start_at = places[question.anchor]
        matching = [name for name in matching if places[name] > start_at]
        sure = [name for name in matching if name in certain]
    if slack == 0 and before.complete:
        _exact(listing, question, body, matching, got, earlier, broken)
        return breaches
    start, end = question.offset, float("inf") if question.size is None else question.offset + question.size
    present = set(got)
    missing = [
        name for index, name in enumerate(sure) if index >= start and index + slack < end and name not in present
    ]
    if not before.complete and end > len(before.rows):
        missing = []
    if missing:
        broken(f"{len(missing)} matching rows are missing", [earlier[name] for name in missing])
    place = {name: index for index, name in enumerate(sure)}
    early = [name for name in got if name in place and (place[name] + slack < start or place[name] >= end)]
    if early:
        broken(f"{len(early)} rows belong to another page", [earlier[name] for name in early])
    known = [place[name] for name in got if name in place]
    if known != sorted(known):
        broken("the rows are in another order than in the unfiltered list", tier=Tier.SHOULD, law="rows.order")
    return breaches


def _exact(
    listing: Listing,
    question: Question,
    body: Body,
    matching: list[str],
    got: list[str],
    earlier: Mapping[str, Row],
    broken: Callable[..., None],
) -> None:
    end = None if question.size is None else question.offset + question.size
    expected = matching[question.offset : end]
    if got != expected:
        missing = [name for name in expected if name not in set(got)]
        extra = [name for name in got if name not in set(expected)]
        if missing or extra or len(got) != len(expected):
            words = [f"{len(missing)} of {len(expected)} rows are missing"] if missing else []
            words += [f"{len(extra)} rows do not belong there"] if extra else []
            words = words or ["rows are repeated"]
            broken(
                f"{' and '.join(words)} in the answer to {shown(question.filters)}{window(question)}",
                [earlier[name] for name in [*missing, *extra] if name in earlier],
            )
        else:
            broken(
                f"the rows are in another order than in the unfiltered list{window(question)}",
                tier=Tier.SHOULD,
                law="rows.order",
            )
    if listing.paging.style == CURSOR and question.size is not None and len(got) == len(expected):
        more = question.offset + question.size < len(matching)
        if bool(body.envelope.get("next_cursor")) != more:
            broken(
                "next_cursor is missing although rows follow"
                if more
                else "next_cursor is set although nothing follows",
                tier=Tier.MUST if more else Tier.SHOULD,
                law="cursors.end",
            )


def total_of(listing: Listing, reply: Reply, body: Body) -> int | None:
    """How many rows match on all pages, as the answer says."""
    if listing.paging.style == NUMBERED:
        total = body.envelope.get("total")
        return total if isinstance(total, int) else None
    text = reply.headers.get(TOTAL_HEADER, "")
    return int(text) if listing.paging.style == WHOLE and text.isdigit() else None


def facets_against(
    listing: Listing, question: Question, counts: Mapping[str, Any], before: Snapshot, after: Snapshot
) -> list[Breach]:
    """Every count lies between the certain rows of its bucket and those that may be there as well."""
    keeps, identity = listing.keeps(question.filters), listing.identity
    earlier = {row[identity]: row for row in before.rows}
    later = earlier if after is before else {row[identity]: row for row in after.rows}
    certain = [row for name, row in earlier.items() if later.get(name) == row and keeps(row)]
    loose = [row for name, row in [*earlier.items(), *later.items()] if later.get(name) != earlier.get(name)]
    breaches: list[Breach] = []
    asks = (question.ask, *before.asks[:1])
    for facet, bucket, field_name in (("projects", "project_id", "project_id"), ("states", "value", "state")):
        entries = counts.get(facet)
        if not isinstance(entries, list):
            breaches.append(Breach(f"the answer has no {facet}", asks, law="facets.shape"))
            continue
        least = Counter(row.get(field_name) for row in certain)
        most = least + Counter(row.get(field_name) for row in loose if keeps(row))
        seen = {
            entry.get(bucket): entry["count"]
            for entry in entries
            if isinstance(entry, dict) and isinstance(entry.get("count"), int)
        }
        for name in {*least, *most, *seen} - {None}:
            low, high, count = least.get(name, 0), most.get(name, 0), seen.get(name, 0)
            if not low <= count <= high:
                breaches.append(
                    Breach(
                        f"{facet} counts {count} for {name}, the list has {spread(low, high - low)} "
                        f"under {shown(question.filters)}",
                        asks,
                        tuple(row for row in certain if row.get(field_name) == name),
                        soft=True,
                    )
                )
                break
        names = {row.get("project_id"): row for row in certain}
        for entry in entries if facet == "projects" else ():
            row = names.get(entry.get("project_id"))
            if row is not None and any(entry.get(each) != row.get(each) for each in ("project_key", "project_name")):
                breaches.append(
                    Breach(
                        "a project is called otherwise in the facets than in the list", asks, (entry, row), soft=True
                    )
                )
                break
    return breaches


def facets_contradictions(question: Question, counts: Mapping[str, Any]) -> list[Breach]:
    """What the facets show to be wrong on their own: order, empty and repeated buckets, sums."""
    breaches = []
    asks = (question.ask,)
    for facet, bucket, tie in (("projects", "project_id", "project_key"), ("states", "value", "value")):
        entries = [entry for entry in counts.get(facet) or () if isinstance(entry, dict)]
        keys = [
            (-entry["count"], str(entry.get(tie) or "")) for entry in entries if isinstance(entry.get("count"), int)
        ]
        if any(first[0] > second[0] for first, second in pairwise(keys)):
            breaches.append(
                Breach(f"{facet} do not start with the largest count", asks, tuple(entries), law="facets.order")
            )
        elif keys != sorted(keys) and sorted(keys, key=_folded) != keys:
            breaches.append(
                Breach(
                    f"{facet} with equal counts are not in alphabetical order", asks, tuple(entries), law="facets.order"
                )
            )
        elif keys != sorted(keys):
            breaches.append(
                Breach(
                    f"{facet} with equal counts are not in code-point order",
                    asks,
                    tuple(entries),
                    Tier.SHOULD,
                    "facets.order",
                )
            )
        if any(entry.get("count") == 0 for entry in entries):
            breaches.append(Breach(f"{facet} have an empty bucket", asks, tuple(entries), law="facets.omissions"))
        if len({entry.get(bucket) for entry in entries}) != len(entries):
            breaches.append(Breach(f"{facet} have a bucket twice", asks, tuple(entries), law="facets.omissions"))
        if any(entry.get(bucket) is None for entry in entries):
            breaches.append(
                Breach(f"{facet} have a bucket without a {bucket}", asks, tuple(entries), law="facets.omissions")
            )
    return breaches


def _folded(key: tuple[int, str]) -> tuple[int, str]:
    return key[0], key[1].casefold()


def differs(one: Row, other: Row, name: str) -> bool:
    return (name in one) != (name in other) or one.get(name) != other.get(name)


def spread(low: int, slack: int) -> str:
    return f"{low}" if slack == 0 else f"{low} to {low + slack}"


def shown(filters: Pairs) -> str:
    return "&".join(f"{name}={text}" for name, text in filters) or "no filter"


def window(question: Question) -> str:
    if question.size is None:
        return ""
    return f" (rows {question.offset} to {question.offset + question.size - 1})"
