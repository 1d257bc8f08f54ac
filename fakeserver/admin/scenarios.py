"""Every scenario of every list and its facets, and how to see it."""

from __future__ import annotations

from collections.abc import Mapping

from fakeserver.faults.scenarios import NEXT_VERSION, SCENARIOS
from fakeserver.pipeline.service import Service
from fakeserver.problems import Document


def scenarios(services: Mapping[str, Service]) -> list[Document]:
    """One row per provider, operation and scenario, with each recipe that shows it."""
    rows: list[Document] = []
    for slug, service in services.items():
        key = next(iter(service.fixture.callers))
        for operation in (route.operation for route in service.routes if route.operation.shows_scenarios):
            for name, description in SCENARIOS.items():
                asked = f"scenario={name}"
                recipes = {"prefer": f"Prefer: {asked}", "query": f"__{asked}"}
                if operation.security:
                    recipes["credential"] = f"{key}+{asked}"
                rows.append(
                    {
                        "provider": slug,
                        "operation": operation.id,
                        "scenario": name,
                        "description": description,
                        "outside_schema": name == NEXT_VERSION,
                        "recipes": recipes,
                    }
                )
    return rows
