"""Forms: the fields of a body, as browsers and HTTP libraries send them.

Nobody else is answered while a form is read. So what costs is bounded, and what is large is searched and never walked
through; parsers that take a body as it streams in look at some of it byte by byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl

from fakeserver.problems import Issue, Problem, invalid
from fakeserver.spec.strict_json import BODY, short

MAX_FIELDS = 100
"""Of a form, also of one name."""
MAX_HEADER_BYTES = 2**15
"""Of all fields of a form together."""
MAX_TEXT_BYTES = 2**18
"""Of all texts of a form together. Files may be larger."""
MULTIPART = "multipart/form-data"
URL_ENCODED = "application/x-www-form-urlencoded"
HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\r\n]*)")
PLAIN = (b"binary", b"7bit", b"8bit")
"""Transfer encodings that change nothing."""
LINE = b"\r\n"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file in a form."""

    name: str
    content: bytes


def media_type_of(content_type: str) -> str:
    """A Content-Type without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def read_form(raw: bytes, content_type: str) -> dict[str, str | Upload]:
    """The fields of a form by name, the last of those that are repeated; a Problem where it cannot be read."""
    if media_type_of(content_type) == URL_ENCODED:
        return {**read_url_encoded(raw)}
    return read_multipart(raw, content_type)


def read_url_encoded(raw: bytes) -> dict[str, str]:
    """The texts of a form without files."""
    if len(raw) > MAX_TEXT_BYTES:
        raise too_long(f"{MAX_TEXT_BYTES:,} bytes")
    try:
        text = raw.decode("ascii")
        return dict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS))
    except UnicodeDecodeError as error:
        raise unreadable("Form has text that is no UTF-8") from error
    except ValueError as error:
        raise too_many_fields() from error


def read_multipart(raw: bytes, content_type: str) -> dict[str, str | Upload]:
    # It takes a while to load, and few requests are forms.
    from python_multipart.multipart import parse_options_header

    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise unreadable("Form has no boundary: the Content-Type does not tell it")
    fields: dict[str, str | Upload] = {}
    room = MAX_TEXT_BYTES
    for head, start, end in parts_of(raw, boundary):
        headers = headers_of(head)
        told = parse_options_header(headers.get(b"content-disposition"))[1]
        if b"name" not in told:
            raise unreadable("Form has a field without a name")
        name, filename = text_of(told[b"name"]), told.get(b"filename")
        if headers.get(b"content-transfer-encoding", PLAIN[0]).lower() not in PLAIN:
            allowed = ", ".join(each.decode() for each in PLAIN)
            message = f"Content-Transfer-Encoding should be one of {allowed}, or left out"
            raise invalid([Issue((*BODY, short(name)), message, "form_invalid")])
        if filename is not None:
            fields[name] = Upload(text_of(filename), raw[start:end])
            continue
        room -= end - start
        if room < 0:
            raise too_long(f"{MAX_TEXT_BYTES:,} bytes of text; a file has a filename")
        fields[name] = text_of(raw[start:end])
    return fields


def parts_of(raw: bytes, boundary: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The head of each part, and where its content starts and ends. As RFC 2046 has it, each line that begins with
    the boundary is one, so that nobody has to look at a part twice."""
    boundary = b"--" + boundary
    front = raw[:MAX_HEADER_BYTES]
    at = len(front) - len(front.lstrip(LINE))
    if not raw.startswith(boundary, at):
        raise unreadable("Form does not begin with its boundary")
    at += len(boundary)
    boundary, room = LINE + boundary, MAX_HEADER_BYTES
    for _ in range(MAX_FIELDS):
        if raw.startswith(b"--", at):
            return
        end = raw.find(LINE + LINE, at, at + room)
        if end < 0:
            raise endless(raw[at : at + room + 1], room)
        room -= end - at
        start = end + len(LINE + LINE)
        following = raw.find(boundary, start)
        if following < 0:
            raise cut_off()
        yield raw[at:end], start, following
        at = following + len(boundary)
    if not raw.startswith(b"--", at):
        raise too_many_fields()


def headers_of(head: bytes) -> dict[bytes, bytes]:
    """The headers of a part by their names in small letters; before them stands the rest of the boundary's line."""
    rest, *lines = head.split(LINE)
    if rest.strip(b" \t"):
        raise going_on()
    headers = {}
    for line in lines:
        header = HEADER.fullmatch(line)
        if header is None:
            raise unreadable("Form has a field whose headers cannot be read")
        headers[header[1].lower()] = header[2].strip(b" \t")
    return headers


def text_of(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise unreadable("Form has text that is no UTF-8") from error


# Refusals


def unreadable(message: str) -> Problem:
    return invalid([Issue(BODY, message, "form_invalid")])


def going_on() -> Problem:
    return unreadable("Form has a line that begins with its boundary and goes on")


def endless(head: bytes, room: int) -> Problem:
    """What is wrong with a head of which no end is seen."""
    if head.partition(LINE)[0].strip(b" \t\r") not in (b"", b"-"):
        return going_on()
    return cut_off() if len(head) <= room else too_long(f"{MAX_HEADER_BYTES:,} bytes of headers")


def cut_off() -> Problem:
    return unreadable("Form is cut off: its last boundary is missing")


def too_long(most: str) -> Problem:
    return invalid([Issue(BODY, f"Form should have at most {most}", "too_long")])


def too_many_fields() -> Problem:
    return too_long(f"{MAX_FIELDS} fields")
