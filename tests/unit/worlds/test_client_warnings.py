"""Warnings about a client, one request at a time."""

from __future__ import annotations

import pytest

from fakeserver.worlds.client_warnings import MAX_NOTED, find_warnings, parameters_of
from tests.support.asgi import services


def warned(slug: str, query: bytes, path: str = "/") -> list[str]:
    return [*find_warnings(path, services()[slug].spec.operations["listSandboxes"], query)]


@pytest.mark.parametrize(
    ("slug", "query"),
    [
        ("prime", b""),
        ("prime", b"labels=a&labels=b&is_active=false"),
        ("superserve", b"metadata.a=1&metadata.b=2"),
        ("instavm", b"metadata=%7B%7D"),
        ("prime", b"__code=200&__delay=5"),
    ],
)
def test_a_request_as_on_the_page_has_none(slug: str, query: bytes) -> None:
    assert warned(slug, query) == []


def test_every_kind_at_once() -> None:
    """In the order of the operation's parameters, then of the query; a name that is given twice is told of once."""
    assert warned("prime", b"colour=1&page=1&is_active=yes&page=2&colour=2", "//x") == [
        "the path begins with a double slash: does the base URL end in one?",
        "is_active=yes is not how the page spells a boolean",
        "parameter 'page' was given more than once; the last value was used",
        "parameter 'colour' is not on the reference page and was ignored",
    ]


def test_only_so_many_fields_are_looked_at() -> None:
    query = b"&".join(b"x%d=1" % number for number in range(MAX_NOTED + 10))
    assert len(warned("prime", query)) == MAX_NOTED


def test_names_of_parameters() -> None:
    """Dynamic names count as declared; without an operation, none is."""
    known = parameters_of(services()["superserve"].spec.operations["listSandboxes"])
    assert [known(name) for name in ("limit", "metadata.env", "metadata.", "metadata", "colour")] == [
        True,
        True,
        False,
        True,
        False,
    ]
    assert not parameters_of(None)("limit")
