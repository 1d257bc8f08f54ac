"""The pause that an answer asks for."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

from contract_tests.sending.ask import Reply

MAX_RETRY_AFTER_SECONDS = 30.0
SECONDS = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)
"""The RFC has whole ones; some servers have more."""


def retry_after(reply: Reply, now: float) -> float | None:
    """The pause in seconds that a 429 or 503 asks for, in bounds, or None where nothing is to be repeated.

    A date is read by the server's own clock where the answer has one, and by ours (`now`, in seconds since 1970)
    where it has none."""
    if reply.status not in (429, 503):
        return None
    text = reply.headers.get("retry-after", "").strip()
    if SECONDS.fullmatch(text):
        return min(float(text), MAX_RETRY_AFTER_SECONDS)
    until = instant(text)
    if until is None:
        return None
    sent = instant(reply.headers.get("date", ""))
    return min(max(until - (now if sent is None else sent), 0.0), MAX_RETRY_AFTER_SECONDS)


def instant(text: str) -> float | None:
    """The seconds since 1970 that a date of HTTP stands for, or None where this is none."""
    try:
        found = parsedate_to_datetime(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
