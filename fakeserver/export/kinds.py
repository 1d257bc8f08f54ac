"""What is known of the types of expressions: from the annotations of functions, and of the classes that they are shown.

Where a type is known, what is said of a value is shorter and says more; where none is, the runtime looks at the value.
"""

from __future__ import annotations

import ast
import dataclasses
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

Kinds = frozenset[type]
"""Classes of which a value is one; none where nothing is known."""

UNKNOWN: Kinds = frozenset()
NONE = type(None)
TEXT: Kinds = frozenset({str})
NUMBER: Kinds = frozenset({int})
YES_OR_NO: Kinds = frozenset({bool})
LISTED: Kinds = frozenset({list, tuple})
"""What is an array there."""
LOOPED: Kinds = frozenset({list, tuple, set, frozenset, Iterator})
"""What a loop there goes through as it is."""
PLAIN: Kinds = frozenset({str, int, bool, NONE})
"""What is true there where it is true here."""

OF_CALLS: Mapping[Any, Kinds] = {
    **dict.fromkeys((str, repr, chr), TEXT),
    **dict.fromkeys((len, int, ord), NUMBER),
    **dict.fromkeys((any, all, bool, isinstance), YES_OR_NO),
    **dict.fromkeys((list, tuple, sorted, range, enumerate, zip, map, filter, reversed), frozenset({list})),
}
OF_METHODS: Mapping[str, Kinds] = {
    **dict.fromkeys(
        ("strip", "lstrip", "rstrip", "lower", "upper", "title", "removeprefix", "removesuffix", "join", "replace"),
        TEXT,
    ),
    **dict.fromkeys(("split", "splitlines", "items"), frozenset({list})),
    **dict.fromkeys(("partition", "rpartition"), frozenset({tuple})),
    **dict.fromkeys(("startswith", "endswith", "isdigit", "isascii", "issubset"), YES_OR_NO),
}
"""What methods answer that have one meaning, whatever they are called on."""


def kinds_in(hint: Any) -> Kinds:
    """The classes of an annotation."""
    if hint is None:
        return frozenset({NONE})
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        parts = [kinds_in(each) for each in typing.get_args(hint)]
        return frozenset().union(*parts) if all(parts) else UNKNOWN
    if origin in (list, tuple, dict, set, frozenset, Iterator):
        return frozenset({origin})
    return frozenset({hint}) if isinstance(hint, type) and origin is None and hint is not object else UNKNOWN


def hints_of(value: Any) -> Mapping[str, Any]:
    """The annotations of a function or a class, as far as they can be read."""
    try:
        return typing.get_type_hints(value)
    except Exception:  # an annotation may name what only a type checker sees, and be any expression
        return {}


class Typed:
    """What is known of the expressions of one function; `static` finds the value of a name outside of it."""

    def __init__(self, static: Callable[[ast.expr], Any], missing: object, known: Mapping[str, Kinds]) -> None:
        self._static = static
        self._missing = missing
        self.known = dict(known)

    def learn(self, name: str, kinds: Kinds) -> None:
        self.known[name] = kinds

    def is_among(self, node: ast.expr, wanted: Kinds) -> bool:
        """Whether a value is surely of these classes."""
        found = self.of(node)
        return bool(found) and found <= wanted

    def is_truth(self, node: ast.expr) -> bool:
        """Whether a value is true there where it is true here."""
        found = self.of(node)
        return bool(found) and all(each in PLAIN or is_plain(each) for each in found)

    def is_pair(self, node: ast.expr) -> bool:
        """Whether a value has as many parts as it is taken apart into."""
        found = self.of(node)
        return bool(found) and all(each is tuple or hasattr(each, "_fields") for each in found)

    def has_field(self, node: ast.expr, name: str) -> bool:
        """Whether a value is surely of a class with this field."""
        found = self.of(node) - {NONE}
        return bool(found) and all(name in getattr(each, "__annotations__", ()) for each in found)

    def of(self, node: ast.expr) -> Kinds:
        match node:
            case ast.Constant(value=value):
                return frozenset({type(value)})
            case ast.JoinedStr():
                return TEXT
            case ast.List() | ast.ListComp():
                return frozenset({list})
            case ast.Tuple():
                return frozenset({tuple})
            case ast.Dict() | ast.DictComp():
                return frozenset({dict})
            case ast.Compare() | ast.UnaryOp(op=ast.Not()):
                return YES_OR_NO
            case ast.IfExp(body=body, orelse=other):
                return self._any_of((body, other))
            case ast.BoolOp(op=op, values=values):
                found = self._any_of(values)
                last = self.of(values[-1])
                return found if isinstance(op, ast.And) or NONE in last else found - {NONE}
            case ast.BinOp(left=left, op=ast.Add(), right=right) if self.of(left) == self.of(right) in (TEXT, NUMBER):
                return self.of(left)
            case ast.BinOp(left=left, op=ast.Sub() | ast.Mult() | ast.FloorDiv() | ast.Mod(), right=right):
                return NUMBER if self.of(left) == self.of(right) == NUMBER else UNKNOWN
            case ast.Name(id=name) if name in self.known:
                return self.known[name]
            case ast.Name() | ast.Attribute():
                held = self._static(node)
                if held is not self._missing:
                    return frozenset({type(held)})
                return self._member(node) if isinstance(node, ast.Attribute) else UNKNOWN
            case ast.Call():
                return self._answer(node)
            case ast.Subscript(value=inner) if self.of(inner) == TEXT:
                return TEXT
        return UNKNOWN

    def _any_of(self, nodes: Iterable[ast.expr]) -> Kinds:
        found = [self.of(each) for each in nodes]
        return frozenset().union(*found) if all(found) else UNKNOWN

    def _member(self, node: ast.Attribute) -> Kinds:
        found = [kinds_in(member_of(each, node.attr)) for each in self.of(node.value) - {NONE}]
        return frozenset().union(*found) if found and all(found) else UNKNOWN

    def _answer(self, node: ast.Call) -> Kinds:
        held = self._static(node.func)
        if held is self._missing:
            if not isinstance(node.func, ast.Attribute):
                return UNKNOWN
            owners = self.of(node.func.value) - {NONE}
            found = [kinds_in(answer_of(getattr(each, node.func.attr, None))) for each in owners]
            if found and all(found):
                return frozenset().union(*found)
            return OF_METHODS.get(node.func.attr, UNKNOWN)
        try:
            known = OF_CALLS.get(held)
        except TypeError:
            return UNKNOWN
        if known is not None:
            return known
        return frozenset({held}) if isinstance(held, type) and is_plain(held) else kinds_in(answer_of(held))


def is_plain(kind: type) -> bool:
    """Whether every value of a class is true."""
    written = dataclasses.is_dataclass(kind) or hasattr(kind, "_fields")
    return written and not any(name in vars(kind) for name in ("__len__", "__bool__"))


def member_of(kind: type, name: str) -> Any:
    """The annotation of a field or a property; `object`, which says nothing, where there is none."""
    hint = hints_of(kind).get(name)
    held = getattr(kind, name, None)
    if hint is None and isinstance(held, property):
        return answer_of(held.fget)
    return object if hint is None else hint


def answer_of(function: Any) -> Any:
    """What a function is annotated to answer."""
    return hints_of(function).get("return", object) if isinstance(function, types.FunctionType) else object


def assigned_to(body: Iterable[ast.stmt]) -> Iterator[tuple[str, ast.expr | None, ast.expr | None]]:
    """Every name that gets a value: with the value, or with the annotation; with neither where it is one of many."""
    for node in (each for part in body for each in ast.walk(part)):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value, None
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)) if len(targets) == len(
                values
            ) and all(isinstance(each, ast.Name) for each in targets):
                yield from ((each.id, value, None) for each, value in zip(targets, values, strict=True))  # type: ignore[attr-defined]
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
                yield name, None, annotation
            case ast.Assign(targets=targets):
                yield from ((name, None, None) for each in targets for name in stored(each))
            case ast.AugAssign(target=target) | ast.For(target=target) | ast.NamedExpr(target=target):
                yield from ((name, None, None) for name in stored(target))
            case ast.comprehension(target=target):
                yield from ((name, None, None) for name in stored(target))
            case ast.MatchAs(name=str(name)) | ast.ExceptHandler(name=str(name)) | ast.FunctionDef(name=name):
                yield name, None, None
            case ast.arg(arg=name):
                yield name, None, None


def stored(target: ast.AST) -> Iterator[str]:
    return (each.id for each in ast.walk(target) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store))
