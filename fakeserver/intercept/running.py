"""`fakeserver run`: a command for which every provider is the fake, from its first request to its last."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import tempfile
import urllib.error
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any, TextIO
from urllib.parse import urlsplit

from fakeserver import calls
from fakeserver.arguments import INSTALL, Parser, UsageError, one_of
from fakeserver.certificates.authority import Authority, system_certificates
from fakeserver.garbage import keep_all
from fakeserver.intercept.front import Front
from fakeserver.intercept.guard import Guard, Seen
from fakeserver.intercept.proxies import Proxies
from fakeserver.intercept.surroundings import PRELOAD, overridden, surround
from fakeserver.loopback import is_loopback
from fakeserver.pipeline.hosts import Hosts, Territory
from fakeserver.problems import Document
from fakeserver.providers import PROVIDERS
from fakeserver.serving import variables
from fakeserver.serving.tokens import read_token

NOT_FOUND, CANNOT_RUN, SIGNALLED = 127, 126, 128
"""As shells end for a command that is not there, that cannot be run, or that a signal has ended."""
ANY = {"credentials": "any"}
"""The setting of a world that takes any credential for the admin's."""
SECONDS = 10.0
"""Until a running fake has answered."""
FORWARDED = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
"""Signals that are the command's. One from the terminal (Ctrl-C) reaches it by itself."""
FROM_TERMINAL = ("SIGINT", "SIGQUIT")


@dataclass(slots=True)
class Fake:
    """A fake that answers, as `http://host:port`, the world there that is meant, empty for the one at the root, and the
    token of its admin API, if it has one."""

    origin: str
    namespace: str = ""
    token: str | None = field(default=None, repr=False)

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.origin)
        return parts.hostname or "", parts.port or 80

    @property
    def base_url(self) -> str:
        return f"{self.origin}/ns/{self.namespace}" if self.namespace else self.origin

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The admin API of the world; an OSError where it does not answer, or not so."""
        text, _ = calls.send(f"{self.base_url}/__admin{path}", method, body, seconds=SECONDS, token=self.token)
        return json.loads(text) if text else None


@dataclass(slots=True)
class Interception:
    """What stands in for the providers: the `environment` that leads a program there, and what was `seen` so far."""

    fake: Fake
    front: Front
    environment: dict[str, str]
    strict_credentials: bool = False
    overridden: list[str] = field(default_factory=list)

    @property
    def seen(self) -> Seen:
        return self.front.guard.seen

    def enter(self, namespace: str) -> None:
        """Let requests from now on be for another world; connections that are open change over too."""
        if not self.strict_credentials:
            replace(self.fake, namespace=namespace).call("PUT", "/settings", ANY)
        self.front.namespace = namespace

    def report(self) -> list[str]:
        """What has become of the requests that were seen; for people."""
        lines = self.seen.lines()
        if self.overridden:
            lines.append(f"these variables were set to lead here: {', '.join(self.overridden)}")
        if unusable := self.front.proxies.unusable:
            lines.append(f"no proxy was used that does not speak plain HTTP, as that of {', '.join(unusable)} does not")
        return lines


@contextmanager
def intercepting(
    fake: Fake,
    *,
    slugs: Sequence[str] = (),
    offline: bool = False,
    allowed: Sequence[str] = (),
    strict_credentials: bool = False,
    environ: Mapping[str, str] | None = None,
    by_host: bool = False,
) -> Iterator[Interception]:
    """Stand in for the providers (all that the fake has, without `slugs`) as long as the block lasts. Certificates and
    keys go with it. With `by_host`, no variable leads an SDK past its provider's own host, so that the world can
    change."""
    environ = os.environ if environ is None else environ
    rows = {row["provider"]: row for row in providers_of(fake)}
    slugs = tuple(slugs) or tuple(rows)
    missing = [slug for slug in slugs if slug not in rows]
    if missing:
        raise UsageError(f"fakeserver: the server at {fake.origin} does not serve {', '.join(missing)}")
    territories = [Territory.read(row) for row in rows.values()]
    allowed_hosts = frozenset(each.lower().strip("[]") for each in allowed)
    guard = Guard(Hosts(territories), frozenset(slugs), offline=offline, allowed=allowed_hosts)
    authority = Authority()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fakeserver-run-")))
        bundle = folder / "certificates.pem"
        bundle.write_bytes(system_certificates() + authority.certificate)
        front = Front(fake.address, guard, authority, fake.namespace, proxies=Proxies.read(environ)).start()
        stack.callback(front.stop)
        variables = variables_of(fake, [rows[slug] for slug in slugs])
        if by_host:
            environ, variables = without_places(environ, variables, fake)
        ours = {host for each in territories if each.slug in slugs for host in (*each.api, *each.domains)}
        environment = surround(front.url, bundle, PRELOAD, environ, variables, ours)
        interception = Interception(fake, front, environment, strict_credentials, overridden(environ, variables))
        interception.enter(fake.namespace)
        yield interception


def providers_of(fake: Fake) -> list[Document]:
    """What a fake says of its providers; a UsageError where there is none."""
    try:
        found: list[Document] = fake.call("GET", "/providers")["providers"]
        return found if all(row["hosts"] for row in found) else []
    except urllib.error.HTTPError as error:
        with error:
            told = json.loads(error.read()).get("detail", "")
        raise UsageError(f"fakeserver: {fake.base_url} answers with {error.code}: {told}") from None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UsageError(f"fakeserver: no fakeserver answers at {fake.base_url}: {error}") from None


def variables_of(fake: Fake, rows: Sequence[Document]) -> dict[str, str]:
    """What the providers' SDKs read, as `fakeserver env` prints it."""
    found: dict[str, str] = {}
    for row in rows:
        values = {"base_url": f"{fake.base_url}{row['base_path']}", "key": row["callers"][0]["credential"]}
        found |= {name: template.format_map(values) for name, template in row["environment"].items()}
    return found


def without_places(
    environ: Mapping[str, str], variables: Mapping[str, str], fake: Fake
) -> tuple[dict[str, str], dict[str, str]]:
    """An environment and the variables of SDKs, without those that say where a provider is, and without a key where
    there is one already."""
    places = {name for name, text in variables.items() if text.startswith(fake.origin)}
    kept = {name: text for name, text in environ.items() if name not in places}
    return kept, {name: text for name, text in variables.items() if name not in places and name not in kept}


# The command line


def add_arguments(parser: Parser) -> None:
    add = parser.add_argument
    add(
        "providers",
        type=one_of([*PROVIDERS], "provider", INSTALL),
        nargs="*",
        metavar="SLUG",
        help="stand in for these providers only (default: all)",
    )
    add("--url", metavar="URL", help="use the fake at this URL instead of starting one")
    add("--namespace", metavar="NAME", default="", help="the world to send requests to (default: the one at the root)")
    add("--offline", action="store_true", help="let no other request leave this machine either")
    add("--allow", action="append", default=[], metavar="HOST", help="except to this host; may be repeated")
    add(
        "--strict-credentials",
        action="store_true",
        help="refuse unknown credentials, which otherwise count as the admin's",
    )
    add("--admin-token", metavar="TOKEN", help="that of the server at --url, if it has one")
    add("--admin-token-file", type=Path, metavar="FILE", help="a file that holds it")


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """What is ours, and the command behind `--`."""
    if "--" not in arguments:
        return [*arguments], []
    place = [*arguments].index("--")
    return [*arguments[:place]], [*arguments[place + 1 :]]


def run(parser: Parser, arguments: Sequence[str], err: TextIO) -> int:
    """Run the command; its exit code."""
    ours, command = split(arguments)
    if not any(each == "--url" or each.startswith("--url=") for each in ours):
        # They come with half of the server, which only one that is started needs.
        from fakeserver.serving.command import add_worlds

        add_worlds(parser)
    parsed = variables.parse(parser, ours, os.environ)
    if getattr(parsed, "watch", False):
        parser.error(
            "--watch is for fakeserver serve: leave it out, and a run uses the recipes as they are at its start"
        )
    if not command:
        parser.error("a command is missing: fakeserver run [SLUG …] -- COMMAND …")
    slugs = tuple(dict.fromkeys((*parsed.providers, *getattr(parsed, "only", ()))))
    with ExitStack() as stack:
        signals = stack.enter_context(Signals())
        fake = there(parser, parsed) if parsed.url else stack.enter_context(started(parsed, slugs))
        how = {"offline": parsed.offline, "allowed": parsed.allow, "strict_credentials": parsed.strict_credentials}
        interception = stack.enter_context(intercepting(fake, slugs=slugs, **how))
        before = requests_at(fake)
        code = carry_out(command, interception.environment, signals, err)
        seen = interception.seen
        # What the SDKs' own variables lead to the fake comes without the front.
        seen.answered["directly"] += max(0, requests_at(fake) - before - seen.guarded.total() - seen.answered.total())
        for line in interception.report():
            print(f"fakeserver: {line}", file=err)
        return code


def there(parser: Parser, parsed: argparse.Namespace) -> Fake:
    """The running fake that somebody names."""
    url = urlsplit(parsed.url.rstrip("/"))
    if url.scheme != "http" or not url.hostname or url.query:
        raise UsageError(f"fakeserver: --url {parsed.url!r} is none of a fake, such as http://127.0.0.1:8000")
    if not is_loopback(url.hostname):
        raise UsageError(f"fakeserver: --url {parsed.url!r} is not on this machine, where everything here stays")
    given = url.path.removeprefix("/ns/") if url.path.startswith("/ns/") else ""
    if (url.path and not given) or (given and parsed.namespace not in ("", given)):
        raise UsageError(f"fakeserver: --url {parsed.url!r} names another place than a fake or a namespace of it")
    token = read_token(parser, parsed.admin_token, parsed.admin_token_file)
    return Fake(f"http://{url.netloc}", parsed.namespace or given, token)


@contextmanager
def started(parsed: argparse.Namespace, slugs: Sequence[str]) -> Iterator[Fake]:
    """A fake on a port of its own."""
    from fakeserver.serving.command import create, settings_of
    from fakeserver.serving.threads import ThreadedServer

    server = ThreadedServer(create(settings_of(parsed, only=())))
    keep_all()
    try:
        yield Fake(server.start().base_url, parsed.namespace)
    finally:
        server.stop()


def requests_at(fake: Fake) -> int:
    """How many requests a world has had."""
    try:
        return int(fake.call("GET", "/requests?limit=1")["meta"]["total"])
    except (OSError, ValueError, LookupError, TypeError):
        return 0


class Signals:
    """Signals to this process, as long as the block lasts: one before the command ends the run, with all that it has
    set up; from then on they are the command's, whose own they may answer before we know of it."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._starting = False
        self._early: list[int] = []
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Signals:
        self._handle(FORWARDED, self._receive)
        return self

    def __exit__(self, *error: object) -> None:
        for each, before in self._before.items():
            signal.signal(each, before)

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """The command; an OSError where it cannot be run."""
        self._starting = True
        # Whoever sends one of these has sent it to the command too.
        self._handle(FROM_TERMINAL, lambda number, frame: None)
        self.process = subprocess.Popen(command, env=dict(environment))
        for number in self._early:
            self.process.send_signal(number)
        return self.process

    def _handle(self, names: Sequence[str], receive: Callable[[int, FrameType | None], Any]) -> None:
        found = [getattr(signal, name) for name in names if hasattr(signal, name)]
        for each in found:
            # One that was ignored when we began (nohup) stays so, for the command too.
            if (before := signal.getsignal(each)) is not signal.SIG_IGN:
                self._before[each] = before
                signal.signal(each, receive)

    def _receive(self, number: int, frame: object) -> None:
        if self.process is not None:
            self.process.send_signal(number)
        elif self._starting:
            self._early.append(number)
        else:
            raise SystemExit(SIGNALLED + number)


def carry_out(command: Sequence[str], environment: Mapping[str, str], signals: Signals, err: TextIO) -> int:
    """Run a command to its end; its exit code, as a shell has it."""
    try:
        code = signals.start(command, environment).wait()
    except OSError as error:
        print(f"fakeserver: {command[0]} cannot be run: {error.strerror}", file=err)
        return NOT_FOUND if isinstance(error, FileNotFoundError) else CANNOT_RUN
    return code if code >= 0 else SIGNALLED - code
