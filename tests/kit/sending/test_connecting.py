"""Certificates and proxies: whose are taken, and which are told to be unusable."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from contract_tests.sending.ask import Ask
from contract_tests.sending.connecting import UnusableSetting, find_proxy, is_spared, trust
from contract_tests.sending.transport import Unreachable
from contract_tests.sending.wire import Wire
from tests.support.sending import SECRET, SECURITY
from tests.support.sockets import answer, conversing, saying

OPENSSL = shutil.which("openssl")
ASK = Ask("/api")
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that says nothing of connections."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate for localhost that vouches for itself, and its key."""
    if OPENSSL is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("authority")
    made = [OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    made += ["-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "ca.pem"]
    subprocess.run(made, cwd=folder, check=True, capture_output=True, timeout=60)
    return folder


def asked(authority: Path, cacert: Path | None = None) -> object:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "ca.pem", authority / "key.pem")
    with conversing(saying(answer(b"[1]")), tls=context) as base_url:
        wire = Wire(base_url, SECURITY, {"token": SECRET}, cacert=cacert)
        try:
            return wire.send(ASK).json()
        finally:
            wire.close()


def test_an_authority_of_ones_own_is_trusted_if_it_is_named(authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the option, and on this machine by the environment as well; never otherwise."""
    with pytest.raises(Unreachable, match=r"^no trusted TLS connection to https://localhost:"):
        asked(authority)
    assert asked(authority, authority / "ca.pem") == [1]
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")  # Which this machine is asked without.
    assert asked(authority) == [1]


@pytest.mark.parametrize("name", ["key.pem", "text", "folder", "missing"])
def test_a_file_that_vouches_for_nobody_is_told(name: str, authority: Path, tmp_path: Path) -> None:
    """A key, a text, a folder and nothing are no authorities."""
    (tmp_path / "text").write_text("hello")
    (tmp_path / "folder").mkdir()
    path = authority / name if name == "key.pem" else tmp_path / name
    with pytest.raises(UnusableSetting, match=r"^--cacert names a file that "):
        trust(path, {})


def test_one_of_several_folders_is_enough(tmp_path: Path) -> None:
    """As OpenSSL has it; where none exists, that is a mistake."""
    trust(None, {"SSL_CERT_DIR": f"/no/such/folder:{tmp_path}"})
    with pytest.raises(UnusableSetting, match=r"^SSL_CERT_DIR"):
        trust(None, {"SSL_CERT_DIR": "/no/such/folder:/nor/this"})


@pytest.mark.parametrize(
    ("variables", "url", "proxy"),
    [
        ({"HTTPS_PROXY": "http://p:1"}, "https://h.example.com", "http://p:1"),
        ({"https_proxy": "p:1"}, "https://h.example.com", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1"}, "http://h.example.com", None),
        ({"ALL_PROXY": "http://p:1"}, "http://h.example.com", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "ALL_PROXY": "http://q:1"}, "https://h.example.com", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "example.com"}, "https://h.example.com", None),
        ({"HTTPS_PROXY": ""}, "https://h.example.com", None),
    ],
)
def test_a_proxy_is_the_one_of_the_environment(
    variables: dict[str, str], url: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of the scheme, or that for all, unless the host is spared."""
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    found = find_proxy(url)
    assert (str(found.url) if found else None) == proxy


@pytest.mark.parametrize(
    ("host", "no_proxy", "spared"),
    [
        ("h.example.com", "h.example.com", True),
        ("h.example.com", ".example.com", True),
        ("h.example.com", "*.example.com", True),
        ("h.example.com.", "EXAMPLE.com.", True),
        ("h.example.com", "h.example.com:443", True),
        ("h.example.com", "*", True),
        ("h.example.com", "ample.com", False),
        ("h.example.com", "", False),
        ("h.example.com", " , ,", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.1.2.3", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("fe80::1", "[fe80::]/10", True),
        ("fe80::1", "[fe80::1]", True),
        ("fe80::1", "fe80::/10", True),
        ("h.example.com", "[::1],10.0.0.0/8", False),
        ("10.1.2.3", "[::1", False),
    ],
)
def test_no_proxy_spares_hosts_domains_and_networks(host: str, no_proxy: str, spared: bool) -> None:
    """However they are written elsewhere."""
    assert is_spared(host, no_proxy) is spared
