"""This machine: one definition of it for the admin API, for pages in a browser, and for the start screen."""

from __future__ import annotations

import pytest

from fakeserver import loopback

NAMES = ("localhost", "LocalHost", "app.localhost", "a.b-c.localhost", "127.0.0.1", "127.8.9.1", "[::1]")
OTHERS = (
    "",
    "example.com",
    "localhost.example.com",
    "notlocalhost",
    ".localhost",
    "a..localhost",
    "app.localhost.example.com",
    "127.0.0.1.example.com",
    "127.0.0",
    "127.0.0.١",
    "10.0.0.1",
    "::1",
    "[::2]",
    "localhost@example.com",
    "localhost/page",
    "localhost\n",
)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.255.0.9", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "localhost"]
)
def test_addresses_of_this_machine(address: str) -> None:
    assert loopback.is_loopback(address)


@pytest.mark.parametrize(
    "address",
    ["", "0.0.0.0", "::", "192.0.2.7", "2001:db8::1", "::ffff:192.0.2.7", "localhost.example.com", "testclient"],
)
def test_addresses_of_others(address: str) -> None:
    """Every other address and name, also the one that stands for all of this machine's."""
    assert not loopback.is_loopback(address)


@pytest.mark.parametrize("name", NAMES)
def test_hosts_and_origins_of_this_machine(name: str) -> None:
    """With a port and without one, by http and https."""
    for port in ("", ":1", ":65535"):
        assert loopback.HOST.fullmatch(name + port)
        for scheme in ("http", "https"):
            assert loopback.ORIGIN.fullmatch(f"{scheme}://{name}{port}")


@pytest.mark.parametrize("name", OTHERS)
def test_hosts_and_origins_of_others(name: str) -> None:
    assert loopback.HOST.fullmatch(name) is None
    assert loopback.ORIGIN.fullmatch(f"http://{name}") is None


@pytest.mark.parametrize("origin", ["null", "localhost", "ftp://localhost", "file://", "http://localhost:300000"])
def test_origins_that_are_no_pages_of_this_machine(origin: str) -> None:
    assert loopback.ORIGIN.fullmatch(origin) is None
