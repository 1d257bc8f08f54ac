"""The example of a provider in a package of its own: it is installed as anybody would install it, and nothing in
fakeserver knows of it."""

from __future__ import annotations

import ast
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp

from tests.examples import e2b_deployment
from tests.examples.e2b_deployment import at_the_beginning, behind_the_instant, behind_the_row, deployment
from tests.support.asgi import ROOT
from tests.support.command import FAKESERVER, serving
from tests.support.server import listening

PACKAGE = ROOT / "examples" / "provider-e2b"
SDK = "e2b==2.63.0"
MOST_LINES = 85
EPOCH = "2026-01-18T10:30:00Z"
Row = dict[str, Any]

pytestmark = pytest.mark.slow


# The package


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """This environment with the example installed in a folder of its own, so that no other test sees it."""
    pytest.importorskip("hatchling", reason="hatchling is not installed, which builds the package")
    folder = tmp_path_factory.mktemp("site")
    quiet = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--no-build-isolation"]
    command = [sys.executable, "-m", "pip", "install", *quiet, "--target", str(folder), str(PACKAGE)]
    subprocess.run(command, check=True, timeout=120)
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("E2B_", "FAKESERVER_"))}
    return {**kept, "PYTHONPATH": str(folder), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


@pytest.fixture(scope="module")
def fake(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """All providers at once, E2B among them."""
    folder = tmp_path_factory.mktemp("fake")
    with serving(folder, "--epoch", EPOCH, "--size", "400", command=FAKESERVER, **environment) as served:
        yield f"{served.base_url}/e2b"
        assert served.stderr.read_text("utf-8") == ""


def get(base_url: str, query: str = "", key: str = "e2b-admin-key") -> httpx.Response:
    url = f"{base_url}/v2/sandboxes?{query}"
    return httpx.get(url, headers={"X-API-Key": key}, trust_env=False, verify=False)


def listed(base_url: str, query: str = "") -> list[Row]:
    """The rows of all pages, by the token in the header."""
    rows: list[Row] = []
    token = ""
    while True:
        answer = get(base_url, query + token).raise_for_status()
        rows += answer.json()
        following = answer.headers.get("x-next-token")
        if following is None:
            return rows
        assert re.fullmatch("[A-Za-z0-9_-]+", following)
        token = f"&nextToken={following}"


def having(rows: Sequence[Row], pairs: dict[str, str]) -> list[Row]:
    return [row for row in rows if pairs.items() <= row.get("metadata", {}).items()]


def test_the_table_is_short() -> None:
    """Table and code of a provider take 85 lines at most; only the making of a sandbox stands beside them."""
    source = (PACKAGE / "provider_e2b" / "__init__.py").read_text("utf-8")
    tree = ast.parse(source)
    made = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "make")
    assert made.end_lineno is not None
    lines = source.splitlines()
    own = lines[: made.lineno - 1] + lines[made.end_lineno :]
    assert len([line for line in own if line.strip()]) <= MOST_LINES


def test_the_readme_holds(environment: dict[str, str]) -> None:
    """Its commands, from the folder of fakeserver, with a port of the test's own."""
    (script,) = re.findall(r"^```sh\n(.*?)^```", (PACKAGE / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    preamble = f"""
    trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
    pip() {{ test "$1 $2 $3" = "install .[contract] ./examples/provider-e2b"; }}
    fakeserver() {{
      if test "$1" = serve; then exec {sys.executable} -m fakeserver "$@" --port {port}; fi
      {sys.executable} -m fakeserver "$@"
    }}
    curl() {{
      until command curl -s -o /dev/null http://127.0.0.1:{port}/; do sleep 0.1; done
      command curl "$@"; echo
    }}
    """
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", preamble + script.replace(":8000", f":{port}") + 'echo "$E2B_API_KEY"'],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    assert "HTTP/1.1 200 OK" in done.stdout
    assert "x-next-token: " in done.stdout
    assert re.search(r"^e2b: \d+ laws hold", done.stdout, re.MULTILINE)
    assert done.stdout.endswith("\ne2b-admin-key\n")


def test_nothing_in_the_house_knows_of_it() -> None:
    """Neither the server nor the kit has its slug, but for a provider that runs its own sandboxes there."""
    modules = [*(ROOT / "fakeserver").rglob("*.py"), *(ROOT / "contract_tests").rglob("*.py")]
    assert len(modules) > 100
    named = [path for path in modules if re.search("(?<![a-z])e2b", path.read_text("utf-8"), re.IGNORECASE)]
    assert {path.parent.relative_to(ROOT).as_posix() for path in named} == {"fakeserver/providers/dreadnode"}


def test_pages_lead_through_the_list(fake: str) -> None:
    """The token in the header is safe in a URL, and leads to the end; the other order is the same list from behind."""
    whole = listed(fake)
    assert len(whole) > 300
    assert [row["sandboxID"] for row in listed(fake, "limit=7")] == [row["sandboxID"] for row in whole]
    assert listed(fake, "limit=50&order=asc") == whole[::-1]
    assert len(get(fake).json()) == 100
    assert any(one["startedAt"] == two["startedAt"] for one, two in pairwise(whole))


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        ("limit=0&state=no&metadata=%25", ("limit", "state", "metadata")),
        ("limit=101", ("limit",)),
        ("metadata=%25%25%25", ("metadata",)),
        ("metadata=a%3Db%3Dc", ("metadata",)),
        ("metadata=a%3D%2525YY", ("metadata",)),
        ("metadata=", ("metadata",)),
        ("nextToken=x", ("cursor",)),
        ("order=up", ("order",)),
    ],
)
def test_refusals_are_in_e2bs_words(fake: str, query: str, texts: Sequence[str]) -> None:
    """A code and a message, which names everything that is wrong."""
    answer = get(fake, query)
    body = answer.json()
    assert (answer.status_code, sorted(body), body["code"]) == (400, ["code", "message"], 400)
    assert all(text in body["message"] for text in texts)
    assert get(fake, key="nobody").json()["code"] == 401
    assert get(fake, "__code=500").json()["code"] == 500


def test_metadata_as_the_sdk_writes_it_and_as_a_page_does(fake: str) -> None:
    """Escaped once or twice, each pair means what it says."""
    pins = [row for row in listed(fake) if row.get("metadata") == {"a b": "c=d&e"}]
    assert len(pins) == 1
    twice = urlencode({quote("a b"): quote("c=d&e")})
    assert listed(fake, urlencode({"metadata": twice})) == pins
    plain = listed(fake, urlencode({"metadata": "user=abc&app=prod"}))
    assert len(plain) > 2
    assert plain == [
        row for row in listed(fake) if {"user": "abc", "app": "prod"}.items() <= row.get("metadata", {}).items()
    ]


def test_what_is_left_out_is_told(fake: str) -> None:
    """A filter of E2B's that the example lacks filters nothing, and the journal says so."""
    assert get(fake, "template=no-such-template&limit=1").json()
    journal = httpx.get(f"{fake.removesuffix('/e2b')}/__admin/requests?limit=1", trust_env=False, verify=False).json()
    assert "'template'" in " ".join(journal["requests"][0]["warnings"])


# The real SDK

SCRIPT = """
import json, sys
from e2b import AuthenticationException, Sandbox, SandboxQuery, SandboxState

def walk(**asked):
    paginator, pages = Sandbox.list(**asked), []
    while paginator.has_next:
        pages.append([sandbox.sandbox_id for sandbox in paginator.next_items()])
    return pages

def wrong_key():
    try:
        Sandbox.list(api_key="e2b_" + "0" * 40).next_items()
    except AuthenticationException as error:
        return str(error)

both = [SandboxState.RUNNING, SandboxState.PAUSED]
first = Sandbox.list(limit=1).next_items()[0]
print(json.dumps({
    "all": walk(),
    "by_seven": walk(limit=7),
    "paused": walk(query=SandboxQuery(state=[SandboxState.PAUSED]), limit=50),
    "pairs": walk(query=SandboxQuery(metadata={"user": "abc", "app": "prod"}, state=both), limit=3),
    "reserved": walk(query=SandboxQuery(metadata={"a b": "c=d&e"})),
    "unicode": walk(query=SandboxQuery(metadata={"größe": "klein", "key with spaces": "a,b"})),
    "oldest": walk(order="asc", limit=100),
    "first": [first.sandbox_id, first.state.value, first.metadata, first.started_at.isoformat()],
    "wrong_key": wrong_key(),
}))
"""


@pytest.fixture(scope="module")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with E2B's SDK in an environment of its own, since its pins clash with those of another SDK here."""
    folder = tmp_path_factory.mktemp("sdk") / "environment"
    python = folder / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=120)
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    done = subprocess.run([*command, SDK], capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        pytest.skip(f"pip cannot install {SDK}: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
    return python


def flat(pages: Sequence[Sequence[str]]) -> list[str]:
    return [*chain.from_iterable(pages)]


def test_the_real_sdk_lists(fake: str, sdk: Path, environment: dict[str, str], tmp_path: Path) -> None:
    """With two variables from `fakeserver env`, E2B's SDK filters, pages to the end, and knows a wrong key."""
    exports = subprocess.run(
        [sys.executable, "-m", "fakeserver", "env", "e2b", "--base-url", fake],
        env=environment, capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    variables = dict(line.removeprefix("export ").split("=", 1) for line in exports.splitlines())
    proxies = {name: variables.pop(name) for name in ("NO_PROXY", "no_proxy")}
    assert all("127.0.0.1" in text for text in proxies.values())
    assert variables == {"E2B_API_URL": fake, "E2B_API_KEY": "e2b-admin-key"}
    done = subprocess.run(
        [str(sdk), "-c", SCRIPT],
        env={**environment, "PYTHONPATH": "", "HOME": str(tmp_path), **variables},
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    rows = listed(fake)
    names = [row["sandboxID"] for row in rows]

    def named(**pairs: str) -> list[str]:
        return [row["sandboxID"] for row in having(rows, pairs)]

    assert [len(page) for page in said["all"]] == [100] * (len(names) // 100) + [len(names) % 100]
    assert flat(said["all"]) == flat(said["by_seven"]) == names
    assert flat(said["paused"]) == [row["sandboxID"] for row in rows if row["state"] == "paused"]
    assert flat(said["pairs"]) == named(user="abc", app="prod")
    assert len(said["pairs"]) > 1
    assert flat(said["reserved"]) == named(**{"a b": "c=d&e"}) != []
    assert flat(said["unicode"]) == named(**{"größe": "klein", "key with spaces": "a,b"}) != []
    assert flat(said["oldest"]) == names[::-1]
    assert said["first"][:3] == [rows[0]["sandboxID"], rows[0]["state"], rows[0]["metadata"]]
    assert said["wrong_key"].startswith("401: Unauthorized")


# The contract kit


@contextmanager
def deployed(app: ASGIApp) -> Iterator[str]:
    """A deployment on a free port of 127.0.0.1 until the block ends."""
    with listening(uvicorn.Config(app, log_level="error", lifespan="off")) as root:
        yield root


def check(environment: dict[str, str], base_url: str, token: str, *more: str) -> tuple[int, str]:
    """The exit status of `fakeserver check e2b`, and its report."""
    done = subprocess.run(
        [sys.executable, "-m", "fakeserver", "check", "e2b", "--base-url", base_url, "--token", token, *more],
        env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def broken(report: str) -> set[str]:
    """The laws that a report calls broken."""
    return set(re.findall(r"^BROKEN: ([a-z_.0-9]+):", report, re.MULTILINE))


def test_the_fake_keeps_e2bs_promises(fake: str, environment: dict[str, str]) -> None:
    """All layers, strictly, and with a second caller: nothing is broken, and hardly a law is not exercised."""
    for profile in ("default", "deep"):
        more = ("--strict", "--profile", profile, "--other-token", "e2b-outsider-key")
        status, report = check(environment, fake, "e2b-admin-key", *more)
        assert (status, broken(report)) == (0, set()), report
        assert len(re.findall("^ok ", report, re.MULTILINE)) > 45, report


@pytest.mark.parametrize("count", [60, 230])
@pytest.mark.parametrize("profile", ["default", "polite"])
def test_a_right_server_passes(environment: dict[str, str], count: int, profile: str) -> None:
    """A server of another hand, that hands out tokens of another kind, keeps the promises too."""
    with deployed(deployment(count, behind_the_row)) as base_url:
        status, report = check(environment, base_url, e2b_deployment.KEY, "--profile", profile)
    assert (status, broken(report)) == (0, set()), report


@pytest.mark.parametrize("count", [60, 230])
@pytest.mark.parametrize("start", [at_the_beginning, behind_the_instant])
def test_a_wrong_token_is_convicted(environment: dict[str, str], start: e2b_deployment.Start, count: int) -> None:
    """A token that is taken and ignored, and one that loses what shares its instant, whether or not the longest page
    holds the whole list."""
    with deployed(deployment(count, start)) as base_url:
        status, report = check(environment, base_url, e2b_deployment.KEY, "--only-layer", "laws")
    assert status == 1, report
    # A circle is told by its end, where the walk that meets it twice has no room left.
    assert {"cursors.walk", "cursors.end"} & broken(report), report
