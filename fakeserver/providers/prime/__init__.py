"""Prime Intellect: numbered pages; camelCase documents in a snake_case envelope (reference page 003)."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from fakeserver.provider import (
    SECOND,
    STARLETTE,
    AllOf,
    Caller,
    Choice,
    Collection,
    Document,
    Draw,
    Envelope,
    Equal,
    Excluding,
    Extras,
    Limit,
    Listing,
    Machine,
    Moment,
    Numbered,
    Pages,
    Problem,
    Provider,
    Reading,
    Scope,
    Switches,
    Transition,
    at,
    fastapi_detail,
    forbidden,
    on_clock,
    unserved,
)
from fakeserver.resources import resource

TIMEOUTS = (30, 60, 120, 240, 720, 1_440)
"""Minutes; 1,440 is the longest that the provider's OpenAPI allows."""
SIZES = (
    (0.5, 1, 5), (1, 2, 10), (1, 2, 10), (1, 4, 10), (2, 4, 10), (2, 8, 20), (4, 8, 20), (4, 16, 50), (8, 32, 100),
    (16, 64, 200),
)  # fmt: skip
"""Cores, memory and disk, both in GB: up to what the provider's OpenAPI allows."""
GPU_SIZES = (
    ("RTX4090_24GB", 1, 4, 16, 100), ("A100_80GB", 1, 8, 32, 200), ("H100_80GB", 1, 8, 48, 200),
    ("H100_80GB", 2, 12, 64, 500), ("H100_80GB", 8, 16, 64, 1_000),
)  # fmt: skip
"""The same behind the kind of GPU and how many there are. Observed: the provider's OpenAPI, only VMs have any."""
VARIABLES: tuple[Document | None, ...] = ({}, {}, None, {"CI": "true"}, {"LOG_LEVEL": "debug"})
GPU_VARIABLES: tuple[Document | None, ...] = ({"HF_HOME": "/cache/hf"}, {"WANDB_MODE": "offline"}, {})
IDLE_MINUTES = 30
MASKED = "********"
MAX_NAME = 100
"""Characters (Observed: the provider's OpenAPI)."""
QUEUE_SECONDS = 20
BOOT_SECONDS = 40
"""Assumed: how long a sandbox waits for its place, and how long it boots."""
FAILURES = (
    ("OOM_KILLED", "The sandbox ran out of memory", 137),
    ("IMAGE_PULL_FAILED", "The image could not be pulled", None),
)
"""Observed: the types that prime-sandboxes 0.5.1 knows of a sandbox that failed. Assumed: message and exit code."""
TIMED_OUT = {"errorType": "TIMEOUT", "errorMessage": "The sandbox reached its timeout", "exitCode": None}
"""Observed: the type that prime-sandboxes 0.5.1 takes for its timeout error. Assumed: the rest."""


UNSERVED = (
    *unserved(
        "prime-sandboxes 0.5.1",
        "POST /api/v1/sandbox",
        "DELETE /api/v1/sandbox",
        "GET /api/v1/sandbox/{id}",
        "DELETE /api/v1/sandbox/{id}",
        "POST /api/v1/sandbox/{id}/auth",
        "GET /api/v1/sandbox/{id}/logs",
        "GET /api/v1/sandbox/{id}/error-context",
        "POST /api/v1/sandbox/{id}/pause",
        "POST /api/v1/sandbox/{id}/resume",
        "GET /api/v1/sandbox/{id}/egress-policy",
        "PUT /api/v1/sandbox/{id}/egress-policy",
        "POST /api/v1/sandbox/{id}/checkpoints",
        "GET /api/v1/sandbox/{id}/checkpoints",
    ),
    *unserved(
        "its own OpenAPI, 2026-08",
        "GET /api/v1/sandbox/expose/all",
        "POST /api/v1/sandbox/{id}/expose",
        "GET /api/v1/sandbox/{id}/expose",
        "DELETE /api/v1/sandbox/{id}/expose/{exposure_id}",
        "POST /api/v1/sandbox/{id}/ssh-session",
        "DELETE /api/v1/sandbox/{id}/ssh-session/{session_id}",
    ),
    # On a 404 the SDK asks for each sandbox by itself from then on.
    *unserved(
        "prime-sandboxes 0.5.1",
        "POST /api/v1/sandbox/status:batchGet",
        "POST /api/v1/sandbox/background-jobs/status:batchGet",
        status=404,
    ),
)


def errors(problem: Problem, switches: Switches) -> tuple[int, Document]:
    if problem.kind == "invalid" and switches.get("validation_errors") == "published":
        return 422, {"errors": [{"param": each.field, "details": each.msg} for each in problem.issues]}
    return problem.status, fastapi_detail(problem)


def own_or_administered(caller: Caller, values: Mapping[str, Any], tenants: Mapping[str, Collection]) -> Scope:
    """Page 003: another user's sandboxes are for an admin of the given team. Assumed: without a team, the caller's
    personal account; a team that the caller is not in is refused, whether it exists or not."""
    team, user = values["team_id"], values["user_id"]
    if team is not None and (team not in caller.tenants or team == caller.home):
        raise forbidden("You are not a member of this team")
    if user is not None and user != caller.user and not (team and caller.administers(team)):
        raise forbidden("Only an admin of the given team may list another user's sandboxes")
    return Scope(team or caller.home)


def make_machine(draw: Draw, status: str, *, gpu: bool) -> Document:
    """What the sandbox runs, and what on, in the order of a row."""
    size: tuple[str | None, int, float, int, int] = (
        draw.pick("size", GPU_SIZES) if gpu else (draw.pick("cpu", ("CPU_NODE", None)), 0, *draw.pick("size", SIZES))
    )
    kind, gpus, cores, memory, disk = size
    work = (
        draw.word("workload", "workloads") if gpu else f"{draw.word('service', 'services')}-{draw.word('job', 'jobs')}"
    )
    name = f"{work}-{draw.hex('name', 4)}"
    return {
        "name": draw.long_name("long name", "services", MAX_NAME) if draw.chance("at length", 2) else name,
        "dockerImage": draw.word("image", "gpu_images" if gpu else "images"),
        "startCommand": None,
        "cpuCores": cores,
        "memoryGB": memory,
        "diskSizeGB": disk,
        "diskMountPath": "/sandbox-workspace",
        "gpuCount": gpus,
        "gpuType": kind,
        # Observed: the provider's documentation, only VM sandboxes can be paused.
        "vm": gpu or draw.chance("vm", 40) or status == "PAUSED",
    }


def make(draw: Draw) -> Document:
    """One sandbox as page 003 shows it."""
    status, created, now = draw.column("status"), draw.created, draw.epoch
    age = (now - created) // SECOND
    waiting = status in ("PENDING", "PROVISIONING")
    started = None if waiting else created + min(age, draw.between("boot", 2, 60)) * SECOND
    longer = [each for each in TIMEOUTS if status != "RUNNING" or each * 60 > age]
    timeout = draw.pick("timeout", longer or TIMEOUTS[-1:])
    ran = 0 if started is None else min((now - started) // SECOND, timeout * 60, draw.between("ran", 20, 4 * 3_600))
    ended = None if started is None else started + ran * SECOND
    error_type, error_message, error_code = (
        FAILURES[draw.below("failure", len(FAILURES))] if status == "ERROR" else (None,) * 3
    )
    labels = draw.column("labels")
    # What is labelled so has a GPU, and some others have.
    gpu = (isinstance(labels, list) and "gpu" in labels) or draw.chance("gpus", 8)
    document = {
        "id": draw.identity(lambda each: "sbx" + each.letters("id", 21)),
        **make_machine(draw, status, gpu=gpu),
        "networkAccess": draw.pick("network", (True, True, True, False)),
        "status": status,
        "timeoutMinutes": timeout,
        "environmentVars": draw.pick("env", GPU_VARIABLES if gpu else VARIABLES),
        "advancedConfigs": draw.pick("advanced", ({"shm_size_gb": 8}, None) if gpu else ({}, None, None)),
        "labels": labels,
        "createdAt": at(created),
        "updatedAt": at(started or created),
        "startedAt": None if started is None else at(started),
        "terminatedAt": None,
        "userId": draw.column("userId"),
        "teamId": draw.column("teamId"),
        "kubernetesJobId": None if status == "PENDING" else f"sandbox-{draw.hex('job', 12)}",
        "exitCode": error_code,
        "errorType": error_type,
        "errorMessage": error_message,
        "region": draw.word("region", "regions") if draw.chance("placed", 80) else None,
        "registryCredentialsId": draw.letters("registry", 16) if draw.chance("private", 10) else None,
    }
    if status in ("TERMINATED", "ERROR", "PAUSED"):
        document["updatedAt"] = at(ended or created)
    if status == "TERMINATED":
        document |= {"terminatedAt": at(ended or created), "exitCode": draw.pick("exit", (0, 0, 0, None, 1))}
        if ran == timeout * 60:
            document |= TIMED_OUT
        if labels == [] and draw.chance("early record", 15):
            # Early records lack every field that the provider's OpenAPI does not require.
            return {name: value for name, value in document.items() if name not in OPTIONAL}
    return document


def observed(document: Document) -> Document:
    """What prime-sandboxes 0.5.1 reads of a row and the page has not. Observed: a list of nobody for who may reach no
    network, and a build for an image that is still made while a sandbox is PENDING. Assumed: which sandboxes have an
    idle timeout or secrets, how these are masked, and that a reason for the end is the type of its error."""
    chance = blake2b(document["id"].encode(), digest_size=4).digest()
    timeout = document["timeoutMinutes"]
    ended = document["status"] == "TERMINATED"
    return {
        "networkAllowlist": None if document["networkAccess"] else [],
        "networkDenylist": None,
        "idleTimeoutMinutes": min(IDLE_MINUTES, timeout) if chance[0] % 4 == 0 and timeout > 0 else None,
        "terminationReason": document.get("errorType") if ended else None,
        # Observed: the provider's OpenAPI, VM sandboxes have none.
        "secrets": {"API_TOKEN": MASKED} if chance[1] % 5 == 0 and not document.get("vm", False) else None,
        "pendingImageBuildId": build_of(chance) if document["status"] == "PENDING" and chance[2] % 2 else None,
    }


def build_of(chance: bytes) -> str:
    return f"build-{chance.hex()}"


def place(moment: Moment) -> Document:
    job = moment.document.get("kubernetesJobId") or f"sandbox-{moment.document['id'][-12:]}"
    return {"updatedAt": at(moment.now), "kubernetesJobId": job}


def start(moment: Moment) -> Document:
    return {"startedAt": at(moment.now), "updatedAt": at(moment.now)}


def time_out(moment: Moment) -> Document:
    return {"terminatedAt": at(moment.now), "updatedAt": at(moment.now), **TIMED_OUT}


def deadline(document: Document, kept: Document, since: int) -> int | None:
    """When a running sandbox has run for as long as it may."""
    started, minutes = document.get("startedAt"), document["timeoutMinutes"]
    return None if started is None or minutes <= 0 else on_clock(started, kept) + minutes * 60 * SECOND


MACHINE = Machine(
    "status",
    (
        Transition("placed", ("PENDING",), "PROVISIONING", place, seconds=QUEUE_SECONDS),
        Transition("booted", ("PROVISIONING",), "RUNNING", start, seconds=BOOT_SECONDS),
        Transition("timed out", ("RUNNING",), "TERMINATED", time_out, due=deadline),
        Transition("fail", ("RUNNING",), "ERROR", outcome="error"),
        Transition("pause", ("RUNNING",), "PAUSED"),
    ),
)


OPTIONAL = frozenset(
    {"gpuType", "vm", "labels", "exitCode", "errorType", "errorMessage", "region", "registryCredentialsId"}
)

EXTRAS = Extras(
    Choice("fields", "sdk"),
    (
        *("networkAllowlist", "networkDenylist", "idleTimeoutMinutes", "terminationReason", "secrets"),
        "pendingImageBuildId",
    ),
    observed,
)

PROVIDER = Provider(
    slug="prime",
    spec=resource("openapi/prime.yaml"),
    recipe=resource("fixtures/prime.yaml"),
    errors=errors,
    unserved=UNSERVED,
    operations={
        "listSandboxes": Listing(
            tenant=own_or_administered,
            extras=EXTRAS,
            filters=(
                Equal("team_id", field="teamId"),
                Equal("user_id", field="userId"),
                Equal("status", field="status"),
                Excluding("is_active", field="status", values=frozenset({"TERMINATED"})),
                AllOf("labels", field="labels"),
            ),
            pages=Pages(
                Numbered(),
                Envelope("sandboxes", {"total": "total", "page": "page", "per_page": "size", "has_next": "has_next"}),
            ),
        ),
    },
    make=make,
    machine=MACHINE,
    limits=(Limit("requests", capacity=1_000, seconds=60, by=("address", "caller")),),
    switches={"validation_errors": ("detail", "published"), "fields": ("page", "sdk")},
    reading=Reading(numbers="pydantic"),
    routing=STARLETTE,
    created="createdAt",
    identity="id",
    default_tenant="main",
    try_path="/api/v1/sandbox?status=RUNNING&per_page=2",
    sdk={
        "PRIME_API_BASE_URL": "{base_url}",
        "PRIME_API_KEY": "{key}",
        "PRIME_TEAM_ID": "",
        "PRIME_DISABLE_VERSION_CHECK": "1",
    },
    sdk_note="APIClient takes no base URL, and reads these when it is constructed.",
    optional_text=frozenset({"team_id", "user_id"}),
)
