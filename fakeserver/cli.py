"""The command line: `COMMANDS` has its verbs.

Exit codes: 0 done, 2 wrong usage or a server that cannot start (one line that names the cause); `check` and `run` have
their own, and `health` and `lint` have 1 for what they look at.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from fakeserver import __version__, kit
from fakeserver.arguments import INSTALL, MAX_SEED, Parser, UsageError, integer, near, one_of
from fakeserver.exports import FORMATS, bypass_proxies
from fakeserver.extras import install_line
from fakeserver.garbage import uncollected
from fakeserver.loopback import ADDRESS, PORT
from fakeserver.plugins import UnusablePlugin
from fakeserver.providers import PROVIDERS

if TYPE_CHECKING:
    from fakeserver.provider import Provider

LISTINGS = ("text", "json")
FORMAT_HELP = "text or json (default: text)"
USAGE_ERROR = 2


@dataclass(frozen=True, slots=True)
class Command:
    """One verb of the command line. `run` gets the arguments behind it and returns the exit code."""

    name: str
    help: str
    run: Callable[[Sequence[str], TextIO], int]


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
        epilog=f"commands:\n{commands}\n\nRun `fakeserver COMMAND --help` for more about a command.",
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
            f"fakeserver: check needs the contract kit ({error}); install it with: {install_line('contract')}"
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
    parser.add_argument("--base-url", metavar="URL", help=f"default: http://{ADDRESS}:{PORT}/SLUG")
    parser.add_argument("--fixtures", type=Path, metavar="DIR", help="the recipes that the server was given")
    parser.add_argument(
        "--format",
        type=one_of([*FORMATS], "format"),
        default="sh",
        metavar="FORMAT",
        help=f"{', '.join(FORMATS)} (default: sh)",
    )
    parsed = parser.parse_args(arguments)
    slug = parsed.provider.slug
    base_url = (parsed.base_url or f"http://{ADDRESS}:{PORT}/{slug}").rstrip("/")
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
    parser.add_argument("--fixtures", type=Path, metavar="DIR", help="the recipes that the server was given")
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


def states(arguments: Sequence[str], out: TextIO) -> int:
    """The states of the providers' sandboxes, with diagrams, as Markdown."""
    from fakeserver.admin.diagrams import HEAD, draw_provider

    parser = parser_of("states")
    parser.add_argument("providers", type=provider, nargs="*", metavar="SLUG", help="only these (default: all)")
    found = parser.parse_args(arguments).providers or [provider(slug) for slug in PROVIDERS]
    out.write(HEAD + "\n".join(draw_provider(each) for each in found))
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
    return command.write_fixtures(parser.parse_args(arguments), filter(PROVIDERS.is_ours, PROVIDERS), out)


def vocabularies(arguments: Sequence[str], out: TextIO) -> int:
    from fakeserver.recipes import command

    parser = parser_of("vocabularies")
    command.add_vocabularies_arguments(parser, integer(0, MAX_SEED))
    return command.write_words(parser.parse_args(arguments), out)


def export(arguments: Sequence[str], out: TextIO) -> int:
    """What a provider would serve, as files that need no server."""
    from fakeserver.export import command
    from fakeserver.recipes.located import FixtureError
    from fakeserver.serving.app import load_services

    parser = parser_of("export")
    command.add_arguments(parser)
    parsed = parser.parse_args(arguments)
    try:
        slug = one_of([*PROVIDERS], "provider", INSTALL)(parsed.slug)
        service = load_services([slug], parsed.fixtures, parsed.locale, parsed.seed)[slug]
    except argparse.ArgumentTypeError as error:
        parser.error(f"argument SLUG: {error}")
    except (UnusablePlugin, FixtureError) as error:
        raise UsageError(f"fakeserver: {error}") from error
    return command.run(parsed, service, out)


def serve_parser() -> Parser:
    from fakeserver.serving import command

    parser = parser_of("serve")
    command.add_arguments(parser)
    return parser


def serve(arguments: Sequence[str], out: TextIO) -> int:
    with uncollected():
        from fakeserver.serving import command

        return command.run(serve_parser(), arguments, out)


def run_command(arguments: Sequence[str], out: TextIO) -> int:
    """The command has stdout, and what is said of it is for stderr."""
    from fakeserver.intercept import running

    parser = parser_of("run")
    running.add_arguments(parser)
    parser.usage = "fakeserver run [SLUG …] [OPTION …] -- COMMAND …"
    return running.run(parser, arguments, sys.stderr)


def ca(arguments: Sequence[str], out: TextIO) -> int:
    from fakeserver.certificates import keeping

    parser = parser_of("ca")
    keeping.add_arguments(parser)
    return keeping.run(parser.parse_args(arguments), out)


def health(arguments: Sequence[str], out: TextIO) -> int:
    from fakeserver.serving import health

    parser = parser_of("health")
    health.add_arguments(parser)
    return health.run(parser, parser.parse_args(arguments).url, os.environ, out)


def tail(arguments: Sequence[str], out: TextIO) -> int:
    from fakeserver.serving import tail

    parser = parser_of("tail")
    tail.add_arguments(parser)
    return tail.run(parser, arguments, os.environ, out)


def lint(arguments: Sequence[str], out: TextIO) -> int:
    from fakeserver.serving import lint

    parser = parser_of("lint")
    lint.add_arguments(parser)
    return lint.run(parser.parse_args(arguments), out)


def store(arguments: Sequence[str], out: TextIO) -> int:
    from fakeserver.serving import storing

    parser = parser_of("store")
    storing.add_arguments(parser)
    return storing.run(parser.parse_args(arguments), out)


COMMANDS = {
    command.name: command
    for command in (
        Command("serve", "serve the fakes", serve),
        Command("run", "run a command with every provider's host leading to the fake", run_command),
        Command("ca", "print the certificate to trust for `serve --tls`", ca),
        Command("health", "tell whether a server is ready: exit code 0, or 1", health),
        Command("tail", "follow the journal of a running server in the terminal", tail),
        Command("lint", "check recipes, accepted deviations and plugins: exit code 0, or 1", lint),
        Command("store", "inspect a store of worlds, and move worlds in and out", store),
        Command("env", "print the variables that point a provider's SDK at the fake", env),
        Command("providers", "list slugs, operations, callers and tenants", providers),
        Command("states", "print the states of sandboxes and their transitions", states),
        Command("openapi", "print a provider's spec", openapi),
        Command("export", "write what a provider serves as files that need no server", export),
        Command("check", "check a deployment against its contract", check),
        Command("fixtures", "copy the built-in recipes and vocabularies, to start from", fixtures),
        Command("vocabularies", "draw new vocabularies with Faker", vocabularies),
        Command("new", "generate a package for another provider from its OpenAPI file", new),
    )
}


def run() -> NoReturn:
    """The console script."""
    code: int | str | None
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # Closed by whoever started us; a socket must not get its number.
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  # As long as the process.
        elif isinstance(stream, io.TextIOWrapper):  # A terminal may lack a character, and is told its number then.
            stream.reconfigure(errors="backslashreplace")
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
