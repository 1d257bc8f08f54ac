"""What users meet where something is wrong around them: one line that says what and what to do, never a traceback."""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fakeserver.cli import main
from tests.support.admin import admin
from tests.support.admin import done as accepted
from tests.support.admin import refused as not_taken
from tests.support.asgi import ROOT, app_of
from tests.support.command import FAKESERVER, environment
from tests.support.network import ENTER
from tests.support.pages import page

SECONDS = 120
NAMED = "ein Ordner mit Lücken"
MOUNT = """
mount --make-rprivate / && mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && cd "$1" && shift && exec "$@"
"""
"""Becomes a command in a folder, where another folder, a home, can only be read."""
WITHOUT = "import sys; sys.modules[{!r}] = None; from fakeserver.cli import run; sys.argv[1:] = {!r}; run()"
"""`fakeserver` where a package is not installed."""


def unshares() -> bool:
    """Whether a home can be mounted read-only here, on a network of its own."""
    if shutil.which("unshare") is None or os.name != "posix" or os.geteuid() != 0:
        return False
    return subprocess.run(["unshare", "--mount", "--net", "true"], capture_output=True, check=False).returncode == 0


def run(folder: Path, *command: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, command)],
        cwd=folder,
        env={**environment(folder), **more},
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=SECONDS,
        check=False,
    )


def refused(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """It ended with this exit code, and said one line on stderr that has these words."""
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr


SCRIPT = """
set -eu
fakeserver serve --port 0 --fixtures "Rezepte für mich" > Schirm 2> Fehler & server=$!
until url=$(head -n 1 Schirm) && [ -n "$url" ]; do kill -0 $server || { cat Fehler; exit 9; }; sleep 0.05; done
fakeserver health --url "$url"
eval "$(fakeserver env prime --base-url "$url/prime" --fixtures "Rezepte für mich")"
"$PYTHON" -c 'import os, urllib.request as web
request = web.Request(os.environ["PRIME_API_BASE_URL"] + "/api/v1/sandbox?per_page=1")
request.add_header("Authorization", "Bearer " + os.environ["PRIME_API_KEY"])
print(web.urlopen(request).status)'
fakeserver export prime --format json --out "Ausgabe für mich" --size 10
fakeserver run --size 10 -- "$PYTHON" -c 'print("gelaufen: ü")'
kill $server
wait $server || true
cat Fehler
"""


@pytest.mark.slow
@pytest.mark.skipif(not unshares(), reason="needs root and unshare, for a home that nobody can write to")
def test_all_of_it_at_once(tmp_path: Path) -> None:
    """No network but loopback, a home that is read-only, no locale, and a path with spaces and letters that are not
    ASCII: everything goes as ever, and says nothing of it."""
    folder, home = tmp_path / NAMED, tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    assert main(["fixtures", "--out", str(folder / "Rezepte für mich")], io.StringIO(), io.StringIO()) == 0
    (folder / "script").write_text(SCRIPT, "utf-8")
    inside: list[str | Path] = [
        "unshare",
        "--mount",
        "--net",
        sys.executable,
        "-c",
        ENTER,
        "sh",
        "-c",
        MOUNT,
        home,
        folder,
    ]
    done = run(folder, *inside, "sh", "script", LANG="C", LC_ALL="C", HOME=str(home), PYTHON=sys.executable)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not list(home.iterdir())
    lines = done.stdout.splitlines()
    assert lines[0].startswith("ready: fakeserver")
    assert "200" in lines
    assert "gelaufen: ü" in lines
    assert "Ausgabe für mich: 10 documents" in done.stdout


@pytest.mark.slow
@pytest.mark.skipif(not unshares(), reason="needs root and unshare, for a home that nobody can write to")
def test_a_read_only_home_is_named_where_it_is_needed(tmp_path: Path) -> None:
    """Only an authority that is kept needs one, and may be kept elsewhere."""
    home = tmp_path / NAMED
    home.mkdir()
    inside: list[str | Path] = ["unshare", "--mount", "sh", "-c", MOUNT, home, tmp_path]
    refused(run(tmp_path, *inside, *FAKESERVER, "ca", HOME=str(home)), 2, NAMED, "Read-only", "XDG_STATE_HOME")
    kept = run(tmp_path, *inside, *FAKESERVER, "ca", HOME=str(home), XDG_STATE_HOME=str(tmp_path / "state"))
    assert (kept.returncode, kept.stderr) == (0, "")
    assert "BEGIN CERTIFICATE" in kept.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "lacking", "extra"),
    [
        (("check", "prime", "--base-url", "http://127.0.0.1:9", "--token", "x"), "httpx", "contract"),
        (("vocabularies", "--locale", "de_DE"), "faker", "fixtures"),
        (("serve", "--port", "0", "--locale", "de_DE"), "faker", "fixtures"),
        (("run", "--", "true"), "trustme", "intercept"),
        (("serve", "--port", "0", "--tls"), "trustme", "intercept"),
        (("ca",), "trustme", "intercept"),
    ],
    ids=lambda each: each if isinstance(each, str) else each[0],
)
def test_a_missing_extra_names_the_line_that_installs_it(
    command: tuple[str, ...], lacking: str, extra: str, tmp_path: Path
) -> None:
    """What spans lack is told where they are: tests/unit/serving/test_spans.py."""
    refused(run(tmp_path, sys.executable, "-c", WITHOUT.format(lacking, [*command])), 2, "pip install ", f"[{extra}]")


@pytest.mark.slow
def test_no_network_is_told(tmp_path: Path) -> None:
    """By the check with exit code 3, by health with 1, each in a line that names the host."""
    check = ("check", "prime", "--base-url", "https://nowhere.invalid", "--token", "x", "--profile", "polite")
    done = run(tmp_path, *FAKESERVER, *check)
    assert (done.returncode, done.stdout.count("\n"), "Traceback" in done.stderr) == (3, 1, False)
    assert done.stdout.startswith("could not check: https://nowhere.invalid ")
    health = run(tmp_path, *FAKESERVER, "health", "--url", "http://nowhere.invalid")
    assert (health.returncode, health.stderr) == (1, "")
    assert health.stdout.startswith("not ready: http://nowhere.invalid: ")
    refused(run(tmp_path, *FAKESERVER, "tail", "--url", "http://nowhere.invalid"), 1, "nowhere.invalid")


@pytest.mark.slow
@pytest.mark.parametrize("named", ["python9.9", "true"])
def test_an_unknown_python_is_named(named: str, tmp_path: Path) -> None:
    """By the action's first step, and by the check of a release."""
    (step,) = (each for each in yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["runs"]["steps"][:1])
    done = run(tmp_path, "bash", "-eo", "pipefail", "-c", step["run"], MODE="serve", PYTHON=named, HOME_OF_IT="x")
    # What is no Python at all says yes to everything, and makes no environment.
    assert done.returncode != 0
    assert "::error::" in done.stdout
    if named == "python9.9":
        script = "import runpy, sys; sys.argv[1:] = []; runpy.run_path(sys.argv[0])['find_pythons'](['python9.9'])"
        found = run(tmp_path, sys.executable, "-c", script.replace("sys.argv[0]", repr(str(ROOT / ".ci/release.py"))))
        assert (found.returncode, found.stderr) == (1, "release: there is no Python called python9.9\n")


@pytest.mark.slow
def test_an_unknown_version_is_named(tmp_path: Path) -> None:
    """Of a snapshot, and of a vendor's description."""
    app = app_of()
    snapshot = accepted(admin(app, "GET", "/snapshot"))
    not_taken(admin(app, "PUT", "/snapshot", {**snapshot, "version": 999}), 422, "version")
    described = tmp_path / "openapi.yaml"
    described.write_text("openapi: 4.0.0\ninfo: {title: a, version: 1}\npaths: {}\n", "utf-8")
    refused(run(tmp_path, *FAKESERVER, "new", "acme", "--from", described), 2, "openapi: 4.0.0", "3.0 or 3.1")


@pytest.mark.slow
def test_a_line_that_is_shown_can_be_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Into a shell, whatever a folder is called."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "examples" / "provider-e2b" / "provider_e2b" / "openapi.yaml", "Größe.yaml")
    for command, shown in (
        (["fixtures", "--out", NAMED], ["fakeserver", "serve", "--fixtures", NAMED]),
        (["new", "acme", "--from", "Größe.yaml", "--out", "neu é"], ["pip", "install", "-e", "neu é"]),
    ):
        done = run(tmp_path, *FAKESERVER, *command)
        assert done.returncode == 0, done.stderr
        (line,) = re.findall(r"^next: (.*)$", done.stdout, re.MULTILINE)
        assert shlex.split(line)[: len(shown)] == shown


@pytest.mark.slow
def test_the_page_shows_what_is_said(tmp_path: Path) -> None:
    """docs/start.md has the words of those who cannot start."""
    rows = re.findall(r"^\| `([^`]+)` \|", page("start").partition("## When it does not start")[2], re.MULTILINE)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = run(tmp_path, *FAKESERVER, "serve", "--port", port).stderr.replace(port, "8000")
    said += run(tmp_path, *FAKESERVER, "serve", "--only", "prme").stderr
    said += run(tmp_path, sys.executable, "-c", WITHOUT.format("faker", ["vocabularies"])).stderr
    assert len(rows) == 3
    for row in rows:
        assert all(part in said for part in row.split(" … ")), (row, said)
