"""Before anything is judged: what is no listing is told in one sentence, and what breaks a promise is judged."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from contract_tests.judging.check import NO_5XX
from contract_tests.planted.false_alarms import handler
from contract_tests.reporting import exit_codes, junit, text
from contract_tests.reporting.report import decide
from contract_tests.sending.in_process import Handler
from tests.support.deployments import Answered, constant, judged


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (constant(401, b'{"detail":"no"}', **{"www-authenticate": "Bearer"}), "credential was refused (401)"),
        (constant(200, b"<!doctype html><p>Hello", "text/html"), "HTML page"),
        (constant(404, b'{"detail":"Not Found"}'), "answered with 404"),
        (constant(302, b"", location="https://login.example.test/"), "redirects"),
        (constant(429, b'{"detail":"slow down"}'), "limits requests"),
        (constant(502, b"<html><h1>502 Bad Gateway</h1>", "text/html"), "HTML page"),
        (constant(503, b"no healthy upstream", "text/plain"), "a gateway answers with 503"),
    ],
)
def test_what_cannot_be_judged_is_no_broken_promise(answer: Handler, says: str) -> None:
    """A wrong credential, a web page, a wrong URL and a redirect are exit 3 with one sentence, and no list of laws."""
    report = judged(answer)
    code, sentence = decide(report)
    assert code == exit_codes.COULD_NOT_CHECK
    assert says in sentence
    assert text.render(report).count("\n") == 1
    assert ElementTree.fromstring(junit.render(report).split("\n", 1)[1]).find(".//error") is not None


@pytest.mark.parametrize(
    ("answer", "law"),
    [
        (constant(500, b'{"detail":"Internal Server Error"}'), NO_5XX),
        (constant(500, b"Internal Server Error", "text/plain"), NO_5XX),
        (constant(503, b'{"detail":"maintenance"}'), NO_5XX),
        (constant(200, b'{"sandboxes": null}'), "schema.body"),
    ],
)
def test_a_server_that_fails_breaks_a_promise(answer: Handler, law: str) -> None:
    """A repeated 5xx and a 200 of the wrong form are broken promises, not checks that failed."""
    report = judged(answer)
    assert decide(report)[0] == exit_codes.BROKEN
    assert law in {each.law for each in report.failing}


def test_a_header_that_is_documented_must_be_taken() -> None:
    """Dreadnode documents two headers: a deployment that takes only the other one breaks a promise, and is asked no
    more."""
    right = handler("dreadnode", 0, 40)

    def answer(method: str, path: str, query: bytes, headers: dict[str, str]) -> Answered:
        if "authorization" in headers:
            return 401, {"content-type": "application/json"}, b"{}"
        return right(method, path, query, headers)

    report = judged(answer, "dreadnode", orgs=("acme",))
    assert decide(report)[0] == exit_codes.BROKEN
    found = next(each for each in report.failing if each.law == "credentials.channels")
    assert "another one is taken" in found.sentence
    assert len(found.asks) == 2


def test_a_status_that_nobody_documents_is_told() -> None:
    """With the number, since there is nothing else to say."""
    assert decide(judged(constant(418, b"{}"))) == (3, "could not check: prime: the list was answered with 418")
