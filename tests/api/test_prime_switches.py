"""Prime's fields that only its SDK tells of, and what its own OpenAPI says of those that the page has."""

from __future__ import annotations

from functools import cache
from typing import Any

from prime_sandboxes import Sandbox

from fakeserver.providers.prime import GPU_SIZES
from fakeserver.providers.prime.rows import EXTRAS
from fakeserver.serving.app import App
from fakeserver.spec.breaches import Validator
from tests.support.admin import admin, done
from tests.support.asgi import Row, app_of, get, service

OBSERVED = {
    *("networkAllowlist", "networkDenylist", "idleTimeoutMinutes", "terminationReason", "secrets"),
    "pendingImageBuildId",
}


@cache
def plain() -> App:
    return app_of(size=600)


def switched() -> App:
    app = app_of(size=600)
    done(admin(app, "PUT", "/settings", {"switches": {"prime": {"fields": "sdk"}}}))
    return app


def listed(app: App) -> list[Row]:
    rows: list[Row] = get(app, "prime", "per_page=1000").value["sandboxes"]
    return rows


def row_schema() -> dict[str, Any]:
    contract = service(plain(), "prime").spec.document
    return {**contract, "$ref": "#/components/schemas/SandboxResponse"}


def test_rows_have_the_fields_of_the_page_alone() -> None:
    assert not [row for row in listed(plain()) if OBSERVED & row.keys()]


def test_observed_fields_are_added_by_a_switch() -> None:
    """They agree with the row, the spec and the SDK, and nothing else of a row changes."""
    extended = listed(switched())
    assert [{name: row[name] for name in row if name not in OBSERVED} for row in extended] == listed(plain())
    validator = Validator(row_schema(), {})
    for row in extended:
        assert validator.accepts(row)
        assert row.keys() >= OBSERVED
        assert Sandbox.model_validate(row).idle_timeout_minutes == row["idleTimeoutMinutes"]
        assert row["networkAllowlist"] == (None if row["networkAccess"] else [])
        assert row["idleTimeoutMinutes"] is None or 1 <= row["idleTimeoutMinutes"] <= row["timeoutMinutes"]
        assert row["pendingImageBuildId"] is None or row["status"] == "PENDING"
        assert row["secrets"] is None or not row.get("vm", False)
        assert row["terminationReason"] is None or row["status"] == "TERMINATED"
    for name in OBSERVED - {"networkDenylist", "pendingImageBuildId"}:
        assert len({str(row[name]) for row in extended}) > 1, name
    assert listed(switched()) == extended


def test_some_images_are_still_being_made() -> None:
    """A sandbox that waits for its image is PENDING, as the SDK's waiting expects, and not every PENDING one does."""
    pending = {**next(row for row in listed(plain()) if row["status"] == "PENDING")}
    builds = [EXTRAS.derive({**pending, "id": f"sbx{number}"})["pendingImageBuildId"] for number in range(20)]
    assert None in builds
    assert len(set(builds)) > 2
    started = {**pending, "status": "PROVISIONING"}
    assert not any(EXTRAS.derive({**started, "id": f"sbx{number}"})["pendingImageBuildId"] for number in range(20))


def test_a_timeout_is_the_reason_for_an_end() -> None:
    app = switched()
    running = {row["id"] for row in listed(app) if row["status"] == "RUNNING"}
    done(admin(app, "PUT", "/clock", {"action": "advance", "seconds": 86_400}))
    reasons = {row["terminationReason"] for row in listed(app) if row["id"] in running}
    assert reasons == {"TIMEOUT"}


def test_an_observed_field_of_a_document_of_ones_own_stays() -> None:
    app = switched()
    first = listed(plain())[0]
    done(admin(app, "PUT", "/documents/prime/main", [{**first, "networkDenylist": ["10.0.0.0/8"]}]))
    assert listed(app)[0]["networkDenylist"] == ["10.0.0.0/8"]


def test_what_is_seeded_has_known_gpus_and_gpus_have_vms() -> None:
    """The provider's own list of kinds is in the spec, and another kind is still no mistake."""
    properties = service(plain(), "prime").spec.document["components"]["schemas"]["SandboxResponse"]["properties"]
    known = properties["gpuType"]["examples"]
    assert len(known) == len(set(known)) == 49
    assert {size[0] for size in GPU_SIZES} | {"CPU_NODE"} <= set(known)
    assert {row["gpuType"] for row in listed(plain()) if row.get("gpuType")} <= set(known)
    # Early records do not say what they are.
    assert all(row.get("vm", True) for row in listed(plain()) if row["gpuCount"])
    first = listed(plain())[0]
    assert Validator(row_schema(), {}).accepts({**first, "gpuType": "X1_1TB"})


def test_the_extra_fields_are_those_of_the_sdk() -> None:
    """Each is a field of its model, and the page has none of them."""
    aliases = {field.alias or name for name, field in Sandbox.model_fields.items()}
    assert set(EXTRAS.fields) == OBSERVED == aliases - set(names_of_the_page())


def names_of_the_page() -> set[str]:
    return set().union(*(row.keys() for row in listed(plain())))
