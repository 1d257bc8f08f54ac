"""Expressions, each said in TypeScript."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import re
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Self

from fakeserver.export import natives
from fakeserver.export.kinds import LISTED, LOOPED, NUMBER, TEXT, Kinds, Typed
from fakeserver.export.listings import POSITIONS, describe_position
from fakeserver.export.sources import argument_names, signature_of
from fakeserver.export.spelling import bound, is_at_hand, is_member, listed, member, safe, template
from fakeserver.export.unexportable import Unexportable

MISSING: Final = object()
ONE = "each"
SCALARS = (str, int, bool, type(None))
FEWEST = 3
"""Members that are worth a constant of their own."""
NOTHING: Mapping[str, Kinds] = {}
Refer = Callable[[Any, str], str]
"""What says a value of Python; the second is what it may be called."""


class Expressions:
    """Says the expressions of one function."""

    def __init__(
        self, refer: Refer, scope: Mapping[str, Any], where: str, names: frozenset[str] = frozenset(),
        known: Mapping[str, Kinds] = NOTHING,
    ) -> None:  # fmt: skip
        self._refer = refer
        self._scope = scope
        self._where = where
        self._names = names
        """What is a variable here."""
        self._known = known
        """What is known of variables' types."""
        self._typed = Typed(self.static, MISSING, known)
        self._own = ""
        """What a method calls the value that it is called on."""
        self._caught: list[str] = []

    def _refuse(self, what: str, node: ast.AST) -> Unexportable:
        return Unexportable(f"{self._where}, line {getattr(node, 'lineno', '?')}: {what}", told=True)

    def _inner(self, names: Iterable[str]) -> Self:
        inner = type(self)(self._refer, self._scope, self._where, self._names | {*names}, self._known)
        inner._caught, inner._own = self._caught, self._own
        return inner

    def parameters(self, given: ast.arguments, skip: int = 0) -> str:
        if given.vararg and (given.kwonlyargs or given.kwarg):
            raise self._refuse("a function of any number of values and of names", given.vararg)
        positional = [*given.posonlyargs, *given.args]
        defaults: list[ast.expr | None] = [None] * (len(positional) - len(given.defaults)) + [*given.defaults]
        both = [*zip(positional, defaults, strict=True), *zip(given.kwonlyargs, given.kw_defaults, strict=True)]
        texts = [
            f"{safe(each.arg)}: any" + ("" if default is None else f" = {self.value(default)}")
            for each, default in both[skip:]
        ]
        if given.vararg:
            texts.append(f"...{safe(given.vararg.arg)}: any[]")
        if given.kwarg:
            texts.append(f"{safe(given.kwarg.arg)}: any = py.dict()")
        return ", ".join(texts)

    def truth(self, node: ast.expr) -> str:
        """A condition as a boolean."""
        match node:
            case ast.BoolOp(op=op, values=values):
                sign = " && " if isinstance(op, ast.And) else " || "
                return "(" + sign.join(map(self.truth, values)) + ")"
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                return f"!{self.truth(inner)}"
            case ast.Compare():
                return self.value(node)
            case ast.Constant(value=bool()):
                return self.value(node)
            case ast.Call(func=function) if self.static(function) in natives.BOOLEAN:
                return self.value(node)
        return self.value(node) if self._typed.is_truth(node) else f"py.truth({self.value(node)})"

    def static(self, node: ast.expr) -> Any:
        """The value of a name, or of an attribute of a module or class; `MISSING` where it is a variable's."""
        if isinstance(node, ast.Name):
            return MISSING if node.id in self._names else self._scope.get(node.id, MISSING)
        if isinstance(node, ast.Attribute):
            held = self.static(node.value)
            if isinstance(held, types.ModuleType | type) or (held is not MISSING and dataclasses.is_dataclass(held)):
                found = getattr(held, node.attr, MISSING)
                return MISSING if isinstance(found, types.MethodType) else found
        return MISSING

    def classes(self, node: ast.expr) -> tuple[Any, ...]:
        """The second argument of `isinstance`."""
        scope = {name: each for name, each in self._scope.items() if name not in self._names}
        found = eval(compile(ast.Expression(node), "<kinds>", "eval"), scope)  # the provider's own source, not input
        return getattr(found, "__args__", None) or (found if isinstance(found, tuple) else (found,))

    def test(self, value: str, node: ast.expr) -> str:
        """Whether a value is of one of some classes."""
        classes = self.classes(node)
        if re.fullmatch(r"[\w.]+", value) or len(classes) == 1:
            tests = [natives.TESTS.get(each) or f"{{}} instanceof {self._refer(each, 'value')}" for each in classes]
            text = " || ".join(each.format(value) for each in dict.fromkeys(tests))
            return f"({text})" if " " in text else text
        return f"(({ONE}: any) => {self.test(ONE, node)})({value})"

    def array(self, node: ast.expr) -> str:
        """What can be gone through, as an array."""
        text = self.value(node)
        return text if self._typed.is_among(node, LISTED) else f"py.list({text})"

    def each(self, node: ast.expr) -> str:
        """The same where any loop over it will do."""
        text = self.value(node)
        literal = isinstance(node, ast.Tuple | ast.List | ast.Constant)
        return text if self._typed.is_among(node, LOOPED) and not literal else f"py.iter({text})"

    def value(self, node: ast.expr) -> str:
        match node:
            case ast.Constant(value=value):
                if isinstance(value, bytes):
                    return f"py.bytes({json.dumps(value.decode('latin-1'))})"
                return self._refer(value, "value")
            case ast.Name(id=name) if name in self._names:
                return "this" if name == self._own else safe(name)
            case ast.Name(id=name):
                held = self._scope.get(name, MISSING)
                if held is MISSING:
                    raise self._refuse(f"the name {name}", node)
                return self._refer(held, name)
            case ast.Attribute(value=inner, attr=name):
                held = self.static(node)
                if held is not MISSING:
                    return self._refer(held, name)
                if name in natives.ATTRIBUTES:
                    return f"py.{natives.ATTRIBUTES[name]}({self.value(inner)})"
                if name in natives.METHODS and not self._typed.has_field(inner, name):
                    return bound(self.value(inner), name)
                return f"{self.value(inner)}.{safe(name)}"
            case ast.Call():
                return self.call(node)
            case ast.BoolOp(op=op, values=values):
                name, sign = ("and", "&&") if isinstance(op, ast.And) else ("or", "||")
                text = self.value(values[-1])
                for each in reversed(values[:-1]):
                    if self._typed.is_truth(each):
                        text = f"({self.value(each)} {sign} {text})"
                    else:
                        text = f"py.{name}({self.value(each)}, {text if is_at_hand(text) else f'() => {text}'})"
                return text
            case ast.UnaryOp(op=ast.Not()):
                return self.truth(node)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return f"py.neg({self.value(inner)})"
            case ast.BinOp(left=left, op=op, right=right):
                operator = natives.OPERATORS.get(type(op))
                if operator is None:
                    raise self._refuse(f"the operator {type(op).__name__}", node)
                return f"py.{operator}({self.value(left)}, {self.value(right)})"
            case ast.Compare():
                return self.compare(node)
            case ast.IfExp(test=test, body=body, orelse=other):
                return f"({self.truth(test)} ? {self.value(body)} : {self.value(other)})"
        return self._composed(node)

    def _composed(self, node: ast.expr) -> str:
        """An expression that is made of any number of others."""
        match node:
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                return listed(self.elements(parts))
            case ast.Set(elts=parts):
                return f"py.set({listed(self.elements(parts))})"
            case ast.Dict(keys=keys, values=values):
                return self.object([*zip(keys, values, strict=True)])
            case ast.Subscript(value=inner) if isinstance(self.static(inner), type):
                # A type with what is in it, as `set[str]`.
                return self.value(inner)
            case ast.Subscript(value=inner, slice=ast.Slice(lower=lower, upper=upper, step=step)):
                ends = [("null" if each is None else self.value(each)) for each in (lower, upper, step)]
                return f"py.slice({self.value(inner)}, {', '.join(ends)})"
            case ast.Subscript(value=inner, slice=key):
                return f"py.at({self.value(inner)}, {self.value(key)})"
            case ast.JoinedStr(values=parts):
                return "`" + "".join(map(self.piece, parts)) + "`"
            case ast.Lambda(args=arguments, body=body):
                inner_ = self._inner(argument_names(arguments))
                return f"(({inner_.parameters(arguments)}) => {inner_.value(body)})"
            case ast.ListComp(elt=element, generators=loops) | ast.GeneratorExp(elt=element, generators=loops):
                return self.comprehension(loops, lambda writer: writer.value(element))
            case ast.SetComp(elt=element, generators=loops):
                return f"py.set({self.comprehension(loops, lambda writer: writer.value(element))})"
            case ast.DictComp(key=key, value=element, generators=loops):
                entry = self.comprehension(loops, lambda writer: f"[{writer.value(key)}, {writer.value(element)}]")
                return f"py.dict({entry})"
            case ast.NamedExpr(target=target, value=inner):
                return f"({safe(target.id)} = {self.value(inner)})"
            case ast.Starred(value=inner):
                return f"...{self.each(inner)}"
        raise self._refuse(f"an expression of the kind {type(node).__name__}", node)

    def object(self, entries: list[tuple[ast.expr | None, ast.expr]]) -> str:
        """An object from those that it takes over and the members between them."""
        parts: list[tuple[str, list[str]]] = []
        fixed = self._fixed(entries)
        for place, (key, each) in enumerate(entries):
            if place in fixed:
                if fixed[place]:
                    parts.append(("", [fixed[place]]))
                continue
            if key is None:
                parts.append(("", [self.value(each)]))
                continue
            text = self.value(key)
            kind = "{}" if is_member(text) else "[]"
            entry = f"{member(text)}: {self.value(each)}" if kind == "{}" else f"[{text}, {self.value(each)}]"
            if parts and parts[-1][0] == kind:
                parts[-1][1].append(entry)
            else:
                parts.append((kind, [entry]))
        return f"py.dict({', '.join(listed(texts, kind) if kind else texts[0] for kind, texts in parts)})"

    def _fixed(self, entries: list[tuple[ast.expr | None, ast.expr]]) -> dict[int, str]:
        """Members next to one another that are the same in every such object, by their places: they stand among the
        constants, which the first of them names."""
        found: dict[int, str] = {}
        run: dict[int, tuple[str, Any]] = {}
        for place, (key, each) in enumerate([*entries, (None, None)]):
            name = MISSING if key is None else self.static_value(key)
            held = MISSING if each is None else self.static_value(each)
            if isinstance(name, str) and type(held) in SCALARS:
                run[place] = (name, held)
                continue
            members = dict(run.values())
            if len(members) == len(run) >= FEWEST:
                text = self._refer(members, f"{self._where.rpartition('.')[2]}_members".lstrip("_<>"))
                found |= dict.fromkeys(run, "") | {next(iter(run)): text}
            run = {}
        return found

    def static_value(self, node: ast.expr) -> Any:
        return node.value if isinstance(node, ast.Constant) else self.static(node)

    def elements(self, parts: Iterable[ast.expr]) -> list[str]:
        return [self.value(each) for each in parts]

    def piece(self, part: ast.expr) -> str:
        """A part of an f-string."""
        if isinstance(part, ast.Constant):
            return template(str(part.value))
        if not isinstance(part, ast.FormattedValue):
            raise self._refuse("a part of a text", part)
        said = "repr" if part.conversion == ord("r") else "str"
        if part.format_spec is None:
            held = self.static(part.value)
            if said == "str" and type(held) in (str, int):
                return template(str(held))
            plain = said == "str" and self._typed.is_among(part.value, TEXT | NUMBER)
            return f"${{{self.value(part.value)}}}" if plain else f"${{py.{said}({self.value(part.value)})}}"
        if not isinstance(part.format_spec, ast.JoinedStr) or part.conversion >= 0:
            raise self._refuse("a format", part)
        return f"${{py.format({self.value(part.value)}, {self.value(part.format_spec)})}}"

    def compare(self, node: ast.Compare) -> str:
        left, texts = node.left, []
        for op, right in zip(node.ops, node.comparators, strict=True):
            one, other = self.value(left), self.value(right)
            match op:
                case ast.Is():
                    texts.append(f"{one} === {other}")
                case ast.IsNot():
                    texts.append(f"{one} !== {other}")
                case ast.Eq() | ast.NotEq() if self._is_same(left, right):
                    texts.append(f"{one} {'===' if isinstance(op, ast.Eq) else '!=='} {other}")
                case ast.Eq():
                    texts.append(f"py.eq({one}, {other})")
                case ast.NotEq():
                    texts.append(f"!py.eq({one}, {other})")
                case ast.In():
                    texts.append(f"py.has({other}, {one})")
                case ast.NotIn():
                    texts.append(f"!py.has({other}, {one})")
                case _:
                    texts.append(f"py.{natives.ORDERS[type(op)]}({one}, {other})")
            left = right
        return texts[0] if len(texts) == 1 and not texts[0].startswith("!") else "(" + " && ".join(texts) + ")"

    def _is_same(self, left: ast.expr, right: ast.expr) -> bool:
        """Whether two values are equal only where they are the same: one of them is a text."""
        return any(self._typed.is_among(each, TEXT) for each in (left, right))

    def comprehension(self, loops: list[ast.comprehension], element: Callable[[Expressions], str]) -> str:
        loop, rest = loops[0], loops[1:]
        given = [each.id for each in ast.walk(loop.target) if isinstance(each, ast.Name)]
        inner = self._inner(given)
        text = self.array(loop.iter)
        target = f"({inner.target(loop.target)}: any)"
        for test in loop.ifs:
            text += f".filter({target} => {inner.truth(test)})"
        if rest:
            return f"{text}.flatMap({target} => {inner.comprehension(rest, element)})"
        body = element(inner)
        if body == target[1:-6]:
            return text
        return f"{text}.map({target} => {body})"

    def target(self, target: ast.expr) -> str:
        match target:
            case ast.Name(id=name):
                return safe(name)
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                if any(isinstance(each, ast.Starred) for each in parts[:-1]):
                    raise self._refuse("a starred target in front of others", target)
                return f"[{', '.join(map(self.target, parts))}]"
            case ast.Starred(value=inner):
                return f"...{self.target(inner)}"
        raise self._refuse(f"a loop over {type(target).__name__}", target)

    def call(self, node: ast.Call) -> str:
        function = node.func
        held = self.static(function)
        if isinstance(function, ast.Subscript) and isinstance(self.static(function.value), type):
            held = self.static(function.value)
        if held is isinstance:
            return self.test(self.value(node.args[0]), node.args[1])
        if held is MISSING and isinstance(function, ast.Attribute):
            pages = self.static(function.value)
            if function.attr == "page" and type(pages) in POSITIONS:
                described = describe_position(pages)
                kind = f"{POSITIONS[type(pages)]}.{described['kind']}"
                return f"rt.page({', '.join([kind, json.dumps(described), *self.arguments(node, None)])})"
            return self._method(function, node)
        if held is MISSING:
            return f"{self.value(function)}({', '.join(self.arguments(node, None))})"
        name = self._refer(held, getattr(held, "__name__", "value"))
        if held in natives.KEYWORDS:
            texts = self.elements(node.args)
            options = [f"{each.arg}: {self.value(each.value)}" for each in node.keywords if each.arg is not None]
            if any(each.arg not in natives.KEYWORDS[held] for each in node.keywords):
                raise self._refuse(f"{name} with {', '.join(str(each.arg) for each in node.keywords)}", node)
            if options:
                texts.append(f"{{ {', '.join(options)} }}")
            return f"{name}({', '.join(texts)})"
        signature = signature_of(held) if node.keywords or held in natives.PLACES else None
        if held in natives.DROPPED:
            left = [each for each in node.keywords if each.arg not in natives.DROPPED[held]]
            node = ast.Call(node.func, node.args, left)
        if any(isinstance(each, ast.Starred) for each in node.args):
            return f"({name} as any)({', '.join(self.arguments(node, signature))})"
        text = f"{name}({', '.join(self.arguments(node, signature))})"
        return f"new {text}" if isinstance(held, type) and not name.startswith(("py.", "net.")) else text

    def arguments(self, node: ast.Call, signature: inspect.Signature | None) -> list[str]:
        """All arguments by their place."""
        texts = self.elements(node.args)
        places = natives.PLACES.get(self.static(node.func)) if signature is not None else None
        if places is not None and signature is not None:
            named = dict(zip(signature.parameters, texts, strict=False))
            named |= {str(each.arg): self.value(each.value) for each in node.keywords}
            found = [named.get(each, "undefined") for each in places]
            while found[-1] == "undefined":
                found.pop()
            return found
        if not node.keywords:
            return texts
        if signature is None:
            raise self._refuse("a call with keywords of what is not known", node)
        given = {each.arg: self.value(each.value) for each in node.keywords if each.arg is not None}
        spread = [self.value(each.value) for each in node.keywords if each.arg is None]
        for parameter in [*signature.parameters.values()][len(texts) :]:
            if parameter.kind is parameter.VAR_KEYWORD:
                rest = [f"{{ {', '.join(f'{name}: {text}' for name, text in given.items())} }}"] if given else []
                texts.append(f"py.dict({', '.join([*rest, *spread])})")
                given, spread = {}, []
                continue
            texts.append(given.pop(parameter.name, "undefined"))
        if given or spread:
            raise self._refuse(f"a call with {', '.join(given) or 'any keywords'}", node)
        while texts and texts[-1] == "undefined":
            texts.pop()
        return texts

    def _method(self, function: ast.Attribute, node: ast.Call) -> str:
        held, name = self.value(function.value), function.attr
        if name == "encode" and len(node.args) == 1 and isinstance(node.args[0], ast.Constant):
            coding = natives.CODINGS.get(given := str(node.args[0].value))
            if coding is None:
                raise self._refuse(f"the encoding {given}", node)
            return f"py.{coding}({held})"
        if name in natives.METHODS:
            return f"py.{natives.METHODS[name]}({', '.join([held, *self.arguments(node, None)])})"
        return f"{held}.{safe(name)}({', '.join(self.arguments(node, None))})"
