"""Superserve with operations of its own: sandboxes that are created, looked at and deleted one by one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from fakeserver.documents.changes import Put, Remove
from fakeserver.documents.collection import Collection
from fakeserver.documents.keys import itself
from fakeserver.instants import at
from fakeserver.listing.meaning import Asked, Form, Meaning, Result, View, Write
from fakeserver.pipeline.service import Service
from fakeserver.problems import not_found
from fakeserver.provider import Provider
from fakeserver.providers import PROVIDERS
from fakeserver.recipes import fixture
from fakeserver.spec import reader
from tests.support.asgi import Row, spec_of
from tests.support.dialect import all_issues
from tests.support.texts import TEXTS

SUPERSERVE = PROVIDERS["superserve"]


WISH: Row = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string"},
        "metadata": {"type": "object", "additionalProperties": {"type": "string"}, "default": {}},
    },
}
"""The body of a creation."""


@dataclass(frozen=True, slots=True)
class Create(Meaning):
    """A sandbox more, in the caller's team."""

    parameters = frozenset({"timeout_seconds"})
    body = True

    def answer(self, asked: Asked, view: View) -> Result:
        tenant = view.caller.home
        name = f"{tenant} {view.tenants[tenant].version}".encode()
        identity = str(UUID(bytes=hashlib.blake2b(name, key=view.issuer.secret, digest_size=16).digest()))
        document: Row = {
            "id": identity,
            "name": asked.body["name"],
            "status": "active",
            "vcpu_count": 1,
            "memory_mib": 1_024,
            "created_at": at(view.now),
            "metadata": asked.body["metadata"],
        }
        if asked.values["timeout_seconds"] is not None:
            document["timeout_seconds"] = asked.values["timeout_seconds"]
        write = Write(tenant, (Put(document, view.caller.user),))
        return Result(201, document, {"Location": f"/sandboxes/{identity}"}, (write,))


def found(asked: Asked, view: View) -> tuple[Collection, int]:
    """The caller's documents, and the rank of the one that the path names."""
    collection = view.tenants[view.caller.home]
    ranks = collection.filed("id", itself, asked.values["sandbox_id"])
    if not ranks:
        raise not_found("Sandbox not found")
    return collection, ranks[0]


@dataclass(frozen=True, slots=True)
class Get(Meaning):
    """One sandbox."""

    parameters = frozenset({"sandbox_id"})

    def objections(self, form: Form) -> Iterator[str]:
        if "id" not in form.fields:
            yield "sandboxes are found by 'id', which no row has"

    def prepare(self, collection: Collection) -> None:
        collection.postings("id", itself)

    def answer(self, asked: Asked, view: View) -> Result:
        collection, rank = found(asked, view)
        return Result(200, collection.body(rank))


@dataclass(frozen=True, slots=True)
class Delete(Meaning):
    """A sandbox less; a `blind` one does not look before it removes."""

    blind: bool = False
    parameters = frozenset({"sandbox_id"})

    def answer(self, asked: Asked, view: View) -> Result:
        identity = asked.values["sandbox_id"]
        remove = Remove(identity)
        if not self.blind:
            collection, rank = found(asked, view)
            remove = Remove(identity, collection.ordinal(rank))
        return Result(204, writes=(Write(view.caller.home, (remove,)),))


OPERATIONS: dict[str, Meaning] = {
    "listSandboxes": SUPERSERVE.operations["listSandboxes"],
    "createSandbox": Create(),
    "getSandbox": Get(),
    "deleteSandbox": Delete(),
}


def document() -> Row:
    """Superserve's list, with three operations that are not its own."""
    spec = spec_of("superserve")
    spec["paths"] = {"/sandboxes": spec["paths"]["/sandboxes"]}
    errors = spec["paths"]["/sandboxes"]["get"]["responses"]
    refusals = {status: errors[status] for status in ("400", "401", "404", "409", "500")}
    one = {"application/json": {"schema": {"$ref": "#/components/schemas/SandboxResponse"}}}
    seconds = {"type": "integer", "minimum": 1}
    spec["paths"]["/sandboxes"]["post"] = {
        "operationId": "createSandbox",
        "parameters": [{"name": "timeout_seconds", "in": "query", "schema": seconds}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": WISH}}},
        "responses": {"201": {"description": "It is there.", "content": one}, **refusals},
    }
    spec["paths"]["/sandboxes/{sandbox_id}"] = {
        "parameters": [{"name": "sandbox_id", "in": "path", "required": True, "schema": {"type": "string"}}],
        "get": {"operationId": "getSandbox", "responses": {"200": {"description": "It.", "content": one}, **refusals}},
        "delete": {"operationId": "deleteSandbox", "responses": {"204": {"description": "Gone."}, **refusals}},
    }
    return spec


def service_of(folder: Path, **changed: Meaning) -> Service:
    """The provider, served; some of its operations may have another meaning."""
    path = folder / "superserve.yaml"
    TEXTS.write(path, document())
    provider: Provider = replace(SUPERSERVE, operations=OPERATIONS | changed, unserved=(), kinds={}, errors=all_issues)
    spec = reader.load(path, provider.operations)
    words = fixture.load_vocabularies()
    return Service(provider, spec, fixture.load(provider, spec, words))
