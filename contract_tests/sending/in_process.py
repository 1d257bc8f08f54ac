"""A server in this process, without a socket."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from contract_tests.sending.ask import Ask, Reply
from contract_tests.sending.security import Security
from contract_tests.sending.transport import Guarded

Handler = Callable[[str, str, bytes, dict[str, str]], tuple[int, Mapping[str, str], bytes]]
"""Method, path, query and headers → status, headers and body: a server in process."""


class InProcess(Guarded):
    """A transport that calls a function."""

    def __init__(
        self, handler: Handler, security: Security, credentials: Mapping[str, str], budget: int | None = None
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
