"""Flags as variables of the environment."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from fakeserver.arguments import UsageError
from fakeserver.cli import serve_parser
from fakeserver.serving.variables import actions_of, parse

EXAMPLES = {
    "host": "::1",
    "port": "1",
    "uds": "s",
    "tls": "1",
    "tls_cert": "c",
    "tls_key": "k",
    "log_level": "debug",
    "log_format": "json",
    "access_log": "1",
    "keep_alive": "9",
    "origin": "https://a.example, https://b.example",
    "admin_token": "t",
    "admin_token_file": "f",
    "seed": "3",
    "size": "4",
    "only": "prime,instavm",
    "fixtures": "ä folder",
    "locale": "de_DE",
    "watch": "1",
    "epoch": "2026-01-18T10:30:00Z",
    "clock": "live",
    "no_rate_limits": "1",
    "store": "sqlite:a folder/worlds.db",
    "workers": "3",
    "namespace_ttl": "60",
    "namespace_documents": "50",
    "namespace_file_bytes": "50000",
    "namespace_requests": "500",
}
"""For each flag of `serve`, what its variable may say, so that a new flag has to be one too."""
SWITCHES = ("tls", "access_log", "watch", "no_rate_limits")


def flag_of(name: str) -> str:
    return "--" + name.replace("_", "-")


def arguments_of(name: str, text: str) -> list[str]:
    """The same by flags."""
    if name in SWITCHES:
        return [flag_of(name)]
    return [part for each in text.split(",") for part in (flag_of(name), each.strip())]


def test_every_flag_is_tried() -> None:
    assert {name.removeprefix("FAKESERVER_").lower() for name, _ in actions_of(serve_parser())} == {*EXAMPLES}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_variable_says_what_its_flag_says(name: str) -> None:
    text = EXAMPLES[name]
    by_variable = parse(serve_parser(), [], {f"FAKESERVER_{name.upper()}": text})
    by_flag = parse(serve_parser(), arguments_of(name, text), {})
    assert by_variable == by_flag != parse(serve_parser(), [], {})


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name not in SWITCHES])
def test_a_flag_replaces_its_variable(name: str) -> None:
    """Also a list, which does not grow by what the variable says, and a flag that says what is the default."""
    arguments = arguments_of(name, EXAMPLES[name])
    other = {"only": "superserve", "origin": "*", "size": "77", "clock": "stationary"}.get(name, EXAMPLES[name])
    assert parse(serve_parser(), arguments, {f"FAKESERVER_{name.upper()}": other}) == parse(
        serve_parser(), arguments, {}
    )
    assert parse(serve_parser(), ["--port", "8000"], {"FAKESERVER_PORT": "9"}).port == 8000


def test_an_empty_variable_is_none() -> None:
    """As `${PORT:-}` of a compose file writes it."""
    nothing = {f"FAKESERVER_{name.upper()}": "" for name in EXAMPLES}
    assert parse(serve_parser(), [], nothing) == parse(serve_parser(), [], {})
    assert parse(serve_parser(), [], {"FAKESERVER_WATCH": "0", "FAKESERVER_ONLY": " , "}).only == []


@pytest.mark.parametrize(
    ("name", "text", "causes"),
    [
        ("PORT", "tcp://10.96.0.7:8000", ["Kubernetes", "Service called fakeserver", "enableServiceLinks"]),
        ("PORT", "80.5", ["'80.5' is not a whole number"]),
        ("WATCH", "yes", ["'yes' is neither 1 nor 0"]),
        ("NO_RATE_LIMITS", "true", ["neither 1 nor 0"]),
        ("ONLY", "prime,prme", ["'prme'", "'prime'"]),
        ("LOG_FORMAT", "jsn", ["'jsn'", "'json'"]),
        ("EPOCH", "today", ["RFC 3339"]),
    ],
)
def test_what_cannot_be_used_is_named(name: str, text: str, causes: list[str]) -> None:
    """One line, with the variable and the cause."""
    with pytest.raises(UsageError) as refused:
        parse(serve_parser(), [], {f"FAKESERVER_{name}": text})
    told = str(refused.value)
    assert "\n" not in told
    assert all(each in told for each in (f"FAKESERVER_{name}", *causes)), told


def test_a_misspelt_variable_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Those that Kubernetes sets, and those of others, are not."""
    others = {
        "FAKESERVER_SERVICE_HOST": "10.96.0.7",
        "FAKESERVER_SERVICE_PORT_HTTP": "8000",
        "FAKESERVER_PORT_8000_TCP": "tcp://10.96.0.7:8000",
        "FAKESERVER_TOKEN": "t",
        "FAKESERVER_EXAMPLES": "1",
    }
    with caplog.at_level(logging.WARNING):
        parse(serve_parser(), [], {**others, "FAKESERVER_FIXTURE": str(Path("x"))})
    assert caplog.messages == ["the variable FAKESERVER_FIXTURE is not read; did you mean FAKESERVER_FIXTURES?"]
