"""Where the variables of a function are declared: with their first value, where nothing outside of that block needs
them, and otherwise in front of everything."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from fakeserver.export.kinds import stored

Block = Sequence[ast.stmt]


@dataclass
class Declarations:
    """What stands where: `words` has `const` or `let` by the id of the statement that declares all that it gives a
    value, `early` the names that are declared in front."""

    words: dict[int, str] = field(default_factory=dict)
    early: list[str] = field(default_factory=list)


def declarations_in(body: Block, names: Iterable[str]) -> Declarations:
    found = Declarations()
    places: dict[str, list[ast.stmt]] = {}
    for name in names:
        at = places_in(body, name)
        if at is None:
            found.early.append(name)
        else:
            places[name] = at
    # A statement that gives values to several names declares all of them or none.
    while wrong := {
        name
        for name, statements in places.items()
        if any(each not in places or places[each] != statements for at in statements for each in targets_of(at))
    }:
        found.early += [name for name in places if name in wrong]
        places = {name: at for name, at in places.items() if name not in wrong}
    for name, statements in places.items():
        word = "const" if assignments_in(body, name) == len(statements) else "let"
        for each in statements:
            found.words[id(each)] = "let" if found.words.get(id(each)) == "let" else word
    return found


def places_in(block: Block, name: str) -> list[ast.stmt] | None:
    """The statements that can declare a name; None where none can, or where it is not within this block alone."""
    at = [each for each in block if mentions(each, name)]
    if not at:
        return None
    first = at[0]
    if is_declaration(first, name):
        return [first]
    if all(isinstance(each, ast.For) and is_loop_of(each, name) for each in at):
        return at
    if len(at) > 1:
        return None
    found: list[ast.stmt] = []
    blocks, others = parts_of(first)
    if any(mentions(each, name) for each in others):
        return None
    for inner in blocks:
        if any(mentions(each, name) for each in inner):
            places = places_in(inner, name)
            if places is None:
                return None
            found += places
    return found or None


def is_declaration(node: ast.stmt, name: str) -> bool:
    """Whether a statement gives a name its first value, without looking at one that it has."""
    match node:
        case ast.Assign(targets=[target], value=value):
            plain = isinstance(target, ast.Name) or (
                isinstance(target, ast.Tuple) and all(isinstance(each, ast.Name) for each in target.elts)
            )
            return plain and is_once(name, target) and not mentions(value, name)
        case ast.AnnAssign(target=ast.Name(id=found), value=ast.expr() as value):
            return found == name and not mentions(value, name)
    return False


def is_loop_of(node: ast.For, name: str) -> bool:
    return is_once(name, node.target) and not mentions(node.iter, name)


def is_once(name: str, target: ast.expr) -> bool:
    """Whether a target has a name, and has it once: what is declared twice at once is refused there."""
    names = [*stored(target)]
    return name in names and len({*names}) == len(names)


def targets_of(node: ast.stmt) -> list[str]:
    match node:
        case ast.Assign(targets=[target]) | ast.AnnAssign(target=target) | ast.For(target=target):
            return [*stored(target)]
    return []


def parts_of(node: ast.stmt) -> tuple[list[Block], list[ast.AST]]:
    """The blocks of a statement, and everything else in it."""
    match node:
        case ast.If(test=test, body=body, orelse=other):
            return [body, other], [test]
        case ast.For(target=target, iter=each, body=body):
            return [body], [target, each]
        case ast.While(test=test, body=body):
            return [body], [test]
        case ast.Match(subject=subject, cases=cases):
            others: list[ast.AST] = [subject]
            for case in cases:
                others += [case.pattern, *([case.guard] if case.guard else [])]
            return [case.body for case in cases], others
        case ast.Try(body=body, handlers=clauses):
            return [body, *(each.body for each in clauses)], [*(each.type for each in clauses if each.type)]
    return [], [node]


def mentions(node: ast.AST, name: str) -> bool:
    return any(
        (isinstance(each, ast.Name) and each.id == name)
        or (isinstance(each, ast.FunctionDef | ast.ExceptHandler | ast.MatchAs) and each.name == name)
        or (isinstance(each, ast.arg) and each.arg == name)
        for each in ast.walk(node)
    )


def assignments_in(body: Block, name: str) -> int:
    """How often a name gets a value."""
    nodes = [each for part in body for each in ast.walk(part)]
    return sum(isinstance(each, ast.Name) and each.id == name and isinstance(each.ctx, ast.Store) for each in nodes)


def read_in(body: Block, dropped: Collection[str]) -> set[str]:
    """The names that are looked at, but for those in arguments that are dropped."""
    found: set[str] = set()
    waiting: list[ast.AST] = [*body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.keyword) and node.arg in dropped:
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.add(node.id)
        waiting += ast.iter_child_nodes(node)
    return found
