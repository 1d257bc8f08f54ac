"""Prime, in the model's words."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping

from tests.support.asgi import Reply, Row
from tests.support.lives.model import Ask, Model, Predicate, Provider, Question, Sandbox, newest_first, when

SECOND = 1_000_000
ROOT = "/api/v1/sandbox"
LABELS: tuple[list[str], ...] = ([], ["ci"], ["ci", "nightly"], ["team: a"])
TIMEOUTS = (1, 60, 1_440)
FIELDS = ("name", "labels", "vm", "userId", "teamId")
PAGE = 1_000
"""Rows of the largest page."""


class Prime(Provider):
    slug = "prime"
    callers = (("admin", "main"), ("admin", "research"), ("member", "member"), ("member", "research"))
    events: Mapping[str, tuple[frozenset[str], str]] = {
        "pause": (frozenset({"RUNNING"}), "PAUSED"),
        "resume": (frozenset({"PAUSED"}), "RUNNING"),
        # Whoever deletes one again is told that it has ended, and nothing changes.
        "delete": (frozenset({"PENDING", "PROVISIONING", "RUNNING", "PAUSED", "ERROR", "TERMINATED"}), "TERMINATED"),
    }
    final = frozenset({"TERMINATED", "ERROR"})

    def creation(self, chance: random.Random, send: Callable[[Ask], Reply]) -> tuple[Ask, str]:
        who, tenant = chance.choice(self.callers)
        body: Row = {
            "name": chance.choice(("job", "web")),
            "docker_image": "python:3.12",
            "labels": chance.choice(LABELS),
            "vm": chance.random() < 0.7,
            "timeout_minutes": chance.choice(TIMEOUTS),
        }
        if tenant == "research":
            body["team_id"] = tenant
        return Ask("POST", ROOT, body, who), tenant

    def created(self, answer: Row, sent: Ask, tenant: str, now: int) -> Sandbox:
        assert answer["status"] == "PENDING"
        row = {name: sent.body[name] for name in ("name", "labels", "vm")}
        row |= {"userId": answer["userId"], "teamId": sent.body.get("team_id")}
        facts = {"started": now, "minutes": sent.body["timeout_minutes"]}
        return Sandbox(answer["id"], "RUNNING", when(answer["createdAt"]), tenant, row, facts)

    def request(self, event: str, sandbox: Sandbox, who: str) -> Ask:
        path = f"{ROOT}/{sandbox.id}"
        return Ask("DELETE", path, who=who) if event == "delete" else Ask("POST", f"{path}/{event}", who=who)

    def may(self, event: str, sandbox: Sandbox, who: str) -> bool:
        """Only VMs are paused; only who made a team's sandbox changes it, or an admin of the team."""
        own = sandbox.row["userId"] == self.users[who] or who == "admin"
        return own and (event == "delete" or sandbox.row["vm"] is True)

    users: Mapping[str, str] = {"admin": "user_admin", "member": "user_member"}

    def follow(self, event: str, sandbox: Sandbox, now: int, answer: Row) -> None:
        if event == "pause":
            sandbox.facts["paused"] = now
        elif event == "resume" and sandbox.facts["started"] is not None:
            # What it is paused for counts for nothing.
            sandbox.facts["started"] += now - sandbox.facts["paused"]

    def age(self, sandbox: Sandbox, now: int) -> bool:
        started, minutes = sandbox.facts["started"], sandbox.facts["minutes"]
        limited = sandbox.state == "RUNNING" and started is not None and minutes > 0
        if limited and now >= started + minutes * 60 * SECOND:
            sandbox.state = "TERMINATED"
        return True

    def question(self, chance: random.Random, model: Model) -> Question:
        who, tenant = chance.choice(self.callers)
        asked: list[str] = ["team_id=research"] if tenant == "research" else []
        finds: list[Predicate] = []
        state = chance.choice((None, None, "RUNNING", "PAUSED", "TERMINATED", "PENDING"))
        if state is not None:
            asked.append(f"status={state}")
            finds.append(lambda each: each.state == state)
        if chance.random() < 0.3:
            asked.append("is_active=true")
            finds.append(lambda each: each.state != "TERMINATED")
        label = chance.choice((None, None, "ci", "nightly"))
        if label is not None:
            asked.append(f"labels={label}")
            finds.append(lambda each: label in (each.row["labels"] or ()))
        size, number = chance.choice((1, 3, 50)), chance.choice((1, 1, 2, 5))
        asked += [f"per_page={size}", f"page={number}"]
        start = (number - 1) * size
        ask = Ask("GET", f"{ROOT}?" + "&".join(asked), who=who)
        found = slice(start, start + size)
        return Question(ask, tenant, lambda each: all(holds(each) for holds in finds), newest_first, found)

    def rows(self, reply: Reply) -> tuple[list[Row], int | None]:
        assert reply.status == 200, reply.body
        return reply.value["sandboxes"], reply.value["total"]

    def everything(self, tenant: str, who: str) -> Iterator[Ask]:
        team = "&team_id=research" if tenant == "research" else ""
        for number in range(1, 4):
            yield Ask("GET", f"{ROOT}?per_page={PAGE}&page={number}{team}", who=who)

    def seeded(self, row: Row, tenant: str) -> Sandbox:
        fields = {name: row.get(name) for name in FIELDS}
        started = row.get("startedAt")
        facts = {"started": None if started is None else when(started), "minutes": row["timeoutMinutes"]}
        facts["paused"] = when(row["updatedAt"])
        return Sandbox(row["id"], row["status"], when(row["createdAt"]), tenant, fields, facts)
