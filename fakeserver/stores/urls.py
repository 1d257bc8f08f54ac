"""Which store an argument names: `memory`, `sqlite:PATH`, `postgresql://…`."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from fakeserver.extras import install_line

if TYPE_CHECKING:
    from fakeserver.stores.store import Store

MEMORY = "memory"
SQLITE = "sqlite:"
POSTGRES = ("postgresql://", "postgres://")
KINDS = f"{MEMORY}, {SQLITE}PATH or {POSTGRES[0]}HOST/DATABASE"
EXTRA = "postgres"
SECRET = re.compile(r"(?<=://)\S*(?=@)|(?<=password=)[^&\s]+")


def masked(url: str) -> str:
    """A store's URL without a password, as people may see it."""
    return SECRET.sub("***", url)


def store_url(text: str) -> str:
    """An argparse type for the name of a store."""
    if text == MEMORY or (text.startswith((SQLITE, *POSTGRES)) and text != SQLITE and text.isprintable()):
        return text
    raise argparse.ArgumentTypeError(f"{masked(text)[:64]!r} is no store, such as {KINDS}")


def open_store(url: str, *, there: bool = False) -> Store:
    """The store of a URL; a StoreError says in one line why it cannot be had, or that it is not there though it should
    be (`there`)."""
    # Every server asks which store is meant, and few have one.
    from fakeserver.stores.store import StoreError

    if url.startswith(POSTGRES):
        try:
            from fakeserver.stores.postgres import PostgresStore
        except ImportError as error:
            how = install_line(EXTRA)
            raise StoreError(f"the store {masked(url)} needs psycopg ({error}); install it with: {how}") from error
        return PostgresStore(url, there=there)
    from fakeserver.stores.sqlite import SQLiteStore

    path = Path(url.removeprefix(SQLITE))
    if there and not path.exists():
        raise StoreError(f"there is no store {masked(url)}")
    return SQLiteStore(path)
