"""Who may see and change which of Prime's sandboxes."""

from __future__ import annotations

from collections.abc import Iterator

from fakeserver.provider import Caller, Problem, Record, View, find_record, forbidden, not_found

NOT_A_MEMBER = "You are not a member of this team"
NOT_YOURS = "Only who created the sandbox, or an admin of its team, may do this"
NO_SANDBOX = "Sandbox not found"


def account_of(caller: Caller, team: str | None) -> str:
    """The tenant of a team, or of the caller's personal account. Assumed: a team that the caller is not in is refused,
    whether it exists or not, and an empty text is as good as none."""
    if team and (team not in caller.tenants or team == caller.home):
        raise forbidden(NOT_A_MEMBER)
    return team or caller.home


def accounts_of(caller: Caller) -> Iterator[str]:
    """The caller's personal account, and all teams."""
    yield caller.home
    yield from (team for team in caller.tenants if team != caller.home)


def look_for(view: View, identity: str) -> Record | None:
    """A sandbox that the caller may see."""
    for tenant in accounts_of(view.caller):
        record = find_record(view, tenant, identity) if tenant in view.tenants else None
        if record is not None:
            return record
    return None


def find_sandbox(view: View, identity: str) -> Record:
    """The same, or a 404. Assumed: another account's sandbox is told apart from none by the batch operations only."""
    record = look_for(view, identity)
    if record is None:
        raise not_found(NO_SANDBOX)
    return record


def exists(view: View, identity: str) -> bool:
    """Whether there is such a sandbox in whatever account."""
    return any(find_record(view, tenant, identity) is not None for tenant in view.tenants)


def may_change(caller: Caller, record: Record) -> bool:
    """Observed: prime 0.18.0 (CLI), team admins may delete any sandbox of their team. Assumed: and change it; other
    members only their own."""
    return caller.administers(record.tenant) or record.document.get("userId") == caller.user


def find_changeable(view: View, identity: str) -> Record:
    """A sandbox that the caller may change, or a 404, or a 403."""
    record = find_sandbox(view, identity)
    if not may_change(view.caller, record):
        raise refusal()
    return record


def refusal() -> Problem:
    return forbidden(NOT_YOURS)


def only_vms(what: str) -> Problem:
    """Observed: the provider's documentation. Assumed: the status and the text."""
    return Problem(400, "bad_request", f"{what} are only supported for VM sandboxes")


def only_containers(what: str) -> Problem:
    """Observed: prime-sandboxes 0.2.39, what the platform cannot do for VMs yet. Assumed: the status and the text."""
    return Problem(400, "bad_request", f"{what} is not yet supported for VM sandboxes")
