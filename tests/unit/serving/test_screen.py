"""The addresses that a server says it has."""

from __future__ import annotations

import socket

import pytest

from fakeserver.serving import screen


class Asking:
    """A UDP socket of a machine that has this address, or that has no way to anywhere."""

    def __init__(self, address: str | None) -> None:
        self.address = address

    def __enter__(self) -> Asking:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def connect(self, address: tuple[str, int]) -> None:
        if self.address is None:
            raise OSError("Network is unreachable")

    def getsockname(self) -> tuple[str, int]:
        assert self.address is not None
        return self.address, 40_000


@pytest.mark.parametrize(
    ("bound", "address", "hosts"),
    [
        ("0.0.0.0", "198.51.100.7", ["127.0.0.1", "198.51.100.7"]),
        ("0.0.0.0", None, ["127.0.0.1"]),
        ("::", "2001:db8::7", ["::1", "2001:db8::7"]),
    ],
)
def test_a_machine_whose_name_is_loopback(
    monkeypatch: pytest.MonkeyPatch, bound: str, address: str | None, hosts: list[str]
) -> None:
    """As on most Linux desktops: its own name leads nowhere, and others reach it by the address that it would use."""
    monkeypatch.setattr(screen, "named_addresses", lambda: iter(["127.0.1.1"]))
    monkeypatch.setattr(socket, "socket", lambda family, kind: Asking(address))
    assert screen.hosts_of(bound, bound) == hosts


def test_one_address_is_the_one_that_was_asked_for() -> None:
    assert screen.hosts_of("localhost", "127.0.0.1") == ["localhost"]
