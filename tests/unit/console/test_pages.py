"""Pages and files of the console: what is sent for them, and to whom."""

from __future__ import annotations

import gzip
import re

import pytest
import yaml

from contract_tests.yaml_files import LOADER
from fakeserver.console import files
from fakeserver.console.files import FOLDER
from fakeserver.console.pages import Console, has_path, pointed_here, yaml_of
from fakeserver.serving.app import App
from tests.support.asgi import SLUGS, SPECS, Reply, app_of, call

PAGES = ("/", "/ns/a/", "/ns/a", "/prime/docs", "/ns/a/superserve/docs")
OURS = sorted(name for name in files.names() if not name.startswith("swagger-ui/"))
VIEWER = FOLDER / "swagger-ui"
MOST_BYTES = 60_000
SEALS = {
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
COMMENTS = re.compile(r"^ *//", re.MULTILINE)
SEALS_OF_PARTS = {name: SEALS[name] for name in ("x-content-type-options", "cross-origin-resource-policy")}


@pytest.fixture(scope="module")
def app() -> App:
    return app_of(size=20)


def file_path(name: str) -> str:
    return f"/__console/{files.version()}/{name}"


def refusal(reply: Reply, status: int) -> str:
    """The words of a refusal by the fake itself."""
    assert (reply.status, reply.media_type) == (status, "application/problem+json")
    assert reply.headers.items() >= SEALS.items()
    detail: str = reply.value["detail"]
    return detail


@pytest.mark.parametrize("path", PAGES)
def test_a_page_holds_the_browser_to_its_rules(app: App, path: str) -> None:
    """Nothing from another host, no inline script or style, no frame around it, and nobody takes it in."""
    reply = call(app, path)
    assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert reply.headers.items() >= SEALS.items()
    policy = reply.headers["content-security-policy"]
    rules = dict(each.partition(" ")[::2] for each in policy.split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == rules["frame-ancestors"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert "unsafe" not in policy
    assert ("require-trusted-types-for" in rules) is not path.endswith("/docs")
    assert set(re.findall(r'(?:src|href)="(/__console/\w+)/', reply.body.decode())) == {f"/__console/{files.version()}"}


@pytest.mark.parametrize("name", sorted(files.names()))
def test_a_file_is_kept_for_ever_and_comes_compressed(app: App, name: str) -> None:
    """Its address holds a hash, and its tag another; who takes gzip gets the same bytes in fewer."""
    plain = call(app, file_path(name))
    packed = call(app, file_path(name), headers={"accept-encoding": "gzip, br"})
    assert plain.status == packed.status == 200
    assert plain.headers["cache-control"] == packed.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body)
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
    assert plain.headers["etag"] != packed.headers["etag"]
    # Nobody sniffs it or takes it in from elsewhere; what a browser would show by itself is held to all the rules.
    seals = SEALS if name.endswith(".html") else SEALS_OF_PARTS
    assert plain.headers.items() >= seals.items()
    assert ("content-security-policy" in plain.headers) is name.endswith(".html")
    for reply, headers in ((plain, {}), (packed, {"accept-encoding": "gzip"})):
        again = call(app, file_path(name), headers={**headers, "if-none-match": reply.headers["etag"]})
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", reply.headers["etag"])
        assert again.headers.items() >= seals.items()
        assert ("content-security-policy" in again.headers) is name.endswith(".html")


@pytest.mark.parametrize("name", [name for name in OURS if name.endswith(".js")])
def test_comments_stay_at_home(app: App, name: str) -> None:
    """And nothing else does; what is between backticks, where two slashes are text, begins no line with them."""
    source, sent = (FOLDER / name).read_text(encoding="utf-8"), call(app, file_path(name)).body.decode()
    pairs = list(zip(source.split("\n"), sent.split("\n"), strict=True))
    assert all(got == (line if not line.lstrip().startswith("//") else "") for line, got in pairs)
    assert all(text.count("`") % 2 == 0 for text in COMMENTS.split(source)[:-1])


def test_a_page_is_asked_for_again(app: App) -> None:
    """It names the version of the files, so it must not be kept; if it is the same, it is not sent."""
    reply = call(app, "/")
    assert reply.headers["cache-control"] == "no-cache"
    assert call(app, "/", headers={"if-none-match": reply.headers["etag"]}).status == 304
    assert call(app, "/", headers={"if-none-match": '"another"'}).status == 200


def test_a_page_has_a_head(app: App) -> None:
    reply = call(app, "/", method="HEAD")
    assert (reply.status, reply.body) == (200, b"")
    assert int(reply.headers["content-length"]) == len(call(app, "/").body)


@pytest.mark.parametrize(
    "path",
    [
        "/__console/",
        "/__console/x",
        "/__console/x/main.js",
        "/__console/{version}/nobody.js",
        "/__console/{version}/LICENSE",
        "/__console/{version}/../pages.py",
        "/__console/{version}/%2e%2e/pages.py",
        "/__console/{version}/swagger-ui",
        "/__console/{version}//etc/passwd",
        "/__console/{version}/main.js/",
    ],
)
def test_there_are_no_other_files(app: App, path: str) -> None:
    """Only names that were found in the folder are served, whatever a path looks like."""
    assert refusal(call(app, path.replace("{version}", files.version())), 404)


def test_a_file_of_another_version_is_refused(app: App) -> None:
    """So that a page that is open while the server is updated mixes no versions."""
    assert "another version" in refusal(call(app, "/__console/0123456789abcdef/main.js"), 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/prime/docs", "/prime/openapi.json"])
def test_pages_are_read_only(app: App, path: str, method: str) -> None:
    reply = call(app, path, method=method, body=b"{}")
    refusal(reply, 405)
    assert reply.headers["allow"] == "GET, HEAD"


# Who may look


@pytest.mark.parametrize("path", [*PAGES, "/__console/x/main.js"])
@pytest.mark.parametrize(
    ("headers", "client"),
    [
        ({"host": "evil.example:8000"}, "127.0.0.1"),
        ({"host": "localhost.evil.example"}, "127.0.0.1"),
        ({"host": "localhost:8000"}, "10.0.0.7"),
        ({"host": "localhost:8000", "origin": "https://evil.example"}, "127.0.0.1"),
        ({"host": "localhost:8000", "origin": "null"}, "127.0.0.1"),
    ],
    ids=["rebound", "rebound-alike", "elsewhere", "foreign", "opaque"],
)
def test_who_may_not_look(app: App, path: str, headers: dict[str, str], client: str) -> None:
    """Neither another machine, nor a name that merely resolves here, nor a page of another origin."""
    reply = call(app, path, headers=headers, client=client)
    refusal(reply, 403)
    assert "access-control-allow-origin" not in reply.headers


def test_with_a_token_the_pages_are_for_everybody() -> None:
    """They hold nothing; what they call asks for the token."""
    app = app_of(size=5, admin_token="sesame", only=("prime",))
    elsewhere = {"host": "fake.example"}
    assert call(app, "/", headers=elsewhere, client="10.0.0.7").status == 200
    assert call(app, "/__admin/providers", headers=elsewhere, client="10.0.0.7").status == 401
    assert call(app, "/", headers={**elsewhere, "origin": "https://evil.example"}, client="10.0.0.7").status == 403


@pytest.mark.parametrize("path", ["/__admin/health", "/__admin/providers", "/__admin/nowhere", "/ns/a/__admin/clock"])
def test_answers_of_the_admin_api_are_sealed_too(app: App, path: str) -> None:
    """Whether it answers or refuses."""
    reply = call(app, path)
    assert reply.headers.items() >= SEALS.items()
    assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
    assert call(app, path, headers={"host": "evil.example"}).headers.items() >= SEALS.items()


# Specifications


@pytest.mark.parametrize("prefix", ["", "/ns/a"])
@pytest.mark.parametrize("slug", SLUGS)
def test_a_specification_is_the_providers_with_this_server(app: App, slug: str, prefix: str) -> None:
    """JSON and YAML say the same: what the file says, but that its one server is this fake, in this namespace."""
    expected = {**SPECS[slug], "servers": [{"url": f"{prefix}/{slug}", "description": "This fake"}]}
    found = call(app, f"{prefix}/{slug}/openapi.json")
    assert (found.media_type, found.value) == ("application/json", expected)
    other = call(app, f"{prefix}/{slug}/openapi.yaml")
    assert (other.media_type, yaml.load(other.body, Loader=LOADER)) == ("application/yaml", expected)


def test_a_specification_is_as_public_as_the_api(app: App) -> None:
    """Generators of clients in other containers read it, and pages on dev servers may."""
    headers = {"host": "fake.example", "origin": "http://localhost:5173"}
    reply = call(app, "/prime/openapi.json", headers=headers, client="10.0.0.7")
    assert reply.status == 200
    assert reply.headers["access-control-allow-origin"] == "http://localhost:5173"
    tag = {"if-none-match": call(app, "/prime/openapi.json").headers["etag"]}
    assert call(app, "/prime/openapi.json", headers=tag).status == 304


def test_texts_survive_in_yaml() -> None:
    """Whatever a specification of somebody else's holds."""
    document = {"a": "yes", "b": ["1", 1, 1.5, None, True], "c": "two\nlines: #no\ttab", "ü": {"": "\u202e x"}}
    assert yaml.load(yaml_of(document), Loader=LOADER) == document


# A provider's own paths


def test_a_provider_at_the_root_keeps_its_paths() -> None:
    """The console is at the root all the same, where the provider has nothing."""
    app = app_of(size=5, only=("superserve",))
    assert call(app, "/").headers["content-type"].startswith("text/html")
    assert call(app, "/health").value == {"status": "ok", "version": "0.1.0"}
    assert call(app, "/superserve/docs").status == 200


def test_an_operation_at_a_page_of_ours_stays_the_providers(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has `/docs` or `/` in their specification serves that."""
    service = app.services["superserve"]
    assert has_path(service, "/sandboxes")
    assert has_path(service, "/sandboxes/x/pause")
    assert not has_path(service, "/docs")
    monkeypatch.setattr("fakeserver.console.pages.has_path", lambda _, path: path in ("/docs", "/", "/openapi.json"))
    console = Console({"superserve": service}, service, lambda headers, address: None)
    assert console.paths == {"/superserve/openapi.yaml"}
    assert pointed_here({"a": 1, "servers": []}, "/x")["servers"] == [{"url": "/x", "description": "This fake"}]


# What the files hold


@pytest.mark.parametrize("name", OURS)
def test_our_files_name_no_other_host_and_make_no_html(name: str) -> None:
    """The policy would stop them; so nobody should have to find out."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert not re.search(r"https?://(?!\$)|//cdn", text)
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\.cssText", text
    )
    assert not re.search(r"\son\w+=|style=|<script>|<style", text)


def test_all_of_the_console_is_light() -> None:
    """Every file of it together, as it is sent: a page needs only some of them."""
    assert sum(len(files.load(name).zipped) for name in OURS) <= MOST_BYTES


def test_the_viewer_is_pinned_and_has_its_licence_beside_it() -> None:
    """Which version it is stands in its own text and in the notice."""
    assert "Apache License" in (VIEWER / "LICENSE").read_text(encoding="utf-8")
    pinned = re.search(r"swagger-ui-dist (\S+)", (VIEWER / "README.md").read_text(encoding="utf-8"))
    assert pinned is not None
    assert f'"{pinned[1]}"' in (VIEWER / "swagger-ui-bundle.js").read_text(encoding="utf-8")
    assert "SmartBear" in (VIEWER / "NOTICE").read_text(encoding="utf-8")
