"""Before anything is judged: is this a listing at all, and if not, why?"""

from __future__ import annotations

from contract_tests.judging.check import Check
from contract_tests.judging.session import CouldNotCheck
from contract_tests.outcome import ListUnreadable
from contract_tests.sending.ask import Ask, Reply
from contract_tests.sending.transport import BudgetExhausted, NotRecorded

GATEWAY = frozenset({502, 503, 504})
"""What a gateway says of itself when the API behind it cannot be reached."""
MAX_LOCATION = 80
"""How much of a redirect's target a message repeats."""
NOT_THERE = (403, 404, 422)
"""What is said of an org or team that is unknown, or that the caller does not belong to."""
INVENTED = "no-such-scope-71c3"


def preflight(check: Check) -> None:
    """One authenticated request must be a listing, and every scope that was given must be there; else the reason why
    nothing can be judged.

    An answer that breaks a promise is judged all the same. Raises CouldNotCheck, or BudgetExhausted where only another
    documented header lets the caller in: that is a broken promise, and no law could be exercised."""
    try:
        with check.exercising("pages.limits"):  # The snapshot asks for the largest page.
            check.snapshot()
    except NotRecorded:
        return  # Each law says itself that it could not look.
    except ListUnreadable as error:
        reply = error.reply
        if any(other.status == 200 and not other.is_html for other in check.transport.replies if other is not reply):
            return  # The list is there, and a later page of it is wrong: a broken promise.
        if reply.status == 401:
            try_other_channels(check, reply)
        reason = why_not(check, reply)
        if reason:
            raise CouldNotCheck(f"{check.slug}: {reason}") from None
        return
    look_for_scopes(check)


def look_for_scopes(check: Check) -> None:
    """The scopes that were given: one that is refused, or empty as an invented one is, may be mistyped or somebody
    else's, and no answer about it can be judged. Raises CouldNotCheck."""
    scopes = check.promises.scopes
    for scope in check.options.orgs if scopes.named else ():
        query = (*scopes.query(scope), *check.listing.paging.query(size=check.some(1)))
        reply = None if scope in check.snapshots else check.transport.send(Ask(check.path(scope), query))
        if reply is not None and reply.status in NOT_THERE:
            reason = f"the list of {scope!r} was answered with {reply.status}; is the {scopes.noun} {scope!r} right?"
            raise CouldNotCheck(f"{check.slug}: {reason}")
        body = check.listing.body_of(reply) if reply is not None else None
        empty = not check.snapshots[scope].rows if reply is None else body is not None and not body.rows
        if empty and invented_is_empty(check):
            reason = f"the list of {scope!r} is empty, as that of an invented {scopes.noun} is"
            raise CouldNotCheck(f"{check.slug}: {reason}; is the {scopes.noun} {scope!r} right?")


def invented_is_empty(check: Check) -> bool:
    """Whether a scope that nobody has is answered with an empty list as well."""
    reply = check.transport.send(Ask(check.path(INVENTED), check.promises.scopes.query(INVENTED)))
    return reply.status == 200


def try_other_channels(check: Check, reply: Reply) -> None:
    """Tell that a deployment refuses the main header and takes another one of those that are documented. There may be
    two kinds of credential, so that nothing else is concluded from the refusal."""
    for channel in check.target.security.channels[1:]:
        other = check.transport.send(Ask(check.path(), channel=channel))
        if other.status == 200:
            check.breaches.clear()
            with check.exercising("credentials.channels"):
                sentence = "the documented header is refused, another one is taken"
                check.fail(sentence, reply.ask, other.ask, by=check.promises.access.first)
            raise BudgetExhausted("the main credential header is refused") from None


def why_not(check: Check, reply: Reply) -> str:
    """Why the answer in the place of the list leaves nothing to judge; empty where it breaks a promise."""
    status = reply.status
    if status in (400, 422):
        return ""  # The largest documented page was refused.
    if status == 401:
        return "the credential was refused (401), so nothing could be judged"
    if status in (403, 404):
        return f"the list was answered with {status}; {check.promises.scopes.hint(check.home)}"
    if 300 <= status < 400:
        location = reply.headers.get("location", "?")[:MAX_LOCATION]
        return f"the deployment redirects (to {location}); no credential follows a redirect"
    if reply.is_html:
        return "the base URL answers with an HTML page, not with the API"
    if status in GATEWAY and reply.media_type != "application/json":
        return f"a gateway answers with {status} in the place of the API"
    if status == 200 or status >= 500:
        return ""  # A listing of the wrong form, or a server error twice in a row.
    return f"the list was answered with {status}"
