"""Dreadnode's task environments: built, provisioned and torn down, each with a sandbox in the ledger.

Observed: dreadnode SDK 2.0.51 and the documentation inside it, "Environment lifecycle".
"""

from __future__ import annotations

import hmac

from pyroaring import BitMap

from fakeserver.provider import (
    SECOND,
    Asked,
    Command,
    Context,
    Document,
    Finished,
    Halt,
    Job,
    Life,
    Numbered,
    Record,
    Result,
    View,
    at,
    begin,
    conflict,
    find_record,
    fire,
    forbidden,
    invalid,
    itself,
    mint,
    not_found,
)
from fakeserver.providers.dreadnode.configs import issues_with_limit
from fakeserver.providers.dreadnode.orgs import (
    ENVIRONMENTS,
    PLATFORM_DEFAULT_SECONDS,
    Place,
    find_project,
    place_of,
)
from fakeserver.providers.dreadnode.sandboxes import OF_TASK, end, logs_of, new_sandbox
from fakeserver.providers.dreadnode.states import ENVIRONMENT, PAUSING, UNMADE

PAGES = Numbered("page", "limit")
STATUS = ("id", "state", "expires_at", "service_urls", "instruction", "error", "updated_at")
"""What the cheap answer has of an environment."""


def find_environment(asked: Asked, view: View) -> Record:
    """The environment that a path names. Assumed: every member of the organization may read it."""
    place = place_of(asked, view)
    record = find_record(view, place.org, asked.values["environment_id"], ENVIRONMENTS)
    if record is None or record.document["workspace_id"] != place.workspace["id"]:
        raise not_found("Environment not found")
    return record


def sandbox_of(record: Record, view: View) -> Record | None:
    return find_record(view, record.tenant, record.kept.get("sandbox", ""))


def create_environment(asked: Asked, view: View) -> Result:
    """An environment that is being built, and its sandbox. Assumed: 201, and that the ledger has the sandbox from the
    request on; it has none of an environment that somebody wants to fail."""
    place, body = place_of(asked, view), asked.body
    issues = [*issues_with_limit(body["timeout_sec"], ("body", "timeout_sec"))]
    if issues:
        raise invalid(issues)
    project = find_project(view, place, body["project_id"]) if body["project_id"] else None
    check_task(body["task_ref"], place)
    record = new_environment(body, project, place, view)
    writes = []
    if not view.outcome:
        sandbox = new_sandbox(place, view, sandbox_for(record, body, project))
        writes.append(sandbox.put())
        record = record.after(Life(record.document, {"sandbox": sandbox.identity}))
    answer = {**record.document, "execute_token": token_of(record, view)}
    return Result(201, answer, writes=[*writes, begin(record, ENVIRONMENT, view).write])


def check_task(text: str, place: Place) -> None:
    """Assumed: an organization has whatever tasks it is asked for, and others' are private."""
    org, slash, _ = text.partition("/")
    if slash and org != place.org:
        raise not_found("Task not found")


def lifetime_of(body: Document) -> int:
    seconds: int = body["timeout_sec"] or PLATFORM_DEFAULT_SECONDS
    return seconds


def new_environment(body: Document, project: Document | None, place: Place, view: View) -> Record:
    ids, now, named = mint(view, place.org, ENVIRONMENTS), view.now, project or {}
    document = {
        "id": ids.uuid("id"),
        "state": "building",
        "task_ref": body["task_ref"],
        "inputs": body["inputs"],
        "instruction": f"Solve {body['task_ref']}: its target is at {{{{ target_url }}}}.",
        "service_urls": None,
        "execute_token": None,
        "error": None,
        "project_id": named.get("id"),
        "project_key": named.get("key"),
        "project_name": named.get("name"),
        "workspace_id": place.workspace["id"],
        "workspace_key": place.workspace["key"],
        "created_by": view.caller.user,
        "created_at": at(now),
        "updated_at": at(now),
        "expires_at": at(now + lifetime_of(body) * SECOND),
    }
    return Record(Life(document, {}), view.caller.user, place.org, document["id"], kind=ENVIRONMENTS)


def sandbox_for(record: Record, body: Document, project: Document | None) -> Document:
    """What its sandbox is made for."""
    requested = {} if body["timeout_sec"] is None else {"requested": body["timeout_sec"]}
    return {
        "project": project,
        "provider": PAUSING,
        "kind": "task",
        "build": f"{OF_TASK}{body['task_ref']}",
        "kept": {"limit": lifetime_of(body), "environment": record.identity, **requested},
    }


def token_of(record: Record, view: View) -> str:
    """What lets commands run in it; told once."""
    return "dne_" + hmac.digest(view.issuer.secret, f"environment {record.identity}".encode(), "sha256").hex()


def execute(asked: Asked, view: View) -> Result:
    """Run a command in it. Assumed: whoever may read it and has its token may, as long as it is ready."""
    record = find_environment(asked, view)
    given = asked.headers["X-Environment-Token"].encode()
    if not hmac.compare_digest(given, f"Bearer {token_of(record, view)}".encode()):
        raise forbidden("The execute token is not one of this environment")
    state, sandbox = record.document["state"], sandbox_of(record, view)
    if state != "ready" or sandbox is None:
        raise conflict(f"The environment is {state}")
    order = Command(asked.body["command"], seconds=asked.body["timeout_sec"], host=record.identity)
    guest, said = view.guest(sandbox.identity), list[bytes]()

    def tell(finished: Finished) -> Result:
        output = b"".join(said).decode(errors="replace")
        return Result(200, {"exit_code": finished.exit_code, "output": output})

    halt = Halt()
    job = Job(lambda emit: guest.run(order, view.now, lambda stream, piece: said.append(piece), halt), tell, stop=halt)
    return Result(200, job=job)


def list_environments(asked: Asked, view: View) -> Result:
    """Those of a workspace, whoever made them."""
    place, values = place_of(asked, view), asked.values
    environments = view.kinds(ENVIRONMENTS)[place.org]
    found = environments.filed("workspace_id", itself, place.workspace["id"])
    if values["state"] is not None:
        chosen = BitMap()
        for state in values["state"]:
            chosen = chosen | environments.filed("state", itself, state)
        found = found & chosen
    page = PAGES.page(found, values, environments, Context(view.issuer, place.org, b"listEnvironments", asked.query))
    return Result(
        200,
        {
            "environments": [environments.document(rank) for rank in page.ranks],
            "has_next": page.has_next,
            "limit": page.size,
            "total": page.total,
        },
    )


def get_environment(asked: Asked, view: View) -> Result:
    return Result(200, find_environment(asked, view).document)


def get_status(asked: Asked, view: View) -> Result:
    document = find_environment(asked, view).document
    return Result(200, {name: document[name] for name in STATUS})


def get_logs(asked: Asked, view: View) -> Result:
    """Assumed: nothing is said before the sandbox is there."""
    record = find_environment(asked, view)
    sandbox = sandbox_of(record, view)
    if record.document["state"] in UNMADE:
        return Result(200, {"logs": ""})
    if sandbox is None:
        raise not_found("Logs are no longer available: there is no sandbox")
    return Result(200, {"logs": logs_of(sandbox)})


def delete_environment(asked: Asked, view: View) -> Result:
    """Assumed: only whoever made it may; to tear down what is torn down already changes nothing."""
    record = find_environment(asked, view)
    if record.owner != view.caller.user:
        raise forbidden("Only the owner of an environment can do this")
    if record.document["state"] == "torn_down":
        return Result(204)
    sandbox = sandbox_of(record, view)
    ended = [] if sandbox is None else end(sandbox, view)
    writes = [each.put() for each in ended]
    after = [] if sandbox is None else [view.guest(sandbox.identity).forget]
    if record.identity not in [each.identity for each in ended]:
        writes.append(fire(record, ENVIRONMENT, "tear_down", view).write)
    return Result(204, writes=writes, after=after)
