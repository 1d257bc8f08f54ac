"""Arguments: a mistake is one line that names the program, what is wrong and what was probably meant."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import pytest

from fakeserver.arguments import Parser, UsageError, near, one_of

COLOURS = ("red", "green", "blue")


def parser() -> Parser:
    wall = Parser(prog="paint wall", allow_abbrev=False)
    wall.add_argument("--colour", type=one_of(COLOURS, "colour"))
    wall.add_argument("--coats", type=int)
    return wall


@pytest.mark.parametrize(
    ("name", "known", "end"),
    [
        ("gren", COLOURS, "; did you mean 'green'?"),
        ("violet", COLOURS, "; known are red, green, blue"),
        (7, ("a", "b"), "; known are a, b"),
        ("violet", (), "; known are none"),
    ],
)
def test_what_was_probably_meant(name: object, known: Sequence[str], end: str) -> None:
    """The nearest name, or all of them in the order given."""
    assert near(name, known) == end


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (
            ["--colour", "gren"],
            "paint wall: argument --colour: colour 'gren' does not exist; did you mean 'green'?",
        ),
        (["--coat", "2"], "paint wall: unknown argument '--coat'; did you mean '--coats'?"),
        (["--token=secret"], "paint wall: unknown argument '--token'; known are -h, --help, --colour, --coats"),
        (["--coats", "two"], "paint wall: argument --coats: invalid int value: 'two'"),
    ],
)
def test_a_mistake_is_one_line(argv: list[str], says: str) -> None:
    """A flag is suggested, and what was given to an unknown one is not told."""
    with pytest.raises(UsageError) as caught:
        parser().parse_args(argv)
    assert str(caught.value) == says


def test_advice_stands_where_nothing_is_near() -> None:
    """Who mistyped reads what was meant; who named something else, what to do."""
    read = one_of(COLOURS, "colour", "mix it first")
    for text, says in (
        ("violet", "colour 'violet' does not exist; known are red, green, blue; mix it first"),
        ("gren", "colour 'gren' does not exist; did you mean 'green'?"),
    ):
        with pytest.raises(argparse.ArgumentTypeError) as caught:
            read(text)
        assert str(caught.value) == says


def test_what_is_right_is_read() -> None:
    """Words come through as they were given."""
    assert parser().parse_args(["--colour", "red", "--coats", "2"]).__dict__ == {
        "colour": "red",
        "coats": 2,
    }
