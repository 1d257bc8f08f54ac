"""The filter that fills a page as far as it goes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from contract_tests.laws import pages
from contract_tests.promises import BY_SLUG

PROMISES = BY_SLUG["dreadnode"]
PROJECT = "0f8f1d52-5c0e-4d8e-9a51-9f6f3c1d7e00"


@pytest.mark.parametrize(
    ("project", "most", "found"),
    [
        (PROJECT, 100, (("project_id", PROJECT),)),
        (PROJECT, 39, (("state", "running"),)),
        (PROJECT, 19, ()),
        # Rows that show a project otherwise than the spec has it are not found by it.
        (PROJECT.upper(), 100, (("state", "running"),)),
        (7, 100, (("state", "running"),)),
    ],
)
def test_a_filter_fits_that_selects_rows_by_its_own_meaning(project: Any, most: int, found: Any) -> None:
    rows = [{"id": str(n), "project_id": project, "state": "running" if n % 2 else "paused"} for n in range(40)]
    check: Any = SimpleNamespace(
        listing=PROMISES.listing, promises=PROMISES, snapshot=lambda scope=None: SimpleNamespace(rows=rows)
    )
    assert pages.fitting_filter(check, most) == found
    assert not found or pages.count_matching(check, found) >= 2
