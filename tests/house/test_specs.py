"""The specs say what the providers' reference pages say.

The tables below restate the pages by hand and are deliberately not derived from the specs: a slip in one of
the two shows as a difference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator
from openapi_spec_validator import validate

from tests.support.asgi import SPECS
from tests.support.redocly import lint

Node = dict[str, Any]

ROOT = Path(__file__).parents[2]
SLUGS = ("dreadnode", "instavm", "prime", "superserve")
DREADNODE_LIST = ("dreadnode", "listSandboxes")
DREADNODE_FACETS = ("dreadnode", "getSandboxFacets")
INSTAVM_LIST = ("instavm", "listSandboxes")
PRIME_LIST = ("prime", "listSandboxes")
SUPERSERVE_LIST = ("superserve", "listSandboxes")

# What the pages say.

ROUTES = {
    DREADNODE_LIST: ("get", "/api/v1/org/{org}/sandboxes"),
    DREADNODE_FACETS: ("get", "/api/v1/org/{org}/sandboxes/facets"),
    INSTAVM_LIST: ("get", "/v1/sessions/sandboxes"),
    PRIME_LIST: ("get", "/api/v1/sandbox"),
    SUPERSERVE_LIST: ("get", "/sandboxes"),
}
OPERATIONS = tuple(ROUTES)
SCHEMAS = "#/components/schemas/"

# Query parameters carry no null: a query cannot say it. Where `explode` is false, commas join the values; the server
# takes the parameter repeated as well.
STATES: Node = {"type": "array", "items": {"type": "string", "enum": ["running", "paused", "killed"]}}
UUID: Node = {"type": "string", "format": "uuid"}
ORG: Node = {"in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
PARAMETERS: dict[tuple[str, str], dict[str, Node]] = {
    DREADNODE_LIST: {
        "org": ORG,
        "state": {"in": "query", "style": "form", "explode": False, "schema": STATES},
        "project_id": {"in": "query", "schema": UUID},
        "limit": {"in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 50}},
        "cursor": {"in": "query", "schema": {"type": "string"}},
    },
    DREADNODE_FACETS: {
        "org": ORG,
        "state": {"in": "query", "style": "form", "explode": False, "schema": STATES},
        "project_id": {"in": "query", "schema": UUID},
    },
    INSTAVM_LIST: {
        "metadata": {"in": "query", "content": {"application/json": {"schema": {"type": "object"}}}},
        "limit": {
            "in": "query",
            "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
        },
    },
    PRIME_LIST: {
        "team_id": {"in": "query", "schema": {"type": "string"}},
        "user_id": {"in": "query", "schema": {"type": "string"}},
        "status": {
            "in": "query",
            "schema": {
                "type": "string",
                "enum": ["PENDING", "PROVISIONING", "RUNNING", "PAUSED", "ERROR", "TERMINATED"],
            },
        },
        "is_active": {"in": "query", "schema": {"type": "boolean"}},
        "labels": {
            "in": "query",
            "style": "form",
            "explode": True,
            "schema": {"type": "array", "items": {"type": "string"}},
        },
        "page": {"in": "query", "schema": {"type": "integer", "minimum": 1, "default": 1}},
        "per_page": {
            "in": "query",
            "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 50},
        },
    },
    SUPERSERVE_LIST: {
        "metadata": {
            "in": "query",
            "style": "form",
            "explode": True,
            "schema": {
                "type": "object",
                "patternProperties": {r"^metadata\..+$": {"type": "string"}},
                "additionalProperties": False,
            },
        },
    },
}
# Parameters that only a provider's SDK knows.
ADDED_PARAMETERS: dict[tuple[str, str], dict[str, Node]] = {
    SUPERSERVE_LIST: {
        "status": {
            "in": "query",
            "style": "form",
            "explode": False,
            "schema": {
                "type": "array",
                "items": {
                    "type": "string",
                    "enum": [
                        *("starting", "active", "pausing", "paused"),
                        *("resuming", "migrating", "failed", "deleted"),
                    ],
                },
            },
        },
        "limit": {"in": "query", "schema": {"type": "integer", "format": "int64", "minimum": 1}},
        "offset": {"in": "query", "schema": {"type": "integer", "format": "int64", "minimum": 0}},
        "q": {"in": "query", "schema": {"type": "string"}},
        "sort": {
            "in": "query",
            "schema": {"type": "string", "enum": ["created_at", "name", "status"], "default": "created_at"},
        },
        "order": {"in": "query", "schema": {"type": "string", "enum": ["asc", "desc"], "default": "desc"}},
    },
}

STATUSES = {
    DREADNODE_LIST: {200, 400, 401, 403, 404, 409, 422, 426, 429, 500, 502, 504},
    DREADNODE_FACETS: {200, 400, 401, 403, 404, 409, 422, 426, 429, 500, 502, 504},
    INSTAVM_LIST: {200, 422},
    # The page names the rate limit, but not the status that it answers with.
    PRIME_LIST: {200},
    SUPERSERVE_LIST: {200},
}
ADDED_STATUSES = {
    DREADNODE_LIST: set[int](),
    DREADNODE_FACETS: set[int](),
    INSTAVM_LIST: {400, 401, 403, 404, 409, 429, 500, 502, 503, 504},
    PRIME_LIST: {400, 401, 402, 403, 404, 409, 422, 429, 500, 502, 503, 504},
    SUPERSERVE_LIST: {400, 401, 403, 404, 409, 410, 429, 500, 502, 503, 504},
}

# Schemes in the order of the spec: kind, header; True if the page has the scheme.
SECURITY = {
    "dreadnode": [("http bearer", "Authorization", True), ("apiKey", "X-API-Key", False)],
    "instavm": [("oauth2 password", "Authorization", True), ("apiKey", "X-API-Key", True)],
    "prime": [("http bearer", "Authorization", True)],
    "superserve": [("apiKey", "X-API-Key", True)],
}
# Servers, and whether a page names them.
SERVERS = {
    "dreadnode": ("https://app.dreadnode.io", False),
    "instavm": ("https://api.instavm.io", False),
    "prime": ("https://api.primeintellect.ai", True),
    "superserve": ("https://api-staging.superserve.ai", True),
}
OTHER_SERVERS = {"superserve": ["https://api.superserve.ai"]}

ANSWERS = {
    DREADNODE_LIST: "SandboxListResponse",
    DREADNODE_FACETS: "SandboxFacetsResponse",
    INSTAVM_LIST: "[VMSandboxInfo]",
    PRIME_LIST: "SandboxListResponse",
    SUPERSERVE_LIST: "[SandboxResponse]",
}

ERROR_CODES = "400|401|403|404|409|422|426|429|500|502|504"
ERROR_TYPES = (
    "already_exists_error|app_error|authentication_error|conflict_error|aws_error|configuration_error|"
    "database_error|dynamodb_error|e2b_error|e2b_rate_limit_error|expired_signature_error|"
    "expired_token_error|forbidden_error|group_error|invalid_error|invalid_flag_error|"
    "invalid_username_error|mail_error|member_exists_error|member_limit_exceeded_error|"
    "migration_lock_timeout_error|not_found_error|oauth_config_error|org_sandbox_capacity_exceeded_error|"
    "bad_gateway_error|gateway_timeout_error|s3_error|server_error|task_error|stripe_error|token_error|"
    "upgrade_required_error|usage_limit_exceeded_error|user_verification_error|validation_error"
)

# Fields in the notation of `told`; a star in front of the name means required.
FIELDS: dict[str, dict[str, dict[str, str]]] = {
    "dreadnode": {
        "SandboxListResponse": {"*items": "[SandboxListItem]", "next_cursor": "string?"},
        "SandboxListItem": {
            "billed_credits": "integer = 0",
            "*build_id": "string(uuid)",
            "build_ref": "string?",
            "*created_at": "string(date-time)",
            "estimated_total_credits": "integer = 0",
            "expires_at": "string(date-time)?",
            "*id": "string(uuid)",
            "*killed_at": "string(date-time)?",
            "last_credit_deduction_at": "string(date-time)?",
            "last_started_at": "string(date-time)?",
            "pause_reason": "timeout|user|insufficient_credits|member_limit_exceeded?",
            "project_id": "string(uuid)?",
            "project_key": "string?",
            "project_name": "string?",
            "*provider": "string",
            "*provider_sandbox_id": "string",
            "running_credits": "integer = 0",
            "*sandbox_kind": "runtime|task|evaluation|world",
            "*state": "running|paused|killed",
            "stopped_at": "string(date-time)?",
            "*total_runtime_seconds": "integer",
            "workspace_id": "string(uuid)?",
            "*workspace_key": "string?",
        },
        "SandboxFacetsResponse": {
            "projects": "[SandboxProjectFacetEntry]",
            "states": "[SandboxStateFacetEntry]",
        },
        "SandboxProjectFacetEntry": {
            "*count": "integer",
            "project_id": "string(uuid)?",
            "project_key": "string?",
            "project_name": "string?",
        },
        "SandboxStateFacetEntry": {"*count": "integer", "*value": "running|paused|killed"},
        "APIErrorPayload": {
            "*code": ERROR_CODES,
            "*detail": "string",
            "errors": "[ValidationErrorItem]?",
            "*type": ERROR_TYPES,
        },
        "ValidationErrorItem": {"*loc": "[string or integer]", "*msg": "string", "*type": "string"},
    },
    "instavm": {
        "VMSandboxInfo": {
            "*sandbox_id": "string",
            "template_id": "string?",
            "*name": "string",
            "*metadata": "object of anything",
            "*started_at": "string",
            "end_at": "string?",
            "*status": "string",
        },
        "HTTPValidationError": {"detail": "[ValidationError]"},
        "ValidationError": {"*loc": "[string or integer]", "*msg": "string", "*type": "string"},
    },
    "prime": {
        "SandboxListResponse": {
            "*sandboxes": "[SandboxResponse]",
            "*total": "integer",
            "*page": "integer",
            "*per_page": "integer",
            "*has_next": "boolean",
        },
        # The page has names and one value each; what is required or nullable is the provider's OpenAPI's.
        "SandboxResponse": {
            "*id": "string",
            "*name": "string",
            "*dockerImage": "string",
            "*startCommand": "string?",
            "*cpuCores": "number",
            "*memoryGB": "number",
            "*diskSizeGB": "number",
            "*diskMountPath": "string",
            "*gpuCount": "integer",
            "*networkAccess": "boolean",
            "*status": "PENDING|PROVISIONING|RUNNING|PAUSED|ERROR|TERMINATED",
            "*timeoutMinutes": "integer",
            "*environmentVars": "object of anything?",
            "*advancedConfigs": "object of anything?",
            "*createdAt": "string(date-time)",
            "*updatedAt": "string(date-time)",
            "*startedAt": "string(date-time)?",
            "*terminatedAt": "string(date-time)?",
            "*userId": "string?",
            "*teamId": "string?",
            "*kubernetesJobId": "string?",
            "gpuType": "string?",
            "vm": "boolean",
            "labels": "[string]",
            "exitCode": "integer?",
            "errorType": "string?",
            "errorMessage": "string?",
            "region": "string?",
            "registryCredentialsId": "string?",
        },
    },
    "superserve": {
        "SandboxResponse": {
            "*id": "string(uuid)",
            "*name": "string",
            "*status": "active|paused|resuming",
            "*vcpu_count": "integer",
            "*memory_mib": "integer",
            "snapshot_id": "string(uuid)",
            "*created_at": "string(date-time)",
            "timeout_seconds": "integer(int32) >= 1",
            "network": "{allow_out: [string], deny_out: [string]}",
            "*metadata": "object of string",
        },
    },
}
# Fields of the page's schemas that are not on the page, and are not sent unless a switch says so.
SWITCHED_FIELDS = {
    "SandboxListItem": {
        "updated_at": "string(date-time)",
        "workload_context": "{kind: string?, evaluation_name: string?, evaluation_id: string?, "
        "evaluation_item_position: integer?, sandbox_role: string?, task_name: string?, model: string?, "
        "agent_type: string?}?",
    },
}
PRIME_SDK_FIELDS = {
    "networkAllowlist": "[string]?",
    "networkDenylist": "[string]?",
    "idleTimeoutMinutes": "integer?",
    "terminationReason": "string?",
    "secrets": "object of anything?",
    "pendingImageBuildId": "string?",
}
SUPERSERVE_SERVER_FIELDS = {
    "source_snapshot_id": "string(uuid)",
    "auto_delete_seconds": "integer(int32)",
    "auto_delete_at": "string(date-time)",
    "preview_access": "legacy_public|public|private",
}
BEYOND_FIELDS = {
    "instavm": {"ValidationError": {"input": "string?", "ctx": "object of anything"}},
    "prime": {"SandboxResponse": PRIME_SDK_FIELDS | {"*startCommand": "string or object?"}},
    "superserve": {"SandboxResponse": SUPERSERVE_SERVER_FIELDS},
}
"""What the provider's framework, or its SDK or newer server behind a switch, adds to a schema of its page."""
ADDED_FIELDS: dict[str, dict[str, dict[str, str]]] = {
    "dreadnode": {},
    "instavm": {"HTTPError": {"*detail": "string"}},
    "prime": {
        "HTTPError": {"*detail": "string"},
        "ErrorResponse": {"*errors": "[ErrorDetail]"},
        "ErrorDetail": {"*param": "string", "*details": "string"},
        "HTTPValidationError": {"*detail": "[ValidationError]"},
        "ValidationError": {
            "*loc": "[string or integer]",
            "*msg": "string",
            "*type": "string",
            "input": "string?",
            "ctx": "object of anything",
        },
    },
    "superserve": {"ErrorResponse": {"*error": "{*code: string, *message: string}"}},
}

PAGE_EXAMPLES: dict[tuple[str, str], str] = {
    INSTAVM_LIST: """
        [ { "sandbox_id": "vmid-abc-15", "template_id": "snap2", "name": "snap2", "metadata":
        {"userId": "123", "env": "dev"}, "started_at": "2025-01-18T10:30:00", "end_at":
        "2025-01-18T10:35:00", "status": "active" } ]
    """,
    PRIME_LIST: """
        {"sandboxes": [{"id": "<string>", "name": "<string>", "dockerImage": "<string>",
        "startCommand": "<string>", "cpuCores": 123, "memoryGB": 123, "diskSizeGB": 123,
        "diskMountPath": "<string>", "gpuCount": 123, "networkAccess": true, "status": "PENDING",
        "timeoutMinutes": 123, "environmentVars": {}, "advancedConfigs": {}, "createdAt":
        "2023-11-07T05:31:56Z", "updatedAt": "2023-11-07T05:31:56Z", "startedAt":
        "2023-11-07T05:31:56Z", "terminatedAt": "2023-11-07T05:31:56Z", "userId": "<string>",
        "teamId": "<string>", "kubernetesJobId": "<string>", "gpuType": "CPU_NODE", "vm": false,
        "labels": ["<string>"], "exitCode": 123, "errorType": "<string>", "errorMessage":
        "<string>", "region": "us", "registryCredentialsId": "<string>"}], "total": 123, "page":
        123, "per_page": 123, "has_next": true}
    """,
    SUPERSERVE_LIST: """
        [{"id": "3c90c3cc-0d44-4b50-8888-8dd25736052a", "name": "<string>", "status": "active",
        "vcpu_count": 123, "memory_mib": 123, "snapshot_id": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
        "created_at": "2023-11-07T05:31:56Z", "timeout_seconds": 123, "network": {"allow_out":
        ["api.openai.com", "*.github.com", "8.8.8.8/32"], "deny_out": ["0.0.0.0/0"]}, "metadata":
        {"env": "prod", "owner": "agent-7"}}]
    """,
}

# Reading a spec.


def resolved(slug: str, node: Node) -> Node:
    """What a local reference points to; any other value as it is."""
    while "$ref" in node:
        found: Any = SPECS[slug]
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def operation(key: tuple[str, str]) -> Node:
    """An operation, found by its id."""
    slug, wanted = key
    (found,) = (
        each
        for item in SPECS[slug]["paths"].values()
        for each in item.values()
        if isinstance(each, dict) and each["operationId"] == wanted
    )
    result: Node = found
    return result


def parameters(key: tuple[str, str]) -> dict[str, Node]:
    """The parameters of an operation by name."""
    every = [resolved(key[0], each) for each in operation(key)["parameters"]]
    assert len({each["name"] for each in every}) == len(every)
    return {each["name"]: each for each in every}


def responses(key: tuple[str, str]) -> dict[int, Node]:
    """The responses of an operation by status."""
    return {int(code): resolved(key[0], each) for code, each in operation(key)["responses"].items()}


def body(response: Node) -> Node:
    """The JSON content of a response: its schema and examples."""
    assert list(response["content"]) == ["application/json"]
    content: Node = response["content"]["application/json"]
    return content


def examples(slug: str, content: Node) -> dict[str, Any]:
    """The named examples of a media type or parameter."""
    return {name: resolved(slug, each)["value"] for name, each in content.get("examples", {}).items()}


def walk(node: Any) -> Iterator[tuple[str, Any]]:
    """Every key of a tree with its value."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield key, value
            yield from walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value)


def told(schema: Node) -> str:
    """In one line: `string(uuid)?` may be null, `a|b` is an enum, `[x]` an array, `= 0` a default."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix("#/components/schemas/")
    if "anyOf" in schema:
        return " or ".join(told(each) for each in schema["anyOf"])
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    kind, *others = (each for each in types if each != "null")
    if others:
        return " or ".join((kind, *others)) + ("?" if "null" in types else "")
    nullable = "null" in types
    if "enum" in schema:
        values = [each for each in schema["enum"] if each is not None]
        # An enum that forgets null would take back what the type allows.
        assert nullable == (None in schema["enum"])
        assert all(type(each) is {"string": str, "integer": int}[kind] for each in values)
        line = "|".join(str(each) for each in values)
    elif kind == "array":
        line = f"[{told(schema['items'])}]"
    elif "properties" in schema:
        required = schema.get("required", ())
        fields = (("*" if name in required else "") + f"{name}: {told(x)}" for name, x in schema["properties"].items())
        line = "{" + ", ".join(fields) + "}"
    elif schema.get("additionalProperties") is True:
        line = f"{kind} of anything"
    elif "additionalProperties" in schema:
        line = f"{kind} of {told(schema['additionalProperties'])}"
    else:
        line = kind + (f"({schema['format']})" if "format" in schema else "")
    line += f" >= {schema['minimum']}" if "minimum" in schema else ""
    line += f" = {schema['default']}" if "default" in schema else ""
    return line + ("?" if nullable else "")


def schemas_of_pages(slug: str) -> dict[str, Node]:
    """The schemas that answers of operations with a reference page refer to, at whatever distance."""
    found: dict[str, Node] = {}
    waiting: list[Any] = [responses(key) for key in OPERATIONS if key[0] == slug]
    while waiting:
        for word, value in walk(waiting.pop()):
            name = str(value).removeprefix("#/components/schemas/")
            if word == "$ref" and name != value and name not in found:
                found[name] = SPECS[slug]["components"]["schemas"][name]
                waiting.append(found[name])
    return found


def said_to_be_ours(description: str) -> bool:
    """Whether a description says that it does not stand on a page."""
    return bool(re.search(r"\b(Assumed|Observed): \S", description))


@pytest.mark.parametrize("slug", SLUGS)
def test_spec_is_valid_openapi(slug: str) -> None:
    """Every spec is a valid OpenAPI 3.1 document without extensions and with local references only."""
    document = SPECS[slug]
    validate(document)
    assert document["openapi"] == "3.1.0"
    assert [key for key, _ in walk(document) if str(key).startswith("x-")] == []
    assert [value for key, value in walk(document) if key == "$ref" and not value.startswith("#/components/")] == []


@pytest.mark.parametrize("slug", SLUGS)
def test_spec_is_plain_json(slug: str) -> None:
    """A spec holds JSON values only, so that a YAML reader's idea of dates and booleans changes nothing."""
    assert json.loads(json.dumps(SPECS[slug])) == SPECS[slug]


@pytest.mark.parametrize("slug", SLUGS)
def test_operations_are_those_of_the_pages(slug: str) -> None:
    """A spec has the operations of the provider's pages, on their method and path, tagged `documented`."""
    found = {
        (slug, each["operationId"]): (method, path)
        for path, item in SPECS[slug]["paths"].items()
        for method, each in item.items()
        if isinstance(each, dict) and "documented" in each["tags"]
    }
    assert found == {key: route for key, route in ROUTES.items() if key[0] == slug}
    assert "documented" in {each["name"] for each in SPECS[slug]["tags"]}


@pytest.mark.parametrize("key", OPERATIONS)
def test_parameters_are_those_of_the_page(key: tuple[str, str]) -> None:
    """Every parameter has the place, type, bounds, default and values that the page or the SDK gives it."""
    found = {}
    for name, parameter in parameters(key).items():
        fact = {word: value for word, value in parameter.items() if word not in ("name", "description", "examples")}
        if "content" in fact:
            fact["content"] = {media: {"schema": each["schema"]} for media, each in fact["content"].items()}
        found[name] = fact
    assert found == PARAMETERS[key] | ADDED_PARAMETERS.get(key, {})


@pytest.mark.parametrize("key", OPERATIONS)
def test_query_parameters_are_plain(key: tuple[str, str]) -> None:
    """A query parameter never allows null, and its enum stands in its own schema."""
    for parameter in parameters(key).values():
        schema = parameter["schema"] if "schema" in parameter else parameter["content"]["application/json"]["schema"]
        every = list(walk(schema))
        assert "$ref" not in {word for word, _ in every}
        assert [value for word, value in every if word == "type" and (value == "null" or "null" in value)] == []
        assert [value for word, value in every if word == "enum" and None in value] == []
        assert [value for word, value in every if word == "default" and value is None] == []


@pytest.mark.parametrize("key", OPERATIONS)
def test_statuses_are_those_of_the_page(key: tuple[str, str]) -> None:
    """An operation documents the statuses of its page and those that its SDK or server is known to handle."""
    assert STATUSES[key] & ADDED_STATUSES[key] == set()
    assert set(responses(key)) == STATUSES[key] | ADDED_STATUSES[key]
    assert told(body(responses(key)[200])["schema"]) == ANSWERS[key]


def on_pages(slug: str) -> set[str]:
    """The schemas that the operations of the pages lead to."""
    waiting: list[Any] = [operation(key) for key in OPERATIONS if key[0] == slug]
    found: set[str] = set()
    while waiting:
        for word, value in walk(waiting.pop()):
            if word == "$ref" and value not in found:
                found.add(value)
                waiting.append(resolved(slug, {"$ref": value}))
    return {reference.removeprefix(SCHEMAS) for reference in found if reference.startswith(SCHEMAS)}


@pytest.mark.parametrize("slug", SLUGS)
def test_schemas_are_those_of_the_page(slug: str) -> None:
    """Every schema has the fields of the page: required or not, type, null, format, values and default."""
    found = {}
    for name, schema in schemas_of_pages(slug).items():
        required = schema.get("required", [])
        assert set(required) <= set(schema["properties"])
        found[name] = {("*" if x in required else "") + x: told(each) for x, each in schema["properties"].items()}
    beyond = SWITCHED_FIELDS | BEYOND_FIELDS.get(slug, {})
    published = {name: fields | beyond.get(name, {}) for name, fields in FIELDS[slug].items()}
    assert found == published | ADDED_FIELDS[slug]


@pytest.mark.parametrize("slug", SLUGS)
def test_schemas_leave_room_for_new_fields(slug: str) -> None:
    """A field that a provider adds later breaks no response schema."""
    refused = [word for word, value in walk(schemas_of_pages(slug)) if value is False]
    assert "additionalProperties" not in refused


@pytest.mark.parametrize("slug", SLUGS)
def test_security_is_that_of_the_page(slug: str) -> None:
    """Any one of the provider's credentials is enough, and each travels in the header of the page or SDK."""
    schemes = SPECS[slug]["components"]["securitySchemes"]
    found = []
    for alternative in SPECS[slug]["security"]:
        (name,) = alternative
        scheme = schemes[name]
        kind = {"http": "http bearer", "oauth2": "oauth2 password"}.get(scheme["type"], scheme["type"])
        if scheme["type"] == "http":
            assert scheme["scheme"] == "bearer"
        elif scheme["type"] == "oauth2":
            assert list(scheme["flows"]) == ["password"]
            # The page names the scheme only; where a token comes from is ours.
            assert said_to_be_ours(scheme["description"])
        else:
            assert scheme["in"] == "header"
        found.append((kind, scheme.get("name", "Authorization")))
    assert found == [(kind, header) for kind, header, _ in SECURITY[slug]]
    named = {name for alternative in SPECS[slug]["security"] for name in alternative}
    assert all(said_to_be_ours(scheme["description"]) for name, scheme in schemes.items() if name not in named)
    assert all("security" not in operation(key) for key in OPERATIONS if key[0] == slug)


@pytest.mark.parametrize("slug", SLUGS)
def test_server_is_that_of_the_provider(slug: str) -> None:
    """A spec names the provider's host, and says so when no page does."""
    server, *others = SPECS[slug]["servers"]
    url, on_page = SERVERS[slug]
    assert server["url"] == url
    assert [each["url"] for each in others] == OTHER_SERVERS.get(slug, [])
    assert all(said_to_be_ours(each["description"]) for each in others)
    assert on_page or said_to_be_ours(server["description"])


@pytest.mark.parametrize("key", PAGE_EXAMPLES)
def test_page_examples_are_kept(key: tuple[str, str]) -> None:
    """The example `page` is the one on the page, value by value."""
    assert examples(key[0], body(responses(key)[200]))["page"] == json.loads(PAGE_EXAMPLES[key])


def test_dreadnode_examples_complete_those_of_the_page() -> None:
    """Dreadnode's incomplete example keeps the page's values, and its 401 is the page's example."""
    (row,) = examples("dreadnode", body(responses(DREADNODE_LIST)[200]))["page"]["items"]
    shown = {
        "billed_credits": 0,
        "estimated_total_credits": 0,
        "pause_reason": "timeout",
        "running_credits": 0,
        "sandbox_kind": "runtime",
        "state": "running",
    }
    assert {name: row[name] for name in shown} == shown
    assert set(row) == {name.lstrip("*") for name in FIELDS["dreadnode"]["SandboxListItem"]}
    assert examples("dreadnode", body(responses(DREADNODE_LIST)[401]))["authentication_error"] == {
        "code": 401,
        "detail": "Authentication failed",
        "type": "authentication_error",
    }


def test_parameter_examples_are_those_of_the_page() -> None:
    """The examples of both metadata filters are the pages' own."""
    content = parameters(INSTAVM_LIST)["metadata"]["content"]["application/json"]
    assert examples("instavm", content) == {"page": {"userId": "123", "env": "dev"}}
    assert examples("superserve", parameters(SUPERSERVE_LIST)["metadata"]) == {"page": {"metadata.env": "prod"}}


@pytest.mark.parametrize("key", OPERATIONS)
def test_every_example_fits_its_schema(key: tuple[str, str]) -> None:
    """Every example of a response or parameter is valid, formats included."""
    for text in ("date-time", "uuid"):
        assert not Draft202012Validator({"format": text}, validate_formats=True).is_valid("neither")
    slug = key[0]
    places = [body(response) for response in responses(key).values()]
    for parameter in parameters(key).values():
        places += parameter.get("content", {"": parameter}).values()
    for place in places:
        schema = {**place["schema"], "components": SPECS[slug]["components"]}
        validator = Draft202012Validator(schema, validate_formats=True)
        for name, value in examples(slug, place).items():
            assert [(name, each.message) for each in validator.iter_errors(value)] == []


@pytest.mark.parametrize("key", OPERATIONS)
def test_every_status_has_examples(key: tuple[str, str]) -> None:
    """A 200 has the example `page`, and every error has one that is named in snake case."""
    for status, response in responses(key).items():
        names = list(examples(key[0], body(response)))
        if status == 200:
            assert "page" in names
        assert names
        assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)


@pytest.mark.parametrize("key", OPERATIONS)
def test_rate_limit_answers_say_when_to_retry(key: tuple[str, str]) -> None:
    """Every 429 declares `Retry-After`, and demands it of nobody."""
    header = resolved(key[0], responses(key)[429]["headers"]["Retry-After"])
    assert not header.get("required", False)


@pytest.mark.parametrize("key", [INSTAVM_LIST, PRIME_LIST])
def test_fastapi_providers_name_the_scheme(key: tuple[str, str]) -> None:
    """The 401 of a FastAPI service says how to authenticate."""
    assert "WWW-Authenticate" in responses(key)[401]["headers"]


@pytest.mark.parametrize("key", [key for key in OPERATIONS if key[0] != "superserve"])
def test_validation_examples_name_a_real_parameter(key: tuple[str, str]) -> None:
    """The example of a 422 blames a parameter that the operation has."""
    for example in examples(key[0], body(responses(key)[422])).values():
        issues = example.get("errors") or example["detail"]
        for issue in issues:
            assert issue.get("param", issue.get("loc", ["", ""])[-1]) in parameters(key)
            assert "loc" not in issue or issue["loc"][0] == "query"


def test_superserve_refusal_names_a_real_parameter() -> None:
    """Superserve has no 422: its 400 blames the metadata filter."""
    example = examples("superserve", body(responses(SUPERSERVE_LIST)[400]))["bad_request"]
    assert "metadata" in example["error"]["message"]


@pytest.mark.parametrize("key", [INSTAVM_LIST, PRIME_LIST])
def test_detail_errors_are_text(key: tuple[str, str]) -> None:
    """Every error of a FastAPI service but the 422 is `{"detail": text}`."""
    assert {told(body(each)["schema"]) for code, each in responses(key).items() if code not in (200, 422)} == {
        "HTTPError"
    }


def test_validation_bodies_are_the_published_ones() -> None:
    """A 422 has the schema that the provider publishes; prime's is FastAPI's own, or the one of its OpenAPI."""
    assert told(body(responses(INSTAVM_LIST)[422])["schema"]) == "HTTPValidationError"
    assert told(body(responses(PRIME_LIST)[422])["schema"]) == "HTTPValidationError or ErrorResponse"


def test_superserve_errors_carry_their_code() -> None:
    """Every error of superserve is an envelope whose code is the name of the example."""
    for status, response in responses(SUPERSERVE_LIST).items():
        if status != 200:
            assert told(body(response)["schema"]) == "ErrorResponse"
            for name, value in examples("superserve", body(response)).items():
                assert value["error"]["code"] == name


@pytest.mark.parametrize("key", [DREADNODE_LIST, DREADNODE_FACETS])
def test_dreadnode_error_types_have_one_status_each(key: tuple[str, str]) -> None:
    """Each of the 35 error types is the name of one example, at one status, whose body agrees with both."""
    types = ERROR_TYPES.split("|")
    assert len(set(types)) == len(types) == 35
    seen = []
    for status, response in responses(key).items():
        if status == 200:
            continue
        assert told(body(response)["schema"]) == "APIErrorPayload"
        for name, value in examples("dreadnode", body(response)).items():
            assert (value["type"], value["code"]) == (name, status)
            assert ("errors" in value) == (name == "validation_error")
            seen.append(name)
    assert sorted(seen) == sorted(types)


def test_dreadnode_credits_show_in_the_detail() -> None:
    """Only the 429 of spent credits mentions them, since the SDK raises another exception for it."""
    details = {
        name: value["detail"] for name, value in examples("dreadnode", body(responses(DREADNODE_LIST)[429])).items()
    }
    assert "credit" in details["usage_limit_exceeded_error"]
    assert "credit" not in details["e2b_rate_limit_error"].lower()


@pytest.mark.parametrize("key", OPERATIONS)
def test_additions_to_the_page_say_so(key: tuple[str, str]) -> None:
    """A status, parameter or header that is on no page is described as assumed or observed."""
    described = [parameters(key)[name] for name in ADDED_PARAMETERS.get(key, {})]
    described += [responses(key)[status] for status in ADDED_STATUSES[key]]
    described += [resolved(key[0], x) for each in responses(key).values() for x in each.get("headers", {}).values()]
    assert [each["description"] for each in described if not said_to_be_ours(each["description"])] == []


@pytest.mark.parametrize("slug", SLUGS)
def test_added_schemas_and_schemes_say_so(slug: str) -> None:
    """A schema or a way to authenticate that is on no page is described as assumed or observed."""
    components = SPECS[slug]["components"]
    added = {*ADDED_FIELDS[slug], *(components["schemas"].keys() - on_pages(slug))}
    described = [components["schemas"][name]["description"] for name in sorted(added)]
    schemes = [components["securitySchemes"][name] for each in SPECS[slug]["security"] for name in each]
    for scheme, (_, _, on_page) in zip(schemes, SECURITY[slug], strict=True):
        if not on_page:
            described.append(scheme["description"])
    assert [each for each in described if not said_to_be_ours(each)] == []


@pytest.mark.parametrize("slug", SLUGS)
def test_operations_without_a_page_name_their_source(slug: str) -> None:
    """They are tagged `observed`, and their descriptions say where each was seen."""
    found = [
        each
        for item in SPECS[slug]["paths"].values()
        for method, each in item.items()
        if method != "parameters" and "documented" not in each["tags"]
    ]
    assert [each["tags"] for each in found if each["tags"] != ["observed"]] == []
    assert [each["operationId"] for each in found if "Observed: " not in each["description"]] == []


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (DREADNODE_LIST, "org"),
        (DREADNODE_LIST, "state"),
        (DREADNODE_FACETS, "state"),
        (DREADNODE_LIST, "cursor"),
        (INSTAVM_LIST, "metadata"),
        (PRIME_LIST, "is_active"),
        (SUPERSERVE_LIST, "metadata"),
    ],
)
def test_readings_of_a_page_say_so(key: tuple[str, str], name: str) -> None:
    """A parameter that is on the page, but of which we say more than the page, marks what is ours."""
    assert said_to_be_ours(parameters(key)[name]["description"])


@pytest.mark.parametrize("slug", SLUGS)
def test_markers_are_spelled_in_one_way(slug: str) -> None:
    """A marker is always spelled "Assumed:" or "Observed:", so that a text search finds every one."""
    for word, value in walk(SPECS[slug]):
        if word in ("description", "summary") and isinstance(value, str):
            loose = re.findall(r"\b(?:assum|observ)\w*\b(?!:)", value, re.IGNORECASE)
            assert loose == []


@pytest.mark.slow
def test_linter_finds_nothing() -> None:
    """Redocly's recommended rules find neither an error nor a warning in any spec."""
    lint(*(f"openapi/{slug}.yaml" for slug in SLUGS))
