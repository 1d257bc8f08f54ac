"""The command line of a check: what may be given, and what it comes to."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from contract_tests.cli.files import Unwritable, claim
from contract_tests.cli.recordings import Source, open_source
from contract_tests.cli.streams import complain
from contract_tests.cli.values import NAMED_BY_KIT, header, rate, seconds, seed, share
from contract_tests.judging.session import Layer
from contract_tests.judging.target import target
from contract_tests.oracle.twin import service_of
from contract_tests.outcome import Options
from contract_tests.planted.layers import LAYERS
from contract_tests.promises import BY_SLUG
from contract_tests.promises.deviations import Deviation, DeviationError, read_accepted
from contract_tests.reporting.baseline import Baseline, BaselineError
from contract_tests.reporting.baseline import read as read_baseline
from contract_tests.reporting.formats import IN_FILES, ON_STDOUT
from contract_tests.reporting.report import MIN_POWERS
from contract_tests.sending.address import BadAddress, address, is_loopback
from contract_tests.sending.connecting import UnusableSetting, trust
from contract_tests.sending.pace import DEFAULT_RATE
from contract_tests.sending.recording import RecordingError
from contract_tests.sending.secret import Secret
from contract_tests.sending.wire import COLD_START, TIMEOUT_SECONDS
from fakeserver.arguments import Parser, one_of
from fakeserver.plugins import UnusablePlugin

FAKED = frozenset({"oracle", "power"})
"""The layers that compare a deployment with our fake of it."""
PROFILES = ("default", "polite", "deep")
INSTALL = "if a package brings its promises, install that first"
VARIABLES = {
    "token": "FAKESERVER_TOKEN",
    "other": "FAKESERVER_OTHER_TOKEN",
    "colleague": "FAKESERVER_COLLEAGUE_TOKEN",
}
"""By credential: where the environment may hold it."""
SLUG = re.compile(r"[A-Za-z0-9._~-]+")
MAX_SHOWN = 80
"""How much of a URL a message repeats."""
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
    added: dict[str, str] = field(repr=False)
    """Headers that every request carries."""
    rate: float | None
    """Requests per second, None for the default of the target."""
    timeout: float
    """Seconds of silence."""
    cacert: Path | None
    min_power: float | None
    layers: tuple[Layer, ...]
    accepted: tuple[Deviation, ...]
    files: dict[str, Path]
    format: str
    """Of the report on stdout."""
    save: Path | None = None
    baseline: Baseline | None = None
    source: Source | None = None
    """The recording that is checked in the place of the deployment."""


def provider(slug: str) -> str:
    """An argparse type for a provider whose promises and spec can be used."""
    for line in BY_SLUG.left_out.get(slug, ()):
        complain(line)
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
    add("--base-url", metavar="URL", help="where the provider's API is served")
    add(
        "--from",
        type=Path,
        dest="source",
        metavar="FILE",
        help="check the traffic in a HAR file (from --save or a browser) and send nothing",
    )
    add("--token", help=f"the credential (or {VARIABLES['token']} in the environment)")
    add(
        "--org",
        action="append",
        default=[],
        help="dreadnode: the org; prime: a team of the caller; a second one adds checks",
    )
    add("--other-token", help="a credential of somebody who shares nothing with the first caller")
    add(
        "--colleague-token",
        help="a credential of somebody in the same org or team who is not its admin; both have sandboxes of their own",
    )
    add("--known", action="append", default=[], metavar="ID", help="a sandbox that must be in the list")
    add(
        "--rate",
        type=rate,
        metavar="N/s",
        help=f"most requests per second (default {DEFAULT_RATE:g}/s; a server on this machine is not throttled)",
    )
    add(
        "--timeout",
        type=seconds,
        default=TIMEOUT_SECONDS,
        metavar="S",
        help=f"seconds to wait for an answer (default %(default)g); {COLD_START:g} times as long for the first request",
    )
    add("--cacert", type=Path, metavar="FILE", help="also trust the authorities in this PEM file")
    add(
        "--header",
        action="append",
        type=header,
        default=[],
        metavar="'NAME: VALUE'",
        help="send this header with every request; its value is kept secret; may be repeated",
    )


def add_extent(found: Parser) -> None:
    """How much is asked, and what counts."""
    add = found.add_argument
    add("--seed", type=seed, default=0, metavar="N", help="same seed, same requests (default 0)")
    add(
        "--profile",
        type=one_of(PROFILES, "profile"),
        default="default",
        help="polite (at most 25 requests and no conformance), default (120) or deep (800)",
    )
    add("--strict", action="store_true", help="also fail on what is implied or assumed (SHOULD)")
    add(
        "--min-power",
        type=share,
        metavar="SHARE",
        help="share of faults that the run must be able to catch, by its own estimate "
        f"(default {MIN_POWERS['default']}, polite {MIN_POWERS['polite']})",
    )
    add("--accept", type=Path, metavar="FILE", help="a YAML list of known deviations: law, reason, expires")
    add(
        "--baseline",
        type=Path,
        metavar="FILE",
        help="an earlier --json report: only new findings fail the check",
    )
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
    added = added_of(known, raw)
    if raw.cacert is not None:
        try:
            trust(raw.cacert, {})
        except UnusableSetting as error:
            known.error(str(error))
    try:
        accepted = read_accepted(raw.accept) if raw.accept is not None else ()
    except DeviationError as error:
        known.error(f"--accept {error}")
    try:
        baseline = read_baseline(raw.baseline, raw.slug) if raw.baseline is not None else None
    except BaselineError as error:
        known.error(f"--baseline {error}")
    options = Options(
        orgs=source.orgs if source else orgs_of(known, raw),
        has_other="other" in callers,
        has_colleague="colleague" in callers,
        known=source.known if source else tuple(raw.known),
        headers=tuple(added),
        seed=raw.seed,
        profile=raw.profile,
        strict=raw.strict,
    )
    layers = drop_layers_without_fake(known, raw, layers_of(known, raw.only_layer, raw.profile))
    files = files_of(known, raw)  # Last, since this makes folders.
    watching = (source.watching,) if source else ()
    return Given(
        raw.slug,
        base_url,
        credentials,
        options,
        added,
        raw.rate,
        raw.timeout,
        raw.cacert,
        raw.min_power,
        (*watching, *layers),
        accepted,
        files,
        raw.format,
        raw.save,
        baseline,
        source,
    )


def source_of(known: Parser, raw: argparse.Namespace) -> Source | None:
    """The recording that was given in the place of a deployment; without one, a base URL is needed."""
    if raw.source is None:
        if raw.base_url is None:
            known.error("the following arguments are required: --base-url, or --from with a recording")
        return None
    try:
        return open_source(raw.source, raw.slug, (raw.base_url or "").rstrip("/"), raw.org, raw.known)
    except RecordingError as error:
        known.error(str(error))


def layers_of(known: Parser, names: Sequence[str], profile: str) -> tuple[Layer, ...]:
    """The layers of these names, or those of the profile. A run of neither laws nor oracle has no power to weigh."""
    if {*names} == {"power"}:
        known.error("--only-layer power weighs the laws and the oracle; name one of them, too")
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
        complain(f"without {' and '.join(sorted(FAKED))}, which need a fake: {reason}")
        return tuple(layer for layer in layers if layer.name not in FAKED)
    return layers


def base_url_of(known: Parser, url: str) -> str:
    """Where the API is served; a warning where the token would travel in the clear."""
    try:
        found = address(url)
    except BadAddress as error:
        known.error(f"--base-url {shown(url)!a} {error}")
    if found.scheme == "http" and not is_loopback(url):
        complain("warning: the token travels unencrypted over http")
    return str(found).rstrip("/")


def shown(url: str) -> str:
    """As much of a URL as a message may repeat: nothing that could be a credential."""
    public = re.split(r"[?#]", re.sub(r"//[^/]*@", "//***@", url))[0]
    return public if len(public) <= MAX_SHOWN else f"{public[:MAX_SHOWN]}..."


def credentials_of(known: Parser, raw: argparse.Namespace) -> dict[str, str]:
    """The token and, where they were given, those of other callers, from the command line or the environment."""
    given = {"token": raw.token, "other": raw.other_token, "colleague": raw.colleague_token}
    secrets = {name: Secret(secret or os.environ.get(VARIABLES[name], "")) for name, secret in given.items()}
    if not secrets["token"] and given["token"] is None:
        known.error(f"a token is needed: --token, or {VARIABLES['token']} in the environment")
    for name, secret in secrets.items():
        option = "--token" if name == "token" else f"--{name}-token"
        if given[name] == "":
            known.error(f"{option} is empty")
        if not (secret.isascii() and secret.isprintable()) or " " in secret:
            known.error(f"{option} has a character that no header may carry")
        if name != "token" and secret == secrets["token"]:
            known.error(f"{option} is the token itself; it has to belong to somebody else")
    return {name: secret for name, secret in secrets.items() if secret}


def added_of(known: Parser, raw: argparse.Namespace) -> dict[str, str]:
    """The headers that every request carries besides the kit's own, each once."""
    own = NAMED_BY_KIT | {scheme.header.lower() for scheme in target(raw.slug).security.schemes}
    added: dict[str, str] = {}
    for name, text in raw.header:
        if name.lower() in own:
            known.error(f"--header {name}: the kit itself says what this header holds")
        if name.lower() in {each.lower() for each in added}:
            known.error(f"--header {name} is given twice")
        added[name] = text
    return added


def files_of(known: Parser, raw: argparse.Namespace) -> dict[str, Path]:
    """The files that will be written, by their option; each can be."""
    files = {name: path for name in IN_FILES if (path := getattr(raw, name)) is not None}
    read = {"accept": raw.accept, "baseline": raw.baseline, "cacert": raw.cacert, "from": raw.source}
    try:
        claim(
            files | ({} if raw.save is None else {"save": raw.save}),
            {name: path for name, path in read.items() if path is not None},
        )
    except Unwritable as error:
        known.error(str(error))
    return files


def orgs_of(known: Parser, raw: argparse.Namespace) -> tuple[str, ...]:
    """The orgs that were named; where one is needed and the target is this machine, the fake's own."""
    promises, orgs = BY_SLUG[raw.slug], tuple(dict.fromkeys(raw.org))
    for name in ("org", "known"):
        if "" in getattr(raw, name):
            known.error(f"--{name} is empty")
    wrong = [org for org in orgs if promises.scopes.in_path and not (SLUG.fullmatch(org) and org.strip("."))]
    if wrong:
        known.error(f"--org {wrong[0]!a} cannot be a part of a path; it is letters, digits, '-', '_', '.' and '~'")
    if not promises.scopes.in_path or orgs:
        return orgs
    if not is_loopback(raw.base_url):
        known.error(f"{raw.slug} needs --org, the slug of the {promises.scopes.noun}")
    complain(f"no --org was given: taking the fake's own, {promises.fake.home}")
    return (promises.fake.home,)
