"""What a request asks the fake for: which texts are read, how they combine, and what is refused."""

from __future__ import annotations

import pytest

from fakeserver.faults.on_request import RequestedFault, read_delay, read_prefer, read_request, split_credential
from fakeserver.faults.scripts import Fixed
from fakeserver.problems import FakeProblem
from fakeserver.spec.reader import Operation
from tests.support.asgi import services


def operation() -> Operation:
    return services()["prime"].spec.operations["listSandboxes"]


def requested(query: bytes = b"", suffix: str = "", **headers: str) -> RequestedFault | None:
    sent = {"authorization": f"Bearer key{suffix}", **headers}
    keys, fault = read_request(operation(), sent, query)
    assert keys == ["key"]
    return fault


@pytest.mark.parametrize(
    ("text", "preferences"),
    [
        ("", {}),
        ("code=503", {"code": "503"}),
        ("CODE = 503 ,example= x", {"code": "503", "example": "x"}),
        ('example="a \\"b\\", c"', {"example": 'a "b", c'}),
        ("respond-async, wait=10", {"respond-async": "", "wait": "10"}),
        ("code=503;q=1, code=500", {"code": "503"}),
        ('code=503; x="a,b", times=2', {"code": "503", "times": "2"}),
    ],
)
def test_the_header_is_read_as_its_rfc_says(text: str, preferences: dict[str, str]) -> None:
    """Names in any case, quoted values, parameters behind a semicolon; of a repeated name, the first counts."""
    assert read_prefer(text) == preferences


@pytest.mark.parametrize("text", ["=1", "code=503 times=2", 'example="open', "code=5,,x=1", ";"])
def test_a_header_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(FakeProblem) as refusal:
        read_prefer(text)
    assert refusal.value.body["field"] == "Prefer"


@pytest.mark.parametrize(
    ("credential", "key", "preferences"),
    [
        ("key", "key", {}),
        ("a+b", "a+b", {}),
        ("key+code=503", "key", {"code": "503"}),
        ("a+b+delay=5,times = 2", "a+b", {"delay": "5", "times": "2"}),
        ("key+colour=red", "key+colour=red", {}),
    ],
)
def test_only_a_known_name_begins_a_suffix(credential: str, key: str, preferences: dict[str, str]) -> None:
    """A plus sign may be part of a credential."""
    assert split_credential(credential) == (key, preferences)


def test_a_request_that_asks_for_nothing() -> None:
    """Neither an ordinary query nor preferences meant for the real API ask the fake for anything."""
    assert requested(b"page=2") is None
    assert requested(b"a__b=1", prefer="wait=10, handling=lenient") is None


def test_the_header_wins_over_the_query_over_the_credential() -> None:
    """Name by name, so that three places can ask for one fault together."""
    fault = requested(b"__code=500&__times=3", "+code=429,times=1,after=2", prefer="code=503")
    assert fault is not None
    assert (fault.text, fault.times, fault.after) == ("code=503, times=3, after=2", 3, 2)
    assert (fault.effect.status, fault.effect.label, fault.effect.phase) == (503, fault.text, "before")


def test_an_effect_is_read_in_full() -> None:
    fault = requested(prefer="fault=STALL, delay=1.5s, phase=after")
    assert fault is not None
    assert (fault.effect.status, fault.effect.fault, fault.effect.phase) == (None, "STALL", "after")
    assert fault.effect.delay == Fixed(1.5)
    assert fault.times is None


def test_a_documented_success_does_nothing() -> None:
    """It is asked for, and acknowledged, and the answer is the real one."""
    fault = requested(prefer="code=200")
    assert fault is not None
    assert not fault.effect.acts


@pytest.mark.parametrize(("text", "seconds"), [("250", 0.25), ("250ms", 0.25), ("1.5s", 1.5), ("0", 0)])
def test_delays(text: str, seconds: float) -> None:
    assert read_delay(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("prefer", "field"),
    [
        ("times=2", "times"),
        ("phase=after, after=1", "after"),
        ("code=503, times=1234567", "times"),
        ("delay=1m", "delay"),
        ("delay=601s", "delay"),
        ("code=418", "code"),
        ("code=418, handling=lenient, example=x", "example"),
        ("code=503, unheard-of=1", "unheard-of"),
    ],
)
def test_what_is_refused_is_named(prefer: str, field: str) -> None:
    with pytest.raises(FakeProblem) as refusal:
        requested(prefer=prefer)
    assert (refusal.value.status, refusal.value.body["field"]) == (400, field)
