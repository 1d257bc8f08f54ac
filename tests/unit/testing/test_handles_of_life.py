"""The fixture's handles on what lives: transitions, switches, and what is left."""

from __future__ import annotations

import json
import urllib.request

import pytest

from fakeserver.testing import World
from fakeserver.testing.admin import AdminError


def create(world: World) -> str:
    body = json.dumps({"name": "mine"}).encode()
    headers = {"X-API-Key": world.superserve.token, "Content-Type": "application/json"}
    request = urllib.request.Request(f"{world.superserve.base_url}/sandboxes", body, headers, method="POST")
    with urllib.request.urlopen(request) as answer:
        identity: str = json.loads(answer.read())["id"]
    return identity


def test_a_sandbox_is_walked_through_its_states(fakeserver: World) -> None:
    fakeserver.set_transitions("manual")
    identity = create(fakeserver)
    left = {"provider": "superserve", "tenant": "main", "id": identity, "state": "starting"}
    assert fakeserver.left == [left]
    moved = {"kind": "sandboxes", "tenant": "main", "id": identity, "from": "starting", "to": "failed"}
    assert fakeserver.superserve.end_passing(identity, outcome="boot_failed") == [moved]
    assert fakeserver.left == []
    assert fakeserver.superserve.end_passing() == []
    with pytest.raises(AdminError, match="is failed, and that is no passing state"):
        fakeserver.superserve.end_passing(identity)


def test_a_switch_is_thrown(fakeserver: World) -> None:
    fakeserver.set_transitions("manual")
    identity = create(fakeserver)
    for states, there in (("page", False), ("server", True)):
        fakeserver.superserve.switch(states=states)
        request = urllib.request.Request(
            f"{fakeserver.superserve.base_url}/sandboxes", headers={"X-API-Key": fakeserver.superserve.token}
        )
        with urllib.request.urlopen(request) as answer:
            assert (identity in {each["id"] for each in json.loads(answer.read())}) == there
    with pytest.raises(AdminError, match=r"switches\.superserve\.state"):
        fakeserver.superserve.switch(state="server")
