"""Exposed ports of container sandboxes."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from fakeserver.provider import (
    Asked,
    Collection,
    Document,
    Kind,
    Put,
    Record,
    Result,
    View,
    Write,
    at,
    conflict,
    find_record,
    itself,
    mint,
    not_found,
)
from fakeserver.providers.prime.access import accounts_of, find_changeable, find_sandbox, only_containers
from fakeserver.providers.prime.states import is_vm

EXPOSURES = "exposures"
EXPOSURE_KIND = Kind(created="created_at", identity="exposure_id", schema="Exposure")
FIRST_PORT, PORTS = 30_000, 2_768
"""Assumed: the external ports of TCP exposures, those of Kubernetes' node ports."""
OVER = frozenset({"TERMINATED", "ERROR"})
"""A sandbox in one of these has no exposed ports any more."""


def create_exposure(asked: Asked, view: View) -> Result:
    """Assumed: only while it runs, each port once, and not of VMs (Observed: prime-sandboxes 0.2.39 refuses them)."""
    record, body = find_changeable(view, asked.values["sandbox_id"]), asked.body
    if is_vm(record):
        raise only_containers("Port exposure")
    if record.document["status"] != "RUNNING":
        raise conflict(f"The sandbox is {record.document['status']}; ports can be exposed while it is RUNNING")
    if any(each["port"] == body["port"] for each in exposures_of(record, view)):
        raise conflict(f"Port {body['port']} is already exposed")
    minted = mint(view, record.tenant, EXPOSURES)
    exposure = {
        "exposure_id": minted.letters("id", 16),
        "sandbox_id": record.identity,
        "port": body["port"],
        "name": body.get("name"),
        "protocol": body["protocol"],
        "external_port": FIRST_PORT + minted.below("port", PORTS) if body["protocol"] == "TCP" else None,
        "created_at": at(view.now),
    }
    write = Write(record.tenant, (Put(exposure, record.owner),), EXPOSURES)
    answer = addressed(exposure, view)
    del answer["created_at"]
    return Result(200, answer, writes=[write])


def addressed(exposure: Document, view: View) -> Document:
    """An exposure as it is answered: with addresses on this server, by the name that the client has for it. Assumed:
    what they look like."""
    base, port = view.base_url(), exposure["external_port"]
    place = urlsplit(base)
    return {
        **exposure,
        "url": f"{base}/exposed/{exposure['exposure_id']}",
        "tls_socket": place.netloc,
        "external_endpoint": None if port is None else f"{place.hostname}:{port}",
    }


def exposures_of(record: Record, view: View) -> list[Document]:
    """Those of a sandbox, newest first; none once it has ended."""
    if record.document["status"] in OVER:
        return []
    collection: Collection = view.kinds(EXPOSURES)[record.tenant]
    return [collection.document(rank) for rank in collection.filed("sandbox_id", itself, record.identity)]


def list_exposures(asked: Asked, view: View) -> Result:
    record = find_sandbox(view, asked.values["sandbox_id"])
    return Result(200, {"exposures": [addressed(each, view) for each in exposures_of(record, view)]})


def list_all_exposures(asked: Asked, view: View) -> Result:
    """Observed: the provider's OpenAPI, those of the current user. Assumed: in the personal account and all teams."""
    return Result(200, {"exposures": [addressed(each, view) for each in own_exposures(view)]})


def own_exposures(view: View) -> Iterator[Document]:
    for tenant in accounts_of(view.caller):
        collection = view.kinds(EXPOSURES)[tenant]
        for rank in collection.owned_by(view.caller.user):
            exposure = collection.document(rank)
            sandbox = find_record(view, tenant, exposure["sandbox_id"])
            if sandbox is not None and sandbox.document["status"] not in OVER:
                yield exposure


def delete_exposure(asked: Asked, view: View) -> Result:
    record = find_changeable(view, asked.values["sandbox_id"])
    exposure = find_record(view, record.tenant, asked.values["exposure_id"], EXPOSURES)
    if exposure is None or exposure.document["sandbox_id"] != record.identity:
        raise not_found("Exposure not found")
    answer = {"success": True, "message": f"Port {exposure.document['port']} is no longer exposed"}
    return Result(200, answer, writes=[exposure.remove()])
