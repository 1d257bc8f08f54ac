"""YAML files as plain values, or the line where they cannot be read."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import yaml
from yaml.constructor import ConstructorError

from fakeserver.problems import Json, SpecError

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # PyYAML was built without libyaml
    from yaml import SafeLoader  # type: ignore[assignment]

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


def load_yaml(path: Traversable) -> Json:
    """A YAML file as plain values; a `SpecError` names the file and the line where it cannot be read."""
    return read_yaml(path)[1]


TEXT, MAP, LIST = "tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"
REPEATED = "line {}: {!r} is given twice"


class Loader(SafeLoader):
    """YAML without repeated keys, of which YAML keeps the last without a word."""

    # PyYAML asks a registry how each value is made, which takes most of the time that specs take. What a spec
    # is full of is made here, and the rest by PyYAML.
    def construct_document(self, node: yaml.Node) -> Any:
        return self.value_of(node, {})

    def value_of(self, node: yaml.Node, known: dict[yaml.Node, Json]) -> Any:
        """The value of a node; `known` has those of the collections before it, which an alias stands for."""
        if node.tag == TEXT and type(node) is yaml.ScalarNode:
            # A spec says the same words over and over, and a server keeps all of it.
            return sys.intern(node.value)
        if node in known:
            if known[node] is None:
                raise ConstructorError(None, None, "a value holds itself", node.start_mark)
            return known[node]
        if node.tag == MAP and all(key.tag == TEXT for key, _ in node.value):
            known[node] = None
            names: dict[str, Json] = {}
            for key, value in node.value:
                name = sys.intern(key.value)
                if name in names:
                    raise yaml.YAMLError(REPEATED.format(key.start_mark.line + 1, name))
                names[name] = self.value_of(value, known)
            known[node] = names
        elif node.tag == LIST and type(node) is yaml.SequenceNode:
            known[node] = None
            known[node] = [self.value_of(each, known) for each in node.value]
        else:
            return self.construct_object(node, deep=True)
        return known[node]

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, Json]:
        known: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in known:
                    raise yaml.YAMLError(REPEATED.format(key.start_mark.line + 1, key.value))
                known.add(key.value)
        return super().construct_mapping(node, deep)


UNREADABLE = (yaml.YAMLError, ValueError, RecursionError, KeyError, IndexError, AttributeError)
"""What YAML's reader raises; the last three for a text that is not of the type that its tag names."""


def say_unreadable(error: Exception) -> str:
    """What YAML's reader has against a text, with the line where that shows."""
    problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
    if problem is None or mark is None:
        return " ".join(str(error).split())
    context, start = getattr(error, "context", None), getattr(error, "context_mark", None)
    within = f" {context} that begins in line {start.line + 1}" if context and start is not None else ""
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}{within}"


def read_yaml(path: Traversable) -> tuple[str, Json]:
    """The same with its text."""
    try:
        content = path.read_text(encoding="utf-8")
        return content, yaml.load(content, Loader=Loader)
    except OSError as error:
        raise SpecError(f"{path}: {error.strerror or 'cannot be read'}") from error
    except UNREADABLE as error:
        raise SpecError(f"{path}: cannot be read as YAML: {say_unreadable(error)}") from error
