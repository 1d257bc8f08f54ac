"""The data: callers who share an org or a team and one who shares nothing, and rows that are hard to list rightly.

Instants are microseconds since 1970. All is drawn from one seed; the first caller has `size` rows at home.
"""

from __future__ import annotations

import json
import sqlite3
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

SCHEMA = (Path(__file__).parent / "schema.sql").read_text(encoding="utf-8")
SIZE = 260
"""Rows of the first caller at home: three pages of a hundred."""
SECOND_SIZE, COLLEAGUE_SIZE, STRANGER_SIZE = 30, 40, 50
NEWEST = 1_767_225_600_000_000
SECOND = 1_000_000
TIED = 0.4
"""Share of the rows that were created in the same instant as the one before."""
WORDS = ("amber", "basalt", "cobalt", "dune", "ember", "fjord", "grove", "harbor", "iris", "juniper", "kelp", "lagoon")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Callers:
    """Who asks: the first caller, a colleague, and a stranger; and the orgs or teams that the first may name."""

    token: str
    colleague: str
    other: str
    scopes: tuple[str, ...] = ()
    foreign: str = ""
    """An org or a team of the stranger's."""

    def credentials(self, tokens: int = 3) -> dict[str, str]:
        """The credentials of a run with one, two or three tokens, by the names that the kit has for them."""
        return dict((("token", self.token), ("other", self.other), ("colleague", self.colleague))[:tokens])


CALLERS: Mapping[str, Callers] = {
    "dreadnode": Callers(
        "dn_QkZ7pWm3vTdaL9xR",
        "dn_Hs4cVb8yNeJuXq2G",
        "dn_Tz6rKfPo1wMiDg5S",
        ("northwind-labs", "northwind-research"),
        "contoso-red",
    ),
    "instavm": Callers("ivm_8hGtRwQzLkPsVd3A", "ivm_yU5bNcXeJfMoTi7K", "ivm_2rDaHqWvZgSnEp6B"),
    "prime": Callers(
        "pit_vLx4KmSdRqYwUa9Z",
        "pit_Cn7eJtGhBoFiPz2W",
        "pit_Dk3sNyVbXrQuMl8T",
        ("team_4r8kd0q2", "team_z71hmw5v"),
        "team_p0x6c3ey",
    ),
    "superserve": Callers("ss_live_Wq9TzRmKvYb4LxHd", "ss_live_g7NcPjEsUo2aFiQk", "ss_live_5XrVtMhDw8JyBeZl"),
}


def instants(rng: Random, count: int) -> Iterator[int]:
    """Instants of creation, newest first, with ties of two and more."""
    at = NEWEST - rng.randrange(SECOND * 600)
    for number in range(count):
        if number and rng.random() >= TIED:
            step = rng.choice((1, 999, 400_000, SECOND, 37 * SECOND, 3_600 * SECOND))
            at -= step
            if step >= SECOND and rng.random() < 0.4:
                at -= at % SECOND
        yield at


def uuid(rng: Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))


def insert(store: sqlite3.Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """The rows in this order, which is the order of their rowids."""
    if rows:
        names = list(rows[0])
        marks = ", ".join("?" * len(names))
        store.executemany(
            f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", [[*row.values()] for row in rows]
        )


def shuffled(rng: Random, rows: Sequence[Row]) -> list[Row]:
    """The rows as they happened to be written: in an order that no listing has."""
    mixed = [*rows]
    rng.shuffle(mixed)
    return mixed


PROJECTS = (
    ("ares", "Ares"), ("zeta-2", "alpine swift"), ("café", "Éclair"), ("delta", "delta"), ("eclipse", "Eclipse"),
    ("kiwi", "Kiwi"), ("lime", "Lime"), ("q-nul", None), ("beta", "Zulu"), ("Gamma", "gamma ray"),
    ("øresund", "Øresund"), ("東京", "東京 eval"),
)  # fmt: skip
"""Keys and names: in another order by either, by letters of any case, by a language's rules, and one without a name."""


def fill_dreadnode(store: sqlite3.Connection, rng: Random, size: int) -> None:
    callers = CALLERS["dreadnode"]
    users = {name: uuid(rng) for name in ("token", "colleague", "other")}
    tokens = callers.credentials(3)
    insert(store, "users", [{"user_id": users[name], "token": tokens[name]} for name in users])
    orgs = {slug: uuid(rng) for slug in (*callers.scopes, callers.foreign)}
    insert(store, "organizations", [{"org_id": each, "slug": slug} for slug, each in orgs.items()])
    home, second = callers.scopes
    places = [
        (home, "token", "admin", size),
        (home, "colleague", "member", COLLEAGUE_SIZE),
        (second, "token", "member", SECOND_SIZE),
        (second, "colleague", "admin", COLLEAGUE_SIZE // 2),
        (callers.foreign, "other", "admin", STRANGER_SIZE),
    ]
    insert(
        store, "members", [{"org_id": orgs[org], "user_id": users[who], "role": role} for org, who, role, _ in places]
    )
    projects = {
        slug: [{"project_id": uuid(rng), "org_id": org, "key": key, "name": name} for key, name in PROJECTS]
        for slug, org in orgs.items()
    }
    projects[home].append({"project_id": uuid(rng), "org_id": orgs[home], "key": "delta-old", "name": "delta"})
    spaces = {
        slug: [{"workspace_id": uuid(rng), "org_id": org, "key": key} for key in ("main", "lab", None)]
        for slug, org in orgs.items()
    }
    for slug in orgs:
        insert(store, "projects", projects[slug])
        insert(store, "workspaces", spaces[slug])
    rows: list[Row] = []
    for org, who, _, count in places:
        for number, at in enumerate(instants(rng, count)):
            # Two projects after each other get as many rows as each other, so that facets have ties.
            project = projects[org][number // 2 % len(projects[org])] if number % 5 else None
            space = rng.choice([*spaces[org], None])
            rows.append(
                compute(rng, at)
                | {"org_id": orgs[org], "user_id": users[who], "project_id": project and project["project_id"]}
                | {"workspace_id": space and space["workspace_id"]}
            )
    insert(store, "compute", shuffled(rng, rows))


def compute(rng: Random, at: int) -> Row:
    """A sandbox of Dreadnode's, without its place."""
    state = rng.choices(("running", "paused", "killed"), (3, 2, 5))[0]
    kind = rng.choice(("runtime", "task", "evaluation", "world"))
    started = at + rng.randrange(1, 90) * SECOND
    ran = rng.randrange(0, 50_000)
    stopped = started + ran * SECOND
    deducted = rng.random() < 0.5
    return {
        "id": uuid(rng),
        "build_id": uuid(rng),
        "build_ref": rng.choice((None, f"{rng.choice(WORDS)}:v{rng.randrange(9)}")),
        "provider": "e2b" if state == "paused" else rng.choice(("e2b", "docker", "opensandbox")),
        "provider_sandbox_id": f"{rng.choice(WORDS)}{rng.getrandbits(60):015x}",
        "sandbox_kind": kind,
        "state": state,
        "pause_reason": rng.choice(("timeout", "user", "insufficient_credits", "member_limit_exceeded"))
        if state == "paused"
        else None,
        "created_at": at,
        "last_started_at": started,
        "stopped_at": None if state == "running" else stopped,
        "killed_at": stopped if state == "killed" else None,
        "expires_at": rng.choice((None, at + 86_400 * SECOND)),
        "last_credit_deduction_at": started + ran // 2 * SECOND if deducted else None,
        "total_runtime_seconds": ran,
        "billed_credits": rng.randrange(1, 900) if deducted else 0,
        "running_credits": rng.randrange(0, 40) if state == "running" else 0,
    }


METADATA: tuple[Callable[[Random], Row], ...] = (
    lambda rng: {},
    lambda rng: {"userId": str(rng.randrange(6)), "env": rng.choice(("dev", "prod", "Prod"))},
    lambda rng: {"userId": rng.randrange(6), "env": "dev"},
    lambda rng: {"userId": str(rng.randrange(3)), "beta": rng.choice((True, False, "true", 1, 0, None))},
    lambda rng: {"env": "prod", "limits": {"cpu": rng.randrange(1, 3), "disk": {"gb": rng.choice((10, 10.5, "10"))}}},
    lambda rng: {"tags": rng.sample(["a", "b", "c", 1, True, {"k": "v"}], 3), "team": rng.choice(("área 51", "東京"))},
    lambda rng: {"limits": {"cpu": 1, "tags": ["x", "y"]}, "ratio": rng.choice((0.5, 1.0, 1, 2.25))},
    lambda rng: {"a.b": rng.choice(("1", "2")), 'quo"te': "it's 100%", "emoji": rng.choice(("🧪", "🧪🧪"))},
    lambda rng: {"a": {"b": rng.choice(("1", "2"))}, "env": "dev_1"},
    lambda rng: {"env": rng.choice(("dev", "development", "prod ")), "note": rng.choice(("", "long " * 9))},
)


def fill_instavm(store: sqlite3.Connection, rng: Random, size: int) -> None:
    callers = CALLERS["instavm"].credentials(3)
    organizations = {"token": "org-1", "colleague": "org-1", "other": "org-2"}
    accounts = {"token": "acct-1", "colleague": "acct-2", "other": "acct-11"}
    rows: list[Row] = [
        {"account_id": accounts[name], "organization": organizations[name], "token": callers[name]} for name in accounts
    ]
    insert(store, "accounts", rows)
    refs = ["snap2", "snap21", "python-3.12", "base/ubuntu", "größe"]
    insert(store, "snapshots", [{"ref": ref, "size_mb": rng.randrange(200, 4_000)} for ref in refs])
    rows = []
    for who, count in (("token", size), ("colleague", COLLEAGUE_SIZE), ("other", STRANGER_SIZE)):
        for number, at in enumerate(instants(rng, count)):
            started = at - at % SECOND if rng.random() < 0.5 else at
            status = rng.choices(("active", "killed", "suspended", "creating"), (4, 5, 1, 1))[0]
            rows.append(
                {
                    "vm_id": f"vmid-{rng.choice(WORDS)}-{rng.getrandbits(32):08x}-{number + 1}",
                    "account_id": accounts[who],
                    "parent_snapshot_ref": rng.choice([*refs, None]),
                    "metadata": json.dumps(rng.choice(METADATA)(rng), ensure_ascii=False),
                    "started_at": started,
                    "end_at": started + rng.choice((300, 3_600)) * SECOND if status != "creating" else None,
                    "status": status,
                }
            )
    insert(store, "vms", shuffled(rng, rows))


LABELS = ("gpu", "gpu-large", "GPU", "nightly", "a,b", "a", "b", "größe", "🧪", "eval run", "100%", "x_y", "xzy")


def fill_prime(store: sqlite3.Connection, rng: Random, size: int) -> None:
    callers = CALLERS["prime"]
    tokens = callers.credentials(3)
    people = {"token": "user_1", "colleague": "user_12", "other": "user_2"}
    insert(store, "persons", [{"person_id": people[name], "token": tokens[name]} for name in people])
    first, second = callers.scopes
    insert(
        store, "teams", [{"team_id": team, "name": f"Team {team[-3:]}"} for team in (first, second, callers.foreign)]
    )
    members = [
        (first, "token", "admin"), (first, "colleague", "member"), (second, "token", "member"),
        (second, "colleague", "admin"), (callers.foreign, "other", "admin"),
    ]  # fmt: skip
    insert(
        store,
        "team_members",
        [{"team_id": team, "person_id": people[who], "role": role} for team, who, role in members],
    )
    rows, labels = [], []
    places: list[tuple[str | None, str, int]] = [
        (None, "token", size), (None, "colleague", COLLEAGUE_SIZE), (None, "other", STRANGER_SIZE),
        (first, "token", SECOND_SIZE * 2), (first, "colleague", COLLEAGUE_SIZE), (second, "token", SECOND_SIZE),
        (second, "colleague", COLLEAGUE_SIZE), (callers.foreign, "other", STRANGER_SIZE),
    ]  # fmt: skip
    for team, who, count in places:
        for at in instants(rng, count):
            row = pod(rng, at) | {"user_id": people[who], "team_id": team}
            rows.append(row)
            chosen = rng.sample(LABELS, rng.choice((0, 1, 1, 2, 3, 4)))
            labels += [{"pod_id": row["id"], "label": label, "position": place} for place, label in enumerate(chosen)]
    insert(store, "pods", shuffled(rng, rows))
    insert(store, "pod_labels", labels)


def pod(rng: Random, at: int) -> Row:
    """A sandbox of Prime's, without its place and its labels."""
    statuses = ("PENDING", "PROVISIONING", "RUNNING", "PAUSED", "ERROR", "TERMINATED")
    status = rng.choices(statuses, (1, 1, 4, 1, 1, 5))[0]
    begun = status in ("RUNNING", "PAUSED", "TERMINATED")
    started = at + rng.randrange(1, 300) * SECOND if begun else None
    ended = started + rng.randrange(1, 9_000) * SECOND if started and status == "TERMINATED" else None
    gpus = rng.choice((0, 0, 0, 1, 4))
    return {
        "id": f"sbx_{rng.getrandbits(80):020x}",
        "name": f"{rng.choice(WORDS)}-{rng.choice((*WORDS, 'größe', '東京'))}",
        "image": rng.choice(("python:3.12-slim", "ghcr.io/acme/eval:1")),
        "start_command": rng.choice((None, "tail -f /dev/null")),
        "cpu_cores": rng.choice((0.5, 1, 2, 8)),
        "memory_gb": rng.choice((0.5, 2, 16)),
        "disk_gb": rng.choice((5, 10.5)),
        "gpu_count": gpus,
        "gpu_type": rng.choice(("H100_80GB", "A100_80GB")) if gpus else rng.choice((None, "CPU_NODE")),
        "vm": status == "PAUSED" or rng.random() < 0.2,
        "network_access": rng.random() < 0.7,
        "status": status,
        "timeout_minutes": rng.choice((30, 60, 1_440)),
        "environment": rng.choice((None, "{}", '{"MODE": "ci", "Ü": "ß"}')),
        "created_at": at,
        "updated_at": ended or started or at,
        "started_at": started,
        "terminated_at": ended,
        "job_id": f"job-{rng.getrandbits(40):010x}" if begun else None,
        "exit_code": rng.choice((0, 1, 137)) if status == "TERMINATED" else None,
        "error_type": "IMAGE_PULL_FAILED" if status == "ERROR" else None,
        "error_message": "manifest unknown" if status == "ERROR" else None,
        "region": rng.choice((None, "us", "eu")),
    }


TAGS: Mapping[str, tuple[str, ...]] = {
    "env": ("prod", "Prod", "production", "dev", "dev_1", "devx1"),
    "owner": ("agent-7", "agent-70", "größe", "東京", "🧪"),
    "tier": ("1", "01", "1.0", "true", "null"),
    "a.b": ("c", "C"),
    'quo"te': ("100%", "100x", "it's"),
    "Env": ("prod",),
    "note": ("", " padded ", "a+b", "a b", "x=y&z"),
}


def fill_superserve(store: sqlite3.Connection, rng: Random, size: int) -> None:
    callers = CALLERS["superserve"]
    teams = {callers.token: "team-a", callers.colleague: "team-a", callers.other: "team-b"}
    insert(store, "api_keys", [{"secret": key, "team_id": team} for key, team in teams.items()])
    rows, tags = [], []
    for team, count in (("team-a", size), ("team-b", STRANGER_SIZE)):
        for at in instants(rng, count):
            status = rng.choices(("active", "paused", "resuming"), (6, 4, 1))[0]
            paused = status != "active" or rng.random() < 0.2
            row = {
                "id": uuid(rng),
                "team_id": team,
                "name": f"{rng.choice(WORDS)} {rng.choice((*WORDS, 'größe', '🧪'))}",
                "status": status,
                "vcpu_count": rng.choice((1, 2, 4)),
                "memory_mib": rng.choice((512, 1_024, 4_096)),
                "snapshot_id": uuid(rng) if paused else None,
                "created_at": at,
                "timeout_seconds": rng.choice((None, 3_600, 604_800)),
                "network": rng.choice((None, NETWORK)),
            }
            rows.append(row)
            for key in rng.sample([*TAGS], rng.choice((0, 0, 1, 2, 3, 5))):
                tags.append({"machine_id": row["id"], "key": key, "value": rng.choice(TAGS[key])})
    insert(store, "machines", shuffled(rng, rows))
    insert(store, "machine_tags", tags)


NETWORK = json.dumps({"allow_out": ["8.8.8.8/32", "*.github.com"], "deny_out": ["0.0.0.0/0"]})
FILL: Mapping[str, Callable[[sqlite3.Connection, Random, int], None]] = {
    "dreadnode": fill_dreadnode,
    "instavm": fill_instavm,
    "prime": fill_prime,
    "superserve": fill_superserve,
}


def by_language(one: str, two: str) -> int:
    """A collation as dictionaries have it: letters first, accents and case afterwards."""
    first, second = (
        (unicodedata.normalize("NFD", text).encode("ascii", "ignore").lower(), text) for text in (one, two)
    )
    return (first > second) - (first < second)


@cache
def store(slug: str, seed: int = 0, size: int = SIZE) -> sqlite3.Connection:
    """The data of one provider, in memory. Servers only read it, so those of one process share it."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.create_collation("language", by_language)
    connection.executescript(SCHEMA)
    FILL[slug](connection, Random(f"{slug} {seed} {size}"), size)
    connection.commit()
    return connection
