"""A server in this process is sent to as one behind a socket."""

from __future__ import annotations

import pytest

from contract_tests.sending.ask import Ask
from contract_tests.sending.in_process import InProcess
from tests.support.sending import SECRET, SECURITY, local


@pytest.mark.parametrize(
    ("credential", "channel", "header"),
    [
        ("token", "", ("authorization", f"Bearer {SECRET}")),
        ("token", "X-API-Key", ("x-api-key", SECRET)),
        ("malformed", "", ("authorization", f"Basic {SECRET}")),
        ("truncated", "", ("authorization", f"Bearer {SECRET[:-1]}")),
        ("recased", "X-API-Key", ("x-api-key", SECRET.upper())),
    ],
)
def test_credentials_travel_as_the_spec_says(credential: str, channel: str, header: tuple[str, str]) -> None:
    """The scheme of the spec decides about the header; laws only name the credential."""
    seen: dict[str, str] = {}

    def handler(method: str, path: str, query: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        seen.update(headers)
        return 200, {}, b"[]"

    InProcess(handler, SECURITY, {"token": SECRET}).send(Ask("/api", credential=credential, channel=channel))
    assert seen[header[0]] == header[1]


def test_an_answer_looks_as_over_a_socket() -> None:
    """Header names are in lower case, and HEAD has no body."""
    found = local(200, b"[1]", {"X-Total-Count": "1"})
    assert found.send(Ask("/x")).headers == {"x-total-count": "1"}
    assert (found.send(Ask("/x")).body, found.send(Ask("/x", method="HEAD")).body) == (b"[1]", b"")
    assert found.sent == 3
