"""Rows that cannot be otherwise at the providers: seeded ones, and those that time has changed."""

from __future__ import annotations

from typing import Any

from fakeserver.instants import SECOND, instant
from tests.support.admin import admin, done
from tests.support.asgi import Row, app_of, main_tenant

KNOWN_TYPES = {"OOM_KILLED", "TIMEOUT", "IMAGE_PULL_FAILED", "SANDBOX_NOT_FOUND"}
"""The error types that prime-sandboxes 0.5.1 knows."""
DAY = 24 * 3_600


def documents(slug: str, *, after: int = 0) -> list[Row]:
    """The default tenant's documents, so many seconds after the start."""
    app = app_of(size=2_000)
    if after:
        done(admin(app, "PUT", "/clock", {"action": "advance", "seconds": after}))
    return [*main_tenant(app, slug).documents()]


def column(rows: list[Row], name: str) -> set[Any]:
    return {row.get(name) for row in rows}


def test_only_a_vm_is_paused_at_prime() -> None:
    """A container cannot be paused, and not every sandbox is a VM."""
    rows = documents("prime")
    assert column([row for row in rows if row["status"] == "PAUSED"], "vm") == {True}
    assert column([row for row in rows if row["status"] == "RUNNING"], "vm") == {True, False}


def test_prime_has_no_error_type_that_its_sdk_does_not_know() -> None:
    """What failed has a type that a client can tell apart, and nothing has one before it failed or ended."""
    rows = documents("prime")
    assert column([row for row in rows if row["status"] == "ERROR"], "errorType") == {"OOM_KILLED", "IMAGE_PULL_FAILED"}
    assert column(rows, "errorType") <= KNOWN_TYPES | {None}
    assert {row["status"] for row in rows if row.get("errorType")} == {"ERROR", "TERMINATED"}


def test_a_seeded_sandbox_may_have_timed_out() -> None:
    """TIMEOUT is on exactly those that ran as long as they were allowed to."""
    ended = [row for row in documents("prime") if row["status"] == "TERMINATED" and "errorType" in row]
    timed_out = [row for row in ended if ran_its_time(row)]
    assert 0 < len(timed_out) < len(ended)
    assert column(timed_out, "errorType") == {"TIMEOUT"}
    assert None not in column(timed_out, "errorMessage")
    assert column([row for row in ended if not ran_its_time(row)], "errorType") == {None}


def ran_its_time(row: Row) -> bool:
    started, ended = row["startedAt"], row["terminatedAt"]
    return bool(instant(ended) - instant(started) == row["timeoutMinutes"] * 60 * SECOND)


def test_what_time_ends_at_prime_has_timed_out() -> None:
    """After a day nothing waits or runs, and what ran has the error type that the SDK's timeout error is keyed on."""
    before = {row["id"]: row["status"] for row in documents("prime")}
    aged = [row for row in documents("prime", after=DAY) if before[row["id"]] in ("PENDING", "PROVISIONING", "RUNNING")]
    assert len(aged) > 50
    assert column(aged, "status") == {"TERMINATED"}
    assert column(aged, "errorType") == {"TIMEOUT"}
    assert None not in column(aged, "errorMessage")


def test_an_instavm_vm_without_a_template_is_called_default() -> None:
    """The name is that of the template, or `default` where there is none, whether it is null or left out."""
    rows = documents("instavm")
    assert {row["name"] for row in rows if "template_id" not in row} == {"default"}
    assert all(row["name"] == (row["template_id"] or "default") for row in rows if "template_id" in row)
    assert "template_id" not in rows[4]
