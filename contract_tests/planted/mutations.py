"""Small changes to a Python module, one at a time: operators swapped, constants moved, conditions negated."""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

Change = Callable[[ast.AST], ast.AST]
Step = tuple[str, int | None]

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
NAMES = {"any": "all", "all": "any", "min": "max", "max": "min", "sorted": "list", "True": "False", "False": "True"}
ATTRIBUTES = {"and_": "or_", "or_": "and_", "sub": "or_", "lower": "strip"}


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change: in which function, what stood there and what stands there now."""

    module: str
    function: str
    number: int
    before: str
    after: str
    source: str
    path: tuple[Step, ...]
    choice: int

    @property
    def name(self) -> str:
        """A name that stays the same as long as the function does."""
        where = f"{self.module}_{self.function}".replace(".", "_").replace("<", "").replace(">", "")
        return f"{where}_{self.number}".lower()

    @property
    def tree(self) -> ast.Module:
        """The whole module with the change in it."""
        tree = ast.parse(self.source)
        old = _at(tree, self.path)
        change = [*_changes(old)][self.choice]
        _put(tree, self.path, change(old))
        return ast.fix_missing_locations(tree)


def mutations(module: str, source: str, within: Callable[[str], bool] = lambda function: True) -> Iterator[Mutation]:
    """Every change to the functions of a module that `within` names, in the order of the source."""
    tree = ast.parse(source)
    numbers: Counter[str] = Counter()
    for function, path, node in _sites(tree, (), ""):
        if not function or not within(function):
            continue
        before = _text(node)
        for choice, change in enumerate(_changes(node)):
            after = _text(change(copy.deepcopy(node)))
            numbers[function] += 1
            yield Mutation(module, function, numbers[function], before, after, source, path, choice)


def _sites(node: ast.AST, path: tuple[Step, ...], function: str) -> Iterator[tuple[str, tuple[Step, ...], ast.AST]]:
    """Every node of a function's body, with its path; annotations, decorators and texts for people are left alone."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        name = f"{function}.{node.name}" if function else node.name
        for index, child in enumerate(node.body):
            if index == 0 and isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                continue
            yield from _sites(child, (*path, ("body", index)), name)
        return
    if isinstance(node, ast.AnnAssign | ast.JoinedStr | ast.Import | ast.ImportFrom | ast.Assert):
        return
    yield function if not _is_class_body(path) else "", path, node
    for name, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            yield from _sites(value, (*path, (name, None)), function)
        elif isinstance(value, list):
            for index, child in enumerate(value):
                if isinstance(child, ast.AST):
                    yield from _sites(child, (*path, (name, index)), function)


def _is_class_body(path: tuple[Step, ...]) -> bool:
    return len(path) < 2


def _at(tree: ast.AST, path: tuple[Step, ...]) -> ast.AST:
    for name, index in path:
        value = getattr(tree, name)
        tree = value if index is None else value[index]
    return tree


def _put(tree: ast.AST, path: tuple[Step, ...], new: ast.AST) -> None:
    parent, (name, index) = _at(tree, path[:-1]), path[-1]
    if index is None:
        setattr(parent, name, new)
    else:
        getattr(parent, name)[index] = new


def _text(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 90 else text[:87] + "…"


def _changes(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.Compare(ops=[op]):
            for other in COMPARISONS[type(op)]:
                yield partial(_with, ops=[other()])
        case ast.BoolOp(op=op, values=values):
            yield partial(_with, op=ast.Or() if isinstance(op, ast.And) else ast.And())
            for index in range(len(values)):
                yield partial(_without, index=index)
        case ast.UnaryOp(op=ast.Not()):
            yield lambda old: _field(old, "operand")
        case ast.If() | ast.IfExp() | ast.While():
            yield lambda old: _with(old, test=ast.UnaryOp(ast.Not(), _field(old, "test")))
        case ast.comprehension(ifs=[_]):
            yield partial(_with, ifs=[])
        case ast.Constant(value=bool(truth)):
            yield partial(_with, value=not truth)
        case ast.Constant(value=int(number)):
            yield partial(_with, value=number + 1)
            yield partial(_with, value=number - 1)
        case ast.BinOp(op=sign) if type(sign) in ARITHMETIC:
            yield partial(_with, op=ARITHMETIC[type(sign)]())
        case ast.Name(id=name) if name in NAMES:
            yield partial(_with, id=NAMES[name])
        case ast.Attribute(attr=name) if name in ATTRIBUTES:
            yield partial(_with, attr=ATTRIBUTES[name])
        case ast.Slice(lower=lower, upper=upper):
            for part, bound in (("lower", lower), ("upper", upper)):
                if bound is not None and not isinstance(bound, ast.Constant):
                    yield partial(_one_more, part=part)
                    yield partial(_unbounded, part=part)
        case ast.Expr(value=ast.Call()) | ast.Raise() | ast.Continue() | ast.AugAssign() | ast.Delete():
            yield lambda old: ast.Pass()
        case ast.Return(value=ast.Call(func=ast.Name(id="bool"), args=[_])):
            yield lambda old: ast.Return(ast.Constant(True))


def _unbounded(node: ast.AST, part: str) -> ast.AST:
    """A slice without one of its bounds."""
    setattr(node, part, None)
    return node


def _one_more(node: ast.AST, part: str) -> ast.AST:
    """A slice whose bound is one further."""
    return _with(node, **{part: ast.BinOp(_field(node, part), ast.Add(), ast.Constant(1))})


def _with(node: ast.AST, **fields: object) -> ast.AST:
    for name, value in fields.items():
        setattr(node, name, value)
    return node


def _field(node: ast.AST, name: str) -> ast.expr:
    value = getattr(node, name)
    assert isinstance(value, ast.expr)
    return value


def _without(node: ast.AST, index: int) -> ast.AST:
    """A condition without one of its parts."""
    assert isinstance(node, ast.BoolOp)
    kept = [value for position, value in enumerate(node.values) if position != index]
    return kept[0] if len(kept) == 1 else ast.BoolOp(node.op, kept)
