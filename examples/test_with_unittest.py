"""Without pytest: one server for a class, and a world of its own for each test."""

# ruff: noqa: PT009 — unittest has assertions of its own.
from __future__ import annotations

import json
import unittest
import urllib.request
from typing import Any

from fakeserver.testing.handles import World
from fakeserver.testing.server import Server, running

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class SandboxTest(unittest.TestCase):
    server: Server
    world: World

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = cls.enterClassContext(running())

    def setUp(self) -> None:
        self.world = self.enterContext(self.server.world())

    def sandboxes(self, query: str = "") -> Any:
        superserve = self.world.superserve
        request = urllib.request.Request(
            f"{superserve.base_url}/sandboxes?{query}", headers={"X-API-Key": superserve.token}
        )
        with opener.open(request) as response:
            return json.load(response)

    def test_filter(self) -> None:
        found = self.sandboxes("metadata.env=prod")
        self.assertTrue(found)
        self.assertEqual({each["metadata"]["env"] for each in found}, {"prod"})

    def test_empty(self) -> None:
        self.world.superserve.documents = []
        self.assertEqual(self.sandboxes(), [])

    def test_a_world_of_its_own(self) -> None:
        self.assertTrue(self.sandboxes())
        self.assertEqual([each["status"] for each in self.world.requests], [200])


if __name__ == "__main__":
    unittest.main()
