"""The image, the action and the page about them: what can be run without a container engine is run."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakeserver.cli import serve_parser
from fakeserver.serving.app import Settings, create_app
from fakeserver.serving.variables import actions_of
from tests.support.asgi import ROOT, call
from tests.support.command import START_SECONDS, environment
from tests.support.server import Live

PAGE = (ROOT / "docs" / "containers.md").read_text("utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]["fakeserver"]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
VARIABLES = {name for name, _ in actions_of(serve_parser())}
SECONDS = 120


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def instructions(name: str) -> list[str]:
    """What stands behind each instruction of that name in the Dockerfile."""
    return re.findall(rf"^{name} (.*)$", DOCKERFILE, re.MULTILINE)


# The image


@pytest.mark.slow
def test_the_linter_finds_nothing() -> None:
    """Not even what it merely advises."""
    linter = Path(sys.executable).parent / "hadolint"
    if not linter.exists():
        pytest.skip("hadolint is not installed: make test installs it")
    done = subprocess.run([linter, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_is_copied_is_sent() -> None:
    """Every source of a COPY is there, and is in what .dockerignore lets through, which lets nothing else through."""
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    sent = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {word for each in instructions("COPY") if not each.startswith("--") for word in each.split()[:-1]}
    assert "*" in lines
    assert copied == sent
    assert all((ROOT / each).exists() for each in sent)


def test_the_image_needs_no_root_and_no_shell() -> None:
    """It ends as a user without a name, and what it runs is in the form that takes no shell."""
    assert instructions("USER") == ["65532:65532"]
    assert json.loads(instructions("ENTRYPOINT")[0]) == ["fakeserver"]
    assert json.loads(instructions("CMD")[0]) == ["serve"]
    assert json.loads(instructions("HEALTHCHECK")[0].partition("CMD ")[2]) == ["fakeserver", "health"]
    last = DOCKERFILE.partition(" AS runtime\n")[2]
    assert not re.search(r"^(RUN|ADD) ", last, re.MULTILINE)


def test_targets_and_variables_are_those_that_there_are() -> None:
    """Of the compose file, and of the page."""
    targets = set(re.findall(r" AS ([\w-]+)$", DOCKERFILE, re.MULTILINE))
    assert {COMPOSE["build"]["target"], *re.findall(r"--target (\w+)", PAGE)} == {"slim", "full"} & targets
    assert {*COMPOSE["environment"]} <= VARIABLES
    assert set(re.findall(r"FAKESERVER_[A-Z_]+", PAGE)) <= {*VARIABLES, "FAKESERVER_TOKEN"}
    assert COMPOSE["read_only"] is True
    assert COMPOSE["cap_drop"] == ["ALL"]
    assert COMPOSE["ports"] == ["127.0.0.1:8000:8000"]


def unshares() -> bool:
    """Whether a root can be mounted read-only here."""
    if shutil.which("unshare") is None or os.name != "posix" or os.geteuid() != 0:
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True, timeout=SECONDS).returncode == 0


READ_ONLY = "mount --make-rprivate / && mount --bind / / && mount -o remount,bind,ro / && mount -t tmpfs none /tmp"
TRIAL = """
cd /; ! touch /written 2>&- || exit 8
"$0" -m fakeserver serve >/dev/shm/{name}.out 2>/dev/shm/{name}.err &
until url=$(head -n 1 /dev/shm/{name}.out) && [ -n "$url" ]; do kill -0 $! || exit 9; sleep 0.05; done
"$0" -m fakeserver health --url "$url" && kill $! && ! wait $!
"""


@pytest.mark.slow
@pytest.mark.skipif(not unshares(), reason="needs root and unshare, to mount a root that nobody can write to")
def test_it_serves_from_a_root_that_cannot_be_written() -> None:
    """With the variables of image and compose file, a home that is not there, and no locale."""
    name = f"fakeserver-{os.getpid()}"
    image = dict(each.split("=", 1) for line in instructions("ENV") for each in line.split())
    variables = {**image, **{key: str(text) for key, text in COMPOSE["environment"].items()}}
    variables |= {"PATH": os.environ["PATH"], "FAKESERVER_ADMIN_TOKEN": "", "FAKESERVER_PORT": "0", "LANG": "C"}
    script = f"{READ_ONLY} && exec sh -c '{TRIAL.format(name=name)}' {sys.executable}"
    # What a test's own folder is in is hidden by the mount of /tmp, as the checkout may be.
    if str(ROOT).startswith("/tmp/") or sys.executable.startswith("/tmp/"):
        script = script.replace(" && mount -t tmpfs none /tmp", "")
    try:
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", script], env=variables, capture_output=True, text=True, timeout=SECONDS
        )
        errors = Path(f"/dev/shm/{name}.err")
        assert done.returncode == 0, done.stderr + (errors.read_text("utf-8") if errors.exists() else "")
        assert "ready: fakeserver" in done.stdout
    finally:
        for each in Path("/dev/shm").glob(f"{name}.*"):
            each.unlink()


# The action


class Runner:
    """What runs a step of the action: a script of bash, with the variables and files that a runner gives it."""

    def __init__(self, folder: Path, **inputs: str) -> None:
        self.folder = folder
        defaults = {name: each.get("default", "") for name, each in ACTION["inputs"].items()}
        self.expressions = {f"inputs.{name}": text for name, text in {**defaults, **inputs}.items()}
        self.expressions |= {"github.action_path": str(ROOT), "runner.temp": str(folder)}
        self.files = {name: folder / name for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH")}
        self.files["GITHUB_STEP_SUMMARY"] = folder / "summary.md"

    def step(self, name: str) -> dict[str, Any]:
        (found,) = (each for each in ACTION["runs"]["steps"] if each["name"] == name)
        return dict(found)

    def run(self, name: str) -> subprocess.CompletedProcess[str]:
        step = self.step(name)
        given = {key: self.evaluate(text) for key, text in step["env"].items()}
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.folder,
            env={**environment(self.folder), **{key: str(path) for key, path in self.files.items()}, **given},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    def evaluate(self, text: str) -> str:
        return re.sub(r"\$\{\{ (.*?) \}\}", lambda found: self.expressions[found[1]], text)

    def written(self, name: str) -> dict[str, str]:
        lines = self.files[name].read_text("utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines)


def with_environment(folder: Path) -> Path:
    """The folder of a runner in which the first step was done: this Python stands for the one that it makes."""
    (folder / "fakeserver" / "bin").mkdir(parents=True)
    (folder / "fakeserver" / "bin" / "python").symlink_to(sys.executable)
    return folder


@pytest.mark.slow
def test_the_action_serves(tmp_path: Path) -> None:
    """It waits for the server, says where it is, and exports what these SDKs read; in a folder with any name."""
    folder = with_environment(tmp_path / "ä runner")
    runner = Runner(folder, providers="prime superserve", arguments="--size 10 --only prime --only superserve")
    done = runner.run("Serve")
    assert done.returncode == 0, done.stdout + done.stderr
    base_url = runner.written("GITHUB_OUTPUT")["base-url"]
    exported = runner.written("GITHUB_ENV")
    try:
        assert exported["PRIME_API_BASE_URL"] == f"{base_url}/prime"
        assert exported["SUPERSERVE_API_KEY"] == "superserve-admin-key"
        assert "ready: fakeserver" in done.stdout
    finally:
        end_server_at(base_url)


def end_server_at(base_url: str) -> None:
    """End the server that a step has left behind, as a runner does."""
    port = int(base_url.rpartition(":")[2])
    for folder in Path("/proc").glob("[0-9]*"):
        if is_server(folder) and port in ports_of(folder):
            os.kill(int(folder.name), signal.SIGTERM)
            return
    pytest.fail(f"no server is at port {port}")


def is_server(folder: Path) -> bool:
    """Whether a process is one of ours; it may end while it is looked at."""
    try:
        return b"fakeserver\0serve\0" in (folder / "cmdline").read_bytes()
    except OSError:
        return False


def ports_of(folder: Path) -> set[int]:
    """The ports on which a process listens."""
    targets = [os.readlink(each) for each in (folder / "fd").iterdir()]
    sockets = {found[1] for each in targets if (found := re.match(r"socket:\[(\d+)\]", each))}
    rows = [line.split() for line in (folder / "net" / "tcp").read_text().splitlines()[1:]]
    return {int(row[1].partition(":")[2], 16) for row in rows if row[9] in sockets}


@pytest.mark.slow
def test_an_action_that_cannot_serve_says_why(tmp_path: Path) -> None:
    """The server's own line is the error of the step."""
    runner = Runner(with_environment(tmp_path), arguments="--only prme")
    done = runner.run("Serve")
    assert done.returncode == 1
    assert re.search(r"^::error::fakeserver serve: .*'prme'.*'prime'", done.stdout, re.MULTILINE)


@pytest.mark.slow
def test_the_action_checks(live: Live, tmp_path: Path) -> None:
    """With a summary and a JUnit file; the token is in neither."""
    runner = Runner(
        tmp_path,
        mode="check",
        provider="prime",
        token="prime-admin-key",
        **{"base-url": live.base_url("prime"), "arguments": "--profile polite --min-power 0"},
    )
    done = runner.run("Check")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    written = (tmp_path / "contract.xml").read_text("utf-8"), (tmp_path / "summary.md").read_text("utf-8")
    assert "<testsuite" in written[0]
    assert written[1].strip()
    assert all("prime-admin-key" not in text for text in (*written, done.stdout, done.stderr))


def test_a_mode_that_there_is_not_is_named(tmp_path: Path) -> None:
    done = Runner(tmp_path, mode="chek").run("Install")
    assert (done.returncode, done.stdout) == (2, "::error::mode is serve or check, not 'chek'\n")


# The page


@pytest.mark.slow
@pytest.mark.parametrize("recipe", blocks("yml"), ids=lambda recipe: recipe.splitlines()[0])
def test_recipes_are_yaml_and_ask_for_what_there_is(recipe: str) -> None:
    """Inputs are the action's, and commands are ours."""
    value = yaml.safe_load(recipe)
    for step in value.get("steps", ()):
        assert {*step.get("with", {})} <= ACTION["inputs"].keys()
    for command in re.findall(r"fakeserver (\w+) [-\w]", recipe):
        done = subprocess.run(
            [sys.executable, "-m", "fakeserver", command, "--help"], capture_output=True, timeout=START_SECONDS
        )
        assert done.returncode == 0, command


@pytest.mark.slow
def test_the_hook_runs(tmp_path: Path) -> None:
    """The hook's command is right for a folder that has what it names."""
    (recipe,) = (yaml.safe_load(each) for each in blocks("yml") if each.startswith("repos:"))
    ((hook,),) = (each["hooks"] for each in recipe["repos"])
    (tmp_path / "recipes").mkdir()
    (tmp_path / "accepted.yaml").write_text("[]", "utf-8")
    done = subprocess.run(
        ["sh", "-c", hook["entry"]], cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.slow
def test_the_testcontainers_are_valid(tmp_path: Path) -> None:
    """Python and JavaScript can read them, in ten lines or so, and what they wait for and set is there."""
    (python,), (javascript,) = blocks("py"), blocks("js")
    ast.parse(python)
    assert call(create_app(Settings(size=10)), "/__admin/health").status == 200
    assert all("/__admin/health" in each for each in (python, javascript))
    assert all(len(each.splitlines()) <= 12 for each in (python, javascript))
    if shutil.which("node") is not None:
        (tmp_path / "fake.mjs").write_text(javascript, "utf-8")
        done = subprocess.run(["node", "--check", tmp_path / "fake.mjs"], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr


def test_the_commands_of_jenkins_are_those_of_gitlab() -> None:
    """Nobody has run the pipelines, so that they have nothing of their own: the check is the one that another page
    has, and its test runs."""
    (jenkins,) = blocks("groovy")
    (gitlab,) = (yaml.safe_load(each)["contract"] for each in blocks("yml") if each.startswith("contract:"))
    install, check = gitlab["script"]
    assert install in jenkins
    assert check in jenkins
    assert f"run: {check}\n" in (ROOT / "docs" / "check-a-deployment.md").read_text("utf-8")
