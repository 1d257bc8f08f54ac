"""What hosts come to: which connections are let through, and what is told of all of them."""

from __future__ import annotations

import asyncio

import pytest

from fakeserver.intercept.guard import Guard, Refused, looks_drawn
from fakeserver.pipeline.hosts import Hosts, Territory

MINE = Territory("mine", {"api.mine.io": ""}, None, ("mine.io",))


PUBLIC = "93.184.216.34"


def guard(*addresses: str, offline: bool = False, allowed: str = "", asked: list[str] | None = None) -> Guard:
    """One for which every name has these addresses; `asked` is told which names it wanted."""

    async def resolve(host: str, port: int) -> list[str]:
        if asked is not None:
            asked.append(host)
        return [*(addresses or (PUBLIC,))]

    return Guard(Hosts([MINE]), frozenset({"mine"}), offline, frozenset(filter(None, [allowed])), resolve)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "example.com", "93.184.216.34"])
def test_this_machine_and_the_internet_are_reachable(host: str) -> None:
    assert asyncio.run(guard().addresses(host, 443))


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "fe80::1",
        "fd00:ec2::254",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
    ],
)
def test_private_addresses_are_not(address: str) -> None:
    """By themselves, and behind a name; what somebody allows, is."""
    with pytest.raises(Refused, match="private network"):
        asyncio.run(guard().addresses(address, 443))
    with pytest.raises(Refused, match="private network"):
        asyncio.run(guard(PUBLIC, address).addresses("example.com", 443))
    found = asyncio.run(guard(address, allowed="intra.example").addresses("intra.example", 443))
    assert found == [address]


@pytest.mark.parametrize("port", [22, 25, 0, 65_536, 1_023])
def test_ports_that_are_none_of_the_web(port: int) -> None:
    with pytest.raises(Refused, match="port"):
        asyncio.run(guard().addresses("example.com", port))


@pytest.mark.parametrize("host", ["", "a b", "a\nb", "x" * 300, "-", "a/b", "a@b"])
def test_names_that_are_none(host: str) -> None:
    with pytest.raises(Refused, match="no name"):
        asyncio.run(guard().addresses(host, 443))


def test_offline_nothing_is_even_looked_up() -> None:
    """But what is on this machine, and what somebody allows."""
    asked: list[str] = []
    made = guard(offline=True, allowed="pypi.example", asked=asked)
    with pytest.raises(Refused, match="--offline"):
        asyncio.run(made.addresses("example.com", 443))
    assert asked == []
    assert asyncio.run(made.addresses("127.0.0.1", 8_000)) == ["127.0.0.1"]
    assert asyncio.run(made.addresses("PyPI.example.", 443)) == [PUBLIC]


def test_only_the_providers_that_are_named_are_stood_in_for() -> None:
    other = Territory("other", {"api.other.io": ""}, None, ("other.io",))
    made = Guard(Hosts([MINE, other]), frozenset({"mine"}))
    assert made.of("api.mine.io") == ("mine", "api")
    assert made.of("www.mine.io") == ("mine", "guarded")
    assert made.of("api.other.io") is None


def test_keys_that_look_real() -> None:
    """Drawn at random, or of the provider's own kind; names, tokens of the fake and the fake's keys do not."""
    assert looks_drawn("q7Hq2nV0xPz81LmQw3RtYb5KcD9sF4gJ")
    for key in ("mine", "prime-admin-key", "a" * 40, "correct-horse-battery-staple-and-more", "a.b.c" * 10):
        assert not looks_drawn(key), key
    made = guard()
    made.note_key("mine", ["Bearer q7Hq2nV0xPz81LmQw3RtYb5KcD9sF4gJ+code=429"])
    assert made.seen.real_keys == {"mine"}
    assert "q7H" not in "".join(made.seen.lines())


def test_one_line_says_everything() -> None:
    made = guard()
    assert made.seen.lines() == ["0 requests reached the fake; nothing would have left the machine for a provider"]
    made.seen.answered["mine"] = 1_234
    made.seen.guarded.update({f"h{number}.mine.io": 1 for number in range(7)})
    made.seen.passed["pypi.example"] = 2
    made.seen.refused["example.com"] = 1
    (line,) = made.seen.lines()
    assert line.startswith(
        "1,234 requests reached the fake; 7 requests would have left the machine for a provider: h0."
    )
    assert line.endswith("and 2 more; connections to pypi.example (2) were passed through; refused: example.com")
