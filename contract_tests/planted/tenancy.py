"""Other people's rows: lists that are shared, guards that are missing, and refusals in the wrong words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from contract_tests.planted.backend import FACETS, LIST, Backend, collection_of
from contract_tests.planted.bug import Plant, table
from contract_tests.planted.plants import empty_for, swap_status
from fakeserver.documents.collection import Collection
from fakeserver.listing.scope import Scope, TenantRule
from fakeserver.problems import forbidden
from fakeserver.spec.credentials import Caller


def tenant(rule: Callable[[TenantRule], TenantRule]) -> Plant:
    """Another rule of who sees what."""
    return lambda backend, operation: backend.meaning(
        operation, lambda meaning: replace(meaning, tenant=rule(meaning.tenant))
    )


def sharing(*names: str) -> Plant:
    """The documents of these tenants (of all, without a name) are in one list."""

    def plant(backend: Backend, operation: str) -> Backend:
        shared = names or tuple(backend.tenants)
        owner = backend.fixture.callers[backend.fixture.credential].user
        together = collection_of(
            backend.provider.slug,
            [(each, owner) for name in shared for each in backend.tenants[name].documents()],
        )
        loose = replace(backend, tenants={**backend.tenants, **dict.fromkeys(shared, together)})
        return backend.wrapped(lambda request, following: loose.answer(request), operation)

    return plant


def unguarded(parameter: str) -> Plant:
    """Whoever asks for a tenant that exists gets its list."""

    def rule(right: TenantRule) -> TenantRule:
        def wrong(caller: Caller, values: Mapping[str, Any], tenants: Mapping[str, Collection]) -> Scope:
            name = values[parameter]
            return Scope(name) if name in tenants and name != caller.home else right(caller, values, tenants)

        return wrong

    return tenant(rule)


def user_unguarded(right: TenantRule) -> TenantRule:
    return lambda caller, values, tenants: right(caller, {**values, "user_id": None}, tenants)


def own_user_refused(right: TenantRule) -> TenantRule:
    """The guard takes the caller for somebody else."""

    def wrong(caller: Caller, values: Mapping[str, Any], tenants: Mapping[str, Collection]) -> Scope:
        if values["user_id"] and not values["team_id"]:
            raise forbidden("Only an admin of the given team may list another user's sandboxes")
        return right(caller, values, tenants)

    return wrong


def whole_org(when: Callable[[Mapping[str, Any]], object]) -> Plant:
    """Where this is so, the org's sandboxes are shown to each of its users."""

    def rule(right: TenantRule) -> TenantRule:
        def wrong(caller: Caller, values: Mapping[str, Any], tenants: Mapping[str, Collection]) -> Scope:
            scope = right(caller, values, tenants)
            return Scope(scope.tenant) if when(values) else scope

        return wrong

    return tenant(rule)


def member_as_admin(right: TenantRule) -> TenantRule:
    """Whoever is in a team may ask for each of its users."""

    def wrong(caller: Caller, values: Mapping[str, Any], tenants: Mapping[str, Collection]) -> Scope:
        return right(caller, {**values, "user_id": None} if values["team_id"] else values, tenants)

    return wrong


def own_always(right: TenantRule) -> TenantRule:
    """A list of the team holds what the caller owns, and no more."""
    return lambda caller, values, tenants: Scope(right(caller, values, tenants).tenant, caller.user)


def home_always(right: TenantRule) -> TenantRule:
    """The tenant in the request is not looked at."""
    return lambda caller, values, tenants: Scope(caller.home)


def _remembering_tenants(backend: Backend, operation: str) -> Backend:
    """The caller's tenant is looked up once, and kept for everybody."""
    first: list[Scope] = []

    def rule(right: TenantRule) -> TenantRule:
        def wrong(caller: Caller, values: Mapping[str, Any], tenants: Mapping[str, Collection]) -> Scope:
            first.append(right(caller, values, tenants))
            return first[0]

        return wrong

    return tenant(rule)(backend, operation)


PRIME = table(
    "prime",
    LIST,
    "tenancy",
    everybody_listed=("The list holds everybody's sandboxes.", sharing()),
    team_rows_at_home=("The personal list holds the team's sandboxes too.", sharing("main", "research")),
    team_unguarded=("Any team may be listed by anybody.", unguarded("team_id")),
    team_refusal_empty=("A team of other people is an empty list.", empty_for(403)),
    team_refusal_500=("A team of other people is a crash.", swap_status(403, 500)),
    user_unguarded=("Any user_id may be asked for without a team.", tenant(user_unguarded)),
    member_as_admin=("Any member of a team may ask for its other users.", tenant(member_as_admin)),
    own_user_refused=("The caller's own user_id is refused.", tenant(own_user_refused)),
)

INSTAVM = table(
    "instavm",
    LIST,
    "tenancy",
    everybody_listed=("The list holds everybody's sandboxes.", sharing()),
    first_tenant_kept=("The first caller's account is everybody's.", _remembering_tenants),
)

SUPERSERVE = table(
    "superserve",
    LIST,
    "tenancy",
    everybody_listed=("The list holds everybody's sandboxes.", sharing()),
    first_tenant_kept=("The first caller's team is everybody's.", _remembering_tenants),
    own_only=("Each of a team is listed their own sandboxes, not the team's.", tenant(own_always)),
)

DREADNODE = (
    *table(
        "dreadnode",
        LIST,
        "tenancy",
        everybody_listed=("An org's list holds the sandboxes of every org.", sharing()),
        org_of_everybody=("Every user of an org is listed all of its sandboxes.", whole_org(lambda values: True)),
        user_lost_with_state=(
            "With a state, the org's sandboxes are listed whoever asks.",
            whole_org(lambda values: values["state"]),
        ),
        user_lost_with_cursor=(
            "Behind a cursor, the org's sandboxes are listed whoever asks.",
            whole_org(lambda values: values["cursor"]),
        ),
        org_ignored=("The org in the path is not looked at.", tenant(home_always)),
        org_unguarded=("Any org may be listed by anybody.", unguarded("org")),
        org_refusal_empty=("An org of other people is an empty list.", empty_for(403)),
        org_unknown_empty=("An unknown org is an empty list.", empty_for(404)),
        org_unknown_500=("An unknown org is a crash.", swap_status(404, 500, type="server_error")),
    ),
    *table(
        "dreadnode",
        FACETS,
        "tenancy",
        facets_of_everybody=("The facets count the sandboxes of every org.", sharing()),
        facets_of_the_org=("The facets count the whole org for each of its users.", whole_org(lambda values: True)),
        facets_user_lost_with_state=(
            "With a state, the facets count the whole org for each of its users.",
            whole_org(lambda values: values["state"]),
        ),
        facets_org_unguarded=("Any org may be counted by anybody.", unguarded("org")),
        facets_org_unknown_empty=("An unknown org has empty facets.", empty_for(404)),
    ),
)
