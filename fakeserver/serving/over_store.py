"""`serve --store`: the application over a store, by one process or by several."""

from __future__ import annotations

import argparse
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from fakeserver.arguments import UsageError
from fakeserver.garbage import keep_all
from fakeserver.plugins import UnusablePlugin
from fakeserver.problems import FakeProblem
from fakeserver.recipes.located import FixtureError
from fakeserver.serving.app import App, Settings, load_services
from fakeserver.serving.command import MakeServer, run_server
from fakeserver.serving.founding import lay_foundation, open_founded
from fakeserver.serving.sharing import Shares
from fakeserver.serving.stored import Member, StoredApp, StoredServer
from fakeserver.serving.workers import Workers
from fakeserver.stores.store import StoreError
from fakeserver.stores.urls import open_store


def create_stored(parsed: argparse.Namespace, settings: Settings) -> StoredApp:
    """The application."""
    if parsed.watch:
        raise UsageError("fakeserver: --watch and --store: a store keeps the fixtures it began with: leave one out")
    store, settings = open_founded(parsed.store, parsed, settings)
    try:
        services = load_services(settings.only, settings.fixtures, settings.locale, settings.seed)
        return StoredApp(services, lay_foundation(store, settings, services), store)
    except (UnusablePlugin, FixtureError, FakeProblem, StoreError) as error:
        store.close()
        raise UsageError(f"fakeserver: {error}") from error


def stored_server(app: StoredApp, **worker: Any) -> MakeServer:
    """What makes its server, which may be a worker's."""
    return partial(StoredServer, app=app, **worker)


def lead_workers(
    app: App, parsed: argparse.Namespace, listener: socket.socket, announce: Callable[[], None], **how: Any
) -> int:
    """Serve by several processes, each of which opens the store for itself."""
    assert isinstance(app, StoredApp)
    app.telling.leave()
    app.keeper.close()

    def work(ready: Callable[[], None], alive: int, shares: Shares, number: int) -> None:
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
        own = StoredApp(app.services, app.settings, open_store(parsed.store))
        keep_all()
        member = Member(ready, alive, shares, number)
        run_server(own, stored_server(own, member=member), listener, **how)

    return Workers(parsed.workers, work).run(announce)
