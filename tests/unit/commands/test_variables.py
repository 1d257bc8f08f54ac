"""Variables of a sandbox: every command in it finds them, they go where it goes, and no snapshot has them."""

from __future__ import annotations

import json

from fakeserver.commands.guests import Guests
from fakeserver.interpreter.orders import Order
from tests.support.asgi import EPOCH


def told(guests: Guests, identity: str, text: str = "echo [$A] [$B]", **variables: str) -> str:
    return guests.of("prime", identity).run(Order(text, variables=variables), EPOCH).stdout.decode()


def test_every_command_finds_them() -> None:
    """Its own come first, and what a command makes of them is nobody else's."""
    guests = Guests()
    guests.of("prime", "one").set_variables({"A": "a", "B": "b"})
    guests.of("prime", "one").set_variables({"B": "c"})
    assert told(guests, "one") == "[a] [c]\n"
    assert told(guests, "one", A="own") == "[own] [c]\n"
    assert told(guests, "one", "A=x; echo [$A]") == "[x]\n"
    assert told(guests, "one") == "[a] [c]\n"
    assert told(guests, "other") == "[] []\n"


def test_they_go_where_the_sandbox_goes() -> None:
    """Under its next id, and into a copy; they end with it."""
    guests = Guests()
    guest = guests.of("prime", "one")
    guest.set_variables({"A": "tr0ub4dor"})
    told(guests, "one", "echo > file")
    guest.copy("copy")
    guest.move("two")
    assert [told(guests, name) for name in ("one", "copy", "two")] == [
        "[] []\n",
        "[tr0ub4dor] []\n",
        "[tr0ub4dor] []\n",
    ]
    assert "tr0ub4dor" not in json.dumps(guests.dump())
    guests.of("prime", "two").forget()
    assert told(guests, "two") == "[] []\n"
