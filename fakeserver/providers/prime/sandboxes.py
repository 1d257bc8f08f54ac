"""Prime's sandboxes one by one: created, looked at, deleted, paused and resumed."""

from __future__ import annotations

from collections.abc import Iterator

from fakeserver.provider import (
    Asked,
    Document,
    Fired,
    Issue,
    Kind,
    Life,
    Put,
    Record,
    Result,
    View,
    Write,
    at,
    begin,
    find_record,
    fire,
    invalid,
    mint,
    not_found,
)
from fakeserver.providers.prime.access import account_of, find_changeable, find_sandbox, only_vms
from fakeserver.providers.prime.policies import object_to_lists, read_list
from fakeserver.providers.prime.rows import shown, wished_for
from fakeserver.providers.prime.states import APPLIED, GENERATION, MACHINE, ORDERED, is_vm

KEYS = "idempotency_keys"
KEY_KIND = Kind(created="", identity="idempotency_key", schema="UsedIdempotencyKey")
"""Which sandbox a create with an idempotency key has made."""

Body = Document


def object_to_wish(body: Body) -> Iterator[Issue]:
    """What no schema says of a new sandbox (Observed: prime-sandboxes 0.5.1 and 0.2.39, the provider's OpenAPI)."""
    vm, gpus, kind = body["vm"], body["gpu_count"], body.get("gpu_type")
    if not body.get("docker_image") and not body.get("checkpoint_id"):
        yield Issue(("body", "docker_image"), "Field required", "missing")
    if gpus and kind is None:
        yield wrong("gpu_type", "gpu_type is required when gpu_count is greater than 0")
    if gpus and not vm:
        yield wrong("vm", "vm is required when gpu_count is greater than 0")
    if kind is not None and not gpus:
        yield wrong("gpu_count", "gpu_type requires gpu_count greater than 0")
    if vm and isinstance(body.get("start_command"), str):
        yield wrong("start_command", "VM sandboxes require start_command as an executable and its args")
    for name in ("guaranteed", "registry_credentials_id"):
        if vm and body.get(name):
            yield wrong(name, f"{name} is only supported for container sandboxes")
    for name in ("network_allowlist", "network_denylist"):
        if not vm and body.get(name) is not None:
            yield wrong(name, f"{name} is only supported for VM sandboxes")
    yield from object_to_lists(body, "network_allowlist", "network_denylist")
    yield from object_to_times(body["timeout_minutes"], body.get("idle_timeout_minutes"))


def object_to_times(minutes: int, idle: int | None) -> Iterator[Issue]:
    if minutes == 0:
        yield wrong("timeout_minutes", "timeout_minutes must be 1 to 1440, or negative for no deadline")
    if idle is not None and 0 < minutes < idle:
        yield wrong("idle_timeout_minutes", "idle_timeout_minutes must be <= timeout_minutes")


def wrong(name: str, why: str) -> Issue:
    """Assumed: said as pydantic says what a validator of one's own refuses."""
    return Issue(("body", name), f"Value error, {why}", "value_error")


def create_sandbox(asked: Asked, view: View) -> Result:
    """A new sandbox, or the one that the same key has made before in the same account."""
    body: Body = asked.body
    issues = [*object_to_wish(body)]
    if issues:
        raise invalid(issues)
    tenant = account_of(view.caller, body.get("team_id"))
    key = body.get("idempotency_key")
    known = None if key is None else made_before(view, tenant, key)
    if known is not None:
        return Result(201, shown(known.document, view))
    refuse_what_is_not_there(body)
    identity = "sbx" + mint(view, tenant, "sandbox").letters("id", 21)
    document = document_of(body, identity, tenant, view)
    limited = "networkAllowlist" in document
    life = Life(document, {GENERATION: 1, APPLIED: 0, ORDERED: view.now} if limited else {})
    made = begin(Record(life, view.caller.user, tenant, identity), MACHINE, view)
    writes = [made.write]
    if key is not None:
        remembered = {"idempotency_key": key_of(view, key), "sandbox_id": identity}
        writes.append(Write(tenant, (Put(remembered, view.caller.user),), KEYS))
    return Result(201, fired_as(made, view), writes=writes)


def key_of(view: View, key: str) -> str:
    """A key is one user's; a colleague may use the same."""
    return f"{view.caller.user} {key}"


def made_before(view: View, tenant: str, key: str) -> Record | None:
    """The sandbox that this key has made, whatever has become of it since."""
    remembered = find_record(view, tenant, key_of(view, key), KEYS)
    return None if remembered is None else find_record(view, tenant, remembered.document["sandbox_id"])


def refuse_what_is_not_there(body: Body) -> None:
    """Assumed: the text. No world has checkpoints or volumes yet, so none can be found."""
    if body.get("checkpoint_id"):
        raise not_found("Checkpoint not found")
    for volume in body.get("volumes") or ():
        raise not_found(f"Volume {volume['name']!r} not found")


def document_of(body: Body, identity: str, tenant: str, view: View) -> Document:
    """The sandbox that a body wishes for, as it waits for its place."""
    now = at(view.now)
    document = {
        "id": identity,
        "name": body["name"],
        "dockerImage": body["docker_image"],
        "startCommand": body.get("start_command"),
        "cpuCores": body["cpu_cores"],
        "memoryGB": body["memory_gb"],
        "diskSizeGB": body["disk_size_gb"],
        "diskMountPath": "/sandbox-workspace",
        "gpuCount": body["gpu_count"],
        "gpuType": body.get("gpu_type"),
        "vm": body["vm"],
        "networkAccess": body["network_access"],
        "status": "PENDING",
        "timeoutMinutes": body["timeout_minutes"],
        "environmentVars": body.get("environment_vars"),
        "advancedConfigs": body.get("advanced_configs"),
        "labels": body["labels"],
        "createdAt": now,
        "updatedAt": now,
        "startedAt": None,
        "terminatedAt": None,
        "userId": view.caller.user,
        "teamId": None if tenant == view.caller.home else tenant,
        "kubernetesJobId": None,
        "exitCode": None,
        "errorType": None,
        "errorMessage": None,
        "region": body.get("region"),
        "registryCredentialsId": body.get("registry_credentials_id"),
    }
    allowed, denied = body.get("network_allowlist"), body.get("network_denylist")
    if allowed is not None or denied is not None:
        document["networkAllowlist"] = None if allowed is None else read_list(allowed)
        document["networkDenylist"] = None if denied is None else read_list(denied)
    for name, value in wished_for(body, view):
        document[name] = value
    return document


def fired_as(fired: Fired, view: View) -> Document:
    """What the answer to a call shows; no transition of these sandboxes takes one away."""
    assert fired.shown is not None
    return shown(fired.shown.document, view)


def get_sandbox(asked: Asked, view: View) -> Result:
    return Result(200, shown(find_sandbox(view, asked.values["sandbox_id"]).document, view))


def delete_sandbox(asked: Asked, view: View) -> Result:
    """It stays in lists. Assumed: whoever deletes one again is told so, and nothing changes."""
    record = find_changeable(view, asked.values["sandbox_id"])
    identity = record.identity
    if record.document["status"] == "TERMINATED":
        return Result(200, {"success": True, "message": f"Sandbox {identity} is already terminated"})
    ended = fire(record, MACHINE, "delete", view)
    done = {"success": True, "message": f"Sandbox {identity} deleted"}
    return Result(200, done, writes=[ended.write], after=[view.guest(identity).forget])


def pause_sandbox(asked: Asked, view: View) -> Result:
    return power(asked, view, "pause")


def resume_sandbox(asked: Asked, view: View) -> Result:
    return power(asked, view, "resume")


def power(asked: Asked, view: View, event: str) -> Result:
    """Accepted at once; the status follows later. Assumed: the answer is the sandbox, and 400 that of a container."""
    record = find_changeable(view, asked.values["sandbox_id"])
    if not is_vm(record):
        raise only_vms("Pause and resume")
    fired = fire(record, MACHINE, event, view)
    return Result(200, fired_as(fired, view), writes=[fired.write])
