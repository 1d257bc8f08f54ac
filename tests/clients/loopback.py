"""What keeps a process from other machines: SDKs fall back to production hosts."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

Setattr = Callable[[Any, str, Any], None]


def loopback(host: object) -> bool:
    return str(host) == "localhost" or str(host).startswith("127.") or str(host) == "::1"


def stay_here(setattr: Setattr) -> None:
    """Refuse connections and look-ups that would leave the machine; `setattr` replaces what Python has for them."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def loopback_connect(self: socket.socket, address: Any) -> None:
        assert self.family == socket.AF_UNIX or loopback(address[0]), f"a connection to {address} left the machine"
        connect(self, address)

    def loopback_look_up(host: Any, *arguments: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        assert name is None or loopback(name), f"a look-up of {name} left the machine"
        return look_up(host, *arguments, **named)

    setattr(socket.socket, "connect", loopback_connect)
    setattr(socket, "getaddrinfo", loopback_look_up)
