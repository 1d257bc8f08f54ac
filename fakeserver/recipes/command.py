"""The commands to begin recipes of one's own with: `fakeserver fixtures --out DIR` and `fakeserver vocabularies`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from shlex import quote
from typing import TextIO

from fakeserver.arguments import Parser, UsageError
from fakeserver.recipes.drawing import DEFAULT_LOCALE, write_vocabularies
from fakeserver.recipes.fixture import VOCABULARIES
from fakeserver.recipes.located import FixtureError
from fakeserver.resources import resource


def add_fixtures_arguments(parser: Parser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a folder; created if it does not exist")
    add_overwrite(parser)


def add_vocabularies_arguments(parser: Parser, seed: Callable[[str], int]) -> None:
    parser.add_argument(
        "--locale", default=DEFAULT_LOCALE, help=f"Faker's locale for people and companies (default: {DEFAULT_LOCALE})"
    )
    parser.add_argument("--seed", type=seed, default=0, help="selects the words (default: 0)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="file to write (default: stdout)")
    add_overwrite(parser)


def add_overwrite(parser: Parser) -> None:
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")


def write_fixtures(parsed: argparse.Namespace, slugs: Iterable[str], out: TextIO) -> int:
    """Write the recipes of the built-in providers, which have these slugs, and the vocabularies."""
    names = [f"{name}.yaml" for name in (*slugs, VOCABULARIES)]
    try:
        taken = [name for name in names if (parsed.out / name).exists()]
        if taken and not parsed.overwrite:
            raise UsageError(
                f"fakeserver fixtures: {parsed.out} has {', '.join(taken)} already; --overwrite replaces what is there"
            )
        parsed.out.mkdir(parents=True, exist_ok=True)
        for name in names:
            (parsed.out / name).write_bytes(resource(f"fixtures/{name}").read_bytes())
    except OSError as error:
        raise UsageError(f"fakeserver fixtures: {parsed.out} cannot be written: {error.strerror}") from error
    out.write(f"{parsed.out} has {', '.join(names)}\nnext: fakeserver serve --fixtures {quote(str(parsed.out))}\n")
    return 0


def write_words(parsed: argparse.Namespace, out: TextIO) -> int:
    """Draw vocabularies, and write them."""
    try:
        if parsed.out is not None and parsed.out.exists() and not parsed.overwrite:
            raise UsageError(f"fakeserver vocabularies: {parsed.out} is there already; --overwrite replaces it")
        text = write_vocabularies(parsed.locale, parsed.seed)
        if parsed.out is not None:
            parsed.out.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(f"fakeserver vocabularies: {parsed.out} cannot be written: {error.strerror}") from error
    except FixtureError as error:
        raise UsageError(f"fakeserver vocabularies: {error}") from error
    if parsed.out is None:
        out.write(text)
    return 0
