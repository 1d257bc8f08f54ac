"""The fake inside of test runs: the pytest fixture, the context manager, and the examples, which are run here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fakeserver.serving.app import Settings
from fakeserver.testing.handles import AdminError, World
from fakeserver.testing.server import Server, running
from tests.support.asgi import PATHS, ROOT, SLUGS, credential

pytestmark = pytest.mark.slow

EXAMPLES = ROOT / "examples"
BIN = Path(sys.executable).parent


def run(*command: object, folder: Path = ROOT, **more: str) -> str:
    """What a command printed; it must succeed."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=os.environ | more,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def run_pytest(folder: Path, *arguments: object) -> str:
    """A test run of its own, with its settings and nothing of ours; only the plugins named here are loaded."""
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    plugins = ["-p", "no:cacheprovider", "-p", "fakeserver.pytest_plugin", "-p", "xdist"]
    command = [sys.executable, "-m", "pytest", "-q", *plugins, *arguments]
    return run(*command, folder=folder, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A live server for this file."""
    with running(Settings(size=20, rate_limits=False)) as served:
        yield served


def get(world: World, slug: str, query: str = "") -> httpx.Response:
    handle = world.provider(slug)
    with httpx.Client(trust_env=False) as client:
        return client.get(f"{handle.base_url}{PATHS[slug]}{query}", headers=credential(slug))


def test_handles_do_what_they_say(server: Server) -> None:
    """Base URL, token, environment, documents, faults, clock and requests of one world."""
    with server.world() as world:
        prime = world.prime
        assert prime.token == prime.credentials["admin"] == "prime-admin-key"
        assert prime.credentials["member"] == "prime-member-key"
        assert prime.env["PRIME_API_BASE_URL"] == prime.base_url == f"{world.base_url}/prime"
        assert prime.env["PRIME_API_KEY"] == prime.token
        assert get(world, "prime").json()["sandboxes"][0] == prime.documents[0]
        prime.documents = prime.documents[:1]
        assert get(world, "prime").json()["total"] == 1
        assert prime.documents_of("research")
        prime.fault(code=503, times=1)
        assert [get(world, "prime").status_code for _ in range(2)] == [503, 200]
        world.dreadnode.fault(operation="getSandboxFacets", code=500)
        assert get(world, "dreadnode").status_code == 200
        world.clock.freeze("2099-01-01T00:00:00Z")
        assert world.clock.advance(1.5)["now"] == world.clock.now == "2099-01-01T00:00:01.500000Z"
        assert world.clock.set("2099-01-02T00:00:00Z")["frozen"] is True
        assert world.clock.scale(2)["factor"] == 2
        world.clock.reset()
        assert [each["status"] for each in prime.requests] == [200, 200, 503, 200]
        assert [each["provider"] for each in world.requests] == ["prime"] * 4 + ["dreadnode"]
        kept = world.snapshot()
        world.reset()
        assert world.requests == []
        world.restore(kept)
        assert len(prime.documents) == 1


def test_providers_by_name(server: Server) -> None:
    """A provider is an attribute if it is built in, and `provider(slug)` in any case; one not served is named."""
    with server.world() as world:
        assert [world.provider(slug).slug for slug in SLUGS] == list(SLUGS)
        built_in = (world.dreadnode, world.instavm, world.prime, world.superserve)
        assert all(handle is world.provider(handle.slug) for handle in built_in)
        with pytest.raises(LookupError, match=r"provider 'prme' is not served here; did you mean 'prime'\?"):
            world.provider("prme")
    with running(Settings(size=1, only=("prime",))) as small, small.world() as world:
        assert world.prime.token
        with pytest.raises(LookupError, match="provider 'instavm' is not served here; known are prime"):
            assert world.instavm


def test_a_recipe_without_an_admin(tmp_path: Path) -> None:
    """Nobody has to be called admin: the first caller of a recipe is the one whom tests call as."""
    text = (ROOT / "fixtures" / "prime.yaml").read_text(encoding="utf-8")
    assert text.count("name: admin") == text.count("prime-admin-key:") == 1
    text = text.replace("name: admin", "name: root").replace("prime-admin-key:", "sk-root:")
    (tmp_path / "prime.yaml").write_text(text, encoding="utf-8")
    with running(Settings(size=20, only=("prime",), fixtures=tmp_path)) as served, served.world() as world:
        assert [*world.prime.credentials] == ["root", "member", "outsider"]
        assert world.prime.token == world.prime.env["PRIME_API_KEY"] == world.prime.credentials["root"] == "sk-root"
        answer = httpx.get(
            f"{world.prime.base_url}{PATHS['prime']}", headers={"Authorization": "Bearer sk-root"}, trust_env=False
        )
        assert answer.json()["total"] > 0


def test_refused_calls_say_why(server: Server) -> None:
    """A refused admin call is an assertion error with the problem's detail."""
    with server.world() as world, pytest.raises(AdminError, match="documents no 418"):
        world.prime.fault(code=418)


def test_worlds_end_with_their_block(server: Server) -> None:
    """A world is fresh even under a name that was left behind, and is deleted when the block is left."""
    with server.world("mine") as world:
        world.prime.documents = []
    assert "mine" not in {each["name"] for each in server.app.worlds.listed()}
    server.app.worlds.named("mine").settings.journal = False
    with server.world("mine") as world:
        assert get(world, "prime").json()["total"] > 0
        assert len(world.requests) == 1


def test_context_manager_starts_and_stops() -> None:
    """Without pytest, a server answers within its block and not after it."""
    with running(Settings(size=20)) as running_server, running_server.world() as world:
        assert all(get(world, slug).status_code == 200 for slug in SLUGS)
        url = world.base_url
    with pytest.raises(httpx.ConnectError), httpx.Client(trust_env=False) as client:
        client.get(url)


SECONDS = 60
START = """
import sys
from fakeserver.testing.server import running

with running() as server, server.world() as world:
    assert world.requests == []
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""
HEAVY = {
    "contract_tests",
    "faker",
    "httpx",
    "hypothesis",
    "jsonschema",
    "jsonschema_rs",
    "pydantic",
    "pytest",
    "schemathesis",
}
"""What a server that has just started has not loaded; with any of them, starting takes twice as long."""


def test_a_start_loads_only_what_serving_needs(tmp_path: Path) -> None:
    """It takes well under a second because it loads little: what few requests need is loaded by those."""
    done = subprocess.run(
        [sys.executable, "-c", START], cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=True
    )
    loaded = set(done.stdout.split())
    assert {"fakeserver", "starlette", "uvicorn"} <= loaded
    assert loaded & HEAVY == set()


def test_fixture_comes_with_the_package(fakeserver: World) -> None:
    """The plugin is loaded by its entry point: this test did nothing for its world."""
    assert get(fakeserver, "superserve").json()
    assert len(fakeserver.superserve.requests) == 1


SUITE = """
import os
import urllib.request

import pytest

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.mark.parametrize("number", range(24))
def test_world_of_its_own(number, fakeserver, fakeserver_server):
    assert fakeserver.requests == []
    fakeserver.superserve.documents = fakeserver.superserve.documents[: number % 5]
    request = urllib.request.Request(
        fakeserver.superserve.base_url + "/sandboxes", headers={"X-API-Key": fakeserver.superserve.token}
    )
    with opener.open(request) as response:
        assert response.read().count(b'"vcpu_count"') == number % 5
    assert len(fakeserver.requests) == 1
    print(f"server {os.getpid()} {fakeserver_server.base_url} {fakeserver.base_url}")


def test_without():
    pass
"""


@pytest.mark.parametrize("workers", [0, 4])
def test_a_world_per_test_and_a_server_per_process(tmp_path: Path, workers: int) -> None:
    """Each test has a world of its own; however many processes run, each has one server."""
    (tmp_path / "test_suite.py").write_text(SUITE)
    output = run_pytest(tmp_path, "-n", workers, "-rP")
    assert "25 passed" in output
    told = re.findall(r"server (\d+) (\S+) (\S+)", output)
    processes, servers, worlds = ({each[index] for each in told} for index in range(3))
    assert len(told) == len(worlds) == 24
    assert len(servers) == len(processes) <= max(1, workers)


def test_the_server_starts_only_when_needed(tmp_path: Path) -> None:
    """A suite that does not use the fixture loads nothing of the server."""
    (tmp_path / "test_suite.py").write_text(
        "import sys\n\n\ndef test_lazy():\n    assert 'fakeserver.serving.app' not in sys.modules\n"
    )
    assert "1 passed" in run_pytest(tmp_path)


def test_pytest_example(tmp_path: Path) -> None:
    """The example for pytest passes."""
    shutil.copy(EXAMPLES / "test_with_pytest.py", tmp_path)
    assert "5 passed" in run_pytest(tmp_path)


def test_unittest_example() -> None:
    """The example for unittest passes."""
    assert "Ran 3 tests" in run(sys.executable, "-W", "error", EXAMPLES / "test_with_unittest.py")


def test_javascript_example() -> None:
    """The example for node's test runner passes."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    output = run(node, "--test", EXAMPLES / "client.test.mjs", FAKESERVER=str(BIN / "fakeserver"))
    assert re.search(r"pass 4\b", output)
