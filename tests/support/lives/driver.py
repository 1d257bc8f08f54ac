"""The random driver: one action, one drawn list, and now and then everything, held against the model."""

from __future__ import annotations

import random

from fakeserver.instants import at
from tests.support.admin import admin, done, small_app
from tests.support.asgi import EPOCH, Reply
from tests.support.lives.model import Ask, Model, Provider, Sandbox, ask, newest_first

EVERYTHING = 50
"""Steps between two looks at everything."""
MOST = 60
"""Sandboxes in one model that are not seeded: beyond, more are ended than made."""


class Driver:
    """A server of its own and the model of what it should have."""

    def __init__(self, provider: Provider, *, seed: int = 0, size: int = 30) -> None:
        self.provider = provider
        self.slug = provider.slug
        self.app = small_app(size=size)
        self.model = Model(provider, EPOCH)
        self.chance = random.Random(f"{seed} {self.slug}")
        self.steps = 0
        done(admin(self.app, "PUT", "/settings", {"journal": False}))
        done(admin(self.app, "PUT", "/clock", {"action": "freeze", "instant": at(EPOCH)}))
        # Nothing that was seeded is in a passing state any more.
        self.move(100)
        for who, tenant in provider.callers:
            for wanted in provider.everything(tenant, who):
                for row in provider.rows(self.send(wanted))[0]:
                    sandbox = provider.seeded(row, tenant)
                    if (tenant, sandbox.id) not in self.model.sandboxes:
                        self.model.add(sandbox)
        provider.learn(self.model, self.send)

    def send(self, wanted: Ask) -> Reply:
        return ask(self.app, self.slug, wanted)

    # Actions

    def move(self, seconds: int) -> None:
        done(admin(self.app, "PUT", "/clock", {"action": "advance", "seconds": seconds}))
        self.model.advance(seconds)

    def create(self) -> None:
        wanted, tenant = self.provider.creation(self.chance, self.send)
        reply = self.send(wanted)
        assert reply.status in (200, 201), (wanted, reply.status, reply.body)
        self.model.add(self.provider.created(reply.value, wanted, tenant, self.model.now))

    def fire(self, event: str, sandbox: Sandbox, who: str) -> None:
        """An event, which happens exactly if the sandbox's state allows it."""
        allowed, target = self.provider.events[event]
        sandbox.facts["was"] = sandbox.state
        reply = self.send(self.provider.request(event, sandbox, who))
        assert reply.status < 500, (event, sandbox, reply.body)
        happens = sandbox.state in allowed and self.provider.may(event, sandbox, who)
        assert (reply.status < 300) == happens, (event, who, sandbox, reply.status, reply.body)
        if not happens:
            # A request that is refused changes nothing.
            return
        if target:
            sandbox.state = target
            answer = reply.value if reply.body else {}
            named = self.provider.name_in(answer)
            if named not in (None, sandbox.id):
                self.model.rename(sandbox, named)
            self.provider.follow(event, sandbox, self.model.now, answer)
        else:
            self.model.remove(sandbox)

    def change(self, sandbox: Sandbox) -> None:
        drawn = self.provider.change(self.chance, sandbox)
        if drawn is not None:
            wanted, fields = drawn
            reply = self.send(wanted)
            assert reply.status < 300, (wanted, sandbox, reply.status, reply.body)
            sandbox.row |= fields

    def nothing(self, event: str) -> None:
        """The same of what is nobody's, or somebody else's."""
        who, tenant = self.chance.choice(self.provider.callers)
        others = [each for each in self.model.sandboxes.values() if each.tenant not in self.tenants_of(who)]
        if not others:
            return
        reply = self.send(self.provider.request(event, self.chance.choice(others), who))
        assert 400 <= reply.status < 500, (event, who, tenant, reply.status, reply.body)

    def tenants_of(self, who: str) -> set[str]:
        return {tenant for name, tenant in self.provider.callers if name == who}

    def step(self) -> None:
        self.steps += 1
        who, tenant = self.chance.choice(self.provider.callers)
        mine = [each for each in self.model.of(tenant) if self.provider.sees(each, who)]
        full = sum(each.state not in self.provider.final for each in self.model.sandboxes.values()) > MOST
        action = self.chance.choices(
            ("create", "fire", "change", "move", "nothing"), (15 if full else 35, 45, 10, 6, 4)
        )[0]
        if action == "create" or not mine:
            self.create()
        elif action == "move":
            self.move(self.chance.choice((1, 7, 60, 600, 3_600, 40_000)))
        elif action == "change":
            self.change(self.chance.choice(mine))
        elif action == "nothing":
            self.nothing(self.chance.choice([*self.provider.events]))
        else:
            self.fire(self.chance.choice([*self.provider.events]), self.chance.choice(mine), who)
        self.model.age()
        self.look()
        if self.steps % EVERYTHING == 0:
            self.look_at_everything()

    # What is seen

    def look(self) -> None:
        """One drawn list, as the model has it."""
        question = self.provider.question(self.chance, self.model)
        mine = [each for each in self.model.of(question.tenant) if self.provider.sees(each, question.ask.who)]
        found = question.order(filter(question.finds, mine))
        rows, total = self.provider.rows(self.send(question.ask))
        seen = [self.provider.seeded(row, question.tenant) for row in rows]
        expected = found[question.window]
        assert [each.id for each in seen] == [each.id for each in expected], question.ask
        assert [each.state for each in seen] == [each.state for each in expected], question.ask
        for one, other in zip(seen, expected, strict=True):
            assert one.row == other.row, (one.row, other.row)
        assert total in (None, len(found)), question.ask

    def look_at_everything(self) -> None:
        """All that every caller may see, and what else the provider counts."""
        for who, tenant in self.provider.callers:
            seen: list[str] = []
            for wanted in self.provider.everything(tenant, who):
                seen += [self.provider.seeded(row, tenant).id for row in self.provider.rows(self.send(wanted))[0]]
            mine = [each for each in self.model.of(tenant) if self.provider.sees(each, who)]
            expected = newest_first(mine)
            assert seen == [each.id for each in expected], tenant
        self.provider.more(self.model, self.send)
