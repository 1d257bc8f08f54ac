"""Plans of the oracle that tests share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

import orjson

from contract_tests.oracle.planning import Servers, plan
from contract_tests.outcome import Context, Snapshot
from contract_tests.promises.questions import OracleQuestion

MAX_PLANS = 200

Plan = Callable[[Context, Mapping[str, Snapshot], int, Servers], Sequence[OracleQuestion]]


class Plans:
    """What is planned for the same rows, seed and budget is planned once: planning is nine tenths of a run in process,
    and a pure function of these. Its own tests are in tests/kit/oracle, and ask for it itself."""

    def __init__(self, plan: Plan = plan) -> None:
        self._plan = plan
        self._known: dict[object, tuple[OracleQuestion, ...]] = {}

    def __call__(
        self, context: Context, snapshots: Mapping[str, Snapshot], budget: int, servers: Servers
    ) -> list[OracleQuestion]:
        held = [[scope, snapshot.complete, snapshot.rows] for scope, snapshot in snapshots.items()]
        digest = hashlib.blake2b(orjson.dumps(held, default=repr)).digest()
        key = context.slug, context.options.seed, budget, servers, digest
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= MAX_PLANS:
                self._known.clear()
            found = self._known[key] = tuple(self._plan(context, snapshots, budget, servers))
        return list(found)
