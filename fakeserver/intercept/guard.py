"""What a request for a host comes to: the fake, the host itself, or a refusal, and what was seen of all of them."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from fakeserver.loopback import is_loopback
from fakeserver.pipeline.hosts import Hosts, Way

HTTPS, HTTP = 443, 80
FIRST_FREE = 1_024
"""Below it, no port but those of the web is let through."""
MAX_NAMED = 5
"""Hosts that the closing line names."""
NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,253})|\[?[0-9A-Fa-f:.]{2,45}(?:%[0-9a-z]{1,15})?\]?")
NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""Addresses behind which any other may be."""
MIN_KEY, MIN_VARIETY = 32, 16
"""Characters, and different ones, of a text that somebody has drawn at random."""
RANDOM = re.compile(r"[A-Za-z0-9_-]*")

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a host."""


class Refused(Exception):
    """A request that goes nowhere, and why."""


@dataclass(slots=True)
class Seen:
    """What has become of the requests so far: those that the fake answered, by provider, those that were meant for a
    provider and have no answer here, and connections to any other host."""

    answered: Counter[str] = field(default_factory=Counter)
    guarded: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    real_keys: set[str] = field(default_factory=set)
    """Providers that were sent a key which looks like one of the real service."""

    def lines(self) -> list[str]:
        """For people, the first of them a line on everything."""
        reached, stopped = self.answered.total(), self.guarded.total()
        first = f"{count(reached, 'request')} reached the fake"
        if stopped:
            first += f"; {count(stopped, 'request')} would have left the machine for a provider: {names(self.guarded)}"
        else:
            first += "; nothing would have left the machine for a provider"
        if self.passed:
            first += f"; connections to {names(self.passed)} were passed through"
        if self.refused:
            first += f"; refused: {names(self.refused)}"
        return [
            first,
            *(
                f"a key that looks like a real one was sent to {slug}; it went no further than the fake"
                for slug in sorted(self.real_keys)
            ),
        ]


def count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def names(found: Counter[str]) -> str:
    """The most frequent, and how many others there are."""
    told = [f"{name} ({number})" if number > 1 else name for name, number in found.most_common(MAX_NAMED)]
    return ", ".join(told) + (f" and {len(found) - MAX_NAMED} more" if len(found) > MAX_NAMED else "")


async def resolve(host: str, port: int) -> list[str]:
    """As the system resolves names."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]


@dataclass(slots=True)
class Guard:
    """Says what a host comes to. Those of `slugs` lead to the fake; `offline` lets nothing else through but this
    machine and the hosts in `allowed`."""

    hosts: Hosts
    slugs: frozenset[str]
    offline: bool = False
    allowed: frozenset[str] = frozenset()
    resolve: Resolve = resolve
    seen: Seen = field(default_factory=Seen)

    def of(self, host: str) -> tuple[str, Way] | None:
        """The provider that a host belongs to, of those that are stood in for, and what is there."""
        found = self.hosts.of(host)
        return found if found is not None and found[0] in self.slugs else None

    def permit(self, host: str, port: int) -> str:
        """The host, if its name and the port may be let through; a `Refused` before anything is asked of anybody."""
        plain = host.strip("[]").lower().removesuffix(".")
        if NAME.fullmatch(host) is None:
            raise Refused("the host is no name of one")
        if not 0 < port < 65_536 or (port < FIRST_FREE and port not in (HTTP, HTTPS)):
            raise Refused(f"port {port} is none of the web")
        if self.offline and plain not in self.allowed and not is_loopback(plain):
            raise Refused("nothing leaves the machine with --offline; --allow lets a host through")
        if is_address(plain):
            self._check(plain, plain)
        return plain

    async def addresses(self, host: str, port: int) -> list[str]:
        """Where a connection that is let through may go to."""
        plain = self.permit(host, port)
        try:
            found = [plain] if is_address(plain) else await self.resolve(plain, port)
        except (OSError, UnicodeError) as error:
            raise Refused(f"the name cannot be resolved: {getattr(error, 'strerror', None) or error}") from None
        for each in found:
            self._check(plain, each)
        return found

    def _check(self, host: str, address: str) -> None:
        if host not in self.allowed and not is_reachable(address):
            raise Refused(f"{address} is an address of a private network; --allow lets a host through")

    def note_key(self, slug: str, texts: Iterable[str]) -> None:
        """Remember that a credential looks like one of the real service; never which."""
        known = self.hosts[slug].real_key
        for text in texts:
            key = text.rpartition(" ")[2].partition("+")[0]
            if (known is not None and known.fullmatch(key)) or looks_drawn(key):
                self.seen.real_keys.add(slug)


def looks_drawn(key: str) -> bool:
    """Whether a key looks as if somebody had drawn it at random, as those of real services are."""
    return (
        len(key) >= MIN_KEY
        and RANDOM.fullmatch(key) is not None
        and len(set(key)) >= MIN_VARIETY
        and any(map(str.isdigit, key))
        and any(map(str.isalpha, key))
    )


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_reachable(text: str) -> bool:
    """Whether an address is this machine's own or one of the internet, and no other: those of private networks, of a
    cloud's metadata and the like are nobody's business."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        if address in NAT64:
            return False
        address = address.ipv4_mapped or address.sixtofour or address
    return address.is_loopback or (address.is_global and not address.is_multicast)
