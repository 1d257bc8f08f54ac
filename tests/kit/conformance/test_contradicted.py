"""A failure of Schemathesis binds as its promise does, and as no word of our spec."""

from __future__ import annotations

import ast
import inspect
import json
from types import SimpleNamespace

import pytest
from schemathesis.core.failures import Failure

from contract_tests.conformance import cases, contradicted
from contract_tests.conformance.contradicted import FAILS, OPEN_DOOR, statement_of
from contract_tests.conformance.excluded import ACCEPTS, REFUSES
from contract_tests.judging.target import target
from contract_tests.outcome import Pairs, Tier
from contract_tests.planted import correct
from contract_tests.promises import BY_SLUG
from contract_tests.promises.common import REQUIRED, SERVED
from contract_tests.promises.statements import Statement
from contract_tests.sending.ask import Ask, Reply

JSON = {"content-type": "application/json"}
PATHS = {slug: promises.path("acme") for slug, promises in BY_SLUG.items()}


def contradicts(slug: str, check: str, sent: Pairs, *, status: int = 200, body: bytes = b"{}") -> Statement:
    """What the answer of this status contradicts, where the failure names no parameter."""
    reply = Reply(Ask(PATHS[slug], sent), status, JSON, body, 0.0)
    failure = Failure(operation="listSandboxes", title="", message="")
    return statement_of(target(slug), check, failure, SimpleNamespace(query=dict(sent)), reply, sent)


@pytest.mark.parametrize(
    ("slug", "sent", "tier"),
    [
        ("prime", (("page", "0"),), Tier.MUST),
        ("prime", (("page", "2147483648"),), Tier.SHOULD),
        ("prime", (("per_page", "1001"),), Tier.MUST),
        ("prime", (("status", "x"),), Tier.MUST),
        ("prime", (("status", ""),), Tier.SHOULD),
        ("prime", (("page", "0"), ("status", "")), Tier.SHOULD),
        ("dreadnode", (("state", "x"),), Tier.SHOULD),
        ("dreadnode", (("limit", "101"),), Tier.MUST),
        ("dreadnode", (("org", ""),), Tier.SHOULD),
        ("instavm", (("metadata", "["),), Tier.SHOULD),
        ("instavm", (("limit", "0"),), Tier.MUST),
        ("superserve", (("metadata.", "x"),), Tier.SHOULD),
        ("superserve", (("limit", "x"),), Tier.SHOULD),
        ("superserve", (("nobody", "x"),), Tier.SHOULD),
    ],
)
def test_what_should_have_been_refused(slug: str, sent: Pairs, tier: Tier) -> None:
    """As binding as the refusal of the least binding value among those sent."""
    assert contradicts(slug, REFUSES, sent).tier is tier


@pytest.mark.parametrize(
    ("slug", "sent", "status", "tier"),
    [
        ("prime", (("labels", "gpu"),), 422, Tier.MUST),
        ("prime", (("labels", "a,b"),), 422, Tier.SHOULD),
        ("prime", (("is_active", "true"),), 422, Tier.MUST),
        ("prime", (("is_active", "false"),), 422, Tier.SHOULD),
        ("prime", (("page", "1"), ("per_page", "1000")), 404, Tier.MUST),
        ("prime", (("page", "2"), ("per_page", "1000")), 404, Tier.SHOULD),
        ("prime", (("user_id", "somebody"),), 403, Tier.SHOULD),
        ("prime", (("user_id", "somebody"),), 422, Tier.MUST),
        ("superserve", (("metadata.env", "prod"),), 400, Tier.MUST),
        ("superserve", (("limit", "10"),), 400, Tier.SHOULD),
        ("superserve", (), 400, Tier.MUST),
    ],
)
def test_what_should_have_been_answered(slug: str, sent: Pairs, status: int, tier: Tier) -> None:
    """As binding as what is said of the parameters, and as the status is for the deployment to choose."""
    assert contradicts(slug, ACCEPTS, sent, status=status).tier is tier


def without(slug: str, name: str) -> bytes:
    """A list of the correct server whose rows lack a field."""
    _, _, body = correct(slug, size=20)("GET", PATHS[slug], b"", {"authorization": f"Bearer {slug}-admin-key"})
    value = json.loads(body)
    rows = value if isinstance(value, list) else value[BY_SLUG[slug].listing.items]
    for row in rows:
        del row[name]
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("slug", "name", "tier"), [("instavm", "sandbox_id", Tier.MUST), ("prime", "dockerImage", Tier.SHOULD)]
)
def test_a_form_binds_where_the_page_says_so(slug: str, name: str, tier: Tier) -> None:
    """Page 002 lists the fields that a row always has; that of Prime shows an example."""
    check = "response_schema_conformance"
    assert contradicts(slug, check, (), body=without(slug, name)).tier is tier


def test_a_status_binds_where_the_page_lists_them() -> None:
    """Page 000 does; what a gateway says is nobody's promise."""
    check = "status_code_conformance"
    assert contradicts("dreadnode", check, (), status=418).tier is Tier.MUST
    assert contradicts("prime", check, (), status=418).tier is Tier.SHOULD
    assert contradicts("dreadnode", check, (), status=503).tier is Tier.SHOULD


def test_what_holds_for_every_api_binds() -> None:
    """No server fails, and no list is shown without a credential."""
    assert contradicts("superserve", FAILS, (), status=500) is SERVED
    assert contradicts("superserve", OPEN_DOOR, ()) is REQUIRED


@pytest.mark.parametrize("module", [cases, contradicted])
def test_no_tier_is_read_out_of_a_description(module: object) -> None:
    """Our spec's words explain; they do not bind."""
    tree = ast.parse(inspect.getsource(module))  # type: ignore[arg-type]
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert "description" not in texts
