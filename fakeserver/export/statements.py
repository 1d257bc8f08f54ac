"""Functions and their statements, each said in TypeScript."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from fakeserver.export.declarations import Declarations, declarations_in, mentions, read_in
from fakeserver.export.expressions import MISSING, Expressions
from fakeserver.export.folding import Folding
from fakeserver.export.kinds import UNKNOWN, Kinds, assigned_to, kinds_in
from fakeserver.export.natives import DROPPED, OPERATORS, UNREAD
from fakeserver.export.sources import argument_names, assigned_in, comment_of, load, yields
from fakeserver.export.spelling import safe

Node = TypeVar("Node", ast.FunctionDef, ast.Lambda, ast.FunctionDef | ast.Lambda)
DEPTH = 2
"""Variables that are known by one another."""
SET_ASIDE = frozenset().union(*DROPPED.values())


class Writer(Expressions):
    """Says one function."""

    _declared = Declarations()

    def settled(self, node: Node, switches: Mapping[str, Any]) -> Node:
        """The function under the choices that are made of switches."""
        nodes = [*ast.walk(node)]
        own = {each.arg for each in nodes if isinstance(each, ast.arg)}
        own |= {each.id for each in nodes if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
        settled: Node = Folding(switches, self._inner(own).static, MISSING, self._typed).fold(node)
        return settled

    def function(self, node: ast.FunctionDef | ast.Lambda, name: str) -> str:
        if isinstance(node, ast.Lambda):
            inner = self._inner(argument_names(node.args))
            return f"function {name}({inner.parameters(node.args)}): any {{\n  return {inner.value(node.body)};\n}}\n"
        star = "*" if yields(node) else ""
        return f"{comment_of(node)}function{star} {name}{self._body(node, '', skip=0)}\n"

    def method(self, node: ast.FunctionDef | ast.Lambda, name: str) -> str:
        assert isinstance(node, ast.FunctionDef)
        own = node.args.args[0].arg
        return f"{safe(name)}{self._body(node, '  ', skip=1, own=own)}"

    def _body(self, node: ast.FunctionDef, indent: str, *, skip: int, own: str = "") -> str:
        arguments = argument_names(node.args)
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        variables = dict.fromkeys(each for each in assigned_in(body) if each not in arguments)
        functions = {each.name for each in ast.walk(node) if isinstance(each, ast.FunctionDef) and each is not node}
        inner = self._inner([*arguments, *variables])
        inner._learn(body)
        inner._declared = declarations_in(body, [each for each in variables if each not in functions])
        left = functions - read_in(body, SET_ASIDE)
        body = [each for each in body if not (isinstance(each, ast.FunctionDef) and each.name in left)]
        lines = []
        if own and functions - left:
            lines.append(f"{indent}  const {safe(own)}: any = this;")
        else:
            inner._own = own
        plain = [safe(each) for each in inner._declared.early]
        if plain:
            lines.append(f"{indent}  let {', '.join(f'{each}: any' for each in plain)};")
        lines += inner.statements(body, indent + "  ")
        kind = "" if yields(node) else ": any"
        return f"({inner.parameters(node.args, skip)}){kind} {{\n" + "\n".join(lines) + f"\n{indent}}}"

    def _learn(self, body: list[ast.stmt]) -> None:
        """What is known of variables: what parameters are said to be, and what all values of a name are."""
        given: dict[str, list[tuple[ast.expr | None, ast.expr | None]]] = {}
        for name, value, annotation in assigned_to(body):
            given.setdefault(name, []).append((value, annotation))
        said = {name: self._known[name] for name in given if name in self._known}
        for name in given:
            self._typed.learn(name, UNKNOWN)
        for _ in range(DEPTH):
            for name, values in given.items():
                found = [self._kinds_of(*each) for each in values] + ([said[name]] if name in said else [])
                if all(found):
                    self._typed.learn(name, frozenset().union(*found))
        self._known = self._typed.known

    def _kinds_of(self, value: ast.expr | None, annotation: ast.expr | None) -> Kinds:
        if annotation is None:
            return UNKNOWN if value is None else self._typed.of(value)
        try:
            code = compile(ast.Expression(annotation), "<annotation>", "eval")
            return kinds_in(eval(code, {**self._scope}))  # the provider's own source, not input
        except Exception:  # it may name what only a type checker sees
            return UNKNOWN

    # Statements

    def statements(self, body: Iterable[ast.stmt], indent: str) -> list[str]:
        return [line for each in body for line in self.statement(each, indent)]

    def block(self, body: Iterable[ast.stmt], indent: str) -> str:
        return "{\n" + "".join(f"{line}\n" for line in self.statements(body, indent + "  ")) + f"{indent}}}"

    def statement(self, node: ast.stmt, indent: str) -> list[str]:
        match node:
            case ast.Return(value=value):
                return [f"{indent}return {'null' if value is None else self.value(value)};"]
            case ast.Expr(value=ast.Yield(value=value)):
                return [f"{indent}yield {'null' if value is None else self.value(value)};"]
            case ast.Expr(value=ast.YieldFrom(value=value)):
                return [f"{indent}yield* {self.each(value)};"]
            case ast.Expr(value=ast.Constant()) | ast.Pass() | ast.Assert():
                return []
            case ast.Expr(value=value):
                return [f"{indent}{self.value(value)};"]
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)) if self._is_pairwise(
                node, targets, values
            ):
                return [
                    f"{indent}{self._word(node)}{self.assign(each, self.value(value), self._kind(node))};"
                    for each, value in zip(targets, values, strict=True)
                ]
            case ast.Assign(targets=[ast.Attribute(attr=name)]) if name in UNREAD:
                return []
            case ast.Assign(targets=[ast.Tuple() as target], value=value) if self._typed.is_pair(value):
                return [f"{indent}{self._word(node)}{self.target(target)}{self._kind(node)} = {self.value(value)};"]
            case ast.Assign(targets=[target], value=value):
                return [f"{indent}{self._word(node)}{self.assign(target, self.value(value), self._kind(node))};"]
            case ast.Assign(targets=targets, value=value):
                lines = [f"{indent}{self.assign(targets[-1], self.value(value))};"]
                return lines + [f"{indent}{self.assign(each, self.value(load(targets[-1])))};" for each in targets[:-1]]
            case ast.AnnAssign(target=target, value=value):
                if value is None:
                    return []
                return [f"{indent}{self._word(node)}{self.assign(target, self.value(value), self._kind(node))};"]
            case ast.AugAssign(target=target, op=op, value=value):
                operator = OPERATORS.get(type(op))
                if operator is None:
                    raise self._refuse(f"the operator {type(op).__name__}", node)
                return [
                    f"{indent}{self.assign(target, f'py.{operator}({self.value(load(target))}, {self.value(value)})')};"
                ]
        return self._control(node, indent)

    def _word(self, node: ast.stmt) -> str:
        """What declares the names that a statement gives values to."""
        word = self._declared.words.get(id(node))
        return "" if word is None else f"{word} "

    def _kind(self, node: ast.stmt) -> str:
        return ": any" if id(node) in self._declared.words else ""

    def _is_pairwise(self, node: ast.stmt, targets: list[ast.expr], values: list[ast.expr]) -> bool:
        """Whether names get values that do not depend on one another."""
        names = [each.id for each in targets if isinstance(each, ast.Name)]
        plain = len(names) == len(targets) == len(values) and not any(isinstance(each, ast.Starred) for each in values)
        return plain and (
            id(node) in self._declared.words or not any(mentions(each, name) for each in values for name in names)
        )

    def _control(self, node: ast.stmt, indent: str) -> list[str]:
        """A statement with others in it, or one that leaves them."""
        match node:
            case ast.If(test=test, body=body, orelse=other):
                text = f"{indent}if ({self.truth(test)}) {self.block(body, indent)}"
                if len(other) == 1 and isinstance(other[0], ast.If):
                    return [f"{text} else {self.statement(other[0], indent)[0].lstrip()}"]
                return [text + (f" else {self.block(other, indent)}" if other else "")]
            case ast.For(target=target, iter=each, body=body, orelse=[]):
                text = self.target(target)
                return [f"{indent}for ({self._word(node)}{text} of {self.each(each)}) {self.block(body, indent)}"]
            case ast.While(test=test, body=body, orelse=[]):
                return [f"{indent}while ({self.truth(test)}) {self.block(body, indent)}"]
            case ast.Break():
                return [f"{indent}break;"]
            case ast.Continue():
                return [f"{indent}continue;"]
            case ast.Raise(exc=None):
                return [f"{indent}throw {self._caught[-1]};"]
            case ast.Raise(exc=error) if error is not None:
                return [f"{indent}throw {self.value(error)};"]
            case ast.Try(body=body, handlers=clauses, orelse=other, finalbody=[]):
                return self._try(body, clauses, other, indent)
            case ast.Match(subject=subject, cases=cases):
                return self._match(subject, cases, indent)
            case ast.Delete(targets=[ast.Subscript(value=value, slice=key)]):
                return [f"{indent}py.remove({self.value(value)}, {self.value(key)});"]
            case ast.FunctionDef():
                star = "*" if yields(node) else ""
                return [f"{indent}function{star} {safe(node.name)}{self._body(node, indent, skip=0)}"]
        raise self._refuse(f"a statement of the kind {type(node).__name__}", node)

    def _try(
        self, body: list[ast.stmt], clauses: list[ast.ExceptHandler], other: list[ast.stmt], indent: str
    ) -> list[str]:
        caught = f"caught{len(self._caught) + 1}"
        text = f"{indent}try {self.block([*body, *other], indent)} catch ({caught}: any) {{\n"
        for place, clause in enumerate(clauses):
            names = [clause.name] if clause.name else []
            inner = self._inner(names)
            inner._caught, inner._declared = [*self._caught, caught], self._declared
            given = f"const {safe(clause.name)}: any = {caught};" if clause.name else ""
            last = place == len(clauses) - 1
            if clause.type is not None:
                test = self.test(caught, clause.type)
                text += f"{indent}  if (!({test})) throw {caught};\n" if last else f"{indent}  if ({test}) {{\n"
            text += f"{indent}  {given}\n" if given else ""
            text += "".join(f"{line}\n" for line in inner.statements(clause.body, indent + "  "))
            text += "" if last else f"{indent}  }} else {{\n"
        return [text + f"{indent}  }}\n" * (len(clauses) - 1) + f"{indent}}}"]

    def _match(self, subject: ast.expr, cases: list[ast.match_case], indent: str) -> list[str]:
        value = self.value(subject)
        text = indent
        for index, case in enumerate(cases):
            test = self.pattern(case.pattern, value)
            given = ""
            if isinstance(case.pattern, ast.MatchAs) and case.pattern.name:
                given = f"{safe(case.pattern.name)} = {value};"
            if case.guard is not None:
                if given:
                    raise self._refuse("a guard on a captured value", case.pattern)
                test = f"{test} && {self.truth(case.guard)}"
            block = self.block(case.body, indent)
            if given:
                block = "{\n" + f"{indent}  {given}\n" + block[2:]
            text += ("" if not index else " else ") + (block if test == "true" and index else f"if ({test}) {block}")
        return [text]

    def pattern(self, pattern: ast.pattern, value: str) -> str:
        match pattern:
            case ast.MatchValue(value=other):
                return f"py.eq({value}, {self.value(other)})"
            case ast.MatchSingleton(value=other):
                return f"{value} === {self._refer(other, 'value')}"
            case ast.MatchOr(patterns=patterns):
                return "(" + " || ".join(self.pattern(each, value) for each in patterns) + ")"
            case ast.MatchAs(pattern=None):
                return "true"
            case ast.MatchClass(cls=kind, patterns=[], kwd_patterns=[]):
                return self.test(value, kind)
        raise self._refuse(f"a pattern of the kind {type(pattern).__name__}", pattern)

    def assign(self, target: ast.expr, value: str, kind: str = "") -> str:
        match target:
            case ast.Name(id=name):
                return f"{safe(name)}{kind} = {value}"
            case ast.Tuple() | ast.List():
                text = f"{self.target(target)}{kind} = py.unpack({value}, {len(target.elts)})"
                return f"({text})" if text.startswith("{") else text
            case ast.Subscript(value=held, slice=ast.Slice()):
                raise self._refuse("a slice is given a value", held)
            case ast.Subscript(value=held, slice=key):
                return f"py.put({self.value(held)}, {self.value(key)}, {value})"
            case ast.Attribute(value=held, attr=name):
                return f"{self.value(held)}.{safe(name)} = {value}"
        raise self._refuse(f"a value is given to {type(target).__name__}", target)
