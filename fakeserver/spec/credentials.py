"""Security schemes and callers: who sent this request?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fakeserver.spec.reader import Operation

Headers = Mapping[str, str]
"""Header names in lower case; of a repeated header, the last value."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a credential belongs to. `home` is the tenant of its own; `tenants` maps each tenant to the caller's role."""

    name: str
    user: str
    home: str
    tenants: Mapping[str, str]

    def administers(self, tenant: str) -> bool:
        return self.tenants.get(tenant) == "admin"


def credentials(operation: Operation, headers: Headers) -> list[str]:
    """Every credential that the request carries in a place that the operation's security names."""
    found = []
    for scheme in operation.security:
        text = headers.get(scheme.header)
        if text is None:
            continue
        if scheme.prefix:
            prefix, _, text = text.partition(" ")
            if prefix.lower() != scheme.prefix:
                continue
        found.append(text.strip())
    return found
