"""One question, two servers: what is different, and can rows that certainly did not move prove it?

A deployment moves while it is read. Between a snapshot before and a snapshot after the question, a row is *certain*
where both snapshots hold it and the question selects it in both; a row that it selects in one of them only *may* be in
the answer. Only certain rows convict.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contract_tests.judging.judge import TOTAL_HEADER, spread
from contract_tests.oracle.questions import OracleQuestion, next_cursor
from contract_tests.oracle.twin import Twin
from contract_tests.outcome import Row, Snapshot, Tier
from contract_tests.sending.ask import Ask, Reply

BUCKETS = {"projects": "project_id", "states": "value"}
"""By facet: the name of a bucket's key."""
FIELDS = {"projects": "project_id", "states": "state"}
"""By facet: the field of a row that it counts."""
OFF_THE_PAGE = {"superserve": frozenset({"status", "limit", "offset"})}
"""Parameters that the provider's page does not have; whatever is wrong with them is SHOULD."""
BOUNDED_ON_THE_PAGE = {"prime": frozenset({"page", "per_page"}), "instavm": frozenset({"limit"})}
"""Parameters whose bounds and refusal the page itself states."""
LIMITED_WITHOUT_REFUSAL = 429


@dataclass(frozen=True, slots=True)
class Side:
    """A snapshot of every scope, and the fake that holds it."""

    twin: Twin
    snapshots: Mapping[str, Snapshot]

    @classmethod
    def of(cls, slug: str, snapshots: Mapping[str, Snapshot]) -> Side:
        return cls(Twin(slug, {scope: each.rows for scope, each in snapshots.items()}), snapshots)

    def with_snapshot(self, snapshot: Snapshot) -> Side:
        """The same with one scope read again."""
        return Side.of(self.twin.slug, {**self.snapshots, snapshot.scope: snapshot})

    def same_rows(self, other: Side) -> bool:
        return all(other.snapshots[scope].rows == each.rows for scope, each in self.snapshots.items())


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the deployment does otherwise. `kind` and `rows` tell whether a second look saw the same."""

    kind: str
    sentence: str
    tier: Tier
    rows: tuple[Row, ...] = ()


def agrees(slug: str, replies: Sequence[Reply], expected: Sequence[Reply], items: str) -> bool:
    """Whether nothing that the contract speaks of is different."""
    return len(replies) == len(expected) and all(
        normal(slug, reply, items) == normal(slug, other, items) for reply, other in zip(replies, expected, strict=True)
    )


def normal(slug: str, reply: Reply, items: str) -> Any:
    """What answers are compared by: the documented parts, without the text of cursors and of messages."""
    if reply.status != 200:
        return reply.status, complaint(slug, reply)
    try:
        value = reply.json()
    except ValueError:
        return reply.status, reply.body
    if isinstance(value, list):
        return value, reply.headers.get(TOTAL_HEADER, str(len(value)) if slug != "superserve" else None)
    if not isinstance(value, dict):
        return reply.status, value
    if items in value:
        named = {name: value.get(name) for name in ("total", "page", "per_page", "has_next")}
        return value[items], named, value.get("next_cursor") is not None
    return {name: [filled(each) for each in value.get(name) or ()] for name in BUCKETS}


def filled(bucket: Any) -> Any:
    """A bucket without the names that only say null."""
    return {name: text for name, text in bucket.items() if text is not None} if isinstance(bucket, dict) else bucket


def complaint(slug: str, reply: Reply) -> Any:
    """The machine-readable part of a refusal: its code and the parameters that it names."""
    try:
        value = reply.json()
        if slug == "superserve":
            return value["error"]["code"]
        if slug == "dreadnode":
            return value["code"], value["type"], fields(value.get("errors") or ())
        if isinstance(value.get("errors"), list):
            return {str(each["param"]).partition(".")[0] for each in value["errors"]}
        return fields(value["detail"]) if isinstance(value["detail"], list) else "sentence"
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return None


def fields(issues: Sequence[Any]) -> set[str]:
    return {str(each["loc"][1] if len(each["loc"]) > 1 else each["loc"][0]) for each in issues}


def differences(query: OracleQuestion, replies: Sequence[Reply], before: Side, after: Side) -> list[Difference]:
    """What contradicts the rows that are certain; nothing where the list may just have moved."""
    first = replies[0]
    if any(reply.status == LIMITED_WITHOUT_REFUSAL for reply in replies):
        return []
    for reply in replies:
        if reply.status >= 500:
            return [Difference("status", f"the answer is {reply.status}", Tier.MUST)]
    expected = before.twin.send(first.ask)
    if first.status != expected.status:
        return list(wrong_status(query, first, expected))
    if first.status != 200:
        return list(wrong_complaint(before.twin.slug, first, expected))
    try:
        bodies = [reply.json() for reply in replies if reply.status == 200]
    except ValueError:
        return [Difference("body", "the answer is not JSON", Tier.MUST)]
    if query.facets:
        return list(wrong_facets(bodies[0], first.ask, before, after))
    pages = replies if query.moved is None else replies[:1]
    refused = [reply for reply in pages if reply.status != 200]
    if refused:
        return [Difference("status", f"its own next_cursor is answered with {refused[0].status}", Tier.MUST)]
    lists: list[Any] = [
        body.get(before.twin.items) if before.twin.items and isinstance(body, dict) else body for body in bodies
    ]
    identity = before.twin.identity
    if not all(
        isinstance(rows, list) and all(isinstance(row, dict) and identity in row for row in rows) for rows in lists
    ):
        return [Difference("body", f"the answer is not a list of rows with {identity}", Tier.MUST)]
    found = list(Listing(query, list(pages), lists[: len(pages)], bodies, before, after).wrong())
    if query.moved is not None and len(replies) > 1 and replies[-1].status == 200:
        found += wrong_move(query, replies, before)
    return found


def wrong_move(query: OracleQuestion, replies: Sequence[Reply], before: Side) -> Iterator[Difference]:
    """A cursor that is sent with other filters: refused (Assumed), as long as the filters are others."""
    one = before.twin.matching(replies[0].ask)
    two = before.twin.matching(replies[-1].ask)
    if one is not None and one != two:
        yield Difference("cursor", "a cursor is accepted together with other filters than its own", Tier.SHOULD)


def wrong_status(query: OracleQuestion, reply: Reply, expected: Reply) -> Iterator[Difference]:
    slug = slug_of(expected)
    if reply.status == 403 and "user_id" in query.names:
        return  # Whether this caller may ask for others is known to the deployment only.
    if expected.status == 200:
        tier = Tier.SHOULD if query.names & OFF_THE_PAGE.get(slug, frozenset()) else Tier.MUST
        yield Difference("status", f"a valid question is answered with {reply.status}", tier)
    elif reply.status == 200:
        bounded = query.names <= BOUNDED_ON_THE_PAGE.get(slug, frozenset())
        tier = Tier.MUST if bounded else Tier.SHOULD
        yield Difference("status", f"a bad value is answered with 200 and not with {expected.status}", tier)
    else:
        yield Difference("status", f"the refusal is a {reply.status} and not a {expected.status}", Tier.SHOULD)


def slug_of(reply: Reply) -> str:
    path = reply.ask.path
    if "/org/" in path:
        return "dreadnode"
    return {"/api/v1/sandbox": "prime", "/sandboxes": "superserve"}.get(path, "instavm")


def wrong_complaint(slug: str, reply: Reply, expected: Reply) -> Iterator[Difference]:
    got, wanted = complaint(slug, reply), complaint(slug, expected)
    if got != wanted:
        yield Difference("refusal", f"the {reply.status} says {shown(got)} and not {shown(wanted)}", Tier.SHOULD)


def shown(value: Any) -> str:
    if value is None:
        return "nothing that can be read"
    return ", ".join(sorted(value)) if isinstance(value, set) else str(value)


@dataclass(frozen=True, slots=True)
class Order:
    """The certain rows in their order, and the rows that came, in theirs."""

    certain: list[str]
    slack: Mapping[str, int]
    """For each certain row: how many rows may stand in front of it besides the certain ones."""
    got: list[str]
    rows: Mapping[str, Row]
    place: Mapping[str, int]
    """For each certain row: how many certain rows stand in front of it."""

    def evidence(self, names: Sequence[str]) -> tuple[Row, ...]:
        return tuple(self.rows[name] for name in names)


@dataclass(frozen=True, slots=True)
class Listing:
    """The pages of one question, between two snapshots."""

    query: OracleQuestion
    replies: list[Reply]
    lists: list[list[Row]]
    bodies: list[Any]
    before: Side
    after: Side

    def wrong(self) -> Iterator[Difference]:
        """Everything that certain rows prove."""
        twin, ask = self.before.twin, self.replies[0].ask
        identity, scope = twin.identity, self.query.scope
        earlier = {str(row[identity]): row for row in self.before.snapshots[scope].rows}
        later = {str(row[identity]): row for row in self.after.snapshots[scope].rows}
        complete = self.before.snapshots[scope].complete and self.after.snapshots[scope].complete
        one, two = twin.matching(ask) or [], self.after.twin.matching(ask) or []
        selected = set(two)
        certain = [name for name in one if name in selected]
        maybe = (set(one) | selected) - set(certain)
        out = (earlier.keys() & later.keys()) - set(one) - selected
        rows = [row for page in self.lists for row in page]
        got = [str(row[identity]) for row in rows]
        tier = self.tier
        asked = ", ".join(f"{name}={text}" for name, text in self.query.pairs) or "everything"

        # A row that looks otherwise than in both snapshots has moved, and may match as it is now.
        strangers = [row for row in rows if str(row[identity]) in out and row == earlier[str(row[identity])]]
        if strangers:
            yield Difference("rows", f"{len(strangers)} rows do not match {asked}", tier, tuple(strangers))
        unknown = [row for row in rows if str(row[identity]) not in earlier and str(row[identity]) not in later]
        if unknown and complete:
            yield Difference("rows", f"{len(unknown)} rows are not in the unfiltered list", tier, tuple(unknown))
        repeated = [name for name, times in Counter(got).items() if times > 1 and name in earlier and name in later]
        if repeated:
            yield Difference(
                "repeated", f"{len(repeated)} rows come twice", Tier.MUST, tuple(earlier[name] for name in repeated)
            )
        changed = [
            row
            for row in rows
            if str(row[identity]) in earlier
            and earlier[str(row[identity])] == later.get(str(row[identity]))
            and row != earlier[str(row[identity])]
        ]
        if changed:
            yield Difference("row", "a row looks otherwise than in the unfiltered list", Tier.MUST, tuple(changed))
        place = {name: index for index, name in enumerate(certain)}
        if certain != [name for name in two if name in place]:
            return  # The order itself moved, so no place in it is certain.
        known = [place[name] for name in got if name in place]
        if known != sorted(known):
            yield Difference(
                "order", "the rows come in another order than in the unfiltered list", Tier.SHOULD, tuple(rows[:5])
            )
        slack = self.slack(certain, one, two, maybe, len(unknown))
        judged = self.walk if twin.items == "items" else self.window
        yield from judged(Order(certain, slack, got, earlier, place))
        if complete:
            yield from self.counts(len(certain), len(maybe) + len(unknown))

    @property
    def tier(self) -> Tier:
        off = OFF_THE_PAGE.get(self.before.twin.slug, frozenset())
        assumed = ("is_active", "false") in self.query.pairs
        return Tier.SHOULD if assumed or self.query.names & off else Tier.MUST

    def slack(
        self, certain: list[str], one: list[str], two: list[str], maybe: set[str], unknown: int
    ) -> dict[str, int]:
        """For each certain row: how many rows may stand in front of it besides the certain ones."""
        found: dict[str, set[str]] = {}
        for order in (one, two):
            ahead: set[str] = set()
            for name in order:
                if name in maybe:
                    ahead.add(name)
                else:
                    found[name] = found.get(name, set()) | ahead if maybe else ahead
        return {name: len(found.get(name, ())) + unknown for name in certain}

    def window(self, order: Order) -> Iterator[Difference]:
        """A page by number or offset: the rows that must be on it, and those that cannot be."""
        window = self.before.twin.window(self.replies[0].ask)
        place, slack, present = order.place, order.slack, set(order.got)
        missing = [
            name
            for index, name in enumerate(order.certain)
            if index >= window.start and index + slack[name] < window.end and name not in present
        ]
        if missing:
            yield Difference("rows", f"{len(missing)} rows are missing", self.tier, order.evidence(missing))
        foreign = [
            name
            for name in order.got
            if name in place and (place[name] + slack[name] < window.start or place[name] >= window.end)
        ]
        if foreign:
            sentence = f"{len(foreign)} rows belong to another page"
            yield Difference("window", sentence, self.tier, order.evidence(foreign))
        if len(order.got) > window.end - window.start:
            yield Difference("window", f"a page of {window.count} has {len(order.got)} rows", self.tier)

    def walk(self, order: Order) -> Iterator[Difference]:
        """Pages by cursor: no certain row in front of the last one may be left out, and none behind the end."""
        window = self.before.twin.window(self.replies[0].ask)
        present = set(order.got)
        reached = max((order.place[name] for name in order.got if name in order.place), default=-1)
        ended = next_cursor(self.replies[-1]) is None
        until = len(order.certain) if ended else reached + 1
        missing = [name for name in order.certain[:until] if name not in present]
        if missing and not window.cursor:
            where = "are skipped" if order.place[missing[0]] < reached else "are missing at the end"
            yield Difference("rows", f"{len(missing)} rows {where}", Tier.MUST, order.evidence(missing))
        for page, reply in zip(self.lists, self.replies, strict=True):
            if window.count is not None and len(page) > window.count:
                yield Difference("window", f"a page of {window.count} has {len(page)} rows", Tier.MUST)
            if window.count is not None and len(page) < window.count and next_cursor(reply) is not None:
                yield Difference(
                    "cursor", f"a page of {len(page)} rows (limit {window.count}) has a next_cursor", Tier.SHOULD
                )
        moving = any(order.slack.values()) or (self.before is not self.after and not self.before.same_rows(self.after))
        if not ended and not moving and len(order.got) == len(order.certain) and not missing:
            yield Difference("cursor", "there is a next_cursor although nothing follows", Tier.SHOULD)

    def counts(self, least: int, slack: int) -> Iterator[Difference]:
        """Totals, and whether there is more."""
        body, reply = self.bodies[0], self.replies[0]
        window = self.before.twin.window(reply.ask)
        matching = f"{spread(least, slack)} rows match"
        header = reply.headers.get(TOTAL_HEADER, "")
        if self.before.twin.slug == "superserve" and not header.isdigit():
            yield Difference("total", "X-Total-Count is missing or no number", Tier.SHOULD)
        elif self.before.twin.slug == "superserve" and not least <= int(header) <= least + slack:
            yield Difference("total", f"X-Total-Count is {header}, but {matching}", Tier.SHOULD)
        if not isinstance(body, dict) or "total" not in body:
            return
        total = body["total"]
        if not isinstance(total, int) or not least <= total <= least + slack:
            yield Difference("total", f"the total is {total}, but {matching}", Tier.SHOULD)
        has_next = body.get("has_next")
        if (window.end < least and has_next is not True) or (window.end >= least + slack and has_next is not False):
            yield Difference("has_next", f"has_next is {has_next}, but {matching}", Tier.MUST)
        expected = self.before.twin.send(reply.ask).json()
        for name in ("page", "per_page"):
            if body.get(name) != expected[name]:
                yield Difference("echo", f"{name} is {body.get(name)}, it was asked as {expected[name]}", Tier.MUST)


def wrong_facets(body: Any, ask: Ask, before: Side, after: Side) -> Iterator[Difference]:
    """Every count lies between the certain rows of its bucket and those that may be in it as well."""
    if not isinstance(body, dict):
        yield Difference("body", "the facets are not an object", Tier.MUST)
        return
    scope = next(scope for scope in before.snapshots if f"/{scope}/" in ask.path)
    identity = before.twin.identity
    earlier = {str(row[identity]): row for row in before.snapshots[scope].rows}
    later = {str(row[identity]): row for row in after.snapshots[scope].rows}
    one, two = before.twin.matching(ask) or [], after.twin.matching(ask) or []
    selected = set(two)
    certain = [name for name in one if name in selected]
    expected = after.twin.send(ask).json()
    for facet, key in BUCKETS.items():
        field = FIELDS[facet]
        entries = body.get(facet)
        if not isinstance(entries, list):
            yield Difference("facets", f"{facet} is not a list", Tier.MUST)
            continue
        sure = Counter(
            earlier[name].get(field) for name in certain if earlier[name].get(field) == later[name].get(field)
        )
        most = Counter(sure)
        for rows, names, other in ((earlier, one, later), (later, two, earlier)):
            for name in names:
                value = rows[name].get(field)
                if name not in other or name not in selected or name not in set(one) or other[name].get(field) != value:
                    most[value] += 1
        seen: Counter[Any] = Counter()
        if not all(isinstance(entry, dict) and type(entry.get("count")) is int for entry in entries):
            yield Difference("facets", f"{facet} has a bucket without a count", Tier.MUST)
            continue
        for entry in entries:
            seen[entry.get(key)] += 1
            count, value = entry.get("count"), entry.get(key)
            if value is None or not count:
                yield Difference("facets", f"{facet} has a bucket of {count} for {value}", Tier.MUST)
            elif not sure[value] <= count <= most[value]:
                among = spread(sure[value], most[value] - sure[value])
                sentence = f"{facet} counts {count} for {value}, but {among} rows match"
                yield Difference("facets", sentence, Tier.MUST)
        missing = [value for value, count in sure.items() if count and value is not None and not seen[value]]
        if missing:
            yield Difference("facets", f"{facet} has no bucket for {missing[0]}", Tier.MUST)
        if any(times > 1 for times in seen.values()):
            yield Difference("facets", f"{facet} has a bucket twice", Tier.MUST)
        counts = [entry.get("count") for entry in entries]
        wanted = [filled(each) for each in expected[facet]]
        given = [filled(each) for each in entries]
        if counts != sorted(counts, reverse=True):
            yield Difference("facets", f"{facet} does not start with the largest count", Tier.MUST)
        elif before.same_rows(after) and given != wanted:
            same = sorted(map(str, given)) == sorted(map(str, wanted))
            what = "has equal counts in another order" if same else "has buckets with other names than the rows"
            yield Difference("facets", f"{facet} {what}", Tier.SHOULD if same else Tier.MUST)
