"""Cursors: whoever made one can read it again, and nobody else can make one."""

from __future__ import annotations

import base64
import re
import string
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from contract_tests.laws import cursors as law
from fakeserver.documents.seeded import FIRST
from fakeserver.listing import cursors
from fakeserver.listing.cursors import MAX_CURSORS, TAG_BYTES, Binding, CursorRefused, seal, unseal
from tests.support.soak import examples

ALPHABET = string.ascii_letters + string.digits + "-_"
SECRET = b"secret of a world"
BINDING: Binding = ("acme", b"listSandboxes ['state=running']", "newest first", 0)

ranks = st.integers(0, 2**32 - 1)
instants = st.integers(-(2**63), 2**63 - 1)
identities = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)
bindings = st.tuples(st.text(max_size=5), st.binary(max_size=8), st.text(max_size=5))
tokens = st.builds(seal, ranks, instants, identities, instants, st.just(SECRET), st.just(BINDING))


def refused(text: str, secret: bytes = SECRET, binding: Binding = BINDING) -> bool:
    try:
        unseal(text, secret, binding)
    except CursorRefused:
        return True
    return False


@given(rank=ranks, instant=instants, identity=identities, issued=instants, binding=bindings)
def test_what_was_sealed_is_read_again(rank: int, instant: int, identity: str, issued: int, binding: Binding) -> None:
    """Every place survives the way through a URL, and the same place has the same cursor."""
    token = seal(rank, instant, identity, issued, SECRET, binding)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", token)
    assert unseal(token, SECRET, binding) == (rank, (instant, identity), issued)
    seal.cache_clear()
    assert seal(rank, instant, identity, issued, SECRET, binding) == token


@settings(max_examples=examples(200))
@given(token=tokens, chance=st.data())
def test_any_other_byte_is_refused(token: str, chance: st.DataObject) -> None:
    """A cursor of which any byte is another one is refused."""
    raw = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    place = chance.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= chance.draw(st.integers(1, 255))
    assert refused(base64.urlsafe_b64encode(raw).rstrip(b"=").decode())


@settings(max_examples=examples(200))
@given(token=tokens, chance=st.data())
def test_any_other_character_is_refused(token: str, chance: st.DataObject) -> None:
    """No character of a cursor can be written in another way, put in or left out."""
    place = chance.draw(st.integers(0, len(token) - 1))
    other = chance.draw(st.sampled_from(ALPHABET + "+/= \n.é\ud800"))
    assert token[place] == other or refused(token[:place] + other + token[place + 1 :])
    assert refused(token[:place] + other + token[place:]) or token[:place] + other + token[place:] == token
    assert refused(token[:place] + token[place + 1 :])


@given(token=tokens, padding=st.integers(1, 3))
def test_a_cursor_has_one_spelling(token: str, padding: int) -> None:
    """Neither padding nor the other base64 alphabet makes a second cursor of the same place."""
    assert refused(token + "=" * padding)
    other = token.replace("-", "+").replace("_", "/")
    assert other == token or refused(other)


@given(token=tokens, secret=st.binary(max_size=20), binding=bindings)
def test_a_cursor_is_bound(token: str, secret: bytes, binding: Binding) -> None:
    """A cursor is refused in another world, and with another tenant, question or order."""
    assume(secret != SECRET and binding != BINDING)
    assert refused(token, secret=secret)
    assert refused(token, binding=binding)


def test_the_parts_of_a_binding_do_not_run_into_each_other() -> None:
    """What one part ends with cannot be what the next one begins with."""
    one = seal(1, 2, "x", 3, SECRET, ("ab", b"c", "", 1))
    for binding in (
        ("a", b"bc", "", 1),
        ("abc", b"", "", 1),
        ("ab", b"", "c", 1),
        ("ab', b'c", b"", "", 1),
        ("ab", b"c", "", 11),
    ):
        assert seal(1, 2, "x", 3, SECRET, binding) != one
        assert refused(one, binding=binding)


@given(text=st.text(max_size=100) | st.text(ALPHABET, max_size=700))
def test_nobody_guesses_a_cursor(text: str) -> None:
    assert refused(text)


@given(rank=st.integers(FIRST - 10_000, 2**32 - 1), instant=instants, issued=instants)
def test_a_cursor_is_not_text(rank: int, instant: int, issued: int) -> None:
    """The kit calls a cursor readable that base64 turns into text; the fake's own never are, whatever their tag."""
    token = seal(rank, instant, "3c90c3cc-0d44-4b50-8888-8dd25736052a", issued, SECRET, BINDING)
    assert law._decode(token) == ""
    assert not base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))[TAG_BYTES:].isascii()


def test_a_page_that_is_read_again_costs_no_cryptography(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cursor is signed once and checked once, however often it is sent."""
    signed: list[bytes] = []
    real = cursors._tag

    def counted(plain: bytes, secret: bytes, binding: Binding) -> bytes:
        signed.append(plain)
        return real(plain, secret, binding)

    monkeypatch.setattr(cursors, "_tag", counted)
    seal.cache_clear()
    unseal.cache_clear()
    arguments: tuple[Any, ...] = (1, 2, "x", 3, SECRET, BINDING)
    token = {seal(*arguments) for _ in range(5)}.pop()
    assert {unseal(token, SECRET, BINDING) for _ in range(5)} == {(1, (2, "x"), 3)}
    assert len(signed) == 2


def test_what_is_kept_is_bounded() -> None:
    assert seal.cache_parameters()["maxsize"] == unseal.cache_parameters()["maxsize"] == MAX_CURSORS
