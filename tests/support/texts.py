"""Texts that are read again and again, mostly the same: YAML takes three quarters of what loading a provider takes."""

from __future__ import annotations

import json
import pickle
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml
from yaml import CSafeDumper

from fakeserver.spec import yaml_text

MOST_KNOWN = 64
"""Of the texts that are kept: ours, and a few that tests write."""
READ = yaml_text.read_yaml


class Texts:
    """The server's own reader, which reads each text once; who asks again gets a copy of his own."""

    def __init__(self) -> None:
        self._known: dict[str, bytes] = {}
        self._written: tuple[str, bytes] = "", b""

    def read(self, path: Traversable) -> tuple[str, Any]:
        try:
            content = path.read_text(encoding="utf-8")
        except (OSError, ValueError):
            return READ(path)  # It says what is wrong.
        if content == self._written[0]:
            return content, pickle.loads(self._written[1])
        known = self._known.get(content)
        if known is not None:
            return content, pickle.loads(known)
        content, value = READ(path)
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[content] = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        return content, value

    def write(self, path: Path, value: Any) -> None:
        """A document of a test's own, as JSON, which is YAML too, and known when it is read; what JSON cannot hold, as
        YAML."""
        try:
            content = json.dumps(value, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError):
            content = write_yaml(value)
        else:
            if json.loads(content) == value:
                self._written = content, pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
            else:
                content = write_yaml(value)
        path.write_text(content, encoding="utf-8")


TEXTS = Texts()
"""Those of this process."""


def read_json(path: Traversable) -> tuple[str, Any]:
    """A spec that a test wrote as JSON, without the detour over YAML."""
    content = path.read_text(encoding="utf-8")
    return (content, json.loads(content)) if content.startswith("{") else READ(path)


def write_yaml(value: Any) -> str:
    """A document as YAML, in the order that it has; by libyaml, a tenth of the time that it takes in Python."""
    return yaml.dump(value, Dumper=CSafeDumper, sort_keys=False)
