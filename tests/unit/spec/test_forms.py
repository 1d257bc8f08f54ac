"""Forms: texts, and files where the schema says so, as browsers and HTTP libraries send them."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from fakeserver.problems import Problem, SpecError
from fakeserver.spec.bodies import RawBody, read_request_body
from fakeserver.spec.forms import MAX_FIELDS, MAX_HEADER_BYTES, MAX_TEXT_BYTES, PLAIN, Upload, read_form
from tests.support.counting import steps

URL_ENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b0undary"
END = b"--b0undary--\r\n"
FIELDS: dict[str, Any] = {
    "file": {"type": "string", "format": "binary"},
    "note": {"type": "string", "maxLength": 5},
    "kind": {"type": ["string", "null"], "enum": ["a", "b"], "default": "a"},
}
SCHEMA: dict[str, Any] = {"type": "object", "required": ["file"], "properties": FIELDS}


def body_of(schema: dict[str, Any], media_type: str = "multipart/form-data") -> RawBody:
    declared = {"required": True, "content": {media_type: {"schema": {"$ref": "#/components/schemas/Form"}}}}
    made = read_request_body({"components": {"schemas": {"Form": schema}}}, declared)
    assert isinstance(made, RawBody)
    return made


def part(name: str, content: bytes, filename: str | None = None, more: str = "") -> bytes:
    told = "" if filename is None else f'; filename="{filename}"'
    head = f'--b0undary\r\nContent-Disposition: form-data; name="{name}"{told}\r\n{more}\r\n'
    return head.encode() + content + b"\r\n"


def refused(raw: bytes, content_type: str = MULTIPART, *, declared: str = "") -> Problem:
    with pytest.raises(Problem) as caught:
        body_of(SCHEMA, declared or content_type.partition(";")[0]).decode(raw, content_type)
    assert (caught.value.status, caught.value.kind) == (422, "invalid")
    return caught.value


def issues(raw: bytes, content_type: str = MULTIPART) -> list[tuple[tuple[str | int, ...], str]]:
    return [(issue.loc, issue.type) for issue in refused(raw, content_type).issues]


def test_files_and_texts() -> None:
    """By their names, with defaults, and without what the schema does not know."""
    raw = part("note", "ü✓".encode()) + part("file", b"\0\xff", "ä.bin") + part("more", b"x") + part("extra", b"", "y")
    found = body_of(SCHEMA).decode(raw + END, MULTIPART)
    assert found == {"note": "ü✓", "file": Upload("ä.bin", b"\0\xff"), "kind": "a"}


def test_the_last_of_those_that_are_repeated() -> None:
    raw = part("file", b"1", "x") + part("file", b"2", "y") + part("note", b"1") + part("note", b"2") + END
    assert body_of(SCHEMA).decode(raw, MULTIPART) == {"file": Upload("y", b"2"), "note": "2", "kind": "a"}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (part("note", b"abc"), [("file", "missing")]),
        (part("file", b"text"), [("file", "value_error")]),
        (part("file", b"", "x") + part("note", b"abc", "y"), [("note", "string_type")]),
        (part("file", b"text") + part("note", b"abcdef"), [("note", "string_too_long"), ("file", "value_error")]),
    ],
    ids=range(4),
)
def test_one_in_the_place_of_the_other(raw: bytes, expected: list[tuple[str, str]]) -> None:
    """A text that should be a file and a file that should be a text, each by its name, beside all else."""
    assert issues(raw + END) == [(("body", name), type_) for name, type_ in expected]


def test_large_files_stay_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of a client's is written to this machine's disk."""

    def refuse(*arguments: Any, **more: Any) -> Any:
        raise AssertionError("a file of this machine is opened")

    for name in ("NamedTemporaryFile", "TemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, refuse)
    content = bytes(range(256)) * 20_000
    found = read_form(part("file", content, "x") + END, MULTIPART)
    assert found == {"file": Upload("x", content)}


def test_texts_are_decoded() -> None:
    """In the form without files, names too."""
    fields = {"note": "a b+c&d=e%20ü✓", "k ü": "/tmp/x"}
    assert read_form(urlencode(fields).encode(), URL_ENCODED) == fields
    assert read_form(b"a=&b&c=%zz", URL_ENCODED.upper() + "; charset=utf-8") == {"a": "", "b": "", "c": "%zz"}


@pytest.mark.parametrize("raw", [b"a=%ff", b"a=\xff", b"%ff=a"])
def test_texts_that_are_none(raw: bytes) -> None:
    assert issues(raw, URL_ENCODED) == [(("body",), "form_invalid")]


def test_texts_are_bounded() -> None:
    """Those of a form together; in the form without files, all that arrives."""
    half = MAX_TEXT_BYTES // 2
    raw = part("a", b"x" * half) + part("b", b"x" * half)
    assert len(read_form(raw + END, MULTIPART)) == 2
    assert refused(raw + part("b", b"x") + END).detail == f"body: Form should have at most {LONGEST} of text; {HINT}"
    assert len(read_form(b"a=" + b"x" * (MAX_TEXT_BYTES - 2), URL_ENCODED)) == 1
    detail = refused(b"a=" + b"x" * (MAX_TEXT_BYTES - 1), URL_ENCODED).detail
    assert detail == f"body: Form should have at most {LONGEST}"


@pytest.mark.parametrize("name", ["a", "f%d"])
def test_too_many_fields(name: str) -> None:
    """All count, also those of one name."""
    names = [name % number if "%" in name else name for number in range(MAX_FIELDS)]
    known = len(set(names))
    texts = "&".join(f"{each}=" for each in names).encode()
    parts = b"".join(part(each, b"") for each in names)
    files = b"".join(part(each, b"", "x") for each in names)
    assert len(read_form(texts, URL_ENCODED)) == known
    assert refused(texts + b"&more=", URL_ENCODED).detail == MANY
    for raw in (parts, files):
        assert len(read_form(raw + END, MULTIPART)) == known
        assert refused(raw + part("more", b"") + END).detail == MANY


LONGEST = f"{MAX_TEXT_BYTES:,} bytes"
HINT = "a file has a filename"
MANY = f"body: Form should have at most {MAX_FIELDS} fields"
HEADERS = f"body: Form should have at most {MAX_HEADER_BYTES:,} bytes of headers"


def test_headers_are_bounded() -> None:
    """Those of one field, and those of all together."""
    most = MAX_HEADER_BYTES - 200
    assert read_form(part("a", b"x", more=f"X: {'x' * most}\r\n") + END, MULTIPART) == {"a": "x"}
    for raw in (
        part("a", b"", "x" * MAX_HEADER_BYTES),
        part("a", b"", more="a:\r\n" * MAX_HEADER_BYTES),
        b"--b0undary" + b" " * MAX_HEADER_BYTES + b"\r\n\r\n",
        part("a", b"", "x" * most) + part("b", b"", "x" * 200),
    ):
        assert refused(raw + END).detail == HEADERS


@pytest.mark.parametrize(
    ("given", "declared"),
    [(URL_ENCODED, "multipart/form-data"), (MULTIPART, URL_ENCODED), ("", URL_ENCODED), ("text/plain", URL_ENCODED)],
)
def test_what_the_spec_does_not_declare(given: str, declared: str) -> None:
    """Another media type is refused, also that of another form."""
    for raw in (b"file=x", part("file", b"", "x") + END):
        problem = refused(raw, given, declared=declared)
        assert problem.detail == f"body: Input should be sent as {declared}"
        assert [issue.type for issue in problem.issues] == ["content_type"]


def test_a_form_that_may_be_left_out() -> None:
    declared = {"content": {"multipart/form-data": {"schema": SCHEMA}}}
    assert read_request_body({}, declared).decode(b"", "") is None


@pytest.mark.parametrize("encoding", ["base64", "BASE64", "quoted-printable", "x-own", "", "7bit, base64"])
def test_contents_that_are_encoded_for_their_transfer(encoding: str) -> None:
    """They are refused by the name of their field: nobody decodes them."""
    raw = part("note", b"a") + part("file", b"QUJD", "x", f"Content-Transfer-Encoding: {encoding}\r\n") + END
    assert issues(raw) == [(("body", "file"), "form_invalid")]
    assert "binary, 7bit, 8bit" in refused(raw).detail


@pytest.mark.parametrize("encoding", [*(each.decode() for each in PLAIN), "Binary", " 8BIT\t"])
def test_transfer_encodings_that_change_nothing(encoding: str) -> None:
    raw = part("file", b"QUJD", "x", f"content-transfer-encoding:{encoding}\r\n") + END
    assert read_form(raw, MULTIPART) == {"file": Upload("x", b"QUJD")}


def test_a_form_that_is_cut_off() -> None:
    """Wherever it ends after its first boundary, it is told so."""
    raw = part("note", b"abc") + part("file", b"x\r\n--b0und", "y") + END
    for length in range(len(b"--b0undary"), len(raw) - len(b"--\r\n") + 2):
        assert refused(raw[:length]).detail == "body: Form is cut off: its last boundary is missing"
    assert read_form(raw[: -len(b"\r\n")], MULTIPART)["note"] == "abc"


@pytest.mark.parametrize(
    ("raw", "detail"),
    [
        (b"no form at all", "Form does not begin with its boundary"),
        (b"x" + part("a", b"") + END, "Form does not begin with its boundary"),
        (part("a", b"\r\n--b0undaryX") + END, "Form has a line that begins with its boundary and goes on"),
        (b"--b0undary\r\n\r\n\r\n" + END, "Form has a field without a name"),
        (b"--b0undary\r\nContent-Type: text/plain\r\n\r\n\r\n" + END, "Form has a field without a name"),
        (part("a", b"", more="no header\r\n") + END, "Form has a field whose headers cannot be read"),
        (part("a", b"", more=" folded: x\r\n") + END, "Form has a field whose headers cannot be read"),
        (part("a", b"", more="X: \r\r\n") + END, "Form has a field whose headers cannot be read"),
        (part("a", b"\xff") + END, "Form has text that is no UTF-8"),
        (part("a", b"", "x").replace(b'"x"', b'"\xff"') + END, "Form has text that is no UTF-8"),
    ],
    ids=range(10),
)
def test_what_is_no_form(raw: bytes, detail: str) -> None:
    problem = refused(raw)
    assert problem.detail == f"body: {detail}"
    assert [issue.type for issue in problem.issues] == ["form_invalid"]


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=", MULTIPART + '"'])
def test_a_boundary_that_is_not_told(content_type: str) -> None:
    assert "boundary" in refused(part("file", b"", "x") + END, content_type).detail


def test_what_may_stand_around_the_parts() -> None:
    """Line ends in front, blanks behind a boundary, anything behind the last one."""
    raw = b"\r\n\r\n" + part("a", b"\r\n").replace(b"b0undary", b"b0undary \t") + END + part("b", b"")
    assert read_form(raw, MULTIPART) == {"a": "\r\n"}


def test_bad_forms_leave_no_word_in_a_log(caplog: pytest.LogCaptureFixture) -> None:
    """Of what a client sent, nothing reaches the server's own output."""
    caplog.set_level(logging.DEBUG)
    for raw in (b"x", b"--b0undaryX", part("a", b"", more="X\r\n"), part("a", b"") + b"--b0undary-x"):
        refused(raw)
    refused(part("a", b"", more="Content-Transfer-Encoding: x\r\n") + END)
    refused(END, "multipart/form-data")
    assert caplog.records == []


GROWING: dict[str, Callable[[int], bytes]] = {
    "a large file": lambda count: part("file", b"\r\n--b0undar" * count, "x") + END,
    "boundaries in a file": lambda count: part("file", b"\r\n--b0undary-x" * count, "x") + END,
    "fields of one name": lambda count: part("file", b"") * count + END,
    "files of one name": lambda count: part("file", b"", "x") * count + END,
    "headers": lambda count: part("file", b"", more="a:\r\n" * count) + END,
    "parameters": lambda count: part("file", b"", ";" * count) + END,
    "blanks": lambda count: b"--b0undary" + b" " * count,
    "line ends": lambda count: b"\r\n" * count + END,
    "a text": lambda count: part("file", b"x" * count) + END,
}


@pytest.mark.parametrize("how", GROWING)
def test_what_a_large_form_costs_does_not_grow_with_it(how: str) -> None:
    """Twice as much takes no step more, once it is large: what is walked through is bounded."""
    body = body_of(SCHEMA)

    def read(count: int) -> Callable[[], object]:
        raw = GROWING[how](count)
        return lambda: outcome(body, raw)

    size = MAX_HEADER_BYTES + 1
    read(size)()
    assert steps(read(2 * size)) == steps(read(size))


def outcome(body: RawBody, raw: bytes) -> str:
    """What comes of a form: the kind of its refusal, if it has one."""
    try:
        return type(body.decode(raw, MULTIPART)).__name__
    except Problem as problem:
        return problem.kind


def test_every_cut_and_every_wrong_byte_of_a_form() -> None:
    """A decoded form or a refusal, never anything else."""
    raw, body = part("note", b"abc") + part("file", b"x", "y") + END, body_of(SCHEMA)
    assert outcome(body, raw) == "dict"
    changed = [raw[:index] for index in range(len(raw))]
    changed += [
        raw[:index] + bytes([byte]) + raw[index + 1 :] for index in range(len(raw)) for byte in (0, 10, 45, 255)
    ]
    assert {outcome(body, each) for each in changed} == {"dict", "invalid"}


def test_an_unknown_format_still_stops_the_start() -> None:
    with pytest.raises(SpecError, match="format: bynary"):
        body_of({"type": "object", "properties": {"file": {"type": "string", "format": "bynary"}}})
