"""Callers: who sees whose documents, and which credentials are taken."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from tests.support.asgi import FACETS, PATHS, SLUGS, Reply, app_of, call, credential, get, ids, rows, service, tenants

ADMIN, MEMBER = "7d0cbb2e-5a57-4a5c-9d5e-0f3a6a1f0001", "7d0cbb2e-5a57-4a5c-9d5e-0f3a6a1f0002"


@cache
def app() -> Any:
    return app_of(size=200)


def owned(slug: str, tenant: str, owner: str | None = None) -> list[str]:
    collection = tenants(app(), slug)[tenant]
    kept = [rank for rank in collection.everything if owner in (None, collection.owner(rank))]
    return ids(slug, (collection.document(rank) for rank in kept))


def in_dialect(slug: str, reply: Reply, status: int) -> bool:
    """A refusal in the provider's own words."""
    value = reply.value
    if slug == "dreadnode":
        types = {401: "authentication_error", 403: "forbidden_error", 404: "not_found_error"}
        said = (value["code"], value["type"]) == (status, types[status]) and isinstance(value["detail"], str)
    elif slug == "superserve":
        codes = {401: "auth_failed", 403: "forbidden", 404: "not_found"}
        said = value["error"]["code"] == codes[status] and isinstance(value["error"]["message"], str)
    else:
        said = set(value) == {"detail"} and isinstance(value["detail"], str)
    return reply.status == status and said and reply.media_type == "application/json"


# Dreadnode: an org's admin sees everything, a member their own, and nobody else anything.


@pytest.mark.parametrize(
    ("who", "org", "sees"),
    [
        ("admin", "acme", None),
        ("admin", "globex", None),
        ("admin", "outsider", 403),
        ("admin", "nobody", 404),
        ("member", "acme", MEMBER),
        ("member", "globex", 403),
        ("member", "nobody", 404),
        ("outsider", "acme", 403),
        ("outsider", "globex", 403),
        ("outsider", "outsider", None),
        ("outsider", "nobody", 404),
        ("admin", "ACME", 404),
        ("admin", "acme%20", 404),
        ("admin", "main", 404),
    ],
)
def test_dreadnode_orgs(who: str, org: str, sees: int | str | None) -> None:
    """An org's admin sees all of it, a member their own; an unknown org is a 404, one without membership a 403."""
    path = f"/api/v1/org/{org}/sandboxes"
    reply = get(app(), "dreadnode", "limit=100", who=who, path=path)
    facets = get(app(), "dreadnode", who=who, path=f"{path}/facets")
    if isinstance(sees, int):
        assert in_dialect("dreadnode", reply, sees)
        assert in_dialect("dreadnode", facets, sees)
        return
    expected = owned("dreadnode", org, sees)
    assert expected
    assert ids("dreadnode", rows("dreadnode", reply)) == expected[:100]
    assert sum(each["count"] for each in facets.value["states"]) == len(expected)


def test_a_member_sees_a_proper_part() -> None:
    """A dreadnode member's sandboxes are some of the org's, but not all."""
    mine, everyone = owned("dreadnode", "acme", MEMBER), owned("dreadnode", "acme")
    assert 0 < len(mine) < len(everyone)
    assert set(mine) < set(everyone)
    assert set(mine).isdisjoint(owned("dreadnode", "acme", ADMIN))


# Prime: design.md's table, row by row. A list of (tenant, user) is what is seen, a number is a refusal.


@pytest.mark.parametrize(
    ("who", "query", "sees"),
    [
        # Without team_id: the caller's personal account only.
        ("admin", "", ("main", None)),
        ("member", "", ("member", None)),
        ("outsider", "", ("outsider", None)),
        ("admin", "team_id=&user_id=", ("main", None)),
        # With it: that team, whole.
        ("admin", "team_id=research", ("research", None)),
        ("member", "team_id=research", ("research", None)),
        # A team one is not in, whether it exists or not; an account is not a team.
        ("outsider", "team_id=research", 403),
        ("admin", "team_id=nobody", 403),
        ("member", "team_id=nobody", 403),
        ("admin", "team_id=main", 403),
        ("admin", "team_id=member", 403),
        ("member", "team_id=member", 403),
        ("member", "team_id=main", 403),
        ("outsider", "team_id=outsider", 403),
        ("admin", "team_id=RESEARCH", 403),
        # One's own user_id needs no rights.
        ("admin", "user_id=user_admin", ("main", "user_admin")),
        ("member", "user_id=user_member", ("member", "user_member")),
        ("admin", "team_id=research&user_id=user_admin", ("research", "user_admin")),
        ("member", "team_id=research&user_id=user_member", ("research", "user_member")),
        # Another's needs a team that the caller administers.
        ("admin", "team_id=research&user_id=user_member", ("research", "user_member")),
        ("admin", "team_id=research&user_id=user_former", ("research", "user_former")),
        ("admin", "team_id=research&user_id=user_nobody", ("research", "user_nobody")),
        ("admin", "user_id=user_member", 403),
        ("admin", "user_id=user_nobody", 403),
        ("member", "user_id=user_admin", 403),
        ("member", "team_id=research&user_id=user_admin", 403),
        ("member", "team_id=research&user_id=user_former", 403),
        ("outsider", "user_id=user_admin", 403),
        ("outsider", "team_id=research&user_id=user_outsider", 403),
        ("outsider", "team_id=research&user_id=user_admin", 403),
    ],
)
def test_prime_teams_and_users(who: str, query: str, sees: tuple[str, str | None] | int) -> None:
    """Prime shows a personal account, or a team to its members, and another user's rows to the team's admin only."""
    reply = get(app(), "prime", f"per_page=1000&{query}", who=who)
    if isinstance(sees, int):
        assert in_dialect("prime", reply, sees)
        return
    tenant, user = sees
    documents = list(tenants(app(), "prime")[tenant].documents())
    expected = [each["id"] for each in documents if user in (None, each["userId"])]
    assert bool(expected) is (user != "user_nobody")
    listed = rows("prime", reply)
    assert ids("prime", listed) == expected
    assert {each["teamId"] for each in listed} <= {"research" if tenant == "research" else None}


def test_a_prime_refusal_does_not_say_whether_the_team_exists() -> None:
    """A stranger's 403 is the same for a team that exists and for one that does not."""
    known = get(app(), "prime", "team_id=research", who="outsider")
    assert known.body == get(app(), "prime", "team_id=nobody", who="outsider").body


# InstaVM and Superserve: an account, shared by its members.


@pytest.mark.parametrize("slug", ["instavm", "superserve"])
def test_accounts_are_apart(slug: str) -> None:
    """An account's admin and member see the same list, and an outsider sees another one, with nothing in common."""
    query = "limit=1000" if slug == "instavm" else ""
    admin, member, outsider = (
        ids(slug, rows(slug, get(app(), slug, query, who=who))) for who in ("admin", "member", "outsider")
    )
    assert admin == member == owned(slug, "main")
    assert outsider == owned(slug, "outsider")
    assert outsider
    assert set(outsider).isdisjoint(admin)


# Credentials.


@pytest.mark.parametrize("who", ["admin", "member", "outsider"])
@pytest.mark.parametrize("slug", SLUGS)
def test_the_three_callers_exist(slug: str, who: str) -> None:
    """Each provider's three credentials are those that the start screen and the documentation promise."""
    assert f"{slug}-{who}-key" in service(app(), slug).fixture.callers
    path = "/api/v1/org/outsider/sandboxes" if (slug, who) == ("dreadnode", "outsider") else ""
    assert get(app(), slug, who=who, path=path).status == 200


@pytest.mark.parametrize(
    ("slug", "header", "taken"),
    [
        ("dreadnode", "Authorization", True),
        ("dreadnode", "X-API-Key", True),
        ("instavm", "Authorization", True),
        ("instavm", "X-API-Key", True),
        ("prime", "Authorization", True),
        ("prime", "X-API-Key", False),
        ("superserve", "Authorization", False),
        ("superserve", "X-API-Key", True),
    ],
)
def test_where_a_credential_may_travel(slug: str, header: str, taken: bool) -> None:
    """A credential counts in the headers that the provider's security names, and nowhere else."""
    key = f"{slug}-admin-key"
    value = f"Bearer {key}" if header == "Authorization" else key
    reply = call(app(), f"/{slug}{PATHS[slug]}", headers={header: value})
    assert reply.status == (200 if taken else 401)


def operations() -> list[tuple[str, str]]:
    return [*PATHS.items(), ("dreadnode", FACETS)]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"X-API-Key": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "{key}"},
        {"Authorization": "Basic {key}"},
        {"Authorization": "Token {key}"},
        {"Authorization": "Bearer{key}"},
        {"Authorization": "Bearer {key}x"},
        {"Authorization": "Bearer {KEY}"},
        {"Authorization": "Bearer x{key}"},
        {"Authorization": "Bearer {key},{key}"},
        {"Authorization": "Bearer nobody"},
        {"X-API-Key": "nobody"},
        {"X-API-Key": "Bearer {key}"},
        {"X-API-Key": "{key}\u00e9"},
        {"X-API-Key": "{other}"},
        {"Authorization": "Bearer {other}"},
        {"Cookie": "token={key}"},
        {"Authorization": "Bearer nobody", "X-API-Key": "nobody"},
    ],
    ids=str,
)
@pytest.mark.parametrize(("slug", "path"), operations())
def test_other_credentials_are_refused(slug: str, path: str, headers: dict[str, str]) -> None:
    """Without a credential, with another scheme, another provider's key or garbage, the answer is a 401."""
    key = f"{slug}-admin-key"
    other = f"{'prime' if slug != 'prime' else 'instavm'}-admin-key"
    filled = {name: text.format(key=key, KEY=key.upper(), other=other) for name, text in headers.items()}
    assert in_dialect(slug, call(app(), f"/{slug}{path}", headers=filled), 401)


@pytest.mark.parametrize("slug", ["dreadnode", "instavm"])
def test_either_of_two_credentials_is_enough(slug: str) -> None:
    """Where two schemes are alternatives, a request with one good credential passes, whatever the other is."""
    good, bad = credential(slug), "nobody"
    key = f"{slug}-admin-key"
    for headers in (
        {"Authorization": f"Bearer {key}", "X-API-Key": bad},
        {"Authorization": f"Bearer {bad}", "X-API-Key": key},
        {"Authorization": f"Basic {bad}", "X-API-Key": key},
        good,
    ):
        assert call(app(), f"/{slug}{PATHS[slug]}", headers=headers).status == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
def test_the_scheme_is_spelled_in_any_case(scheme: str) -> None:
    """RFC 9110: the name of an authentication scheme is case-insensitive."""
    headers = {"Authorization": f"{scheme} prime-admin-key"}
    assert call(app(), f"/prime{PATHS['prime']}", headers=headers).status == 200


def test_a_bad_credential_is_refused_before_bad_input() -> None:
    """Who is nobody learns nothing about the parameters: 401 comes before 422, 403 and 404."""
    for slug, query in (
        ("dreadnode", "limit=x"),
        ("instavm", "metadata=x"),
        ("prime", "page=0"),
        ("superserve", "limit=x"),
    ):
        assert call(app(), f"/{slug}{PATHS[slug]}?{query}").status == 401
    assert call(app(), "/dreadnode/api/v1/org/nobody/sandboxes").status == 401


def test_bad_input_is_refused_before_a_strange_tenant() -> None:
    """A request that cannot be read is a 422, whoever's documents it asks for."""
    assert get(app(), "prime", "team_id=nobody&page=0").status == 422
    assert get(app(), "dreadnode", "limit=0", path="/api/v1/org/nobody/sandboxes").status == 422
