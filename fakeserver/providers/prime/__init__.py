"""Prime Intellect: numbered pages; camelCase documents in a snake_case envelope (reference page 003)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fakeserver.provider import (
    SECOND,
    STARLETTE,
    AllOf,
    Call,
    Caller,
    Collection,
    Document,
    Draw,
    Envelope,
    Equal,
    Excluding,
    Limit,
    Listing,
    Meaning,
    Numbered,
    Pages,
    Problem,
    Provider,
    Reading,
    Sample,
    Scope,
    Switches,
    at,
    fastapi_detail,
    forbidden,
    unserved,
)
from fakeserver.providers.prime.access import account_of
from fakeserver.providers.prime.batches import delete_sandboxes, get_job_statuses, get_statuses
from fakeserver.providers.prime.exposures import (
    EXPOSURE_KIND,
    EXPOSURES,
    create_exposure,
    delete_exposure,
    list_all_exposures,
    list_exposures,
)
from fakeserver.providers.prime.gateway import (
    MAX_UPLOAD,
    PLACE,
    download,
    execute,
    gateway_errors,
    is_gateway,
    read_file,
    upload,
)
from fakeserver.providers.prime.policies import get_policy, put_policy
from fakeserver.providers.prime.reports import get_error_context, get_logs, get_token
from fakeserver.providers.prime.rows import EXTRAS, SDK
from fakeserver.providers.prime.sandboxes import (
    KEY_KIND,
    KEYS,
    create_sandbox,
    delete_sandbox,
    get_sandbox,
    pause_sandbox,
    resume_sandbox,
)
from fakeserver.providers.prime.sessions import (
    HEADS,
    STREAM_HEADS,
    TIMEOUT,
    connect,
    list_sessions,
    send_input,
    send_signal,
    start,
    update,
)
from fakeserver.providers.prime.states import FAILURES, MACHINE, TIMED_OUT
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
CONFIGS: tuple[Document | None, ...] = ({}, None, None)
GPU_CONFIGS: tuple[Document | None, ...] = ({"shm_size_gb": 8}, None)
EXIT_CODES = (0, 0, 0, None, 1)
MAX_NAME = 100
"""Characters (Observed: the provider's OpenAPI)."""

UNSERVED = (
    *unserved(
        "prime-sandboxes 0.5.1",
        "POST /api/v1/sandbox/{id}/checkpoints",
        "GET /api/v1/sandbox/{id}/checkpoints",
        "DELETE /api/v1/sandbox/{id}/checkpoints",
        "GET /api/v1/sandbox/checkpoints/{checkpoint_id}",
        "DELETE /api/v1/sandbox/checkpoints/{checkpoint_id}",
        "GET /api/v1/sandbox/networks",
        "POST /api/v1/sandbox/networks",
        "GET /api/v1/sandbox/networks/{network_id}",
        "DELETE /api/v1/sandbox/networks/{network_id}",
        "PUT /api/v1/sandbox/networks/{network_id}/rules",
        "PUT /api/v1/sandbox/networks/{network_id}/members/{id}",
        "DELETE /api/v1/sandbox/networks/{network_id}/members/{id}",
        "GET /api/v1/sandbox/volumes",
        "POST /api/v1/sandbox/volumes",
        "GET /api/v1/sandbox/volumes/{name}",
        "DELETE /api/v1/sandbox/volumes/{name}",
        "POST /api/v1/sandbox/{id}/volumes/{name}/publish",
    ),
    # On a 404 the SDK asks for each checkpoint by itself from then on.
    *unserved("prime-sandboxes 0.5.1", "POST /api/v1/sandbox/checkpoints:batchGet", status=404),
    *unserved(
        "its own OpenAPI, 2026-08",
        "POST /api/v1/sandbox/{id}/ssh-session",
        "DELETE /api/v1/sandbox/{id}/ssh-session/{session_id}",
    ),
)


def errors(problem: Problem, switches: Switches) -> tuple[int, Document]:
    if is_gateway(problem.operation):
        return gateway_errors(problem)
    if problem.kind == "invalid" and switches.get("validation_errors") == "published":
        return 422, {"errors": [{"param": each.field, "details": each.msg} for each in problem.issues]}
    return problem.status, fastapi_detail(problem)


def own_or_administered(caller: Caller, values: Mapping[str, Any], tenants: Mapping[str, Collection]) -> Scope:
    """Page 003: another user's sandboxes are for an admin of the given team. Assumed: without a team, the caller's
    personal account."""
    team, user = values["team_id"], values["user_id"]
    tenant = account_of(caller, team)
    if user is not None and user != caller.user and not (team and caller.administers(team)):
        raise forbidden("Only an admin of the given team may list another user's sandboxes")
    return Scope(tenant)


def make_size(draw: Draw, *, gpu: bool) -> tuple[str | None, int, float, int, int]:
    """The kind of GPU or CPU, how many GPUs there are, cores, and memory and disk in GB."""
    if gpu:
        return draw.pick("size", GPU_SIZES)
    cores, memory, disk = draw.pick("size", SIZES)
    return draw.pick("cpu", ("CPU_NODE", None)), 0, cores, memory, disk


def make_name(draw: Draw, *, gpu: bool) -> str:
    """What a sandbox is for, and what tells it from others; a few names are as long as they may be."""
    if draw.chance("at length", 2):
        return draw.long_name("long name", "services", MAX_NAME)
    token = draw.hex("name", 4)
    if gpu:
        return f"{draw.word('workload', 'workloads')}-{token}"
    return f"{draw.word('service', 'services')}-{draw.word('job', 'jobs')}-{token}"


def make_id(draw: Draw) -> str:
    return "sbx" + draw.letters("id", 21)


def make(draw: Draw) -> Document:
    """One sandbox as page 003 shows it."""
    status, created, now = draw.column("status"), draw.created, draw.epoch
    age = (now - created) // SECOND
    waiting = status in ("PENDING", "PROVISIONING")
    started = None if waiting else created + min(age, draw.between("boot", 2, 60)) * SECOND
    longer = [each for each in TIMEOUTS if each * 60 > age] if status == "RUNNING" else TIMEOUTS
    timeout = draw.pick("timeout", longer or TIMEOUTS[-1:])
    ran = 0 if started is None else min((now - started) // SECOND, timeout * 60, draw.between("ran", 20, 4 * 3_600))
    created_at = at(created)
    started_at = None if started is None else at(started)
    updated_at = started_at or created_at
    error_type, error_message, exit_code = draw.pick("failure", FAILURES) if status == "ERROR" else (None,) * 3
    if started is not None and status in ("TERMINATED", "ERROR", "PAUSED"):
        updated_at = at(started + ran * SECOND)
    if status == "TERMINATED":
        exit_code = draw.pick("exit", EXIT_CODES)
    labels = draw.column("labels")
    # What is labelled so has a GPU, and some others have.
    gpu = (isinstance(labels, list) and "gpu" in labels) or draw.chance("gpus", 8)
    kind, gpus, cores, memory, disk = make_size(draw, gpu=gpu)
    document = {
        "id": draw.identity(make_id),
        "name": make_name(draw, gpu=gpu),
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
        "networkAccess": draw.pick("network", (True, True, True, False)),
        "status": status,
        "timeoutMinutes": timeout,
        "environmentVars": draw.pick("env", GPU_VARIABLES if gpu else VARIABLES),
        "advancedConfigs": draw.pick("advanced", GPU_CONFIGS if gpu else CONFIGS),
        "labels": labels,
        "createdAt": created_at,
        "updatedAt": updated_at,
        "startedAt": started_at,
        "terminatedAt": updated_at if status == "TERMINATED" else None,
        "userId": draw.column("userId"),
        "teamId": draw.column("teamId"),
        "kubernetesJobId": None if status == "PENDING" else f"sandbox-{draw.hex('job', 12)}",
        "exitCode": exit_code,
        "errorType": error_type,
        "errorMessage": error_message,
        "region": draw.word("region", "regions") if draw.chance("placed", 80) else None,
        "registryCredentialsId": draw.letters("registry", 16) if draw.chance("private", 10) else None,
    }
    if status == "TERMINATED":
        if ran == timeout * 60:
            document |= TIMED_OUT
        if labels == [] and draw.chance("early record", 15):
            # Early records lack every field that the provider's OpenAPI does not require.
            return {name: value for name, value in document.items() if name not in OPTIONAL}
    return document


OPTIONAL = frozenset(
    {"gpuType", "vm", "labels", "exitCode", "errorType", "errorMessage", "region", "registryCredentialsId"}
)

SANDBOX = ("sandbox_id",)

CREATION_POLL_SECONDS, JOB_POLL_SECONDS = 1, 3
"""Observed: how long prime-sandboxes 0.5.1 waits at least before it asks again."""
CREATED = ("image_not_found", "error", "unreachable", "timeout")
"""How a new sandbox can turn out: its image is not there, it fails while it boots, it runs and no gateway leads there,
or it has no time."""

OBSERVED: Mapping[str, Meaning] = {
    "createSandbox": Call(create_sandbox, body=True, outcomes=CREATED, choices=(SDK,), idempotency="idempotency_key"),
    "getSandbox": Call(get_sandbox, SANDBOX, choices=(SDK,)),
    "deleteSandbox": Call(delete_sandbox, SANDBOX),
    "deleteSandboxes": Call(delete_sandboxes, body=True),
    "pauseSandbox": Call(pause_sandbox, SANDBOX, outcomes=("pause_failed",), choices=(SDK,)),
    "resumeSandbox": Call(resume_sandbox, SANDBOX, outcomes=("resume_failed", "lost"), choices=(SDK,)),
    "getSandboxStatuses": Call(get_statuses, body=True, choices=(SDK,), poll_seconds=CREATION_POLL_SECONDS),
    "getBackgroundJobStatuses": Call(get_job_statuses, body=True, poll_seconds=JOB_POLL_SECONDS),
    "getSandboxAuth": Call(get_token, SANDBOX),
    "getSandboxLogs": Call(get_logs, SANDBOX),
    "getSandboxErrorContext": Call(get_error_context, SANDBOX),
    "exposePort": Call(create_exposure, SANDBOX, body=True),
    "listExposedPorts": Call(list_exposures, SANDBOX),
    "listAllExposedPorts": Call(list_all_exposures),
    "unexposePort": Call(delete_exposure, ("sandbox_id", "exposure_id")),
    "getEgressPolicy": Call(get_policy, SANDBOX),
    "putEgressPolicy": Call(put_policy, SANDBOX, body=True),
    "startSession": Call(start, PLACE, heads=(TIMEOUT, *STREAM_HEADS), body=True, public=True),
    "connectSession": Call(connect, PLACE, heads=STREAM_HEADS, body=True, public=True),
    "sendSessionInput": Call(send_input, PLACE, heads=HEADS, body=True, public=True),
    "sendSessionSignal": Call(send_signal, PLACE, heads=HEADS, body=True, public=True),
    "updateSession": Call(update, PLACE, heads=HEADS, body=True, public=True),
    "listSessions": Call(list_sessions, PLACE, heads=HEADS, body=True, public=True),
    "executeCommand": Call(execute, PLACE, body=True, public=True),
    "uploadFile": Call(upload, (*PLACE, "path", "sandbox_id"), body=True, public=True, max_body=MAX_UPLOAD),
    "downloadFile": Call(download, (*PLACE, "path", "sandbox_id"), public=True),
    "readFile": Call(read_file, (*PLACE, "path", "offset", "length"), public=True),
}
"""Operations that no reference page has."""

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
        **OBSERVED,
    },
    make=make,
    machine=MACHINE,
    kinds={KEYS: KEY_KIND, EXPOSURES: EXPOSURE_KIND},
    limits=(Limit("requests", capacity=1_000, seconds=60, by=("address", "caller")),),
    switches={"validation_errors": ("detail", "published"), "fields": ("page", "sdk")},
    reading=Reading(numbers="pydantic"),
    routing=STARLETTE,
    created="createdAt",
    identity="id",
    default_tenant="main",
    try_path="/api/v1/sandbox?status=RUNNING&per_page=2",
    samples={
        "listSandboxes": Sample(
            "import os\n"
            "\n"
            'os.environ["PRIME_API_BASE_URL"] = "{base_url}"\n'
            "from prime_sandboxes import APIClient, SandboxClient\n"
            "\n"
            'print(SandboxClient(APIClient(api_key="{key}")).list({arguments}, ))\n',
            {
                "team_id": "team_id",
                "user_id": "user_id",
                "status": "status",
                "labels": "labels",
                "page": "page",
                "per_page": "per_page",
            },
            lists=("labels",),
        )
    },
    sdk={
        "PRIME_API_BASE_URL": "{base_url}",
        "PRIME_API_KEY": "{key}",
        "PRIME_TEAM_ID": "",
        "PRIME_DISABLE_VERSION_CHECK": "1",
    },
    sdk_note="APIClient takes no base URL, and reads these when it is constructed.",
    optional_text=frozenset({"team_id", "user_id"}),
    domains=("primeintellect.ai",),
)
