"""What dreadnode 2.0.51 can ask for and the fake has not: everything of the platform that is no sandbox."""

from __future__ import annotations

from fakeserver.provider import unserved

ANYWHERE, ORG, WORKSPACE = "/api/v1", "/api/v1/org/{org}", "/api/v1/org/{org}/ws/{workspace}"
PROJECT = f"{WORKSPACE}/projects/{{project}}"


def below(place: str, *names: str) -> tuple[str, ...]:
    """Operations below a path, each written as `GET /…`; several methods of one as `GET,POST /…`."""
    split = [name.split(" ") for name in names]
    return tuple(f"{method} {place}{path}" for methods, path in split for method in methods.split(","))


ACCOUNT = below(
    ANYWHERE,
    "POST /auth/device/code",
    "GET /auth/device/code/{device_code}",
    "POST /auth/device/token",
    "GET /config",
    "POST /feedback",
    "GET /health",
    "GET /inference",
    "GET /inference/catalog",
    "POST /inference/validate",
    "GET /training/catalog",
    "POST /user/api-keys",
    "DELETE /user/api-keys/self",
    "GET /user/limits",
    "GET /user/preferences",
    "GET,POST /user/secrets",
    "POST /user/secrets/preset",
    "GET /user/secrets/presets",
    "GET,PUT,DELETE /user/secrets/{secret_id}",
)
ORGANIZATION = below(
    ORG,
    "GET /credits",
    "GET,PUT,DELETE /credits/auto-refill",
    "POST /credits/checkout",
    "GET /credits/payment-method",
    "GET /credits/price",
    "POST /inference/keys",
    "GET /integrations/actions",
    "POST /otel/traces",
    "POST /tools/search",
    "POST /ws",
)
REGISTRY = (
    *(
        name
        for kind in ("capabilities", "datasets", "models", "tasks")
        for name in below(
            f"{ORG}/{kind}",
            "GET ",
            "GET /facets",
            "GET /{name}",
            "GET /{name}/versions",
            "PATCH /{name}/visibility",
            "GET,DELETE /{name}/{version}",
        )
    ),
    *below(
        ORG,
        "GET /capabilities/{name}/readme",
        "GET /capabilities/{name}/{version}/bundle",
        "GET /capabilities/{name}/{version}/files/{path}",
        "GET /capabilities/{name}/{version}/readme",
        "GET /datasets/activity",
        "POST /datasets/{name}/{version}/download",
        "GET /models/activity",
        "GET /models/{name}/compare",
        "POST /models/{name}/{version}/aliases",
        "DELETE /models/{name}/{version}/aliases/{alias}",
        "POST /models/{name}/{version}/download",
        "PUT /models/{name}/{version}/metrics",
        "GET /tasks/{name}/instruction",
        "GET /tasks/{name}/readme",
        "GET,POST /task-sets",
        "GET /task-sets/facets",
        "GET,PUT,DELETE /task-sets/{name}",
        "PATCH /task-sets/{name}/visibility",
    ),
)
PACKAGES = below(
    f"{ANYWHERE}/{{org}}",
    "GET,HEAD /blobs/{digest}",
    "POST /{name}/blobs/uploads/",
    "GET,PUT /{name}/manifests/{reference}",
    "GET /{name}/tags/list",
)
PROJECTS = (
    *below(WORKSPACE, "POST /projects", "DELETE /projects/{project}", "GET /storage/credentials"),
    *below(
        PROJECT,
        "GET /item-submission-actions",
        "GET /item-submission-stages",
        "GET,POST /items",
        "GET /items/access",
        "GET /items/facets",
        "GET,PATCH /items/{item_id}",
        "GET,POST /items/{item_id}/links",
        "POST /items/{item_id}/submission-stages",
        *(f"POST /project-memory/{verb}" for verb in ("close", "get", "history", "list", "save")),
    ),
)
RUNTIMES = below(
    f"{WORKSPACE}/runtimes/{{runtime_id}}/capabilities",
    "GET,POST ",
    "GET /resolved",
    "PATCH,DELETE /{binding_id}",
)
JOBS = (
    *(
        name
        for kind in ("optimization", "training")
        for name in below(
            f"{WORKSPACE}/{kind}/jobs",
            "GET,POST ",
            "GET /{job_id}",
            "GET /{job_id}/artifacts",
            "POST /{job_id}/cancel",
            "GET /{job_id}/logs",
            "POST /{job_id}/progress",
            "POST /{job_id}/retry",
        )
    ),
    *below(WORKSPACE, "GET /training/jobs/{job_id}/rl-context"),
)
EVALUATIONS = below(
    WORKSPACE,
    "GET /evaluations",
    "POST /evaluation",
    "GET /evaluation/{evaluation_id}",
    "GET /evaluation/{evaluation_id}/analytics",
    "POST /evaluation/{evaluation_id}/cancel",
    "GET /evaluation/{evaluation_id}/items",
    "GET /evaluation/{evaluation_id}/items/{item_id}",
    "GET /evaluation/{evaluation_id}/items/{item_id}/trajectory",
    "GET /evaluation/{evaluation_id}/items/{item_id}/transcript",
    "POST /evaluation/{evaluation_id}/retry-failed",
    "GET /evaluation/{evaluation_id}/traces",
    "GET /evaluation/{evaluation_id}/traces/items",
)
SESSIONS = below(
    f"{WORKSPACE}/sessions",
    "GET,POST ",
    "GET /facets",
    "POST /groups",
    "PATCH /groups/{group_id}",
    "GET,PATCH,DELETE /{session_id}",
    "POST /{session_id}/archive",
    "POST /{session_id}/freeze",
    "POST /{session_id}/rewind",
    "GET /{session_id}/trajectory",
    "GET,POST /{session_id}/transcript",
    "POST /{session_id}/transcript/compact",
    "POST /{session_id}/unarchive",
)
TRACES = below(
    WORKSPACE,
    "POST /query",
    "GET /traces",
    "GET /traces/{trace_id}",
    "GET /traces/{trace_id}/spans",
    "GET /traces/{trace_id}/stats",
)
ASSESSMENTS = below(
    f"{WORKSPACE}/airt",
    "GET,POST /assessments",
    "GET,PATCH,DELETE /assessments/{assessment_id}",
    "GET /assessments/{assessment_id}/analytics",
    "GET,POST /assessments/{assessment_id}/reports",
    "GET /assessments/{assessment_id}/reports/{report_id}",
    "GET /assessments/{assessment_id}/sandbox",
    "GET /assessments/{assessment_id}/traces",
    "GET /assessments/{assessment_id}/traces/attacks",
    "GET /assessments/{assessment_id}/traces/trials",
    "GET /projects/{project}/findings",
    "POST /projects/{project}/reports/generate",
    "GET /projects/{project}/summary",
)
WORKFLOWS = below(
    f"{WORKSPACE}/workflows",
    "GET /approvals",
    "POST /approvals/{approval_id}/decision",
    "GET /definitions",
    "GET /definitions/{definition_id}",
    "GET,POST /runs",
    "GET /runs/{run_id}",
    *(f"POST /runs/{{run_id}}/{verb}" for verb in ("cancel", "claim", "facts", "heartbeat")),
)
WORLDS = below(
    f"{WORKSPACE}/worlds",
    "GET /jobs",
    "GET /jobs/{job_id}",
    "POST /jobs/{job_id}/cancel",
    "GET,POST /manifests",
    "GET /manifests/{manifest_id}",
    "GET /manifests/{manifest_id}/commands",
    *(f"GET /manifests/{{manifest_id}}/graph/{part}" for part in ("edges", "nodes", "subgraph")),
    "GET /manifests/{manifest_id}/hosts/{host_id}",
    "GET /manifests/{manifest_id}/hosts/{host_id}/details",
    "GET /manifests/{manifest_id}/principals/search",
    "GET /manifests/{manifest_id}/principals/{principal_id}",
    "GET /manifests/{manifest_id}/principals/{principal_id}/details",
    "GET /manifests/{manifest_id}/trajectories",
    "GET,POST /trajectories",
    "GET /trajectories/{trajectory_id}",
)
FALLEN_BACK = below(ORG, "GET /item-types/{identifier}")
"""Without it the SDK goes on with what it knows of items; it does so on a 404, and on no other answer."""

SOURCE = "dreadnode 2.0.51"
UNSERVED = (
    *unserved(
        SOURCE, *ACCOUNT, *ORGANIZATION, *REGISTRY, *PACKAGES, *PROJECTS, *RUNTIMES, *JOBS, *EVALUATIONS, *SESSIONS,
        *TRACES, *ASSESSMENTS, *WORKFLOWS, *WORLDS,
    ),
    *unserved(SOURCE, *FALLEN_BACK, status=404),
)  # fmt: skip
