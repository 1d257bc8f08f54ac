"""The command line as a user meets it: a process of its own, in another folder, with its exit code and its lines."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import httpx
import pytest
import yaml

from fakeserver import cli
from fakeserver.serving.app import Settings, create_app
from tests.support.admin import admin, done
from tests.support.asgi import PATHS, header_of
from tests.support.command import FAKESERVER, START_SECONDS, Served, environment, serving
from tests.support.distributions import install_acme, install_promises
from tests.support.server import BIGGEST_PAGE

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SLUGS = [*PATHS]
EPOCH = "2026-01-18T10:30:00Z"
TYPES_SECONDS = 120.0
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")


def run(
    folder: Path, *arguments: str, command: tuple[str, ...] = FAKESERVER, **more: str
) -> subprocess.CompletedProcess[str]:
    """A command that ends, from another folder than the checkout."""
    return subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env={**environment(folder), **more},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=START_SECONDS,
        check=False,
    )


def refused(outcome: subprocess.CompletedProcess[str], *causes: str) -> None:
    """Exit code 2, and on stderr one line that names the cause."""
    assert outcome.returncode == 2, outcome.stderr
    assert outcome.stdout == ""
    assert outcome.stderr.count("\n") == 1, outcome.stderr
    assert outcome.stderr.startswith("fakeserver")
    assert "Traceback" not in outcome.stderr
    for cause in causes:
        assert cause in outcome.stderr


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with the default arguments."""
    with serving(tmp_path_factory.mktemp("served")) as started:
        yield started


# Serving.


def test_first_line_is_the_base_url(served: Served) -> None:
    """The first line of stdout is the base URL and nothing else, and it answers."""
    assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d*", served.base_url)
    assert served.get("/__admin/health").status_code == 200


def test_screen_shows_every_provider(served: Served) -> None:
    """One screen says where each provider answers and with which credential, and both work."""
    assert len(served.screen.splitlines()) <= 24
    for slug, path in PATHS.items():
        line = next(line for line in served.screen.splitlines() if line.split()[:1] == [slug])
        _, base_url, key = line.split()
        assert base_url == f"{served.base_url}/{slug}"
        answer = httpx.get(base_url + path, headers=header_of(slug, key), trust_env=False, verify=False)
        assert answer.status_code == 200


@needs_curl
def test_curl_of_the_screen_works(served: Served, tmp_path: Path) -> None:
    """The request to try is a curl that answers rows when it is pasted."""
    pasted = next(line for line in served.screen.splitlines() if "curl" in line)
    command = shlex.split(pasted[pasted.index("curl") :])
    outcome = run(tmp_path, "--silent", "--show-error", "--fail", *command[1:], command=("curl",))
    assert outcome.returncode == 0, outcome.stderr
    assert yaml.safe_load(outcome.stdout)["items"]


@needs_bash
@needs_curl
def test_sdk_line_of_the_screen_works(served: Served, tmp_path: Path) -> None:
    """The line for SDKs sets what it promises when it is pasted into a shell."""
    pasted = next(line for line in served.screen.splitlines() if "eval" in line)
    script = pasted[pasted.index("eval") :] + '\necho "$DREADNODE_SERVER $DREADNODE_API_KEY $DREADNODE_ORGANIZATION"'
    outcome = run(tmp_path, "-c", script, command=("bash",))
    assert outcome.stdout.split() == [f"{served.base_url}/dreadnode", "dreadnode-admin-key", "acme"], outcome.stderr


def test_only_answers_at_the_root_too(tmp_path: Path) -> None:
    """`--only prime` serves prime under its prefix and at the root, and no other provider."""
    with serving(tmp_path, "--only", "prime", "--size", "20") as only:
        key = header_of("prime", "prime-admin-key")
        under, root = only.get("/prime/api/v1/sandbox", **key), only.get("/api/v1/sandbox", **key)
        assert (under.status_code, root.status_code) == (200, 200)
        assert under.content == root.content
        for slug in ("dreadnode", "instavm", "superserve"):
            assert only.get(f"/{slug}{PATHS[slug]}", **header_of(slug, f"{slug}-admin-key")).status_code == 404
            assert slug not in only.screen


def test_only_twice_serves_two(tmp_path: Path) -> None:
    """Two `--only` serve both providers under their prefixes, and neither at the root."""
    with serving(tmp_path, "--only", "prime", "--only", "superserve", "--size", "20") as only:
        for slug in ("prime", "superserve"):
            headers = header_of(slug, f"{slug}-admin-key")
            assert only.get(f"/{slug}{PATHS[slug]}", **headers).status_code == 200
            assert only.get(PATHS[slug], **headers).status_code == 404


def worlds(served: Served) -> dict[str, bytes]:
    """Every provider's first big page, byte for byte."""
    return {
        slug: served.get(f"/{slug}{path}{BIGGEST_PAGE[slug]}", **header_of(slug, f"{slug}-admin-key")).content
        for slug, path in PATHS.items()
    }


def pages(served: Served) -> dict[str, bytes]:
    """The console and a reference, with the files that they are made of."""
    found = {path: served.get(path).content for path in ("/", "/prime/docs", "/prime/openapi.json")}
    for page in [*found.values()]:
        for path in re.findall(rb'(?:href|src)="(/__console/[^"]+)"', page):
            answer = served.get(path.decode())
            assert answer.status_code == 200, path
            found[path.decode()] = answer.content
    assert len(found) > 6
    return found


def test_epoch_gives_identical_bytes(tmp_path: Path) -> None:
    """Two processes with one epoch and one seed send the same bytes; another seed or epoch sends others."""
    seen = {}
    for name, arguments, hashing in (
        ("first", ["--epoch", EPOCH], "1"),
        ("second", ["--epoch", EPOCH, "--seed", "0"], "2"),
        ("seed", ["--epoch", EPOCH, "--seed", "7"], "1"),
        ("epoch", ["--epoch", "2026-01-18T12:30:01+02:00"], "1"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        with serving(folder, *arguments, PYTHONHASHSEED=hashing) as started:
            seen[name] = worlds(started)
    assert seen["first"] == seen["second"]
    for slug in SLUGS:
        assert len({seen[name][slug] for name in ("first", "seed", "epoch")}) == 3, slug


def test_size_is_documents_per_provider(tmp_path: Path) -> None:
    """`--size` bounds what a provider's tenants hold together, and 0 is an empty world that still answers."""
    with serving(tmp_path, "--size", "0") as empty:
        found = worlds(empty)
    assert [yaml.safe_load(found[slug]) for slug in SLUGS] == [
        {"items": [], "next_cursor": None},
        [],
        {"sandboxes": [], "total": 0, "page": 1, "per_page": 1_000, "has_next": False},
        [],
    ]
    with serving(tmp_path, "--size", "40") as small:
        found = worlds(small)
    assert 0 < len(yaml.safe_load(found["superserve"])) <= 40


def test_other_hosts_are_warned_about(tmp_path: Path) -> None:
    """A server that other machines can reach says so, and its first address works here; one on loopback does not."""
    with serving(tmp_path, "--host", "0.0.0.0", "--size", "10") as reachable:
        assert "other machines" in reachable.screen
        assert reachable.base_url.startswith("http://127.0.0.1:")
        assert "0.0.0.0" not in reachable.screen
        assert reachable.get("/__admin/health").status_code == 200
    with serving(tmp_path, "--host", "localhost", "--size", "10") as local:
        assert "other machines" not in local.screen


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_quietly(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C and a plain kill end the server without a word, and without waiting for connections that nobody uses."""
    with serving(tmp_path, "--size", "10") as started:
        address = ("127.0.0.1", int(started.base_url.rpartition(":")[2]))
        with socket.create_connection(address, timeout=START_SECONDS) as idle:
            assert started.get("/__admin/health").status_code == 200
            started.process.send_signal(number)
            code = started.process.wait(START_SECONDS)
            assert idle.recv(1) == b""
        assert code in (0, 128 + number, -number)
        assert started.stderr.read_text() == ""


@pytest.mark.parametrize("asked", ["delay=60s", "fault=EMPTY_RESPONSE, delay=60s", "delay=60s, code=503"])
def test_answers_that_are_late_do_not_keep_it(tmp_path: Path, asked: str) -> None:
    """Ctrl-C with answers pending is silent, and 0; whoever waits for one sees the connection end."""
    with serving(tmp_path, "--size", "10") as started:
        address = ("127.0.0.1", int(started.base_url.rpartition(":")[2]))
        with socket.create_connection(address, timeout=START_SECONDS) as waiting:
            head = f"GET /prime{PATHS['prime']} HTTP/1.1\r\nHost: localhost\r\nPrefer: {asked}\r\n"
            waiting.sendall(f"{head}Authorization: Bearer prime-admin-key\r\n\r\n".encode())
            while not started.get("/__admin/requests?limit=9").json()["requests"]:
                time.sleep(0.01)
            started.process.send_signal(signal.SIGINT)
            assert started.process.wait(START_SECONDS) == 0
            assert waiting.recv(1) == b""
        assert started.stderr.read_text() == ""


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost that it signs itself, and its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    done = [*command, *names, "-keyout", str(key), "-out", str(cert)]
    subprocess.run(done, check=True, capture_output=True, timeout=60)
    return cert, key


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate, and is not there")
def test_https(tmp_path: Path) -> None:
    """With a certificate, everything is served as https, and every address that is printed says so."""
    cert, key = certificate(tmp_path)
    with serving(tmp_path, "--size", "10", "--tls-cert", str(cert), "--tls-key", str(key)) as served:
        assert served.base_url.startswith("https://127.0.0.1:")
        assert "http://" not in served.screen
        with httpx.Client(trust_env=False, verify=ssl.create_default_context(cafile=str(cert))) as client:
            reply = client.get(
                f"{served.base_url}/prime{PATHS['prime']}", headers=header_of("prime", "prime-admin-key")
            )
            assert (reply.status_code, len(reply.json()["sandboxes"])) == (200, reply.json()["total"])
    refused(run(tmp_path, "serve", "--tls-cert", str(cert)), "--tls-key")
    refused(run(tmp_path, "serve", "--tls-cert", str(cert), "--tls-key", str(cert)), "--tls-key", "not a pair in PEM")
    refused(run(tmp_path, "serve", "--tls-cert", "nowhere", "--tls-key", str(key)), "nowhere", "No such file")


def test_a_unix_socket(tmp_path: Path) -> None:
    """In the place of a port, and gone afterwards; one that somebody listens on, or a file, is not taken."""
    path = Path(tempfile.mkdtemp(prefix="fake")) / "s"  # The system allows about a hundred characters.
    with serving(tmp_path, "--size", "10", "--uds", str(path)) as served:
        assert served.base_url == "http://localhost"
        assert f"curl --unix-socket {path} " in served.screen
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client:
            reply = client.get(f"http://localhost/prime{PATHS['prime']}", headers=header_of("prime", "prime-admin-key"))
            assert reply.status_code == 200
            assert client.get("http://localhost/__admin/requests").status_code == 200
        refused(run(tmp_path, "serve", "--uds", str(path)), "--uds", "in use")
    assert not path.exists()
    path.write_text("mine")
    refused(run(tmp_path, "serve", "--uds", str(path)), "--uds", "in use")
    assert path.read_text() == "mine"
    path.unlink()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with serving(tmp_path, "--size", "10", "--uds", str(path)):
        pass
    shutil.rmtree(path.parent)


# What cannot start.


def test_port_in_use(tmp_path: Path) -> None:
    """A port that is taken is named, with the way out."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused(run(tmp_path, "serve", "--port", port), f"127.0.0.1:{port}", "Address already in use", "--port 0")


@pytest.mark.parametrize("host", ["nowhere.invalid", "192.0.2.1"])
def test_host_that_is_not_here(tmp_path: Path, host: str) -> None:
    """A host that cannot be listened on is named."""
    refused(run(tmp_path, "serve", "--port", "0", "--host", host), host)


def edited(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def unreadable(folder: Path) -> None:
    (folder / "prime.yaml").unlink()
    (folder / "prime.yaml").mkdir()


BROKEN_FIXTURES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a folder": (unreadable, "prime.yaml"),
    "no vocabularies": (lambda folder: (folder / "vocabularies.yaml").write_text("{}"), "'projects' does not exist"),
    "another name": (lambda folder: (folder / "prime.yaml").rename(folder / "prim.yaml"), "did you mean 'prime.yaml'?"),
    "another ending": (lambda folder: (folder / "prime.yaml").rename(folder / "prime.yml"), "'prime.yaml'"),
    "not UTF-8": (lambda folder: (folder / "prime.yaml").write_bytes(b"callers: \xff\xfe"), "prime.yaml"),
    "bad YAML": (lambda folder: (folder / "prime.yaml").write_text("callers: [\n"), "prime.yaml"),
    "a tab": (lambda folder: (folder / "prime.yaml").write_text("callers:\n\tprime-admin-key: {}\n"), "prime.yaml"),
    "empty": (lambda folder: (folder / "prime.yaml").write_text(""), "prime.yaml"),
    "a list": (lambda folder: (folder / "prime.yaml").write_text("- callers\n"), "prime.yaml"),
    "unknown tenant": (lambda folder: edited(folder / "prime.yaml", "research: admin", "nowhere: admin"), "nowhere"),
    "unknown word": (lambda folder: edited(folder / "prime.yaml", "{teams}", "{teems}"), "teems"),
    "unknown key": (lambda folder: edited(folder / "prime.yaml", "callers:", "colours: {}\ncallers:"), "colours"),
}


@pytest.mark.parametrize("name", BROKEN_FIXTURES)
def test_broken_fixtures(tmp_path: Path, name: str) -> None:
    """Whatever is wrong with a recipe is one line that names the file or the word."""
    folder = tmp_path / "recipes"
    shutil.copytree(ROOT / "fixtures", folder, ignore=shutil.ignore_patterns("__pycache__"))
    damage, cause = BROKEN_FIXTURES[name]
    damage(folder)
    refused(run(tmp_path, "serve", "--port", "0", "--fixtures", str(folder)), cause)


def test_a_package_that_is_wrong(tmp_path: Path) -> None:
    """A provider of another package that ends the process is one line on stderr, and all others are served."""
    install_acme(tmp_path, code="raise SystemExit(3)")
    with serving(tmp_path, "--size", "20", PYTHONPATH=str(tmp_path)) as own:
        assert own.get("/prime/api/v1/sandbox", **header_of("prime", "prime-admin-key")).status_code == 200
        assert (
            own.stderr.read_text("utf-8")
            == "provider 'acme' of package 'fake-acme' cannot be used: SystemExit: 3 (__init__.py, line 1)\n"
        )


def test_fixtures_folder_that_does_not_exist(tmp_path: Path) -> None:
    """A folder that is not there is named."""
    refused(run(tmp_path, "serve", "--port", "0", "--fixtures", str(tmp_path / "absent")), "absent")


def test_own_fixtures_are_served(tmp_path: Path) -> None:
    """A copied recipe with another credential is what the server then knows and shows; all others stay as they are."""
    folder = tmp_path / "recipes"
    folder.mkdir()
    shutil.copy(ROOT / "fixtures" / "prime.yaml", folder)
    edited(folder / "prime.yaml", "prime-admin-key:", "sesame:")
    with serving(tmp_path, "--fixtures", str(folder), "--size", "20") as own:
        assert all(f"{slug}-admin-key" in own.screen for slug in SLUGS if slug != "prime")
        assert own.stderr.read_text("utf-8") == ""
        assert "sesame" in own.screen
        assert own.get("/prime/api/v1/sandbox", **header_of("prime", "sesame")).status_code == 200
        assert own.get("/prime/api/v1/sandbox", **header_of("prime", "prime-admin-key")).status_code == 401


BROKEN_SPECS: dict[str, tuple[Callable[[Path], object], str]] = {
    "bad YAML": (lambda spec: spec.write_text("openapi: ["), "prime.yaml"),
    "missing": (lambda spec: spec.unlink(), "prime.yaml"),
    "unknown operation": (lambda spec: edited(spec, "listSandboxes", "listBoxes"), "listBoxes"),
    "unread parameter": (lambda spec: edited(spec, "name: status", "name: state"), "state"),
}


@pytest.mark.parametrize("name", BROKEN_SPECS)
def test_broken_specs(tmp_path: Path, name: str) -> None:
    """A spec that cannot be read or that the provider does not fit is one line that names it."""
    for part in ("fakeserver", "fixtures", "openapi"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    damage, cause = BROKEN_SPECS[name]
    damage(tmp_path / "openapi" / "prime.yaml")
    refused(run(tmp_path, "serve", "--port", "0", PYTHONPATH=str(tmp_path)), cause)


# Usage.


@pytest.mark.parametrize(
    ("line", "causes"),
    [
        ("serv", ["'serv'", "'serve'"]),
        ("opneapi prime", ["'openapi'"]),
        ("serve --prot 1", ["'--prot'", "'--port'"]),
        ("serve --sede=1", ["--sede", "'--seed'"]),
        ("serve --only prme", ["'prme'", "'prime'"]),
        ("serve --only bananas", ["'bananas'", "dreadnode", "instavm", "prime", "superserve"]),
        ("env superserv", ["'superserve'"]),
        ("openapi dreadnod", ["'dreadnode'"]),
        ("env prime --base-ulr x", ["'--base-url'"]),
        ("env", ["SLUG"]),
        ("openapi", ["SLUG"]),
        ("env prime instavm", ["'instavm'"]),
        ("serve prime", ["'prime'"]),
        ("serve --port", ["--port"]),
        ("serve --port 65536", ["65536", "65535"]),
        ("serve --port -1", ["--port"]),
        ("serve --port ٣", ["--port"]),
        ("serve --size 1e3", ["--size"]),
        ("serve --seed 1.5", ["--seed"]),
        ("serve --keep-alive 0", ["--keep-alive"]),
        ("serve --log-level warn", ["'warn'", "'warning'"]),
        ("serve --tls-key x", ["--tls-cert"]),
        ("serve --epoch yesterday", ["yesterday", "RFC 3339"]),
        ("serve --epoch 2026-02-30T00:00:00Z", ["--epoch"]),
    ],
)
def test_wrong_usage(tmp_path: Path, line: str, causes: list[str]) -> None:
    """A mistyped command, flag, slug or value is one line that names it, and suggests what was meant."""
    refused(run(tmp_path, *line.split(), PYTHONUTF8="1"), *causes)


@pytest.mark.parametrize(
    "text",
    [
        *("2026-01-18", "20260118T103000Z", "2026-W03-7", "2026-01-18T10:30:00", "2026-01-18T10:30Z"),
        *("2026-01-18T10:30:00+02", "2026-01-18T10:30:00+0200", "2026-01-18T10:30:00,5Z", "2026-01-18T10Z"),
        *("1768732200", "2026-01-18T10:30:00+25:00", "٢٠٢٦-01-18T10:30:00Z", "1989-12-31T23:59:59Z"),
    ],
)
def test_an_epoch_that_is_none(text: str) -> None:
    """Whatever else writes dates: one line with what was given, and an epoch that is one."""
    out, err = StringIO(), StringIO()
    code = cli.main(["serve", "--epoch", text], out, err)
    refused(
        subprocess.CompletedProcess([], code, out.getvalue(), err.getvalue()),
        *("--epoch", repr(text), "RFC 3339", "2026-01-18T10:30:00Z"),
    )


def test_a_clock_that_cannot_be_had_is_refused(tmp_path: Path) -> None:
    """One that does not exist, and a live one over more documents than it can age."""
    refused(run(tmp_path, "serve", "--clock", "alive"), "--clock", "alive")
    too_many = run(tmp_path, "serve", "--port", "0", "--clock", "live", "--size", "20000")
    refused(too_many, "documents that time can change", "--size")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["serve", "--help"], ["env", "--help"], ["--version"]])
def test_help(tmp_path: Path, arguments: list[str]) -> None:
    """Help and version go to stdout, and are no error."""
    outcome = run(tmp_path, *arguments)
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert "fakeserver" in outcome.stdout


@pytest.mark.parametrize("slug", SLUGS)
def test_env_prints_exports_only(tmp_path: Path, slug: str) -> None:
    """`env SLUG` prints shell exports, and what to write where an SDK reads none: the base URL, the admin's key, that
    no proxy is asked for this machine."""
    outcome = run(tmp_path, "env", slug, NO_PROXY="intern.example, localhost")
    assert (outcome.returncode, outcome.stderr) == (0, "")
    lines = outcome.stdout.splitlines()
    assert lines
    assert all(re.fullmatch(r"export [A-Za-z_]+=\S*|# .*", line) for line in lines)
    values = {shlex.split(line.partition("=")[2])[0] for line in lines if line.startswith("export")}
    assert {f"http://127.0.0.1:8000/{slug}", f"{slug}-admin-key", "127.0.0.1,localhost,::1,intern.example"} <= values


def test_env_says_what_to_write_where_an_sdk_reads_no_variable(tmp_path: Path) -> None:
    """A comment of the shell; other readers are not given it."""
    note = "InstaVM('instavm-admin-key', base_url='http://127.0.0.1:8000/instavm'), which starts a session"
    assert note in run(tmp_path, "env", "instavm").stdout.splitlines()[0]
    assert note not in run(tmp_path, "env", "instavm", "--format", "json").stdout


def test_env_follows_a_recipes_own_credentials(tmp_path: Path) -> None:
    """The first caller of the recipe that the server was given; a folder without that recipe changes nothing."""
    folder = tmp_path / "recipes"
    folder.mkdir()
    recipe = (ROOT / "fixtures" / "prime.yaml").read_text("utf-8").replace("prime-admin-key", "key-of-ours")
    (folder / "prime.yaml").write_text(recipe, "utf-8")
    assert "export PRIME_API_KEY=key-of-ours\n" in run(tmp_path, "env", "prime", "--fixtures", str(folder)).stdout
    assert "instavm-admin-key" in run(tmp_path, "env", "instavm", "--fixtures", str(folder)).stdout
    refused(run(tmp_path, "env", "prime", "--fixtures", str(tmp_path / "nowhere")), "nowhere")


@needs_bash
@needs_curl
@pytest.mark.parametrize(
    ("slug", "call"),
    [
        (
            "dreadnode",
            '-H "X-API-Key: $DREADNODE_API_KEY" "$DREADNODE_SERVER/api/v1/org/$DREADNODE_ORGANIZATION/sandboxes"',
        ),
        ("instavm", '-H "X-API-Key: $INSTAVM_API_KEY" "$INSTAVM_BASE_URL/v1/sessions/sandboxes"'),
        ("prime", '-H "Authorization: Bearer $PRIME_API_KEY" "$PRIME_API_BASE_URL/api/v1/sandbox"'),
        ("superserve", '-H "X-API-Key: $SUPERSERVE_API_KEY" "$SUPERSERVE_BASE_URL/sandboxes"'),
    ],
)
def test_env_in_a_shell(served: Served, tmp_path: Path, slug: str, call: str) -> None:
    """What `env SLUG` prints, evaluated by a shell, is enough to list."""
    script = f'set -eu; eval "$(fakeserver env {slug} --base-url {served.base_url}/{slug}/)"; curl -sSf {call}'
    outcome = run(tmp_path, "-c", script, command=("bash",))
    assert outcome.returncode == 0, outcome.stderr
    expected = served.get(f"/{slug}{PATHS[slug]}", **header_of(slug, f"{slug}-admin-key")).text
    assert outcome.stdout == expected


@needs_bash
def test_env_quotes_for_the_shell(tmp_path: Path) -> None:
    """A base URL with signs that a shell would read arrives as it was given."""
    url = 'http://127.0.0.1:1/it\'s a $HOME `id` "test"'
    script = 'eval "$(fakeserver env instavm --base-url "$URL")"; printf %s "$INSTAVM_BASE_URL"'
    assert run(tmp_path, "-c", script, command=("bash",), URL=url).stdout == url


@pytest.mark.parametrize("slug", SLUGS)
def test_openapi_prints_the_spec(tmp_path: Path, slug: str) -> None:
    """`openapi SLUG` prints the very spec that is served from."""
    outcome = run(tmp_path, "openapi", slug)
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert outcome.stdout == (ROOT / "openapi" / f"{slug}.yaml").read_text("utf-8")
    assert yaml.safe_load(outcome.stdout)["openapi"].startswith("3.1")


HELP = ["serve", "--help"]


@pytest.mark.parametrize(
    "arguments", [["openapi", "dreadnode"], ["env", "prime"], ["serve", "--port", "0", "--size", "10"], HELP]
)
def test_reader_that_is_gone(tmp_path: Path, arguments: list[str]) -> None:
    """A closed stdout, as behind `| head -1`, is no failure and no traceback."""
    read, write = os.pipe()
    os.close(read)
    try:
        outcome = subprocess.run(
            [*FAKESERVER, *arguments],
            cwd=tmp_path,
            env=environment(tmp_path),
            stdout=write,
            stderr=subprocess.PIPE,
            timeout=START_SECONDS,
            check=False,
        )
    finally:
        os.close(write)
    assert (outcome.returncode, outcome.stderr) == (0, b"")


@needs_bash
def test_serving_into_head(tmp_path: Path) -> None:
    """`serve | head -1` prints the base URL, and the server goes on without a reader until it is told to stop."""
    command = shlex.join([*FAKESERVER, "serve", "--port", "0", "--size", "10"])
    script = f"{command} 2>errors > >(head -1 >first) & echo $! >pid; wait"
    process = subprocess.Popen(["bash", "-c", script], cwd=tmp_path, env=environment(tmp_path))
    try:
        deadline = time.monotonic() + START_SECONDS
        first = tmp_path / "first"
        while not (first.exists() and first.read_text().endswith("\n")):
            assert time.monotonic() < deadline, (tmp_path / "errors").read_text()
            time.sleep(0.01)
        answer = httpx.get(f"{first.read_text().strip()}/__admin/health", trust_env=False, verify=False)
        assert answer.status_code == 200
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGTERM)
        process.wait(START_SECONDS)
    assert (tmp_path / "errors").read_text() == ""


# The wheel.


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel in it; only its dependencies come from this one."""
    pytest.importorskip("build", reason="build is not installed")
    pytest.importorskip("hatchling", reason="hatchling is not installed")
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True,
        capture_output=True,
        timeout=60,
    )
    [wheel] = folder.glob("fakeserver-*-py3-none-any.whl")
    fresh = folder / "fresh"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(fresh)], check=True, timeout=60)
    python = fresh / "bin" / "python"
    quiet = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", *quiet, str(wheel)], check=True, timeout=60
    )
    [packages] = (fresh / "lib").glob("python*/site-packages")
    # A line of a .pth adds a folder, and does not run the .pth files in it: the checkout stays out of sight.
    (packages / "dependencies.pth").write_text(f"{Path(yaml.__file__).parent.parent}\n")
    return fresh / "bin"


def test_wheel_serves_from_any_folder(installed: Path, tmp_path: Path) -> None:
    """The installed command serves all providers from its own specs and fixtures, in an empty folder."""
    own = {"PYTHONPATH": "", "PATH": f"{installed}{os.pathsep}{os.environ['PATH']}"}
    script = "import fakeserver; print(fakeserver.__file__)"
    where = run(tmp_path, "-c", script, command=(str(installed / "python"),), **own)
    assert Path(where.stdout.strip()).is_relative_to(installed.parent)
    command = (str(installed / "fakeserver"),)
    with serving(tmp_path, "--epoch", EPOCH, command=command, **own) as wheel:
        found, shown = worlds(wheel), pages(wheel)
    folder = tmp_path / "checkout"
    folder.mkdir()
    with serving(folder, "--epoch", EPOCH) as checkout:
        assert (found, shown) == (worlds(checkout), pages(checkout))
    for slug in SLUGS:
        spec = run(tmp_path, "openapi", slug, command=command, **own)
        assert spec.stdout == (ROOT / "openapi" / f"{slug}.yaml").read_text("utf-8")
        assert run(tmp_path, "env", slug, command=command, **own).returncode == 0


PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "fake-acme"
version = "1.0"

[project.entry-points."fakeserver.providers"]
acme = "fake_acme:PROVIDER"

[project.entry-points."fakeserver.promises"]
acme = "acme_promises:PROMISES"

[tool.hatch.build.targets.wheel]
packages = ["fake_acme", "acme_promises"]
"""


def test_another_package_is_installed_beside_the_wheel(installed: Path, tmp_path: Path) -> None:
    """With pip and as a wheel of its own: its provider is served beside ours, and its promises are known."""
    project = tmp_path / "project"
    install_acme(project)
    install_promises(project)
    for metadata in project.glob("*.dist-info"):
        shutil.rmtree(metadata)
    (project / "pyproject.toml").write_text(PROJECT, "utf-8")
    pip = [sys.executable, "-m", "pip", "--python", str(installed / "python"), "--quiet", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-index", "--no-build-isolation", "--no-compile"]
    subprocess.run([*pip, "install", *offline, str(project)], check=True, timeout=60)
    own = {"PYTHONPATH": "", "PATH": f"{installed}{os.pathsep}{os.environ['PATH']}"}
    command = (str(installed / "fakeserver"),)
    try:
        with serving(tmp_path, "--size", "20", command=command, **own) as wheel:
            assert [*wheel.get("/nowhere").json()["providers"]] == [*SLUGS, "acme"]
            listing = f"/acme{PATHS['instavm']}"
            assert wheel.get(listing, **header_of("instavm", "acme-admin-key")).json()
            check = ["check", "acme", "--base-url", f"{wheel.base_url}/acme", "--token", "acme-admin-key"]
            outcome = run(tmp_path, *check, "--profile", "polite", "--only-layer", "laws", command=command, **own)
            assert outcome.returncode == 0, outcome.stdout + outcome.stderr
            assert wheel.stderr.read_text("utf-8") == ""
    finally:
        subprocess.run([*pip, "uninstall", "--yes", "fake-acme"], check=True, timeout=60)
    refused(run(tmp_path, "serve", "--port", "0", "--only", "acme", command=command, **own), "'acme'")


def test_wheel_brings_its_types(installed: Path, tmp_path: Path) -> None:
    """A user's `mypy --strict` takes the types of the package that the pages and the examples import from."""
    page = (ROOT / "docs" / "test-an-application.md").read_text("utf-8")
    (line,) = re.findall(r"`(from fakeserver\.testing import \w+)`", page)
    name = line.split()[-1]
    uses = ["reveal_type(fakeserver.clock)", "fakeserver.nobody"]
    code = [line, f"def test_mine(fakeserver: {name}) -> None:", *(f"    {use}" for use in uses), ""]
    (tmp_path / "test_mine.py").write_text("\n".join(code), "utf-8")
    examples = sorted((ROOT / "examples").glob("*.py"))
    assert examples
    for example in examples:
        shutil.copy(example, tmp_path)

    strict = ["-m", "mypy", "--strict", "--python-executable", str(installed / "python"), "--cache-dir", "cache"]
    found = subprocess.run(
        [sys.executable, *strict, "test_mine.py", *(each.name for each in examples)],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=TYPES_SECONDS,
        check=False,
    )

    # Types that are there make a slip an error; a package without its marker would be `Any`, and take everything.
    assert re.search(r'Revealed type is "fakeserver\.\S*Clock', found.stdout), found.stdout + found.stderr
    assert re.findall(r"(\S+):\d+: error: (.*)", found.stdout) == [
        ("test_mine.py", f'"{name}" has no attribute "nobody"  [attr-defined]')
    ]


def test_wheel_carries_the_kit(installed: Path, tmp_path: Path) -> None:
    """The installed kit checks and collects its laws, from a folder with a package of its name too."""
    own = {"PYTHONPATH": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    theirs = tmp_path / "contract_tests"
    theirs.mkdir()
    (theirs / "__init__.py").write_text("raise RuntimeError('theirs')")
    python = str(installed / "python")
    target = ["--base-url", "http://127.0.0.1:1", "--token", "prime-admin-key"]
    checked = run(tmp_path, "-m", "fakeserver", "check", "prime", *target, command=(python,), **own)
    assert checked.returncode == 3, checked.stderr
    assert "127.0.0.1:1 cannot be reached" in checked.stdout
    script = "import sys; sys.path.remove(''); import pytest; sys.exit(pytest.main(sys.argv[1:]))"
    quiet = ["-q", "-p", "no:cacheprovider", "-p", "fakeserver.pytest_plugin", "--collect-only"]
    laws = ["--pyargs", "contract_tests", "--provider", "prime", *target]
    collected = run(tmp_path, "-c", script, *quiet, *laws, command=(python,), **own)
    assert collected.returncode == 0, collected.stdout + collected.stderr
    found = re.findall(r"^(.*)test_laws\.py::test_law\[", collected.stdout, re.MULTILINE)
    assert len(found) > 30


def test_providers_are_listed(tmp_path: Path) -> None:
    """One command says who may call, and what there is to call, of every provider or of those that are named."""
    outcome = run(tmp_path, "providers")
    for slug in SLUGS:
        assert f"\n{slug}   /{slug}   " in f"\n{outcome.stdout}"
    assert "prime-member-key     user user_member, of member (admin), research (member)" in outcome.stdout
    assert "  tenants: main (default), research" in outcome.stdout
    assert "GET /api/v1/org/{org}/sandboxes/facets   getSandboxFacets" in outcome.stdout
    one = run(tmp_path, "providers", "superserve", "--format", "json")
    (found,) = json.loads(one.stdout)["providers"]
    app = create_app(Settings(only=("superserve",), size=1))
    assert done(admin(app, "GET", "/providers"))["providers"] == [found]
    assert found["callers"][0]["credential"] == "superserve-admin-key"
    assert {"method": "GET", "path": "/sandboxes/{id}/files"} in found["unserved"]


def test_callers_of_a_recipe_are_listed(tmp_path: Path) -> None:
    """With a folder of recipes the callers are theirs, and a mistake in it is one line."""
    text = (ROOT / "fixtures" / "prime.yaml").read_text("utf-8")
    (tmp_path / "prime.yaml").write_text(text.replace("prime-outsider-key", "somebody"), "utf-8")
    assert "\n  somebody " in run(tmp_path, "providers", "prime", "--fixtures", str(tmp_path)).stdout
    (tmp_path / "prime.yaml").write_text("callers: 7", "utf-8")
    refused = run(tmp_path, "providers", "--fixtures", str(tmp_path))
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "prime.yaml" in refused.stderr
    assert "'primes'" in run(tmp_path, "providers", "primes").stderr
