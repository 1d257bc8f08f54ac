"""The command line: `COMMANDS` has its verbs.

Exit codes: 0 done, 2 wrong usage or a server that cannot start (one line that names the cause); `check` has its own.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import re
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from fakeserver import __version__, kit
from fakeserver.arguments import Parser, UsageError, near, one_of
from fakeserver.documents.seeded import MAX_SIZE
from fakeserver.exports import FORMATS, bypass_proxies
from fakeserver.instants import EARLIEST_EPOCH, LATEST_EPOCH, instant
from fakeserver.loopback import ADDRESS, NAME, is_loopback
from fakeserver.plugins import UnusablePlugin
from fakeserver.providers import PROVIDERS

if TYPE_CHECKING:
    from fakeserver.provider import Provider
    from fakeserver.serving.app import App

DEFAULT_HOST = ADDRESS
DEFAULT_PORT = 8000
DEFAULT_SIZE = 1_000
LISTINGS = ("text", "json")
FORMAT_HELP = "text or json (default: text)"
MAX_SEED = 2**63 - 1
LOG_LEVELS = ("critical", "error", "warning", "info", "debug")
MAX_KEEP_ALIVE = 3_600
INSTALL = "if a package brings it, install that first"
USAGE_ERROR = 2
ORIGIN = re.compile(r"[a-z][a-z0-9+.-]{0,30}://(?:[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?")
DEFAULT_PORTS = {"http": ":80", "https": ":443"}


@dataclass(frozen=True, slots=True)
class Command:
    """One verb of the command line. `run` gets the arguments behind it and returns the exit code."""

    name: str
    help: str
    run: Callable[[Sequence[str], TextIO], int]


def integer(least: int, most: int) -> Callable[[str], int]:
    """An argparse type for an integer within bounds."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
        return int(text)

    return read


def moment(text: str) -> int:
    """An argparse type for the instant that dates are counted from."""
    try:
        found = instant(text)
        if not EARLIEST_EPOCH <= found <= LATEST_EPOCH:
            raise ValueError
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an RFC 3339 instant from 1990 to 2200, such as 2026-01-18T10:30:00Z"
        ) from None
    return found


def origin(text: str) -> str:
    """An argparse type for an origin as browsers send it: scheme, host and port, in lower case, without a port that
    goes without saying."""
    given = text.lower().removesuffix("/")
    if given.endswith(DEFAULT_PORTS.get(given.partition(":")[0], "/")):
        given = given.rpartition(":")[0]
    if text != "*" and ORIGIN.fullmatch(given) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not an origin, such as https://app.example.com:8443, nor *")
    return given


def main(arguments: Sequence[str], out: TextIO, err: TextIO) -> int:
    """Run one command; the exit code."""
    try:
        if not arguments or arguments[0].startswith("-"):
            parser = top_parser()
            parser.parse_args(arguments)
            parser.print_help(out)
            return 0
        name, *rest = arguments
        if name not in COMMANDS:
            raise UsageError(f"fakeserver: command {name!r} does not exist{near(name, COMMANDS)}")
        return COMMANDS[name].run(rest, out)
    except UsageError as error:
        print(error, file=err)
        return USAGE_ERROR


def top_parser() -> Parser:
    """What is said about the command line as a whole."""
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {command.name:{width}}  {command.help}" for command in COMMANDS.values())
    parser = Parser(
        prog="fakeserver",
        usage="fakeserver [--help] [--version] COMMAND …",
        description="Fake servers for sandbox providers' APIs.",
        epilog=f"commands:\n{commands}\n\nfakeserver COMMAND --help says more about each.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"fakeserver {__version__}")
    return parser


def parser_of(name: str) -> Parser:
    return Parser(prog=f"fakeserver {name}", description=COMMANDS[name].help, allow_abbrev=False)


def check(arguments: Sequence[str], out: TextIO) -> int:
    """The contract kit is an extra, so it is imported only when it is asked for; it reads its arguments itself."""
    try:
        kit.load()
        commands = importlib.import_module(f"{kit.NAME}.cli.command")
    except ImportError as error:
        raise UsageError(
            f"fakeserver: check needs the contract kit ({error}); install it with: pip install 'fakeserver[contract]'"
        ) from error
    code: int = commands.main(list(arguments))
    return code


def provider(slug: str) -> Provider:
    """An argparse type for a provider that is installed."""
    try:
        return PROVIDERS[one_of([*PROVIDERS], "provider", INSTALL)(slug)]
    except UnusablePlugin as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def openapi(arguments: Sequence[str], out: TextIO) -> int:
    parser = parser_of("openapi")
    parser.add_argument("provider", type=provider, metavar="SLUG")
    found = parser.parse_args(arguments).provider
    try:
        text = found.spec.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"fakeserver: {PROVIDERS.unusable(found.slug, error)}") from error
    out.write(text)
    return 0


def env(arguments: Sequence[str], out: TextIO) -> int:
    """`eval "$(fakeserver env prime)"` points that provider's SDK at the fake."""
    from fakeserver.recipes.fixture import FixtureError, find_files, load_credential

    parser = parser_of("env")
    parser.add_argument("provider", type=provider, metavar="SLUG")
    parser.add_argument("--base-url", metavar="URL", help=f"default: http://{DEFAULT_HOST}:{DEFAULT_PORT}/SLUG")
    parser.add_argument("--fixtures", type=Path, metavar="DIR", help="the recipes that the server has been given")
    parser.add_argument(
        "--format",
        type=one_of([*FORMATS], "format"),
        default="sh",
        metavar="FORMAT",
        help=f"{', '.join(FORMATS)} (default: sh)",
    )
    parsed = parser.parse_args(arguments)
    slug = parsed.provider.slug
    base_url = (parsed.base_url or f"http://{DEFAULT_HOST}:{DEFAULT_PORT}/{slug}").rstrip("/")
    try:
        recipes = find_files(parsed.fixtures, [*PROVIDERS]) if parsed.fixtures is not None else {}
    except FixtureError as error:
        raise UsageError(f"fakeserver: {error}") from error
    try:
        key = load_credential(parsed.provider, recipes.get(slug))
        variables = parsed.provider.environment(base_url, key)
        note = parsed.provider.note(base_url, key)
    except (FixtureError, ValueError) as error:
        raise UsageError(f"fakeserver: {PROVIDERS.unusable(slug, error)}") from error
    out.write(FORMATS[parsed.format](variables | bypass_proxies(base_url, os.environ), note))
    return 0


def providers(arguments: Sequence[str], out: TextIO) -> int:
    """Slugs, operations, callers and tenants, as `GET /__admin/providers` has them, without a server."""
    from fakeserver.admin.directory import describe, lines_of
    from fakeserver.recipes.located import FixtureError
    from fakeserver.serving.app import load_services

    parser = parser_of("providers")
    known = one_of([*PROVIDERS], "provider", INSTALL)
    parser.add_argument("providers", type=known, nargs="*", metavar="SLUG", help="only these (default: all)")
    parser.add_argument("--fixtures", type=Path, metavar="DIR", help="the recipes that the server has been given")
    parser.add_argument("--format", type=one_of(LISTINGS, "format"), default="text", metavar="FORMAT", help=FORMAT_HELP)
    parsed = parser.parse_args(arguments)
    try:
        services = load_services(dict.fromkeys(parsed.providers), parsed.fixtures)
    except (UnusablePlugin, FixtureError) as error:
        raise UsageError(f"fakeserver: {error}") from error
    found = [describe(each) for each in services.values()]
    if parsed.format == "json":
        out.write(json.dumps({"providers": found}, indent=2) + "\n")
    else:
        out.write("\n\n".join("\n".join(lines_of(each)) for each in found) + "\n")
    return 0


def new(arguments: Sequence[str], out: TextIO) -> int:
    from fakeserver.scaffold import command

    parser = parser_of("new")
    command.add_arguments(parser)
    return command.run(parser.parse_args(arguments), out)


def fixtures(arguments: Sequence[str], out: TextIO) -> int:
    from fakeserver.recipes import command

    parser = parser_of("fixtures")
    command.add_fixtures_arguments(parser)
    return command.write_fixtures(parser.parse_args(arguments), out)


def vocabularies(arguments: Sequence[str], out: TextIO) -> int:
    from fakeserver.recipes import command

    parser = parser_of("vocabularies")
    command.add_vocabularies_arguments(parser, integer(0, MAX_SEED))
    return command.write_words(parser.parse_args(arguments), out)


def serve_parser() -> Parser:
    parser = parser_of("serve")
    add = parser.add_argument
    add("--host", default=DEFAULT_HOST, help=f"address to listen on (default: {DEFAULT_HOST})")
    add(
        "--port",
        type=integer(0, 65_535),
        default=DEFAULT_PORT,
        help=f"0 picks a free one (default: {DEFAULT_PORT})",
    )
    add("--uds", type=Path, metavar="PATH", help="listen on a Unix socket there, in the place of host and port")
    add("--tls-cert", type=Path, metavar="FILE", help="serve https with this certificate, in PEM")
    add("--tls-key", type=Path, metavar="FILE", help="the key of the certificate, in PEM and without a password")
    add(
        "--log-level",
        type=one_of(LOG_LEVELS, "log level"),
        default="warning",
        metavar="LEVEL",
        help=f"{', '.join(LOG_LEVELS)} (default: warning)",
    )
    add(
        "--keep-alive",
        type=integer(1, MAX_KEEP_ALIVE),
        default=5,
        metavar="SECONDS",
        help="until a connection that nobody uses is closed (default: 5)",
    )
    add("--seed", type=integer(0, MAX_SEED), default=0, help="which world (default: 0)")
    add(
        "--size",
        type=integer(0, MAX_SIZE),
        default=DEFAULT_SIZE,
        help=f"documents per provider, over all its tenants (default: {DEFAULT_SIZE})",
    )
    add(
        "--only",
        type=one_of([*PROVIDERS], "provider", INSTALL),
        action="append",
        default=[],
        metavar="SLUG",
        help="serve only this provider, at the root too; may be repeated",
    )
    add("--fixtures", type=Path, metavar="DIR", help="recipes, each of which replaces the packaged one of its name")
    add("--locale", metavar="LOCALE", help="draw the vocabularies with Faker, such as de_DE, by the seed")
    add("--watch", action="store_true", help="follow changes of recipes, specs and plugins, and keep what was written")
    add(
        "--epoch",
        type=moment,
        metavar="INSTANT",
        help="what the dates of all worlds are counted from (default: when each comes into being)",
    )
    add("--no-rate-limits", action="store_true", help="never answer 429 unless asked to")
    add(
        "--origin",
        type=origin,
        action="append",
        default=[],
        metavar="ORIGIN",
        help="pages there may call the fake, as those on this machine may; '*' is every page; may be repeated",
    )
    add(
        "--admin-token",
        metavar="TOKEN",
        help="bearer token of the admin API, which otherwise answers loopback only (or FAKESERVER_ADMIN_TOKEN)",
    )
    return parser


def serve(arguments: Sequence[str], out: TextIO) -> int:
    """Load everything, take the port, say where everything is, and serve until interrupted."""
    from fakeserver.recipes.located import FixtureError
    from fakeserver.serving.app import Settings, create_app
    from fakeserver.serving.listener import listen, listen_at, load_tls
    from fakeserver.serving.screen import start_screen, urls_of

    parser = serve_parser()
    parsed = parser.parse_args(arguments)
    if (parsed.tls_cert is None) != (parsed.tls_key is None):
        parser.error("--tls-cert and --tls-key are given together")
    tls = None if parsed.tls_cert is None else load_tls(parsed.tls_cert, parsed.tls_key)
    settings = Settings(
        seed=parsed.seed,
        size=parsed.size,
        only=tuple(dict.fromkeys(parsed.only)),
        epoch=parsed.epoch,
        fixtures=parsed.fixtures,
        locale=parsed.locale,
        rate_limits=not parsed.no_rate_limits,
        admin_token=parsed.admin_token or os.environ.get("FAKESERVER_ADMIN_TOKEN"),
        origins=tuple(parsed.origin),
    )
    try:
        app = create_app(settings)
    except (UnusablePlugin, FixtureError) as error:
        raise UsageError(f"fakeserver: {error}") from error
    listener = listen(parsed.host, parsed.port) if parsed.uds is None else listen_at(parsed.uds)
    scheme = "http" if tls is None else "https"
    try:
        urls = (
            urls_of(scheme, parsed.host, *listener.getsockname()[:2]) if parsed.uds is None else [f"{scheme}://{NAME}"]
        )
        out.write(start_screen(app, urls, parsed.uds is not None or is_loopback(parsed.host), parsed.uds))
        out.flush()
        # What start made lives as long as the server; collecting it again and again costs every answer.
        gc.collect()
        gc.freeze()
        # uvicorn raises the signal again when it has ended; what is left to do here would not be done.
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
        run_server(app, listener, watch=parsed.watch, tls=tls, log_level=parsed.log_level, keep_alive=parsed.keep_alive)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except KeyboardInterrupt:
        pass  # This is how somebody at a terminal ends a server.
    finally:
        listener.close()
        if parsed.uds is not None:
            parsed.uds.unlink(missing_ok=True)
    return 0


def run_server(app: App, listener: socket.socket, *, watch: bool, **how: Any) -> None:
    import uvicorn

    from fakeserver.serving.protocol import server_config
    from fakeserver.serving.watching import WatchingServer

    config = server_config(app, **how)
    server = WatchingServer(config, app) if watch else uvicorn.Server(config)
    server.run(sockets=[listener])


COMMANDS = {
    command.name: command
    for command in (
        Command("serve", "serve the fakes", serve),
        Command("env", "the variables that point a provider's SDK at the fake", env),
        Command("providers", "slugs, operations, callers and tenants", providers),
        Command("openapi", "a provider's spec on stdout", openapi),
        Command("check", "check a deployment against its contract", check),
        Command("fixtures", "the built-in recipes and vocabularies, to begin from", fixtures),
        Command("vocabularies", "other vocabularies, drawn with Faker", vocabularies),
        Command("new", "a package for another provider, begun from its OpenAPI file", new),
    )
}


def run() -> NoReturn:
    """The console script."""
    code: int | str | None
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # Closed by whoever started us; a socket must not get its number.
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  # As long as the process.
    try:
        try:
            code = main(sys.argv[1:], sys.stdout, sys.stderr)
        except SystemExit as end:
            # argparse ends the process itself after --help and --version.
            code = end.code
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        # The reader of our output went away, as `| head -1` does; that is not our failure.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 0
    sys.exit(code)
