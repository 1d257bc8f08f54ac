"""Superserve, in the model's words."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote

from tests.support.asgi import Reply, Row
from tests.support.lives.model import Ask, Model, Predicate, Provider, Question, Sandbox, newest_first, when

SECOND = 1_000_000
NAMES = ("web", "Worker", "ci-run", "zoo")
TAGS: tuple[dict[str, str], ...] = ({}, {"env": "prod"}, {"env": "dev", "team": "a"}, {"env": "prod", "team": "b c"})
TIMEOUTS = (None, 60, 3_600, 50_000)
FIELDS = ("name", "metadata", "timeout_seconds")


class Superserve(Provider):
    slug = "superserve"
    callers = (("admin", "main"), ("outsider", "outsider"))
    events: Mapping[str, tuple[frozenset[str], str]] = {
        "pause": (frozenset({"active"}), "paused"),
        "resume": (frozenset({"paused"}), "active"),
        "activate": (frozenset({"active", "paused"}), "active"),
        "delete": (frozenset({"active", "paused"}), ""),
    }

    def creation(self, chance: random.Random, send: Callable[[Ask], Reply]) -> tuple[Ask, str]:
        body: Row = {"name": chance.choice(NAMES), "metadata": chance.choice(TAGS)}
        timeout = chance.choice(TIMEOUTS)
        if timeout is not None:
            body["timeout_seconds"] = timeout
        who, tenant = chance.choice(self.callers)
        return Ask("POST", "/sandboxes", body, who), tenant

    def created(self, answer: Row, sent: Ask, tenant: str, now: int) -> Sandbox:
        assert answer["status"] == "starting"
        assert answer["access_token"]
        row = {"name": sent.body["name"], "metadata": sent.body["metadata"]}
        row["timeout_seconds"] = sent.body.get("timeout_seconds")
        sandbox = Sandbox(answer["id"], "active", when(answer["created_at"]), tenant, row)
        self.follow("create", sandbox, now, answer)
        return sandbox

    def request(self, event: str, sandbox: Sandbox, who: str) -> Ask:
        path = f"/sandboxes/{sandbox.id}"
        return Ask("DELETE", path, who=who) if event == "delete" else Ask("POST", f"{path}/{event}", who=who)

    def change(self, chance: random.Random, sandbox: Sandbox) -> tuple[Ask, Row] | None:
        fields: Row = {"metadata": chance.choice(TAGS)}
        if chance.random() < 0.5:
            fields["timeout_seconds"] = chance.choice(TIMEOUTS)
        who = next(who for who, tenant in self.callers if tenant == sandbox.tenant)
        return Ask("PATCH", f"/sandboxes/{sandbox.id}", fields, who), fields

    def follow(self, event: str, sandbox: Sandbox, now: int, answer: Row) -> None:
        if event in ("create", "resume") or (event == "activate" and sandbox.facts.get("was") == "paused"):
            sandbox.facts["active since"] = now

    def age(self, sandbox: Sandbox, now: int) -> bool:
        timeout = sandbox.row["timeout_seconds"]
        since = sandbox.facts.get("active since", sandbox.created)
        if sandbox.state == "active" and timeout is not None and now >= since + timeout * SECOND:
            sandbox.state = "paused"
        return True

    def question(self, chance: random.Random, model: Model) -> Question:
        who, tenant = chance.choice(self.callers)
        asked: list[str] = []
        finds: list[Predicate] = []
        tag = chance.choice((None, None, ("env", "prod"), ("team", "b c"), ("env", "nope")))
        if tag is not None:
            asked.append(f"metadata.{tag[0]}={quote(tag[1])}")
            finds.append(lambda each: each.row["metadata"].get(tag[0]) == tag[1])
        states = chance.choice((None, None, "active", "paused", "active,paused"))
        if states is not None:
            asked.append(f"status={states}")
            finds.append(lambda each: each.state in states.split(","))
        text = chance.choice((None, None, "w", "ZOO"))
        if text is not None:
            asked.append(f"q={text}")
            finds.append(lambda each: text.lower() in each.row["name"].lower())
        limit, offset = chance.choice((None, 1, 3, 200)), chance.choice((0, 0, 2, 9))
        asked += [f"limit={limit}"] if limit is not None else []
        asked += [f"offset={offset}"] if offset else []
        end = None if limit is None else offset + limit
        ask = Ask("GET", "/sandboxes?" + "&".join(asked), who=who)
        return Question(ask, tenant, lambda each: all(holds(each) for holds in finds), newest_first, slice(offset, end))

    def rows(self, reply: Reply) -> tuple[list[Row], int | None]:
        assert reply.status == 200, reply.body
        return reply.value, int(reply.headers["x-total-count"])

    def everything(self, tenant: str, who: str) -> Iterator[Ask]:
        yield Ask("GET", "/sandboxes", who=who)

    def seeded(self, row: Row, tenant: str) -> Sandbox:
        fields = {name: row.get(name) for name in FIELDS}
        return Sandbox(row["id"], row["status"], when(row["created_at"]), tenant, fields)
