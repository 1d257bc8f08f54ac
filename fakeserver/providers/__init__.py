"""The providers that are installed, by slug: ours are the modules beside this one, named in `pyproject.toml`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fakeserver.plugins import Plugins

if TYPE_CHECKING:
    from fakeserver.provider import Provider


def provider_type() -> type[Provider]:
    """What a provider is made of is half of the server, and a command that only names providers needs none of it."""
    from fakeserver.provider import Provider

    return Provider


PROVIDERS = Plugins("fakeserver.providers", provider_type, "provider")
