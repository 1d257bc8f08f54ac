"""What a server says of itself when it starts."""

from __future__ import annotations

import ipaddress
import shutil
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from shlex import quote

from fakeserver.loopback import ADDRESS
from fakeserver.serving.app import App

MOST_NAMED = 5
"""Operations without a meaning, and addresses, that the start screen names."""
ELSEWHERE = {4: (socket.AF_INET, "192.0.2.1"), 6: (socket.AF_INET6, "2001:db8::1")}
"""By version of IP: addresses of documentation, which nobody has."""


def urls_of(scheme: str, host: str, bound: str, port: int) -> list[str]:
    """The base URLs of a server that was asked to listen on this host, and is bound to an address."""
    return [f"{scheme}://{f'[{each}]' if ':' in each else each}:{port}" for each in hosts_of(host, bound)]


def hosts_of(asked: str, bound: str) -> list[str]:
    """The hosts under which clients reach it: the one that was asked for, or where that is every address of the
    machine, its own name for itself, and then those that others use."""
    everything = ipaddress.ip_address(bound.partition("%")[0])
    if not everything.is_unspecified:
        return [asked]
    found = {*named_addresses(), *routed_address(everything.version)}
    others = (ipaddress.ip_address(host.partition("%")[0]) for host in found)
    reachable = sorted(str(each) for each in others if each.version == everything.version and not each.is_loopback)
    return [ADDRESS if everything.version == 4 else "::1", *reachable[:MOST_NAMED]]


def named_addresses() -> Iterator[str]:
    """The addresses that this machine's own name stands for, which on many is loopback alone."""
    with suppress(OSError):
        for info in socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_STREAM):
            yield str(info[4][0])


def routed_address(version: int) -> Iterator[str]:
    """The address with which this machine would speak to others, if it has one; nothing is sent for that."""
    family, elsewhere = ELSEWHERE[version]
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.connect((elsewhere, 9))
        yield str(asking.getsockname()[0])


def name_command() -> str:
    """How whoever started this server can call the command again in a shell."""
    script = Path(sys.argv[0])
    if shutil.which("fakeserver") is not None:
        return "fakeserver"
    return quote(str(script)) if script.name == "fakeserver" else f"{quote(sys.executable)} -m fakeserver"


def start_screen(
    app: App, base_urls: Sequence[str], local: bool, uds: Path | None = None, made: str | None = None
) -> str:
    """Where each provider answers, with which credential, and a request to try. The first line is the first base URL;
    the others are those under which other machines reach the server; `uds` is the Unix socket that it listens on, and
    `made` the token of the admin API where it was made for this run: nothing else ever shows it."""
    base_url, *more = base_urls
    lines = [base_url, ""]
    width = max(len(word) for word in ("provider", *app.services))
    lines += [f"  {'provider':{width}}  {'base URL':{len(base_url) + width + 1}}  credential"]
    for slug, service in app.services.items():
        lines.append(
            f"  {slug:{width}}  {f'{base_url}/{slug}':{len(base_url) + width + 1}}  {service.fixture.credential}"
        )
    first = next(iter(app.services.values()))
    key = first.fixture.credential
    header = first.schemes[0]
    credential = f"Authorization: Bearer {key}" if header.prefix else f"{header.header}: {key}"
    way = "" if uds is None else f"--unix-socket {quote(str(uds))} "
    lines += [
        "",
        f"  try     curl {way}-H '{credential}' '{base_url}/{first.provider.slug}{first.provider.try_path}'",
        f'  SDKs    eval "$({name_command()} env {first.provider.slug} --base-url {base_url}/{first.provider.slug})"',
        f"  look    {base_url}/ in a browser shows all of this, and why an answer came about",
        f"  errors  {base_url}/__admin/errors lists every error and how to cause it",
        f"  seed {app.settings.seed}, {app.settings.size} documents per provider",
    ]
    for slug, service in app.services.items():
        _, *callers = service.fixture.callers
        if callers:
            lines.append(f"  other callers of {slug}: {', '.join(callers)}")
    for slug, service in app.services.items():
        names = [
            f"{endpoint.name} ({endpoint.reason})" if endpoint.reason else endpoint.name
            for endpoint in service.spec.unserved
        ]
        if names:
            others = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
            lines.append(f"  {slug} does not serve {', '.join(names[:MOST_NAMED])}{others}: each of them is a 501")
    if more:
        lines.append(f"  from other machines: {', '.join(more)}")
    if made is not None:
        lines.append(f"  admin API  Authorization: Bearer {made} (made for this run; --admin-token chooses one)")
    if not local:
        lines.append(
            "  This address is reachable from other machines, and the fake's credentials are public knowledge."
        )
    return "\n".join(lines) + "\n\n"
