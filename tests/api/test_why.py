"""Why a request was answered as it was: every part of it is what the API itself counts."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from fakeserver.serving.app import App
from tests.api.test_admin import held
from tests.support.admin import admin, arrive, done, listing, refused, small_app
from tests.support.asgi import FACETS, PATHS, SLUGS, call, credential, get, ids, main_tenant, rows


@pytest.fixture
def app() -> App:
    return small_app(size=300)


def why(app: App, number: int | None = None, *, ns: str = "") -> Any:
    """What the newest entry, or that of a number, is explained by; as the contract has it."""
    if number is None:
        number = done(admin(app, "GET", "/requests?limit=1", ns=ns))["requests"][0]["id"]
    reply = held("GET", f"/requests/{number}", admin(app, "GET", f"/requests/{number}", ns=ns))
    assert reply.value["request"] == done(admin(app, "GET", "/requests", ns=ns))["requests"][-number]
    return reply.value["why"]


def total_of(app: App, query: str) -> int:
    found: int = listing(app, "prime", query).value["total"]
    return found


def test_filters_are_counted_one_after_the_other(app: App) -> None:
    """Each alone, and with those before it; the last leaves what the listing has as its total."""
    alone, labels = total_of(app, "status=RUNNING"), total_of(app, "labels=prod")
    both = total_of(app, "status=RUNNING&labels=prod")
    listing(app, "prime", "labels=prod&status=RUNNING&nothing=1&page=2&per_page=3")
    told = why(app)
    assert told["operation"] == {"id": "listSandboxes", "method": "GET", "path": PATHS["prime"]}
    assert (told["caller"], told["fault"]) == ("admin", None)
    assert told["scope"] == {"tenant": "main", "owner": None, "documents": total_of(app, "")}
    assert told["filters"] == [
        {"parameter": "status", "field": "status", "value": "RUNNING", "finds": alone, "left": alone},
        {"parameter": "labels", "field": "labels", "value": ["prod"], "finds": labels, "left": both},
    ]
    assert told["unset"] == ["team_id", "user_id", "is_active"]
    assert told["ignored"] == ["nothing"]
    assert told["total"] == both
    assert told["page"] == {
        "size": 3, "offset": 3, "number": 2, "pages": -(-both // 3), "rows": min(3, both - 3), "has_next": both > 6,
    }  # fmt: skip


@pytest.mark.parametrize("slug", SLUGS)
def test_a_page_is_the_one_that_was_sent(app: App, slug: str) -> None:
    """In every style of paging."""
    sent = rows(slug, get(app, slug, {"prime": "per_page=7"}.get(slug, "limit=7")))
    told = why(app)
    assert (told["page"]["rows"], told["page"]["size"]) == (len(sent), 7)
    assert told["page"]["has_next"] is (slug != "instavm")
    assert told["total"] == told["scope"]["documents"]


def test_a_cursor_is_followed(app: App) -> None:
    """The second page is explained as such: as many rows as it had."""
    cursor = get(app, "dreadnode", "limit=100").value["next_cursor"]
    sent = get(app, "dreadnode", f"limit=100&cursor={cursor}").value["items"]
    assert why(app)["page"]["rows"] == len(sent)


def test_facets_have_filters_and_no_page(app: App) -> None:
    found = get(app, "dreadnode", "state=paused", path=FACETS).value["states"]
    told = why(app)
    assert told["filters"][0]["left"] == told["total"] == found[0]["count"]
    assert told["page"] is None


def test_a_choice_that_confines_a_list_is_told_as_a_filter(app: App) -> None:
    """Superserve's list leaves out states that its page does not know."""
    get(app, "superserve")
    told = why(app)
    assert [(each["field"], each["left"]) for each in told["filters"]] == [("status", told["total"])]
    done(admin(app, "PUT", "/settings", {"switches": {"superserve": {"states": "server"}}}))
    get(app, "superserve")
    assert why(app)["filters"] == []


def test_whose_documents_a_member_sees(app: App) -> None:
    """In Dreadnode their own alone."""
    seen = get(app, "dreadnode", "limit=100", who="member")
    told = why(app)
    assert told["scope"]["tenant"] == "acme"
    assert told["scope"]["owner"] is not None
    assert told["scope"]["documents"] < len(main_tenant(app, "dreadnode").everything)
    assert told["page"]["rows"] == len(seen.value["items"])


def test_what_was_asked_of_the_fake_is_neither_applied_nor_ignored(app: App) -> None:
    listing(app, "prime", "__code=429&status=RUNNING")
    told = why(app)
    assert told["fault"] == "code=429"
    assert (told["filters"], told["ignored"], told["page"]) == ([], [], None)


@pytest.mark.parametrize(
    ("path", "key", "operation"),
    [
        ("/prime/nowhere", "prime-admin-key", None),
        (f"/prime{PATHS['prime']}", "nobody", "listSandboxes"),
        (f"/prime{PATHS['prime']}?status=WRONG", "prime-admin-key", "listSandboxes"),
        (f"/prime{PATHS['prime']}/nobody", "prime-admin-key", "getSandbox"),
        (f"/prime{PATHS['prime']}?team_id=nobody", "prime-admin-key", "listSandboxes"),
    ],
    ids=["nowhere", "stranger", "wrong", "missing", "forbidden"],
)
def test_refusals_are_explained_as_far_as_they_got(app: App, path: str, key: str, operation: str | None) -> None:
    """And none of them makes the explanation fail."""
    assert call(app, path, headers={"authorization": f"Bearer {key}"}).status >= 400
    told = why(app)
    assert (told["operation"] and told["operation"]["id"]) == operation
    assert told["page"] is None


def test_an_expired_cursor_is_explained_without_a_page(app: App) -> None:
    """What was right when it was asked may be refused by now."""
    cursor = get(app, "dreadnode", "limit=2").value["next_cursor"]
    assert get(app, "dreadnode", f"limit=2&cursor={cursor}").status == 200
    done(admin(app, "PUT", "/clock", {"action": "advance", "seconds": 40 * 86_400}))
    assert why(app)["page"] is None


def test_entries_of_a_snapshot_are_explained_too(app: App) -> None:
    """Their values are JSON by then."""
    listing(app, "prime", "labels=prod&per_page=5")
    told = why(app, 1)
    done(admin(app, "PUT", "/snapshot", admin(app, "GET", "/snapshot").body))
    assert {**why(app, 1), "as_of": ""} == {**told, "as_of": ""}


def test_a_masked_query_is_explained(app: App) -> None:
    """The journal keeps no credential, so neither does this."""
    path = f"/prime{PATHS['prime']}?api_key=prime-admin-key&status=RUNNING"
    call(app, path, headers=credential("prime"))
    reply = admin(app, "GET", "/requests/1")
    assert b"prime-admin-key" not in reply.body
    assert why(app)["filters"][0]["parameter"] == "status"


@pytest.mark.parametrize("number", ["0", "2", "x", "-1", "1.0", "9" * 30, "%D9%A1"])
def test_what_the_journal_does_not_have(app: App, number: str) -> None:
    arrive(app, "/prime/nowhere")
    refused(admin(app, "GET", f"/requests/{number}"), 404, "id")


def test_documents_are_those_of_now(app: App) -> None:
    """What was deleted since is counted no more."""
    ids_before = ids("superserve", rows("superserve", get(app, "superserve", "limit=1")))
    total = why(app, 1)["total"]
    assert (
        call(app, f"/superserve/sandboxes/{ids_before[0]}", method="DELETE", headers=credential("superserve")).status
        < 300
    )
    assert why(app, 1)["total"] == total - 1


@pytest.mark.parametrize("query", ["provider=nobody", "operation=nobody", "provider=prime&operation=nobody"])
def test_errors_of_what_is_not_there(app: App, query: str) -> None:
    reply = admin(app, "GET", f"/errors?{query}")
    assert reply.status in (404, 422)
    assert "nobody" in reply.value["detail"]


def test_errors_of_one_operation(app: App) -> None:
    """The same rows as in the whole list, without the others."""
    whole = done(admin(app, "GET", "/errors"))
    wanted = [each for each in whole if (each["provider"], each["operation"]) == ("prime", "createSandbox")]
    assert done(admin(app, "GET", "/errors?provider=prime&operation=createSandbox")) == wanted
    assert done(admin(app, "GET", "/errors?provider=prime")) == [each for each in whole if each["provider"] == "prime"]


def test_long_lists_come_compressed_for_who_takes_that(app: App) -> None:
    for path in ("/errors", "/providers"):
        plain, packed = (admin(app, "GET", path, headers={"accept-encoding": each}) for each in ("", "gzip"))
        assert "content-encoding" not in plain.headers
        assert gzip.decompress(packed.body) == plain.body
        assert int(packed.headers["content-length"]) == len(packed.body)
