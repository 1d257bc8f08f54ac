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

from fakeserver.documents.states import Machine, Transition
from fakeserver.export.kinds import hints_of, kinds_in
from fakeserver.export.natives import CONSTANTS, LEFT, NATIVES, REFUSED, SHOWN
from fakeserver.export.sources import is_written, node_of, scope_of
from fakeserver.export.spelling import RESERVED, bound, is_member, listed, member, pattern_of, safe
from fakeserver.export.statements import Writer
from fakeserver.export.unexportable import Unexportable

HEAD = """// Written by `fakeserver export` from the provider's own functions.
import * as net from "./addresses.js";
import * as constants from "./constants.js";
import * as cursors from "./cursors.js";
import * as positions from "./positions.js";
import * as py from "./python.js";
import * as rt from "./runtime.js";

"""
PLAIN_HEAD = """// Written by `fakeserver export`: constants of the provider's own functions.
import * as py from "./python.js";

"""
Mark = tuple[dict[int, str], set[str], int, int]
SHORT = 40
"""Characters of a constant that is worth a name."""
TABLE = frozenset({"transitions", "passing", "due"})
"""What of a state machine is its table, or follows from it."""
MADE = frozenset({"_make", "_replace", "_asdict"})
"""Methods that are made for every named tuple."""


class Functions:
    """The module that is written: constants, classes and functions, each behind what it needs at once."""

    def __init__(self, switches: Mapping[str, Any] | None = None) -> None:
        self._switches = switches or {}
        self._names: dict[int, str] = {}
        self._taken: set[str] = set()
        self._parts: list[str] = []
        self._plain: list[str] = []
        """Constants that are texts and numbers alone: data, as the table is."""
        self._kept: list[object] = []
        """What ids are of, so that none is given out twice."""

    def text(self, exports: Mapping[str, str], calls: Mapping[str, str] | None = None) -> str:
        """The module; `exports` has expressions by the name under which the engine asks for them, `calls` those of
        operations, which are asked for by their place."""
        lines = "".join(f"  {json.dumps(name)}: {each},\n" for name, each in exports.items())
        head = "\nexport const functions: { [name: string]: any } = {\n"
        found = "\n".join(self._parts) + f"{head}{lines}}};\n"
        if calls is not None:
            lines = "".join(f"  {each}, // {place}, {name}\n" for place, (name, each) in enumerate(calls.items()))
            found += "\n/** What operations do; the table has the place of each. */\n"
            found += f"export const calls: any[] = [\n{lines}];\n"
        return HEAD + found

    def constants(self) -> str:
        return PLAIN_HEAD + "\n".join(self._plain)

    def mark(self) -> Mark:
        """How far it has got, for `back`."""
        return dict(self._names), set(self._taken), len(self._parts), len(self._plain)

    def back(self, mark: Mark) -> None:
        """Forget what was written since, since something in it cannot be."""
        self._names, self._taken = dict(mark[0]), set(mark[1])
        del self._parts[mark[2] :], self._plain[mark[3] :]

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
            return bound(self.reference(value.__self__), value.__name__)
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
        if is_plain(value):
            return self._plain_constant(value, hint)
        text = self.literal(value)
        if len(text) < SHORT and not isinstance(value, re.Pattern):
            return text
        if hint == "value":
            hint = {tuple: "values"}.get(type(value), type(value).__name__.lower())
        name = self._keep(value, hint)
        self._parts.append(f"const {name}: any = {text};\n")
        return name

    def _plain_constant(self, value: Any, hint: str) -> str:
        """A constant of texts and numbers alone, which stands among the data."""
        text = plain_text(value)
        if len(text) < SHORT:
            return text
        self._kept.append(value)
        name = self._name({"value": type(value).__name__}.get(hint, hint))
        self._plain.append(f"export const {name}: any = {text};\n")
        self._names[id(value)] = f"constants.{name}"
        return f"constants.{name}"

    def literal(self, value: Any) -> str:
        if isinstance(value, re.Pattern):
            return f"py.pattern({json.dumps(pattern_of(value), ensure_ascii=False)})"
        if isinstance(value, Mapping):
            kinds = {type(each) for each in value.values()}
            if len(kinds) == 1 and all(is_row(each) for each in value.values()):
                rows = {key: row_of(each) for key, each in value.items()}
                return f"py.each({self.reference(kinds.pop())}, {self.reference(rows, 'rows')})"
            entries = [(self.reference(key), self.reference(each)) for key, each in value.items()]
            if all(is_member(key) for key, _ in entries):
                return (
                    f"py.dict({listed((f'{member(key)}: {each}' for key, each in entries), '{}') if entries else ''})"
                )
            return f"py.dict({listed(f'[{key}, {each}]' for key, each in entries)})"
        if isinstance(value, set | frozenset):
            return f"py.set({listed([self.reference(each) for each in sorted(value)])})"
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return f"new {self.reference(type(value))}({', '.join(map(self.reference, value))})"
        if isinstance(value, list | tuple | range):
            return listed([self.reference(each) for each in value])
        if isinstance(value, Machine):
            return self._machine(value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            kind = self.reference(type(value))
            return f"py.made({kind}, {listed(self._members(value), '{}')})"
        if callable(value):
            raise Unexportable(f"it calls {getattr(value, '__qualname__', type(value).__name__)}")
        raise Unexportable(f"a value of the kind {type(value).__name__}")

    def _machine(self, value: Machine) -> str:
        """A state machine: its table is data, in which functions stand by their names."""
        named: dict[str, None] = {}
        rows = []
        for row in value.transitions:
            shown: dict[str, Any] = {}
            for each in dataclasses.fields(row):
                held = getattr(row, each.name)
                if each.name in LEFT["Transition"] or is_usual(each, held):
                    continue
                if callable(held):
                    held = self.reference(held)
                    named[held] = None
                shown[each.name] = held
            rows.append(shown)
        table = self._name("transitions")
        lines = "".join(f"  {json.dumps(each, ensure_ascii=False)},\n" for each in rows)
        self._plain.append(f"export const {table}: readonly any[] = [\n{lines}];\n")
        kind = self.reference(Machine)
        steps = f"rt.stepsOf({self.reference(Transition)}, constants.{table}, {{ {', '.join(named)} }})"
        return f"py.made({kind}, {{ {', '.join([*self._members(value, TABLE), f'...{steps}'])} }})"

    def _members(self, value: Any, left: frozenset[str] = frozenset()) -> list[str]:
        """The fields of a value that are other than where nobody says otherwise."""
        left |= LEFT.get(type(value).__name__, frozenset())
        return [
            f"{safe(each.name)}: {self.reference(held)}"
            for each in dataclasses.fields(value)
            if each.name not in left and not is_usual(each, held := shown_of(value, each.name))
        ]

    def _function(self, value: types.FunctionType) -> str:
        if value.__module__.partition(".")[0] in sys.stdlib_module_names:
            raise Unexportable(f"it calls {value.__module__}.{value.__qualname__}")
        node = node_of(value)
        name = self._keep(value, value.__name__ if value.__name__ != "<lambda>" else "rule")
        place = len(self._parts)
        self._parts.append("")
        try:
            writer = self._writer(value)
            text = writer.function(writer.settled(node, self._switches), name)
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
        left = LEFT.get(value.__name__, frozenset())
        lines = []
        for key, held in vars(value).items():
            function = held.fget if isinstance(held, property) else held
            if not isinstance(function, types.FunctionType) or key.startswith("__") or key in left | MADE:
                continue
            if not is_written(function, value):
                continue
            writer = self._writer(function, value)
            text = writer.method(writer.settled(node_of(function), self._switches), key)
            lines.append(f"  {'get ' if isinstance(held, property) else ''}{text}\n")
        kind = f"py.record({', '.join(self._fields(value))})"
        self._parts[place] = f"class {name} extends {kind} {{\n{''.join(lines)}}}\n"
        return name

    def _fields(self, value: type) -> list[str]:
        """The names of a class's fields, and those that are not null where nobody says otherwise."""
        fields = [*inspect.signature(value).parameters.values()]
        factories = {
            each.name: each.default_factory()
            for each in (dataclasses.fields(value) if dataclasses.is_dataclass(value) else ())
            if each.default_factory is not dataclasses.MISSING
        }
        left = LEFT.get(value.__name__, ())
        names = [safe(each.name) for each in fields if each.name not in left]
        usual = [
            f"{safe(each.name)}: {self.reference(factories.get(each.name, each.default))}"
            for each in fields
            if each.name not in left and each.default is not each.empty and each.default is not None
        ]
        return [json.dumps(" ".join(names)), *([f"() => ({listed(usual, '{}')})"] if usual else [])]

    def _writer(self, function: types.FunctionType, owner: type | None = None) -> Writer:
        """What says a function, with what its annotations say of its parameters."""
        known = {name: kinds_in(hint) for name, hint in hints_of(function).items() if name != "return"}
        if owner is not None:
            known[next(iter(inspect.signature(function).parameters))] = frozenset({owner})
        return Writer(self.reference, scope_of(function), function.__qualname__, known=known)


def plain_text(value: Any) -> str:
    """A constant of texts and numbers alone."""
    if isinstance(value, Mapping):
        entries = [(plain_text(key), plain_text(each)) for key, each in value.items()]
        if all(is_member(key) for key, _ in entries):
            return f"py.dict({listed((f'{member(key)}: {each}' for key, each in entries), '{}') if entries else ''})"
        return f"py.dict({listed(f'[{key}, {each}]' for key, each in entries)})"
    if isinstance(value, set | frozenset):
        return f"py.set({listed(map(plain_text, sorted(value)))})"
    if isinstance(value, list | tuple):
        return listed(map(plain_text, value))
    if isinstance(value, float):
        return f"py.float({json.dumps(value)})"
    if isinstance(value, int) and abs(value) >= 2**53:
        return f"{int(value)}n"
    return json.dumps(value, ensure_ascii=False)


def shown_of(value: Any, name: str) -> Any:
    """A field, with what of it is asked for there."""
    held = getattr(value, name)
    show = SHOWN.get((type(value).__name__, name))
    return held if show is None else show(held)


def is_row(value: Any) -> bool:
    """Whether a value has nothing but texts and numbers in its fields."""
    return dataclasses.is_dataclass(value) and all(
        is_plain(getattr(value, each.name)) for each in dataclasses.fields(value)
    )


def row_of(value: Any) -> Mapping[str, Any]:
    return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}


def is_plain(value: Any) -> bool:
    """Whether a value is made of texts and numbers alone."""
    if isinstance(value, Mapping):
        return all(map(is_plain, (*value.keys(), *value.values())))
    if isinstance(value, list | tuple | set | frozenset) and not hasattr(value, "_fields"):
        return all(map(is_plain, value))
    return value is None or type(value) in (str, int, float, bool)


def is_usual(field: dataclasses.Field[Any], held: object) -> bool:
    """Whether a field has what it has where nobody says otherwise."""
    usual = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    return held is None if usual is dataclasses.MISSING else usual is held or (usual == held and not callable(held))
