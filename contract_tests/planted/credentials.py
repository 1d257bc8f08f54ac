"""Credentials that are not looked at, or looked at too kindly, and wrong answers to those who have none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from contract_tests.planted.backend import FACETS, LIST, Backend, Next
from contract_tests.planted.bug import Plant, table
from contract_tests.planted.plants import around, empty_for, swap_status
from fakeserver.pipeline.exchange import Answer, Request
from fakeserver.spec.credentials import Caller

HEADERS = ("authorization", "x-api-key")


@dataclass(frozen=True, slots=True)
class Anyone(Mapping[str, Caller]):
    """Callers by credential, where a credential need not be exactly the right one."""

    callers: Mapping[str, Caller]
    same: Callable[[str, str], bool]

    def __getitem__(self, credential: str) -> Caller:
        for known, caller in self.callers.items():
            if self.same(known, credential):
                return caller
        raise KeyError(credential)

    def __iter__(self) -> Iterator[str]:
        return iter(self.callers)

    def __len__(self) -> int:
        return len(self.callers)


def known_by(same: Callable[[str, str], bool]) -> Plant:
    """A credential counts as a known one by another comparison."""

    def plant(backend: Backend, operation: str) -> Backend:
        loose = backend.callers(lambda callers: Anyone({**callers}, same))
        return backend.wrapped(lambda request, following: loose.answer(request), operation)

    return plant


def _carries(request: Request) -> bool:
    return any(name in request.headers for name in HEADERS)


def _as_admin(backend: Backend, request: Request) -> Request:
    key = backend.fixture.credential
    return replace(request, headers={**request.headers, "authorization": f"Bearer {key}", "x-api-key": key})


def nobody_is_admin(backend: Backend, operation: str) -> Backend:
    def change(request: Request, following: Next) -> Answer:
        return following(request if _carries(request) else _as_admin(backend, request))

    return backend.wrapped(change, operation)


def any_scheme(backend: Backend, operation: str) -> Backend:
    """The word in front of the credential is not looked at."""

    def change(request: Request, following: Next) -> Answer:
        headers = dict(request.headers)
        for name in HEADERS:
            if name in headers:
                key = headers[name].split(" ")[-1]
                headers[name] = f"Bearer {key}" if name == "authorization" else key
        return following(replace(request, headers=headers))

    return backend.wrapped(change, operation)


def header_ignored(header: str) -> Plant:
    """One of the two documented headers is never read."""

    def change(request: Request, following: Next) -> Answer:
        headers = {name: text for name, text in request.headers.items() if name != header}
        return following(replace(request, headers=headers))

    return around(change)


def values_first(backend: Backend, operation: str) -> Backend:
    """Parameters are checked before the credential."""

    def change(request: Request, following: Next) -> Answer:
        answer = following(request)
        if answer.status == 401:
            checked = following(_as_admin(backend, request))
            return checked if checked.status in (400, 422) else answer
        return answer

    return backend.wrapped(change, operation)


def empty_for_nobody(backend: Backend, operation: str) -> Backend:
    """Without a credential, the list is empty."""
    return empty_for(401)(backend, operation)


def without_challenge(request: Request, following: Next) -> Answer:
    answer = following(request)
    answer.headers.pop("WWW-Authenticate", None)
    return answer


def failing_for_nobody(request: Request, following: Next) -> Answer:
    answer = following(request)
    return replace(answer, status=500) if answer.status == 401 else answer


FORBIDDEN = swap_status(401, 403)

CREDENTIALS: dict[str, tuple[str, Plant]] = {
    "missing_credential_taken": ("Without a credential, the caller is the admin.", nobody_is_admin),
    "any_credential_taken": ("Any credential is the admin's.", known_by(lambda known, given: True)),
    "credential_by_prefix": (
        "A credential that begins like a known one is taken.",
        known_by(lambda known, given: len(given) > 8 and known.startswith(given)),
    ),
    "credential_case_folded": (
        "A credential may be written in any case.",
        known_by(lambda known, given: known.lower() == given.lower()),
    ),
    "values_before_credential": ("Parameters are checked before the credential.", values_first),
    "empty_for_nobody": ("Without a good credential, the list is empty.", empty_for_nobody),
    "forbidden_for_nobody": ("Without a good credential, the answer is a 403.", FORBIDDEN),
    "crash_for_nobody": ("Without a good credential, the answer is a crash.", around(failing_for_nobody)),
}
SCHEMES: dict[str, tuple[str, Plant]] = {
    "any_scheme_taken": ("The word in front of the credential is not looked at.", any_scheme),
}
CHANNELS: dict[str, tuple[str, Plant]] = {
    "api_key_ignored": ("X-API-Key is never read.", header_ignored("x-api-key")),
    "bearer_ignored": ("The bearer token is never read.", header_ignored("authorization")),
}
CHALLENGE: dict[str, tuple[str, Plant]] = {
    "no_challenge": ("A 401 does not say how to authenticate.", around(without_challenge)),
}

FACET_CREDENTIALS = {
    f"facets_{name}": CREDENTIALS[name]
    for name in ("missing_credential_taken", "any_credential_taken", "values_before_credential", "empty_for_nobody")
}

PRIME = table("prime", LIST, "credentials", **CREDENTIALS, **SCHEMES, **CHALLENGE)

INSTAVM = table("instavm", LIST, "credentials", **CREDENTIALS, **SCHEMES, **CHALLENGE, **CHANNELS)

SUPERSERVE = table("superserve", LIST, "credentials", **CREDENTIALS)

DREADNODE = (
    *table("dreadnode", LIST, "credentials", **CREDENTIALS, **SCHEMES, **CHANNELS),
    *table("dreadnode", FACETS, "credentials", **FACET_CREDENTIALS),
)
