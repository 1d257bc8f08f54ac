"""Where a deployment is, as the client that sends will read it: any URL that it cannot use is told in one sentence."""

from __future__ import annotations

import ipaddress
import re

import httpx

DEFAULT_PORTS = {"http": 80, "https": 443}
HIGHEST_PORT = 65_535
LONGEST_NAME, LONGEST_LABEL = 253, 63
STRANGE = "\\\x7f"
"""Some clients read a backslash as a slash, so that nobody could tell which host is meant."""
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?")

Origin = tuple[str, str, int]
"""Scheme, host and port; names in lower case, as DNS has them."""


class BadAddress(ValueError):
    """A URL that nothing can be sent to; the message is the end of a sentence that begins with the URL."""


def address(text: str) -> httpx.URL:
    """The URL as the client normalises it: host in lower case and in Punycode, no default port. Or BadAddress."""
    authority = re.sub(r"^[a-zA-Z]+://", "", text).partition("/")[0]
    strange = next((char for char in text if char <= " " or char in STRANGE), "")
    if strange:
        raise BadAddress(f"holds the character {strange!r}")
    try:
        url = httpx.URL(text)
        readable = url.host.isprintable() and bool(url.raw_path)
    except (httpx.InvalidURL, ValueError):  # IDNA errors and lone surrogates are ValueErrors.
        raise BadAddress("is not a URL") from None
    if url.scheme not in DEFAULT_PORTS or not url.host:
        raise BadAddress("is not an http or https URL")
    if "?" in text or "#" in text or "@" in authority:
        raise BadAddress("holds a query, a fragment or a credential; it must have none of them")
    port = re.search(r":([^:\]]*)$", authority)
    if (port and not re.fullmatch(r"[0-9]*", port[1])) or not 0 < (url.port or 1) <= HIGHEST_PORT or url.port == 0:
        raise BadAddress(f"has a port that is not one of 1 to {HIGHEST_PORT}")
    if not readable or not is_host(url.raw_host.decode("ascii")):
        raise BadAddress("names a host that cannot exist")
    return url


def is_host(name: str) -> bool:
    """Whether this may be a host's name or IP address; one dot may end it."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        bare = name.removesuffix(".")
        labels_fit = all(len(each) <= LONGEST_LABEL and LABEL.fullmatch(each) for each in bare.split("."))
        return len(bare) <= LONGEST_NAME and labels_fit
    return True


def origin_of(url: httpx.URL) -> Origin:
    """What two URLs have in common that lead to the same server."""
    return url.scheme, url.raw_host.decode("ascii").lower(), url.port or DEFAULT_PORTS.get(url.scheme, 0)


def is_loopback(base_url: str) -> bool:
    """Whether the target is this machine, which needs neither a throttle nor a proxy. False for what is no URL."""
    try:
        host = httpx.URL(base_url).raw_host.decode("ascii").lower().removesuffix(".")
    except (httpx.InvalidURL, ValueError):
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback
