"""A page on a dev server calls the fake: what the CORS answers say, and what Chromium makes of them."""

from __future__ import annotations

import functools
import html
import http.server
import json
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fakeserver.arguments import UsageError
from fakeserver.cli import serve_parser
from tests.support.asgi import PATHS, app_of, call, credential, header_of
from tests.support.chromium import CHROMIUM, FLAGS, MISSING
from tests.support.server import Live

SLUGS = [*PATHS]
LOOPBACK_ORIGINS = [
    "http://localhost",
    "http://localhost:5173",
    "https://localhost:3000",
    "http://127.0.0.1:8080",
    "https://127.0.0.1",
    "http://127.8.9.1:1",
    "http://[::1]:4200",
    "https://[::1]",
    "http://app.localhost:5173",
    "http://tauri.localhost",
    "tauri://localhost",
    "capacitor://localhost",
]
FOREIGN_ORIGINS = [
    "null",
    "https://example.com",
    "http://example.com:8000",
    "http://localhost.example.com",
    "http://127.0.0.1.example.com",
    "http://notlocalhost:3000",
    "http://localhost@example.com",
    "http://example.com/localhost",
    "http://localhost:3000/page",
    "http://localhost:300000",
    "http://10.0.0.1:3000",
    "http://[::2]",
    "file://",
    "ftp://localhost",
    "http://.localhost:3000",
    "http://app.localhost.example.com",
    "tauri://example.com",
]
WANTED = {"preference-applied", "retry-after", "x-total-count", "www-authenticate"}


def preflight(live: Live, slug: str, origin: str, **headers: str) -> httpx.Response:
    """What a browser asks before a page may send a credential."""
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization,content-type,prefer,x-api-key",
        **headers,
    }
    return httpx.options(live.base_url(slug) + PATHS[slug], headers=asked, trust_env=False, verify=False)


def allowed(response: httpx.Response) -> set[str]:
    """The Access-Control-Allow headers of an answer."""
    return {name for name in response.headers if name.startswith("access-control-allow-")}


@pytest.mark.parametrize("origin", LOOPBACK_ORIGINS)
@pytest.mark.parametrize("slug", SLUGS)
def test_preflight_of_a_loopback_origin(live: Live, slug: str, origin: str) -> None:
    """Any loopback origin may send the credential headers, and is told so without a body."""
    response = preflight(live, slug, origin)
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["Access-Control-Allow-Origin"] in (origin, "*")
    assert "GET" in response.headers["Access-Control-Allow-Methods"]
    headers = {each.strip().lower() for each in response.headers["Access-Control-Allow-Headers"].split(",")}
    assert {"authorization", "content-type", "prefer", "x-api-key"} <= headers
    assert "origin" in response.headers["Vary"].lower()


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_preflight_of_a_foreign_origin(live: Live, origin: str) -> None:
    """A foreign origin is refused in JSON, without a word that a browser could take for leave."""
    response = preflight(live, "superserve", origin)
    assert response.status_code == 403
    assert "access-control-allow-origin" not in allowed(response)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == 403


def test_preflight_of_a_method_that_no_operation_has(live: Live) -> None:
    """A preflight for an exotic method gives no leave for it, and still no plain text."""
    response = preflight(live, "prime", "http://localhost:3000", **{"Access-Control-Request-Method": "TRACE"})
    assert "TRACE" not in response.headers.get("Access-Control-Allow-Methods", "")
    assert not response.headers.get("Content-Type", "").startswith("text/plain")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_preflight_of_every_method_of_an_api(live: Live, method: str) -> None:
    """A page may use all methods that a provider's API has."""
    response = preflight(live, "prime", "http://localhost:3000", **{"Access-Control-Request-Method": method})
    assert response.status_code == 204
    assert method in response.headers["Access-Control-Allow-Methods"].split(", ")


def test_preflight_from_a_public_page_into_the_private_network(live: Live) -> None:
    """Chromium asks once more for leave to reach this machine, and takes no other answer than `true`."""
    asked = {"Access-Control-Request-Private-Network": "true"}
    response = preflight(live, "prime", "http://localhost:3000", **asked)
    assert response.headers["Access-Control-Allow-Private-Network"] == "true"
    assert preflight(live, "prime", "https://example.com", **asked).status_code == 403


@pytest.mark.parametrize("path", [PATHS["prime"], "/nowhere"])
def test_a_page_may_send_its_cookies(live: Live, path: str) -> None:
    """A client that always includes credentials needs its exact origin in the answer; `*` would not do."""
    origin = "http://localhost:3000"
    for response in (
        live.request("prime", path, headers={"Origin": origin}),
        preflight(live, "prime", origin),
    ):
        assert response.headers["Access-Control-Allow-Origin"] == origin
        assert response.headers["Access-Control-Allow-Credentials"] == "true"


@pytest.mark.parametrize("fault", ["TRUNCATED_BODY", "MALFORMED_RESPONSE_CHUNK", "WRONG_CONTENT_TYPE", "HTML_GATEWAY"])
def test_a_page_sees_an_answer_that_breaks_off(live: Live, fault: str) -> None:
    """Without these headers a browser reports a CORS error, and hides the failure that was asked for."""
    origin = "http://localhost:3000"
    url = f"{live.base_url('prime')}{PATHS['prime']}?__fault={fault}"
    headers = {"Origin": origin, "Authorization": "Bearer prime-admin-key"}
    with httpx.Client(trust_env=False) as client, client.stream("GET", url, headers=headers) as response:
        assert response.headers["Access-Control-Allow-Origin"] == origin
        assert "retry-after" in response.headers["Access-Control-Expose-Headers"].lower()


@pytest.mark.parametrize(
    ("given", "origin", "lets_in"),
    [
        ("https://app.example.com", "https://app.example.com", True),
        ("https://App.example.com:443/", "https://app.example.com", True),
        ("https://app.example.com", "https://app.example.com:8443", False),
        ("http://10.0.0.7:3000", "http://10.0.0.7:3000", True),
        ("https://app.example.com", "https://example.com", False),
        ("*", "https://anybody.example", True),
        ("*", "null", True),
    ],
)
def test_other_origins_that_were_named(given: str, origin: str, lets_in: bool) -> None:
    """`serve --origin` lets pages call the providers' APIs; the admin API stays closed to them."""
    parsed = serve_parser().parse_args(["--origin", given])
    app = app_of(size=5, origins=tuple(parsed.origin))
    path, page = f"/prime{PATHS['prime']}", {"origin": origin}
    answer = call(app, path, headers=page | credential("prime"))
    assert (answer.headers.get("access-control-allow-origin") == origin) is lets_in
    asked = page | {"access-control-request-method": "GET"}
    assert (call(app, path, method="OPTIONS", headers=asked).status == 204) is lets_in
    assert call(app, "/__admin/reset", method="POST", headers=page | {"host": "localhost"}).status == 403


@pytest.mark.parametrize(
    "given", ["", "app.example.com", "https://", "https://a b", "https://example.com/page", "null"]
)
def test_what_is_not_an_origin(given: str) -> None:
    with pytest.raises(UsageError, match="is not an origin, such as"):
        serve_parser().parse_args(["--origin", given])


@pytest.mark.parametrize("slug", SLUGS)
def test_options_without_an_origin_is_no_preflight(live: Live, slug: str) -> None:
    """OPTIONS from anything but a browser is a method that the provider does not have."""
    response = live.request(slug, PATHS[slug], method="OPTIONS")
    assert response.status_code == 405
    assert response.headers["Content-Type"].partition(";")[0] == "application/json"


@pytest.mark.parametrize("origin", LOOPBACK_ORIGINS)
@pytest.mark.parametrize("slug", SLUGS)
def test_answers_to_a_loopback_origin(live: Live, slug: str, origin: str) -> None:
    """A page may read the rows, and the headers that are not in every answer."""
    response = live.request(slug, PATHS[slug], headers={"Origin": origin})
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] in (origin, "*")
    exposed = {each.strip().lower() for each in response.headers["Access-Control-Expose-Headers"].split(",")}
    assert exposed >= WANTED
    assert exposed >= {name for name in response.headers if name.startswith(("ratelimit-", "x-total-"))}
    assert response.content == live.request(slug, PATHS[slug]).content


@pytest.mark.parametrize("suffix", ["", "+code=401", "+code=429", "+code=500", "+code=999"])
@pytest.mark.parametrize("slug", SLUGS)
def test_failures_are_readable_too(live: Live, slug: str, suffix: str) -> None:
    """A page may read refusals, natural or asked for, the provider's or the fake's own."""
    key = f"{slug}-admin-key{suffix}" if suffix else "nobody"
    response = live.request(slug, PATHS[slug], key=key, headers={"Origin": "http://localhost:5173"})
    assert response.status_code >= 400
    assert response.headers["Access-Control-Allow-Origin"] in ("http://localhost:5173", "*")


@pytest.mark.parametrize("path", ["/", "/nowhere", "/prime/nowhere", "/__admin/health", "/__admin/nowhere"])
def test_every_path_is_readable(live: Live, path: str) -> None:
    """A page may read what the fake itself says, 404s included."""
    response = httpx.get(live.root + path, headers={"Origin": "http://[::1]:4200"}, trust_env=False, verify=False)
    assert response.headers["Access-Control-Allow-Origin"] in ("http://[::1]:4200", "*")


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_answers_to_a_foreign_origin(live: Live, origin: str) -> None:
    """A foreign page gets no leave to read the answer."""
    response = live.request("prime", PATHS["prime"], headers={"Origin": origin})
    assert "access-control-allow-origin" not in allowed(response)
    assert response.headers["Content-Type"].partition(";")[0] == "application/json"


PAGE = """<!doctype html><title>rows</title><pre id="told">waiting</pre><script>
const calls = CALLS;
async function call({url, headers}) {
  try {
    const response = await fetch(url, {headers});
    const body = await response.json();
    const rows = Array.isArray(body) ? body : body.items ?? body.sandboxes;
    const names = ["x-total-count", "retry-after", "preference-applied", "www-authenticate"];
    return {
      status: response.status,
      ids: rows?.map((row) => row.id ?? row.sandbox_id),
      headers: Object.fromEntries(names.map((name) => [name, response.headers.get(name)])),
    };
  } catch (error) {
    return {error: error.name};
  }
}
(async () => {
  const told = {};
  for (const [name, each] of Object.entries(calls)) told[name] = await call(each);
  document.getElementById("told").textContent = JSON.stringify(told);
})();
</script>"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A dev server that keeps its log to itself."""

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def dev_server(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A folder, and the port that serves it."""
    folder = tmp_path / "page"
    folder.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield folder, server.server_address[1]
        server.shutdown()
        thread.join(5)


@pytest.fixture
def browse(dev_server: tuple[Path, int], tmp_path: Path) -> Callable[[str, dict[str, Any]], Any]:
    """Open the page from a host name in headless Chromium; what its calls got."""
    folder, port = dev_server

    def opened(host: str, calls: dict[str, Any]) -> Any:
        assert CHROMIUM is not None
        (folder / "index.html").write_text(PAGE.replace("CALLS", json.dumps(calls)), encoding="utf-8")
        run = subprocess.run(
            [
                CHROMIUM,
                *FLAGS,
                f"--user-data-dir={tmp_path / f'profile-{host}'}",
                "--virtual-time-budget=10000",
                "--dump-dom",
                f"http://{host}:{port}/index.html",
            ],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=90,
            check=False,
        )
        found = re.search(r'<pre id="told">(.*?)</pre>', run.stdout, re.DOTALL)
        assert found is not None, run.stderr[-2_000:]
        return json.loads(html.unescape(found[1]))

    return opened


@pytest.fixture
def calls(live: Live) -> dict[str, Any]:
    """A call of each provider's listing with its credential, and some that fail."""
    made: dict[str, Any] = {
        slug: {"url": live.base_url(slug) + PATHS[slug], "headers": header_of(slug, f"{slug}-admin-key")}
        for slug in SLUGS
    }
    made["bearer"] = {**made["dreadnode"], "headers": {"Authorization": "Bearer dreadnode-admin-key"}}
    made["nobody"] = {**made["instavm"], "headers": {}}
    made["limited"] = {**made["prime"], "headers": {**made["prime"]["headers"], "Prefer": "code=429"}}
    return made


@pytest.mark.skipif(CHROMIUM is None, reason=MISSING)
def test_a_page_on_a_dev_server_shows_rows(
    live: Live, browse: Callable[[str, dict[str, Any]], Any], calls: dict[str, Any]
) -> None:
    """A page on another loopback port gets rows with either credential header, and reads errors and their headers."""
    told = browse("127.0.0.1", calls)
    for slug, identity in (("dreadnode", "id"), ("instavm", "sandbox_id"), ("prime", "id"), ("superserve", "id")):
        expected = [row[identity] for row in live.rows(slug)]
        assert told[slug]["status"] == 200
        assert told[slug]["ids"]
        assert told[slug]["ids"] == expected[: len(told[slug]["ids"])]
    assert told["bearer"] == told["dreadnode"]
    assert told["superserve"]["headers"]["x-total-count"] == str(len(live.rows("superserve")))
    assert told["nobody"]["status"] == 401
    assert told["nobody"]["headers"]["www-authenticate"]
    assert told["limited"]["status"] == 429
    assert told["limited"]["headers"]["retry-after"]
    assert told["limited"]["headers"]["preference-applied"]


@pytest.mark.skipif(CHROMIUM is None, reason=MISSING)
def test_a_page_from_elsewhere_gets_nothing(
    browse: Callable[[str, dict[str, Any]], Any], calls: dict[str, Any]
) -> None:
    """The same page under a foreign name is kept from every answer by the browser."""
    told = browse("page.example", calls)
    assert told == {name: {"error": "TypeError"} for name in calls}
