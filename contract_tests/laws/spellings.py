"""Two spellings of one question have one answer, and a value that is merely similar is another value."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from contract_tests.judging.check import Check
from contract_tests.laws import mining
from contract_tests.laws.filters import STATES, full, labels, metadata, pairs, tags
from contract_tests.laws.registry import law
from contract_tests.outcome import Row, Tier
from contract_tests.promises.form import Pairs
from contract_tests.sending.ask import encoded


def spelt(
    check: Check, probe: str, meaning: Pairs, sent: Pairs | None = None, raw: str = "", tier: Tier = Tier.MUST
) -> None:
    check.expect(probe, check.question(meaning, size=full(check), sent=sent, raw=raw, tier=tier))


@law("spellings.lists", providers={"dreadnode", "superserve"})
def lists(check: Check) -> None:
    """Values repeated or comma-separated, in any order, once or twice: the same filter."""
    rows = check.snapshot().rows
    if check.slug == "dreadnode":
        present = [state for state in STATES if any(row["state"] == state for row in rows)]
        if len(present) < 2:
            check.inconclusive("all rows are in one state")
            return
        one, two = present[0], present[1]
        both: Pairs = (("state", one), ("state", two))
        spelt(check, "comma", both, (), f"state={one},{two}")
        spelt(check, "encoded comma", both, (("state", f"{two},{one}"),))
        spelt(check, "turned", both, (("state", two), ("state", one)))
        spelt(check, "twice", (("state", one),), (("state", one), ("state", one)))
        spelt(check, "twice in commas", (("state", two),), (("state", f"{two},{two}"),))
        if len(present) > 2:
            spelt(check, "commas and repeats", (), (("state", f"{present[2]},{one}"), ("state", two)))
        spelt(check, "empty", (), (("state", ""),), tier=Tier.SHOULD)
        spelt(check, "empty piece", (("state", one),), (("state", f"{one},"),), tier=Tier.SHOULD)
        project = next((row["project_id"] for row in rows if row.get("project_id")), None)
        if project and project.upper() != project:
            spelt(
                check,
                "upper-case uuid",
                (("project_id", project),),
                (("project_id", project.upper()),),
                tier=Tier.SHOULD,
            )
    else:
        spelt(check, "comma", (("status", "active,resuming"),), (), "status=active,resuming", tier=Tier.SHOULD)
        spelt(check, "turned", (("status", "paused,active"),), (("status", "paused,active"),), tier=Tier.SHOULD)


@law("spellings.encoding")
def encoding(check: Check) -> None:
    """Percent-encoding, its case, `+` for a space and the order of parameters carry no meaning."""
    {
        "prime": _prime_encoding,
        "dreadnode": _dreadnode_encoding,
        "instavm": _instavm_encoding,
        "superserve": _superserve_encoding,
    }[check.slug](check)


def _prime_encoding(check: Check) -> None:
    rows = check.snapshot().rows
    every = sorted({label for group in labels(check) for label in group})
    spaced = next((label for label in every if " " in label.strip()), None)
    if spaced:
        raw = "labels=" + encoded(spaced).replace("%20", "+")
        spelt(check, "plus", (("labels", spaced),), (), raw)
    odd = next((label for label in every if not label.isascii()), None)
    if odd:
        spelt(check, "unicode", (("labels", odd),), (), "labels=" + encoded(odd).lower())
    # Python's clients write their True as it prints.
    spelt(check, "capital boolean", (("is_active", "true"),), (("is_active", "True"),), tier=Tier.SHOULD)
    marked = next((label for label in every if set(label) & set("&=%+#")), None)
    if marked:
        spelt(check, "reserved", (("labels", marked),))
    common = mining.halving((label for group in labels(check) for label in group), len(rows))
    if common:
        spelt(check, "duplicate", (("labels", common[0]),), (("labels", common[0]), ("labels", common[0])))
        spelt(
            check,
            "turned parameters",
            (("labels", common[0]), ("status", "RUNNING")),
            (("status", "RUNNING"), ("labels", common[0])),
        )
        letters = "".join(f"%{byte:02x}" for byte in common[0].encode())
        spelt(check, "all encoded", (("labels", common[0]),), (), "labels=" + letters)


def _dreadnode_encoding(check: Check) -> None:
    rows = check.snapshot().rows
    spelt(check, "all encoded", (("state", "paused"),), (), "state=" + "".join(f"%{b:02X}" for b in b"paused"))
    found = mining.halving((row["project_id"] for row in rows if row.get("project_id")), len(rows))
    if found:
        spelt(
            check,
            "turned parameters",
            (("state", "paused"), ("project_id", found[0])),
            (("project_id", found[0]), ("state", "paused")),
        )


def _instavm_encoding(check: Check) -> None:
    _json_spellings(check)


def _superserve_encoding(check: Check) -> None:
    rows = check.snapshot().rows
    every = sorted({pair for row in rows for pair in pairs(row)})
    for probe, marks in (("space", " "), ("reserved", "&=%+#/"), ("comma", ","), ("dot or slash", "./")):
        found_pair = next((pair for pair in every if set("".join(pair)) & set(marks)), None)
        if found_pair:
            spelt(check, probe, tags(found_pair))
    spaced_key = next((pair for pair in every if " " in pair[0]), None)
    if spaced_key:
        spelt(check, "spaced key", tags(spaced_key))
    odd_pair = next((pair for pair in every if not "".join(pair).isascii()), None)
    if odd_pair:
        spelt(check, "unicode", tags(odd_pair))
    spaced_pair = next((pair for pair in every if " " in pair[1].strip()), None)
    if spaced_pair:
        raw = f"metadata.{encoded(spaced_pair[0])}=" + encoded(spaced_pair[1]).replace("%20", "+")
        spelt(check, "plus", tags(spaced_pair), (), raw)
    empty = next((pair for pair in every if pair[1] == ""), None)
    if empty:
        spelt(check, "empty value", tags(empty))
    dotted = next((pair for pair in every if pair[0].isalnum()), None)
    if dotted:
        spelt(check, "encoded dot", tags(dotted), (), f"metadata%2E{encoded(dotted[0])}={encoded(dotted[1])}")


def _json_spellings(check: Check) -> None:
    """JSON text has many spellings: white space, escapes, the order of names, 1 and 1.0."""
    rows = check.snapshot().rows
    pair = mining.telling_pair([pairs(row) for row in rows])
    if pair:
        value = dict(pair)
        spaced = json.dumps(value, indent=1, ensure_ascii=False)
        spelt(check, "white space", metadata(value), (("metadata", spaced),))
    odd = next((item for row in rows for item in sorted(pairs(row)) if not item[1].isascii()), None)
    if odd:
        escaped = json.dumps({odd[0]: odd[1]}, ensure_ascii=True)
        spelt(check, "unicode", metadata({odd[0]: odd[1]}))
        spelt(check, "escapes", metadata({odd[0]: odd[1]}), (("metadata", escaped),))
    reserved = next((item for row in rows for item in sorted(pairs(row)) if set(item[1]) & set("&=%+#")), None)
    if reserved:
        spelt(check, "reserved", metadata(dict([reserved])))
    spelt(check, "empty object", metadata({}))


@law("exactness.values")
def values(check: Check) -> None:
    """A value is compared whole: another case, a prefix, a wildcard, more white space or another unicode form do not
    match."""
    rows = check.snapshot().rows
    if check.slug == "prime":
        groups = labels(check)
        found = mining.halving((label for group in groups for label in group), len(rows))
        every = sorted({label for group in groups for label in group})
        if not found:
            check.inconclusive("no label selects a part of the rows")
            return
        label = found[0]
        near = {
            "prefix": label[:-1] or label + "x",
            "suffix": label[1:] or "x" + label,
            "case": mining.recased(label),
            "wildcard": label[:-1] + "%",
            "underscore": label[:-1] + "_",
            "pattern": ".*",
            "space behind": label + " ",
            "space in front": " " + label,
            "empty": "",
            "encoded twice": encoded_once(label),
        }
        joined = mining.telling_pair(groups)
        if joined:
            near["joined by comma"] = ",".join(joined)
        for probe, text in near.items():
            if text is not None:
                _near(check, probe, (("labels", text),), tier=Tier.SHOULD if probe == "empty" else Tier.MUST)
        comma = next((label for label in every if "," in label), None)
        if comma:
            _near(check, "comma in a label", (("labels", comma),))
        odd = next((form for form in map(mining.renormalised, every) if form), None)
        if odd:
            _near(check, "unicode form", (("labels", odd),))
        padded = next((label for label in every if label != label.strip()), None)
        if padded:
            _near(check, "padded label", (("labels", padded),))
        for team in check.options.orgs[:1]:
            shouted = mining.recased(team)
            if shouted and check.wants("team in another case"):
                refused(check, (("team_id", shouted),))
    elif check.slug == "superserve":
        _near_pairs(check)
    elif check.slug == "instavm":
        _near_json(check)
    else:
        check.inconclusive("this provider's filters take closed sets of values; values.closed asks for others")


def refused(check: Check, query: Pairs) -> None:
    """Either nothing or a refusal, never somebody's rows."""
    question = check.question(query)
    reply = check.send(question.ask)
    if reply.status == 200:
        check.accept(question, reply)


def _near(check: Check, probe: str, meaning: Pairs, tier: Tier = Tier.MUST) -> None:
    count = sum(1 for row in check.snapshot().rows if check.listing.keeps(meaning)(row))
    check.expect(probe, check.question(meaning, size=full(check), tier=tier), witness=f"{probe}: {count} rows")


def _near_pairs(check: Check) -> None:
    rows = check.snapshot().rows
    found = mining.halving((pair for row in rows for pair in pairs(row)), len(rows))
    if not found:
        check.inconclusive("no metadata selects a part of the rows")
        return
    name, text = next(((n, t) for n, t in found if len(t) > 1), found[0])
    near: dict[str, tuple[str, str | None]] = {
        "prefix": (name, text[:-1]),
        "suffix": (name, text[1:]),
        "case": (name, mining.recased(text)),
        "key case": (mining.recased(name) or name + "x", text),
        "key prefix": (name[:-1] or name + "x", text),
        "wildcard": (name, text[:-1] + "%"),
        "star": (name, "*"),
        "underscore": (name, text[:-1] + "_"),
        "space behind": (name, text + " "),
        "space in front": (name, " " + text),
        "empty": (name, ""),
        "null": (name, "null"),
        "value of another key": (NOT_A_KEY, text),
        "encoded twice": (name, encoded_once(text)),
        "two values": (name, ",".join(t for n, t in found if n == name)[:80] or text),
    }
    for probe, (key, value) in near.items():
        if value is not None:
            _near(check, probe, tags((key, value)))
    every = sorted({pair for row in rows for pair in pairs(row)})
    odd = next(((n, form) for n, t in every if (form := mining.renormalised(t))), None)
    if odd:
        _near(check, "unicode form", tags(odd))
    extended = next(
        ((n, t) for n, t in every if any(o != t and o.startswith(t) and m == n and t for m, o in every)), None
    )
    if extended:
        _near(check, "prefix of another", tags(extended))
    number = next(((n, t) for n, t in every if t.isdigit()), None)
    if number:
        _near(check, "digits", tags((number[0], "0" + number[1])))


NOT_A_KEY = "no-such-key-71c3"


def encoded_once(text: str) -> str:
    """The text with its first byte percent-encoded; whoever decodes twice takes it for the text."""
    first, rest = text[:1], text[1:]
    return "".join(f"%{byte:02X}" for byte in first.encode()) + rest


def _near_json(check: Check) -> None:
    rows = check.snapshot().rows
    found = mining.halving((pair for row in rows for pair in pairs(row)), len(rows))
    if found:
        name, text = next(((n, t) for n, t in found if len(t) > 1), found[0])
        similar: dict[str, Any] = {
            "prefix": text[:-1],
            "case": mining.recased(text),
            "wildcard": text[:-1] + "%",
            "space behind": text + " ",
            "null": None,
            "list": [text],
            "object": {text: text},
        }
        for probe, value in similar.items():
            _near(check, probe, metadata({name: value}))
        _near(check, "key case", metadata({mining.recased(name) or name + "x": text}))
        _near(check, "key prefix", metadata({name[:-1] or name + "x": text}))
    else:
        check.inconclusive("no metadata selects a part of the rows")
    shapes: dict[str, Row] = {}
    for row in rows:
        shapes.setdefault(json.dumps(sorted(row.get("metadata") or {})), row)
    for index, row in enumerate(sorted(shapes.values(), key=lambda each: -len(json.dumps(each["metadata"])))[:6]):
        # Every row is found by its own metadata.
        _near(check, f"own metadata {index}", metadata(row["metadata"]))
    scalars = [
        (name, value)
        for row in rows
        for name, value in (row.get("metadata") or {}).items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    if scalars:
        name, number = mining.rarest(scalars)[0]
        _near(check, "text for a number", metadata({name: str(number)}))
        _near(check, "true for a number", metadata({name: True}))
        whole = next(((n, v) for n, v in scalars if isinstance(v, int)), None)
        if whole:
            _near(check, "1.0 for 1", metadata({whole[0]: float(whole[1])}), tier=Tier.SHOULD)
            _near(check, "text for a whole number", metadata({whole[0]: str(whole[1])}))
            _near(check, "number", metadata({whole[0]: whole[1]}))
    digits = next(((n, t) for row in rows for n, t in sorted(pairs(row)) if t.isdigit()), None)
    if digits:
        _near(check, "number for text", metadata({digits[0]: int(digits[1])}))
        _near(check, "digits", metadata({digits[0]: digits[1]}))
    for row in rows:
        for name, value in (row.get("metadata") or {}).items():
            if isinstance(value, dict) and value:
                inner = dict([sorted(value.items(), key=lambda each: str(each))[0]])
                _near(check, "part of an object", metadata({name: inner}))
                _near(check, "empty inner object", metadata({name: {}}))
                _near(check, "inner key at the top", metadata(inner))
                _near(check, "wrong inner value", metadata({name: {next(iter(inner)): NOT_A_KEY}}))
                break
        else:
            continue
        break
    _near_objects(check, rows)
    listed = next(
        ((n, v) for row in rows for n, v in (row.get("metadata") or {}).items() if isinstance(v, list) and len(v) > 1),
        None,
    )
    if listed:
        name, members = listed
        _near(check, "part of a list", metadata({name: members[-1:]}))
        _near(check, "list turned", metadata({name: members[::-1]}))
        _near(check, "list and more", metadata({name: [*members, NOT_A_KEY]}))
        _near(check, "element for a list", metadata({name: members[0]}))
        _near(check, "empty list", metadata({name: []}))
    flags = next(((n, v) for row in rows for n, v in (row.get("metadata") or {}).items() if isinstance(v, bool)), None)
    if flags:
        _near(check, "true and false", metadata({flags[0]: not flags[1]}))
        _near(check, "number for true", metadata({flags[0]: int(flags[1])}))
    empty = next((n for row in rows for n, v in (row.get("metadata") or {}).items() if v is None), None)
    if empty:
        _near(check, "null that is there", metadata({empty: None}))
    objects = next(
        (
            (n, v)
            for row in rows
            for n, v in (row.get("metadata") or {}).items()
            if isinstance(v, list) and len(v) > 1 and all(isinstance(each, dict) for each in v)
        ),
        None,
    )
    if objects:
        name, steps = objects
        crossed = {**steps[0], **{k: v for k, v in steps[1].items() if k != next(iter(steps[0]))}}
        _near(check, "one element, not two", metadata({name: [crossed]}))
        _near(check, "part of an element", metadata({name: [dict([next(iter(steps[1].items()))])]}))


def _near_objects(check: Check, rows: Sequence[Row]) -> None:
    """Every key of an inner object has to match, and only an object or a list has parts."""
    nested = next(
        ((n, v) for row in rows for n, v in (row.get("metadata") or {}).items() if isinstance(v, dict) and len(v) > 1),
        None,
    )
    if nested:
        name, (one, other) = nested[0], sorted(nested[1])[:2]
        _near(check, "one inner value right, one wrong", metadata({name: {one: nested[1][one], other: NOT_A_KEY}}))
        _near(check, "text for an object", metadata({name: NOT_A_KEY}))
    lists_of_lists = (
        (name, [each for each in value if isinstance(each, list) and each])
        for row in rows
        for name, value in (row.get("metadata") or {}).items()
        if isinstance(value, list)
    )
    crossed = next(((n, v) for n, v in lists_of_lists if len(v) > 1 and v[1][-1] not in v[0]), None)
    if crossed:
        name, members = crossed
        _near(check, "one inner list, not two", metadata({name: [[members[0][0], members[1][-1]]]}))
    texts = mining.halving((pair for row in rows for pair in pairs(row) if len(pair[1]) > 1), len(rows))
    if texts:
        name, text = texts[0]
        _near(check, "letter of a text", metadata({name: [text[0]]}))
