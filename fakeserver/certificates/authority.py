"""A private certificate authority, which whoever trusts it lets answer in the providers' place."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fakeserver.arguments import UsageError
from fakeserver.extras import install_line

if TYPE_CHECKING:
    import trustme

MAX_CONTEXTS = 256
"""Hosts whose certificates are kept at hand; any other's is issued again."""
CERTIFICATE, KEY = "ca.pem", "ca-key.pem"
"""The files of an authority that somebody wants to keep."""
OWNER_ONLY = 0o077
"""What nobody else may do with a folder that has a key."""


def load_trustme() -> Any:
    """The package that makes certificates; it is an extra."""
    try:
        import trustme
    except ImportError as error:
        how = install_line("intercept")
        raise UsageError(
            f"fakeserver: certificates need the package trustme ({error}); install it with: {how}"
        ) from None
    return trustme


class Authority:
    """Issues certificates. Its key is in memory, and goes with it."""

    def __init__(self, ca: trustme.CA | None = None) -> None:
        self._ca: trustme.CA = ca or load_trustme().CA(organization_name="fakeserver")
        self.context = lru_cache(MAX_CONTEXTS)(self._context)

    @property
    def certificate(self) -> bytes:
        """What a client has to trust, in PEM."""
        return self._ca.cert_pem.bytes()

    def _context(self, *names: str) -> ssl.SSLContext:
        """What a server answers with at these hosts."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*names).configure_cert(context)
        context.set_alpn_protocols(["http/1.1"])
        return context

    def write_leaf(self, folder: Path, *names: str) -> tuple[Path, Path]:
        """A certificate for these hosts and its key, as files that only their owner reads."""
        issued = self._ca.issue_cert(*names)
        certificate, key = folder / "server.pem", folder / "server-key.pem"
        write_privately(certificate, b"".join(each.bytes() for each in issued.cert_chain_pems))
        write_privately(key, issued.private_key_pem.bytes())
        return certificate, key

    @classmethod
    def kept(cls, folder: Path) -> Authority:
        """The one that is kept in a folder, which is made there if there is none."""
        trustme = load_trustme()
        certificate, key = folder / CERTIFICATE, folder / KEY
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.name == "posix" and folder.stat().st_mode & OWNER_ONLY:
                raise UsageError(f"fakeserver: others may read {folder}, which would have a key: chmod 700 it")
            if not certificate.exists() or not key.exists():
                made = trustme.CA(organization_name="fakeserver")
                write_privately(key, made.private_key_pem.bytes())
                write_privately(certificate, made.cert_pem.bytes())
            return cls(trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes()))
        except OSError as error:
            raise UsageError(
                f"fakeserver: no authority can be kept in {folder}: {error.strerror}; "
                "XDG_STATE_HOME names another folder"
            ) from error
        except ValueError as error:
            raise UsageError(f"fakeserver: {certificate} and {key} are no authority; remove them: {error}") from error


def write_privately(path: Path, content: bytes) -> None:
    """A file that only its owner may read, from its first byte on."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def folder_of_kept() -> Path:
    """Where an authority is kept that somebody wants to trust for longer than one run."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "fakeserver" / "authority"


def system_certificates() -> bytes:
    """Those that clients trust here without us, in PEM: of the variables that say so, of the system, or of certifi."""
    paths = ssl.get_default_verify_paths()
    candidates = [os.environ.get(name) for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")]
    candidates += [paths.cafile, "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem", certifi_file()]
    for each in candidates:
        if each and Path(each).is_file():
            content = Path(each).read_bytes()
            return content if content.endswith(b"\n") else content + b"\n"
    return b""


def certifi_file() -> str | None:
    try:
        import certifi
    except ImportError:
        return None
    return str(certifi.where())
