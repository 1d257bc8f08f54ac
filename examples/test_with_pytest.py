"""The fixture `fakeserver` is there as soon as the package is installed; each test gets a world of its own."""

from __future__ import annotations

import json
import urllib.request
from datetime import timedelta
from http.client import HTTPResponse
from urllib.error import HTTPError

from fakeserver.testing.handles import ProviderHandle, World

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get(prime: ProviderHandle, query: str = "") -> HTTPResponse | HTTPError:
    """Stands for the code under test; `prime.env` would point the provider's own SDK here."""
    url, key = f"{prime.base_url}/api/v1/sandbox?{query}", {"Authorization": f"Bearer {prime.token}"}
    try:
        response: HTTPResponse = opener.open(urllib.request.Request(url, headers=key))
    except HTTPError as error:
        return error
    return response


def total(prime: ProviderHandle, query: str = "") -> int:
    with get(prime, query) as response:
        return int(json.load(response)["total"])


def test_the_world_is_full_of_sandboxes(fakeserver: World) -> None:
    """A seeded world needs no set-up."""
    assert total(fakeserver.prime, "status=RUNNING") > 0


def test_exactly_my_sandboxes(fakeserver: World) -> None:
    """Say what matters; the rest of a document is filled in, in the provider's wire shape, and checked by its spec."""
    fakeserver.prime.documents = []
    fakeserver.prime.documents.add(name="mine", status="RUNNING")
    with get(fakeserver.prime) as response:
        assert [each["name"] for each in json.load(response)["sandboxes"]] == ["mine"]


def test_the_provider_is_down_once(fakeserver: World) -> None:
    """The first request fails with the provider's own body, the second does not."""
    fakeserver.prime.fault(code=503, times=1, headers={"Retry-After": "2"})
    with get(fakeserver.prime) as response:
        assert (response.status, response.headers["Retry-After"]) == (503, "2")
        assert "detail" in json.load(response)
    assert total(fakeserver.prime) > 0


def test_a_week_later(fakeserver: World) -> None:
    """Time is advanced in no time; lifetimes have ended."""
    before = total(fakeserver.prime, "status=RUNNING")
    fakeserver.clock.advance(timedelta(days=7))
    assert total(fakeserver.prime, "status=RUNNING") < before


def test_what_was_asked(fakeserver: World) -> None:
    """The journal tells what the client sent, and what the real API would have ignored."""
    total(fakeserver.prime, "per_page=5&state=RUNNING")
    (request,) = fakeserver.prime.requests
    assert (request["status"], request["caller"], request["values"]["per_page"]) == (200, "admin", 5)
    assert "'state' is not on the reference page" in request["warnings"][0]
