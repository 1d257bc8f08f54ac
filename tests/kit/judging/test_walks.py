"""A machine that walks cursors while documents come and go: nothing comes twice, and nothing that stays is lost."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from pyroaring import BitMap

from contract_tests.planted.false_alarms import EPOCH, SERVICES
from contract_tests.promises import BY_SLUG
from fakeserver.pipeline.exchange import Request
from fakeserver.serving.app import Settings, create_app
from tests.support.soak import examples

HEADERS = {"authorization": "Bearer dreadnode-admin-key"}
SIZE = 30


class Walks(RuleBasedStateMachine):
    """Pages of one org, read with a cursor, while sandboxes are born and die."""

    def __init__(self) -> None:
        super().__init__()
        self.app = create_app(Settings(seed=3, size=SIZE, epoch=EPOCH), SERVICES)
        self.service = SERVICES["dreadnode"]
        self.collection = self.app.world.tenants(self.service.provider)["acme"]
        self.born = 0
        self.begin()

    def begin(self) -> None:
        self.cursor = ""
        self.seen: list[str] = []
        self.lasting = {document["id"] for document in self.collection.documents()}

    @rule(size=st.integers(1, 9))
    def read(self, size: int) -> None:
        query = f"limit={size}" + (f"&cursor={self.cursor}" if self.cursor else "")
        request = Request("GET", BY_SLUG["dreadnode"].path("acme"), query.encode(), HEADERS)
        answer = self.service.answer(request, self.app.world)
        assert answer.status == 200
        body = json.loads(answer.text())
        self.seen += [row["id"] for row in body["items"]]
        self.cursor = body["next_cursor"] or ""
        if not self.cursor:
            assert self.lasting <= set(self.seen)
            self.begin()

    @rule(place=st.integers(0, SIZE))
    def add(self, place: int) -> None:
        documents = list(self.collection.documents())
        if not documents:
            return
        self.born += 1
        like = documents[place % len(documents)]
        born = like | {"id": f"{like['id'][:-4]}{self.born:04x}"}
        self.collection.add(born, self.collection.owner(self.collection.everything.min()))

    @rule(place=st.integers(0, SIZE))
    def remove(self, place: int) -> None:
        ranks = list(self.collection.everything)
        if len(ranks) > 1:
            rank = ranks[place % len(ranks)]
            self.lasting.discard(self.collection.document(rank)["id"])
            self.collection.remove(BitMap([rank]))

    @invariant()
    def nothing_twice(self) -> None:
        assert len(self.seen) == len(set(self.seen))


TestWalks = Walks.TestCase
TestWalks.settings = settings(
    max_examples=examples(25), stateful_step_count=30, suppress_health_check=list(HealthCheck)
)
