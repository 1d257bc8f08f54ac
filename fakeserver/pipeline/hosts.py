"""Hosts of the internet that are a provider's, and which of them this server answers in its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from fakeserver.problems import Document

if TYPE_CHECKING:
    from fakeserver.provider import Provider

Way = Literal["api", "plane", "guarded"]
"""What a provider has at a host: its API, its data plane, or something that this server does not have."""
MAX_HOST = 255
"""Characters of a host that may be a provider's."""
MAX_HOSTS = 1_024
"""Hosts of which it is remembered whose they are, if anybody's."""


@dataclass(frozen=True, slots=True)
class Territory:
    """The hosts of a provider, in lower case: those of its API with the path below which it is there, those of its data
    plane, and the domains that everything else of it is in."""

    slug: str
    api: Mapping[str, str]
    plane: re.Pattern[str] | None
    domains: tuple[str, ...]
    real_key: re.Pattern[str] | None = None
    """What a credential of the real service looks like."""

    @classmethod
    def of(cls, provider: Provider, document: Document) -> Territory:
        """As its spec's servers and its table have it."""
        servers: Any = document.get("servers", [])
        urls = [urlsplit(each["url"]) for each in servers if isinstance(each, dict) and "{" not in str(each.get("url"))]
        api = {url.hostname: url.path.rstrip("/") for url in urls if url.scheme == "https" and url.hostname}
        first = next(iter(api.values()), "")
        plane = None if provider.plane is None else provider.plane.hosts
        return cls(
            provider.slug, {**dict.fromkeys(provider.hosts, first), **api}, plane, provider.domains, provider.real_key
        )

    @classmethod
    def read(cls, row: Document) -> Territory:
        """What `row` wrote."""
        hosts = row["hosts"]
        plane, key = (hosts[name] and re.compile(hosts[name]) for name in ("plane", "real_key"))
        return cls(row["provider"], hosts["api"], plane, tuple(hosts["domains"]), key)

    def row(self) -> Document:
        """As the admin API has it."""
        plane, key = (None if each is None else each.pattern for each in (self.plane, self.real_key))
        return {"api": dict(self.api), "plane": plane, "domains": [*self.domains], "real_key": key}

    def way(self, name: str) -> Way | None:
        """What is at a host, if it is the provider's."""
        if name in self.api:
            return "api"
        if self.plane is not None and self.plane.fullmatch(name):
            return "plane"
        known = (*self.domains, *self.api)
        return "guarded" if any(name == each or name.endswith(f".{each}") for each in known) else None


class Hosts:
    """The hosts of several providers."""

    def __init__(self, territories: Iterable[Territory]) -> None:
        self._territories = {each.slug: each for each in territories}
        self.find = lru_cache(MAX_HOSTS)(self._find)

    def __getitem__(self, slug: str) -> Territory:
        return self._territories[slug]

    def of(self, host: str) -> tuple[str, Way] | None:
        """Whose a host is, with a port or without one, and what is there."""
        return self.find(host) if len(host) <= MAX_HOST else None

    def _find(self, host: str) -> tuple[str, Way] | None:
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
        name = name.lower().removesuffix(".")
        for slug, territory in self._territories.items():
            if (way := territory.way(name)) is not None:
                return slug, way
        return None
