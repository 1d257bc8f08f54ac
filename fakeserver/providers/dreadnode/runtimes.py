"""Dreadnode's runtimes: what lasts while sandboxes come and go. A runtime is as its sandbox is, and idle without one.

Observed: dreadnode SDK 2.0.51 and the documentation inside it, "Managing runtimes".
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import NamedTuple

from pyroaring import BitMap

from fakeserver.provider import (
    SECOND,
    Asked,
    Context,
    Cursor,
    Document,
    Issue,
    Json,
    Life,
    Problem,
    Record,
    Result,
    View,
    at,
    conflict,
    find_record,
    fire,
    forbidden,
    instant,
    invalid,
    itself,
    mint,
    not_found,
)
from fakeserver.providers.dreadnode.configs import (
    VERSION,
    check_config,
    complete,
    digest_of,
    issues_with_limit,
    provider_of,
)
from fakeserver.providers.dreadnode.orgs import (
    PLATFORM_DEFAULT_SECONDS,
    PLATFORM_MAX_SECONDS,
    RUNTIMES,
    Place,
    find_project,
    place_of,
    projects_in,
)
from fakeserver.providers.dreadnode.sandboxes import changed_at, end, limits_of, new_sandbox
from fakeserver.providers.dreadnode.states import HOST, MACHINE, PAUSING

CURSOR_LIFE = 24 * 3600 * SECOND
"""Assumed: a cursor may be used for a day."""
STATUS_RANK = {"running": 2, "paused": 1, "idle": 0}
"""Which of several runtimes of a project is meant."""
LIMIT = "requested_runtime_limit_seconds"
SESSION = (
    *("provider_sandbox_id", "provider", "state", "created_at", "last_started_at", "expires_at", "pause_reason"),
    *("billed_credits", "running_credits", "estimated_total_credits", "total_runtime_seconds"),
)
"""What a runtime shows of its sandbox as it stands there."""
PAGES = Cursor(life=CURSOR_LIFE)


class Runtime(NamedTuple):
    """A runtime with the sandbox that it has now, and the last one that it had."""

    record: Record
    sandbox: Record | None
    last: Record | None

    @property
    def status(self) -> str:
        return "idle" if self.sandbox is None else self.sandbox.document["state"]


def runtime_of(record: Record, view: View) -> Runtime:
    last = find_record(view, record.tenant, record.kept.get("sandbox", ""))
    return Runtime(record, None if last is None or last.document["state"] == "killed" else last, last)


def with_sandbox(record: Record, sandbox: Record) -> Runtime:
    """The same where the sandbox has changed just now."""
    return Runtime(record, None if sandbox.document["state"] == "killed" else sandbox, sandbox)


def rank_of(view: View, place: Place, **fields: Json) -> BitMap:
    """The runtimes of a workspace that have these values in these fields."""
    runtimes = view.kinds(RUNTIMES)[place.org]
    found = runtimes.filed("workspace_id", itself, place.workspace["id"])
    for field, value in fields.items():
        found = found & runtimes.filed(field, itself, value)
    return found


def records_at(view: View, place: Place, ranks: Iterable[int]) -> list[Record]:
    runtimes = view.kinds(RUNTIMES)[place.org]
    found = [find_record(view, place.org, runtimes.order(rank)[1], RUNTIMES) for rank in ranks]
    return [each for each in found if each is not None]


def find_runtime(asked: Asked, view: View) -> tuple[Place, Runtime]:
    """The runtime that a path names by its key or id. Every member of the organization may read it."""
    place, text = place_of(asked, view), asked.values["runtime_id"]
    record = find_record(view, place.org, text, RUNTIMES)
    if record is None or record.document["workspace_id"] != place.workspace["id"]:
        record = next(iter(records_at(view, place, rank_of(view, place, key=text))), None)
    if record is None:
        raise not_found("Runtime not found")
    return place, runtime_of(record, view)


def find_own(asked: Asked, view: View) -> tuple[Place, Runtime]:
    """The same for whoever wants to change it: its owner, and nobody else."""
    place, runtime = find_runtime(asked, view)
    if runtime.record.owner != view.caller.user:
        raise forbidden("Only the owner of a runtime can do this")
    return place, runtime


def find_session(asked: Asked, view: View, event: str) -> tuple[Runtime, Record]:
    """The caller's own runtime and the sandbox that it must have."""
    _, runtime = find_own(asked, view)
    if runtime.sandbox is None:
        raise conflict(f"Cannot {event} a runtime that is idle: it has no sandbox")
    return runtime, runtime.sandbox


# As they are shown


def show(runtime: Runtime, view: View, **more: Json) -> Document:
    record, sandbox = runtime.record, runtime.sandbox
    document = record.document
    changes = [document["updated_at"], *([] if runtime.last is None else [changed_at(runtime.last.document)])]
    return {
        **document,
        "updated_at": max(changes, key=instant),
        "status": runtime.status,
        "owned_by_me": record.owner == view.caller.user,
        "supports_pause": provider_of(config_of(record)) == PAUSING,
        "materialization_stale": sandbox is not None and record.kept.get("built") != document["config_digest"],
        "instance": None if sandbox is None else show_instance(sandbox),
        **more,
    }


def show_instance(sandbox: Record) -> Document:
    document = sandbox.document
    url = f"https://{document['provider_sandbox_id']}.{HOST}"
    shown = {name: document.get(name) for name in SESSION}
    return {"sandbox_id": document["id"], **shown, "sandbox_url": url, **limits_of(sandbox)}


def config_of(record: Record) -> Document:
    """Its configuration; that of one without any where nothing of it is kept."""
    config: Json = record.kept.get("config")
    return config if isinstance(config, dict) else complete(None)


def show_config(record: Record) -> Document:
    document = record.document
    return {
        "runtime_id": document["id"],
        "config": config_of(record),
        "config_digest": document["config_digest"],
        "config_version": document["config_version"],
        "updated_at": document["updated_at"],
    }


def token_of(sandbox: Record, view: View) -> str:
    """The credential of a sandbox, the same for everybody who may have it."""
    return "dns_" + hmac.digest(view.issuer.secret, f"sandbox {sandbox.identity}".encode(), "sha256").hex()


# Reading


def list_runtimes(asked: Asked, view: View) -> Result:
    """Those of a workspace, whoever owns them. The states are looked at one by one, since sandboxes have them."""
    place, values = place_of(asked, view), asked.values
    fields = {"project_id": values["project_id"], "created_by": values["owner"] and view.caller.user}
    found = rank_of(view, place, **{field: value for field, value in fields.items() if value is not None})
    states = values["state"]
    if states is not None:
        every = zip(found, records_at(view, place, found), strict=True)
        found = BitMap([rank for rank, record in every if runtime_of(record, view).status in states])
    question = f"listRuntimes {place.workspace['id']} {sorted(states or ())} {fields}".encode()
    runtimes = view.kinds(RUNTIMES)[place.org]
    page = PAGES.page(found, values, runtimes, Context(view.issuer, place.org, question, asked.query))
    rows = [show(runtime_of(record, view), view) for record in records_at(view, place, page.ranks)]
    return Result(200, {"items": rows, "next_cursor": page.next})


def get_runtime(asked: Asked, view: View) -> Result:
    return Result(200, show(find_runtime(asked, view)[1], view))


def get_config(asked: Asked, view: View) -> Result:
    return Result(200, show_config(find_runtime(asked, view)[1].record))


# Ensuring


def ensure_runtime(asked: Asked, view: View) -> Result:
    """The caller's runtime that is meant, or a new one; never another one than was asked for. Assumed: 200 for both,
    since `created` tells them apart."""
    place, body = place_of(asked, view), asked.body
    check_ensure(body)
    project = find_project(view, place, body["project"]) if body["project"] else default_project(view, place)
    known = find_meant(body, project, place, view)
    if known is not None:
        check_same(known.document, body, project)
        return Result(200, show(runtime_of(known, view), view, created=False))
    record = new_runtime(body, project, place, view)
    return Result(200, show(runtime_of(record, view), view, created=True), writes=[record.put()])


def check_ensure(body: Document) -> None:
    """Refuse what the spec lets through and the server does not."""
    issues = [*issues_with_limit(body[LIMIT], ("body", LIMIT))]
    if not body["project"]:
        missing = [name for name in ("key", "name") if not body[name]]
        issues += [Issue(("body", name), "Field required without a project", "missing") for name in missing]
    try:
        check_config(body["config"], ("body", "config"))
    except Problem as problem:
        issues += problem.issues
    if issues:
        raise invalid(issues)


def default_project(view: View, place: Place) -> Document | None:
    return next(projects_in(view, place), None)


def find_meant(body: Document, project: Document | None, place: Place, view: View) -> Record | None:
    """The runtime with the key that is asked for, or of the caller's own in the project the one that a start would
    choose: one that runs, or is paused, or has the project's key, or is the newest."""
    user = view.caller.user
    if body["key"]:
        known = next(iter(records_at(view, place, rank_of(view, place, key=body["key"]))), None)
        if known is not None and known.owner != user:
            raise Problem(409, "exists", "A runtime with this key already exists in the workspace")
        return known
    assert project is not None  # it was asked for, as no key was
    own = records_at(view, place, rank_of(view, place, project_id=project["id"], created_by=user))
    return max(own, key=lambda record: preference(record, project, view), default=None)


def preference(record: Record, project: Document, view: View) -> tuple[int, bool, str, str]:
    document = record.document
    rank = STATUS_RANK[runtime_of(record, view).status]
    return rank, document["key"] == project["key"], document["created_at"], document["id"]


def check_same(document: Document, body: Document, project: Document | None) -> None:
    """Ensuring changes nothing, so that what differs is a conflict."""
    if body["project"] and project is not None and document["project_id"] != project["id"]:
        raise conflict("The runtime exists in another project")
    if body["config"] is not None and digest_of(complete(body["config"])) != document["config_digest"]:
        raise conflict("The runtime exists with a different configuration")


def new_runtime(body: Document, project: Document | None, place: Place, view: View) -> Record:
    ids, now, config = mint(view, place.org, RUNTIMES), at(view.now), complete(body["config"])
    named = project or {}
    key = body["key"] or free_key(named["key"], place, view)
    document = {
        "id": ids.uuid("id"),
        "key": key,
        "name": body["name"] or named.get("name") or key,
        "description": body["description"],
        "project_id": named.get("id"),
        "project_key": named.get("key"),
        "project_name": named.get("name"),
        "workspace_id": place.workspace["id"],
        "workspace_key": place.workspace["key"],
        "created_by": view.caller.user,
        "created_at": now,
        "updated_at": now,
        "config_digest": digest_of(config),
        "config_version": VERSION,
    }
    kept = {"config": config, "requested": body[LIMIT]}
    return Record(Life(document, kept), view.caller.user, place.org, document["id"], kind=RUNTIMES)


def free_key(key: str, place: Place, view: View) -> str:
    """The project's own key; with a number behind it where a colleague has that."""
    found, number = key, 1
    while rank_of(view, place, key=found):
        number += 1
        found = f"{key}-{number}"
    return found


# Living


def start_runtime(asked: Asked, view: View) -> Result:
    """A sandbox for an idle runtime. Any other keeps the one that it has, paused or not, and is told its credential
    again. What is stored now is what the answer shows."""
    place, runtime = find_own(asked, view)
    record = runtime.record
    body = asked.body or {}
    issues = [*issues_with_limit(body.get(LIMIT), ("body", LIMIT))]
    if issues:
        raise invalid(issues)
    if runtime.sandbox is not None:
        return Result(200, show(runtime, view, sandbox_token=token_of(runtime.sandbox, view)))
    config, document = config_of(record), record.document
    requested = body.get(LIMIT) or record.kept.get("requested") or config["sandbox"]["timeout_seconds"]
    asks = {} if requested is None else {"requested": requested}
    project = None if document["project_id"] is None else {
        name: document[f"project_{name}"] for name in ("id", "key", "name")
    }  # fmt: skip
    made_for = {
        "project": project,
        "provider": provider_of(config),
        "kind": "runtime",
        "build": f"{config['build']['source']['ref']}/{config['build']['profile']}",
        "kept": {"limit": min(requested or PLATFORM_DEFAULT_SECONDS, PLATFORM_MAX_SECONDS), **asks},
    }
    sandbox = new_sandbox(place, view, made_for)
    kept = {**record.kept, "sandbox": sandbox.identity, "built": document["config_digest"]}
    started = record.after(Life({**document, "updated_at": at(view.now)}, kept))
    shown = show(with_sandbox(started, sandbox), view, sandbox_token=token_of(sandbox, view))
    return Result(200, shown, writes=[sandbox.put(), started.put()])


def pause_runtime(asked: Asked, view: View) -> Result:
    return let_happen("pause", asked, view)


def resume_runtime(asked: Asked, view: View) -> Result:
    return let_happen("resume", asked, view)


def let_happen(event: str, asked: Asked, view: View) -> Result:
    """Only e2b can suspend a sandbox, and wake it."""
    runtime, sandbox = find_session(asked, view, event)
    if sandbox.document["provider"] != PAUSING:
        raise conflict(f"Cannot {event} a sandbox of {sandbox.document['provider']}: only {PAUSING} can suspend one")
    fired = fire(sandbox, MACHINE, event, view)
    after = with_sandbox(runtime.record, fired.stored or sandbox)
    return Result(200, show(after, view), writes=[fired.write])


def reset_runtime(asked: Asked, view: View) -> Result:
    runtime, sandbox = find_session(asked, view, "reset")
    ended = end(sandbox, view)
    return Result(200, show(with_sandbox(runtime.record, ended[0]), view), writes=[each.put() for each in ended])


def keep_alive(asked: Asked, view: View) -> Result:
    """The expiry moves, but no further than a session may last."""
    _, sandbox = find_session(asked, view, "extend")
    document = sandbox.document
    # A sandbox that was put in by hand may have neither.
    started, expires_at = document.get("last_started_at"), document.get("expires_at")
    latest = (view.now if started is None else instant(started)) + PLATFORM_MAX_SECONDS * SECOND
    expires = view.now if expires_at is None else instant(expires_at)
    until = max(expires, min(expires + asked.body["extend_seconds"] * SECOND, latest))
    fired = fire(sandbox, MACHINE, "extend", view, {"until": until})
    return Result(200, {"expires_at": at(until)}, writes=[fired.write])


def put_config(asked: Asked, view: View) -> Result:
    """Another configuration, wholesale; a sandbox that runs keeps the one that it was made with."""
    _, runtime = find_own(asked, view)
    check_config(asked.body["config"], ("body", "config"))
    record, config = runtime.record, complete(asked.body["config"])
    changed = {"config_digest": digest_of(config), "updated_at": at(view.now)}
    after = record.after(Life({**record.document, **changed}, {**record.kept, "config": config}))
    return Result(200, show_config(after), writes=[after.put()])
