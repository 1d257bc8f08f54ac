"""What each provider's pages promise, stated by hand from the pages: one value per provider, in a module of its own.

This is an independent statement: nothing here knows how the fake does it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping

from contract_tests.promises.form import Promises


def find_promises() -> Iterator[Promises]:
    """The promises of every module in this package that has some."""
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        promises = getattr(importlib.import_module(module.name), "PROMISES", None)
        if isinstance(promises, Promises):
            yield promises


BY_SLUG: Mapping[str, Promises] = {promises.slug: promises for promises in find_promises()}
"""Every provider that the kit knows."""
