"""A runtime's configuration: what it is where nobody says otherwise, and what no schema says of it.

Observed: documentation inside dreadnode SDK 2.0.51, "runtime.yaml reference".
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator
from hashlib import sha256

from fakeserver.provider import Document, Issue, Json, invalid
from fakeserver.providers.dreadnode.orgs import PLATFORM_MAX_SECONDS
from fakeserver.providers.dreadnode.states import PAUSING

VERSION = "v2"
LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
DOMAIN = re.compile(rf"{LABEL}(?:\.{LABEL})+")
ENDPOINT = re.compile(r"tcp://(\[[0-9a-f:.]+\]|[^\[\]/?#@:]+):([0-9]{1,5})")
MAX_PORT = 65_535
MAX_SHOWN = 64
"""Characters of a refused target that a message repeats."""
Place = tuple[str | int, ...]


def complete(config: Json) -> Document:
    """A configuration that the spec lets through, with the defaults of everything that it leaves out."""
    given = {name: value for name, value in (config or {}).items() if value is not None}
    build, sandbox = given.get("build", {}), given.get("sandbox", {})
    egress = sandbox.get("egress")
    return {
        "version": VERSION,
        "capabilities": [
            {"version": None, "enabled": True, **capability} for capability in given.get("capabilities", [])
        ],
        "defaults": {**dict.fromkeys(("capability", "agent", "model", "system_prompt")), **given.get("defaults", {})},
        "secrets": {"secret_ids": list(dict.fromkeys(given.get("secrets", {}).get("secret_ids", [])))},
        "build": {
            "profile": "default",
            "provider": "auto",
            **build,
            "source": {"kind": "builtin", "ref": "runtime", **build.get("source", {})},
        },
        "resources": {"cpu_cores": 2, "memory_mb": 2048, **given.get("resources", {})},
        "sandbox": {
            "timeout_seconds": sandbox.get("timeout_seconds"),
            "workspace_mount": sandbox.get("workspace_mount", True),
            "exposed_ports": sorted(set(sandbox.get("exposed_ports", []))),
            "egress": egress and {"allow": [target_of(each) or each for each in egress.get("allow", [])]},
        },
        "runtime_server": {"env": given.get("runtime_server", {}).get("env", {})},
        "metadata": {"labels": given.get("metadata", {}).get("labels", {})},
    }


def digest_of(config: Document) -> str:
    return "sha256:" + sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def provider_of(config: Document) -> str:
    """Who provides its sandboxes. Assumed: `auto` is e2b, and docker can be asked for as well."""
    chosen: str = config["build"]["provider"]
    return PAUSING if chosen == "auto" else chosen


def check_config(config: Json, place: Place) -> None:
    """Refuse what the spec lets through and the server does not, with all issues."""
    issues = [*issues_with(config or {}, place)]
    if issues:
        raise invalid(issues)


def issues_with(config: Document, place: Place) -> Iterator[Issue]:
    names = set[str]()
    for index, capability in enumerate(config.get("capabilities") or []):
        if capability["name"] in names:
            yield Issue((*place, "capabilities", index, "name"), "Capability is named twice", "value_error")
        names.add(capability["name"])
    sandbox = config.get("sandbox") or {}
    yield from issues_with_limit(sandbox.get("timeout_seconds"), (*place, "sandbox", "timeout_seconds"))
    for index, target in enumerate((sandbox.get("egress") or {}).get("allow", [])):
        if target_of(target) is None:
            message = f"{target[:MAX_SHOWN]!r} is not a host name, a *.suffix, an IP address, a CIDR or tcp://host:port"
            yield Issue((*place, "sandbox", "egress", "allow", index), message, "value_error")


def issues_with_limit(seconds: int | None, place: Place) -> Iterator[Issue]:
    """Requests above the platform's hard maximum are rejected."""
    if seconds is not None and seconds > PLATFORM_MAX_SECONDS:
        yield Issue(place, f"Input should be less than or equal to {PLATFORM_MAX_SECONDS}", "less_than_equal")


def target_of(text: str) -> str | None:
    """An outbound target as it is stored, None if it is none: a host name with a dot in it, `*.` in front of one, an
    address, a network, or a TCP endpoint."""
    text = text.strip().lower()
    endpoint = ENDPOINT.fullmatch(text)
    if endpoint is not None:
        host = target_of(endpoint[1].strip("[]"))
        sound = host is not None and "/" not in host and 0 < int(endpoint[2]) <= MAX_PORT
        return text if sound else None
    if DOMAIN.fullmatch(text.removeprefix("*.")) is not None and not is_address(text):
        return text
    try:
        return str(ipaddress.ip_network(text, strict=True)) if "/" in text else str(ipaddress.ip_address(text))
    except ValueError:
        return None


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
