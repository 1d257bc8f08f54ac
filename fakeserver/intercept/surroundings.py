"""The variables that lead a program and its children to the front, and let them trust it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from fakeserver.exports import UNPROXIED

PRELOAD = Path(__file__).with_name("preload.cjs")
PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy")
EXCEPTIONS = ("NO_PROXY", "no_proxy")
ELSEWHERE = ("ALL_PROXY", "all_proxy")
"""They name proxies for everything, and some clients prefer them."""
BUNDLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "DENO_CERT")
"""Each names the file of all certificates that are trusted. Deno adds those of its own to it."""
FOLDERS = ("SSL_CERT_DIR",)
ADDED = "NODE_EXTRA_CA_CERTS"
"""Names a file of more certificates that are trusted."""
NODE_OPTIONS, NODE_PROXY = "NODE_OPTIONS", "NODE_USE_ENV_PROXY"


def surround(
    proxy: str,
    bundle: Path,
    preload: Path,
    environ: Mapping[str, str],
    providers: Mapping[str, str],
    ours: Iterable[str],
) -> dict[str, str]:
    """The whole environment of a program. `bundle` has the certificates of the system and that of the authority,
    `providers` are the variables that the providers' SDKs read, and `ours` the hosts that must not be reached without
    the proxy."""
    found = {name: text for name, text in environ.items() if name not in (*ELSEWHERE, *FOLDERS)}
    found |= dict.fromkeys(PROXIES, proxy)
    found |= dict.fromkeys(EXCEPTIONS, exceptions(environ, tuple(ours)))
    found |= dict.fromkeys((*BUNDLES, ADDED), str(bundle))
    found[NODE_PROXY] = "1"
    escaped = str(preload).replace("\\", "\\\\").replace('"', '\\"')
    found[NODE_OPTIONS] = f'{environ.get(NODE_OPTIONS, "")} --require "{escaped}"'.strip()
    return {**found, **providers}


def exceptions(environ: Mapping[str, str], ours: tuple[str, ...]) -> str:
    """What goes past the proxy: this machine, and what did so before, but for what would lead past the fake."""
    given = [each.strip() for name in EXCEPTIONS for each in environ.get(name, "").split(",")]
    kept = [each for each in given if each and not leads_past(each, ours)]
    return ",".join(dict.fromkeys([*UNPROXIED, *kept]))


def leads_past(exception: str, ours: tuple[str, ...]) -> bool:
    """Whether an exception takes in one of these hosts."""
    name = exception.lower().partition(":")[0].removeprefix("*").removeprefix(".")
    return not name or any(each == name or each.endswith(f".{name}") or name.endswith(f".{each}") for each in ours)


def overridden(environ: Mapping[str, str], providers: Iterable[str]) -> list[str]:
    """The variables of the user's that say something else now, without what they said."""
    return [name for name in (*providers, *PROXIES, *ELSEWHERE) if environ.get(name)]
