"""Tests of an application that names no base URL: its providers' own hosts are the fake."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from fakeserver.intercept.running import Fake, Interception, intercepting
from fakeserver.testing.server import Server, running


@contextmanager
def intercepted(
    server: Server | None = None,
    *,
    providers: Sequence[str] = (),
    namespace: str = "",
    offline: bool = False,
    allow: Sequence[str] = (),
    strict_credentials: bool = False,
) -> Iterator[Interception]:
    """Lead this process and those that it starts to a fake as long as the block lasts, by variables of its environment:
    clients that are made there, and read proxies and certificates from it, find the fake at every provider's host
    (those of all `providers`, unless some are named). `enter(name)` changes the world. Without a `server`, one is
    started. `offline` lets nothing else out of this machine but the hosts that `allow` names."""
    with ExitStack() as stack:
        server = server or stack.enter_context(running())
        interception = stack.enter_context(
            intercepting(
                Fake(server.base_url, namespace),
                slugs=providers,
                offline=offline,
                allowed=allow,
                strict_credentials=strict_credentials,
                by_host=True,
            )
        )
        before = dict(os.environ)
        try:
            os.environ.clear()
            os.environ.update(interception.environment)
            yield interception
        finally:
            os.environ.clear()
            os.environ.update(before)
