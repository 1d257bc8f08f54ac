"""Requests as lines for a shell, and answers as strict JSON."""

from __future__ import annotations

import pytest

from contract_tests.judging.target import target
from contract_tests.sending.ask import Ask
from contract_tests.sending.in_process import InProcess
from tests.support.sending import BASE, SECRET, SECURITY, local


@pytest.mark.parametrize("slug", ["dreadnode", "instavm", "prime", "superserve"])
def test_curl_lines_hold_no_credential(slug: str) -> None:
    """A request can be repeated in a shell that has $TOKEN, and quotes survive."""
    security = target(slug).security
    for credential in ("token", "other", "none", "garbage", "malformed", "truncated", "recased"):
        line = Ask("/x", (("labels", "it's, ü"),), credential).curl(BASE, security)
        assert SECRET not in line
        assert ("$TOKEN" in line) == (credential in ("token", "malformed", "recased"))
        assert line.endswith("'https://api.example.test/prime/x?labels=it%27s%2C%20%C3%BC'")


def test_strict_json_only() -> None:
    """NaN is no JSON."""
    reply = InProcess(lambda *each: (200, {}, b"[NaN]"), SECURITY, {"token": SECRET}).send(Ask("/x"))
    with pytest.raises(ValueError, match=r"JSON|expected|unexpected"):
        reply.json()


def test_a_line_for_a_shell_repeats_the_whole_request() -> None:
    """Method, headers with quotes in them, the header of the credential, and the query as it stands."""
    ask = Ask("/x", (("a", "b c"),), "token", "X-API-Key", "HEAD", (("If-None-Match", "it's"),), "d=%ff")
    assert ask.target == "/x?a=b%20c&d=%ff"
    assert ask.curl(BASE + "/", SECURITY) == (
        "curl -sI --compressed -H 'Accept: application/json' -H 'If-None-Match: it'\\''s' "
        f"""-H "X-API-Key: $TOKEN" '{BASE}/x?a=b%20c&d=%ff'"""
    )


def test_the_media_type_is_bare() -> None:
    """Without parameters, in lower case; empty where there is none."""
    assert (
        local(headers={"Content-Type": "Application/JSON; charset=utf-8"}).send(Ask("/x")).media_type
        == "application/json"
    )
    assert local().send(Ask("/x")).media_type == ""
