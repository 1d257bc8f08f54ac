"""InstaVM, in the model's words."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote

from tests.support.asgi import Reply, Row
from tests.support.lives.model import Ask, Model, Predicate, Provider, Question, Sandbox, newest_first, when

SECOND = 1_000_000
LIST = "/v1/sessions/sandboxes"
METADATA: tuple[Row, ...] = ({}, {"env": "prod"}, {"env": "dev", "n": 1}, {"env": "prod", "tags": ["a", "b"]})
LIFETIMES = (20, 300, 86_400)
MOST = 1_000
"""Rows of the longest list."""


class Instavm(Provider):
    slug = "instavm"
    callers = (("admin", "main"), ("outsider", "outsider"))
    events: Mapping[str, tuple[frozenset[str], str]] = {
        "suspend": (frozenset({"active"}), "suspended"),
        "resume": (frozenset({"suspended"}), "active"),
        "kill": (frozenset({"creating", "active", "suspended"}), "killed"),
    }
    final = frozenset({"killed"})

    def creation(self, chance: random.Random, send: Callable[[Ask], Reply]) -> tuple[Ask, str]:
        who, tenant = chance.choice(self.callers)
        body = {"metadata": chance.choice(METADATA), "vm_lifetime_seconds": chance.choice(LIFETIMES)}
        return Ask("POST", "/v1/vms?wait=true", body, who), tenant

    def created(self, answer: Row, sent: Ask, tenant: str, now: int) -> Sandbox:
        assert answer["status"] == "active"
        lifetime = sent.body["vm_lifetime_seconds"]
        facts = {"end": now + lifetime * SECOND, "lifetime": lifetime}
        return Sandbox(answer["vm_id"], "active", now, tenant, {"metadata": sent.body["metadata"]}, facts)

    def name_in(self, answer: Row) -> str | None:
        found: str = answer["vm_id"]
        return found

    def request(self, event: str, sandbox: Sandbox, who: str) -> Ask:
        path = f"/v1/vms/{sandbox.id}"
        return Ask("DELETE", path, who=who) if event == "kill" else Ask("POST", f"{path}/{event}?wait=true", who=who)

    def follow(self, event: str, sandbox: Sandbox, now: int, answer: Row) -> None:
        """A VM that is resumed is a new one, with all of its time before it."""
        if event == "resume":
            sandbox.created = now
            sandbox.facts["end"] = now + sandbox.facts["lifetime"] * SECOND

    def age(self, sandbox: Sandbox, now: int) -> bool:
        end = sandbox.facts["end"]
        if sandbox.state == "active" and end is not None and now >= end:
            sandbox.state = "killed"
        return True

    def question(self, chance: random.Random, model: Model) -> Question:
        who, tenant = chance.choice(self.callers)
        asked: list[str] = []
        finds: list[Predicate] = []
        wanted = chance.choice((None, {}, {"env": "prod"}, {"n": 1}, {"tags": ["b"]}))
        if wanted is not None:
            asked.append(f"metadata={quote(json.dumps(wanted))}")
            finds.append(lambda each: contains(each.row["metadata"], wanted))
        limit = chance.choice((1, 3, 100, None))
        asked += [f"limit={limit}"] if limit is not None else []
        ask = Ask("GET", f"{LIST}?" + "&".join(asked), who=who)
        found = slice(0, limit or 100)
        return Question(ask, tenant, lambda each: all(holds(each) for holds in finds), newest_first, found)

    def rows(self, reply: Reply) -> tuple[list[Row], int | None]:
        assert reply.status == 200, reply.body
        return reply.value, None

    def everything(self, tenant: str, who: str) -> Iterator[Ask]:
        yield Ask("GET", f"{LIST}?limit={MOST}", who=who)

    def seeded(self, row: Row, tenant: str) -> Sandbox:
        end, started = row.get("end_at"), when(row["started_at"])
        lifetime = 300 if end is None or row["status"] == "killed" else (when(end) - started) // SECOND
        facts = {"end": None if end is None else when(end), "lifetime": lifetime}
        return Sandbox(row["sandbox_id"], row["status"], started, tenant, {"metadata": row["metadata"]}, facts)


def contains(value: object, wanted: object) -> bool:
    """JSON containment, as PostgreSQL has it, of the values that occur here."""
    if isinstance(wanted, dict):
        return isinstance(value, dict) and all(
            name in value and contains(value[name], each) for name, each in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(value, list) and all(any(contains(one, each) for one in value) for each in wanted)
    return type(value) is type(wanted) and value == wanted
