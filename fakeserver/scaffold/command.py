"""The command: `fakeserver new SLUG --from openapi.yaml [--out DIR] [--list OPERATION]`."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TextIO

from fakeserver.arguments import Parser, UsageError
from fakeserver.plugins import Unsuitable, check_slug
from fakeserver.problems import SpecError
from fakeserver.providers import PROVIDERS
from fakeserver.recipes.located import FixtureError
from fakeserver.scaffold import trial
from fakeserver.scaffold.code import comment
from fakeserver.scaffold.plan import Plan, alone, make_plan
from fakeserver.scaffold.skeleton import Skeleton, reasons
from fakeserver.scaffold.source import UnusableSource, read_source

MOST_NAMED = 8
"""Operations that the command names for one reason."""


def add_arguments(parser: Parser) -> None:
    parser.add_argument("slug", type=free_slug, metavar="SLUG", help="the provider's name in paths, files and modules")
    parser.add_argument("--from", dest="source", type=Path, required=True, metavar="FILE", help="OpenAPI 3.0 or 3.1")
    parser.add_argument("--out", type=Path, metavar="DIR", help="a new or empty folder (default: fakeserver-SLUG)")
    parser.add_argument(
        "--list", metavar="OPERATION", help="the operation whose rows are the documents (default: guess)"
    )


def run(parsed: argparse.Namespace, out: TextIO) -> int:
    """Write a skeleton, and say what it serves."""
    folder = parsed.out or Path(f"fakeserver-{parsed.slug}")
    check_folder(folder)
    try:
        made = make(parsed.slug, parsed.source, parsed.list)
        try:
            place(made.folder, folder)
        finally:
            shutil.rmtree(made.folder, ignore_errors=True)
    except (UnusableSource, SpecError, FixtureError) as error:
        raise UsageError(f"fakeserver new: {error}") from error
    except OSError as error:
        raise UsageError(f"fakeserver new: {folder} cannot be written: {error.strerror}") from error
    out.writelines(f"{comment(line)}\n" for line in report(made.plan, folder, parsed.slug))
    return 0


def free_slug(text: str) -> str:
    """An argparse type for the slug of a new provider."""
    try:
        check_slug(text)
    except Unsuitable as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if text in PROVIDERS:
        raise argparse.ArgumentTypeError(f"the provider {text!r} exists already")
    return text


def check_folder(folder: Path) -> None:
    try:
        taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    except OSError as error:
        raise UsageError(f"fakeserver new: {folder}: {error.strerror}") from error
    if taken:
        raise UsageError(f"fakeserver new: {folder} exists already and is not an empty folder; --out names another")


@dataclass(frozen=True, slots=True)
class Made:
    """A skeleton that was loaded, in a folder of its own that somebody has to remove."""

    plan: Plan
    folder: Path


def make(slug: str, source: Path, chosen: str | None) -> Made:
    """Write the skeleton into a temporary folder, and load it. Operations that a server would refuse are left out."""
    document = read_source(source)
    try:
        plan = make_plan(document, chosen)
    except UnusableSource as error:
        raise UnusableSource(f"{source}: {error}") from error
    folder = Path(tempfile.mkdtemp(prefix="fakeserver-new-"))
    try:
        refusal = try_out(slug, plan, folder)
        if refusal is not None:
            for listed in [*plan.listings]:
                reason = try_out(slug, alone(plan, listed), folder)
                if reason is not None:
                    plan.leave_out(listed, reason)
            refusal = try_out(slug, plan, folder) if plan.listings else refusal
        if refusal is not None:
            raise UnusableSource(f"{source}: nothing in it can be served: {refusal}")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Made(plan, folder)


def try_out(slug: str, plan: Plan, folder: Path) -> str | None:
    """Write a skeleton anew and load it: None, or why that fails."""
    shutil.rmtree(folder)
    folder.mkdir()
    skeleton = Skeleton(slug, plan)
    trial.write(folder, skeleton.files())
    try:
        trial.load(folder, skeleton.package)
    except (SpecError, FixtureError) as error:
        text = " ".join(str(error).split())
        return text.replace(f"{folder}{os.sep}", "")
    return None


def place(made: Path, folder: Path) -> None:
    """Move what was made to where it is wanted."""
    folder.mkdir(parents=True, exist_ok=True)
    for member in sorted(made.iterdir()):
        shutil.move(member, folder / member.name)


def report(plan: Plan, folder: Path, slug: str) -> Iterator[str]:
    """What the command says: what is served, and of each reason the operations that are not."""
    count = len(plan.unserved)
    rest = f"; {count} {'is' if count == 1 else 'are'} not served:" if count else ""
    yield f"{folder} serves {len(plan.listings)} of {plan.total} operations{rest}"
    for reason, number in reasons(plan):
        names = [found.endpoint.name for found in plan.unserved if found.reason == reason]
        more = f" and {number - MOST_NAMED} more" if number > MOST_NAMED else ""
        yield f"  {reason}: {', '.join(names[:MOST_NAMED])}{more}"
    for listed in plan.listings:
        yield f"{listed.found.endpoint.name}: pages by {listed.position}"
        yield from (f"  {name} keeps rows by {target}" for _, name, target in listed.filters)
        yield from (f"  {name} is refused until its filter is written: {why}" for name, why in listed.unread.items())
        yield from (f"  assumed: {note}" for note in listed.found.notes)
    yield f"next: pip install -e {quote(str(folder))} && fakeserver serve --only {slug}"
