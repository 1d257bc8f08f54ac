"""The variables that lead a program to the front."""

from __future__ import annotations

import shlex
from pathlib import Path

from fakeserver.intercept.surroundings import overridden, surround

OURS = ("api.mine.io", "mine.io")


def made(**environ: str) -> dict[str, str]:
    files = Path("/tmp/a b/bundle.pem"), Path('/tmp/a "b"/preload.cjs')
    return surround("http://127.0.0.1:1", *files, environ, {"MINE_KEY": "key"}, OURS)


def test_everything_leads_to_the_front() -> None:
    found = made(PATH="/bin", MINE_KEY="other", ALL_PROXY="socks5://x", SSL_CERT_DIR="/certs")
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
        assert found[name] == "http://127.0.0.1:1"
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
        assert found[name] == "/tmp/a b/bundle.pem"
    assert (found["PATH"], found["MINE_KEY"], found["NODE_USE_ENV_PROXY"]) == ("/bin", "key", "1")
    assert found.keys().isdisjoint({"ALL_PROXY", "SSL_CERT_DIR"})


def test_options_of_nodes_stay() -> None:
    options = made(NODE_OPTIONS="--max-old-space-size=64")["NODE_OPTIONS"]
    assert shlex.split(options) == ["--max-old-space-size=64", "--require", '/tmp/a "b"/preload.cjs']


def test_exceptions_stay_but_for_those_that_lead_past_the_fake() -> None:
    given = "10.0.0.1, .corp.example, *, .mine.io, api.mine.io:443, www.api.mine.io, io, notmine.io"
    assert made(no_proxy=given)["NO_PROXY"] == "127.0.0.1,localhost,::1,10.0.0.1,.corp.example,notmine.io"


def test_what_was_overridden_is_named() -> None:
    environ = {"MINE_KEY": "secret", "HTTPS_PROXY": "http://user:secret@x", "no_proxy": "y", "EMPTY": ""}
    assert overridden(environ, ["MINE_KEY", "EMPTY"]) == ["MINE_KEY", "HTTPS_PROXY"]
