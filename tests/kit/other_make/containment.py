"""PostgreSQL's `@>` for SQLite: a filter becomes conditions over `json_each`, one EXISTS for each member."""

from __future__ import annotations

import json
from typing import Any

from tests.kit.other_make.build import Build

DEEPEST = 24
"""Levels of a filter that become SQL."""
MOST = 300
"""Members of a filter that become SQL; no row has as many."""
LARGEST = 2**63
KINDS = {True: "true", False: "false", None: "null"}


class TooDeep(ValueError):
    """A filter with more levels than become SQL."""


class Containment:
    """The condition that a column of JSON contains a filter, and the values for its marks."""

    def __init__(self, build: Build, source: str) -> None:
        self.build, self.source = build, source
        self.values: list[Any] = []
        self.number = 0

    def of(self, wanted: dict[str, Any]) -> str:
        """The condition; TooDeep for a filter that no row could meet and that is no SQL either."""
        build = self.build
        if build.has("first_key_only"):
            wanted = dict([*wanted.items()][:1])
        if build.has("text_search"):
            found = [f"instr({self.source}, ?) > 0" for _ in wanted]
            self.values += [json.dumps({key: value}, ensure_ascii=False)[1:-1] for key, value in wanted.items()]
            return " AND ".join(found) or "1"
        if build.has("empty_filter_is_empty_metadata") and not wanted:
            return f"{self.source} = '{{}}'"
        if build.has("paths"):
            return " AND ".join(self.by_path(key, value) for key, value in wanted.items()) or "1"
        conditions = [self.member(self.source, key, value, 1) for key, value in wanted.items()]
        if len(conditions) > MOST:
            self.values.clear()
            return "0"
        return (" OR " if build.has("any_key") else " AND ").join(conditions) or "1"

    def by_path(self, key: str, value: Any) -> str:
        """The condition of somebody who writes the key into a path."""
        self.values.append(value if not isinstance(value, dict | list) else json.dumps(value, separators=(",", ":")))
        return f"json_extract({self.source}, '$.{key.replace(chr(39), chr(39) * 2)}') = ?"

    def alias(self) -> str:
        self.number += 1
        return f"e{self.number}"

    def member(self, source: str, key: str, value: Any, depth: int) -> str:
        """That the object has this member."""
        build, each = self.build, self.alias()
        comparison = (
            "= ? COLLATE NOCASE"
            if build.has("keys_any_case")
            else "LIKE ? || '%'"
            if build.has("key_prefix")
            else "= ?"
        )
        self.values.append(key)
        met = "1" if build.has("key_is_enough") else self.meets(each, value, depth)
        found = f"EXISTS (SELECT 1 FROM json_each({source}) {each} WHERE {each}.key {comparison} AND {met})"
        if build.has("null_is_absent") and value is None:
            self.values.append(key)
            found = f"({found} OR NOT EXISTS (SELECT 1 FROM json_each({source}) n WHERE n.key = ?))"
        return found

    def meets(self, each: str, value: Any, depth: int) -> str:
        """That an element contains the value."""
        if depth > DEEPEST:
            raise TooDeep
        build = self.build
        match value:
            case dict():
                if build.has("shallow"):
                    return self.same(each, value)
                inner = [self.member(f"{each}.value", key, inner, depth + 1) for key, inner in value.items()]
                return " AND ".join([f"{each}.type = 'object'", *inner])
            case list():
                if build.has("arrays_as_a_whole") or build.has("shallow"):
                    return self.same(each, value)
                if build.has("first_of_array_only"):
                    value = value[:1]
                return " AND ".join(
                    [f"{each}.type = 'array'", *(self.element(f"{each}.value", inner, depth + 1) for inner in value)]
                )
            case bool() | None:
                if build.has("true_is_one") and value is not None:
                    self.values.append(int(value))
                    return f"{each}.value = ?"
                return f"{each}.type = '{KINDS[value]}'"
            case str():
                return self.text(each, value)
        return self.numeric(each, value)

    def element(self, source: str, value: Any, depth: int) -> str:
        each = self.alias()
        return f"EXISTS (SELECT 1 FROM json_each({source}) {each} WHERE {self.meets(each, value, depth)})"

    def same(self, each: str, value: Any) -> str:
        """That an element is the value, member for member."""
        self.values.append(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
        return (
            f"json({each}.value) = ?"
            if isinstance(value, dict)
            else f"{each}.type = 'array' AND json({each}.value) = ?"
        )

    def text(self, each: str, value: str) -> str:
        build = self.build
        self.values.append(value)
        if build.has("types_forgotten"):
            return f"CAST({each}.value AS TEXT) = ?"
        if build.has("values_any_case"):
            return f"{each}.type = 'text' AND {each}.value = ? COLLATE NOCASE"
        if build.has("value_pattern"):
            return f"{each}.type = 'text' AND {each}.value LIKE ?"
        if build.has("value_prefix"):
            return f"{each}.type = 'text' AND {each}.value LIKE ? || '%'"
        if build.has("padding_ignored"):
            return f"{each}.type = 'text' AND trim({each}.value) = trim(?)"
        return f"{each}.type = 'text' AND {each}.value = ?"

    def numeric(self, each: str, value: int | float) -> str:
        build = self.build
        if build.has("types_forgotten"):
            self.values.append(str(value))
            return f"CAST({each}.value AS TEXT) = ?"
        if build.has("large_number_breaks"):
            self.values.append(value)
        elif abs(value) >= LARGEST:
            try:
                self.values.append(float(value))
            except OverflowError:
                return "0"
        else:
            self.values.append(value)
        kinds = "'integer', 'real'"
        if build.has("one_is_not_1_0"):
            kinds = "'integer'" if isinstance(value, int) else "'real'"
        return f"{each}.type IN ({kinds}) AND {each}.value = ?"
