"""The values of single options, as argparse types: a mistake is one sentence, and no secret is in it."""

from __future__ import annotations

import argparse
import re

from contract_tests.sending.pace import FASTEST_RATE, SLOWEST_RATE
from contract_tests.sending.secret import Secret

RATE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(?:/s)?", re.ASCII)
NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9})?|\.\d{1,9}", re.ASCII)
SHORTEST_TIMEOUT, LONGEST_TIMEOUT = 0.1, 600.0
HIGHEST_SEED = 2**63 - 1
MAX_SHOWN = 40
"""How much of a wrong value a message repeats."""
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
NAMED_BY_KIT = frozenset(
    {
        *("accept", "accept-encoding", "connection", "content-length", "content-type", "expect", "host"),
        *("if-modified-since", "if-none-match", "keep-alive", "range", "te", "trailer", "transfer-encoding"),
        *("upgrade", "user-agent"),
    }
)
"""Headers that the kit or its client sets, or that would change what an answer is; in lower case."""


def shown(text: str) -> str:
    return ascii(text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}...")


def rate(text: str) -> float:
    """Requests per second, such as `5/s`."""
    match = RATE.fullmatch(text)
    if match is None or not SLOWEST_RATE <= float(match[1]) <= FASTEST_RATE:
        raise argparse.ArgumentTypeError(
            f"{shown(text)} is not a number of requests per second from {SLOWEST_RATE:g} to {FASTEST_RATE:,.0f}, "
            "such as 5/s"
        )
    return float(match[1])


def seconds(text: str) -> float:
    """A time-out."""
    if not NUMBER.fullmatch(text) or not SHORTEST_TIMEOUT <= float(text) <= LONGEST_TIMEOUT:
        raise argparse.ArgumentTypeError(
            f"{shown(text)} is not a number of seconds from {SHORTEST_TIMEOUT:g} to {LONGEST_TIMEOUT:g}"
        )
    return float(text)


def share(text: str) -> float:
    """A part of the whole."""
    if not NUMBER.fullmatch(text) or float(text) > 1:
        raise argparse.ArgumentTypeError(f"{shown(text)} is not a share between 0 and 1")
    return float(text)


def seed(text: str) -> int:
    """What random choices begin with."""
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= HIGHEST_SEED):
        raise argparse.ArgumentTypeError(f"{shown(text)} is not a whole number from 0 to {HIGHEST_SEED}")
    return int(text)


def header(text: str) -> tuple[str, str]:
    """A header's name and value. No message repeats the value, which may be a secret."""
    name, colon, value = text.partition(":")
    value = value.strip(" \t")
    if not colon or not HEADER_NAME.fullmatch(name):
        raise argparse.ArgumentTypeError("a header is 'NAME: VALUE', with a name of letters, digits and '-'")
    if not value:
        raise argparse.ArgumentTypeError(f"{name} has no value")
    if not (value.isascii() and value.isprintable()):
        raise argparse.ArgumentTypeError(f"{name} holds a character that no header may carry")
    return name, Secret(value)
