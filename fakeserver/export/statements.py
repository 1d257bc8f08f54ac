"""Functions and their statements, each said in TypeScript."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from fakeserver.export.expressions import OPERATORS, Expressions
from fakeserver.export.sources import argument_names, assigned_in, comment_of, load, yields
from fakeserver.export.spelling import safe


class Writer(Expressions):
    """Says one function."""

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
        inner = self._inner([*arguments, *variables])
        lines = [f"{indent}  const {safe(own)}: any = this;"] if own else []
        functions = {each.name for each in ast.walk(node) if isinstance(each, ast.FunctionDef) and each is not node}
        plain = [safe(each) for each in variables if each not in functions]
        if plain:
            lines.append(f"{indent}  let {', '.join(f'{each}: any' for each in plain)};")
        lines += inner.statements(body, indent + "  ")
        kind = "" if yields(node) else ": any"
        return f"({inner.parameters(node.args, skip)}){kind} {{\n" + "\n".join(lines) + f"\n{indent}}}"

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
                return [f"{indent}yield* py.iter({self.value(value)});"]
            case ast.Expr(value=ast.Constant()) | ast.Pass() | ast.Assert():
                return []
            case ast.Expr(value=value):
                return [f"{indent}{self.value(value)};"]
            case ast.Assign(targets=[target], value=value):
                return [f"{indent}{self.assign(target, self.value(value))};"]
            case ast.Assign(targets=targets, value=value):
                lines = [f"{indent}{self.assign(targets[-1], self.value(value))};"]
                return lines + [f"{indent}{self.assign(each, self.value(load(targets[-1])))};" for each in targets[:-1]]
            case ast.AnnAssign(target=target, value=value):
                return [] if value is None else [f"{indent}{self.assign(target, self.value(value))};"]
            case ast.AugAssign(target=target, op=op, value=value):
                name = OPERATORS.get(type(op))
                if name is None:
                    raise self._refuse(f"the operator {type(op).__name__}", node)
                return [
                    f"{indent}{self.assign(target, f'py.{name}({self.value(load(target))}, {self.value(value)})')};"
                ]
        return self._control(node, indent)

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
                return [f"{indent}for ({text} of py.iter({self.value(each)})) {self.block(body, indent)}"]
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
        lines = f"{indent}try {self.block([*body, *other], indent)} catch ({caught}: any) {{\n"
        for clause in clauses:
            kinds = "py.Exception" if clause.type is None else self.kinds(clause.type)
            names = [clause.name] if clause.name else []
            inner = self._inner(names)
            inner._caught = [*self._caught, caught]
            given = f"{indent}    const {safe(clause.name)}: any = {caught};\n" if clause.name else ""
            inside = "".join(f"{line}\n" for line in inner.statements(clause.body, indent + "    "))
            lines += f"{indent}  if (py.isinstance({caught}, {kinds})) {{\n{given}{inside}{indent}  }} else\n"
        return [lines + f"{indent}  throw {caught};\n{indent}}}"]

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
                return f"py.isinstance({value}, {self.kinds(kind)})"
        raise self._refuse(f"a pattern of the kind {type(pattern).__name__}", pattern)

    def assign(self, target: ast.expr, value: str) -> str:
        match target:
            case ast.Name(id=name):
                return f"{safe(name)} = {value}"
            case ast.Tuple() | ast.List():
                text = f"{self.target(target)} = py.unpack({value}, {len(target.elts)})"
                return f"({text})" if text.startswith("{") else text
            case ast.Subscript(value=held, slice=ast.Slice()):
                raise self._refuse("a slice is given a value", held)
            case ast.Subscript(value=held, slice=key):
                return f"py.put({self.value(held)}, {self.value(key)}, {value})"
            case ast.Attribute(value=held, attr=name):
                return f"{self.value(held)}.{safe(name)} = {value}"
        raise self._refuse(f"a value is given to {type(target).__name__}", target)
