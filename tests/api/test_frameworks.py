"""What the three providers that are FastAPI applications have from their framework, held against a stock one."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import Annotated, Any, cast

import pytest
from fastapi import FastAPI, Query

from tests.support.asgi import PATHS, Reply, app_of, call, credential

OURS = {slug: path for slug, path in PATHS.items() if slug != "superserve"}


class Status(StrEnum):
    PENDING = "PENDING"
    PROVISIONING = "PROVISIONING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    ERROR = "ERROR"
    TERMINATED = "TERMINATED"


@cache
def app() -> Any:
    return app_of(size=200)


@cache
def stock() -> FastAPI:
    """An application with the operations as the pages declare them, which does nothing."""
    made = FastAPI(openapi_url=None)

    @made.get(PATHS["prime"])
    def prime(
        team_id: str | None = None,
        user_id: str | None = None,
        status: Status | None = None,
        is_active: bool | None = None,
        labels: Annotated[list[str] | None, Query()] = None,
        page: Annotated[int, Query(ge=1)] = 1,
        per_page: Annotated[int, Query(ge=1, le=1_000)] = 50,
    ) -> dict[str, int]:
        return {"page": page, "per_page": per_page}

    @made.get(PATHS["instavm"])
    def instavm(metadata: str | None = None, limit: Annotated[int, Query(ge=1, le=1_000)] = 100) -> list[str]:
        return []

    @made.get("/api/v1/org/{org}/sandboxes")
    def dreadnode(org: str, limit: Annotated[int, Query(ge=1, le=100)] = 50) -> list[str]:
        return []

    return made


def ask(slug: str, path: str, method: str = "GET") -> tuple[Reply, Reply]:
    """What the stock application says, and what the fake says."""
    return call(cast(Any, stock()), path, method=method), call(
        app(), f"/{slug}{path}", method=method, headers=credential(slug)
    )


@pytest.mark.parametrize(
    "query",
    [
        *("page=0", "page=-1", "page=x", "page=", "page=1.5", "page=+", "page=1e1", "page=%D9%A3"),
        *(
            "per_page=0",
            "per_page=1001",
            "per_page=1_001",
            "per_page=%201001.0",
            "per_page=x&per_page=",
            "page=99&page=z",
        ),
        *("is_active=maybe", "is_active=", "is_active=%20true", "status=running", "status=", "status=RUNNING%20"),
        "page=0&per_page=5000&status=x&is_active=z",
        "is_active=2&status=x&page=%00&per_page=%ff",
        "page=" + "9" * 4_301,
    ],
    ids=lambda query: query[:40],
)
def test_a_refusal_of_primes_is_fastapis(query: str) -> None:
    """Status and body are those of a stock application with the declared parameters."""
    stock_, ours = ask("prime", f"{PATHS['prime']}?{query}")
    assert (ours.status, sorted_issues(ours)) == (stock_.status, sorted_issues(stock_))
    assert stock_.status == 422


def sorted_issues(reply: Reply) -> list[Any]:
    return sorted(reply.value["detail"], key=str)


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "limit="])
def test_a_refusal_of_instavms_is_fastapis(query: str) -> None:
    """Status and body are those of a stock application with the declared parameters."""
    stock_, ours = ask("instavm", f"{PATHS['instavm']}?{query}")
    assert (ours.status, ours.value) == (stock_.status, stock_.value)


@pytest.mark.parametrize("text", ["1.0", "%205", "5%20", "1_0", "+7", "007", "%C2%A05.00", "1_00.0"])
@pytest.mark.parametrize("slug", OURS)
def test_numbers_are_those_of_pydantic(slug: str, text: str) -> None:
    """What pydantic takes for a number is one, and the page is as long as it says."""
    name = "per_page" if slug == "prime" else "limit"
    stock_, ours = ask(slug, f"{OURS[slug]}?{name}={text}")
    assert (stock_.status, ours.status) == (200, 200)
    if slug == "prime":
        assert ours.value["per_page"] == stock_.value["per_page"] == len(ours.value["sandboxes"])
