"""What Superserve's server checks in bodies beyond their form, each mistake as the server's sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

from fakeserver.provider import Document, Issue, invalid
from fakeserver.providers.superserve.refusals import quote, said

# Observed: the limits of the provider's server on metadata, which its filter obeys as well.
MAX_PAIRS = 64
MAX_KEY_BYTES = 256
MAX_VALUE_BYTES = 2_048
MAX_METADATA_BYTES = 16_384
RESERVED = ("superserve.", "_superserve")
MAX_ENV_VALUE_BYTES = 8_192
MAX_ENV_BYTES = 65_536
MAX_NAME = 64
"""Bytes (Observed: the provider's server)."""
MAX_NAME_OF_TEMPLATE = 128
MAX_NAME_OF_USER = 31
MAPPED_BITS = 96
"""Bits in front of an IPv4 address that is written as an IPv6 one."""
ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
USER_NAME_START = re.compile(r"[a-z_]")
USER_NAME_OTHER = re.compile(r"[^a-z0-9_-]")
BITS = re.compile(r"0|[1-9][0-9]{0,2}")
OWN_PREFIX = "superserve/"
"""What the names of the provider's own templates begin with."""


def check(issues: Iterable[Issue]) -> None:
    """Refuse a body that has any."""
    found = [*issues]
    if found:
        raise invalid(found)


# Metadata


def metadata_limits(pairs: tuple[tuple[str, str], ...]) -> Iterator[Issue]:
    """The mistakes of a filter, in the order in which the server looks for them, in its words."""
    for key, type_, sentence in mistakes_in_metadata(pairs):
        yield Issue(("query", f"metadata.{key}" if key else "metadata"), sentence, type_)


def mistakes_in_metadata(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    """(key, type, sentence) of each mistake; without a key, of all pairs together."""
    pairs = [*pairs]
    if len(pairs) > MAX_PAIRS:
        yield "", "too_many_keys", f"metadata has {len(pairs)} keys, max is {MAX_PAIRS}"
    total = 0
    for name, text in pairs:
        key_bytes, value_bytes = size_of(name), size_of(text)
        total += key_bytes + value_bytes
        if key_bytes > MAX_KEY_BYTES:
            yield name, "key_too_long", f"metadata key {quote(name)} is {key_bytes} bytes, max is {MAX_KEY_BYTES}"
        if value_bytes > MAX_VALUE_BYTES:
            told = f"metadata value for key {quote(name)} is {value_bytes} bytes, max is {MAX_VALUE_BYTES}"
            yield name, "value_too_long", told
        for prefix in RESERVED:
            if name.lower().startswith(prefix):
                yield name, "reserved_key", f"metadata key {quote(name)} uses reserved prefix {quote(prefix)}"
    if total > MAX_METADATA_BYTES:
        yield "", "too_long", f"metadata exceeds {MAX_METADATA_BYTES} bytes total"


def size_of(text: str) -> int:
    """Bytes on the wire."""
    return len(text.encode())


def issues_in_metadata(metadata: Document) -> Iterator[Issue]:
    """The same of a body's metadata, where a key may not be empty either."""
    if "" in metadata:
        yield said("metadata", "metadata keys cannot be empty")
    for _, _, sentence in mistakes_in_metadata(metadata.items()):
        yield said("metadata", sentence)


# The body of a sandbox


def issues_in_sandbox(body: Document) -> Iterator[Issue]:
    """What is wrong with a creation or a change, in the order in which the server looks."""
    name = body.get("name")
    if name is not None and size_of(name) > MAX_NAME:
        yield said("name", f"name is required and must be 1-{MAX_NAME} characters")
    network = body.get("network")
    if network:
        for sentence in mistakes_in_rules(network.get("allow_out") or [], network.get("deny_out") or []):
            yield said("network", sentence)
    metadata, variables, secrets = body.get("metadata"), body.get("env_vars"), body.get("secrets")
    if metadata:
        yield from issues_in_metadata(metadata)
    if variables:
        yield from issues_in_environment(variables)
    if secrets:
        yield from issues_in_secrets(secrets, variables or {})
    template = body.get("from_template")
    if template is not None and not template.strip():
        yield said("from_template", "from_template is empty")
    if template is not None and body.get("from_snapshot") is not None:
        # Assumed: the sentence. Observed: both are refused.
        yield said("from_snapshot", "from_template and from_snapshot cannot both be set")


def issues_in_environment(variables: Document) -> Iterator[Issue]:
    if len(variables) > MAX_PAIRS:
        yield said("env_vars", f"env_vars has {len(variables)} keys, max is {MAX_PAIRS}")
    total = 0
    for name, text in variables.items():
        key_bytes, value_bytes = size_of(name), size_of(text)
        total += key_bytes + value_bytes
        if not name:
            yield said("env_vars", "env_vars keys cannot be empty")
        if "=" in name:
            yield said("env_vars", f"env_vars key {quote(name)} contains invalid character")
        if key_bytes > MAX_KEY_BYTES:
            yield said("env_vars", f"env_vars key {quote(name)} is {key_bytes} bytes, max is {MAX_KEY_BYTES}")
        if value_bytes > MAX_ENV_VALUE_BYTES:
            told = f"env_vars value for key {quote(name)} is {value_bytes} bytes, max is {MAX_ENV_VALUE_BYTES}"
            yield said("env_vars", told)
    if total > MAX_ENV_BYTES:
        yield said("env_vars", f"env_vars exceeds {MAX_ENV_BYTES} bytes total")


def issues_in_secrets(secrets: Document, variables: Document) -> Iterator[Issue]:
    if len(secrets) > MAX_PAIRS:
        yield said("secrets", f"secrets has {len(secrets)} entries, max is {MAX_PAIRS}")
    for name in secrets:
        if ENV_NAME.fullmatch(name) is None:
            yield said("secrets", f"secrets key {quote(name)} is not a valid env-var name")
        if name in variables:
            told = f"env-var key {quote(name)} appears in both env_vars and secrets; pick one"
            yield said("secrets", told)


# Network rules


def address_in(text: str) -> tuple[IPv4Address | IPv6Address, int] | None:
    """The address of an entry, and how many of its bits count; None where it is none, as a domain is. IPv4 addresses
    that are written as IPv6 are IPv4."""
    head, slash, tail = text.partition("/")
    if ":" not in head and not head[:1].isdigit():
        # A domain, and of those a body may have thousands.
        return None
    try:
        address: IPv4Address | IPv6Address = ip_address(head)
    except ValueError:
        return None
    bits: int = address.max_prefixlen
    if slash:
        if BITS.fullmatch(tail) is None or int(tail) > bits or "%" in head:
            return None
        bits = int(tail)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped, bits - MAPPED_BITS) if mapped is not None and bits >= MAPPED_BITS else (address, bits)


def mistakes_in_rules(allowed: list[str], denied: list[str]) -> Iterator[str]:
    for entry in denied:
        found = address_in(entry)
        if found is None:
            yield f"deny_out only supports CIDRs, got {quote(entry)}"
        elif isinstance(found[0], IPv6Address):
            yield f"IPv6 is not supported, got {quote(entry)} in deny_out"
    for entry in allowed:
        found = address_in(entry)
        if found is not None and isinstance(found[0], IPv6Address):
            yield f"IPv6 is not supported, got {quote(entry)} in allow_out"


def rules_of(network: Document) -> Document:
    """The rules as the server keeps them: addresses as networks and in front of domains; empty lists are left out."""
    found = [(entry, address_in(entry)) for entry in network.get("allow_out") or []]
    denied = [address for entry in network.get("deny_out") or [] if (address := address_in(entry)) is not None]
    allowed = [written(address) for _, address in found if address is not None]
    allowed += [entry for entry, address in found if address is None]
    rules = {"allow_out": allowed, "deny_out": [written(address) for address in denied]}
    return {name: entries for name, entries in rules.items() if entries}


def written(address: tuple[IPv4Address | IPv6Address, int]) -> str:
    return f"{address[0]}/{address[1]}"


# The body of a template


def issues_in_template(body: Document) -> Iterator[Issue]:
    """What is wrong with a creation, in the order in which the server looks."""
    if body["name"].startswith(OWN_PREFIX):
        yield said("name", f"names starting with '{OWN_PREFIX}' are reserved")
    image = body["build_spec"]["from"]
    if not image.strip():
        yield said("build_spec", "build_spec.from is required")
    if "alpine" in image.lower():
        told = "alpine bases are not supported (musl + non-systemd init); use a debian/ubuntu-based image"
        yield said("build_spec", told)
    if "distroless" in image.lower():
        yield said("build_spec", "distroless bases are not supported (no shell for RUN steps)")
    for index, step in enumerate(body["build_spec"].get("steps") or []):
        for sentence in mistakes_in_step(f"build_spec.steps[{index}]", step):
            yield said("build_spec", sentence)


def mistakes_in_step(where: str, step: Document) -> Iterator[str]:
    env, user = step.get("env"), step.get("user")
    if env is not None and not env.get("key"):
        yield f"{where}.env.key is required"
    if user is not None:
        told = mistake_in_user(user.get("name", ""))
        if told:
            yield f"{where}.user: {told}"
    if sum(value is not None for value in step.values()) != 1:
        yield f"{where} must set exactly one of run/env/workdir/user"


def mistake_in_user(name: str) -> str:
    if not name:
        return "name is required"
    if size_of(name) > MAX_NAME_OF_USER:
        return f"name exceeds {MAX_NAME_OF_USER} characters"
    if USER_NAME_START.match(name) is None:
        return "name must start with a lowercase letter or underscore"
    other = USER_NAME_OTHER.search(name)
    return f"name contains invalid character {other[0]!r}" if other else ""
