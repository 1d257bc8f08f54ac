"""The journal: what it says of a request, what it never says, and how a test asks it."""

from __future__ import annotations

from typing import Any

import pytest

from fakeserver.serving.app import App
from fakeserver.worlds.journal import MAX_ENTRIES
from tests.support.admin import Machine, admin, arrive, done, listing, refused, small_app
from tests.support.asgi import PATHS, SLUGS, call, credential

CANARY = "canary-0f3a9c"


@pytest.fixture
def app(machine: Machine) -> App:
    """A server whose clock stands still until a test moves it."""
    return small_app(size=20)


def entries(app: App, ns: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = done(admin(app, "GET", "/requests", ns=ns))["requests"]
    return found


def warned(app: App, slug: str, query: str) -> list[str]:
    listing(app, slug, query)
    found: list[str] = entries(app)[0]["warnings"]
    return found


def test_fields_of_an_entry(app: App) -> None:
    """An entry has the request, the operation, the caller's name, the decoded values and the answer's status."""
    listing(app, "prime", "labels=a&labels=b&is_active=true&page=2", who="member")
    assert entries(app) == [
        {
            "id": 1,
            "time": "2026-01-18T10:30:00.000000Z",
            "method": "GET",
            "path": "/prime/api/v1/sandbox",
            "query": "labels=a&labels=b&is_active=true&page=2",
            "provider": "prime",
            "operation": "listSandboxes",
            "caller": "member",
            "values": {
                "team_id": None,
                "user_id": None,
                "status": None,
                "is_active": True,
                "labels": ["a", "b"],
                "page": 2,
                "per_page": 50,
            },
            "status": 200,
            "fault": None,
            "unserved": None,
            "warnings": [],
            "scenario": None,
        }
    ]


def test_entries_of_refused_requests(app: App) -> None:
    """Refusals are written down with what was known when they happened, newest first, and faults by their label."""
    arrive(app, "/prime/nowhere")
    arrive(app, f"/prime{PATHS['prime']}", method="PUT")
    arrive(app, f"/prime{PATHS['prime']}", authorization="Bearer nobody")
    listing(app, "prime", "page=0")
    listing(app, "prime", prefer="code=503")
    listing(app, "prime", prefer="fault=HTML_GATEWAY")
    listing(app, "instavm", "metadata=%7B%22n%22%3A1.50%7D")
    told = [(each["operation"], each["caller"], each["status"], each["fault"]) for each in reversed(entries(app))]
    assert told == [
        (None, None, 404, None),
        (None, None, 405, None),
        ("listSandboxes", None, 401, None),
        ("listSandboxes", "admin", 422, None),
        ("listSandboxes", "admin", 503, "code=503"),
        ("listSandboxes", "admin", 502, "fault=HTML_GATEWAY"),
        ("listSandboxes", "admin", 200, None),
    ]
    assert entries(app)[0]["values"] == {"metadata": {"n": "1.50"}, "limit": 100}
    assert entries(app)[3]["values"] is None
    unmatched = done(admin(app, "GET", "/requests/unmatched"))["requests"]
    assert [each["path"] for each in unmatched] == [f"/prime{PATHS['prime']}", "/prime/nowhere"]


def test_journal_is_a_ring(app: App) -> None:
    """The last thousand entries are kept and all are counted; it can be emptied."""
    for number in range(MAX_ENTRIES + 5):
        listing(app, "prime", f"page={number + 1}&per_page=1")
    value = done(admin(app, "GET", "/requests"))
    assert value["meta"] == {"total": MAX_ENTRIES + 5, "most": MAX_ENTRIES, "dropped": 5, "left": []}
    assert [each["id"] for each in value["requests"]] == [*range(MAX_ENTRIES + 5, 5, -1)]
    assert [each["id"] for each in done(admin(app, "GET", "/requests?limit=2"))["requests"]] == [1_005, 1_004]
    done(admin(app, "DELETE", "/requests"))
    assert done(admin(app, "GET", "/requests")) == {
        "requests": [],
        "meta": {"total": 0, "most": MAX_ENTRIES, "dropped": 0, "left": []},
    }


def test_long_requests_are_cut(app: App) -> None:
    """A long query is kept up to a bound."""
    listing(app, "prime", "labels=" + "x" * 5_000)
    assert len(entries(app)[0]["query"]) == 2_000


def test_credentials_are_never_shown(app: App) -> None:
    """No credential, right or wrong, with a suffix or in the wrong place, comes back by any admin call."""
    for slug in SLUGS:
        for suffix in ("", "+code=503,times=2", "+code=503,after=1"):
            key = f"{slug}-{CANARY}{suffix}"
            call(app, f"/{slug}{PATHS[slug]}", headers={"authorization": f"Bearer {key}", "x-api-key": key})
            listing(app, slug, suffix=suffix)
        call(app, f"/{slug}{PATHS[slug]}?api_key={CANARY}&limit=1&Access_Token={CANARY}", headers=credential(slug))
        call(app, f"/{slug}{PATHS[slug]}?token={CANARY}", headers=credential(slug) | {"cookie": CANARY})
    for path in ("/requests", "/requests/unmatched", "/faults", "/settings", "/clock", "/health", "/snapshot"):
        body = admin(app, "GET", path).body
        assert CANARY.encode() not in body, path
        assert b"-key" not in body, path
    assert CANARY.encode() not in admin(app, "GET", "/errors").body
    assert b"-key" not in admin(app, "POST", "/requests/find", {}).body
    assert "api_key=…&limit=1&Access_Token=…" in [each["query"] for each in entries(app)]


# Warnings


@pytest.mark.parametrize(
    ("slug", "query", "warning"),
    [
        ("prime", "per_pag=10", "parameter 'per_pag' is not on the reference page and was ignored"),
        ("instavm", "state=active", "parameter 'state' is not on the reference page and was ignored"),
        ("prime", "page=1&page=2", "parameter 'page' was given more than once; the last value was used"),
        ("prime", "is_active=True", "is_active=True is not how the page spells a boolean"),
        ("prime", "is_active=1", "is_active=1 is not how the page spells a boolean"),
    ],
)
def test_client_warnings(app: App, slug: str, query: str, warning: str) -> None:
    """What the real API would ignore or misread is noted at the request."""
    assert warned(app, slug, query) == [warning]


@pytest.mark.parametrize(
    ("slug", "query"),
    [
        ("prime", "labels=a&labels=b&is_active=true"),
        ("superserve", "metadata.env=prod&status=active,paused&limit=3"),
        ("dreadnode", "state=running&state=paused"),
        ("prime", "__code=200"),
    ],
)
def test_good_manners_are_not_warned_of(app: App, slug: str, query: str) -> None:
    """Requests as the page has them carry no warning."""
    assert warned(app, slug, query) == []


def test_double_slash_is_noticed(app: App) -> None:
    """A base URL that ends in a slash makes a path with two; the 404 says why."""
    call(app, f"/superserve/{PATHS['superserve']}", headers=credential("superserve"))
    assert entries(app)[0]["status"] == 404
    assert "double slash" in entries(app)[0]["warnings"][0]


def test_ignored_retry_after_is_noticed(app: App, machine: Machine) -> None:
    """A request before the time that Retry-After gave is noted, on the world's clock; one after it is not."""
    fault = {"provider": "prime", "operation": "listSandboxes", "code": 503, "headers": {"Retry-After": "3"}}
    done(admin(app, "POST", "/faults", {**fault, "times": 2}))
    listing(app, "prime")
    listing(app, "prime", who="member", suffix="+code=200")
    machine.wait(1)
    assert warned(app, "prime", "page=1") == ["Retry-After was ignored: 2.0 s too early"]
    machine.wait(3)
    assert warned(app, "prime", "page=2") == []


def test_loop_over_one_page_is_noticed(app: App) -> None:
    """The fifth equal request for a page in a row looks like a loop that never turns it; others do not."""
    warnings = [warned(app, "prime", "page=1&per_page=2") for _ in range(6)]
    assert [len(each) for each in warnings] == [0, 0, 0, 0, 1, 0]
    assert "never turns the page" in warnings[4][0]
    assert not any(warned(app, "prime", f"page={page}&per_page=2") for page in range(1, 8))


# Patterns


@pytest.fixture
def written(app: App) -> App:
    """A journal with five entries."""
    listing(app, "prime", "page=1")
    listing(app, "prime", "page=2&labels=Prod&labels=gpu", who="member")
    listing(app, "superserve", "metadata.env=prod")
    listing(app, "prime", "page=3", prefer="code=503")
    arrive(app, "/prime/nowhere", method="POST")
    return app


PATTERNS: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [5, 4, 3, 2, 1]),
    ({"method": "GET"}, [4, 3, 2, 1]),
    ({"method": "ANY"}, [5, 4, 3, 2, 1]),
    ({"method": "POST"}, [5]),
    ({"url": "/prime/api/v1/sandbox?page=1"}, [1]),
    ({"urlPath": "/prime/api/v1/sandbox"}, [4, 2, 1]),
    ({"urlPattern": r"/prime/api/v1/sandbox\?page=[12].*"}, [2, 1]),
    ({"urlPathPattern": r"/superserve/.*"}, [3]),
    ({"urlPathPattern": r"/\w{5}/\w{3}/\w{2}/\w{7}"}, [4, 2, 1]),
    ({"urlPathPattern": r"/prime"}, []),
    ({"urlPattern": r"/(prime|superserve)/.*=\w+"}, [4, 3, 2, 1]),
    ({"provider": "prime", "status": 200}, [2, 1]),
    ({"caller": "member"}, [2]),
    ({"caller": None}, [5]),
    ({"operation": None}, [5]),
    ({"fault": "code=503"}, [4]),
    ({"fault": None}, [5, 3, 2, 1]),
    ({"queryParameters": {"page": {"equalTo": "1"}}}, [1]),
    ({"queryParameters": {"labels": {"equalTo": "prod"}}}, []),
    ({"queryParameters": {"labels": {"equalTo": "prod", "caseInsensitive": True}}}, [2]),
    ({"queryParameters": {"labels": {"contains": "pu"}}}, [2]),
    ({"queryParameters": {"page": {"doesNotContain": "1"}}}, [4, 2]),
    ({"queryParameters": {"page": {"matches": "[23]"}}}, [4, 2]),
    ({"queryParameters": {"page": {"doesNotMatch": "[23]"}}}, [1]),
    ({"queryParameters": {"page": {"absent": True}}}, [5, 3]),
    ({"queryParameters": {"metadata.env": {"equalTo": "prod"}}, "provider": "superserve"}, [3]),
]


@pytest.mark.parametrize(("pattern", "found"), PATTERNS, ids=str)
def test_patterns_find_and_count(written: App, pattern: dict[str, Any], found: list[int]) -> None:
    """WireMock's names find the entries that they describe, newest first, and count as many."""
    value = done(admin(written, "POST", "/requests/find", pattern))
    assert [each["id"] for each in value["requests"]] == found
    assert done(admin(written, "POST", "/requests/count", pattern)) == {"count": len(found)}


@pytest.mark.parametrize(
    ("pattern", "field"),
    [
        ({"urls": "/"}, "urls"),
        ({"method": 1}, "method"),
        ({"url": None}, "url"),
        ({"status": "200"}, "status"),
        ({"status": True}, "status"),
        ({"provider": ["prime"]}, "provider"),
        ({"queryParameters": []}, "queryParameters"),
        ({"queryParameters": {"page": "1"}}, "queryParameters.page"),
        ({"queryParameters": {"page": {}}}, "queryParameters.page"),
        ({"queryParameters": {"page": {"like": "1"}}}, "queryParameters.page.like"),
        ({"queryParameters": {"page": {"equalTo": 1}}}, "queryParameters.page.equalTo"),
        ({"queryParameters": {"page": {"absent": "yes"}}}, "queryParameters.page.absent"),
        ({"queryParameters": {"page": {"matches": "("}}}, "queryParameters.page.matches"),
        ({"urlPattern": 7}, "urlPattern"),
        ({"urlPattern": "[a-"}, "urlPattern"),
        ({"urlPattern": "a" * 201}, "urlPattern"),
        ({"urlPattern": r"(.+)\1\1"}, "urlPattern"),
        ({"urlPattern": "(?=(a+)+b)"}, "urlPattern"),
        ({"urlPattern": "[ab]*a" + "[ab]{999}" * 20}, "urlPattern"),
        ({"queryParameters": {"page": {"doesNotMatch": r"(.)\1"}}}, "queryParameters.page.doesNotMatch"),
        ({"urlPattern": "a{1,99999999999}"}, "urlPattern"),
        ({"urlPathPattern": "(" * 100 + ")" * 100 + "*+?"}, "urlPathPattern"),
    ],
    ids=lambda each: str(each)[:60],
)
def test_patterns_that_are_refused(written: App, pattern: dict[str, Any], field: str) -> None:
    """A pattern that is not one, and an expression that is not regular or counts too far, is refused by its field."""
    for path in ("/requests/find", "/requests/count"):
        refused(admin(written, "POST", path, pattern), 422, field)


@pytest.mark.parametrize(
    ("expression", "count"),
    [
        ("(a+)+b", 0),
        ("(a|a)*b", 0),
        ("(a|aa){40}b", 0),
        ("(a|aa)" * 28 + "b", 0),
        (".*.*.*b", 0),
        ("a?" * 50 + "a" * 50, 0),
        ("(((a*)*)*)*", 20),
        ("(x+x+)+y|(a|aa)+", 20),
        ("(.*a){10}.*", 20),
    ],
    ids=lambda each: str(each)[:30],
)
def test_expressions_that_make_others_hang_are_answered(app: App, expression: str, count: int) -> None:
    """What takes a backtracking engine longer than the universe is as quick as anything else, in a path and a value."""
    for number in range(20):
        listing(app, "prime", f"status={'a' * (1_900 - number)}")
    pattern: dict[str, Any] = {"queryParameters": {"status": {"matches": expression}}}
    assert done(admin(app, "POST", "/requests/count", pattern)) == {"count": count}
    pattern = {"urlPattern": f".*status=({expression})"}
    assert done(admin(app, "POST", "/requests/count", pattern)) == {"count": count}


@pytest.mark.parametrize(
    "pattern",
    [
        {"urlPattern": ".*s=[ab]*a[ab]{300}"},
        {"queryParameters": {"status": {"matches": "([ab]*a){100}[ab]{100}"}}},
        {"queryParameters": {f"status{number or ''}": {"matches": "a{99}"} for number in range(20)}},
    ],
    ids=["path", "value", "names"],
)
def test_the_work_of_a_pattern_is_bounded(app: App, pattern: dict[str, Any]) -> None:
    """A large pattern is answered over few entries and refused over a full journal of long ones; a small one is not."""
    listing(app, "prime", "status=a")
    assert done(admin(app, "POST", "/requests/count", pattern)) == {"count": 0}
    for number in range(MAX_ENTRIES):
        listing(app, "prime", f"status={'ab' * 900}{number}")
    for path in ("/requests/find", "/requests/count"):
        refused(admin(app, "POST", path, pattern), 422, "body")
    assert done(admin(app, "POST", "/requests/count", {"urlPattern": ".*a.*b.*"})) == {"count": MAX_ENTRIES}


def test_case_insensitive_holds_for_every_operator(written: App) -> None:
    """Also for an expression in capitals, which no value in small letters would match."""
    for operator in ("matches", "contains", "equalTo"):
        pattern = {"queryParameters": {"labels": {operator: "PROD", "caseInsensitive": True}}}
        assert done(admin(written, "POST", "/requests/count", pattern)) == {"count": 1}
    for operator in ("doesNotMatch", "doesNotContain"):
        pattern = {"queryParameters": {"labels": {operator: "[PG].*", "caseInsensitive": True}}}
        expected = {"count": 0 if operator == "doesNotMatch" else 1}
        assert done(admin(written, "POST", "/requests/count", pattern)) == expected


def test_journals_are_apart(app: App) -> None:
    """Each namespace has a journal of its own, and admin calls are in none."""
    listing(app, "prime", ns="one")
    listing(app, "prime", ns="two")
    listing(app, "instavm", ns="two")
    assert [len(entries(app, ns)) for ns in ("", "one", "two")] == [0, 1, 2]
    assert entries(app, "two")[0]["path"] == "/instavm/v1/sessions/sandboxes"
