"""A filter selects exactly the rows that match, in the list's order; several filters select their intersection."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from contract_tests.judging.check import Check
from contract_tests.laws import mining
from contract_tests.laws.registry import law
from contract_tests.outcome import Row, Tier
from contract_tests.promises.form import Pairs

STATUSES = ("RUNNING", "TERMINATED", "PAUSED", "ERROR", "PENDING", "PROVISIONING")
STATES = ("running", "paused", "killed")
NOBODY = "0f8f1d52-5c0e-4d8e-9a51-9f6f3c1d7e00"
NOTHING = "no-such-value-71c3"


def full(check: Check) -> int | None:
    """The page size that shows as much as one request can."""
    return check.listing.paging.most if check.slug != "superserve" else None


def labels(check: Check, scope: str | None = None) -> list[frozenset[str]]:
    return [frozenset(row.get("labels") or ()) for row in check.snapshot(scope).rows]


def pairs(row: Row) -> frozenset[tuple[str, str]]:
    return frozenset((name, text) for name, text in (row.get("metadata") or {}).items() if isinstance(text, str))


def metadata(value: Any) -> Pairs:
    return (("metadata", json.dumps(value, ensure_ascii=False, separators=(",", ":"))),)


def tags(*given: tuple[str, str]) -> Pairs:
    return tuple((f"metadata.{name}", text) for name, text in given)


def ask(check: Check, probe: str, *query: tuple[str, str], tier: Tier = Tier.MUST, scope: str | None = None) -> None:
    check.expect(probe, check.question(tuple(query), size=full(check), tier=tier, scope=scope))


def oneself(check: Check) -> str | None:
    """The user whom the personal list belongs to."""
    users = Counter(row["userId"] for row in check.snapshot("").rows if row.get("userId") is not None)
    return users.most_common(1)[0][0] if users else None


@law("filters.single")
def single(check: Check) -> None:
    """One filter with one value: exactly the rows that match, in the order of the unfiltered list."""
    {
        "prime": _prime_single,
        "dreadnode": _dreadnode_single,
        "instavm": _instavm_single,
        "superserve": _superserve_single,
    }[check.slug](check)


def _prime_single(check: Check) -> None:
    rows = check.snapshot().rows
    total = len(rows)
    groups = labels(check)
    found = mining.halving((label for group in groups for label in group), total)
    for index, label in enumerate([*found[:1], *mining.rarest(each for group in groups for each in group)[:1]]):
        ask(check, f"label {index}", ("labels", label))
    ask(check, "active", ("is_active", "true"))
    for status in STATUSES:
        ask(check, f"status {status}", ("status", status))
    ask(check, "not active", ("is_active", "false"), tier=Tier.SHOULD)
    user = oneself(check)
    if user:
        ask(check, "user", ("user_id", user))


def _dreadnode_single(check: Check) -> None:
    rows = check.snapshot().rows
    total = len(rows)
    projects = mining.halving((row["project_id"] for row in rows if row.get("project_id")), total)
    for state in STATES:
        ask(check, f"state {state}", ("state", state))
    if projects:
        ask(check, "project", ("project_id", projects[0]))
        ask(check, "rare project", ("project_id", projects[-1]))


def _instavm_single(check: Check) -> None:
    rows = check.snapshot().rows
    total = len(rows)
    found = mining.halving((pair for row in rows for pair in pairs(row)), total)
    for index, (name, text) in enumerate([*found[:1], *found[-1:]]):
        ask(check, f"pair {index}", *metadata({name: text}))
    odd = sorted(
        {
            (name, json.dumps(value))
            for row in rows
            for name, value in (row.get("metadata") or {}).items()
            if not isinstance(value, str)
        }
    )
    kinds: dict[str, tuple[str, Any]] = {}
    for name, text in odd:
        value = json.loads(text)
        kinds.setdefault(type(value).__name__, (name, value))
    for kind, (name, value) in kinds.items():
        ask(check, f"kind {kind}", *metadata({name: value}))


def _superserve_single(check: Check) -> None:
    rows = check.snapshot().rows
    total = len(rows)
    found = mining.halving((pair for row in rows for pair in pairs(row)), total)
    for index, pair in enumerate([*found[:1], *found[-1:]]):
        ask(check, f"pair {index}", *tags(pair))
    for state in ("active", "paused", "resuming"):
        ask(check, f"status {state}", ("status", state), tier=Tier.SHOULD)


@law("filters.conjunction")
def conjunction(check: Check) -> None:
    """Several filters select the intersection; all values of a filter that asks for every one of them count."""
    {
        "prime": _prime_conjunction,
        "dreadnode": _dreadnode_conjunction,
        "instavm": _instavm_conjunction,
        "superserve": _superserve_conjunction,
    }[check.slug](check)


def _prime_conjunction(check: Check) -> None:
    rows = check.snapshot().rows
    groups = labels(check)
    pair = mining.telling_pair(groups)
    if pair:
        ask(check, "two labels", ("labels", pair[0]), ("labels", pair[1]))
        ask(check, "two labels turned", ("labels", pair[1]), ("labels", pair[0]))
        statuses = mining.halving((row["status"] for row in rows if pair[0] in (row.get("labels") or ())), len(rows))
        if statuses:
            ask(check, "label and status", ("labels", pair[0]), ("status", statuses[0]))
        ask(check, "label and active", ("is_active", "true"), ("labels", pair[0]))
    else:
        check.inconclusive("no two labels overlap in part")
    three = next((sorted(group) for group in groups if len(group) >= 3), None)
    if three:
        ask(check, "three labels", *(("labels", label) for label in three[:3]))
    apart = mining.strangers(groups)
    if apart:
        check.expect(
            "two labels apart",
            check.question((("labels", apart[0]), ("labels", apart[1])), size=full(check)),
            witness=f"{apart[0]} and {apart[1]} never occur together",
        )
    ask(check, "active and terminated", ("is_active", "true"), ("status", "TERMINATED"))
    ask(check, "active and running", ("is_active", "true"), ("status", "RUNNING"))
    ask(check, "inactive and terminated", ("is_active", "false"), ("status", "TERMINATED"), tier=Tier.SHOULD)
    user = oneself(check)
    if user:
        ask(check, "user and status", ("user_id", user), ("status", "RUNNING"))
    for team in check.options.orgs[:1]:
        _team(check, team)


def _dreadnode_conjunction(check: Check) -> None:
    rows = check.snapshot().rows
    found = mining.telling_pair(
        [frozenset({("state", row["state"]), ("project_id", row.get("project_id") or "")}) for row in rows]
    )
    if found and all(text for _, text in found):
        ask(check, "state and project", *found)
        rest = [state for state in STATES if ("state", state) not in found]
        project = next(text for name, text in found if name == "project_id")
        ask(check, "two states and project", ("project_id", project), *(("state", each) for each in rest))
    else:
        check.inconclusive("no state and project overlap in part")
    if check.wants("two states"):
        ask(check, "two states", ("state", "running"), ("state", "paused"))


def _instavm_conjunction(check: Check) -> None:
    rows = check.snapshot().rows
    pair = mining.telling_pair([pairs(row) for row in rows])
    if pair:
        ask(check, "two keys", *metadata(dict(pair)))
        ask(check, "two keys turned", *metadata(dict(reversed(pair))))
    else:
        check.inconclusive("no two pairs of metadata overlap in part")
    apart = mining.strangers([pairs(row) for row in rows])
    if apart and apart[0][0] != apart[1][0]:
        check.expect(
            "two keys apart",
            check.question(metadata(dict(apart)), size=full(check)),
            witness="two pairs never occur together",
        )
    whole = max((row.get("metadata") or {} for row in rows), key=lambda each: len(json.dumps(each)), default={})
    if whole:
        ask(check, "all keys of a row", *metadata(whole))


def _superserve_conjunction(check: Check) -> None:
    rows = check.snapshot().rows
    pair = mining.telling_pair([pairs(row) for row in rows])
    if pair:
        ask(check, "two keys", *tags(*pair))
        ask(check, "two keys turned", *tags(*reversed(pair)))
        states = mining.halving((row["status"] for row in rows if pair[0] in pairs(row)), len(rows))
        if states:
            ask(check, "key and status", *tags(pair[0]), ("status", states[0]), tier=Tier.SHOULD)
    else:
        check.inconclusive("no two pairs of metadata overlap in part")
    three = next((sorted(pairs(row)) for row in rows if len(pairs(row)) >= 3), None)
    if three:
        ask(check, "three keys", *tags(*three[:3]))
    apart = mining.strangers([pairs(row) for row in rows])
    if apart and apart[0][0] != apart[1][0]:
        check.expect("two keys apart", check.question(tags(*apart)), witness="two pairs never occur together")


def _team(check: Check, team: str) -> None:
    """A team's list is a list like any other; its admin may filter it by user."""
    rows = check.snapshot(team).rows
    users = mining.halving((row["userId"] for row in rows if row.get("userId")), len(rows))
    own = {oneself(check)}
    for user in [each for each in users if each not in own][:1]:
        ask(check, "user of a team", ("user_id", user), scope=team, tier=Tier.SHOULD)
        ask(
            check,
            "user of a team and status",
            ("user_id", user),
            ("status", "TERMINATED"),
            scope=team,
            tier=Tier.SHOULD,
        )
    for user in [each for each in users if each in own][:1]:
        ask(check, "oneself in a team", ("user_id", user), scope=team)
    ask(check, "team and status", ("status", "RUNNING"), scope=team)
    ask(check, "team and active", ("is_active", "true"), scope=team)
    found = mining.halving((label for group in labels(check, team) for label in group), len(rows))
    if found:
        ask(check, "team and label", ("labels", found[0]), scope=team)


@law("filters.unknown")
def unknown(check: Check) -> None:
    """A value that no row has selects nothing; it is not an ignored filter."""
    if not check.snapshot().rows:
        check.inconclusive("there are no rows that a lost filter could show")
        return
    {
        "prime": _prime_unknown,
        "dreadnode": _dreadnode_unknown,
        "instavm": _instavm_unknown,
        "superserve": _superserve_unknown,
    }[check.slug](check)


def _prime_unknown(check: Check) -> None:
    rows = check.snapshot().rows
    witness = f"{len(rows)} rows must stay out"
    labels_by_use = mining.halving((label for group in labels(check) for label in group), len(rows))
    check.expect("label", check.question((("labels", NOTHING),), size=full(check)), witness=witness)
    for label in labels_by_use[:1]:
        check.expect(
            "known and unknown label",
            check.question((("labels", label), ("labels", NOTHING)), size=full(check)),
            witness=witness,
        )
        check.expect(
            "unknown and known label",
            check.question((("labels", NOTHING), ("labels", label)), size=full(check)),
            witness=witness,
        )


def _dreadnode_unknown(check: Check) -> None:
    rows = check.snapshot().rows
    witness = f"{len(rows)} rows must stay out"
    check.expect("project", check.question((("project_id", NOBODY),), size=full(check)), witness=witness)


def _instavm_unknown(check: Check) -> None:
    rows = check.snapshot().rows
    witness = f"{len(rows)} rows must stay out"
    pairs_by_use = mining.halving((pair for row in rows for pair in pairs(row)), len(rows))
    check.expect("key", check.question(metadata({NOTHING: "1"}), size=full(check)), witness=witness)
    for pair in pairs_by_use[:1]:
        check.expect("value", check.question(metadata({pair[0]: NOTHING}), size=full(check)), witness=witness)
        check.expect(
            "known and unknown",
            check.question(metadata({pair[0]: pair[1], NOTHING: "1"}), size=full(check)),
            witness=witness,
        )


def _superserve_unknown(check: Check) -> None:
    rows = check.snapshot().rows
    witness = f"{len(rows)} rows must stay out"
    pairs_by_use = mining.halving((pair for row in rows for pair in pairs(row)), len(rows))
    check.expect("key", check.question(tags((NOTHING, "1"))), witness=witness)
    for pair in pairs_by_use[:1]:
        check.expect("value", check.question(tags((pair[0], NOTHING))), witness=witness)
        check.expect("known and unknown", check.question(tags(pair, (NOTHING, "1"))), witness=witness)
        check.expect("unknown and known", check.question(tags((NOTHING, "1"), pair)), witness=witness)


@law("filters.ignored", tier=Tier.SHOULD)
def ignored(check: Check) -> None:
    """A query parameter that is not declared changes nothing (Assumed)."""
    small = 3
    check.expect("unknown parameter", check.question((), size=small, extra=(("no_such_parameter", "1"), ("q", "x"))))
