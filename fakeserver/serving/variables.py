"""The flags of `serve` as variables of the environment: `--log-level` is FAKESERVER_LOG_LEVEL. A list is separated by
commas, a switch is 1 or 0, an empty variable counts as none, and a flag on the command line replaces its variable."""

from __future__ import annotations

import argparse
import logging
import re
from collections.abc import Iterator, Mapping, Sequence

from fakeserver.arguments import Parser, closest

PREFIX = "FAKESERVER_"
SWITCH = {"1": True, "0": False}
LINK = re.compile(r"(?:tcp|udp|sctp)://")
"""What Kubernetes gives FAKESERVER_PORT in every pod beside a Service that is called fakeserver."""
LINKED = re.compile(rf"{PREFIX}(?:SERVICE_(?:HOST|PORT)|PORT_[0-9])")
"""What else it sets then, and nobody reads."""
LIKE_A_FLAG = 0.85
"""From this similarity on a variable that is none of ours was probably meant to be one."""

log = logging.getLogger("fakeserver")


def parse(parser: Parser, arguments: Sequence[str], environ: Mapping[str, str]) -> argparse.Namespace:
    """The arguments, and the environment's variables for the flags that are not among them; a UsageError names the
    variable that cannot be used."""
    actions = dict(actions_of(parser))
    given = {name: read(parser, name, action, environ[name]) for name, action in actions.items() if environ.get(name)}
    for name in given:
        # No flag comes to None when it is given, and a list must not begin with that of the variable.
        actions[name].default = None
    parsed = parser.parse_args(arguments)
    for name, value in given.items():
        if getattr(parsed, actions[name].dest) is None:
            setattr(parsed, actions[name].dest, value)
    for line in find_misspelt(environ, actions):
        log.warning("%s", line)
    return parsed


def actions_of(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.Action]]:
    """The flags of a parser, each by the name of its variable."""
    for action in parser._actions:
        for option in action.option_strings:
            if option.startswith("--") and option != "--help":
                yield name_of(option), action


def name_of(flag: str) -> str:
    """The variable of a flag."""
    return PREFIX + flag.removeprefix("--").replace("-", "_").upper()


def read(parser: Parser, name: str, action: argparse.Action, text: str) -> object:
    """What a variable says, as the flag's value."""
    if action.nargs == 0:
        if text not in SWITCH:
            parser.error(f"{name}: {text[:64]!r} is neither 1 nor 0")
        return SWITCH[text]
    if isinstance(action.default, list):
        return [convert(parser, name, action, each.strip()) for each in text.split(",") if each.strip()]
    return convert(parser, name, action, text)


def convert(parser: Parser, name: str, action: argparse.Action, text: str) -> object:
    try:
        return action.type(text) if callable(action.type) else text
    except argparse.ArgumentTypeError as error:
        if LINK.match(text):
            parser.error(
                f"{name}: {text[:64]!r} is what Kubernetes sets beside a Service called fakeserver: give the Service "
                "another name, or the pod enableServiceLinks: false"
            )
        parser.error(f"{name}: {error}")


def find_misspelt(environ: Mapping[str, str], known: Mapping[str, object]) -> Iterator[str]:
    """A sentence for each variable that is nearly one of ours; others may be somebody else's."""
    for name in environ:
        if name.startswith(PREFIX) and name not in known and not LINKED.match(name):
            for close in closest(name.removeprefix(PREFIX), bare(known), LIKE_A_FLAG):
                yield f"the variable {name} is not read; did you mean {PREFIX}{close}?"


def bare(names: Mapping[str, object]) -> list[str]:
    """The names without what all of them begin with."""
    return [name.removeprefix(PREFIX) for name in names]
