"""How an extra is installed here: the package is on no index, so the line names where this one came from."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, distribution
from shlex import quote
from urllib.parse import unquote, urlsplit

NAME = "fakeserver"


def install_line(extra: str) -> str:
    """The command that adds an extra to this installation."""
    try:
        text = distribution(NAME).read_text("direct_url.json")
    except PackageNotFoundError:
        text = None
    return line_of(text, extra)


def line_of(origin: str | None, extra: str) -> str:
    """The same by what pip noted of where the package came from (PEP 610): a folder or a file, a URL, or an index, of
    which it notes nothing."""
    try:
        noted = json.loads(origin or "{}")
        url, editable = str(noted["url"]), bool(noted.get("dir_info", {}).get("editable"))
    except (ValueError, LookupError, TypeError, AttributeError):
        return f"pip install '{NAME}[{extra}]'"
    split = urlsplit(url)
    wanted = f"{unquote(split.path)}[{extra}]" if split.scheme == "file" else f"{NAME}[{extra}] @ {url}"
    return f"pip install {'--editable ' if editable else ''}{quote(wanted)}"
