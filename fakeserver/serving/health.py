"""The command `fakeserver health`: whether a server is ready, for probes that have neither a shell nor curl."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

from fakeserver.arguments import Parser
from fakeserver.loopback import ADDRESS, NAME, PORT
from fakeserver.serving.variables import SWITCH
from fakeserver.stores import STORE_HEADER

PATH = "/__admin/health"
READY, NOT_READY = 0, 1
SECONDS = 5.0
"""That a server may take to answer."""
MAX_BYTES = 65_536
MAX_WORD = 64
"""Characters that are repeated of what a server says."""
UNSPECIFIED = ("0.0.0.0", "::", "")
TELLING = ("FAKESERVER_HOST", "FAKESERVER_PORT", "FAKESERVER_UDS", "FAKESERVER_TLS", "FAKESERVER_TLS_CERT")
"""Variables of a server's environment, which a probe in its container shares: they say where it listens."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is asked: its URL and, where it listens on one, the path of its Unix socket."""

    url: str
    uds: Path | None = None


def add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "--url", metavar="URL", help=f"default: where {', '.join(TELLING)} say, else http://{ADDRESS}:{PORT}"
    )


def run(parser: Parser, url: str | None, environ: Mapping[str, str], out: TextIO) -> int:
    """Say whether the server is ready, in one line; the exit code."""
    place = read_place(parser, url, environ)
    try:
        version = ask(place)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
        print(f"not ready: {place.uds or place.url}: {reason}", file=out)
        return NOT_READY
    print(f"ready: fakeserver {version} at {place.uds or place.url}", file=out)
    return READY


def read_place(parser: Parser, url: str | None, environ: Mapping[str, str]) -> Place:
    """The server that a command asks: that of `--url`, or the one that has these variables."""
    place = place_of(environ) if url is None else Place(url)
    try:
        split = urlsplit(place.url)
        if split.scheme not in ("http", "https") or not split.hostname or not place.url.isprintable():
            raise ValueError
        split.port  # noqa: B018  # It raises what is wrong with it.
    except ValueError:
        source = "--url" if url is not None else f"where {', '.join(TELLING)} say"
        parser.error(f"{source}: {place.url!r} is not an http or https URL")
    return place


def place_of(environ: Mapping[str, str]) -> Place:
    """Where the server listens that has these variables."""
    host, port, uds, tls, cert = (environ.get(name, "") for name in TELLING)
    scheme = "https" if cert or SWITCH.get(tls) else "http"
    if uds:
        return Place(f"{scheme}://{NAME}", Path(uds))
    host = ADDRESS if host in UNSPECIFIED else host
    return Place(f"{scheme}://{f'[{host}]' if ':' in host else host}:{port or PORT}")


def ask(place: Place) -> str:
    """The version of the server there. ValueError, OSError or HTTPException: it is not ready."""
    connection = connect(place)
    try:
        connection.request("GET", urlsplit(place.url).path.rstrip("/") + PATH)
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            store = answer.getheader(STORE_HEADER, "")
            raise ValueError(f"it answers {answer.status}" + (f": its store is {store[:MAX_WORD]}" if store else ""))
        body = json.loads(answer.read(MAX_BYTES))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError("what answers there is no fakeserver") from error
    finally:
        connection.close()
    if not isinstance(body, dict) or body.get("status") != "ok" or not isinstance(body.get("version"), str):
        raise ValueError("what answers there is no fakeserver")
    return str(body["version"])[:64]


def connect(place: Place) -> http.client.HTTPConnection:
    """A connection to the server, past proxies. Whom a certificate is for does not matter to whether a server is well,
    and nothing secret is sent."""
    split = urlsplit(place.url)
    connection: http.client.HTTPConnection
    assert split.hostname is not None
    if split.scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(split.hostname, split.port, timeout=SECONDS, context=context)
    else:
        context, connection = None, http.client.HTTPConnection(split.hostname, split.port, timeout=SECONDS)
    if place.uds is not None:
        family = getattr(socket, "AF_UNIX", None)
        if family is None:
            raise ValueError("this system has no Unix sockets")
        unix = socket.socket(family, socket.SOCK_STREAM)
        unix.settimeout(SECONDS)
        try:
            unix.connect(str(place.uds))
        except BaseException:
            unix.close()
            raise
        connection.sock = unix if context is None else context.wrap_socket(unix, server_hostname=NAME)
    return connection
