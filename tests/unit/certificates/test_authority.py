"""Certificates of an authority of our own: whom they are for, who may read them, and when they are gone."""

from __future__ import annotations

import io
import os
import re
import socket
import ssl
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fakeserver.arguments import UsageError
from fakeserver.certificates import keeping
from fakeserver.certificates.authority import CERTIFICATE, KEY, Authority, system_certificates
from fakeserver.cli import main
from fakeserver.pipeline.hosts import Territory
from tests.support.command import environment

TERRITORY = Territory("mine", {"api.mine.io": ""}, None, ("mine.io",))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "fakeserver" / "authority"


def greet(context: ssl.SSLContext, trusted: bytes, name: str) -> None:
    """One handshake between a client that trusts a certificate and a server."""
    there, here = socket.socketpair()

    def serve() -> None:
        with socket.socket(fileno=there.detach()) as plain, context.wrap_socket(plain, server_side=True) as secure:
            secure.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    client = ssl.create_default_context(cadata=trusted.decode())
    try:
        with client.wrap_socket(here, server_hostname=name) as secure:
            secure.sendall(b"x")
    finally:
        here.close()
        thread.join()


def test_a_certificate_is_for_its_hosts() -> None:
    made = Authority()
    greet(made.context("api.mine.io"), made.certificate, "api.mine.io")
    greet(made.context("127.0.0.1"), made.certificate, "127.0.0.1")
    assert made.context("api.mine.io") is made.context("api.mine.io")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_nobody_else_is_believed() -> None:
    """Another host, and another authority."""
    made = Authority()
    with pytest.raises(ssl.SSLCertVerificationError):
        greet(made.context("api.mine.io"), made.certificate, "api.other.io")
    with pytest.raises(ssl.SSLCertVerificationError):
        greet(made.context("api.mine.io"), Authority().certificate, "api.mine.io")


def test_an_authority_is_kept_where_only_its_owner_reads_it(home: Path) -> None:
    first = Authority.kept(home)
    assert Authority.kept(home).certificate == first.certificate
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    for name in (CERTIFICATE, KEY):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600
    greet(Authority.kept(home).context("api.mine.io"), first.certificate, "api.mine.io")


def test_a_folder_that_others_read_has_no_key(home: Path) -> None:
    home.mkdir(parents=True)
    home.chmod(0o755)
    with pytest.raises(UsageError, match="chmod 700"):
        Authority.kept(home)
    assert [*home.iterdir()] == []


def test_an_authority_that_is_none(home: Path) -> None:
    Authority.kept(home)
    (home / KEY).write_bytes(b"nonsense")
    with pytest.raises(UsageError, match="are no authority; remove them"):
        Authority.kept(home)
    (home.parent / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="can be kept in"):
        Authority.kept(home.parent / "file")


def test_the_command_prints_it_makes_it_and_removes_it(home: Path) -> None:
    out = io.StringIO()
    assert main(["ca"], out, out) == 0
    assert out.getvalue() == (home / CERTIFICATE).read_text()
    out = io.StringIO()
    assert main(["ca", "--path"], out, out) == 0
    assert out.getvalue() == f"{home / CERTIFICATE}\n"
    assert main(["ca", "--remove"], out, out) == 0
    assert [*home.iterdir()] == []


def test_what_a_server_has_is_gone_with_it(home: Path) -> None:
    """The files of its certificate, which is for this machine and the providers' hosts, however deep."""
    with keeping.issued([TERRITORY]) as (certificate, key):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        trusted = (home / CERTIFICATE).read_bytes()
        for name in ("localhost", "127.0.0.1", "api.mine.io", "mine.io", "www.mine.io"):
            greet(context, trusted, name)
    assert not certificate.exists()
    assert not key.exists()


def test_without_the_extra_the_way_to_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(UsageError, match=r"pip install .*\[intercept\]'"):
        Authority()
    with pytest.raises(UsageError, match=r"pip install .*\[intercept\]'"):
        Authority.kept(Path("nowhere"))


def test_those_of_the_system_stay_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that the user names, and without any what the system has."""
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    assert b"BEGIN CERTIFICATE" in system_certificates()
    mine = tmp_path / "mine.pem"
    mine.write_bytes(b"mine")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(mine))
    assert system_certificates() == b"mine\n"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", f"{os.devnull}/none")
    assert b"BEGIN CERTIFICATE" in system_certificates()


@pytest.mark.slow
def test_serve_with_a_certificate_of_our_own(tmp_path: Path) -> None:
    """For this machine and, by their names, the providers' hosts; together with another certificate it is refused."""
    surroundings = {**environment(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "fakeserver", "serve", "--port", "0", "--tls"]
    with subprocess.Popen(command, env=surroundings, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline().rpartition(":")[2])
        certificate = tmp_path / "fakeserver" / "authority" / CERTIFICATE
        context = ssl.create_default_context(cafile=certificate)
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            context.wrap_socket(plain, server_hostname="api.primeintellect.ai") as secure,
        ):
            head = "GET /api/v1/sandbox HTTP/1.1\r\nHost: api.primeintellect.ai\r\nConnection: close\r\n"
            secure.sendall(f"{head}Authorization: Bearer prime-admin-key\r\n\r\n".encode())
            assert re.match(rb"HTTP/1\.1 200 ", secure.recv(100))
        server.terminate()
    done = subprocess.run(
        [*command, "--tls-cert", "x", "--tls-key", "y"], env=surroundings, capture_output=True, text=True
    )
    assert (done.returncode, "--tls and --tls-cert" in done.stderr) == (2, True)
