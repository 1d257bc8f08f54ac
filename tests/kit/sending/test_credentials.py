"""A secret reaches the header that carries it, and no text."""

from __future__ import annotations

import traceback

import pytest

from contract_tests.cli.arguments import parse
from contract_tests.sending.ask import Ask
from contract_tests.sending.credentials import Credentials
from contract_tests.sending.recorder import Recorder
from contract_tests.sending.security import NeverSent
from tests.support.sending import SECRET, SECURITY, local, silent, wire

ASK = Ask("/x")


def test_no_repr_shows_a_secret() -> None:
    """Neither that of the credentials, nor of whatever holds them."""
    credentials = Credentials({"token": SECRET, "other": "second-secret"})
    given = parse(["prime", "--base-url", "http://127.0.0.1:1", "--token", SECRET])
    holders = (credentials, local(), wire(silent), Recorder(local()), given)
    assert not [holder for holder in holders if SECRET in repr(holder) or "second-secret" in repr(holder)]
    assert repr(credentials) == "Credentials(token, other)"


def test_no_refusal_shows_a_secret() -> None:
    """A request that is never sent says why, and nothing about the token."""
    with pytest.raises(NeverSent) as caught:
        local().send(Ask("/x", credential="other"))
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_secret_is_cut_out_of_a_text() -> None:
    """As it stands and as HTML has it, the longest first; too short a one would cut up words."""
    credentials = Credentials({"token": "a<b>&c", "other": "a<b>&c-more", "third": "ok"})
    assert (
        credentials.redact("look: a<b>&c-more, a<b>&c, a&lt;b&gt;&amp;c") == "look: [redacted], [redacted], [redacted]"
    )


def test_what_is_sent_of_a_secret_is_cut_out_too() -> None:
    """A token without its last character, or in capitals, is as good as told; one that is short then may be a word."""
    assert Credentials({"token": "prime-key-x"}).redact("prime-key- PRIME-KEY-X") == "[redacted] [redacted]"
    assert Credentials({"token": "words"}).redact("word WORDS words") == "word WORDS [redacted]"


@pytest.mark.parametrize(
    ("body", "headers", "secret", "repeated"),
    [
        (f'{{"you": "{SECRET}"}}'.encode(), {}, SECRET, True),
        (b"[]", {"X-Seen": f"Bearer {SECRET}"}, SECRET, True),
        (b"[]", {"X-Seen": "Bearer"}, SECRET, False),
        (b"token-1", {}, "token-1", False),
        (SECRET.encode() + b" " * 200_000, {}, SECRET, False),
    ],
)
def test_an_answer_that_repeats_a_secret(body: bytes, headers: dict[str, str], secret: str, repeated: bool) -> None:
    """In the body or in a header; not where it is too short to tell anything, or the body too long to search."""
    reply = local(200, body, headers).send(ASK)
    assert Credentials({"token": secret}).is_repeated_by(reply) is repeated


def test_credentials_say_whom_they_know() -> None:
    """And give the header that the ask names."""
    credentials = Credentials({"token": SECRET})
    assert ("token" in credentials, "other" in credentials) == (True, False)
    assert credentials.header(SECURITY, ASK) == ("Authorization", f"Bearer {SECRET}")
