"""How connections are made: through which proxy, trusting which certificates. Whatever the environment says wrongly is
told in one sentence that names the variable."""

from __future__ import annotations

import ipaddress
import os
import ssl
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import httpx

from contract_tests.sending.address import address, is_loopback, origin_of
from contract_tests.sending.transport import IN_FLIGHT

USER_AGENT = "fakeserver-check"
ENCODINGS = "gzip, deflate"
"""What we can read without giving the other side a say in how much memory it takes."""


class UnusableSetting(ValueError):
    """An option or a variable of the environment with which no connection can be made; one sentence, no secret."""


def open_client(base_url: str, *, timeout: float, cacert: Path | None = None, keep_alive: bool = True) -> httpx.Client:
    """A client for this deployment, and no other. Without `keep_alive` each request has a connection of its own.

    Proxies and certificates come from the environment, as everywhere; on this machine only the certificates do. Raises
    UnusableSetting."""
    limits = httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT if keep_alive else 0)
    return httpx.Client(
        follow_redirects=False,
        timeout=timeout,
        headers={"user-agent": USER_AGENT, "accept-encoding": ENCODINGS},
        limits=limits,
        proxy=None if is_loopback(base_url) else find_proxy(base_url),
        verify=trust(cacert, os.environ if base_url.lower().startswith("https:") else {}),
        trust_env=False,
    )


def trust(cacert: Path | None, environment: Mapping[str, str]) -> ssl.SSLContext:
    """The usual authorities or those of the environment, and in addition those of a file. Raises UnusableSetting."""
    file, folders = environment.get("SSL_CERT_FILE", ""), environment.get("SSL_CERT_DIR", "")
    context = ssl.create_default_context() if file or folders else httpx.create_ssl_context(trust_env=False)
    if file:
        load(context, Path(file), "SSL_CERT_FILE")
    existing = [each for each in folders.split(os.pathsep) if os.path.isdir(each)]
    if folders and not existing:
        raise UnusableSetting(f"SSL_CERT_DIR names a folder that does not exist: {folders}")
    for folder in existing:
        context.load_verify_locations(capath=folder)
    if cacert is not None:
        load(context, cacert, "--cacert")
    return context


def load(context: ssl.SSLContext, file: Path, name: str) -> None:
    """Trust the authorities of a PEM file; `name` is the option or the variable that says so."""
    try:
        context.load_verify_locations(cafile=str(file))
    except ssl.SSLError:
        raise UnusableSetting(f"{name} names a file that holds no certificate in PEM: {file}") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a path"
        raise UnusableSetting(f"{name} names a file that cannot be read: {file} ({reason})") from None


def find_proxy(base_url: str) -> httpx.Proxy | None:
    """The proxy that the environment names for this deployment, if any. Raises UnusableSetting."""
    scheme, host, _ = origin_of(address(base_url))
    proxies = urllib.request.getproxies()
    text = proxies.get(scheme) or proxies.get("all") or ""
    if not text or is_spared(host, proxies.get("no", "")):
        return None
    name = name_of(scheme, text)
    try:
        proxy = httpx.Proxy(text if "://" in text else f"http://{text}")
        origin_of(proxy.url)
        httpx.Client(proxy=proxy, verify=False, trust_env=False).close()
    except ImportError:
        raise UnusableSetting(
            f"{name} names a SOCKS proxy, which needs a package more: pip install 'httpx[socks]'"
        ) from None
    except (httpx.InvalidURL, ValueError):
        raise UnusableSetting(f"{name} is not the URL of a proxy, such as http://proxy.example.com:3128") from None
    return proxy


def name_of(scheme: str, text: str) -> str:
    """The variable that holds this proxy; its value may hold a password and is not repeated."""
    names = [spelling for name in (f"{scheme}_proxy", "all_proxy") for spelling in (name, name.upper())]
    return next((name for name in names if os.environ.get(name) == text), f"the system's {scheme} proxy")


def is_spared(host: str, no_proxy: str) -> bool:
    """Whether NO_PROXY names this host: as a name, a domain, an address in brackets or not, or a network."""
    bare = host.removesuffix(".")
    for entry in (each.strip().lower() for each in no_proxy.split(",")):
        plain = entry.partition(":")[0] if entry.count(":") == 1 else entry  # A port behind a name.
        name = plain.strip("[]").removeprefix("*").lstrip(".").removesuffix(".")
        if entry == "*" or (name and (bare == name or bare.endswith(f".{name}"))):
            return True
        try:
            network = ipaddress.ip_network(plain.replace("[", "").replace("]", ""), strict=False)
            if ipaddress.ip_address(bare) in network:
                return True
        except ValueError:
            continue  # One of the two is a name.
    return False
