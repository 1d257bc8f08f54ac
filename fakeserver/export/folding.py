"""What an export has settled: the choices of the provider's switches, and that passing states end at once.

Conditions that come to one answer under these are answered when a function is said, and what stands behind the other
answer is not said at all.
"""

from __future__ import annotations

import ast
import copy
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fakeserver.export.kinds import Typed
from fakeserver.listing.choices import Choice
from fakeserver.listing.meaning import View
from fakeserver.problems import Json

OPEN: Final = object()
"""What is not settled."""
PLAIN = (str, int, bool, type(None))
RECKONING: Mapping[type, Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}
SETTLED: Mapping[tuple[str, ...], Json] = {("transitions",): "immediate", ("issuer", "name"): ""}
"""Members of what an operation is shown: worlds there have no name, and their passing states end at once."""


@dataclass
class Folding(ast.NodeTransformer):
    """Settles one function."""

    switches: Mapping[str, Json]
    static: Callable[[ast.expr], Any]
    missing: object
    typed: Typed

    def fold(self, node: Any) -> Any:
        return ast.fix_missing_locations(self.visit(copy.deepcopy(node)))

    def value(self, node: ast.expr) -> Any:
        """What an expression comes to; `OPEN` where that depends on a request."""
        match node:
            case ast.Constant(value=value):
                return value if isinstance(value, PLAIN) else OPEN
            case ast.Name():
                held = self.static(node)
                return held if type(held) in PLAIN else OPEN
            case ast.Attribute():
                held = self.static(node)
                if held is not self.missing:
                    return held if type(held) in PLAIN else OPEN
                return next((value for path, value in SETTLED.items() if self.is_member(node, path)), OPEN)
            case ast.Subscript(value=inner, slice=ast.Constant(value=str(name))) if self.is_member(
                inner, ("switches",)
            ):
                return self.switches.get(name, OPEN)
            case ast.Call(func=ast.Attribute(value=inner, attr="is_made"), args=[given]):
                choice = self.static(inner)
                known = isinstance(choice, Choice) and self.is_member(given, ("switches",))
                return choice.is_made(self.switches) if known else OPEN
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                found = self.value(inner)
                return OPEN if found is OPEN else not found
            case ast.BoolOp(op=op, values=values):
                return self._among(values, isinstance(op, ast.Or))
            case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq() as op], comparators=[right]):
                one, other = self.value(left), self.value(right)
                return OPEN if OPEN in (one, other) else (one == other) is isinstance(op, ast.Eq)
        return OPEN

    def _among(self, values: list[ast.expr], ends: bool) -> Any:
        """`and` or `or`, as far as the first parts settle it."""
        found: Any = OPEN
        for each in values:
            found = self.value(each)
            if found is OPEN or bool(found) is ends:
                return found
        return found

    def is_member(self, node: ast.expr, path: tuple[str, ...]) -> bool:
        """Whether an expression is this member of what an operation is shown."""
        for name in reversed(path):
            if not isinstance(node, ast.Attribute) or node.attr != name:
                return False
            node = node.value
        return self.typed.of(node) == frozenset({View})

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        """Whole numbers that are known are reckoned with here."""
        found = self.number(node)
        return self.generic_visit(node) if found is None else ast.copy_location(ast.Constant(found), node)

    def number(self, node: ast.expr) -> int | None:
        match node:
            case ast.BinOp(left=left, op=op, right=right) if type(op) in RECKONING:
                one, other = self.number(left), self.number(right)
                return None if one is None or other is None else RECKONING[type(op)](one, other)
        found = self.value(node)
        return found if type(found) is int else None

    # Statements and expressions that depend on a condition

    def visit_If(self, node: ast.If) -> Any:
        found = self.value(node.test)
        if found is OPEN:
            return self.generic_visit(node)
        left = [self.visit(each) for each in (node.body if found else node.orelse)]
        flat = [part for each in left for part in (each if isinstance(each, list) else [each])]
        return flat or ast.copy_location(ast.Pass(), node)

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        found = self.value(node.test)
        if found is OPEN:
            return self.generic_visit(node)
        return self.visit(node.body if found else node.orelse)

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        """Parts that say nothing are left out: those in front of what decides."""
        ends = isinstance(node.op, ast.Or)
        left: list[ast.expr] = []
        for place, each in enumerate(node.values):
            found = self.value(each)
            if found is not OPEN and bool(found) is not ends and place < len(node.values) - 1:
                continue
            left.append(self.visit(each))
            if found is not OPEN and bool(found) is ends:
                break
        return left[0] if len(left) == 1 else ast.copy_location(ast.BoolOp(node.op, left), node)
