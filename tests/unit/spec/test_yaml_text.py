"""YAML is read as PyYAML reads it, but for what its values would lose without a word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fakeserver.problems import SpecError
from fakeserver.spec.yaml_text import Loader, load_yaml
from tests.support.asgi import ROOT

TEXTS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), max_size=8)
KEYS = TEXTS | st.integers() | st.booleans()
VALUES = st.recursive(
    TEXTS | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False) | st.dates() | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
)
LAUGHS = "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40))])


@given(VALUES, st.sampled_from([True, False, None]))
def test_any_value_is_read_as_pyyaml_reads_it(value: Any, flow: bool | None) -> None:
    text = yaml.safe_dump(value, default_flow_style=flow, allow_unicode=True)
    assert yaml.load(text, Loader=Loader) == yaml.safe_load(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: &x {b: [1, 2]}\nc: *x\nd: [*x, *x]",
        "base: &base {a: 1, b: 2}\nmore: {<<: *base, b: 3}",
        "!!set {a, b}",
        "!!omap [a: 1]",
        "!!str 12: !!int '3'",
        "1: a\n2: {yes: no}\n~: {1.5: &x [a], 2026-01-18: *x}",
        "a: {=: 1}",
        "- !!binary aGVsbG8=\n- 2026-01-18T10:30:00Z\n- ~",
    ],
)
def test_what_only_yaml_has_is_read_as_pyyaml_reads_it(text: str) -> None:
    assert yaml.load(text, Loader=Loader) == yaml.safe_load(text)


@pytest.mark.parametrize("path", sorted(ROOT.glob("*/*.yaml")), ids=lambda path: path.name)
def test_our_files_are_read_as_pyyaml_reads_them(path: Path) -> None:
    assert load_yaml(path) == yaml.safe_load(path.read_text(encoding="utf-8"))


def test_an_alias_is_the_value_itself() -> None:
    """So that a short text stays a small value, however often it stands for more."""
    found = yaml.load(LAUGHS, Loader=Loader)
    assert found["a39"][0] is found["a38"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\nb: 2\na: 3", "line 3: 'a' is given twice"),
        ("a:\n  1: b\n  1: c", "line 3: '1' is given twice"),
        ("a: !!map [a]", "line 1, column 4: expected a mapping node, but found sequence"),
        ("a: !!map ab", "line 1, column 4: expected a mapping node, but found scalar"),
        ("? !!str [a]\n: b", "line 1, column 3: expected a scalar node, but found sequence"),
        ("{? !!str {a: b} : b}", "line 1, column 4: expected a scalar node, but found mapping"),
        ("a: &a [*a]", "line 1, column 4: a value holds itself"),
        ("a: &a {b: [{c: *a}]}", "line 1, column 4: a value holds itself"),
    ],
)
def test_what_would_be_lost_or_have_no_end_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "some.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as refused:
        load_yaml(path)
    assert str(refused.value) == f"{path}: cannot be read as YAML: {reason}"
