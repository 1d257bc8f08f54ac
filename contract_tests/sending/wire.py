"""Real HTTP: one host, no credential after a redirect, slowly, and no more where the deployment fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import httpx

from contract_tests.sending.address import origin_of
from contract_tests.sending.ask import Ask, Reply
from contract_tests.sending.body import read_body
from contract_tests.sending.connecting import open_client
from contract_tests.sending.lines import Lines
from contract_tests.sending.pace import Pace, rate_of
from contract_tests.sending.pauses import retry_after
from contract_tests.sending.security import NeverSent, Security
from contract_tests.sending.transport import IN_FLIGHT, Guarded, SendingStopped, Unreachable

TIMEOUT_SECONDS = 15.0
COLD_START = 4.0
"""The first request may wake the deployment up, and is waited for so many times as long."""
WHOLE_ANSWER = 4.0
"""An answer that arrives bit by bit is given up after so many time-outs."""
MAX_RETRIES = 2
FAILURES_IN_A_ROW = 3


class Broken(Unreachable):
    """The connection broke, or time passed, before the answer was there; another attempt may have more luck."""


class Wire(Guarded):
    """Real HTTP. Whoever asks too much is slowed down; whoever fails three times in a row is left alone."""

    def __init__(
        self,
        base_url: str,
        security: Security,
        credentials: Mapping[str, str],
        *,
        rate: float | None = None,
        budget: int | None = None,
        timeout: float = TIMEOUT_SECONDS,
        added: Mapping[str, str] | None = None,
        cacert: Path | None = None,
        client: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`rate` is in requests per second; None is the default of the target, which `rate_of` tells. `timeout` is in
        seconds of silence. Raises UnusableSetting where the environment or `cacert` permits no connection."""
        super().__init__(security, credentials, budget, added)
        self.base_url = base_url.rstrip("/")
        self._origin = origin_of(httpx.URL(self.base_url))
        self._pace = Pace(rate_of(base_url, rate), sleep=sleep)
        self._sleep, self._now, self._timeout = sleep, now, timeout
        self._flying = threading.Semaphore(IN_FLIGHT)
        self._failures = 0
        self._cold, self._closed = True, False
        self._lines = Lines()
        self._client = client or open_client(self.base_url, timeout=timeout, cacert=cacert)
        self._fresh = client or open_client(self.base_url, timeout=timeout, cacert=cacert, keep_alive=False)
        """Each of its requests has a connection of its own."""

    def close(self) -> None:
        self._closed = True
        self._lines.cut()
        self._client.close()
        self._fresh.close()

    def send(self, ask: Ask) -> Reply:
        reply = None
        for attempt in range(MAX_RETRIES + 1):
            failures = 0 if reply is None else reply.failures
            try:
                answer = self._answer(ask)
            except Unreachable:
                if not failures or reply is None:
                    raise
                return replace(reply, failures=failures + 1)  # A failure, and then not even an answer.
            reply = replace(answer, failures=failures + (answer.status >= 500))
            wait = retry_after(reply, self._now())
            if wait is None or attempt == MAX_RETRIES:
                return reply
            self._sleep(wait)
        raise AssertionError("unreachable")

    def _answer(self, ask: Ask) -> Reply:
        """The answer; where the connection broke in front of it, that to the same request on another connection."""
        cold, self._cold = self._cold, False
        patience = self._timeout * COLD_START if cold else self._timeout
        try:
            return self._exchange(ask, self.headers(ask), self._client, patience)
        except Broken:
            if self._closed:
                raise
        try:
            return self._exchange(ask, self.headers(ask), self._fresh, self._timeout)
        except Broken as error:
            raise Unreachable(f"{error}, asked twice") from None

    def _exchange(self, ask: Ask, headers: dict[str, str], client: httpx.Client, patience: float) -> Reply:
        if self._failures >= FAILURES_IN_A_ROW:
            raise SendingStopped(f"{FAILURES_IN_A_ROW} answers in a row were 429 or 5xx; nothing more was sent")
        url = self._url_of(ask)
        self._pace.wait()
        started = time.perf_counter()
        timeout = httpx.Timeout(self._timeout, read=patience)
        with self._flying, self._lines.within(patience + self._timeout * WHOLE_ANSWER) as was_cut:
            try:
                with client.stream(
                    ask.method, url, headers=headers, timeout=timeout, extensions={"trace": self._lines.trace}
                ) as response:
                    body, flaw = read_body(response)
            except httpx.HTTPError as error:
                # The cause is cut off, since a traceback could show the headers.
                raise reason(error, ask, self._origin, patience, late=was_cut()) from None
            if was_cut():
                raise reason(httpx.ReadTimeout(""), ask, self._origin, patience, late=True)
        status = response.status_code
        self._failures = self._failures + 1 if status == 429 or status >= 500 else 0
        return Reply(ask, status, headers_of(response), body, time.perf_counter() - started, flaw=flaw)

    def _url_of(self, ask: Ask) -> httpx.URL:
        """Where the request goes: below the base URL, or nowhere."""
        try:
            url = httpx.URL(self.base_url + ask.target)
        except httpx.InvalidURL:
            raise Unreachable(f"a request of {len(ask.target):,} characters cannot be sent: {ask.name}") from None
        if origin_of(url) != self._origin or url.userinfo:
            raise NeverSent("the request would leave for another host")
        return url


def headers_of(response: httpx.Response) -> dict[str, str]:
    """The headers by their names in lower case, those that came more than once joined. In one pass: a header that is
    looked up costs as many steps as there are headers."""
    found: dict[str, str] = {}
    for name, text in response.headers.multi_items():
        found[name] = f"{found[name]}, {text}" if name in found else text
    return found


def reason(error: Exception, ask: Ask, origin: tuple[str, str, int], patience: float, *, late: bool) -> Unreachable:
    """Why there was no answer, in words that hold no secret."""
    scheme, host, port = origin
    where = f"{scheme}://{f'[{host}]' if ':' in host else host}"
    if port != {"http": 80, "https": 443}[scheme]:
        where += f":{port}"
    text = str(error)
    if late:
        return Broken(f"{where} sent its answer to {ask.name} so slowly that it was given up")
    if "CERTIFICATE" in text or "SSL" in text or "TLS" in text:
        return Unreachable(f"no trusted TLS connection to {where}: {text.splitlines()[0][:160]}")
    match error:
        case httpx.ProxyError() | httpx.UnsupportedProtocol():
            return Unreachable(f"the proxy in front of {where} does not lead there")
        case httpx.ConnectError() | httpx.ConnectTimeout():
            return Unreachable(f"{where} cannot be reached")
        case httpx.TimeoutException():
            return Broken(f"{where} did not answer {ask.name} within {patience:g} s")
    return Broken(f"{where} broke the connection off at {ask.name} ({type(error).__name__})")
