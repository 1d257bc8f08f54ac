"""What a fault can be asked to be, argument by argument; the admin API's spec says what each means."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal, TypedDict

from fakeserver.faults.scenarios import ScenarioName as ScenarioName
from fakeserver.faults.scripts import FaultName as FaultName
from fakeserver.problems import Document, Json
from fakeserver.testing.values import milliseconds

Milliseconds = float | timedelta


class Uniform(TypedDict):
    """A delay between two bounds, drawn for each answer."""

    type: Literal["uniform"]
    lower: Milliseconds
    upper: Milliseconds


class LogNormalBounds(TypedDict, total=False):
    maxValue: Milliseconds


class LogNormal(LogNormalBounds):
    """A delay as those of a network are, drawn for each answer."""

    type: Literal["lognormal"]
    median: Milliseconds
    sigma: float


class DribbleDelay(TypedDict):
    """The body in so many pieces over so much time."""

    numberOfChunks: int
    totalDuration: Milliseconds


class Match(TypedDict, total=False):
    """The requests that a fault is about: those of a caller, by the name in the recipe, and with these parameters."""

    caller: str
    query: Mapping[str, str]


def in_numbers(value: Json) -> Json:
    """An argument of `fault` as JSON: durations in milliseconds."""
    if isinstance(value, Mapping):
        return {name: in_numbers(inner) for name, inner in value.items()}
    return milliseconds(value) if isinstance(value, timedelta) else value


def script(**asked: Json) -> Document:
    """The body of the call that sets a fault; what is None was not asked for."""
    return {name: in_numbers(value) for name, value in asked.items() if value is not None}
