"""Hostile forms of every operation that takes one: a clear refusal in the provider's dialect, at a bounded cost."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from jsonschema_rs import Draft202012Validator

from fakeserver.spec.forms import MAX_FIELDS, MAX_HEADER_BYTES, MAX_TEXT_BYTES, MULTIPART, URL_ENCODED
from tests.api.test_life_instavm import Fake
from tests.api.test_prime_gateway import Box
from tests.support.admin import small_app
from tests.support.asgi import SLUGS, Reply, resolved, schema_of, served
from tests.support.counting import steps

TYPES = {MULTIPART: f"{MULTIPART}; boundary=b0undary", URL_ENCODED: URL_ENCODED}
END = b"--b0undary--\r\n"
OPERATIONS = {
    f"{slug}-{operation['operationId']}": (kind, resolved(slug, operation["responses"]["422"]))
    for slug in SLUGS
    for _, _, operation in served(slug)
    for kind in resolved(slug, operation.get("requestBody", {})).get("content", ())
    if kind in TYPES
}
"""The media type of the form that each takes, and how it is refused."""


class Target:
    """An operation that takes a form, of a sandbox that is there."""

    _ask: Callable[[bytes, str], Reply]

    def __init__(self, name: str) -> None:
        self.kind, refusal = OPERATIONS[name]
        slug, _, operation = name.partition("-")
        self.dialect = Draft202012Validator(schema_of(slug, refusal["content"]["application/json"]["schema"]))
        if slug == "prime":
            box = Box(small_app())
            self.app = box.app
            self._ask = lambda body, kind: box.ask("upload?path=/tmp/f", body, **{"content-type": kind})
        else:
            fake, path = Fake(), {"uploadFile": "/upload", "downloadFile": "/download"}[operation]
            fake.session()
            self.app = fake.app
            self._ask = lambda body, kind: fake.ask("POST", path, body, **{"content-type": kind})

    def send(self, body: bytes, kind: str = "") -> Reply:
        return self._ask(body, kind or TYPES[self.kind])

    def refusal(self, body: bytes, kind: str = "") -> str:
        """What is said of a form that is refused; nothing has changed behind it."""
        version = self.app.world.version
        reply = self.send(body, kind)
        assert (reply.status, reply.media_type) == (422, "application/json"), reply.body[:200]
        self.dialect.validate(reply.value)
        assert self.app.world.version == version
        return json.dumps(reply.value)


@pytest.fixture(params=OPERATIONS)
def target(request: pytest.FixtureRequest) -> Target:
    return Target(request.param)


def part(name: str, content: bytes = b"", filename: str | None = None, more: str = "") -> bytes:
    told = "" if filename is None else f'; filename="{filename}"'
    head = f'--b0undary\r\nContent-Disposition: form-data; name="{name}"{told}\r\n{more}\r\n'
    return head.encode() + content + b"\r\n"


FIELDS = f"at most {MAX_FIELDS} fields"
HEADERS = f"at most {MAX_HEADER_BYTES:,} bytes of headers"
TEXTS = f"at most {MAX_TEXT_BYTES:,} bytes"
LARGE: dict[str, dict[str, tuple[Callable[[int], bytes], str]]] = {
    MULTIPART: {
        "fields of one name": (lambda count: part("a") * count + END, FIELDS),
        "files of one name": (lambda count: part("a", b"", "x") * count + END, FIELDS),
        "fields of many names": (lambda count: b"".join(part(f"f{n}") for n in range(count)) + END, FIELDS),
        "headers": (lambda count: part("a", more="b:\r\n" * count) + END, HEADERS),
        "a long header": (lambda count: part("a", more=f"b: {'x' * count}\r\n") + END, HEADERS),
        "parameters": (lambda count: part("a", b"", ";" * count) + END, HEADERS),
        "blanks": (lambda count: b"--b0undary" + b" " * count, HEADERS),
        "a text": (lambda count: part("a", b"x" * 8 * count) + END, TEXTS),
        "boundaries that go on": (lambda count: part("a", b"\r\n--b0undaryX" * count, "x") + END, "goes on"),
        "no boundary": (lambda count: b"-" * count, "begin with its boundary"),
        "no end": (lambda count: part("file", b"\r\n--b0undar" * count, "x"), "cut off"),
        "base64": (
            lambda count: part("file", b"QUJD" * count, "x", "Content-Transfer-Encoding: base64\r\n") + END,
            "Content-Transfer-Encoding",
        ),
    },
    URL_ENCODED: {
        "fields of one name": (lambda count: b"a=1&" * count, FIELDS),
        "fields of many names": (lambda count: b"&".join(b"f%d=" % n for n in range(count)), FIELDS),
        "no fields": (lambda count: b"&" * count, FIELDS),
        "a text": (lambda count: b"filename=" + b"x" * 8 * count, TEXTS),
        "escapes": (lambda count: b"filename=" + b"%41" * 3 * count, TEXTS),
    },
}
"""How a form of each kind grows, and what is said of it then."""
SIZE = MAX_HEADER_BYTES + 1


def test_all_operations_with_forms_are_looked_at() -> None:
    assert {kind for kind, _ in OPERATIONS.values()} == {*TYPES}


def test_a_hostile_form_is_refused_and_costs_no_more_when_it_grows(target: Target) -> None:
    """It is told what there is too much of, and twice as much takes no step more."""

    def send(body: bytes) -> Callable[[], Reply]:
        return lambda: target.send(body)

    for how, (grow, told) in LARGE[target.kind].items():
        assert told in target.refusal(grow(SIZE)), how
        assert steps(send(grow(2 * SIZE))) < steps(send(grow(SIZE))) + MAX_FIELDS, how


def test_a_form_of_another_kind_than_the_spec_declares(target: Target) -> None:
    for kind in {MULTIPART, URL_ENCODED, "text/plain", "application/json", "multipart/mixed"} - {target.kind}:
        for body in (b"file=x&filename=y", part("file", b"", "x") + END):
            assert f"sent as {target.kind}" in target.refusal(body, f"{kind}; boundary=b0undary"), kind


@pytest.mark.parametrize("target", [name for name, (kind, _) in OPERATIONS.items() if kind == MULTIPART], indirect=True)
def test_a_form_that_is_cut_off_anywhere(target: Target) -> None:
    """None is taken for a shorter one."""
    whole = part("remote_path", b"/tmp/f") + part("session_id", b"any") + part("file", b"content", "x") + END
    for length in range(len(b"--b0undary"), len(whole) - len(b"--\r\n") + 2):
        assert "cut off" in target.refusal(whole[:length]), length
