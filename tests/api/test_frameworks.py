"""What the three providers that are FastAPI applications have from their framework, held against a stock one."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from importlib.metadata import version
from typing import Annotated, Any, cast
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI, Query

from tests.support.admin import admin, done
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


@pytest.mark.parametrize("method", ["HEAD", "PUT", "PATCH", "OPTIONS", "BREW"])
@pytest.mark.parametrize("slug", OURS)
def test_a_method_that_is_not_routed_is_refused_as_by_the_framework(slug: str, method: str) -> None:
    """HEAD too, which answers as GET elsewhere; Allow names the method of the first route alone."""
    stock_, ours = ask(slug, OURS[slug], method)
    assert (ours.status, ours.headers["allow"]) == (stock_.status, stock_.headers["allow"]) == (405, "GET")
    if slug != "dreadnode" and method != "HEAD":
        assert ours.value == stock_.value


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("tail", ["/", "//", "/?", "/?limit=1&per_page=%202", "/?x=%C3%BC%25[]&y=a+b"])
@pytest.mark.parametrize("slug", OURS)
def test_a_slash_too_many_is_redirected_as_by_the_framework(slug: str, tail: str, method: str) -> None:
    """Whatever the method, without a credential, and with the query; from within a namespace, to the same one."""
    path = OURS[slug] + tail
    stock_ = call(cast(Any, stock()), path, method=method)
    found = urlsplit(stock_.headers["location"])
    target = found.path + (f"?{found.query}" if found.query else "")
    for prefix in (f"/{slug}", f"/ns/one/{slug}"):
        ours = call(app(), prefix + path, method=method)
        assert (ours.status, ours.body, ours.media_type) == (stock_.status, stock_.body, stock_.media_type)
        assert ours.headers["location"] == prefix + target


def test_a_redirect_quotes_what_a_path_may_not_hold() -> None:
    """The path is decoded before it is matched, and encoded once more for the header."""
    target = "/api/v1/org/a%20%3F%23%0D%0A%C3%BC%22/sandboxes"
    stock_, ours = ask("dreadnode", f"{target}/")
    assert ours.headers["location"] == f"/dreadnode{target}"
    assert ours.status == stock_.status
    if not version("starlette").startswith("0."):  # Those of before let a decoded question mark begin the query.
        assert urlsplit(stock_.headers["location"]).path == target
    # Starlette leaves a percent sign as it is, which is then none of the path that was asked for.
    odd = "/dreadnode/api/v1/org/100%25/sandboxes"
    assert call(app(), f"{odd}/").headers["location"] == odd


def test_a_single_provider_redirects_at_the_root() -> None:
    """With `--only` it answers there as well, so its paths have no prefix."""
    alone = app_of(size=20, only=("prime",))
    assert call(alone, "/api/v1/sandbox/").headers["location"] == "/api/v1/sandbox"


def test_the_journal_says_that_a_client_has_to_follow() -> None:
    """Most HTTP libraries do not follow a redirect by themselves."""
    own = app_of(size=20)
    call(own, "/prime/api/v1/sandbox/")
    (entry,) = done(admin(own, "GET", "/requests"))["requests"]
    assert (entry["status"], entry["unserved"]) == (307, None)
    assert any("redirects" in warning for warning in entry["warnings"])


def test_what_is_no_path_with_another_slash_either_is_unknown() -> None:
    """Nothing is redirected to a path that is none."""
    stock_, ours = ask("prime", "/nobody/")
    assert (ours.status, ours.value) == (stock_.status, stock_.value) == (404, {"detail": "Not Found"})
    assert call(app(), f"/superserve{PATHS['superserve']}/", headers=credential("superserve")).status == 404
