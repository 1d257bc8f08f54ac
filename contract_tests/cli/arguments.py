"""The command line of a check: what may be given, and what it comes to."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from contract_tests.cli.recordings import Source, open_source
from contract_tests.judging.session import Layer
from contract_tests.judging.target import target
from contract_tests.oracle.twin import service_of
from contract_tests.outcome import Options
from contract_tests.planted.layers import LAYERS
from contract_tests.promises import BY_SLUG
from contract_tests.promises.deviations import Deviation, DeviationError, read_accepted
from contract_tests.reporting.formats import IN_FILES, ON_STDOUT
from contract_tests.reporting.report import MIN_POWER
from contract_tests.sending.address import is_loopback
from contract_tests.sending.pace import DEFAULT_RATE
from contract_tests.sending.recording import RecordingError
from contract_tests.sending.secret import Secret
from fakeserver.arguments import Parser, one_of
from fakeserver.plugins import UnusablePlugin

FAKED = frozenset({"oracle", "power"})
"""The layers that compare a deployment with our fake of it."""
PROFILES = ("default", "polite", "deep")
INSTALL = "if a package brings its promises, install that first"
RATE = re.compile(r"(\d+(?:\.\d+)?)(?:/s)?")
VARIABLES = {
    "token": "FAKESERVER_TOKEN",
    "other": "FAKESERVER_OTHER_TOKEN",
    "colleague": "FAKESERVER_COLLEAGUE_TOKEN",
}
"""By credential: where the environment may hold it."""
EPILOG = """exit status: 0 holds · 1 a promise is broken · 2 wrong usage · 3 could not check · 4 holds, but the run
proves too little. The environment may hold the tokens as FAKESERVER_TOKEN, FAKESERVER_OTHER_TOKEN and
FAKESERVER_COLLEAGUE_TOKEN."""


@dataclass(frozen=True, slots=True)
class Given:
    """The command line, checked."""

    slug: str
    base_url: str
    credentials: dict[str, str] = field(repr=False)
    options: Options
    rate: float
    min_power: float
    layers: tuple[Layer, ...]
    accepted: tuple[Deviation, ...]
    files: dict[str, Path]
    format: str
    """Of the report on stdout."""
    save: Path | None = None
    source: Source | None = None
    """The recording that is checked in the place of the deployment."""


def provider(slug: str) -> str:
    """An argparse type for a provider whose promises and spec can be used."""
    for line in BY_SLUG.left_out.get(slug, ()):
        print(line, file=sys.stderr)
    try:
        return target(one_of([*BY_SLUG], "provider", INSTALL)(slug)).slug
    except UnusablePlugin as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def parser() -> Parser:
    found = Parser(
        prog="fakeserver check",
        description="Tell whether a deployment keeps its published contract. It only reads.",
        epilog=EPILOG,
        allow_abbrev=False,
    )
    found.add_argument("slug", metavar="PROVIDER", type=provider, help=", ".join(BY_SLUG))
    add_deployment(found)
    add_extent(found)
    add_reports(found)
    return found


def add_deployment(found: Parser) -> None:
    """Where the deployment is, who asks, and how it is reached."""
    add = found.add_argument
    add("--base-url", default="", metavar="URL", help="where the provider's API is served")
    add(
        "--from",
        type=Path,
        dest="source",
        metavar="FILE",
        help="check the traffic of a HAR file (of --save, or of a browser), and send nothing",
    )
    add("--token", help=f"the credential (or {VARIABLES['token']} in the environment)")
    add(
        "--org",
        action="append",
        default=[],
        help="dreadnode: the org; prime: a team of the caller; a second one adds laws",
    )
    add("--other-token", help="a credential of somebody who shares nothing with the first caller")
    add(
        "--colleague-token",
        help="a credential of somebody in the same org or team who is not its admin; both have sandboxes of their own",
    )
    add("--known", action="append", default=[], metavar="ID", help="a sandbox that must be in the list")
    add(
        "--rate",
        default=f"{DEFAULT_RATE:g}/s",
        metavar="N/s",
        help="at most so many requests per second (default %(default)s)",
    )


def add_extent(found: Parser) -> None:
    """How much is asked, and what counts."""
    add = found.add_argument
    add("--seed", type=int, default=0, metavar="N", help="same seed, same requests (default 0)")
    add(
        "--profile",
        type=one_of(PROFILES, "profile"),
        default="default",
        help="polite (at most 25 requests and no conformance), default (120) or deep (800)",
    )
    add("--strict", action="store_true", help="fail on what is implied or assumed, too (SHOULD)")
    add(
        "--min-power",
        type=float,
        default=MIN_POWER,
        metavar="SHARE",
        help="known fault types that the run must be able to catch (default %(default)s)",
    )
    add("--accept", type=Path, metavar="FILE", help="a YAML list of known deviations: law, reason, expires")
    add(
        "--only-layer",
        action="append",
        type=one_of([layer.name for layer in LAYERS], "layer"),
        default=[],
        metavar="LAYER",
        help="laws, oracle, conformance or power",
    )


def add_reports(found: Parser) -> None:
    """What is written where."""
    formats = [*ON_STDOUT]
    found.add_argument(
        "--format",
        type=one_of(formats, "format"),
        default=formats[0],
        metavar="FORMAT",
        help=f"the report on stdout: {', '.join(formats[:-1])} or {formats[-1]} (default %(default)s)",
    )
    for name in IN_FILES:
        found.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"also write the report to a file, as {name}")
    found.add_argument("--save", type=Path, metavar="FILE", help="write all requests and answers to a HAR file")


def parse(argv: Sequence[str]) -> Given:
    """The command line as values, or a UsageError."""
    known = parser()
    return check_values(known, known.parse_args(argv))


def check_values(known: Parser, raw: argparse.Namespace) -> Given:
    """What the parser has read, held against each other and against what can be asked; or a UsageError."""
    source = source_of(known, raw)
    base_url = source.base_url if source else base_url_of(known, raw.base_url)
    credentials = {} if source else credentials_of(known, raw)
    callers = source.callers if source else {*credentials}
    match = RATE.fullmatch(raw.rate)
    if match is None or not float(match[1]):
        known.error(f"--rate {raw.rate!r} is not a number of requests per second, such as 5/s")
    if not 0 <= raw.min_power <= 1:
        known.error("--min-power is a share between 0 and 1")
    try:
        accepted = read_accepted(raw.accept) if raw.accept else ()
    except DeviationError as error:
        known.error(str(error))
    files = {name: path for name in IN_FILES if (path := getattr(raw, name)) is not None}
    for name, path in (files | ({"save": raw.save} if raw.save else {})).items():
        if not path.parent.is_dir():
            known.error(f"--{name}: the folder {path.parent} does not exist")
    options = Options(
        orgs=source.orgs if source else orgs_of(known, raw),
        has_other="other" in callers,
        has_colleague="colleague" in callers,
        known=source.known if source else tuple(raw.known),
        seed=raw.seed,
        profile=raw.profile,
        strict=raw.strict,
    )
    layers = drop_layers_without_fake(known, raw, layers_of(raw.only_layer, raw.profile))
    watching = (source.watching,) if source else ()
    return Given(
        raw.slug,
        base_url,
        credentials,
        options,
        float(match[1]),
        raw.min_power,
        (*watching, *layers),
        accepted,
        files,
        raw.format,
        raw.save,
        source,
    )


def source_of(known: Parser, raw: argparse.Namespace) -> Source | None:
    """The recording that was given in the place of a deployment; without one, a base URL is needed."""
    if raw.source is None:
        if not raw.base_url:
            known.error("the following arguments are required: --base-url, or --from with a recording")
        return None
    try:
        return open_source(raw.source, raw.slug, raw.base_url.rstrip("/"), raw.org, raw.known)
    except RecordingError as error:
        known.error(str(error))


def layers_of(names: Sequence[str], profile: str) -> tuple[Layer, ...]:
    """The layers of these names, or those of the profile. A run of neither laws nor oracle has no power to weigh."""
    if not names:
        return tuple(layer for layer in LAYERS if layer.name != "conformance" or profile != "polite")
    weighed = not {"laws", "oracle"}.isdisjoint(names)
    return tuple(layer for layer in LAYERS if layer.name in names and (layer.name != "power" or weighed))


def drop_layers_without_fake(known: Parser, raw: argparse.Namespace, layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """These layers without those that compare with a fake, where the provider has none that can be served."""
    if FAKED.isdisjoint(layer.name for layer in layers):
        return layers
    try:
        service_of(raw.slug)
    except (LookupError, UnusablePlugin) as error:
        reason = str(error) if isinstance(error, UnusablePlugin) else f"no provider {raw.slug!r} is installed"
        if not FAKED.isdisjoint(raw.only_layer):
            known.error(f"--only-layer {' and '.join(sorted(FAKED & {*raw.only_layer}))} needs a fake: {reason}")
        print(f"without {' and '.join(sorted(FAKED))}, which need a fake: {reason}", file=sys.stderr)
        return tuple(layer for layer in layers if layer.name not in FAKED)
    return layers


def base_url_of(known: Parser, url: str) -> str:
    """Where the API is served; a warning where the token would travel in the clear."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        known.error(f"--base-url {url!r} is not an http or https URL")
    if parts.query or parts.fragment or parts.username:
        known.error("--base-url holds no query, no fragment and no credential")
    if parts.scheme == "http" and not is_loopback(url):
        print("warning: the token travels unencrypted over http", file=sys.stderr)
    return url.rstrip("/")


def credentials_of(known: Parser, raw: argparse.Namespace) -> dict[str, str]:
    """The token and, where they were given, those of other callers, from the command line or the environment."""
    given = {"token": raw.token, "other": raw.other_token, "colleague": raw.colleague_token}
    secrets = {name: Secret(secret or os.environ.get(VARIABLES[name], "")) for name, secret in given.items()}
    if not secrets["token"]:
        known.error(f"a token is needed: --token, or {VARIABLES['token']} in the environment")
    for name, secret in secrets.items():
        option = "--token" if name == "token" else f"--{name}-token"
        if not (secret.isascii() and secret.isprintable()) or " " in secret:
            known.error(f"{option} has a character that no header may carry")
        if name != "token" and secret == secrets["token"]:
            known.error(f"{option} is the token itself; it has to belong to somebody else")
    return {name: secret for name, secret in secrets.items() if secret}


def orgs_of(known: Parser, raw: argparse.Namespace) -> tuple[str, ...]:
    """The orgs that were named; where one is needed and the target is this machine, the fake's own."""
    promises = BY_SLUG[raw.slug]
    if not promises.scopes.in_path or raw.org:
        return tuple(raw.org)
    if not is_loopback(raw.base_url):
        known.error(f"{raw.slug} needs --org, the slug of the {promises.scopes.noun}")
    print(f"no --org was given: taking the fake's own, {promises.fake.home}", file=sys.stderr)
    return (promises.fake.home,)
