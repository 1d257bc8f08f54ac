"""Superserve's templates and their builds. A template's state is what its builds made of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from fakeserver.provider import (
    SECOND,
    Asked,
    Call,
    Document,
    Ground,
    Kind,
    Life,
    Record,
    Result,
    View,
    Write,
    begin,
    conflict,
    find_record,
    fire,
    itself,
    mint,
    named_uuid,
    not_found,
)
from fakeserver.providers.superserve.limits import check, issues_in_template
from fakeserver.providers.superserve.refusals import SUPPORT, quote, too_many
from fakeserver.providers.superserve.states import BUILDS, CANCELLED, IN_FLIGHT, MIB, TEMPLATES, in_seconds

SYSTEM = "superserve"
"""Who owns the templates that everybody sees."""
DAY = 86_400 * SECOND
AGE_DAYS = 60
"""Assumed: how old the provider's templates are when a world begins."""
OWN = (
    ("superserve/base", 1, 1_024, 4_096),
    ("superserve/python-3.11", 1, 1_024, 4_096),
    ("superserve/node-22", 1, 1_024, 4_096),
    ("superserve/claude-code", 2, 2_048, 8_192),
    ("superserve/code-interpreter", 2, 2_048, 8_192),
    ("superserve/python-ml", 2, 2_048, 4_096),
)
"""Observed: the provider's templates, with their vCPUs, MiB of memory and MiB of disk."""
DEFAULT_VCPUS, DEFAULT_MEMORY_MIB, DEFAULT_DISK_MIB = 1, 1_024, 4_096
"""Observed: those of a template that does not say."""
POLL_SECONDS = 2
"""Observed: superserve 0.11.4, how long it waits before it looks again at a build or a snapshot."""
EVENT_STREAM = "text/event-stream"
BUILDS_KIND, TEMPLATES_KIND = "builds", "templates"


def team_id(name: str) -> str:
    """The UUID of a team; tenants have names here."""
    return named_uuid(f"superserve {name}")


def own_id(name: str) -> str:
    """The id of a template of the provider's own."""
    return named_uuid(f"superserve {name}")


def seed_templates(ground: Ground) -> Iterator[tuple[Document, str]]:
    """The provider's templates, which every team sees."""
    created = ground.epoch - AGE_DAYS * DAY
    for index, (name, vcpus, memory, disk) in enumerate(OWN):
        instant = in_seconds(created - index * DAY)
        yield (
            {
                "id": own_id(name),
                "team_id": team_id(SYSTEM),
                "name": name,
                "status": "ready",
                "vcpu": vcpus,
                "memory_mib": memory,
                "disk_mib": disk,
                "size_bytes": disk * MIB,
                "created_at": instant,
                "built_at": instant,
            },
            SYSTEM,
        )


KINDS = {
    TEMPLATES_KIND: Kind("created_at", "id", TEMPLATES, "Template", seed_templates),
    BUILDS_KIND: Kind("created_at", "id", BUILDS, "TemplateBuild"),
}


# What is found and shown


def records_of(view: View, kind: str, field: str, value: str) -> list[Record]:
    """The team's documents of a kind that have this value in a field."""
    collection = view.kinds(kind)[view.caller.home]
    found = [collection.document(rank)["id"] for rank in collection.filed(field, itself, value)]
    records = [find_record(view, view.caller.home, identity, kind) for identity in found]
    return [record for record in records if record is not None]


def find_template(view: View, reference: str) -> Record | None:
    """The template with this id or name that the caller sees."""
    try:
        identity = str(UUID(reference))
    except ValueError:
        return next(iter(records_of(view, TEMPLATES_KIND, "name", reference)), None)
    return find_record(view, view.caller.home, identity, TEMPLATES_KIND)


def named_template(asked: Asked, view: View, *, own: bool = False) -> Record:
    """The template that the path names, or a Problem; `own` where it must be the team's."""
    record = find_record(view, view.caller.home, asked.values["template_id"], TEMPLATES_KIND)
    if record is None or (own and record.owner == SYSTEM):
        raise not_found("Template not found")
    return record


def builds_of(view: View, template: str) -> list[Record]:
    """The builds of a template, the newest first."""
    found = records_of(view, BUILDS_KIND, "template_id", template)
    return sorted(found, key=number_of, reverse=True)


def number_of(build: Record) -> int:
    return int(build.kept.get("number", 0))


def named_build(asked: Asked, view: View) -> Record:
    """The build that the path names, or a Problem."""
    record = find_record(view, view.caller.home, asked.values["build_id"], BUILDS_KIND)
    if record is None or record.document["template_id"] != asked.values["template_id"]:
        raise not_found("Build not found")
    return record


def shown_template(template: Record, view: View) -> Document:
    """The template as its builds made it: the last one that came to an end tells its state, and cancelled ones only
    where there is no other."""
    document, builds = {**template.document}, builds_of(view, template.identity)
    ended = next((each.document for each in builds if each.document["status"] in ("ready", "failed")), None)
    if ended is not None and ended["status"] == "ready":
        built = {"size_bytes": document["disk_mib"] * MIB, "built_at": ended["finalized_at"]}
        return {**document, "status": "ready", **built}
    if ended is not None:
        return {**document, "status": "failed", "error_message": ended["error_message"]}
    if builds and builds[-1].document["status"] == "cancelled":
        return {**document, "status": "failed", "error_message": f"build {CANCELLED}"}
    return document


# Templates


def list_all(asked: Asked, view: View) -> Result:
    prefix, collection = asked.values["name_prefix"] or "", view.kinds(TEMPLATES_KIND)[view.caller.home]
    found = [each["id"] for each in collection.documents() if each["name"].startswith(prefix)]
    records = [find_record(view, view.caller.home, identity, TEMPLATES_KIND) for identity in found]
    return Result(200, [shown_template(record, view) for record in records if record is not None])


def get(asked: Asked, view: View) -> Result:
    return Result(200, shown_template(named_template(asked, view), view))


def create(asked: Asked, view: View) -> Result:
    body, tenant = asked.body, view.caller.home
    check(issues_in_template(body))
    check_builds(view)
    own = [each for each in view.kinds(TEMPLATES_KIND)[tenant].documents() if each["team_id"] != team_id(SYSTEM)]
    most = view.caps.get("templates")
    if most is not None and len(own) >= most:
        told = f"team has reached the limit of {most} templates; delete some or {SUPPORT}"
        raise too_many("too_many_templates", told)
    if any(each["name"] == body["name"] for each in own):
        raise conflict(f"a template with name {quote(body['name'])} already exists for this team")
    spec = {name: value for name, value in body["build_spec"].items() if value is not None}
    text = json.dumps(spec, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    document = {
        "id": mint(view, tenant, "template").uuid("id"),
        "team_id": team_id(tenant),
        "name": body["name"],
        "status": "building",
        "vcpu": default(body.get("vcpu"), DEFAULT_VCPUS),
        "memory_mib": default(body.get("memory_mib"), DEFAULT_MEMORY_MIB),
        "disk_mib": default(body.get("disk_mib"), DEFAULT_DISK_MIB),
        "created_at": in_seconds(view.now),
    }
    kept = {
        "build_spec_hash": hashlib.sha256(text.encode()).hexdigest(),
        "image": spec["from"],
        "steps": len(spec.get("steps", [])),
        **surroundings(spec.get("steps", [])),
    }
    template = Record(Life(document, kept), view.caller.user, tenant, document["id"], kind=TEMPLATES_KIND)
    build, write = begin_build(template, 1, view)
    return Result(202, {**document, "build_id": build["id"]}, writes=(template.put(), write))


def surroundings(steps: list[Document]) -> Document:
    """What the steps of a build leave behind for commands: variables, a directory and a user."""
    found: Document = {}
    for step in steps:
        if step.get("env") is not None:
            found.setdefault("env_vars", {})[step["env"]["key"]] = step["env"].get("value", "")
        if step.get("workdir") is not None:
            found["workdir"] = step["workdir"]
        if step.get("user") is not None:
            found["user"] = step["user"]["name"]
    return found


def default(value: Any, otherwise: int) -> int:
    return otherwise if value is None else int(value)


def delete(asked: Asked, view: View) -> Result:
    template = named_template(asked, view, own=True)
    live, builds = count_sandboxes(template.identity, view), builds_of(view, template.identity)
    if live:
        told = f"template has {live} sandbox(es) (active, paused, or failed) still referencing it; destroy them first"
        raise conflict(told)
    flying = sum(build.document["status"] in IN_FLIGHT for build in builds)
    if flying:
        raise conflict(f"template has {flying} in-flight build(s); cancel them first")
    fired = fire(template, TEMPLATES, "delete", view)
    return Result(204, writes=(fired.write, *(build.remove() for build in builds)))


def count_sandboxes(template: str, view: View) -> int:
    """How many of the team's sandboxes were made of a template."""
    collection, now = view.tenants[view.caller.home], view.now - view.issuer.epoch
    lives = (collection.life(rank, now) for rank in collection.living)
    return sum(life is not None and life.kept.get("template") == template for life in lives)


# Builds


def check_builds(view: View) -> None:
    """Refuse one more build, where the recipe has a cap and the team has as many under way."""
    most, collection = view.caps.get("builds"), view.kinds(BUILDS_KIND)[view.caller.home]
    if most is not None and sum(len(collection.filed("status", itself, state)) for state in IN_FLIGHT) >= most:
        told = f"team has reached the maximum of {most} concurrent builds; contact support to raise the limit"
        raise too_many("too_many_builds", told)


def begin_build(template: Record, number: int, view: View) -> tuple[Document, Write]:
    """Another build of a template, as its answer shows it, and the write that stores it."""
    document = {
        "id": mint(view, template.tenant, "build", template.identity).uuid("id"),
        "template_id": template.identity,
        "status": "pending",
        "build_spec_hash": template.kept.get("build_spec_hash", ""),
        "created_at": in_seconds(view.now),
    }
    kept = {
        "number": number,
        "image": template.kept.get("image", ""),
        "steps": template.kept.get("steps", 0),
    }
    record = Record(Life(document, kept), view.caller.user, template.tenant, document["id"], kind=BUILDS_KIND)
    return document, begin(record, BUILDS, view).write


def list_builds(asked: Asked, view: View) -> Result:
    found = builds_of(view, asked.values["template_id"])
    return Result(200, [build.document for build in found[: asked.values["limit"]]])


def create_build(asked: Asked, view: View) -> Result:
    template = named_template(asked, view, own=True)
    check_builds(view)
    builds = builds_of(view, template.identity)
    flying = next((build.document for build in builds if build.document["status"] in IN_FLIGHT), None)
    if flying is not None:
        return Result(200, flying)
    build, write = begin_build(template, 1 + (number_of(builds[0]) if builds else 0), view)
    return Result(201, build, writes=(write,))


def get_build(asked: Asked, view: View) -> Result:
    return Result(200, named_build(asked, view).document)


def cancel_build(asked: Asked, view: View) -> Result:
    build = named_build(asked, view)
    if build.document["status"] not in IN_FLIGHT:
        return Result(204)
    return Result(204, writes=(fire(build, BUILDS, "cancel", view).write,))


def stream_logs(asked: Asked, view: View) -> Result:
    events = [*events_of(named_build(asked, view))]
    text = "".join(f"data: {json.dumps(event, ensure_ascii=False)}\n\n" for event in events)
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return Result(200, text.encode(), headers, media_type=EVENT_STREAM)


def events_of(build: Record) -> Iterator[Document]:
    """What a build has said so far."""
    document, kept = build.document, build.kept
    status, began = document["status"], document.get("started_at")
    yield event(document["created_at"], "system", "build queued, waiting for dispatch")
    if began is not None:
        yield event(began, "system", f"pulling {kept.get('image', '')}")
        steps = kept.get("steps", 0)
        for number in range(1, steps + 1):
            yield event(began, "stdout", f"step {number}/{steps}")
    if status == "snapshotting" or status == "ready":
        yield event(document.get("finalized_at") or document["created_at"], "system", "saving the snapshot")
    if status not in IN_FLIGHT:
        last = event(document["finalized_at"], "system", document.get("error_message", f"build {status}"))
        yield {**last, "finished": True, "status": status}


def event(timestamp: str, stream: str, text: str) -> Document:
    return {"timestamp": timestamp, "stream": stream, "text": text, "finished": False}


ID, BUILD = ("template_id",), ("template_id", "build_id")
OPERATIONS = {
    "listTemplates": Call(list_all, reads=("name_prefix",)),
    "createTemplate": Call(create, body=True, outcomes=("build_failed",)),
    "getTemplate": Call(get, reads=ID),
    "deleteTemplate": Call(delete, reads=ID),
    "listTemplateBuilds": Call(list_builds, reads=(*ID, "limit")),
    "createTemplateBuild": Call(create_build, reads=ID, outcomes=("build_failed",)),
    "getTemplateBuild": Call(get_build, reads=BUILD, poll_seconds=POLL_SECONDS),
    "cancelTemplateBuild": Call(cancel_build, reads=BUILD),
    "streamTemplateBuildLogs": Call(stream_logs, reads=BUILD),
}
