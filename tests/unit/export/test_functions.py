"""Functions said again in TypeScript answer as they do here."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson
import pytest

from fakeserver.export.functions import Functions
from fakeserver.export.handlers import HAND_WRITTEN
from fakeserver.export.unexportable import Unexportable
from tests.support.bundling import bundle, needs_esbuild, run
from tests.unit.export import sample

ENTRY = """
import { readFileSync } from "node:fs";
import { read, write } from "./json.js";
import { functions } from "./functions.js";
for (const line of readFileSync(process.argv[2], "utf8").split("\\n").filter(Boolean)) {
  const [name, given] = read(line);
  console.log(write(functions[name](...given)));
}
"""


@pytest.mark.slow
@needs_esbuild
def test_functions_answer_as_they_do_here(tmp_path: Path) -> None:
    """Every kind of statement and value that providers use: each answer as JSON, byte for byte."""
    written = Functions()
    named = {function.__name__: written.reference(function) for function in sample.CASES}
    for name in HAND_WRITTEN:
        (tmp_path / name).write_bytes((files("fakeserver.export") / "typescript" / name).read_bytes())
    (tmp_path / "functions.ts").write_text(written.text(named), encoding="utf-8")
    (tmp_path / "constants.ts").write_text(written.constants(), encoding="utf-8")
    (tmp_path / "ask.js").write_text(ENTRY, encoding="utf-8")
    cases = [(function, given) for function, each in sample.CASES.items() for given in each]
    asked = b"".join(orjson.dumps([function.__name__, given]) + b"\n" for function, given in cases)
    (tmp_path / "cases").write_bytes(asked)
    bundle(tmp_path, tmp_path / "ask.js", tmp_path / "out", "--platform=node", "--target=node20")
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    said = run(tmp_path, "node", "out/ask.js", "cases").splitlines()
    for (function, given), line in zip(cases, said, strict=True):
        assert line == answer_of(function, given), (function.__name__, given)


def answer_of(function: Any, given: list[Any]) -> str:
    """What is said here, as the server sends it; whole numbers of any size as they are."""
    found = function(*json.loads(json.dumps(given)))
    try:
        return orjson.dumps(found).decode()
    except TypeError:
        return json.dumps(found, separators=(",", ":"))


def with_a_class() -> object:
    class Own:
        pass

    return Own()


def with_a_statement() -> None:
    global THERE
    THERE = 1


THERE = 0


@pytest.mark.parametrize("function", [with_a_class, with_a_statement])
def test_what_cannot_be_said_is_named_with_its_place(function: Any) -> None:
    """Nothing of it is left in what is written, and what is written next stands."""
    written = Functions()
    before, mark = written.text({}), written.mark()
    with pytest.raises(Unexportable, match=r"line \d+: a statement of the kind (ClassDef|Global)"):
        written.reference(function)
    written.back(mark)
    assert written.text({}) == before
    assert written.reference(sample.named) == "named"
