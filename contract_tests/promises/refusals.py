"""How an API says no: statuses, and what a client can read from the body, whatever its dialect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from contract_tests.promises.common import UNDOCUMENTED
from contract_tests.promises.statements import Statement

NAMED = Statement("Assumed: a refusal names the parameter at fault, and says where it stands.")
KINDS = Statement("Assumed: which kinds of error a status may have.")
ROUTES = Statement("Assumed: an unknown path is a 404 in the provider's own words.")
STATUS = Statement("Assumed: which status a value has that is not allowed.")


@dataclass(frozen=True, slots=True)
class Refusal:
    """The machine-readable part of a refusal. Two of them are equal when a client would do the same about both."""

    kind: Any = None
    """The name of the error, where the dialect has one."""
    status: Any = None
    """The status that the body repeats, where the dialect repeats it."""
    names: frozenset[str] | None = frozenset()
    """The parameters at fault; None where the list of them cannot be read."""
    said: str = field(default="", compare=False)
    """Everything that it says about parameters, as text."""

    def __str__(self) -> str:
        parts = [str(part) for part in (self.status, self.kind) if part is not None]
        return ", ".join([*parts, *sorted(self.names or ())]) or "nothing that can be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """One provider's dialect."""

    value: int
    """The status for a value that is not allowed."""
    read: Callable[[Any], Refusal | None]
    """The refusal in a JSON body, or None where the body is not of this dialect."""
    status: Statement = STATUS
    """That it has this status and no other."""
    listed: Statement = UNDOCUMENTED
    """That no refusal has another status than those that the page lists."""
    form: Statement = UNDOCUMENTED
    """What the body of a refusal looks like."""
    named: Statement = NAMED
    """That the refusal names the parameters at fault."""
    all_named: bool = True
    """Whether it names every parameter at fault, or one of them alone."""
    kinds: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """By status: the kinds that it may have; nothing where the dialect has none."""
    kind_name: str = "kind"
    """What the dialect calls the kind."""
    routes: Statement | None = ROUTES
    """That a path which is none is refused in this dialect."""
    kinded: Statement = KINDS
    """That a status has these kinds only."""
    located: bool = False
    """Whether a refused value is named with the place where it stands (`query`)."""
    repeats: Statement | None = None
    """That the body repeats the status, where it does."""

    def wrong_kind(self, status: int, body: Any) -> str:
        """A sentence when a refusal is of a kind that its status cannot have."""
        kinds, refusal = self.kinds.get(status), self.read(body)
        if kinds is None or refusal is None or refusal.kind in kinds:
            return ""
        return f"has the {self.kind_name} {refusal.kind}"


def of_issues(issues: Any, **more: Any) -> Refusal:
    """The refusal of a list of issues as FastAPI writes them, each with its `loc`."""
    rows = [issue for issue in issues if isinstance(issue, dict)]
    said = " ".join("/".join(map(str, row.get("loc") or ())) for row in rows)
    try:
        names = frozenset(str(row["loc"][1] if len(row["loc"]) > 1 else row["loc"][0]) for row in issues)
    except (KeyError, TypeError, IndexError):
        return Refusal(names=None, said=said, **more)
    return Refusal(names=names, said=said, **more)


def of_fastapi(body: Any) -> Refusal | None:
    """FastAPI's own dialect: `detail` is a sentence or a list of issues."""
    if not isinstance(body, dict):
        return None
    detail = body.get("detail")
    if isinstance(detail, list):
        return of_issues(detail)
    return Refusal(kind="sentence") if "detail" in body else Refusal(names=None)
