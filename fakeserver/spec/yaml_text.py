"""YAML files as plain values, or the line where they cannot be read; and plain values as YAML."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import yaml
from yaml.constructor import ConstructorError

from fakeserver.problems import Json, SpecError

try:
    from yaml import CSafeDumper as SafeDumper
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # PyYAML was built without libyaml
    from yaml import SafeDumper, SafeLoader  # type: ignore[assignment]

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


def load_yaml(path: Traversable) -> Json:
    """A YAML file as plain values; a `SpecError` names the file and the line where it cannot be read."""
    return read_yaml(path)[1]


TEXT, MAP, LIST = "tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"
NOT_PLAIN = frozenset({"tag:yaml.org,2002:merge", "tag:yaml.org,2002:value"})


class Loader(SafeLoader):
    """YAML without repeated keys, of which YAML keeps the last without a word."""

    # PyYAML asks a registry how each value is made, which takes most of the time that specs take. What a spec
    # is full of is made here, and the rest by PyYAML.
    def construct_document(self, node: yaml.Node) -> Any:
        return self.value_of(node, {})

    def value_of(self, node: yaml.Node, known: dict[yaml.Node, Json]) -> Any:
        """The value of a node; `known` has those of the collections before it, which an alias stands for, and None for
        those that it is in."""
        if node.tag == TEXT and type(node) is yaml.ScalarNode:
            # A spec says the same words over and over, and a server keeps all of it.
            return sys.intern(node.value)
        if node in known:
            if known[node] is None:
                raise ConstructorError(None, None, "a value holds itself", node.start_mark)
            return known[node]
        if node.tag == MAP and type(node) is yaml.MappingNode and check_keys(node):
            known[node] = None
            known[node] = {self.value_of(key, known): self.value_of(each, known) for key, each in node.value}
        elif node.tag == LIST and type(node) is yaml.SequenceNode:
            known[node] = None
            known[node] = [self.value_of(each, known) for each in node.value]
        else:
            return self.construct_object(node, deep=True)
        return known[node]

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, Json]:
        if isinstance(node, yaml.MappingNode):
            check_keys(node)
        return super().construct_mapping(node, deep)

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        value = super().construct_scalar(node)
        return sys.intern(value) if type(value) is str else value


def check_keys(node: yaml.MappingNode) -> bool:
    """Whether all keys are plain values: none of them is a collection, or puts another mapping in its place. A
    YAMLError names one that is given twice."""
    known, plain = set[str](), True
    for key, _ in node.value:
        if type(key) is not yaml.ScalarNode:
            plain = False
            continue
        if key.value in known:
            raise yaml.YAMLError(f"line {key.start_mark.line + 1}: {key.value!r} is given twice")
        known.add(key.value)
        if key.tag in NOT_PLAIN:
            plain = False
    return plain


UNREADABLE = (yaml.YAMLError, ValueError, RecursionError, KeyError, IndexError, AttributeError, TypeError)
"""What YAML's reader raises; the last four for a text that is not of the type that its tag names."""


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


def write_yaml(value: Json) -> str:
    """A value as YAML, in the order that it has."""
    return yaml.dump(value, Dumper=SafeDumper, sort_keys=False, allow_unicode=True, width=120)
