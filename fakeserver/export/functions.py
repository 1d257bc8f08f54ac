"""A provider's own functions as TypeScript: each is read where it is written, and said again statement by statement.

Tenant rules, error dialects, calls, effects of state tables and checks of filters are plain functions of values, in a
small part of the language. What they call is written as well, down to what the runtime beside the engine has
(`natives`). Whatever is not in that part is `Unexportable`, with the function and the place.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import json
import re
import sys
import types
import uuid
from collections.abc import Mapping
from typing import Any

from fakeserver.export.natives import CONSTANTS, LEFT, NATIVES, REFUSED
from fakeserver.export.sources import is_written, node_of, scope_of
from fakeserver.export.spelling import RESERVED, listed, pattern_of, safe
from fakeserver.export.statements import Writer
from fakeserver.export.unexportable import Unexportable

HEAD = """// Written by `fakeserver export` from the provider's own functions.
import * as net from "./addresses.js";
import * as py from "./python.js";
import * as rt from "./runtime.js";

"""
DECLARED = re.compile(r"^(?:const|class|function\*?) (\w+)", re.MULTILINE)
MADE = frozenset({"_make", "_replace", "_asdict"})
"""Methods that are made for every named tuple."""


class Functions:
    """The module that is written: constants, classes and functions, each behind what it needs at once."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._taken: set[str] = set()
        self._parts: list[str] = []
        self._first = 0
        self._kept: list[object] = []
        """What ids are of, so that none is given out twice."""

    def split(self) -> None:
        """What is written from here on stands in a module of its own, which is loaded when somebody needs it."""
        self._first = len(self._parts)

    def texts(self, exports: Mapping[str, str], later: Mapping[str, str]) -> tuple[str, str]:
        """Both modules; `exports` and `later` have expressions by the name under which the engine asks for them."""
        first = "\n".join(re.sub(DECLARED, r"export \g<0>", part, count=1) for part in self._parts[: self._first])
        second = "\n".join(self._parts[self._first :])
        own = {name for part in self._parts[: self._first] for name in re.findall(DECLARED, part)[:1]}
        named = sorted(own & {*re.findall(r"\w+", second + " ".join(later.values()))})
        shared = f'import {{ {", ".join(named)} }} from "./functions.js";\n' if named else ""
        return HEAD + first + listed_as("functions", exports), HEAD + shared + second + listed_as("calls", later)

    def mark(self) -> tuple[dict[int, str], set[str], int]:
        """How far it has got, for `back`."""
        return dict(self._names), set(self._taken), len(self._parts)

    def back(self, mark: tuple[dict[int, str], set[str], int]) -> None:
        """Forget what was written since, since something in it cannot be."""
        self._names, self._taken = dict(mark[0]), set(mark[1])
        del self._parts[mark[2] :]

    def reference(self, value: Any, hint: str = "value") -> str:
        """An expression for a value of Python."""
        if value is None or isinstance(value, bool):
            return {None: "null", True: "true", False: "false"}[value]
        if isinstance(value, int) and not isinstance(value, type):
            return str(int(value)) if abs(value) < 2**53 else f"{int(value)}n"
        if isinstance(value, str):
            return json.dumps(value, ensure_ascii=False)
        if isinstance(value, float):
            return f"py.float({json.dumps(value)})"
        try:
            native = NATIVES.get(value)
        except TypeError:
            native = None
        if native is not None:
            return native
        for constant, name in CONSTANTS:
            if value is constant:
                return name
        known = self._names.get(id(value))
        if known is not None:
            return known
        if isinstance(value, functools.partial):
            return self._partial(value)
        if isinstance(value, functools._lru_cache_wrapper):
            return self.reference(value.__wrapped__)
        if isinstance(value, uuid.UUID):
            return json.dumps(str(value))
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, types.MethodType):
            return f"py.bound({self.reference(value.__self__)}, {json.dumps(value.__name__)})"
        if isinstance(value, type):
            return self._class(value)
        return self._constant(value, hint)

    def _name(self, wanted: str) -> str:
        name = re.sub(r"\W", "_", wanted).strip("_") or "it"
        if name in RESERVED or name[0].isdigit():
            name += "_"
        found, number = name, 1
        while found in self._taken:
            number += 1
            found = f"{name}_{number}"
        self._taken.add(found)
        return found

    def _keep(self, value: object, wanted: str) -> str:
        self._kept.append(value)
        name = self._names[id(value)] = self._name(wanted)
        return name

    def _partial(self, value: functools.partial[Any]) -> str:
        if value.keywords:
            raise Unexportable("a partial function with keywords")
        arguments = ", ".join([self.reference(value.func), *map(self.reference, value.args)])
        return f"py.partial({arguments})"

    def _constant(self, value: Any, hint: str) -> str:
        text = self.literal(value)
        if len(text) < 40 and not isinstance(value, re.Pattern):
            return text
        name = self._keep(value, hint)
        self._parts.append(f"const {name}: any = {text};\n")
        return name

    def literal(self, value: Any) -> str:
        if isinstance(value, re.Pattern):
            return f"py.pattern({json.dumps(pattern_of(value), ensure_ascii=False)})"
        if isinstance(value, Mapping):
            entries = [f"[{self.reference(key)}, {self.reference(each)}]" for key, each in value.items()]
            return f"py.dict({listed(entries)})"
        if isinstance(value, set | frozenset):
            return f"py.set({listed([self.reference(each) for each in sorted(value)])})"
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return f"new {self.reference(type(value))}({', '.join(map(self.reference, value))})"
        if isinstance(value, list | tuple | range):
            return listed([self.reference(each) for each in value])
        if dataclasses.is_dataclass(value):
            fields = [f"{each.name}: {self.reference(getattr(value, each.name))}" for each in dataclasses.fields(value)]
            return f"Object.assign(Object.create({self.reference(type(value))}.prototype), {{ {', '.join(fields)} }})"
        if callable(value):
            raise Unexportable(f"it calls {getattr(value, '__qualname__', type(value).__name__)}")
        raise Unexportable(f"a value of the kind {type(value).__name__}")

    def _function(self, value: types.FunctionType) -> str:
        if value.__module__.partition(".")[0] in sys.stdlib_module_names:
            raise Unexportable(f"it calls {value.__module__}.{value.__qualname__}")
        node = node_of(value)
        name = self._keep(value, value.__name__ if value.__name__ != "<lambda>" else "rule")
        place = len(self._parts)
        self._parts.append("")
        try:
            text = Writer(self.reference, scope_of(value), value.__qualname__).function(node, name)
        except Unexportable as error:
            raise Unexportable(f"{value.__qualname__}: {error}" if not error.told else str(error), told=True) from error
        # What it uses was written behind the empty part; functions may stand in any order, since they are hoisted.
        self._parts[place] = text
        return name

    def _class(self, value: type) -> str:
        if value in REFUSED:
            raise Unexportable(f"it needs {REFUSED[value]}")
        if not (dataclasses.is_dataclass(value) or hasattr(value, "_fields")):
            if issubclass(value, Exception) and value.__module__ == "builtins":
                raise Unexportable(f"the exception {value.__name__}")
            raise Unexportable(f"the class {value.__name__}")
        name = self._keep(value, value.__name__)
        place = len(self._parts)
        self._parts.append("")
        fields = [*inspect.signature(value).parameters.values()]
        factories = {
            each.name: each.default_factory()
            for each in (dataclasses.fields(value) if dataclasses.is_dataclass(value) else ())
            if each.default_factory is not dataclasses.MISSING
        }
        given = ", ".join(
            f"public {safe(each.name)}: any"
            + ("" if each.default is each.empty else f" = {self.reference(factories.get(each.name, each.default))}")
            for each in fields
        )
        left = LEFT.get(value.__name__, frozenset())
        lines = [f"  constructor({given}) {{ super(); }}"]
        for key, member in vars(value).items():
            function = member.fget if isinstance(member, property) else member
            if not isinstance(function, types.FunctionType) or key.startswith("__") or key in left | MADE:
                continue
            if not is_written(function, value):
                continue
            text = Writer(self.reference, scope_of(function), function.__qualname__).method(node_of(function), key)
            lines.append(f"  {'get ' if isinstance(member, property) else ''}{text}")
        self._parts[place] = f"class {name} extends py.Tuple {{\n" + "\n".join(lines) + "\n}\n"
        return name


def listed_as(constant: str, exports: Mapping[str, str]) -> str:
    lines = "".join(f"  {json.dumps(name)}: {each},\n" for name, each in exports.items())
    return f"\nexport const {constant}: {{ [name: string]: any }} = {{\n{lines}}};\n"
