"""Which statement of the promises a failure of Schemathesis contradicts; its tier is the failure's.

Schemathesis holds a deployment against our spec, which says more than the page does. Who says what is asked of the
promises: of the statements about what was sent, or of those about the form of what came back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from schemathesis.core.failures import Failure

from contract_tests.conformance.excluded import ACCEPTS, REFUSES, find_blamed
from contract_tests.judging.judge import Breach
from contract_tests.judging.target import Target
from contract_tests.judging.validation import Validator
from contract_tests.outcome import Pairs
from contract_tests.promises.common import REQUIRED, SERVED, UNDOCUMENTED
from contract_tests.promises.form import Promises
from contract_tests.promises.statements import Statement, weakest
from contract_tests.sending.ask import Reply

UNSPOKEN = Statement("Assumed: what the spec says of a parameter that the promises do not speak of.")
FAILS, OPEN_DOOR = "not_a_server_error", "ignored_auth"
FORMS: Mapping[str, str] = {
    "status_code_conformance": "schema.status",
    "content_type_conformance": "schema.media_type",
    "response_schema_conformance": "schema.body",
}
"""By check: the law that the kit itself holds such answers against."""


def statement_of(where: Target, check: str, failure: Failure, case: Any, reply: Reply, sent: Pairs) -> Statement:
    """What an answer to the case contradicts, `sent` being its query as it went over the wire."""
    promises = where.promises
    if check == FAILS:
        return SERVED
    if check == OPEN_DOOR:
        return REQUIRED
    if check == REFUSES:
        return refusing(promises, find_blamed(failure, case), sent)
    if check == ACCEPTS:
        return accepting(promises, reply, sent)
    found = misfits(where, check, reply)
    return max((each.by for each in found if isinstance(each.by, Statement)), key=rank, default=UNDOCUMENTED)


def rank(statement: Statement) -> int:
    return statement.tier.rank


def misfits(where: Target, check: str, reply: Reply) -> Sequence[Breach]:
    """What the kit itself finds of this kind in the whole answer: Schemathesis tells one misfit of several."""
    return [each for each in Validator(where).reply(reply) if each.law == FORMS.get(check)]


def refusing(promises: Promises, blamed: Sequence[str], sent: Pairs) -> Statement:
    """That the values of the blamed parameters are refused: the least binding of what is said of each."""
    return weakest((refusing_one(promises, name, sent) for name in blamed), UNDOCUMENTED)


def refusing_one(promises: Promises, name: str, sent: Pairs) -> Statement:
    """That what was sent for one parameter is refused; pairs with keys of their own are blamed by their common name."""
    listing, paging = promises.listing, promises.listing.paging
    filter = next((each for each in listing.filters if each.parameter == name or each.takes(name)), None)
    if filter is not None:
        texts = [text for given, text in sent if filter.takes(given)]
        return weakest(map(filter.refusal_of, texts), filter.refusal)
    if name in paging.parameters:
        return weakest((paging.refusal_of(name, text) for given, text in sent if given == name), paging.bounds)
    return promises.scopes.refused if name == promises.scopes.in_path.strip("{}") else UNSPOKEN


def accepting(promises: Promises, reply: Reply, sent: Pairs) -> Statement:
    """That this query is answered: what is said of its parameters, unless such a refusal is for the deployment to
    decide. Which rows it could speak of is not known here, so that it is excused wherever it may be."""
    listing, facets = promises.listing, promises.listing.facets
    known = all(name in listing.paging.parameters or listing.filter_of(name) is not None for name, _ in sent)
    said = [listing.statement_of(sent) if known else UNSPOKEN]
    if facets is not None and promises.operation_at(reply.ask.path) == facets.operation:
        said.append(facets.statement)
    if any(listing.paging.skips(*pair) for pair in sent):
        said.append(listing.paging.behind)
    if listing.owner is not None and listing.may_be_refused(sent, reply.status, ()):
        said.append(listing.owner.status)
    return weakest(said, listing.statement)
