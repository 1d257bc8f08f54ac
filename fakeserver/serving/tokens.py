"""The token of the admin API: the one that was given, or one that is made where other machines reach the server."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from fakeserver.arguments import Parser

MAX_TOKEN_BYTES = 4_096
TOKEN = re.compile(r"\S{1,4096}")
MADE_BYTES = 24


def read_token(parser: Parser, token: str | None, file: Path | None) -> str | None:
    """The token that somebody gave, itself or in a file; a UsageError never shows it."""
    if token is not None and file is not None:
        parser.error("--admin-token and --admin-token-file are not given together (nor their variables)")
    if file is not None:
        try:
            with file.open(encoding="utf-8") as opened:
                token = opened.read(MAX_TOKEN_BYTES + 1).strip()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            parser.error(f"--admin-token-file {str(file)!r}: {reason}")
    if token is not None and (TOKEN.fullmatch(token) is None or not token.isprintable()):
        source = "--admin-token" if file is None else f"--admin-token-file {str(file)!r}"
        parser.error(f"{source}: a token is 1 to {MAX_TOKEN_BYTES} printable characters without a space")
    return token


def make_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(MADE_BYTES)
