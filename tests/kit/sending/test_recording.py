"""Reading recordings of ours and of others, and answering from them."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from contract_tests.sending import har, recording
from contract_tests.sending.ask import Ask, Reply
from contract_tests.sending.credentials import Credentials
from contract_tests.sending.recorded import FromRecording
from contract_tests.sending.recording import RecordingError
from contract_tests.sending.tape import Tape, now
from contract_tests.sending.transport import NotRecorded, SendingStopped, Unreachable
from tests.support.sending import BASE, SECRET, SECURITY

ABOUT = har.About("prime", BASE)


def saved(path: Path, tape: Tape) -> FromRecording:
    """What was taped, written and read again."""
    har.write(path, ABOUT, tape.exchanges, har.Hiding(Credentials({"token": SECRET}), SECURITY))
    found = recording.read(path)
    assert found.about == ABOUT
    recorded, left_out = found.below(BASE, SECURITY)
    assert not left_out
    return FromRecording(recorded)


ODD = [
    Ask("/api", (("a", "ü &=%+\udcff"), ("a", ""), ("b", "\x00"))),
    Ask("/api", raw="a=%zz;b=%2"),
    Ask("/api/", (("page", "1"),)),
    Ask("/api", credential="none"),
    Ask("/api", credential="truncated", channel="X-API-Key"),
    Ask("/api", method="HEAD"),
    Ask("/api", headers=(("If-None-Match", '"x"'),)),
]


def test_every_request_gets_its_own_answer_back(tmp_path: Path) -> None:
    """Whatever distinguishes two requests does so in the recording: path, query, credential, header, method."""
    tape = Tape()
    for number, ask in enumerate(ODD):
        body = b"" if ask.method == "HEAD" else str(number).encode() + b"\xff"
        tape.keep("law:probe", now(), [Reply(ask, 200 + number, {"etag": f'"{number}"'}, body, 0.5, number)], 3)
    transport = saved(tmp_path / "x.har", tape)
    replies = transport.together(ODD)
    assert [(reply.ask, reply.status, reply.failures, reply.seconds) for reply in replies] == [
        (ask, 200 + number, number, 0.5) for number, ask in enumerate(ODD)
    ]
    assert [reply.headers["etag"] for reply in replies] == [f'"{number}"' for number in range(len(ODD))]
    assert [reply.body for reply in replies if reply.body] == [b"%d\xff" % number for number in (0, 1, 2, 3, 4, 6)]
    assert transport.sent == 3 * len(ODD)


def test_a_request_is_answered_as_often_as_it_was_recorded(tmp_path: Path) -> None:
    """In the order of the recording; then, and where it never was, nobody knows the answer."""
    tape, ask = Tape(), Ask("/api")
    for status in (200, 503):
        tape.keep("", now(), [Reply(ask, status, {}, b"[]", 0.0)], 1)
    transport = saved(tmp_path / "x.har", tape)
    assert [transport.send(ask).status, transport.send(ask).status] == [200, 503]
    with pytest.raises(NotRecorded, match="GET /api was not recorded"):
        transport.send(ask)
    with pytest.raises(NotRecorded, match=r"GET /api\?page=2 was not recorded"):
        transport.send(Ask("/api", (("page", "2"),)))
    transport.close()


@pytest.mark.parametrize(("stopped", "error"), [(True, SendingStopped), (False, Unreachable)])
def test_what_went_wrong_goes_wrong_again(tmp_path: Path, stopped: bool, error: type[Exception]) -> None:
    """The same exception with the same sentence."""
    tape = Tape()
    tape.lose("law:probe", now(), [Ask("/api")], error("nobody answers"), stopped=stopped)
    transport = saved(tmp_path / "x.har", tape)
    with pytest.raises(error, match="nobody answers"):
        transport.send(Ask("/api"))


def test_a_body_that_could_not_be_read_says_so_again(tmp_path: Path) -> None:
    """A law tells what was wrong with it, in the run that is recorded and in the one that reads the recording."""
    tape, flaw = Tape(), "ends before its gzip is complete"
    tape.keep("", now(), [Reply(Ask("/a"), 200, {}, b"", 0.0, flaw=flaw)], 1)
    reply = saved(tmp_path / "x.har", tape).send(Ask("/a"))
    assert reply.flaw == flaw
    with pytest.raises(ValueError, match=flaw):
        reply.json()


def test_an_answer_that_repeated_a_credential_still_does(tmp_path: Path) -> None:
    """Though the credential itself is gone; and one that was cut off is no answer."""
    tape = Tape()
    for path, body in (("/a", SECRET.encode()), ("/b", b"[redacted]")):
        tape.keep("", now(), [Reply(Ask(path), 200, {}, body, 0.0)], 1)
    transport = saved(tmp_path / "x.har", tape)
    one, two = transport.send(Ask("/a")), transport.send(Ask("/b"))
    assert [transport.credentials.is_repeated_by(each) for each in (one, two)] == [True, False]
    assert one.body == b"[redacted]"


def test_an_answer_that_was_cut_off_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows what stood behind its end."""
    monkeypatch.setattr(har, "MAX_BODY_BYTES", 1)
    tape = Tape()
    tape.keep("", now(), [Reply(Ask("/a"), 200, {}, b"[]", 0.0)], 1)
    with pytest.raises(NotRecorded, match="not recorded to its end"):
        saved(tmp_path / "x.har", tape).send(Ask("/a"))


def entry(url: str, text: str | None = "[]", *, status: int = 200, method: str = "GET", **more: Any) -> dict[str, Any]:
    """As browsers write one."""
    content = {"size": 2, "mimeType": "application/json"} | ({} if text is None else {"text": text})
    response = {
        "status": status,
        "headers": more.get("answered", [{"name": "Content-Type", "value": "application/json"}]),
        "content": content | more.get("content", {}),
    }
    request = {
        "method": method,
        "url": url,
        "headers": more.get("sent", [{"name": "authorization", "value": "Bearer x"}]),
    }
    return {"startedDateTime": "2026-01-01T00:00:00Z", "time": 5, "request": request, "response": response}


def read(path: Path, entries: Sequence[dict[str, Any]]) -> recording.Recording:
    path.write_text(json.dumps({"log": {"version": "1.2", "entries": list(entries)}}))
    return recording.read(path)


def test_a_browsers_recording(tmp_path: Path) -> None:
    """Whose credential was sent is told by the header that carried one; the rest is left out, and counted."""
    url, packed = f"{BASE}/api", base64.b64encode(gzip.compress(b"[1]")).decode()
    found = read(
        tmp_path / "x.har",
        [
            entry(f"{url}?page=2#top", answered=[{"name": "ETag", "value": "1"}, {"name": "etag", "value": "2"}]),
            entry(url.replace("https://api", "HTTPS://API").replace(".test/", ".test:443/"), sent=[]),
            entry(url, base64.b64encode(b"[2]").decode(), content={"encoding": "base64"}),
            entry(url, packed, content={"encoding": "base64"}, sent=[{"name": "X-Api-Key", "value": "x"}]),
            entry(url, method="POST"),
            entry(url, method="OPTIONS"),
            entry("https://elsewhere.example.test/prime/api"),
            entry("https://api.example.test/primer/api"),
            entry(url, None),
            entry(url, status=304),
            entry(url, status=0),
            entry(url, "%%%", content={"encoding": "base64"}),
            entry(url, packed[:20], content={"encoding": "base64"}),
        ],
    )
    assert found.about is None
    recorded, left_out = found.below(BASE, SECURITY)
    asks = [each.exchange.ask for each in recorded]
    assert asks == [
        Ask("/api", (("page", "2"),)),
        Ask("/api", credential="none"),
        Ask("/api"),
        Ask("/api", channel="X-API-Key"),
    ]
    replies = [each.exchange.reply for each in recorded]
    assert [reply.body for reply in replies if reply] == [b"[]", b"[]", b"[2]", b"[1]"]
    assert replies[0]
    assert replies[0].headers == {"etag": "1, 2"}
    assert left_out == {
        "neither GET nor HEAD": 2,
        "of another host": 1,
        "of another path": 1,
        "recorded without their bodies": 1,
        "without an answer of their own": 2,
        "with bodies that cannot be decoded": 2,
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is not JSON"),
        ("[]", "no HAR file"),
        ('{"log": {}}', "no HAR file"),
        ('{"log": {"entries": {}}}', "no HAR file"),
        ('{"log": {"entries": [1]}}', "entry 1 has no request"),
        ('{"log": {"entries": [{"request": {"method": "GET"}, "response": {"status": 200}}]}}', "entry 1"),
        ('{"log": {"entries": [{"request": {"method": "GET", "url": "/"}, "response": {}}]}}', "entry 1"),
        (
            '{"log": {"entries": [{"request": {"method": "GET", "url": "http://["}, "response": {"status": 1}}]}}',
            "entry",
        ),
        ('{"log": {"entries": [], "_fakeserver": {"provider": "prime"}}}', "cannot be read"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_what_is_no_recording_is_named(tmp_path: Path, text: str, says: str) -> None:
    """One sentence with the file, and the entry where it is one."""
    path = tmp_path / "x.har"
    path.write_text(text)
    with pytest.raises(RecordingError, match=says):
        recording.read(path)


def test_a_file_that_is_not_there_or_far_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is not read."""
    with pytest.raises(RecordingError, match="No such file"):
        recording.read(tmp_path / "x.har")
    monkeypatch.setattr(recording, "MAX_HAR_BYTES", 5)
    with pytest.raises(RecordingError, match="more than 5 bytes"):
        read(tmp_path / "x.har", [])


def test_a_body_may_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is longer than a body may be cannot be decoded."""
    monkeypatch.setattr(recording, "MAX_DECODED_BYTES", 1000)
    packed = base64.b64encode(gzip.compress(b"x" * 100_000)).decode()
    found = read(tmp_path / "x.har", [entry(f"{BASE}/api", packed, content={"encoding": "base64"})])
    assert found.below(BASE, SECURITY)[1] == {"with bodies that cannot be decoded": 1}
