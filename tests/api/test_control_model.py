"""The admin API and the providers, driven at random against a small model of what they should be."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from typing import Any

import httpx
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from fakeserver.instants import at
from fakeserver.serving.app import App, Settings
from fakeserver.testing.server import running
from tests.support.admin import FREEZE, admin, done, listing, small_app
from tests.support.asgi import EPOCH, PATHS, credential
from tests.support.soak import examples

SPACES = ("", "one", "two")
SECOND = 1_000_000
LIFE = 3_600

FRESH = small_app(size=10)


def document(number: int, created: int = 0) -> dict[str, Any]:
    """A sandbox that lives an hour from its creation, so many seconds after the epoch."""
    return {
        "id": f"00000000-0000-4000-8000-{number:012}",
        "name": f"n{number}",
        "status": "active",
        "vcpu_count": 1,
        "memory_mib": 512,
        "created_at": at(EPOCH + created * SECOND),
        "timeout_seconds": LIFE,
        "metadata": {"n": str(number)},
    }


class Model:
    """What one world should be: numbers of its documents (None: the seeded ones), age, faults and journal."""

    def __init__(self) -> None:
        self.numbers: list[int] | None = None
        self.aged = 0
        self.faults: list[list[int]] = []
        self.calls = 0

    def copy(self) -> Model:
        other = Model()
        other.numbers = None if self.numbers is None else [*self.numbers]
        other.aged, other.calls = self.aged, self.calls
        other.faults = [[*each] for each in self.faults]
        return other

    def rows(self) -> list[str]:
        """The ids that Superserve lists, newest first: documents of one instant in the order of their ids."""
        assert self.numbers is not None
        return [document(each)["id"] for each in sorted(self.numbers) if self.aged < LIFE]

    def expected(self) -> int:
        """The status of the next listing."""
        for each in self.faults:
            if each[1]:
                each[1] -= 1
                return each[0]
        return 200


class Control(RuleBasedStateMachine):
    """Admin calls and listings in three worlds of one server, in any order."""

    snapshots: Bundle[tuple[bytes, Model]] = Bundle("snapshots")
    spaces = st.sampled_from(SPACES)

    def __init__(self) -> None:
        super().__init__()
        self.app: App = small_app(size=10)
        self.models = {ns: Model() for ns in SPACES}
        for ns in SPACES:
            done(admin(self.app, "PUT", "/clock", FREEZE | {"instant": at(EPOCH)}, ns=ns))

    @rule(ns=spaces, numbers=st.sets(st.integers(0, 50), max_size=6))
    def put_documents(self, ns: str, numbers: set[int]) -> None:
        body = [document(each, self.models[ns].aged) for each in numbers]
        if self.models[ns].aged:
            # Only at the epoch do all documents have one instant; later ones would need a bigger model.
            return
        done(admin(self.app, "PUT", "/documents/superserve/main", body, ns=ns))
        self.models[ns].numbers = [*numbers]

    @rule(ns=spaces, number=st.integers(0, 50))
    def put_wrong_documents(self, ns: str, number: int) -> None:
        body = [document(number), {**document(number), "status": "gone"}]
        assert admin(self.app, "PUT", "/documents/superserve/main", body, ns=ns).status == 422

    @rule(ns=spaces, seconds=st.integers(0, 1_500))
    def advance(self, ns: str, seconds: int) -> None:
        done(admin(self.app, "PUT", "/clock", {"action": "advance", "seconds": seconds}, ns=ns))
        self.models[ns].aged += seconds

    @rule(ns=spaces, seconds=st.integers(0, 4_000))
    def go_back_or_ahead(self, ns: str, seconds: int) -> None:
        body = {"action": "set", "instant": at(EPOCH + seconds * SECOND)}
        done(admin(self.app, "PUT", "/clock", body, ns=ns))
        self.models[ns].aged = seconds

    @rule(ns=spaces, seconds=st.integers(-100, -1))
    def move_wrongly(self, ns: str, seconds: int) -> None:
        assert admin(self.app, "PUT", "/clock", {"action": "advance", "seconds": seconds}, ns=ns).status == 422

    @rule(ns=spaces, code=st.sampled_from([429, 500, 503]), times=st.integers(1, 3))
    def set_fault(self, ns: str, code: int, times: int) -> None:
        body = {"provider": "superserve", "operation": "listSandboxes", "code": code, "times": times}
        done(admin(self.app, "POST", "/faults", body, ns=ns))
        self.models[ns].faults.append([code, times])

    @rule(ns=spaces)
    def clear_faults(self, ns: str) -> None:
        done(admin(self.app, "DELETE", "/faults", ns=ns))
        self.models[ns].faults.clear()

    @rule(ns=spaces)
    def reset(self, ns: str) -> None:
        done(admin(self.app, "POST", "/reset", ns=ns))
        done(admin(self.app, "PUT", "/clock", FREEZE | {"instant": at(EPOCH)}, ns=ns))
        self.models[ns] = Model()

    @rule(ns=st.sampled_from(SPACES[1:]))
    def delete_namespace(self, ns: str) -> None:
        done(admin(self.app, "DELETE", f"/namespaces/{ns}"))
        done(admin(self.app, "PUT", "/clock", FREEZE | {"instant": at(EPOCH)}, ns=ns))
        self.models[ns] = Model()

    @rule(ns=spaces)
    def list_sandboxes(self, ns: str) -> None:
        model = self.models[ns]
        reply = listing(self.app, "superserve", ns=ns)
        assert reply.status == model.expected()
        model.calls += 1
        if reply.status == 200 and model.numbers is not None:
            assert [each["id"] for each in reply.value] == model.rows()
        elif reply.status == 200 and not model.aged:
            assert reply.body == listing(FRESH, "superserve").body

    @rule(target=snapshots, ns=spaces)
    def take_snapshot(self, ns: str) -> tuple[bytes, Model]:
        return admin(self.app, "GET", "/snapshot", ns=ns).body, self.models[ns].copy()

    @rule(ns=spaces, taken=snapshots)
    def restore_snapshot(self, ns: str, taken: tuple[bytes, Model]) -> None:
        body, model = taken
        done(admin(self.app, "PUT", "/snapshot", body, ns=ns))
        assert admin(self.app, "GET", "/snapshot", ns=ns).body == body
        self.models[ns] = model.copy()

    @invariant()
    def worlds_are_as_the_model_says(self) -> None:
        for ns, model in self.models.items():
            assert done(admin(self.app, "GET", "/clock", ns=ns))["aged_seconds"] == model.aged
            faults = done(admin(self.app, "GET", "/faults", ns=ns))["faults"]
            assert [[each["code"], each["times"] - each["hits"]] for each in faults] == model.faults
            assert done(admin(self.app, "GET", "/requests", ns=ns))["meta"]["total"] == model.calls


Control.TestCase.settings = settings(max_examples=examples(30), stateful_step_count=25)
test_worlds_follow_the_model = Control.TestCase


# Several tasks at once

TASKS = 8
STEPS = 40


async def wander(client: httpx.AsyncClient, root: str, task: int, shared: dict[str, itertools.count[int]]) -> int:
    """One task: it alone changes its own world, and counts what it does in the world that all share."""
    chance = random.Random(f"task {task}")
    base, common = f"{root}/ns/own-{task}", f"{root}/ns/shared"
    numbers: list[int] | None = None
    wishes = {"X-API-Key": f"superserve-admin-key+code=503,times={task + 1}"}
    granted = taken = 0
    for step in range(STEPS):
        await asyncio.sleep(0)
        choice = chance.choice(("put", "list", "shared", "fault", "snapshot"))
        if choice == "put":
            numbers = chance.sample(range(100), chance.randrange(5))
            content = json.dumps([document(each) for each in numbers])
            reply = await client.put(f"{base}/__admin/documents/superserve/main", content=content)
            assert reply.status_code == 204, reply.text
        elif choice == "list" and numbers is not None:
            reply = await client.get(f"{base}/superserve{PATHS['superserve']}", headers=credential("superserve"))
            assert [each["name"] for each in reply.json()] == [f"n{each}" for each in sorted(numbers)]
        elif choice == "shared":
            reply = await client.get(f"{common}/superserve{PATHS['superserve']}?step={task}-{step}", headers=wishes)
            assert reply.status_code == (503 if granted <= task else 200)
            granted += 1
            taken += 1
        elif choice == "fault":
            body = {"provider": "prime", "operation": "listSandboxes", "code": 503, "match": {"caller": f"t{task}"}}
            reply = await client.post(f"{common}/__admin/faults", content=json.dumps(body))
            assert reply.status_code == 201
            next(shared["faults"])
        elif choice == "snapshot":
            kept = (await client.get(f"{base}/__admin/snapshot")).content
            await client.post(f"{base}/__admin/reset")
            assert (await client.put(f"{base}/__admin/snapshot", content=kept)).status_code == 204
            again = (await client.get(f"{base}/__admin/snapshot")).json()
            before = json.loads(kept)
            assert again.pop("clock")["added"] == before.pop("clock")["added"]
            assert again == before
    return taken


def test_no_update_is_lost_between_tasks() -> None:
    """Tasks that change worlds at once lose no document, no fault, no count of a wish and no journal entry."""

    async def everyone(root: str) -> tuple[list[int], int, Any, Any]:
        shared = {"faults": itertools.count(0)}
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            taken = await asyncio.gather(*(wander(client, root, task, shared) for task in range(TASKS)))
            faults = (await client.get(f"{root}/ns/shared/__admin/faults")).json()["faults"]
            journal = (await client.get(f"{root}/ns/shared/__admin/requests")).json()
        return taken, next(shared["faults"]), faults, journal

    with running(Settings(size=10, rate_limits=False)) as server:
        taken, made, faults, journal = asyncio.run(everyone(server.base_url))
    assert len(faults) == made == len({each["id"] for each in faults})
    assert journal["meta"]["total"] == sum(taken) > 0
    assert len({each["query"] for each in journal["requests"]}) == sum(taken)
