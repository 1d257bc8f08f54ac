"""A client's warnings: what it sends that the real API would ignore or misunderstand."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fakeserver.faults import on_request
from fakeserver.spec.parameters import MAX_QUERY_BYTES, split_query
from fakeserver.spec.reader import Operation

MAX_NOTED = 100
"""Fields of a query that are looked at."""


def find_warnings(path: str, operation: Operation | None, query: bytes) -> Iterator[str]:
    """A sentence for everything in a request that the real API would ignore or misunderstand."""
    if path.startswith("//"):
        yield "the path begins with a double slash: does the base URL end in one?"
    if operation is None:
        return
    # The journal's readers wait for this, so the rest of a long query is not even taken apart.
    pairs = split_query(b"&".join(query[:MAX_QUERY_BYTES].split(b"&", MAX_NOTED)[:MAX_NOTED]))
    names = [name for name, _ in pairs]
    for parameter in operation.parameters:
        if (
            parameter.where == "query"
            and parameter.schema.get("type") not in ("array", "object")
            and names.count(parameter.name) > 1
        ):
            yield f"parameter {parameter.name!r} was given more than once; the last value was used"
        if parameter.schema.get("type") == "boolean":
            for name, text in pairs:
                if name == parameter.name and text not in ("true", "false"):
                    yield f"{name}={text[:20]} is not how the page spells a boolean"
    known = parameters_of(operation)
    for name in dict.fromkeys(names):
        if not on_request.is_query_form(name) and not known(name):
            yield f"parameter {name[:64]!r} is not on the reference page and was ignored"


def parameters_of(operation: Operation | None) -> Callable[[str], bool]:
    """Whether a name in the query is a parameter of the operation, as a function of the name."""
    if operation is None:
        return lambda name: False
    names = operation.query_names
    patterns = [parameter.pairs for parameter in operation.parameters if parameter.pairs is not None]
    return lambda name: name in names or any(pattern.match(name) is not None for pattern in patterns)
