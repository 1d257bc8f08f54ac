"""The command `fakeserver store`: what is in a store, and how its worlds come in and out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import orjson

from fakeserver.admin import snapshots
from fakeserver.arguments import Parser, UsageError, integer
from fakeserver.instants import SECOND, at
from fakeserver.plugins import UnusablePlugin
from fakeserver.problems import Document, FakeProblem, Json
from fakeserver.recipes.located import FixtureError
from fakeserver.serving.acts import drop
from fakeserver.serving.app import Settings, load_services, wall
from fakeserver.serving.founding import WAIT_SECONDS, Foundation, lay_foundation, read_foundation, settled
from fakeserver.serving.stored import StoredApp
from fakeserver.stores.store import FORMAT, Listed, Store, StoreError
from fakeserver.stores.urls import KINDS, MEMORY, open_store, store_url
from fakeserver.worlds.flags import DEFAULT_SIZE
from fakeserver.worlds.namespaces import NAME
from fakeserver.worlds.world import World

MAX_SECONDS = 10 * 366 * 86_400
MAX_FILE_BYTES = 2**31
LISTINGS = ("text", "json")
ROOT = "(root)"
"""What the world without a name is called in a list."""


def add_arguments(parser: Parser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, (text, _) in ACTIONS.items():
        action = actions.add_parser(name, help=text, description=text, allow_abbrev=False)
        action.add_argument("store", type=kept_url, metavar="STORE", help="such as sqlite:PATH")
        if name == "status":
            action.add_argument("--format", choices=LISTINGS, default=LISTINGS[0], help="text or json (default: text)")
        if name in ("export", "import"):
            action.add_argument("--namespace", type=namespace, metavar="NAME", help="default: the root")
            action.add_argument(
                "--fixtures", type=Path, metavar="DIR", help="the recipes that the store was created with"
            )
            action.add_argument("--locale", metavar="LOCALE", help="the locale that it was created with")
        if name == "export":
            action.add_argument("--out", type=Path, metavar="FILE", help="default: stdout")
        if name == "import":
            action.add_argument("file", type=Path, metavar="FILE", help="a snapshot; - is stdin")
            action.add_argument("--replace", action="store_true", help="replace a world that has been written to")
        if name == "prune":
            seconds = integer(0, MAX_SECONDS)
            action.add_argument(
                "--unused-for", type=seconds, required=True, metavar="SECONDS", help="time since the last use"
            )
            action.add_argument("--dry-run", action="store_true", help="only list them")


def kept_url(text: str) -> str:
    """An argparse type for a store that outlives a server."""
    if text == MEMORY:
        raise argparse.ArgumentTypeError(f"{MEMORY} ends with its server: give {KINDS.removeprefix(f'{MEMORY}, ')}")
    return store_url(text)


def namespace(text: str) -> str:
    if NAME.fullmatch(text) is None:
        raise argparse.ArgumentTypeError("a namespace is 1 to 64 letters, digits, dots, dashes and underscores")
    return text


def run(parsed: argparse.Namespace, out: TextIO) -> int:
    """Do it; what cannot be done is wrong usage, in one line."""
    try:
        ACTIONS[parsed.action][1](parsed, out)
    except (StoreError, UnusablePlugin, FixtureError, FakeProblem) as error:
        raise UsageError(f"fakeserver store {parsed.action}: {error}") from error
    return 0


# What a store is


def status(parsed: argparse.Namespace, out: TextIO) -> None:
    with opened(parsed.store) as store:
        found, worlds = read_foundation(store), store.worlds()
    if parsed.format == "json":
        listed = [
            {"namespace": each.name or None, "used": at(each.used_at), **numbers(each), "written": each.written}
            for each in worlds
        ]
        told: Document = {"store": store.name, "format": FORMAT, "worlds": listed}
        told |= {} if found is None else begun(found)
        out.write(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode() + "\n")
        return
    out.write(f"{store.name}: format {FORMAT}, {len(worlds)} worlds\n")
    if found is not None:
        shown = {
            **begun(found),
            "epoch": begun(found)["epoch"] or "of each world",
            "providers": " ".join(found.fixtures),
        }
        out.write("  " + ", ".join(f"{name} {value}" for name, value in shown.items()) + "\n")
    for each in worlds:
        counted = ", ".join(f"{value} {name}" for name, value in numbers(each).items())
        out.write(f"  {each.name or ROOT}: {counted}, used {at(each.used_at)}\n")


def begun(found: Foundation) -> Document:
    return {
        "seed": found.seed,
        "size": found.size,
        "epoch": None if found.epoch is None else at(found.epoch),
        "clock": "live" if found.live else "stationary",
        "snapshots": found.snapshots,
        "providers": sorted(found.fixtures),
    }


def numbers(each: Listed) -> Document:
    return {"rows": each.rows, "bytes": each.bytes, "requests": each.entries}


def migrate(parsed: argparse.Namespace, out: TextIO) -> None:
    """A file is made when it is first opened, and there is one format so far."""
    with opened(parsed.store, there=False) as store:
        out.write(f"{store.name}: format {FORMAT}, as this fakeserver reads it\n")


# Worlds in and out


def export(parsed: argparse.Namespace, out: TextIO) -> None:
    with opened(parsed.store) as store, served(store, parsed) as app:
        if not store.has(parsed.namespace or ""):
            raise StoreError(f"the store {store.name} has no namespace {parsed.namespace!r}")
        world = world_of(app, parsed.namespace)
        text = orjson.dumps(snapshots.take(world, app.services, world.guests.rest()))
    try:
        if parsed.out is None:
            out.write(text.decode())
        else:
            parsed.out.write_bytes(text)
    except OSError as error:
        raise StoreError(f"cannot write {parsed.out}: {error.strerror}") from error


def import_(parsed: argparse.Namespace, out: TextIO) -> None:
    value = read_snapshot(parsed.file)
    with opened(parsed.store, there=False) as store, served(store, parsed) as app:
        there = [each for each in store.worlds() if each.name == (parsed.namespace or "")]
        if any(each.written for each in there) and not parsed.replace:
            shown = parsed.namespace or ROOT
            raise StoreError(f"something was written to {shown} of the store {store.name}; --replace takes its place")

        def put() -> None:
            world = world_of(app, parsed.namespace)
            world.take_over(snapshots.read(value, world, app.services))

        app.keeper.do(put)
        out.write(f"{store.name}: {parsed.namespace or ROOT} is the world of {parsed.file}\n")


def read_snapshot(path: Path) -> Json:
    try:
        text = sys.stdin.buffer.read(MAX_FILE_BYTES) if str(path) == "-" else path.read_bytes()
        return orjson.loads(text)
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise StoreError(f"{path} is no snapshot: {error}") from error


def world_of(app: StoredApp, name: str | None) -> World:
    return app.stored.named(name) if name else app.stored.root


def prune(parsed: argparse.Namespace, out: TextIO) -> None:
    with opened(parsed.store) as store:
        change = store.change(WAIT_SECONDS)
        if change is None:
            raise StoreError(f"the store {store.name} is held by somebody else")
        try:
            now = wall()
            least = now - parsed.unused_for * SECOND
            unused = [each.name for each in store.worlds() if each.name and each.used_at <= least]
            for name in unused if not parsed.dry_run else ():
                drop(name, now, change)
            change.commit()
        finally:
            change.undo()
    for name in unused:
        out.write(f"{'would drop' if parsed.dry_run else 'dropped'} {name}\n")


@contextmanager
def opened(url: str, *, there: bool = True) -> Iterator[Store]:
    store = open_store(url, there=there)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def served(store: Store, parsed: argparse.Namespace) -> Iterator[StoredApp]:
    """The application over a store, which nobody asks."""
    given = argparse.Namespace(seed=None, size=None, epoch=None, clock=None, no_rate_limits=False, only=[])
    settings = Settings(size=DEFAULT_SIZE, fixtures=parsed.fixtures, locale=parsed.locale)
    settings = settled(store, read_foundation(store), given, settings)
    services = load_services(settings.only, settings.fixtures, settings.locale, settings.seed)
    app = StoredApp(services, lay_foundation(store, settings, services), store)
    try:
        app.stored.is_turn = True
        yield app
    finally:
        app.telling.leave()


Action = Callable[[argparse.Namespace, TextIO], None]
ACTIONS: dict[str, tuple[str, Action]] = {
    "status": ("show what a store was created with, and its worlds", status),
    "export": ("write a world as a snapshot, as PUT /__admin/snapshot takes it", export),
    "import": ("read a snapshot into a world", import_),
    "prune": ("drop namespaces that have not been used for some time", prune),
    "migrate": ("bring a store to the version of this fakeserver", migrate),
}
