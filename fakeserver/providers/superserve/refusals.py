"""What Superserve's server says where it refuses: codes, sentences, and the order in which it looks.

A body or a query that is refused has one sentence, about the first mistake. Sentences are the server's, word for word,
unless it repeats there what Go's JSON reader says.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from fakeserver.provider import Document, Issue, Problem, Result, Switches, Write

CODES = {
    "invalid": "bad_request",
    "unauthenticated": "auth_failed",
    "internal": "internal_error",
    "unserved": "not_implemented",
    "method_not_allowed": "method_not_allowed",
}
STATES = ("starting", "active", "pausing", "paused", "resuming", "migrating", "failed", "deleted")
# Observed: what the provider's server says, word for word.
SENTENCES = {
    "unauthenticated": "Invalid or missing X-API-Key header.",
    "internal": "A problem occurred. Please try again, or contact the team if it persists.",
    "rate_limited": "Rate limit exceeded. Please retry later.",
}
REFUSALS = {
    "metadata": "",
    "limit": "limit must be a positive integer",
    "offset": "offset must be a non-negative integer",
    "sort": "sort must be one of: created_at, name, status",
    "order": "order must be 'asc' or 'desc'",
    "status": f"status must be one or more of: {', '.join(STATES)}",
    "path": "missing path query parameter",
}
"""By parameter of a query, in the order in which the server looks at them."""
EMPTY_KEY = "metadata filter key cannot be empty"
MAX_TOLD = 200
"""Characters of a path or a command that a refusal repeats."""
SAID = "said"
"""The type of an issue whose message is the server's sentence already."""
COMMAND_REQUIRED = "Request body is not valid JSON or is missing required fields (command is required)."
OPENINGS = {
    "createSandbox": "Request body is not valid JSON or contains unknown fields.",
    "updateSandbox": "Invalid request body: {}",
    "createSnapshot": "Invalid request body: {}",
    "updateSnapshot": "Invalid request body: {}",
    "createTemplate": "Validation failed: {}",
    "execCommand": COMMAND_REQUIRED,
    "execCommandStream": COMMAND_REQUIRED,
    "exec": "invalid JSON body: {}",
    "execStream": "invalid JSON body: {}",
}
"""By operation: what is said of a body that Go cannot read into the fields that the server knows."""
UNREADABLE = frozenset(
    {"json_invalid", "content_type", "extra_forbidden", "repeated_key", "int_parsing_size", "string_unicode"}
    | {"string_nul", "string_type", "int_type", "float_type", "bool_type", "dict_type", "list_type"}
)
"""The types of issues by which a body is one of those."""
FIELDS = {
    "createSandbox": {
        "name": "name is required and must be 1-64 characters",
        "timeout_seconds": "timeout_seconds must be between 1 and 604800 (7 days), or null to disable",
        "auto_delete_seconds": "auto_delete_seconds must be between 0 and 2592000 (30 days), or null to disable",
        "network": "",
        "metadata": "",
        "env_vars": "",
        "preview_access": 'preview_access must be "public" or "private"',
        "secrets": "",
        "from_template": "from_template is empty",
        "from_snapshot": "from_snapshot must be a snapshot ID",
    },
    "createSnapshot": {
        "kind": 'kind must be "fs" or "mem+fs"',
        "name": "name must be 1 to 64 characters",
        "idempotency_key": "idempotency_key must be 1 to 255 characters",
    },
    "updateSnapshot": {"name": "name must be 1 to 64 characters"},
    "createTemplate": {
        "name": "name is required and must be 1-128 characters",
        "vcpu": "vcpu must be 1-10",
        "memory_mib": "memory_mib must be 256-20480",
        "disk_mib": "disk_mib must be 1024-30720",
        "build_spec": "build_spec is required",
    },
}
"""By operation and field of its body, in the order in which the server looks at them. Assumed: what is said of a
snapshot's id."""
FIELDS |= {name: {"command": COMMAND_REQUIRED} for name in ("execCommand", "execCommandStream")}
FIELDS |= {name: {"command": "command is required"} for name in ("exec", "execStream")}
FIELDS["updateSandbox"] = {
    name: FIELDS["createSandbox"][name]
    for name in ("preview_access", "auto_delete_seconds", "timeout_seconds", "network", "metadata")
}
OTHERS = {
    ("createTemplate", "name", "string_pattern_mismatch"): "name must be lowercase, start and end with a letter or "
    "digit, and contain only letters, digits, '.', '_', '/', '-'",
    ("updateSnapshot", "name", "missing"): "name is required",
}
"""The same where it depends on the type of an issue."""
FROM_REQUIRED = "build_spec.from is required"
IDS = {"snapshot_id": "snapshot ID"}
"""What an id in a path is said not to be, where that is not a UUID."""
SUPPORT = "contact support@superserve.ai for higher"
"""What a team is told that has as many of something as it may."""
MAX_ID = 200
"""Characters of a bad id that a refusal repeats."""
LAST = 1_000
"""The place of what the server does not look at."""


def errors(problem: Problem, switches: Switches) -> tuple[int, Document]:
    """Bad input is a 400 here, and its message is about the first mistake alone."""
    status, message = problem.status, SENTENCES.get(problem.kind, problem.detail)
    if problem.kind == "invalid":
        status, message = 400, sentence_of(problem)
    return status, body_of(CODES.get(problem.kind, problem.kind), message)


def body_of(code: str, message: str) -> Document:
    return {"error": {"code": code, "message": message}}


def failure(status: int, code: str, message: str, *writes: Write) -> Result:
    """An answer that says that something went wrong on the way, with what it left behind."""
    return Result(status, body_of(code, message), writes=writes)


def broken(*writes: Write) -> Result:
    return failure(500, "internal_error", SENTENCES["internal"], *writes)


def too_many(code: str, sentence: str) -> Problem:
    """The refusal of more than a team may have."""
    return Problem(429, code, sentence)


def said(field: str, sentence: str, where: str = "body") -> Issue:
    return Issue((where, field), sentence, SAID)


def sentence_of(problem: Problem) -> str:
    """What the server says of a bad input."""
    first = min(problem.issues, key=lambda issue: place_of(issue, problem.operation), default=None)
    if first is None:
        return problem.detail
    if first.type == SAID:
        return first.msg
    match first.loc[0]:
        case "path":
            name = field_of(first)
            return f"Invalid {name}: {quote(str(first.input)[:MAX_ID])} is not a valid {IDS.get(name, 'UUID')}"
        case "body":
            return sentence_on_body(first, problem.operation)
    parameter = parameter_of(first)
    if parameter != "metadata":
        return REFUSALS.get(parameter, f"{first.field}: {first.msg}")
    key = str(first.loc[1]).removeprefix("metadata.")
    if first.type == "empty_key":
        return EMPTY_KEY
    if first.type == "repeated_key":
        return f"metadata filter {quote(key)} has multiple values; only one allowed"
    return first.msg if first.msg.startswith("metadata ") else f"{first.field}: {first.msg}"


def sentence_on_body(issue: Issue, operation: str) -> str:
    if is_unreadable(issue):
        return OPENINGS.get(operation, "{}").format(words_of_go(issue))
    field = field_of(issue)
    if field == "build_spec" and len(issue.loc) > 2:
        return FROM_REQUIRED
    known = OTHERS.get((operation, field, issue.type)) or FIELDS.get(operation, {}).get(field)
    return known or f"{issue.field}: {issue.msg}"


def words_of_go(issue: Issue) -> str:
    """What Go's JSON reader says. Assumed where it would name types of its own."""
    if issue.type == "missing":
        return "EOF"
    if issue.type == "extra_forbidden":
        return f"json: unknown field {quote(str(issue.loc[-1]))}"
    return f"{issue.field}: {issue.msg}"


def is_unreadable(issue: Issue) -> bool:
    """Whether it is the body as a whole that cannot be used."""
    return issue.loc[0] == "body" and (len(issue.loc) == 1 or issue.type in UNREADABLE)


def place_of(issue: Issue, operation: str) -> int:
    """The place of a mistake in the order in which the server looks."""
    match issue.loc[0]:
        case "path":
            return 0
        case "body":
            order: Iterable[str] = FIELDS.get(operation, {})
            return 1 if is_unreadable(issue) else 2 + index_in(order, field_of(issue))
    return 2 + index_in(REFUSALS, parameter_of(issue))


def index_in(order: Iterable[str], name: str) -> int:
    known = [*order]
    return known.index(name) if name in known else LAST


def field_of(issue: Issue) -> str:
    """The member of a body, or the parameter of a path, that an issue is about."""
    return str(issue.loc[1] if len(issue.loc) > 1 else issue.loc[0])


def parameter_of(issue: Issue) -> str:
    """The parameter that an issue is about: pairs stand under the names of their keys."""
    return field_of(issue).partition(".")[0]


def quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
