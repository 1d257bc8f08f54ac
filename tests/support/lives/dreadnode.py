"""Dreadnode, in the model's words: sandboxes come with runtimes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from tests.support.asgi import Reply, Row
from tests.support.lives.model import Ask, Model, Predicate, Provider, Question, Sandbox, newest_first, when

SECOND = 1_000_000
ORG = "/api/v1/org/acme"
RUNTIMES = f"{ORG}/ws/main/runtimes"
LIMITS = (60, 600, 50_000)
PAUSING = "e2b"
"""The provider whose sandboxes are paused when their time is up; all others kill them."""
NOWHERE = "00000000-0000-4000-8000-000000000000"
LARGEST = 100


class Dreadnode(Provider):
    slug = "dreadnode"
    callers = (("admin", "acme"), ("member", "acme"))
    events: Mapping[str, tuple[frozenset[str], str]] = {
        "pause": (frozenset({"running"}), "paused"),
        "resume": (frozenset({"paused"}), "running"),
        "delete": (frozenset({"running", "paused", "killed"}), "killed"),
    }
    final = frozenset({"killed"})

    def __init__(self) -> None:
        self.made = 0
        self.cursor: str | None = None

    def creation(self, chance: random.Random, send: Callable[[Ask], Reply]) -> tuple[Ask, str]:
        who, tenant = chance.choice(self.callers)
        self.made += 1
        ensured = send(Ask("POST", RUNTIMES, {"key": f"r{self.made}", "name": "mine"}, who))
        assert ensured.status == 200, ensured.body
        body = {"requested_runtime_limit_seconds": chance.choice(LIMITS)}
        return Ask("POST", f"{RUNTIMES}/{ensured.value['id']}/start", body, who), tenant

    def created(self, answer: Row, sent: Ask, tenant: str, now: int) -> Sandbox:
        instance = answer["instance"]
        assert (answer["status"], instance["state"]) == ("running", "running")
        limit = sent.body["requested_runtime_limit_seconds"]
        facts = {
            "runtime": answer["id"],
            "owner": sent.who,
            "name": instance["provider_sandbox_id"],
            "limit": limit,
            "end": now + limit * SECOND,
        }
        row = {"project_id": answer["project_id"], "provider": PAUSING, "sandbox_kind": "runtime"}
        return Sandbox(instance["sandbox_id"], "running", now, tenant, row, facts)

    def learn(self, model: Model, send: Callable[[Ask], Reply]) -> None:
        """Whose the seeded ones are."""
        own = [row["id"] for wanted in self.everything("acme", "member") for row in self.rows(send(wanted))[0]]
        for sandbox in model.sandboxes.values():
            sandbox.facts["owner"] = "member" if sandbox.id in own else "admin"

    def sees(self, sandbox: Sandbox, who: str) -> bool:
        return who in ("admin", sandbox.facts["owner"])

    def request(self, event: str, sandbox: Sandbox, who: str) -> Ask:
        if event == "delete":
            return Ask("DELETE", f"{ORG}/sandboxes/{sandbox.facts['name']}", who=who)
        return Ask("POST", f"{RUNTIMES}/{sandbox.facts['runtime']}/{event}", who=who)

    def may(self, event: str, sandbox: Sandbox, who: str) -> bool:
        """Whoever sees it may end it; only the owner of its runtime pauses and resumes it. The seeded have none."""
        own = sandbox.facts["runtime"] != NOWHERE and sandbox.facts["owner"] == who
        return event == "delete" or own

    def follow(self, event: str, sandbox: Sandbox, now: int, answer: Row) -> None:
        if event == "resume":
            sandbox.facts["end"] = now + sandbox.facts["limit"] * SECOND

    def age(self, sandbox: Sandbox, now: int) -> bool:
        end = sandbox.facts["end"]
        if sandbox.state == "running" and end is not None and now >= end:
            sandbox.state = "paused" if sandbox.row["provider"] == PAUSING else "killed"
        return True

    def question(self, chance: random.Random, model: Model) -> Question:
        who, tenant = chance.choice(self.callers)
        asked: list[str] = []
        finds: list[Predicate] = []
        states = chance.choice((None, "running", "paused", "killed", "running,paused"))
        if states is not None:
            asked.append(f"state={states}")
            finds.append(lambda each: each.state in states.split(","))
        some = [each.row["project_id"] for each in model.of(tenant) if each.row["project_id"] is not None]
        project = chance.choice((None, None, chance.choice(some)))
        if project is not None:
            asked.append(f"project_id={project}")
            finds.append(lambda each: each.row["project_id"] == project)
        limit = chance.choice((1, 3, LARGEST))
        ask = Ask("GET", f"{ORG}/sandboxes?" + "&".join([*asked, f"limit={limit}"]), who=who)
        found = slice(0, limit)
        return Question(ask, tenant, lambda each: all(holds(each) for holds in finds), newest_first, found)

    def rows(self, reply: Reply) -> tuple[list[Row], int | None]:
        assert reply.status == 200, reply.body
        self.cursor = reply.value["next_cursor"]
        return reply.value["items"], None

    def everything(self, tenant: str, who: str) -> Iterator[Ask]:
        self.cursor = ""
        while self.cursor is not None:
            after = f"&cursor={self.cursor}" if self.cursor else ""
            yield Ask("GET", f"{ORG}/sandboxes?limit={LARGEST}{after}", who=who)

    def more(self, model: Model, send: Callable[[Ask], Reply]) -> None:
        """Facets count what the caller sees."""
        for who, tenant in self.callers:
            facets = send(Ask("GET", f"{ORG}/sandboxes/facets", who=who)).value
            seen = [each for each in model.of(tenant) if self.sees(each, who)]
            assert {each["value"]: each["count"] for each in facets["states"]} == Counter(each.state for each in seen)
            projects = Counter(each.row["project_id"] for each in seen if each.row["project_id"] is not None)
            assert {each["project_id"]: each["count"] for each in facets["projects"]} == projects

    def seeded(self, row: Row, tenant: str) -> Sandbox:
        expires, started = row.get("expires_at"), row.get("last_started_at")
        facts = {
            "runtime": NOWHERE,
            "owner": "admin",
            "name": row["provider_sandbox_id"],
            "limit": 0,
            "end": None if expires is None or started is None else when(expires),
        }
        fields = {name: row.get(name) for name in ("project_id", "provider", "sandbox_kind")}
        return Sandbox(row["id"], row["state"], when(row["created_at"]), tenant, fields, facts)
