"""How a caller shows who they are, and what happens to one who does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from contract_tests.promises.common import REQUIRED
from contract_tests.promises.statements import Statement

UNAUTHORIZED = Statement("Expected: a missing or unknown credential is answered with 401.", source="RFC 9110, 15.5.2")
HEADER = Statement("Assumed: the header that the spec names carries the credential.")
ONE_KIND = Statement("Assumed: one credential is taken in every header; there are not two kinds of it.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The credentials of one provider."""

    headers: Mapping[str, Statement] = field(default_factory=dict)
    """By header, the main one first: that it carries a credential. They are the headers of the spec's schemes."""
    required: Statement = REQUIRED
    """That nothing is shown without a good credential."""
    status: Statement = UNAUTHORIZED
    """That such a request is answered with 401 and no other status."""
    first: Statement = ONE_KIND
    """That the main header takes whatever another one takes."""
    challenge: Statement | None = None
    """That a 401 says in WWW-Authenticate how to authenticate, where it does."""

    def statement_of(self, header: str) -> Statement:
        """What states that a header carries the credential; the main one for no header."""
        known = {name.lower(): statement for name, statement in self.headers.items()}
        return known.get(header.lower() or next(iter(known), ""), HEADER)
