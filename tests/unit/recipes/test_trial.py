"""Trial documents leave nothing to chance."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fakeserver.documents.draws import Draw
from fakeserver.recipes.trial import EPOCH, KEY, TRIALS, TrialDraw, Words

WORDS = Words(words=[*range(TRIALS)])
FIELDS = ("size", "zz", "failing", "a longer name")


def trials() -> list[TrialDraw]:
    found = []
    for number in range(TRIALS):
        draw = TrialDraw(KEY, number, EPOCH, {}, WORDS)
        draw.number, draw.reading = number, set()
        found.append(draw)
    return found


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    ("drawn", "choices"),
    [
        (lambda draw, field: draw.bits(field) % TRIALS, TRIALS),
        (lambda draw, field: draw.below(field, TRIALS), TRIALS),
        (lambda draw, field: draw.between(field, 1, TRIALS), TRIALS),
        (lambda draw, field: draw.pick(field, range(TRIALS)), TRIALS),
        (lambda draw, field: draw.pick(field, "abcdefghijklm"), 13),
        (lambda draw, field: draw.word(field, "words"), TRIALS),
        (lambda draw, field: draw.chance(field, 1), 2),
        (lambda draw, field: draw.chance(field, 99), 2),
    ],
)
def test_every_choice_is_tried(drawn: Callable[[Draw, str], object], choices: int, field: str) -> None:
    assert len({drawn(draw, field) for draw in trials()}) == choices


TOKENS = {"hex", "random_bytes"}
"""They may be any."""


def test_no_way_to_draw_a_number_is_left_to_chance() -> None:
    """Whatever is made of a document's number is there for trials as well."""
    by_number = {name for name, made in vars(Draw).items() if callable(made) and "FACTORS" in made.__code__.co_names}
    assert by_number - TOKENS == by_number & vars(TrialDraw).keys()


@pytest.mark.parametrize("digits", [4, 12, 16, 17, 40])
def test_tokens_are_as_random_as_elsewhere(digits: int) -> None:
    """What has to be a digit would be tried with nothing but zeros otherwise."""
    tokens = [draw.hex("build", digits) for draw in trials()]
    assert len({*tokens}) == TRIALS
    assert not any(token.isdigit() for token in tokens if digits > 30)
    assert {len(token) for token in tokens} == {digits}
