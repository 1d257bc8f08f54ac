"""The line for a shell is the request that was sent: real curl, behind `sh`, puts the same on the wire as the kit."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from contract_tests.sending.ask import Ask
from contract_tests.sending.wire import Wire
from tests.support.sending import SECURITY

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")]

SECRETS = {"token": "Canary-3f9a'1c", "other": 'out"sider$(id)'}
OWN = {"host", "user-agent", "connection", "accept-encoding"}
"""Headers in which every client speaks for itself; that both take a compressed answer is compared apart."""
PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F))
Request = tuple[str, str, dict[str, str], bool]
"""Method, target, headers, and whether the answer may be compressed."""

ASKS = {
    "plain": Ask("/prime/api", (("status", "RUNNING"), ("page", "2"))),
    "quotes": Ask("/prime/api", (("labels", 'it\'s "a" $TOKEN `id` \\ !'),)),
    "bytes": Ask("/prime/api", (("labels", "\udcff\x00\u202eü\U0001f680"),)),
    "raw": Ask("/prime/api", (("a", "1"),), raw="labels=a+b&%ff=%zz&x[]={1,2}&c=a,b"),
    "every character": Ask("/prime/api", raw=f"x={PRINTABLE}"),
    "head": Ask("/prime/api", (("per_page", "2"),), method="HEAD"),
    "if none match": Ask("/prime/api", headers=(("If-None-Match", 'W/"it\'s"'),)),
    "another accept": Ask("/prime/api", headers=(("accept", "*/*"),)),
    "identity": Ask("/prime/api", headers=(("Accept-Encoding", "identity"),)),
    "an empty credential": Ask("/prime/api", (), "none", headers=(("X-API-Key", ""),)),
    "a scheme alone": Ask("/prime/api", (), "none", headers=(("Authorization", "Bearer"),)),
    "another header": Ask("/prime/api", channel="X-API-Key"),
    **{each: Ask("/prime/api", (), each) for each in ("other", "none", "garbage", "malformed", "truncated", "recased")},
}


@contextmanager
def recording() -> Iterator[tuple[str, list[Request]]]:
    """A server that answers everything with nothing, its address, and what arrived."""
    arrived: list[Request] = []

    class Recording(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name.lower(): text for name, text in self.headers.items()}
            compressed = "gzip" in headers.get("accept-encoding", "")
            sent = {name: text for name, text in headers.items() if name not in OWN}
            arrived.append((self.command, self.requestline.split(" ")[1], sent, compressed))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Recording) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", arrived
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("name", ASKS)
def test_curl_sends_the_same_request(name: str) -> None:
    """Method, raw target, and every header but those in which a client speaks for itself."""
    ask = ASKS[name]
    with recording() as (base_url, arrived):
        with closing(Wire(base_url, SECURITY, SECRETS)) as wire:
            wire.send(ask)
        line = ask.curl(base_url, SECURITY)
        assert not [secret for secret in SECRETS.values() if secret in line]
        environment = {"TOKEN": SECRETS["token"], "OTHER_TOKEN": SECRETS["other"], "PATH": "/usr/bin:/bin"}
        subprocess.run(["sh", "-c", line], env=environment, check=True, capture_output=True, timeout=20)
    sent, repeated = arrived
    assert repeated == sent
