"""The line that installs what is missing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fakeserver.extras import install_line, line_of

FOLDER: dict[str, Any] = {"url": "file:///home/a%20user/fake%20server", "dir_info": {}}
WHEEL = {"url": "file:///tmp/fakeserver-1.0-py3-none-any.whl", "archive_info": {}}
ARCHIVE = {"url": "https://example.com/fakeserver.zip", "archive_info": {}}


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        (json.dumps(FOLDER), "pip install '/home/a user/fake server[contract]'"),
        (
            json.dumps({**FOLDER, "dir_info": {"editable": True}}),
            "pip install --editable '/home/a user/fake server[contract]'",
        ),
        (json.dumps(WHEEL), "pip install '/tmp/fakeserver-1.0-py3-none-any.whl[contract]'"),
        (json.dumps(ARCHIVE), "pip install 'fakeserver[contract] @ https://example.com/fakeserver.zip'"),
        (None, "pip install 'fakeserver[contract]'"),
        ("not json", "pip install 'fakeserver[contract]'"),
        ("[]", "pip install 'fakeserver[contract]'"),
    ],
)
def test_the_line_names_where_the_package_came_from(origin: str | None, line: str) -> None:
    """As pip notes it, in the words of a shell; what pip noted nothing of came from an index."""
    assert line_of(origin, "contract") == line


def test_the_line_of_this_installation_has_the_extra() -> None:
    assert install_line("fixtures").startswith("pip install ")
    assert "[fixtures]" in install_line("fixtures")
