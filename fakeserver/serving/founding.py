"""What a store was begun with: every server of it has the same, or does not start."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import orjson

from fakeserver.admin.snapshots import VERSION
from fakeserver.arguments import UsageError
from fakeserver.instants import at
from fakeserver.pipeline.service import Service
from fakeserver.problems import Json
from fakeserver.providers import PROVIDERS
from fakeserver.serving.app import Settings, wall
from fakeserver.stores.store import Store, StoreError
from fakeserver.stores.urls import open_store

NOTE = "foundation"
WAIT_SECONDS = 5.0
FLAGS = {
    "seed": "--seed",
    "size": "--size",
    "epoch": "--epoch",
    "live": "--clock",
    "rate_limits": "--no-rate-limits",
}
"""By what of a foundation each flag says."""


@dataclass(frozen=True, slots=True)
class Foundation:
    """`epoch` is None where each world has its own; `began` is when the store began (microseconds since 1970), and
    `fixtures` are digests, by provider."""

    seed: int
    size: int
    epoch: int | None
    live: bool
    rate_limits: bool
    snapshots: int
    began: int
    fixtures: Mapping[str, str]


def read_foundation(store: Store) -> Foundation | None:
    """That of a store; None in a new one."""
    text = store.notes().get(NOTE)
    if text is None:
        return None
    found: Json = orjson.loads(text)
    if found["snapshots"] != VERSION:
        raise StoreError(
            f"the store {store.name} has snapshots of version {found['snapshots']}, and this fakeserver reads version "
            f"{VERSION}: let `fakeserver store export` of that one and `import` of this one move its worlds"
        )
    return Foundation(**found)


def open_founded(url: str, parsed: argparse.Namespace, settings: Settings) -> tuple[Store, Settings]:
    """A store, and the settings with which its worlds are served; what differs from what was given (`parsed`) is
    refused by its name. A new store begins with them."""
    try:
        store = open_store(url)
        try:
            return store, settled(store, read_foundation(store), parsed, settings)
        except BaseException:
            store.close()
            raise
    except StoreError as error:
        raise UsageError(f"fakeserver: {error}") from error


def settled(store: Store, found: Foundation | None, parsed: argparse.Namespace, settings: Settings) -> Settings:
    """The settings of a server, with what its store was begun with in the place of what was not given."""
    if found is None:
        return settings
    given = {
        "--seed": (parsed.seed, found.seed),
        "--size": (parsed.size, found.size),
        "--epoch": (parsed.epoch, found.epoch),
        "--clock": (None if parsed.clock is None else settings.live, found.live),
        "--no-rate-limits": (parsed.no_rate_limits or None, not found.rate_limits),
        "--only": ({*parsed.only} or None, {*found.fixtures}),
    }
    for flag, (wanted, kept) in given.items():
        if wanted is not None and wanted != kept:
            told = (shown(flag, each) for each in (kept, wanted))
            raise StoreError(f"{flag} of the store {store.name} is {next(told)}, and not {next(told)}: leave it out")
    missing = [slug for slug in found.fixtures if slug not in PROVIDERS]
    if missing:
        raise StoreError(f"the store {store.name} has {', '.join(missing)}, which no package that is installed brings")
    return replace(
        settings,
        seed=found.seed,
        size=found.size,
        epoch=found.epoch,
        live=found.live,
        rate_limits=found.rate_limits,
        only=tuple(found.fixtures),
        began=found.began,
    )


def shown(flag: str, value: Json) -> str:
    """A value as the flag takes it."""
    if flag == "--epoch":
        return "when each world comes into being" if value is None else at(value)
    if flag == "--clock":
        return "live" if value else "stationary"
    if flag == "--no-rate-limits":
        return "given" if value else "absent"
    return ", ".join(sorted(value)) if isinstance(value, set) else str(value)


def lay_foundation(store: Store, settings: Settings, services: Mapping[str, Service]) -> Settings:
    """Begin a store with what is served, if it is new; otherwise refuse other fixtures than it was begun with, by the
    names of their providers."""
    wanted = Foundation(
        settings.seed,
        settings.size,
        settings.epoch,
        settings.live,
        settings.rate_limits,
        VERSION,
        settings.began or settings.epoch or wall(),
        {slug: service.fixture.digest for slug, service in services.items()},
    )
    change = store.change(WAIT_SECONDS)
    if change is None:
        raise StoreError(f"the store {store.name} is held by somebody else")
    if NOTE not in change.notes():
        change.note(NOTE, orjson.dumps(asdict(wanted)).decode())
    change.commit()
    found = read_foundation(store)
    assert found is not None
    others = sorted(slug for slug in {*found.fixtures, *wanted.fixtures} if differs(slug, found, wanted))
    if others:
        raise StoreError(
            f"the store {store.name} was begun with other providers or fixtures: {', '.join(others)} (give it the same "
            "--only, --fixtures and --locale)"
        )
    other = [flag for name, flag in FLAGS.items() if getattr(found, name) != getattr(wanted, name)]
    if other:
        told = f"the store {store.name} was begun by another server at the same time, with another {', '.join(other)}"
        raise StoreError(told)
    return replace(settings, began=found.began)


def differs(slug: str, one: Foundation, other: Foundation) -> bool:
    return one.fixtures.get(slug) != other.fixtures.get(slug)
