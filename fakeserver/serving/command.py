"""The command: `fakeserver serve`, until somebody interrupts it."""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

import uvicorn
from uvicorn.server import HANDLED_SIGNALS

from fakeserver.arguments import INSTALL, Parser, UsageError, integer, one_of
from fakeserver.garbage import keep_all, uncollected
from fakeserver.loopback import ADDRESS, NAME, PORT, is_loopback
from fakeserver.plugins import UnusablePlugin
from fakeserver.problems import FakeProblem
from fakeserver.providers import PROVIDERS
from fakeserver.recipes.located import FixtureError
from fakeserver.serving import logs, spans, tokens, variables
from fakeserver.serving.app import App, Settings, create_app
from fakeserver.serving.configuration import KEEP_ALIVE, server_config
from fakeserver.serving.listener import listen, listen_at, load_tls
from fakeserver.serving.screen import start_screen, urls_of
from fakeserver.serving.watching import WatchingServer
from fakeserver.serving.working import stop_all
from fakeserver.stores.urls import KINDS, MEMORY, store_url
from fakeserver.worlds.flags import DEFAULT_SEED, DEFAULT_SIZE, add_seeding
from fakeserver.worlds.room import ROOM, Room

STATIONARY, LIVE = CLOCKS = ("stationary", "live")
LOG_LEVELS = ("critical", "error", "warning", "info", "debug")
MAX_KEEP_ALIVE = 3_600
MAX_WORKERS = 64
MAX_TTL = 10 * 366 * 86_400
ROOMS = {
    "documents": (10_000_000, "documents that may be written in each namespace of a store"),
    "file_bytes": (2**40, "bytes of files, as they are kept, that all sandboxes of a namespace of a store may have"),
    "requests": (100_000, "requests that the journal of each namespace of a store keeps; the oldest are dropped"),
}
"""By what a namespace has room for, the most that its flag takes, and what that is."""
ORIGIN = re.compile(r"[a-z][a-z0-9+.-]{0,30}://(?:[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?")
MakeServer = Callable[[uvicorn.Config], uvicorn.Server]
DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def add_arguments(parser: Parser) -> None:
    add_listening(parser)
    add_worlds(parser)
    parser.add_argument(
        "--store",
        type=store_url,
        default=MEMORY,
        metavar="STORE",
        help=f"where worlds are kept: {KINDS}, which outlives the server and is shared by all that are given it "
        f"(default: {MEMORY})",
    )
    parser.add_argument(
        "--workers",
        type=integer(1, MAX_WORKERS),
        default=1,
        metavar="N",
        help="how many processes answer, sharing one store (default: 1)",
    )
    parser.add_argument(
        "--namespace-ttl",
        type=integer(1, MAX_TTL),
        metavar="SECONDS",
        help="drop the store's namespaces unused for this long (default: never)",
    )
    for name, (most, what) in ROOMS.items():
        default = getattr(ROOM, name)
        parser.add_argument(room_flag(name), type=integer(1, most), metavar="N", help=f"{what} (default: {default})")


def room_flag(name: str) -> str:
    return f"--namespace-{name.replace('_', '-')}"


def add_listening(parser: Parser) -> None:
    """Where the server listens, to whom, and what it says."""
    add = parser.add_argument
    add("--host", default=ADDRESS, help=f"address to listen on (default: {ADDRESS})")
    add(
        "--port",
        type=integer(0, 65_535),
        default=PORT,
        help=f"0 picks a free one (default: {PORT})",
    )
    add("--uds", type=Path, metavar="PATH", help="listen on this Unix socket instead of host and port")
    add(
        "--tls",
        action="store_true",
        help="serve https, also for the providers' hosts, with a local authority (`fakeserver ca`)",
    )
    add("--tls-cert", type=Path, metavar="FILE", help="serve https with this certificate, in PEM")
    add("--tls-key", type=Path, metavar="FILE", help="the certificate's key, in PEM and without a password")
    add(
        "--log-level",
        type=one_of(LOG_LEVELS, "log level"),
        default="warning",
        metavar="LEVEL",
        help=f"{', '.join(LOG_LEVELS)} (default: warning)",
    )
    add(
        "--log-format",
        type=one_of(logs.FORMATS, "log format"),
        default=logs.PLAIN,
        metavar="FORMAT",
        help=f"{', '.join(logs.FORMATS)} (default: {logs.PLAIN})",
    )
    add("--access-log", action="store_true", help="log a line for each request")
    add(
        "--keep-alive",
        type=integer(1, MAX_KEEP_ALIVE),
        default=KEEP_ALIVE,
        metavar="SECONDS",
        help=f"close a connection that is idle for so long (default: {KEEP_ALIVE})",
    )
    add(
        "--origin",
        type=origin,
        action="append",
        default=[],
        metavar="ORIGIN",
        help="let pages from this origin call the fake, as pages on this machine may; '*' admits all; may be repeated",
    )
    add(
        "--admin-token",
        metavar="TOKEN",
        help="bearer token for the admin API, which otherwise answers only this machine; a server that other machines "
        "can reach generates one if none is given, and shows it",
    )
    add(
        "--admin-token-file", type=Path, metavar="FILE", help="a file that contains the token, such as a mounted secret"
    )


def add_worlds(parser: Parser) -> None:
    """What is served."""
    add_seeding(parser, stored=True)
    add = parser.add_argument
    add(
        "--only",
        type=one_of([*PROVIDERS], "provider", INSTALL),
        action="append",
        default=[],
        metavar="SLUG",
        help="serve only this provider, also at the root; may be repeated for several, which are not",
    )
    add("--watch", action="store_true", help="pick up changes to recipes, specs and plugins, and keep what was written")
    add(
        "--clock",
        type=one_of(CLOCKS, "clock"),
        metavar="CLOCK",
        help=f"{LIVE}: seeded sandboxes age as time passes; {STATIONARY} (default): only when the clock is moved",
    )
    add("--no-rate-limits", action="store_true", help="never answer 429 unless asked to")


def origin(text: str) -> str:
    """An argparse type for an origin as browsers send it: scheme, host and port, in lower case, without a port that
    goes without saying."""
    given = text.lower().removesuffix("/")
    if given.endswith(DEFAULT_PORTS.get(given.partition(":")[0], "/")):
        given = given.rpartition(":")[0]
    if text != "*" and ORIGIN.fullmatch(given) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not an origin, such as https://app.example.com:8443, nor *")
    return given


def run(parser: Parser, arguments: Sequence[str], out: TextIO) -> int:
    """Load everything, take the port, say where everything is, and serve until interrupted."""
    parsed = variables.parse(parser, arguments, os.environ)
    with logs.logging_as(parsed.log_format, parsed.log_level):
        return serve(parser, parsed, out)


def serve(parser: Parser, parsed: argparse.Namespace, out: TextIO) -> int:
    if (parsed.tls_cert is None) != (parsed.tls_key is None):
        parser.error("--tls-cert and --tls-key are given together")
    if parsed.tls and parsed.tls_cert is not None:
        parser.error("--tls and --tls-cert each say which certificate is served: leave one of them out")
    tls = None if parsed.tls_cert is None else load_tls(parsed.tls_cert, parsed.tls_key)
    token = tokens.read_token(parser, parsed.admin_token, parsed.admin_token_file)
    local = parsed.uds is not None or is_loopback(parsed.host)
    made = tokens.make_token() if token is None and not local else None
    if parsed.namespace_ttl is not None and parsed.store == MEMORY:
        parser.error("--namespace-ttl is for --store: in memory the namespaces that nobody has changed make room")
    for name in given_room(parsed) if parsed.store == MEMORY else ():
        parser.error(f"{room_flag(name)} is for --store: in memory a namespace ends with its server")
    if parsed.workers > 1 and parsed.store == MEMORY:
        parser.error("--workers is for --store: in memory each would have worlds of its own, which writes part")
    if parsed.workers > 1 and sys.platform == "win32":
        parser.error("--workers is not for Windows; start several servers of one --store")
    settings = settings_of(parsed, only=parsed.only, admin_token=token or made)
    if parsed.store == MEMORY:
        app = create(settings)
        make_server: MakeServer = partial(WatchingServer, app=app) if parsed.watch else uvicorn.Server
    else:
        # Most servers have none, and start without SQLite and all that stands on it.
        from fakeserver.serving.over_store import create_stored, stored_server

        app = create_stored(parsed, settings)
        make_server = stored_server(app)
    if parsed.tls:
        from fakeserver.certificates.keeping import issued

        with issued(each.territory for each in app.services.values()) as files:
            return listen_and_serve(app, make_server, parsed, out, load_tls(*files), made)
    return listen_and_serve(app, make_server, parsed, out, tls, made)


def listen_and_serve(
    app: App,
    make_server: MakeServer,
    parsed: argparse.Namespace,
    out: TextIO,
    tls: tuple[str, str] | None,
    made: str | None,
) -> int:
    """Take the port, say where everything is, and serve until interrupted; `made` is the token of the admin API that
    nobody knows yet."""
    listener = listen(parsed.host, parsed.port) if parsed.uds is None else listen_at(parsed.uds)
    scheme = "http" if tls is None else "https"
    try:
        urls = (
            urls_of(scheme, parsed.host, *listener.getsockname()[:2]) if parsed.uds is None else [f"{scheme}://{NAME}"]
        )
        local = parsed.uds is not None or is_loopback(parsed.host)
        screen = start_screen(app, urls, local, parsed.uds, made)
        how = {"tls": tls, "log_level": parsed.log_level, "keep_alive": parsed.keep_alive}
        how |= {"access_log": parsed.access_log}
        if parsed.workers > 1:
            from fakeserver.serving.over_store import lead_workers

            keep_all()
            return lead_workers(app, parsed, listener, lambda: say(out, screen), **how)
        say(out, screen)
        keep_all()
        # uvicorn raises the signal again when it has ended; what is left to do here would not be done.
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
        run_server(app, make_server, listener, **how)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except KeyboardInterrupt:
        pass  # This is how somebody at a terminal ends a server.
    finally:
        listener.close()
        if parsed.uds is not None:
            parsed.uds.unlink(missing_ok=True)
    return 0


def say(out: TextIO, screen: str) -> None:
    out.write(screen)
    out.flush()


def settings_of(parsed: argparse.Namespace, only: Sequence[str], admin_token: str | None = None) -> Settings:
    """What the arguments of `add_worlds` ask for, and where they are given those of `add_listening`."""
    return Settings(
        seed=DEFAULT_SEED if parsed.seed is None else parsed.seed,
        size=DEFAULT_SIZE if parsed.size is None else parsed.size,
        only=tuple(dict.fromkeys(only)),
        epoch=parsed.epoch,
        live=parsed.clock == LIVE,
        fixtures=parsed.fixtures,
        locale=parsed.locale,
        rate_limits=not parsed.no_rate_limits,
        admin_token=admin_token,
        origins=tuple(getattr(parsed, "origin", ())),
        namespace_ttl=getattr(parsed, "namespace_ttl", None),
        room=Room(**given_room(parsed)),
    )


def given_room(parsed: argparse.Namespace) -> dict[str, int]:
    """How much a namespace of a store may have, as far as somebody has said so."""
    found = {name: getattr(parsed, f"namespace_{name}", None) for name in ROOMS}
    return {name: most for name, most in found.items() if most is not None}


def create(settings: Settings) -> App:
    """The application; what is wrong with its settings is wrong usage."""
    try:
        with uncollected():
            return create_app(settings)
    except (UnusablePlugin, FixtureError, FakeProblem) as error:
        raise UsageError(f"fakeserver: {error}") from error


def run_server(app: App, make_server: MakeServer, listener: socket.socket, *, access_log: bool, **how: Any) -> None:
    traced, end_spans = spans.observed(app, os.environ)
    config = server_config(logs.AccessLog(traced) if access_log else traced, log_config=None, **how)
    try:
        server = make_server(config)
        with kept_signals(server):
            server.run(sockets=[listener])
    finally:
        if end_spans is not None:
            end_spans()
        # Nobody waits any longer for what commands come to, and the machine's Python waits for their threads.
        stop_all()


@contextmanager
def kept_signals(server: uvicorn.Server) -> Iterator[None]:
    """Have a signal end the server as soon as it runs, and take effect when that has ended; another one does at once.
    Before uvicorn's first step, from which on it sees to signals, what one raises can be lost on the way."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        if came:
            # The server may have ended, and what is left may wait for threads that have something to do.
            signal.signal(number, before[number])
            return signal.raise_signal(number)
        came.append(number)
        server.should_exit = True

    before: dict[int, Any] = {number: signal.signal(number, end) for number in HANDLED_SIGNALS}
    try:
        yield
    finally:
        for number, how in before.items():
            signal.signal(number, how)
    if came:
        signal.raise_signal(came[0])
