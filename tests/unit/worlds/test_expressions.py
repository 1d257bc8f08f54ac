"""Regular expressions from outside: what they match, and what is refused."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakeserver.problems import FakeProblem
from fakeserver.worlds.expressions import MAX_CHARACTERS, SIZES, compile_expression

PIECES = st.recursive(
    st.sampled_from(["a", "b", "ab", ".", "[ab]", "[^a]", "x?", r"\.", "é"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map("|".join).map("({})".format),
        st.tuples(inner, st.sampled_from("*+?")).map(lambda pair: f"({pair[0]}){pair[1]}"),
    ),
    max_leaves=6,
)


@given(expression=PIECES, text=st.text("ab.xé", max_size=8))
def test_it_means_what_python_means(expression: str, text: str) -> None:
    """What both engines know, both understand alike: the whole text or nothing."""
    expected = re.fullmatch(expression, text) is not None
    assert compile_expression(expression, "url").matches(text) is expected


def test_case() -> None:
    assert not compile_expression("[A-Z]+É", "url").matches("abé")
    assert compile_expression("[A-Z]+É", "url", fold=True).matches("abé")


@pytest.mark.parametrize(
    "expression",
    [
        None,
        7,
        ["a"],
        "a" * (MAX_CHARACTERS + 1),
        "(",
        "[a-",
        ")|(",
        r"(a)\1",
        "(?=a)",
        "(?<!a)b",
        "a{1000}",
        "a{1,99999999999}",
        "(a{900}){900}",
        r"\p{L}{900}",
    ],
    ids=lambda each: str(each)[:20],
)
def test_what_is_refused_names_its_field(expression: object) -> None:
    """Also what would compile to more memory than an expression may take."""
    with pytest.raises(FakeProblem) as refusal:
        compile_expression(expression, "urlPattern")
    assert (refusal.value.status, refusal.value.body["field"]) == (422, "urlPattern")
    assert refusal.value.body["detail"].startswith("urlPattern")


def test_the_size_bounds_the_work() -> None:
    """It grows with what is counted out, not with what is written."""
    one, counted, nested = (compile_expression(text, "url").size for text in ("a", "a{900}", "(a{30}){30}"))
    assert one == SIZES[0]
    assert one < counted == nested


@pytest.mark.slow
def test_serving_does_not_load_the_engine() -> None:
    code = "import sys, fakeserver.serving.app; sys.exit('jsonschema_rs' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
