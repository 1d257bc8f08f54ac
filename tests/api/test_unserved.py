"""What the fake has not must not look like an answer of the provider: an SDK takes a 404 for "already gone"."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from fakeserver.pipeline.agreement import check_agreement
from fakeserver.problems import SpecError
from fakeserver.provider import unserved
from fakeserver.providers import PROVIDERS
from fakeserver.spec.reader import Endpoint
from tests.support.admin import admin
from tests.support.asgi import SLUGS, app_of, call, credential, services

KNOWN = [(slug, endpoint) for slug in SLUGS for endpoint in PROVIDERS[slug].unserved]
FALLEN_BACK = {"POST /api/v1/sandbox/checkpoints:batchGet", "GET /api/v1/org/{org}/item-types/{identifier}"}
"""Without these Prime's SDK, and Dreadnode's, go on; they do so on a 404, and on no other answer."""


def name_of(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


@pytest.mark.parametrize("slug", SLUGS)
def test_operations_that_the_provider_has(slug: str) -> None:
    """A 501 in the dialect, or the 404 that an SDK expects; a header and the journal say that it is the fake's."""
    app = app_of(size=5)
    assert PROVIDERS[slug].unserved
    for endpoint in PROVIDERS[slug].unserved:
        name = name_of(endpoint)
        path = re.sub(r"\{[a-z_]+\}", "acme", endpoint.path)
        reply = call(app, f"/{slug}{path}", method=endpoint.method, headers=credential(slug))
        assert reply.status == (404 if name in FALLEN_BACK else 501), name
        assert reply.media_type == "application/json"
        assert name in reply.body.decode() or endpoint.method == "HEAD"
        assert reply.headers["x-fakeserver-unserved"] == name
        entry = admin(app, "GET", "/requests?limit=1").value["requests"][0]
        assert (entry["unserved"], entry["operation"]) == (name, None)
        assert entry["warnings"] == [f"the fake does not serve {name}, which the provider has; nothing happened"]


@pytest.mark.parametrize("slug", SLUGS)
def test_what_nobody_has(slug: str) -> None:
    """Another path stays a 404 and another method a 405, in the dialect, with a warning and no header."""
    app = app_of(size=5)
    path = services()[slug].routes[0].operation.path.replace("{org}", "acme")
    for method, where, status in (("GET", "/nobody", 404), ("PROPFIND", path, 405)):
        reply = call(app, f"/{slug}{where}", method=method, headers=credential(slug))
        assert (reply.status, reply.media_type) == (status, "application/json")
        assert "x-fakeserver-unserved" not in reply.headers
        entry = admin(app, "GET", "/requests").value["requests"][0]
        assert entry["unserved"] == f"{method} {where}"
        assert entry["warnings"][0].endswith("if the provider has one, nothing happened")


def test_every_source_is_named() -> None:
    for slug, endpoint in KNOWN:
        assert re.fullmatch(r"the provider has it \(.*[0-9]\)", endpoint.reason), slug


def test_what_is_served_cannot_be_missing() -> None:
    service = services()["prime"]
    wrong = replace(service.provider, unserved=unserved("somebody 1", "GET /api/v1/sandbox"))
    with pytest.raises(SpecError, match="unserved names GET /api/v1/sandbox, which is served"):
        check_agreement(wrong, service.spec)


@pytest.mark.parametrize("name", ["", "/sandboxes", "post /sandboxes", "POST sandboxes", "POST"])
def test_names_of_operations(name: str) -> None:
    with pytest.raises(ValueError, match="is not a method and a path"):
        unserved("somebody 1", name)


def test_statuses_of_operations() -> None:
    with pytest.raises(ValueError, match="answered with 404, 405 or 501"):
        unserved("somebody 1", "POST /sandboxes", status=200)
