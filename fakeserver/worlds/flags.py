"""The flags that say which world is meant, for every command that makes one: `--seed`, `--size`, `--epoch`, and whose
recipes and words."""

from __future__ import annotations

import argparse
from pathlib import Path

from fakeserver.arguments import MAX_SEED, Parser, integer
from fakeserver.documents.seeded import MAX_SIZE
from fakeserver.instants import EARLIEST_EPOCH, LATEST_EPOCH, at, read_rfc3339

DEFAULT_SEED, DEFAULT_SIZE = 0, 1_000


def add_seeding(parser: Parser, *, most: int = MAX_SIZE, epoch: int | None = None, stored: bool = False) -> None:
    """`most` is how many documents the command can have, and `epoch` what it counts dates from where nobody says so;
    without one that is the moment at which a world comes into being. Where worlds may be `stored`, seed and size are
    None when nobody names them."""
    add = parser.add_argument
    add(
        "--seed",
        type=integer(0, MAX_SEED),
        default=None if stored else DEFAULT_SEED,
        help=f"selects the world (default: {DEFAULT_SEED}{', or that of the store' if stored else ''})",
    )
    add(
        "--size",
        type=integer(0, most),
        default=None if stored else DEFAULT_SIZE,
        help=f"documents per provider, over all its tenants, up to {most:,} (default: {DEFAULT_SIZE})",
    )
    when = "when each world is created" if epoch is None else at(epoch)[:10]
    add(
        "--epoch",
        type=moment,
        default=epoch,
        metavar="INSTANT",
        help=f"the instant from which dates in all worlds are counted (default: {when})",
    )
    add("--fixtures", type=Path, metavar="DIR", help="your recipes; each replaces the built-in one of the same name")
    add("--locale", metavar="LOCALE", help="draw the vocabularies with Faker for this locale, such as de_DE")


def moment(text: str) -> int:
    """An argparse type for the instant that dates are counted from."""
    try:
        found = read_rfc3339(text)
        if not EARLIEST_EPOCH <= found <= LATEST_EPOCH:
            raise ValueError
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an RFC 3339 instant from 1990 to 2200, such as 2026-01-18T10:30:00Z"
        ) from None
    return found
