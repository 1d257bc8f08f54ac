"""How uvicorn serves an application of ours."""

from __future__ import annotations

from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import LOGGING_CONFIG

from fakeserver.serving.loops import new_loop
from fakeserver.serving.protocol import Protocol

LOOP = f"{new_loop.__module__}:{new_loop.__name__}"
KEEP_ALIVE = 75
"""Seconds until an idle connection is closed: longer than clients keep one. httpx gives it up after five, and where a
server does too, now and then it ends the one that is just used."""


def server_config(
    app: ASGIApp,
    *,
    log_level: str = "warning",
    log_config: dict[str, Any] | None = LOGGING_CONFIG,
    shutdown_seconds: int = 2,
    keep_alive: int = KEEP_ALIVE,
    tls: tuple[str, str] | None = None,
) -> uvicorn.Config:
    """How uvicorn serves the application; `shutdown_seconds` are for answers that are still being sent, at the most,
    `keep_alive` seconds for connections that nobody uses, and `tls` is the file of a certificate with that of its key;
    without a `log_config` its loggers are as somebody else has set them up."""
    certificate, key = tls or (None, None)
    return uvicorn.Config(
        app,
        http=Protocol,
        loop=LOOP,
        lifespan="off",
        ws="none",
        access_log=False,
        log_level=log_level,
        log_config=log_config,
        server_header=False,
        # A header must not be able to say where a request comes from.
        proxy_headers=False,
        timeout_graceful_shutdown=shutdown_seconds,
        timeout_keep_alive=keep_alive,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
