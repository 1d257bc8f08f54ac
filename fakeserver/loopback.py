"""This machine, by each of its names: what counts as loopback in an address, in a Host header and in an Origin."""

from __future__ import annotations

import ipaddress
import re

ADDRESS = "127.0.0.1"
PORT = 8_000
"""Where a server listens if nobody says otherwise."""
NAME = "localhost"
_AUTHORITY = r"(?i:(?:[a-z0-9-]{1,63}\.){0,8}localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?"
"""Names below `localhost` are this machine too (RFC 6761, 6.3)."""
SHELLS = ("tauri", "capacitor", "ionic")
"""Frameworks that put a page into an application; its origin is their scheme, and `localhost`."""
HOST = re.compile(_AUTHORITY)
"""A Host header, for `fullmatch`."""
ORIGIN = re.compile(f"https?://{_AUTHORITY}|(?:{'|'.join(SHELLS)})://localhost")
"""An Origin header, for `fullmatch`."""


def is_loopback(host: str) -> bool:
    """Whether an IP address, in IPv6 mapped to IPv4 as well, or a host's name is this machine's own."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == NAME
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
