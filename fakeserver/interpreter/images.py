"""What an image has: the Python that its name tells, and directories."""

from __future__ import annotations

import re

DEFAULT_PYTHON = "3.12.12"
"""Where no image names one."""
MICRO = {"3.8": 20, "3.9": 25, "3.10": 19, "3.11": 14, "3.12": 12, "3.13": 9, "3.14": 0}
"""The newest release of each Python, for images that name no more than `3.11`."""
NAMED = re.compile(r"python:?-?v?(3(?:\.\d{1,2}){1,2})")
VERSION = re.compile(r"3(?:\.\d{1,2}){0,2}")
DIRECTORIES = ("/mnt", "/opt", "/run", "/srv", "/usr/local/bin", "/var/log", "/var/tmp")
"""That each image has, beside those of the interpreter."""


def full_version(python: str) -> str:
    """A version of Python with all its parts."""
    if not VERSION.fullmatch(python) or python == "3":
        return DEFAULT_PYTHON
    return python if python.count(".") == 2 else f"{python}.{MICRO.get(python, 0)}"


def python_of(image: str) -> str:
    """The version that an image's name tells, if it tells one."""
    match = NAMED.search(image)
    return full_version(match[1]) if match else ""
