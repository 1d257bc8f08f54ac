"""Egress policies: where a VM sandbox may send traffic."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from fakeserver.provider import (
    SECOND,
    Asked,
    Document,
    Issue,
    Json,
    Life,
    Record,
    Result,
    ValueRefused,
    View,
    conflict,
    invalid,
)
from fakeserver.providers.prime.access import find_changeable, find_sandbox, only_vms
from fakeserver.providers.prime.rows import allowed_by
from fakeserver.providers.prime.states import ACTIVE, APPLIED, GENERATION, ORDERED, is_vm

APPLY_SECONDS = 5
"""Assumed: how long a running sandbox goes on with the policy before, where passing states last."""
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
MAX_DOMAIN = 253
"""Characters (RFC 1035)."""
WHAT = "Egress policies"


# Entries


def read_entry(entry: str) -> str:
    """An entry as the server keeps it: a domain in lower case and ASCII, an address as a network. Observed:
    prime-sandboxes 0.5.1 mirrors what is refused, ports among it. Assumed: the words."""
    text = entry.strip()
    try:
        return str(ipaddress.IPv4Network(text, strict=False))
    except ValueError:
        return read_domain(text)


def read_domain(text: str) -> str:
    if "://" in text:
        raise refused("schemes are not supported")
    for sign, why in (
        ("@", "credentials are not supported"),
        ("?", "query strings are not supported"),
        ("/", "is not a valid IPv4 CIDR"),
        (":", "ports and IPv6 are not supported"),
    ):
        if sign in text:
            raise refused(why)
    wildcard = "*." if text.startswith("*.") else ""
    domain = text.removeprefix(wildcard).rstrip(".")
    if len(domain) > MAX_DOMAIN:
        # Before it is spelt in ASCII, which takes ever longer.
        raise refused("is not a domain")
    if "*" in domain:
        raise refused("wildcard is only supported as the leftmost label")
    try:
        domain = domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise refused("is not a domain") from None
    if len(domain) > MAX_DOMAIN or not all(map(LABEL.fullmatch, domain.split("."))):
        raise refused("is not a domain")
    return wildcard + domain


def refused(why: str) -> ValueRefused:
    return ValueRefused(why, "value_error")


def read_list(entries: list[str]) -> list[str]:
    """Entries that were found sound, as they are kept."""
    return [read_entry(entry) for entry in entries]


def object_to_lists(body: Document, allowlist: str, denylist: str) -> Iterator[Issue]:
    """What no schema says of the two lists of a body."""
    lists = {name: body.get(name) for name in (allowlist, denylist)}
    if None not in lists.values():
        yield Issue(
            ("body", denylist), f"Value error, {allowlist} and {denylist} are mutually exclusive", "value_error"
        )
    for name, entries in lists.items():
        for index, entry in enumerate(entries or ()):
            try:
                read_entry(entry)
            except ValueRefused as error:
                yield Issue(("body", name, index), f"Value error, {entry[:MAX_DOMAIN]!r}: {error.msg}", error.type)


# Operations


def get_policy(asked: Asked, view: View) -> Result:
    record = find_sandbox(view, asked.values["sandbox_id"])
    if not is_vm(record):
        raise only_vms(WHAT)
    return Result(200, status_of(record.document, generation_of(record), applied_of(record, view)))


def put_policy(asked: Asked, view: View) -> Result:
    """The answer shows the policy ordered; it is in force after that, and in a paused sandbox after it is resumed.
    Assumed: neither list means no restriction."""
    body: Document = asked.body
    record = find_changeable(view, asked.values["sandbox_id"])
    issues = [*object_to_lists(body, "allowlist", "denylist")]
    if issues:
        raise invalid(issues)
    if not is_vm(record):
        raise only_vms(WHAT)
    if record.document["status"] not in ("RUNNING", "PAUSED"):
        raise conflict(
            f"The sandbox is {record.document['status']}; its policy can be replaced while it runs or is paused"
        )
    generation, applied = generation_of(record) + 1, applied_of(record, view)
    lists: dict[str, Json] = {
        field: None if body.get(name) is None else read_list(body[name])
        for field, name in (("networkAllowlist", "allowlist"), ("networkDenylist", "denylist"))
    }
    document = {**record.document, **lists}
    kept = {**record.kept, GENERATION: generation, APPLIED: applied, ORDERED: view.now}
    write = record.after(Life(document, kept)).put()
    return Result(202, status_of(document, generation, applied), writes=[write])


def generation_of(record: Record) -> int:
    """How many policies it was given."""
    found: int = record.kept.get(GENERATION, 0)
    return found


def applied_of(record: Record, view: View) -> int:
    """Which of them is in force as of now."""
    kept = record.kept
    since = max(kept.get(ORDERED, 0), kept.get(ACTIVE, 0))
    passed = view.transitions == "immediate" or view.now >= since + APPLY_SECONDS * SECOND
    if record.document["status"] == "RUNNING" and passed:
        return generation_of(record)
    applied: int = kept.get(APPLIED, 0)
    return applied


def status_of(document: Document, generation: int, applied: int) -> Document:
    return {
        "policy": {
            "allowlist": document.get("networkAllowlist", allowed_by(document)),
            "denylist": document.get("networkDenylist"),
        },
        "generation": generation,
        "applied_generation": applied,
        "applied": applied == generation,
    }
