"""Which header carries a credential, and which credentials there are."""

from __future__ import annotations

import pytest

from contract_tests.sending.security import BEARER, GARBAGE, NeverSent, Scheme, Security
from tests.support.sending import SECURITY

SECRETS = {"token": "abc-DEF", "other": "xyz"}


@pytest.mark.parametrize(
    ("credential", "channel", "header"),
    [
        ("none", "", None),
        ("none", "X-API-Key", None),
        ("garbage", "", ("Authorization", f"Bearer {GARBAGE}")),
        ("other", "x-api-key", ("X-API-Key", "xyz")),
        ("malformed", "X-API-Key", ("X-API-Key", "Bearer abc-DEF")),
        ("truncated", "", ("Authorization", "Bearer abc-DE")),
    ],
)
def test_the_header_of_a_credential(credential: str, channel: str, header: tuple[str, str] | None) -> None:
    """The main scheme, unless a channel names another one in whatever case."""
    assert SECURITY.header_for(credential, channel, SECRETS) == header


def test_a_token_in_capitals_is_recased_downwards() -> None:
    """The other case is another text, whichever case the token has."""
    assert SECURITY.header_for("recased", "X-API-Key", {"token": "ABC"}) == ("X-API-Key", "abc")


@pytest.mark.parametrize(
    ("credential", "channel", "says"),
    [
        ("admin", "", "no credential is called 'admin'"),
        ("token", "X-Other", "the spec documents no credential in 'X-Other'"),
        ("other", "", "the credential 'other' was not given"),
    ],
)
def test_what_is_never_sent(credential: str, channel: str, says: str) -> None:
    """A credential or a header that nobody knows is a mistake of the law, and nothing leaves."""
    with pytest.raises(NeverSent, match=says):
        SECURITY.header_for(credential, channel, {"token": "abc"})


def test_schemes_come_from_the_spec() -> None:
    """In the order of its security, bearer and API key alike."""
    document = {
        "security": [{"key": []}, {"bearer": []}],
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            }
        },
    }
    security = Security.of_spec(document, {})
    assert security.schemes == (Scheme("X-API-Key"), Scheme("Authorization", "Bearer "))
    assert security.channels == ("", "Authorization")
    assert Security.of_spec(document, {"security": [{"bearer": []}]}).schemes == (Scheme("Authorization", "Bearer "),)


def test_a_colleagues_credential_travels_as_their_own() -> None:
    """Each given credential is sent as it is; one that was not given is never replaced by another one."""
    secrets = {"token": "first", "other": "stranger", "colleague": "mate"}
    assert BEARER.header_for("colleague", "", secrets) == ("Authorization", "Bearer mate")
    assert BEARER.header_for("other", "", secrets) == ("Authorization", "Bearer stranger")
    with pytest.raises(NeverSent, match="was not given"):
        BEARER.header_for("colleague", "", {"token": "first"})
