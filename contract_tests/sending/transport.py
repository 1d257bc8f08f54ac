"""How requests leave: GET and HEAD only, one host, no credential after a redirect, slowly, and not too many.

A law says *which* credential travels, never the credential itself; only the transport knows the secrets.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import httpx
import orjson

METHODS = frozenset({"GET", "HEAD"})
IN_FLIGHT = 2
TIMEOUT_SECONDS = 15.0
DEFAULT_RATE = 5.0
MAX_RETRY_AFTER_SECONDS = 30.0
MAX_RETRIES = 2
FAILURES_IN_A_ROW = 3
MAX_BODY_BYTES = 64 * 1024 * 1024
GARBAGE = "no-such-credential-4f1c9d"
USER_AGENT = "fakeserver-check"

CREDENTIALS = ("token", "other", "none", "garbage", "malformed", "truncated", "recased")
"""`malformed` is the token behind the wrong scheme, `truncated` lacks its last character, `recased` swaps its case."""


class NeverSent(ValueError):
    """A request that the kit never sends."""


class BudgetExhausted(Exception):
    """The request budget is used up."""


class SendingStopped(Exception):
    """The deployment asked for a pause, or cannot answer; nothing more is sent."""


class Unreachable(Exception):
    """No answer at all; the message is one sentence without secrets."""


def encoded(text: str) -> str:
    """Percent-encoded for a query; lone surrogates stand for bytes that are no UTF-8."""
    return quote(text, safe="", errors="surrogateescape")


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, relative to the provider's base URL. The path is percent-encoded already."""

    path: str
    query: tuple[tuple[str, str], ...] = ()
    credential: str = "token"
    channel: str = ""
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    raw: str = ""
    """A query string that is sent as it stands, behind `query`."""

    @property
    def query_string(self) -> str:
        pairs = "&".join(f"{encoded(name)}={encoded(text)}" for name, text in self.query)
        return "&".join(part for part in (pairs, self.raw) if part)

    @property
    def target(self) -> str:
        """Path and query as they go over the wire."""
        return f"{self.path}?{self.query_string}" if self.query_string else self.path

    def curl(self, base_url: str, security: Security | None = None) -> str:
        """The request as one line for a shell; credentials are `$TOKEN` and `$OTHER_TOKEN`."""
        url = base_url.rstrip("/") + self.target
        parts = ["curl -s" if self.method == "GET" else "curl -sI"]
        parts += [f"-H {shell(f'{name}: {text}')}" for name, text in self.headers]
        header = (security or BEARER).header_for(self.credential, self.channel, SHELL)
        if header is not None:
            parts.append(f'-H "{header[0]}: {header[1]}"')
        return " ".join([*parts, shell(url)])


SHELL: Mapping[str, str] = {"token": "$TOKEN", "other": "$OTHER_TOKEN"}


def shell(text: str) -> str:
    """The text in single quotes, for a POSIX shell."""
    return "'" + text.replace("'", "'\\''") + "'"


@dataclass(frozen=True, slots=True)
class Scheme:
    """Where a credential travels: the header and what stands before the credential."""

    header: str
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Security:
    """The documented schemes, the main one first."""

    schemes: tuple[Scheme, ...]

    @property
    def channels(self) -> tuple[str, ...]:
        """The names for `Ask.channel`, the main one first."""
        return ("", *(each.header for each in self.schemes[1:]))

    @classmethod
    def of_spec(cls, document: Mapping[str, Any]) -> Security:
        """The schemes of an OpenAPI document, in the order of its `security`."""
        declared = document["components"]["securitySchemes"]
        schemes = []
        for requirement in document["security"]:
            for name in requirement:
                scheme = declared[name]
                if scheme["type"] == "apiKey":
                    schemes.append(Scheme(scheme["name"]))
                else:
                    schemes.append(Scheme("Authorization", "Bearer "))
        return cls(tuple(schemes))

    def header_for(self, credential: str, channel: str, credentials: Mapping[str, str]) -> tuple[str, str] | None:
        """The header that carries this credential, or None where nothing is sent."""
        if credential not in CREDENTIALS:
            raise NeverSent(f"no credential is called {credential!r}")
        if credential == "none":
            return None
        scheme = self.schemes[0]
        if channel:
            found = [each for each in self.schemes if each.header.lower() == channel.lower()]
            if not found:
                raise NeverSent(f"the spec documents no credential in {channel!r}")
            scheme = found[0]
        if credential == "garbage":
            return scheme.header, scheme.prefix + GARBAGE
        secret = credentials.get("other" if credential == "other" else "token")
        if secret is None:
            raise NeverSent(f"the credential {credential!r} was not given")
        shown = secret.startswith("$")
        match credential:
            case "malformed":
                return scheme.header, ("Basic " if scheme.prefix else "Bearer ") + secret
            case "truncated":
                return scheme.header, scheme.prefix + ("${TOKEN%?}" if shown else secret[:-1])
            case "recased":
                return scheme.header, scheme.prefix + ("${TOKEN^^}" if shown else recased(secret))
        return scheme.header, scheme.prefix + secret


def recased(secret: str) -> str:
    """Another spelling that no case-sensitive comparison takes for the same."""
    return secret.upper() if secret.upper() != secret else secret.lower()


BEARER = Security((Scheme("Authorization", "Bearer "),))


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. Header names are in lower case."""

    ask: Ask
    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float
    failures: int = 0
    """How often this request was answered with a 5xx, where the transport itself has asked again."""

    def json(self) -> Any:
        """The body as strict JSON (UTF-8, no NaN), or ValueError."""
        return orjson.loads(self.body)

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


Handler = Callable[[str, str, bytes, dict[str, str]], tuple[int, Mapping[str, str], bytes]]
"""Method, path, query and headers → status, headers and body: a server in process."""


class Transport(Protocol):
    """Whatever answers asks."""

    sent: int

    def send(self, ask: Ask) -> Reply: ...
    def together(self, asks: Sequence[Ask]) -> list[Reply]: ...


@dataclass
class Guarded:
    """What every transport obeys: the methods, the schemes and the budget."""

    security: Security
    credentials: Mapping[str, str]
    budget: int | None = None
    sent: int = field(default=0, init=False)
    _counting: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def headers(self, ask: Ask) -> dict[str, str]:
        """Check the ask, count it, and give its headers; nothing leaves before this has passed."""
        if ask.method not in METHODS:
            raise NeverSent(f"{ask.method} is never sent; the kit only reads")
        if not ask.path.startswith("/") or ask.path.startswith("//"):
            raise NeverSent(f"{ask.path!r} is not a path on the deployment")
        headers = {"accept": "application/json"} | {name.lower(): text for name, text in ask.headers}
        carried = self.security.header_for(ask.credential, ask.channel, self.credentials)
        if carried is not None:
            headers[carried[0].lower()] = carried[1]
        with self._counting:
            if self.budget is not None and self.sent >= self.budget:
                raise BudgetExhausted(f"the budget of {self.budget} requests is used up")
            self.sent += 1
        return headers


@dataclass
class InProcess(Guarded):
    """A server in this process, without a socket."""

    handler: Handler = field(kw_only=True, repr=False)

    def __init__(
        self,
        handler: Handler,
        security: Security,
        credentials: Mapping[str, str],
        budget: int | None = None,
    ) -> None:
        super().__init__(security, credentials, budget)
        self.handler = handler

    def send(self, ask: Ask) -> Reply:
        headers = self.headers(ask)
        started = time.perf_counter()
        status, answered, body = self.handler(ask.method, ask.path, ask.query_string.encode(), headers)
        seconds = time.perf_counter() - started
        lowered = {name.lower(): text for name, text in answered.items()}
        return Reply(ask, status, lowered, b"" if ask.method == "HEAD" else body, seconds)

    def together(self, asks: Sequence[Ask]) -> list[Reply]:
        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            return list(pool.map(self.send, asks))


def is_loopback(base_url: str) -> bool:
    """Whether the target is this machine, which needs no throttling."""
    host = urlsplit(base_url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Pace:
    """A smooth rate: every request has its slot, and no burst is saved up."""

    def __init__(
        self,
        per_second: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._gap = 1 / per_second if per_second else 0.0
        self._clock, self._sleep = clock, sleep
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        with self._lock:
            now = self._clock()
            slot = max(now, self._next)
            self._next = slot + self._gap
        if slot > now:
            self._sleep(slot - now)


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

    def together(self, asks: Sequence[Ask]) -> list[Reply]:
        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            return list(pool.map(self.send, asks))

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
