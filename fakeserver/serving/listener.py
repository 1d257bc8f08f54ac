"""What a server listens on, taken before anything is printed; whatever is wrong with it is one line."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import stat
from pathlib import Path

from fakeserver.arguments import UsageError

BACKLOG = 2_048


def listen(host: str, port: int) -> socket.socket:
    """A listening socket of this host and port."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise UsageError(f"fakeserver: cannot listen on {host!r}: {reason}") from error
    try:
        # On Windows this would let two servers have one port.
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        hint = "; --port 0 picks a free one" if error.errno in (errno.EADDRINUSE, errno.EACCES) else ""
        raise UsageError(f"fakeserver: cannot listen on {host}:{port}: {error.strerror}{hint}") from error
    return listener


def listen_at(path: Path) -> socket.socket:
    """A listening Unix socket; one that nobody listens on any more is replaced, and any other file is left alone."""
    family = getattr(socket, "AF_UNIX", None)
    if family is None:
        raise UsageError("fakeserver: --uds: this system has no Unix sockets")
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if path.exists() and stat.S_ISSOCK(path.stat().st_mode) and not is_answered(path, family):
            path.unlink()
        listener.bind(os.fspath(path))
        listener.listen(BACKLOG)
    except (OSError, ValueError) as error:
        listener.close()
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise UsageError(f"fakeserver: cannot listen on --uds {path}: {reason}") from error
    return listener


def is_answered(path: Path, family: int) -> bool:
    """Whether somebody listens on this Unix socket; `family` is that of all of them."""
    with socket.socket(family, socket.SOCK_STREAM) as client:
        try:
            client.connect(os.fspath(path))
        except OSError:
            return False
    return True


def load_tls(certificate: Path, key: Path) -> tuple[str, str]:
    """The files of a certificate and its key, which fit together."""
    try:
        # An empty password keeps OpenSSL from asking for one at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        reason = (
            error.strerror
            if isinstance(error, OSError) and not isinstance(error, ssl.SSLError)
            else "not a pair in PEM"
        )
        raise UsageError(
            f"fakeserver: --tls-cert {certificate} and --tls-key {key} cannot be used: {reason}"
        ) from error
    return os.fspath(certificate), os.fspath(key)
