"""The fake inside a test run: one background server, and a world of its own for each test.

With pytest the fixture `fakeserver` is there as soon as the package is installed. Without it:

    with fakeserver.testing.running() as server, server.world() as fake:
        client = MyClient(fake.prime.base_url, fake.prime.token)
        fake.prime.fault(code=503, times=1)
        fake.clock.advance(3600)
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request

from fakeserver.arguments import near
from fakeserver.problems import Document, Json
from fakeserver.serving.app import App

CALL_SECONDS = 30.0


class AdminError(AssertionError):
    """An admin call was refused; the message is the problem's detail."""


class Admin:
    """The admin API of one world."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        # Proxies of the environment must not see calls to this machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def call(self, method: str, path: str, body: Json = None) -> Json:
        """The JSON answer of an admin call, or None where it has none."""
        request = urllib.request.Request(
            f"{self.base_url}/__admin{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with self._opener.open(request, timeout=CALL_SECONDS) as response:
                text = response.read()
        except urllib.error.HTTPError as error:
            with error:
                raise AdminError(json.loads(error.read())["detail"]) from None
        return json.loads(text) if text else None


class ClockHandle:
    """The world's clock."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    def advance(self, seconds: float) -> Document:
        return self._move(action="advance", seconds=seconds)

    def freeze(self, instant: str | None = None) -> Document:
        return self._move(action="freeze", **({} if instant is None else {"instant": instant}))

    def set(self, instant: str) -> Document:
        return self._move(action="set", instant=instant)

    def scale(self, factor: float) -> Document:
        return self._move(action="scale", factor=factor)

    def reset(self) -> Document:
        return self._move(action="reset")

    @property
    def now(self) -> str:
        """The world's present instant, RFC 3339."""
        return str(self._admin.call("GET", "/clock")["now"])

    def _move(self, **body: Json) -> Document:
        status: Document = self._admin.call("PUT", "/clock", body)
        return status


class ProviderHandle:
    """One provider in one world. `credentials` has each caller's credential by the caller's name in the recipe."""

    def __init__(self, admin: Admin, app: App, slug: str) -> None:
        self._admin = admin
        self._provider = app.services[slug].provider
        self.slug = slug
        self.tenant = self._provider.default_tenant
        self.base_url = f"{admin.base_url}/{slug}"
        self.credentials: dict[str, str] = {}
        for key, caller in app.services[slug].fixture.callers.items():
            self.credentials.setdefault(caller.name, key)
        self._operations = list(app.services[slug].spec.operations)

    @property
    def token(self) -> str:
        """The credential of the recipe's first caller; in those of the built-in providers that is the admin."""
        return next(iter(self.credentials.values()))

    @property
    def env(self) -> dict[str, str]:
        """The environment variables that point the provider's SDK here, with the first caller's credential."""
        return self._provider.environment(self.base_url, self.token)

    @property
    def documents(self) -> list[Document]:
        """The default tenant's documents, newest first; assign a list to replace them."""
        return self.documents_of(self.tenant)

    @documents.setter
    def documents(self, documents: list[Document]) -> None:
        self.put_documents(documents, self.tenant)

    def documents_of(self, tenant: str) -> list[Document]:
        found: list[Document] = self._admin.call("GET", f"/documents/{self.slug}/{tenant}")
        return found

    def put_documents(self, documents: list[Document], tenant: str) -> None:
        self._admin.call("PUT", f"/documents/{self.slug}/{tenant}", documents)

    def fault(self, *, operation: str | None = None, **body: Json) -> Document:
        """Make requests fail: `fault(code=503, times=1)`, `fault(fault="EMPTY_RESPONSE")`, `fault(delay_ms=200)`."""
        script = {"provider": self.slug, "operation": operation or self._operations[0], **body}
        made: Document = self._admin.call("POST", "/faults", script)
        return made

    @property
    def requests(self) -> list[Document]:
        """This provider's entries of the journal, oldest first."""
        found: list[Document] = self._admin.call("POST", "/requests/find", {"provider": self.slug})["requests"]
        return found[::-1]


class World:
    """A world of its own: documents, faults, clock, limits and journal that no other test sees.

    The built-in providers are attributes; `provider(slug)` is for any other. LookupError: it is not served here."""

    def __init__(self, base_url: str, app: App) -> None:
        self.admin = Admin(base_url)
        self.base_url = base_url
        self.clock = ClockHandle(self.admin)
        self._providers = {slug: ProviderHandle(self.admin, app, slug) for slug in app.services}

    def provider(self, slug: str) -> ProviderHandle:
        if slug not in self._providers:
            raise LookupError(f"provider {slug!r} is not served here{near(slug, self._providers)}")
        return self._providers[slug]

    @property
    def dreadnode(self) -> ProviderHandle:
        return self.provider("dreadnode")

    @property
    def instavm(self) -> ProviderHandle:
        return self.provider("instavm")

    @property
    def prime(self) -> ProviderHandle:
        return self.provider("prime")

    @property
    def superserve(self) -> ProviderHandle:
        return self.provider("superserve")

    @property
    def requests(self) -> list[Document]:
        """The world's journal, oldest first."""
        found: list[Document] = self.admin.call("GET", "/requests")["requests"]
        return found[::-1]

    @property
    def unserved(self) -> list[str]:
        """What was asked for and is not served, in order, each once: `POST /sandboxes` of superserve, for example."""
        missing = (f"{entry['unserved']} of {entry['provider']}" for entry in self.requests if entry["unserved"])
        return list(dict.fromkeys(missing))

    def reset(self) -> None:
        self.admin.call("POST", "/reset")

    def snapshot(self) -> Document:
        taken: Document = self.admin.call("GET", "/snapshot")
        return taken

    def restore(self, snapshot: Document) -> None:
        self.admin.call("PUT", "/snapshot", snapshot)
