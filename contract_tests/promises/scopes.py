"""Which lists a caller may read: their own, those of orgs or those of teams; and where a request names one."""

from __future__ import annotations

from dataclasses import dataclass

from contract_tests.outcome import Options, Pairs
from contract_tests.promises.common import TENANCY
from contract_tests.promises.statements import Statement

REFUSED = Statement("Assumed: a list that the caller may not read is refused, not shown empty.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scopes:
    """A scope is the name of an org or a team; the empty one is the caller's own list."""

    in_path: str = ""
    """The part of the path, in braces, that the scope stands for. Then there is no list without a scope."""
    in_query: str = ""
    """The parameter that selects a scope. Without it, the list is the caller's own."""
    field: str = ""
    """The field of a row that names its scope; null in the caller's own list."""
    noun: str = "account"
    apart: Statement = TENANCY
    """That nobody is shown what belongs to others."""
    unknown: int = 404
    """The status for a scope that does not exist."""
    foreign: int = 403
    """The status for a scope that the caller does not belong to."""
    refused: Statement = REFUSED
    """That such scopes are refused, and with these statuses, rather than shown empty."""
    within: Statement | None = None
    """That the list of a scope holds what belongs to it, and nothing of the caller's other scopes."""
    empty: Statement | None = None
    """That an empty text in the parameter is as good as no parameter."""
    own: Statement | None = None
    """What the list without a scope holds."""
    advice: str = "is the base URL right?"
    """What to look at when the list is answered with 403 or 404; `{scope}` is the scope that was asked for."""

    @property
    def named(self) -> bool:
        """Whether a request can name a scope at all."""
        return bool(self.in_path or self.in_query)

    def of(self, options: Options) -> tuple[str, ...]:
        """The scopes that the caller of a check gave, the home scope first."""
        if self.in_path:
            return options.orgs
        return ("", *options.orgs) if self.in_query else ("",)

    def path(self, path: str, scope: str) -> str:
        return path.replace(self.in_path, scope) if self.in_path else path

    def query(self, scope: str) -> Pairs:
        """What selects the scope, to be sent in front of any other filter."""
        return ((self.in_query, scope),) if self.in_query and scope else ()

    def hint(self, scope: str) -> str:
        return self.advice.format(scope=repr(scope))
