"""`fakeserver run`: scripts that name no base URL, and have nothing but a made-up key, as they stand."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.asgi import ROOT
from tests.support.command import FAKESERVER, environment
from tests.support.network import run_inside, why_not

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not())]

NODE_22 = ROOT / "node_modules" / "node-22" / "bin" / "node"
RECORDER = """
import json, os, socket
connect, look_up, path = socket.socket.connect, socket.getaddrinfo, os.environ["RECORD"]
def note(what):
    with open(path, "a") as file:
        file.write(json.dumps(what) + "\\n")
def recorded_connect(self, address):
    if self.family != socket.AF_UNIX:
        note(address[0])
    return connect(self, address)
def recorded_look_up(host, *more, **named):
    note(host.decode() if isinstance(host, bytes) else host)
    return look_up(host, *more, **named)
socket.socket.connect, socket.getaddrinfo = recorded_connect, recorded_look_up
"""
"""What every Python process of a test imports at its start: it writes down each address and name that is asked for."""
SUPERSERVE = """
from superserve import Sandbox
sandbox = Sandbox.create(name="mine", api_key="ss_live_made_up", base_url="https://api.superserve.ai")
print(sandbox.commands.run("echo hi").stdout)
sandbox.files.write("/tmp/a.bin", bytes(range(256)))
assert sandbox.files.read("/tmp/a.bin") == bytes(range(256))
sandbox.kill()
"""
PRIME = """
import os
os.environ.pop("PRIME_API_BASE_URL", None)
from prime_sandboxes import APIClient, CreateSandboxRequest, SandboxClient
client = SandboxClient(APIClient(api_key="made-up"))
sandbox = client.create(CreateSandboxRequest(name="mine", docker_image="python:3.11-slim"))
client.wait_for_creation(sandbox.id)
print(client.execute_command(sandbox.id, "echo hi").stdout)
client.delete(sandbox.id)
"""
INSTAVM = """
from instavm import InstaVM
with InstaVM("made-up") as vm:
    print(vm.execute("echo hi", language="bash")["stdout"])
"""
NODE = """
import https from "node:https";
import { Sandbox } from "@superserve/sdk";
const sandbox = await Sandbox.create({ name: "mine", apiKey: "made-up", baseUrl: "https://api.superserve.ai" });
console.log((await sandbox.commands.run("echo hi")).stdout);
await sandbox.files.write("/tmp/a.txt", "abc");
if ((await sandbox.files.readText("/tmp/a.txt")) !== "abc") throw new Error("the file is another one");
await sandbox.kill();
const headers = { Authorization: "Bearer mine" };
const listed = await fetch("https://api.primeintellect.ai/api/v1/sandbox", { headers });
if (listed.status !== 200) throw new Error(`fetch got ${listed.status}`);
const status = await new Promise((resolve, reject) => {
  const options = { headers: { "X-API-Key": "mine" } };
  const asked = https.get("https://api.instavm.io/v1/vms", options, (answer) => resolve(answer.resume().statusCode));
  asked.on("error", reject);
});
if (status !== 200) throw new Error(`https got ${status}`);
"""


class Run:
    """Runs commands under `fakeserver run`, alone on a network of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.record = folder, folder / "record"
        (folder / "sitecustomize.py").write_text(RECORDER)
        self.environment = {**environment(folder), "PYTHONPATH": f"{folder}:{ROOT}", "RECORD": str(self.record)}
        self.environment.pop("NO_PROXY")

    def __call__(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return run_inside([*FAKESERVER, "run", *arguments], self.environment | more, self.folder)

    def asked(self) -> set[str]:
        """Every address and name that a Python process asked for."""
        return {json.loads(line) for line in self.record.read_text().splitlines()} if self.record.exists() else set()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def is_here(host: Any) -> bool:
    return host in (None, "localhost", "::1") or str(host).startswith("127.")


@pytest.mark.parametrize(
    ("script", "namespace"),
    [(SUPERSERVE, ""), (SUPERSERVE, "job-1"), (PRIME, "job-1"), (INSTAVM, "")],
    ids=["superserve", "superserve in a world", "prime in a world", "instavm"],
)
def test_a_python_script_as_it_stands(run: Run, script: str, namespace: str) -> None:
    """The whole of its provider's quick start; nothing but loopback is ever asked for."""
    done = run(f"--namespace={namespace}", "--", sys.executable, "-c", script)
    assert (done.returncode, done.stdout.split()[:1]) == (0, ["hi"]), done.stderr
    assert "reached the fake; nothing would have left the machine" in done.stderr
    assert run.asked()
    assert [each for each in run.asked() if not is_here(each)] == []


@pytest.mark.parametrize("node", ["node", str(NODE_22)], ids=["the system's", "22"])
def test_a_node_script_as_it_stands(run: Run, node: str) -> None:
    """`fetch`, the SDK that stands on it, and `node:https`; by a preload where Node knows no proxy (20), else by
    itself."""
    if shutil.which(node) is None:
        pytest.skip(f"{node} is not installed")
    script = ROOT / "node_modules" / ".fakeserver-run.mjs"
    script.write_text(NODE)
    try:
        done = run("--", node, str(script))
    finally:
        script.unlink()
    assert (done.returncode, done.stdout.strip()) == (0, "hi"), done.stderr


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_as_it_stands(run: Run) -> None:
    """By https and by http; what the fake has not is said, and what it has not at the right host, too."""
    script = """
    curl -sf -H 'Authorization: Bearer mine' https://api.primeintellect.ai/api/v1/sandbox?per_page=1
    curl -sf -H 'X-API-Key: mine' http://api.superserve.ai/sandboxes?limit=1
    curl -si -H 'Authorization: Bearer mine' https://inference.primeintellect.ai/v1/models
    curl -si -H 'X-API-Key: mine' https://api.superserve.ai/secrets
    exit 7
    """
    done = run("--", "sh", "-c", script)
    assert done.returncode == 7
    assert '"sandboxes":[' in done.stdout
    assert "x-fakeserver-guard: GET https://inference.primeintellect.ai/v1/models" in done.stdout
    assert "x-fakeserver-unserved: GET /secrets" in done.stdout
    assert "1 request would have left the machine for a provider: inference.primeintellect.ai" in done.stderr


def test_what_is_said_at_the_end(run: Run) -> None:
    """Variables that were overridden, keys that look real, hosts that were refused; no key is ever repeated."""
    key = "ss_live_use_7Hq2nV0xPz81LmQw"
    script = f"""
import urllib.request, os
def get(url, **headers):
    try:
        urllib.request.urlopen(urllib.request.Request(url, headers=headers)).read()
    except OSError as error:
        print(error)
get("https://api.superserve.ai/sandboxes", **{{"X-API-Key": "{key}"}})
get("https://example.com/")
get("http://169.254.169.254/latest/meta-data/")
print(os.environ["SUPERSERVE_API_KEY"])
"""
    more = {"SUPERSERVE_API_KEY": "mine", "HTTPS_PROXY": "http://10.0.0.1:3128"}
    done = run("--offline", "--", sys.executable, "-c", script, **more)
    assert done.returncode == 0, done.stderr
    assert "superserve-admin-key" in done.stdout
    assert "a key that looks like a real one was sent to superserve" in done.stderr
    assert "refused: example.com, 169.254.169.254" in done.stderr
    assert "SUPERSERVE_API_KEY, HTTPS_PROXY" in done.stderr
    assert key not in done.stdout + done.stderr
    assert [each for each in run.asked() if not is_here(each)] == []


def test_another_fake_may_be_used(run: Run) -> None:
    """One that answers already; without --strict-credentials it takes any."""
    script = f"""
{sys.executable} -m fakeserver serve --port 8123 > server.log & server=$!
until grep -q errors server.log; do sleep 0.1; done
curl='curl -s -o /dev/null -w %{{http_code}} -H X-API-Key:mine https://api.superserve.ai/sandboxes'
{sys.executable} -m fakeserver run superserve --url http://127.0.0.1:8123/ns/a --strict-credentials -- $curl
{sys.executable} -m fakeserver run superserve --url http://127.0.0.1:8123 --namespace b -- $curl
kill $server
"""
    done = run_inside(["sh", "-c", script], run.environment, run.folder)
    assert (done.returncode, done.stdout) == (0, "401200"), done.stderr


def test_another_fake_may_have_a_token(run: Run) -> None:
    """It is given as for `serve`, by a flag, in a file or by a variable, and shown nowhere."""
    script = f"""
{sys.executable} -m fakeserver serve --port 8123 --admin-token s3cret > server.log & server=$!
until grep -q errors server.log; do sleep 0.1; done
printf s3cret > token
run='{sys.executable} -m fakeserver run superserve --url http://127.0.0.1:8123'
curl='curl -s -o /dev/null -w %{{http_code}} -H X-API-Key:mine https://api.superserve.ai/sandboxes'
$run -- $curl; printf '%s ' $?
$run --admin-token s3cret -- $curl
$run --admin-token-file token -- $curl
FAKESERVER_ADMIN_TOKEN=s3cret $run -- $curl
kill $server
"""
    done = run_inside(["sh", "-c", script], run.environment, run.folder)
    assert (done.returncode, done.stdout) == (0, "2 200200200"), done.stderr
    assert "401" in done.stderr
    assert "s3cret" not in done.stderr


def test_flags_are_variables_too(run: Run) -> None:
    """A flag of its own and one of the fake's; a wrong one is named."""
    script = (
        "curl -s -H 'X-API-Key: any' https://api.superserve.ai/sandboxes; curl -s -o /dev/null https://example.com/"
    )
    done = run("superserve", "--", "sh", "-c", script, FAKESERVER_OFFLINE="1", FAKESERVER_SIZE="0")
    assert done.stdout == "[]", done.stderr
    assert "refused: example.com" in done.stderr
    done = run("--", "true", FAKESERVER_SEED="many")
    assert (done.returncode, "FAKESERVER_SEED: 'many'" in done.stderr) == (2, True)
    done = run("--watch", "--", "true")
    assert (done.returncode, "--watch is for fakeserver serve" in done.stderr) == (2, True)


def test_signals_and_exit_codes(run: Run) -> None:
    """They are the command's; what cannot be run ends as in a shell."""
    assert run("--", "sh", "-c", "kill -TERM $$").returncode == 128 + 15
    asks_for_it = "trap 'exit 9' TERM; kill -TERM $PPID; sleep 10 >/dev/null 2>&1 & wait"
    assert run("--", "sh", "-c", asks_for_it).returncode == 9
    for command, code in (("./nothing", 127), (str(run.folder), 126)):
        done = run("--", command)
        assert done.returncode == code
        assert done.stderr.startswith(f"fakeserver: {command} cannot be run")


def test_nothing_is_left(run: Run) -> None:
    """Neither a file with a key nor a process."""
    done = run("--", "sh", "-c", 'ls -l "$(dirname $SSL_CERT_FILE)"; echo "$SSL_CERT_FILE"', TMPDIR=str(run.folder))
    bundle = Path(done.stdout.splitlines()[-1])
    assert bundle.is_relative_to(run.folder)
    assert not bundle.parent.exists()
    assert "key" not in done.stdout
