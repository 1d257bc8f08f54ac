"""The Schemathesis layer: no false failure on our fake, real ones on broken servers, GET only, no secret anywhere."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import Failure

from contract_tests.conformance import cases, excluded
from contract_tests.judging.target import target
from contract_tests.laws.layer import Laws
from contract_tests.outcome import Outcome, Verdict
from contract_tests.planted import BUGS, Handler, correct
from contract_tests.planted.exercise import default_options
from contract_tests.promises import BY_SLUG
from contract_tests.promises.filter_kinds import EncodedTags
from contract_tests.promises.statements import Statement
from contract_tests.run import judge, open_session
from contract_tests.sending.ask import Ask, Reply
from contract_tests.sending.credentials import Credentials
from contract_tests.sending.in_process import InProcess
from contract_tests.sending.transport import Unreachable
from contract_tests.sending.wire import Wire
from tests.support.server import Live

ROOT = Path(__file__).parents[3]
SLUGS = ("dreadnode", "instavm", "prime", "superserve")
VALUES: Mapping[str, Mapping[str, list[str]]] = {
    "dreadnode": {"path.org": ["acme"]},
    "prime": {"query.team_id": ["research"], "query.user_id": ["user_admin"]},
}
CANARY = "canary-7d1f0c-token"
PRISM = ROOT / "node_modules" / ".bin" / "prism"
START_SECONDS = 30
MOST_REQUESTS = 150
"""Of one provider in the default profile; a deployment is asked slowly."""


def plan(slug: str, profile: str = "polite", seed: int = 0) -> cases.Plan:
    return cases.plan(slug, seed=seed, profile=profile, values=VALUES.get(slug))


def in_process(slug: str, handler: Handler, token: str = "") -> InProcess:
    return InProcess(handler, target(slug).security, {"token": token or f"{slug}-admin-key"})


def failed(outcomes: list[Outcome]) -> list[str]:
    return [f"{each.law}: {each.sentence}" for each in outcomes if each.verdict is Verdict.BROKEN]


def test_the_fake_behind_a_socket_holds(live: Live) -> None:
    """One provider over real HTTP: every check holds, and no more was sent than was said before."""
    planned = plan("prime", "default")
    wire = Wire(live.base_url("prime"), target("prime").security, {"token": "prime-admin-key"}, timeout=10)
    outcomes = cases.check(planned, wire)
    wire.close()
    assert not failed(outcomes)
    assert all(each.verdict is Verdict.HOLDS for each in outcomes)
    assert wire.sent <= planned.requests <= MOST_REQUESTS


@pytest.mark.parametrize("slug", SLUGS)
def test_a_correct_server_raises_no_false_failure(slug: str) -> None:
    """Whatever Schemathesis draws, the correct server of each provider keeps its spec."""
    assert not failed(cases.check(plan(slug), in_process(slug, correct(slug, size=60))))


@pytest.mark.parametrize(
    ("slug", "name", "check"),
    [
        ("prime", "name_missing", "response_schema_conformance"),
        ("prime", "missing_credential_taken", "ignored_auth"),
        ("superserve", "vcpu_as_text", "response_schema_conformance"),
    ],
)
def test_a_broken_server_is_found(slug: str, name: str, check: str) -> None:
    """A schema bug and an open door are found, with the request as a line for a shell."""
    bug = next(bug for bug in BUGS if (bug.slug, bug.name) == (slug, name))
    outcomes = cases.check(plan(slug), in_process(slug, bug.handler(size=60)))
    broken = [each for each in outcomes if each.verdict is Verdict.BROKEN]
    assert check in {each.law.partition(": ")[2] for each in broken}
    assert all(each.asks for each in broken)


def test_nothing_but_reading_is_sent() -> None:
    """The server sees GET and HEAD only, and exactly the number of requests that was announced at most."""
    methods: Counter[str] = Counter()
    right = correct("dreadnode", size=60)

    def counting(method: str, path: str, query: bytes, headers: dict[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        methods[method] += 1
        return right(method, path, query, headers)

    planned = plan("dreadnode")
    cases.check(planned, in_process("dreadnode", counting))
    assert set(methods) <= {"GET", "HEAD"}
    assert 0 < methods.total() <= planned.requests


def test_the_gate_refuses_other_methods() -> None:
    """Even where Schemathesis wants to write, the gate does not let it."""
    gate = plan("instavm").gate
    with pytest.raises(AssertionError, match="only reads"):
        gate.ask({"REQUEST_METHOD": "POST", "REQUEST_URI": "/v1/sessions/sandboxes", "QUERY_STRING": ""})


def test_a_wrong_token_is_no_pass() -> None:
    """Where every answer is a 401, nothing holds."""
    outcomes = cases.check(plan("prime"), in_process("prime", correct("prime", size=60), token="wrong"))
    assert not [each for each in outcomes if each.verdict is Verdict.HOLDS]


def test_an_unreachable_deployment_is_no_pass() -> None:
    """A connection that breaks ends the run: what was not sent does not hold."""

    class Gone:
        sent = 0
        credentials = Credentials({})

        def send(self, ask: Ask) -> Reply:
            raise Unreachable("http://127.0.0.1 cannot be reached")

        def together(self, asks: object) -> list[Reply]:
            return []

    outcomes = cases.check(plan("instavm"), Gone())
    assert {each.verdict for each in outcomes} == {Verdict.INCONCLUSIVE}


def test_the_token_is_nowhere(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Not in the outcomes, not in the output, not in a traceback, not in a file; and no file is left behind."""
    bug = next(bug for bug in BUGS if (bug.slug, bug.name) == ("prime", "name_missing"))
    slug = "prime"
    handler = bug.handler(size=20)

    def accepting(
        method: str, path: str, query: bytes, headers: dict[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        swapped = {name: text.replace(CANARY, "prime-admin-key") for name, text in headers.items()}
        return handler(method, path, query, swapped)

    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        outcomes = cases.check(plan(slug), in_process(slug, accepting, token=CANARY))
    finally:
        os.chdir(before)
    assert failed(outcomes)
    security = target(slug).security
    lines = [ask.curl("https://deployment.test", security) for each in outcomes for ask in each.asks]
    captured = capfd.readouterr()
    assert CANARY not in "\n".join([repr(outcomes), *lines, captured.out, captured.err])
    assert any("$TOKEN" in line for line in lines)
    assert not list(tmp_path.iterdir())


def test_equal_seeds_plan_the_same_requests() -> None:
    """Same seed, same requests; another seed, others."""
    asked = [[ask.target for ask in plan("superserve", seed=seed).gate.asked] for seed in (3, 3, 4)]
    assert asked[0] == asked[1]
    assert asked[0] != asked[2]


def test_every_exclusion_has_its_reason() -> None:
    """The table of what Schemathesis does not judge says why, and names checks that exist."""
    load_all_checks()
    names = {function.__name__ for function in CHECKS.get_all()}
    excuses = [excuse for promises in BY_SLUG.values() for excuse in excluded.excuses(promises)]
    reasons = [*excluded.NEVER.items(), *((excuse.check, excuse.reason) for excuse in excuses)]
    for check, reason in reasons:
        assert check in names
        assert len(reason) > 20


def test_a_text_that_a_filter_cannot_read_is_excused_and_no_other() -> None:
    """No schema states the grammar of pairs in one text: its refusal is right, that of a readable one is not."""
    pairs = EncodedTags(parameter="metadata", field="metadata", noun="pair", statement=Statement("Assumed: a text."))
    known = [*excluded.explain_filter(pairs)]
    failure = Failure(operation="listSandboxes", title="", message="")

    def excused(text: str) -> bool:
        case = SimpleNamespace(query={"metadata": text})
        return excluded.is_excused(known, excluded.ACCEPTS, failure, case, [("metadata", text)])

    assert excused("%%%")
    assert excused("env")
    assert not excused("env=prod")
    assert not excused(dict(pairs.write(("a b", "c=d&e")))["metadata"])


@contextmanager
def prism(slug: str) -> Iterator[str]:
    """Our spec, served by Prism in static mode: every answer is the spec's example."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    spec = ROOT / "openapi" / f"{slug}.yaml"
    server = subprocess.Popen(
        [str(PRISM), "mock", "--port", str(port), "--host", "127.0.0.1", str(spec)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, "Prism did not start"
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=10)


@pytest.mark.skipif(
    shutil.which("node") is None or not PRISM.exists(), reason="Prism is not installed: npm install brings it"
)
def test_a_server_of_examples_breaks_laws_that_are_true() -> None:
    """Prism sends one example whatever is asked: the kit must say that its filters filter nothing."""
    slug = "superserve"
    with prism(slug) as base_url:
        wire = Wire(base_url, target(slug).security, {"token": "any"}, timeout=10)
        session = open_session(slug, wire, default_options(slug, has_other=False, has_colleague=False))
        judge(session, (Laws(),))
        wire.close()
        with urllib.request.urlopen(
            urllib.request.Request(f"{base_url}/sandboxes?status=paused", headers={"X-API-Key": "any"}), timeout=10
        ) as reply:
            assert b'"active"' in reply.read(), "the law below would not be true"
    broken = {each.law: each for each in session.outcomes if each.verdict is Verdict.BROKEN}
    filters = [each for law, each in broken.items() if law.startswith("filters.")]
    assert filters
    assert all(each.asks for each in filters)
