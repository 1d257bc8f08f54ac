"""The command `fakeserver lint`: whether recipes, accepted deviations, and the plugins that are installed can be used,
without a server. Every mistake is a line."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import TextIO

from fakeserver import kit
from fakeserver.arguments import Parser
from fakeserver.plugins import UnusablePlugin
from fakeserver.providers import PROVIDERS
from fakeserver.recipes import fixture
from fakeserver.recipes.located import FixtureError
from fakeserver.serving.app import load_service

WRONG = 1


def add_arguments(parser: Parser) -> None:
    add = parser.add_argument
    add("--fixtures", type=Path, action="append", default=[], metavar="DIR", help="recipes; may be repeated")
    add("--accept", type=Path, action="append", default=[], metavar="FILE", help="accepted deviations; may be repeated")


def run(parsed: argparse.Namespace, out: TextIO) -> int:
    """Print a line for each mistake; the exit code says whether there was any."""
    found = [
        *check_plugins(),
        *(line for folder in parsed.fixtures for line in check_recipes(folder)),
        *(line for file in parsed.accept for line in check_accepted(file)),
    ]
    for line in found:
        print(line, file=out)
    return WRONG if found else 0


def check_plugins() -> Iterator[str]:
    """What is wrong with the providers that are installed, their specs and their recipes, and with what their pages
    promise."""
    words = fixture.load_vocabularies()
    for slug in PROVIDERS:
        yield from PROVIDERS.left_out.get(slug, ())
        yield from mistakes(partial(load_service, slug, words, None, trial=False))
    kit.load()
    # The kit is loaded by its name, so that a folder of the user's is not taken for it.
    promises = importlib.import_module(f"{kit.NAME}.promises").BY_SLUG
    for slug in promises:
        yield from promises.left_out.get(slug, ())
        yield from mistakes(partial(promises.__getitem__, slug))


def check_recipes(folder: Path) -> Iterator[str]:
    """What is wrong with the files of a folder, each for itself."""
    files: dict[str, Path] = {}
    yield from mistakes(lambda: files.update(fixture.find_files(folder, PROVIDERS)))
    replaced = files.pop(fixture.VOCABULARIES, None)
    words = fixture.load_vocabularies()
    yield from mistakes(lambda: words.update(fixture.load_vocabularies(replaced)))
    # Words that nobody replaces are checked with the plugins.
    slugs: Collection[str] = files if replaced is None else PROVIDERS
    for slug in slugs:
        yield from mistakes(partial(load_service, slug, words, files.get(slug), trial=replaced is not None))


def check_accepted(file: Path) -> Iterator[str]:
    kit.load()
    deviations = importlib.import_module(f"{kit.NAME}.promises.deviations")
    yield from mistakes(lambda: deviations.read_accepted(file), (deviations.DeviationError,))


def mistakes(
    read: Callable[[], object], kinds: tuple[type[Exception], ...] = (FixtureError, UnusablePlugin)
) -> Iterator[str]:
    """The line of what is wrong with something that is read."""
    try:
        read()
    except kinds as error:
        yield str(error)
