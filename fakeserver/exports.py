"""The variables that point an SDK at the fake, as shells and readers of settings take them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from shlex import quote
from urllib.parse import urlsplit

UNPROXIED = ("127.0.0.1", "localhost", "::1")
"""Hosts of this machine, for which no client may ask a proxy."""
PROXY_NAMES = ("NO_PROXY", "no_proxy")
"""The second wins over the first, where a client reads both and it is there."""


def bypass_proxies(base_url: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that keep requests for this URL off a proxy, with all that they hold already."""
    hosts = dict.fromkeys([*UNPROXIED, urlsplit(base_url).hostname or ""])
    names = [name for name in PROXY_NAMES if name == PROXY_NAMES[0] or name in environ]
    return {
        name: ",".join(dict.fromkeys(filter(None, [*hosts, *map(str.strip, environ.get(name, "").split(","))])))
        for name in names
    }


def write_posix(variables: Mapping[str, str], note: str) -> str:
    """For `eval "$(…)"` in sh, bash and zsh."""
    return remark(note) + "".join(f"export {name}={quote(text)}\n" for name, text in variables.items())


def write_fish(variables: Mapping[str, str], note: str) -> str:
    """For `fakeserver env … | source`."""
    escaped = {name: text.replace("\\", "\\\\").replace("'", "\\'") for name, text in variables.items()}
    return remark(note) + "".join(f"set -gx {name} '{text}'\n" for name, text in escaped.items())


def write_powershell(variables: Mapping[str, str], note: str) -> str:
    """For `fakeserver env … | Out-String | Invoke-Expression`."""
    escaped = {name: text.replace("'", "''") for name, text in variables.items()}
    return remark(note) + "".join(f"$env:{name} = '{text}'\n" for name, text in escaped.items())


def write_dotenv(variables: Mapping[str, str], note: str) -> str:
    """For a file `.env`. Readers agree on single quotes, within which nothing is expanded, and on little else."""
    lines = []
    for name, text in variables.items():
        if "'" in text or "\n" in text:
            for sign, escape in (("\\", "\\\\"), ('"', '\\"'), ("$", "\\$"), ("\n", "\\n")):
                text = text.replace(sign, escape)
            lines.append(f'{name}="{text}"\n')
        else:
            lines.append(f"{name}='{text}'\n")
    return remark(note) + "".join(lines)


def write_json(variables: Mapping[str, str], note: str) -> str:
    """One object; the note has no place in it."""
    return json.dumps(variables, indent=2) + "\n"


def remark(note: str) -> str:
    return f"# {note}\n" if note else ""


FORMATS: Mapping[str, Callable[[Mapping[str, str], str], str]] = {
    "sh": write_posix,
    "fish": write_fish,
    "powershell": write_powershell,
    "dotenv": write_dotenv,
    "json": write_json,
}
