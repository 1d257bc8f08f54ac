"""The names of scenarios: states of a list that a user interface has to survive, each to be had by a link."""

from __future__ import annotations

from typing import Literal

from fakeserver.arguments import near
from fakeserver.faults.scripts import Effect, Faults, Fixed, make_effect
from fakeserver.problems import FakeProblem
from fakeserver.spec.reader import Operation

ScenarioName = Literal[
    "empty",
    "one",
    "exact-page",
    "many",
    "long-text",
    "unicode-rtl",
    "all-enums",
    "all-null",
    "all-set",
    "aged",
    "slow",
    "flaky",
    "one-row-pages",
    "churn",
    "next-version",
]
SLOW, FLAKY, ONE_ROW_PAGES, CHURN, NEXT_VERSION = "slow", "flaky", "one-row-pages", "churn", "next-version"
SCENARIOS = {
    "empty": "No rows at all.",
    "one": "A single row.",
    "exact-page": "As many rows as a page has where nobody says how many: the last page is full, and none follows.",
    "many": "Thousands of rows.",
    "long-text": "Texts that nobody chose are long, without a place to break.",
    "unicode-rtl": "The same texts from right to left, with emoji, combining marks and directional overrides.",
    "all-enums": "Every value of each enumeration, those within objects and lists too.",
    "all-null": "Null in every field that can be null, at every depth; fields that can be absent are.",
    "all-set": "Something in every field, at every depth, as far as the spec lets a change stand.",
    "aged": "Rows of three months ago, in the states that they have come to.",
    SLOW: "The answer takes three seconds.",
    FLAKY: "Of the requests for the same, every other one fails, the first one first.",
    ONE_ROW_PAGES: "Every page has one row, whatever size is asked for; lists without pages stay whole.",
    CHURN: "Behind the first page some rows have gone, and others come.",
    NEXT_VERSION: "Values and fields that the spec does not know, as a later version of the API may have them.",
}
"""What each shows. All but the last keep to the spec."""
SLOW_SECONDS = 3.0
MAX_SHOWN = 100
"""Characters of an unknown name that a refusal repeats."""
FAILURES = (503, 502, 500, 429)
"""Which failure `flaky` is, the first that the operation documents."""


def check_scenario(name: str) -> str:
    """The name, or a refusal with the one that was probably meant."""
    if name not in SCENARIOS:
        shown = name[:MAX_SHOWN]
        raise FakeProblem(400, f"scenario {shown!r} is not known{near(shown, SCENARIOS)}", field="scenario")
    return name


SLOWNESS = Effect(f"scenario={SLOW}", delay=Fixed(SLOW_SECONDS))


def weather_of(name: str, operation: Operation, place: str, faults: Faults) -> Effect | None:
    """What a scenario does to the answer of a request; `place` is the same for requests for the same."""
    if name == SLOW:
        return SLOWNESS
    if name != FLAKY or faults.turn(f"{place} scenario={FLAKY}") % 2 == 0:
        return None
    code = next((each for each in FAILURES if each in operation.responses), FAILURES[0])
    return make_effect(operation, label=f"scenario={FLAKY}", code=code, lenient=True)
