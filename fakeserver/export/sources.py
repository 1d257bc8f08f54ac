"""Functions where they are written: their syntax, and what their names mean outside of them."""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import sys
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from fakeserver.export.unexportable import Unexportable


@functools.lru_cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(sys.modules[module]))


def node_of(function: types.FunctionType) -> ast.FunctionDef | ast.Lambda:
    """Where a function is written."""
    code = function.__code__
    try:
        tree = tree_of(function.__module__)
    except (OSError, KeyError, TypeError) as error:
        raise Unexportable(f"{function.__qualname__} has no source", told=True) from error
    if code.co_name == "<lambda>":
        found = lambdas_of(tree, code)
    else:
        found = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef) and begins_at(each, code)]
    if len(found) != 1:
        raise Unexportable(f"{function.__qualname__} is not found in its source", told=True)
    return found[0]


def begins_at(node: ast.FunctionDef, code: types.CodeType) -> bool:
    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    return node.name == code.co_name and first == code.co_firstlineno


def lambdas_of(tree: ast.Module, code: types.CodeType) -> Sequence[ast.FunctionDef | ast.Lambda]:
    """Those that the code may be of: of several on a line, the one whose body is among its instructions."""
    names = code.co_varnames[: code.co_argcount]
    found = [
        each
        for each in ast.walk(tree)
        if isinstance(each, ast.Lambda)
        and each.lineno == code.co_firstlineno
        and tuple(argument.arg for argument in each.args.args) == names
    ]
    if len(found) < 2:
        return found
    spans = {*code.co_positions()}

    def is_meant(node: ast.Lambda) -> bool:
        body = node.body
        return (body.lineno, body.end_lineno, body.col_offset, body.end_col_offset) in spans

    return [each for each in found if is_meant(each)]


def scope_of(function: types.FunctionType) -> Mapping[str, Any]:
    """What the names of a function mean outside of it."""
    inner = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        inner[name] = cell.cell_contents
    return {**vars(builtins), **function.__globals__, **inner}


def is_written(function: types.FunctionType, owner: type) -> bool:
    """Whether a method stands in the source of a class, and was not made for it."""
    return function.__qualname__.startswith(f"{owner.__qualname__}.") and function.__code__.co_filename.endswith(".py")


def assigned_in(body: Iterable[ast.stmt]) -> Iterator[str]:
    """The names that statements give values to, but for those of functions within."""
    waiting: list[ast.AST] = [*body]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.FunctionDef):
            yield node.name
            continue
        if isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            yield from (each.target.id for each in ast.walk(node) if isinstance(each, ast.NamedExpr))
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        if isinstance(node, ast.NamedExpr):
            yield node.target.id
        if isinstance(node, ast.MatchAs) and node.name:
            yield node.name
        waiting += ast.iter_child_nodes(node)


def argument_names(given: ast.arguments) -> list[str]:
    found = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return found + [each.arg for each in (given.vararg, given.kwarg) if each]


def yields(node: ast.FunctionDef) -> bool:
    waiting: list[ast.AST] = [*node.body]
    while waiting:
        each = waiting.pop()
        if isinstance(each, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(each, ast.FunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(each)
    return False


def load(target: ast.expr) -> ast.expr:
    """The value of a target before it gets another one."""
    match target:
        case ast.Name(id=name):
            return ast.copy_location(ast.Name(name, ast.Load()), target)
        case ast.Attribute(value=value, attr=name):
            return ast.copy_location(ast.Attribute(value, name, ast.Load()), target)
        case ast.Subscript(value=value, slice=key):
            return ast.copy_location(ast.Subscript(value, key, ast.Load()), target)
    return target


def comment_of(node: ast.FunctionDef) -> str:
    told = ast.get_docstring(node)
    if told is None:
        return ""
    lines = told.replace("*/", "* /").splitlines()
    if len(lines) == 1:
        return f"/** {lines[0]} */\n"
    return "/**\n" + "".join(f" * {line.strip()}".rstrip() + "\n" for line in lines) + " */\n"


def signature_of(function: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None
