"""A provider's own hosts: a request that names one is answered in the provider's place, or was meant to leave."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fakeserver.pipeline.hosts import Hosts, Territory
from fakeserver.problems import Document
from fakeserver.providers import PROVIDERS
from fakeserver.serving.app import App
from fakeserver.spec.yaml_text import load_yaml
from tests.support.admin import admin, done, small_app
from tests.support.asgi import call

HOSTS = {
    "dreadnode": ("app.dreadnode.io", "/api/v1/org/acme/sandboxes", {"x-api-key": "dreadnode-admin-key"}),
    "instavm": ("api.instavm.io", "/v1/sessions/sandboxes", {"x-api-key": "instavm-admin-key"}),
    "prime": ("api.primeintellect.ai", "/api/v1/sandbox", {"authorization": "Bearer prime-admin-key"}),
    "superserve": ("api.superserve.ai", "/sandboxes", {"x-api-key": "superserve-admin-key"}),
}


@pytest.fixture(scope="module")
def app() -> App:
    return small_app()


def at_host(app: App, host: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> Any:
    return call(app, path, headers={"host": host, **(headers or {})}, **more)


@pytest.mark.parametrize("slug", HOSTS)
@pytest.mark.parametrize("port", ["", ":443", ":80"])
def test_the_host_stands_for_the_provider(app: App, slug: str, port: str) -> None:
    """The answer is the one that is below the provider's path."""
    host, path, headers = HOSTS[slug]
    reply = at_host(app, host.upper() + port, path, headers)
    assert reply.status == 200
    assert reply.body == call(app, f"/{slug}{path}", headers=headers).body


@pytest.mark.parametrize("slug", HOSTS)
def test_a_header_names_the_world_there(app: App, slug: str) -> None:
    """And what no name of a world can be is refused."""
    host, path, headers = HOSTS[slug]
    namespace = {**headers, "x-fakeserver-namespace": "elsewhere"}
    assert at_host(app, host, path, namespace).body == call(app, f"/ns/elsewhere/{slug}{path}", headers=headers).body
    assert [row["provider"] for row in done(admin(app, "GET", "/requests", ns="elsewhere"))["requests"]][:1] == [slug]
    assert at_host(app, host, path, {**headers, "x-fakeserver-namespace": "a/b"}).status == 400
    # Where the path names the world, no header does.
    assert call(app, f"/{slug}{path}", headers=namespace).body == call(app, f"/{slug}{path}", headers=headers).body


@pytest.mark.parametrize("path", ["/__admin/clock", "/ns/a/prime/api/v1/sandbox", "/prime/api/v1/sandbox", "/"])
def test_nothing_of_the_fakes_own_is_there(app: App, path: str) -> None:
    reply = at_host(app, *HOSTS["prime"][:1], path, HOSTS["prime"][2])
    assert (reply.status, reply.value) == (404, {"detail": "Not Found"})


def test_urls_in_answers_lead_to_the_host() -> None:
    """So that an SDK which has been given one goes on where it began."""
    app = small_app()
    headers = {**HOSTS["prime"][2], "content-type": "application/json"}
    body = json.dumps({"name": "mine", "docker_image": "python:3.11"}).encode()
    made = at_host(app, "api.primeintellect.ai", "/api/v1/sandbox", headers, method="POST", body=body)
    auth = at_host(app, "api.primeintellect.ai", f"/api/v1/sandbox/{made.value['id']}/auth", headers, method="POST")
    assert auth.value["gateway_url"].startswith("https://api.primeintellect.ai/")


@pytest.mark.parametrize(
    ("origin", "base_url"),
    [
        ("http://127.0.0.1:8123", "http://127.0.0.1:8123/ns/here/prime"),
        ("http://[::1]:8123", "http://[::1]:8123/ns/here/prime"),
        ("https://127.0.0.1:8123", "https://api.primeintellect.ai"),
        ("http://example.com", "https://api.primeintellect.ai"),
        ("http://127.0.0.1:8123/x", "https://api.primeintellect.ai"),
    ],
)
def test_urls_in_answers_lead_to_this_machine_where_a_header_says_where(origin: str, base_url: str) -> None:
    """For clients that trust nobody's certificates but their own; no other machine can be named."""
    app = small_app()
    headers = {**HOSTS["prime"][2], "content-type": "application/json", "x-fakeserver-origin": origin}
    headers["x-fakeserver-namespace"] = "here"
    body = json.dumps({"name": "mine", "docker_image": "python:3.11"}).encode()
    made = at_host(app, "api.primeintellect.ai", "/api/v1/sandbox", headers, method="POST", body=body)
    auth = at_host(app, "api.primeintellect.ai", f"/api/v1/sandbox/{made.value['id']}/auth", headers, method="POST")
    assert auth.value["gateway_url"].startswith(f"{base_url}/gateway")


@pytest.mark.parametrize(
    ("host", "slug"),
    [
        ("primeintellect.ai", "prime"),
        ("inference.primeintellect.ai:443", "prime"),
        ("www.superserve.ai", "superserve"),
        ("boxd-.superserve.ai", "superserve"),
        ("docs.dreadnode.io", "dreadnode"),
        ("eu.api.instavm.io.", "instavm"),
    ],
)
def test_what_the_fake_has_not_is_stopped(app: App, host: str, slug: str) -> None:
    """It says what was meant, and the journal has it."""
    done(admin(app, "DELETE", "/requests"))
    reply = at_host(app, host, "/v1/models?key=secret", {"authorization": "Bearer secret"}, method="POST")
    meant = f"POST https://{host}/v1/models"
    assert (reply.status, reply.media_type) == (502, "application/problem+json")
    assert reply.headers["x-fakeserver-guard"] == meant
    assert "secret" not in reply.body.decode()
    (row,) = done(admin(app, "GET", "/requests"))["requests"]
    assert (row["provider"], row["status"], row["unserved"]) == (slug, 502, meant)


@pytest.mark.parametrize(
    "host", ["example.com", "primeintellect.ai.example.com", "notprimeintellect.ai", "localhost", ""]
)
def test_other_hosts_are_nobodys(app: App, host: str) -> None:
    reply = at_host(app, host, "/prime/api/v1/sandbox", HOSTS["prime"][2])
    assert reply.status == 200


def test_an_api_that_is_below_a_path() -> None:
    """A server of a spec may name one; its operations are counted from there."""
    document: Document = {"servers": [{"url": "https://api.example.com/v2/"}, {"url": "http://{region}.example.com"}]}
    territory = Territory.of(PROVIDERS["prime"], document)
    assert territory.api == {"api.example.com": "/v2"}
    assert Hosts([territory]).of("Api.Example.com:443") == ("prime", "api")
    assert Hosts([territory]).of("x.api.example.com") == ("prime", "guarded")


@pytest.mark.parametrize("slug", HOSTS)
def test_territories_survive_the_admin_api(app: App, slug: str) -> None:
    """What it says of hosts is what the server goes by."""
    rows = {row["provider"]: row for row in done(admin(app, "GET", "/providers"))["providers"]}
    document: Any = load_yaml(PROVIDERS[slug].spec)
    read, made = Territory.read(rows[slug]), Territory.of(PROVIDERS[slug], document)
    assert (read.api, read.domains, read.row()) == (made.api, made.domains, made.row())


# Credentials


@pytest.mark.parametrize("slug", HOSTS)
def test_a_credential_that_is_nobodys_may_count_as_the_admins(slug: str) -> None:
    """Where the world says so; none at all, and one that is known, stay what they are."""
    app = small_app()
    host, path, headers = HOSTS[slug]
    unknown = {name: text.replace(f"{slug}-admin-key", "made-up") for name, text in headers.items()}
    outsider = {name: text.replace("admin", "outsider") for name, text in headers.items()}
    refused = at_host(app, host, path, unknown).status
    assert refused in (401, 403)
    foreign = at_host(app, host, path, outsider).body
    assert done(admin(app, "PUT", "/settings", {"credentials": "any"}))["credentials"] == "any"
    assert at_host(app, host, path, unknown).body == at_host(app, host, path, headers).body
    assert at_host(app, host, path, outsider).body == foreign
    assert at_host(app, host, path).status in (401, 403)
    failing = {name: f"{text}+code=429" for name, text in unknown.items()}
    assert at_host(app, host, path, failing).status == 429
    done(admin(app, "POST", "/reset"))
    assert at_host(app, host, path, unknown).status == refused


def test_that_it_counts_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """Never which one it was."""
    app = small_app()
    done(admin(app, "PUT", "/settings", {"credentials": "any"}))
    for _ in range(3):
        at_host(app, *HOSTS["prime"][:2], {"authorization": "Bearer made-up-secret"})
    assert caplog.messages == ["prime: a credential that is nobody's counts as the admin's"]
