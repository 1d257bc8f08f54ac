"""What Prime's command sessions look like on the wire: protobuf messages, alone or in the frames of a stream.

Observed: prime-sandboxes 0.5.1, its messages by their field numbers, and the Connect protocol.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from fakeserver.provider import Problem

CONTENT_TYPE, STREAM_TYPE = "application/proto", "application/connect+proto"
HEAD = 5
"""Bytes in front of a frame: its flags, and how long it is."""
COMPRESSED = 1
"""The flag of a frame whose message is compressed."""
LAST = 2
"""The flag of the frame that ends a stream, which holds JSON."""
IDENTITY = "identity"
"""The encoding that is none."""
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
WIDTHS = {FIXED64: 8, FIXED32: 4}
MAX_VARINT = 10
MAX_FIELDS = 10_000
"""Of a message."""
MAX_TOLD = 100
"""Characters of what was sent that a refusal repeats."""
ACCEPTED = {each: {"Accept-Post": each} for each in (CONTENT_TYPE, STREAM_TYPE)}
"""Observed: the Connect protocol, the header of a 415."""

Value = int | bytes
Message = dict[int, list[Value]]
"""The values of each field, by its number, in their order."""


def malformed(detail: str) -> Problem:
    return Problem(400, "invalid_argument", detail)


# Headers


def check_type(given: str | None, wanted: str) -> None:
    """Refuse a body that is sent as something else. Observed: the Connect protocol, the status; its answer has no body.
    Assumed: the text."""
    sent = (given or "").partition(";")[0].strip().lower()
    if sent != wanted:
        told = f"not as {sent[:MAX_TOLD]!r}" if sent else "and no Content-Type says so"
        detail = f"The body must be sent as {wanted}, {told}"
        raise Problem(415, "unsupported_media_type", detail, headers=ACCEPTED[wanted])


def check_encoding(given: str | None, header: str) -> None:
    """Refuse a body that is compressed. Observed: the Connect protocol, the code. Assumed: that it is not read."""
    if given and given.strip().lower() != IDENTITY:
        told = f"{header}: {given[:MAX_TOLD]!r} is not supported; send the body as it is"
        raise Problem(501, "unimplemented", told)


# Frames


def read_frame(body: bytes) -> bytes:
    """The one message of a request to a stream."""
    if body[:1] in (b"{", b"["):
        raise malformed("The body looks like JSON; it must be a frame with a protobuf message")
    if len(body) < HEAD:
        raise malformed("The body holds no whole frame")
    flags, size = body[0], int.from_bytes(body[1:HEAD], "big")
    if flags & COMPRESSED:
        raise malformed("The frame is compressed, and no Connect-Content-Encoding says how")
    if flags == LAST:
        raise malformed("The frame has the flag 2, which ends a stream; the message must come before it")
    if flags:
        raise malformed(f"The frame has the flags {flags}, which mean nothing")
    if size != len(body) - HEAD:
        raise malformed(f"The frame says that it has {size} bytes, and {len(body) - HEAD} are there")
    return body[HEAD:]


def frame(message: bytes, flags: int = 0) -> bytes:
    return bytes((flags,)) + len(message).to_bytes(HEAD - 1, "big") + message


def last_frame(code: str = "", message: str = "") -> bytes:
    """The end of a stream, with an error if there is one."""
    return frame(json.dumps({"error": {"code": code, "message": message}} if code else {}).encode(), LAST)


# Messages


def read_message(raw: Value, what: str) -> Message:
    """The fields of a message; `what` it is stands in the refusal of one that cannot be read."""
    found: Message = {}
    if not isinstance(raw, bytes):
        raise malformed(f"{what} is not a message")
    for count, (number, value) in enumerate(fields_of(raw, what)):
        if count == MAX_FIELDS:
            raise malformed(f"{what} has more than {MAX_FIELDS} fields")
        found.setdefault(number, []).append(value)
    return found


def fields_of(raw: bytes, what: str) -> Iterator[tuple[int, Value]]:
    at = 0
    while at < len(raw):
        key, at = read_varint(raw, at, what)
        number, kind = key >> 3, key & 7
        size = WIDTHS.get(kind, 0)
        if kind == VARINT:
            value, at = read_varint(raw, at, what)
            yield number, value
            continue
        if kind == BYTES:
            size, at = read_varint(raw, at, what)
        elif not size:
            raise malformed(f"{what} has a field of the wire type {kind}")
        if size > len(raw) - at:
            raise malformed(f"{what} ends within field {number}")
        yield number, raw[at : at + size]
        at += size


def read_varint(raw: bytes, at: int, what: str) -> tuple[int, int]:
    """A number, and where the next thing begins."""
    number = 0
    for index in range(MAX_VARINT):
        if at >= len(raw):
            raise malformed(f"{what} ends within a number")
        byte = raw[at]
        number |= (byte & 0x7F) << (7 * index)
        at += 1
        if byte < 0x80:
            return number, at
    raise malformed(f"{what} has a number that is too long")


def text_of(message: Message, number: int, what: str) -> str:
    """A text; empty where it is absent."""
    return one_text(message[number][-1], what) if number in message else ""


def one_text(raw: Value, what: str) -> str:
    if not isinstance(raw, bytes):
        raise malformed(f"{what} is not a text")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise malformed(f"{what} is not UTF-8") from None


def number_of(message: Message, number: int, what: str) -> int:
    """A number; 0 where it is absent."""
    found = message.get(number, [0])[-1]
    if not isinstance(found, int):
        raise malformed(f"{what} is not a number")
    return found


def bytes_of(message: Message, number: int, what: str) -> bytes:
    """Bytes, or a message within; empty where it is absent."""
    found = message.get(number, [b""])[-1]
    if not isinstance(found, bytes):
        raise malformed(f"{what} does not hold bytes")
    return found


def write_message(fields: Iterable[tuple[int, Value | str]]) -> bytes:
    """A message of these fields."""
    written = bytearray()
    for number, value in fields:
        if isinstance(value, int):
            written += write_varint(number << 3) + write_varint(value)
        else:
            raw = value.encode() if isinstance(value, str) else value
            written += write_varint(number << 3 | BYTES) + write_varint(len(raw)) + raw
    return bytes(written)


def write_varint(number: int) -> bytes:
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def zigzag(number: int) -> int:
    """A number with a sign as `sint32` has it."""
    return number << 1 if number >= 0 else (-number << 1) - 1
