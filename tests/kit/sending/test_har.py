"""Recordings of a run: HAR that other tools read, without a credential in it, whole or not at all."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from contract_tests.sending import har
from contract_tests.sending.ask import Ask, Reply
from contract_tests.sending.credentials import Credentials
from contract_tests.sending.tape import Tape, now
from contract_tests.sending.transport import Unreachable
from tests.support.sending import BASE, SECRET, SECURITY

OTHER = "canary-other-77"
ABOUT = har.About("prime", BASE, ("acme",), ("id-1",), ("token", "other"), 7, "deep")


def hiding(**secrets: str) -> har.Hiding:
    return har.Hiding(Credentials({"token": SECRET, **secrets}), SECURITY)


def written(path: Path, tape: Tape, **secrets: str) -> dict[str, Any]:
    har.write(path, ABOUT, tape.exchanges, hiding(**secrets))
    log: dict[str, Any] = json.loads(path.read_text())["log"]
    return log


def taped(ask: Ask, body: bytes = b"[]", status: int = 200, **headers: str) -> Tape:
    tape = Tape(layer="laws")
    sent = {"content-type": "application/json", **headers}
    tape.keep("filters.single:status", now(), [Reply(ask, status, sent, body, 0.25, 1)], 2)
    return tape


def test_an_exchange_is_an_entry_of_har(tmp_path: Path) -> None:
    """The form of HAR 1.2, and under a name of our own what it has no place for."""
    ask = Ask("/api", (("status", "a b"), ("x", "")), channel="X-API-Key", headers=(("if-none-match", '"1"'),))
    log = written(tmp_path / "run.har", taped(ask))
    assert (log["version"], log["creator"]["name"]) == ("1.2", "fakeserver check")
    assert log["_fakeserver"] == {
        "provider": "prime",
        "base_url": BASE,
        "orgs": ["acme"],
        "known": ["id-1"],
        "callers": ["token", "other"],
        "seed": 7,
        "profile": "deep",
    }
    (entry,) = log["entries"]
    assert {"startedDateTime", "time", "request", "response", "cache", "timings", "_fakeserver"} == entry.keys()
    assert entry["time"] == sum(entry["timings"].values()) == 250
    request, response = entry["request"], entry["response"]
    assert request["url"] == f"{BASE}/api?status=a%20b&x="
    assert request["queryString"] == [{"name": "status", "value": "a b"}, {"name": "x", "value": ""}]
    assert {"name": "x-api-key", "value": "[redacted]"} in request["headers"]
    assert response["content"] == {"size": 2, "mimeType": "application/json", "text": "[]"}
    assert entry["_fakeserver"] == {
        "layer": "laws",
        "law": "filters.single",
        "probe": "status",
        "credential": "token",
        "channel": "X-API-Key",
        "headers": [["if-none-match", '"1"']],
        "requests": 2,
        "failures": 1,
        "repeats": False,
    }


@pytest.mark.parametrize("credential", ["token", "other", "truncated", "recased", "malformed"])
def test_no_credential_is_in_a_recording(tmp_path: Path, credential: str) -> None:
    """Not as it was sent, and not where the server repeats it, in a header, in text or in bytes that are no text."""
    secrets = Credentials({"token": SECRET, "other": OTHER})
    header = secrets.header(SECURITY, Ask("/", credential=credential))
    assert header is not None
    secret = header[1].split()[-1]
    ask = Ask("/api", credential=credential)
    echoed = f'{{"error": "{header[1]} is not known", "at": "https://x/?key={secret}"}}'.encode()
    tape = taped(ask, echoed, 401, **{"www-authenticate": header[1], "set-cookie": "session=abcdef"})
    tape.keep("a:b", now(), [Reply(ask, 200, {}, b"\xff\xfe" + secret.encode(), 0.1)], 1)
    tape.lose("a:b", now(), [ask], Unreachable(f"lost with {secret}"), stopped=False)
    log = written(tmp_path / "run.har", tape, other=OTHER)
    text = (tmp_path / "run.har").read_text()
    assert secret not in text
    assert "abcdef" not in text
    entries = log["entries"]
    assert entries[1]["response"]["content"]["encoding"] == "base64"
    assert entries[1]["response"]["content"]["text"] == "//5bcmVkYWN0ZWRd"  # Two bytes and [redacted].
    assert entries[2]["response"]["status"] == 0
    assert entries[2]["response"]["_error"] == "lost with [redacted]"
    assert [entry["_fakeserver"].get("repeats") for entry in entries[:2]] == [
        credential in ("token", "other", "malformed")
    ] * 2


def test_a_short_token_does_not_spoil_the_form(tmp_path: Path) -> None:
    """A secret that is also a word of HAR is taken out of texts and not out of names."""
    tape = Tape()
    tape.keep("", now(), [Reply(Ask("/x"), 200, {}, b'"text text"', 0.0)], 1)
    har.write(tmp_path / "a.har", ABOUT, tape.exchanges, har.Hiding(Credentials({"token": "text"}), SECURITY))
    (entry,) = json.loads((tmp_path / "a.har").read_text())["log"]["entries"]
    assert entry["response"]["content"]["text"] == '"[redacted] [redacted]"'
    assert entry["_fakeserver"]["credential"] == "token"


def test_long_bodies_are_cut_off_and_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by itself, and all together."""
    monkeypatch.setattr(har, "MAX_BODY_BYTES", 10)
    monkeypatch.setattr(har, "MAX_BODIES_BYTES", 25)
    tape = Tape()
    for size in (5, 15, 8):
        tape.keep("", now(), [Reply(Ask("/x"), 200, {}, b"x" * size, 0.0)], 1)
    entries = written(tmp_path / "run.har", tape)["entries"]
    assert [len(entry["response"]["content"]["text"]) for entry in entries] == [5, 10, 5]
    assert [entry["_fakeserver"].get("cut", False) for entry in entries] == [False, True, True]
    assert entries[1]["response"]["content"]["comment"] == "cut off after 10 of 15 bytes"
    assert entries[1]["response"]["content"]["size"] == 15


def test_a_recording_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """What was there stays if writing fails; nothing is left behind, and nobody else may read it."""
    path = tmp_path / "run.har"
    written(path, taped(Ask("/x")))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_text()

    def breaking() -> Any:
        yield from taped(Ask("/y")).exchanges
        raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError):
        har.write(path, ABOUT, breaking(), hiding())
    assert path.read_text() == before
    assert [each.name for each in tmp_path.iterdir()] == ["run.har"]
