"""Real HTTP: one host, no credential after a redirect, slowly, and no more where the deployment fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

import httpx

from contract_tests.sending.ask import Ask, Reply
from contract_tests.sending.pace import Pace, is_loopback
from contract_tests.sending.security import NeverSent, Security
from contract_tests.sending.transport import IN_FLIGHT, Guarded, SendingStopped, Unreachable

TIMEOUT_SECONDS = 15.0
DEFAULT_RATE = 5.0
MAX_RETRY_AFTER_SECONDS = 30.0
MAX_RETRIES = 2
FAILURES_IN_A_ROW = 3
MAX_BODY_BYTES = 64 * 1024 * 1024
USER_AGENT = "fakeserver-check"


class Wire(Guarded):
    """Real HTTP. Whoever asks too much is slowed down; whoever fails three times in a row is left alone."""

    def __init__(
        self,
        base_url: str,
        security: Security,
        credentials: Mapping[str, str],
        *,
        rate: float | None = DEFAULT_RATE,
        budget: int | None = None,
        timeout: float = TIMEOUT_SECONDS,
        client: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(security, credentials, budget)
        self.base_url = base_url.rstrip("/")
        self._host = urlsplit(self.base_url).netloc
        self._pace = Pace(None if is_loopback(base_url) else rate, sleep=sleep)
        self._sleep = sleep
        self._flying = threading.Semaphore(IN_FLIGHT)
        self._failures = 0
        self._client = client or httpx.Client(
            follow_redirects=False,
            timeout=timeout,
            headers={"user-agent": USER_AGENT},
            limits=httpx.Limits(max_connections=IN_FLIGHT),
            trust_env=not is_loopback(base_url),
        )

    def close(self) -> None:
        self._client.close()

    def send(self, ask: Ask) -> Reply:
        failures = 0
        for attempt in range(MAX_RETRIES + 1):
            headers = self.headers(ask)
            reply = self._exchange(ask, headers)
            failures += reply.status >= 500
            reply = replace(reply, failures=failures)
            wait = retry_after(reply)
            if wait is None or attempt == MAX_RETRIES:
                return reply
            self._sleep(wait)
        raise AssertionError("unreachable")

    def _exchange(self, ask: Ask, headers: dict[str, str]) -> Reply:
        if self._failures >= FAILURES_IN_A_ROW:
            raise SendingStopped(f"{FAILURES_IN_A_ROW} answers in a row were 429 or 5xx; nothing more was sent")
        url = httpx.URL(self.base_url + ask.target)
        if url.netloc.decode() != self._host.rpartition("@")[2]:
            raise NeverSent("the request would leave for another host")
        self._pace.wait()
        started = time.perf_counter()
        try:
            with self._flying:
                response = self._client.request(ask.method, url, headers=headers)
        except (httpx.TimeoutException, httpx.TransportError, httpx.DecodingError) as error:
            # The cause is cut off, since a traceback could show the headers.
            raise Unreachable(sentence(error, self.base_url)) from None
        status = response.status_code
        self._failures = self._failures + 1 if status == 429 or status >= 500 else 0
        return Reply(
            ask,
            status,
            dict(response.headers),
            response.content[:MAX_BODY_BYTES],
            time.perf_counter() - started,
        )


def retry_after(reply: Reply) -> float | None:
    """The pause that a 429 or 503 asks for, in bounds, or None where nothing is to be repeated."""
    if reply.status not in (429, 503):
        return None
    text = reply.headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        return None
    return min(seconds, MAX_RETRY_AFTER_SECONDS) if seconds >= 0 else None


def sentence(error: Exception, base_url: str) -> str:
    """Why there was no answer, in words that hold no secret."""
    parts = urlsplit(base_url)
    where = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"
    text = str(error)
    if "CERTIFICATE" in text or "SSL" in text or "TLS" in text:
        return f"no trusted TLS connection to {where}: {text.splitlines()[0][:160]}"
    if isinstance(error, httpx.TimeoutException):
        return f"{where} did not answer in time"
    if isinstance(error, httpx.ConnectError):
        return f"{where} cannot be reached"
    return f"{where} broke the connection off ({type(error).__name__})"
