"""The providers that are installed, by slug: ours are the modules beside this one, named in `pyproject.toml`."""

from __future__ import annotations

from fakeserver.plugins import Plugins
from fakeserver.provider import Provider

PROVIDERS = Plugins("fakeserver.providers", Provider, "provider")
