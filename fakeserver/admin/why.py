"""Why a request was answered as it was, worked out from its entry in the journal when somebody asks.

What filters and pages came to is counted in the world as it is now: no request keeps it, so that none pays for it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from pyroaring import BitMap

from fakeserver.documents.collection import Collection
from fakeserver.faults.on_request import is_query_form
from fakeserver.instants import at
from fakeserver.listing.filters import Filter
from fakeserver.listing.listing import Filtering, Listing
from fakeserver.listing.meaning import Asked, View
from fakeserver.listing.pages import Context
from fakeserver.listing.scope import Scope
from fakeserver.listing.select import question_of, select
from fakeserver.pipeline.routes import Route
from fakeserver.pipeline.service import Service
from fakeserver.problems import Document, FakeProblem, Problem
from fakeserver.spec.parameters import Values, split_query
from fakeserver.worlds.client_warnings import MAX_NOTED, parameters_of
from fakeserver.worlds.entries import Entry, plain
from fakeserver.worlds.world import World


def explain(entry: Entry, services: Mapping[str, Service], world: World) -> Document:
    """The operation that was matched, who asked and what they may see, the filters and the page, and the fault."""
    told: Document = {
        "operation": None,
        "caller": entry.caller,
        "fault": entry.fault,
        "scope": None,
        "filters": [],
        "unset": [],
        "ignored": [],
        "total": None,
        "page": None,
        "as_of": at(world.clock.now),
    }
    service = services.get(entry.provider or "")
    if service is None or entry.operation is None:
        return told
    route = next((each for each in service.routes if each.operation.id == entry.operation), None)
    if route is None:
        return told
    operation = route.operation
    told["operation"] = {"id": operation.id, "method": operation.method, "path": operation.path}
    pairs = split_query("&".join(entry.query.split("&", MAX_NOTED)[:MAX_NOTED]).encode())
    known = parameters_of(operation)
    told["ignored"] = [name for name in dict(pairs) if not known(name) and not is_query_form(name)]
    if isinstance(route.meaning, Filtering) and entry.values is not None and entry.caller is not None:
        try:
            told |= find_again(entry, service, route, world)
        except (Problem, FakeProblem):
            # What was asked is refused, as it may have been then.
            return told
    return told


def find_again(entry: Entry, service: Service, route: Route, world: World) -> Document:
    """What a listing, or its facets, looked at and found; a Problem where it refuses."""
    meaning = route.meaning
    assert isinstance(meaning, Filtering)
    caller = next((each for each in service.fixture.callers.values() if each.name == entry.caller), None)
    try:
        # The entry of a snapshot has its values as JSON, so they are read anew.
        matched, segments = service.match(entry.method, entry.path.removeprefix(f"/{service.provider.slug}"))
        asked = matched.read(segments, entry.query.encode())
    except (Problem, FakeProblem):
        asked = Asked(dict(entry.values or {}), b"")
    if caller is None or any(each.parameter not in asked.values for each in meaning.filters):
        return {}
    switches = world.settings.switches[service.provider.slug]
    tenants = world.advance(service.provider)
    scope = meaning.scope(asked, View(caller, tenants, world, world.clock.now, switches))
    collection = tenants[scope.tenant]
    filters, values = meaning.filters, dict(asked.values)
    if isinstance(meaning, Listing) and meaning.only is not None and meaning.only.choice.is_made(switches):
        filters = (*filters, meaning.only.filter)
        values[meaning.only.filter.parameter] = meaning.only.value
    steps = [*narrow(filters, collection, scope, values)]
    found = select(filters, collection, scope, values)
    told: Document = {
        "scope": {
            "tenant": scope.tenant,
            "owner": scope.owner,
            "documents": len(select((), collection, scope, values)),
        },
        "filters": steps,
        "unset": [each.parameter for each in filters if values[each.parameter] is None],
        "total": len(found),
    }
    if isinstance(meaning, Listing):
        question = question_of(route.operation.id, meaning.filters, asked.values)
        context = Context(world, scope.tenant, question, asked.query, owner=scope.owner)
        told["page"] = page_of(meaning, found, values, collection, context)
    return told


def narrow(filters: tuple[Filter, ...], collection: Collection, scope: Scope, values: Values) -> Iterator[Document]:
    """Each filter that was given, with how many documents it finds alone, and how many are left behind it."""
    given = tuple(each for each in filters if values[each.parameter] is not None)
    count = functools.partial(select, collection=collection, scope=scope, values=values)
    for number, each in enumerate(given):
        yield {
            "parameter": each.parameter,
            "field": each.field,
            "value": plain(values[each.parameter]),
            "finds": len(count((each,))),
            "left": len(count(given[: number + 1])),
        }


def page_of(
    meaning: Listing, found: BitMap, values: Mapping[str, Any], collection: Collection, context: Context
) -> Document:
    """The arithmetic of a page: what is known of it, as far as its position knows that."""
    page = meaning.pages.page(found, values, collection, context)
    return {
        "size": page.size,
        "offset": page.offset,
        "number": page.page,
        "pages": page.pages,
        "rows": page.count,
        "has_next": page.has_next,
    }
