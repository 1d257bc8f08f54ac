"""The fake inside a test run: one background server, and a world of its own for each test.

With pytest the fixture `fakeserver` is there as soon as the package is installed. Without it:

    with fakeserver.testing.running() as server, server.world() as fake:
        client = MyClient(fake.prime.base_url, fake.prime.token)
        fake.prime.fault(code=503, times=1)
        fake.clock.advance(3600)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Literal

from fakeserver.admin.files import BYTES
from fakeserver.arguments import near
from fakeserver.problems import Document, Json
from fakeserver.serving.app import App
from fakeserver.testing.admin import Admin
from fakeserver.testing.admin import AdminError as AdminError
from fakeserver.testing.building import Builder
from fakeserver.testing.commands import Ran as Ran
from fakeserver.testing.commands import Seconds, commands_of, place_of, script_command
from fakeserver.testing.documents import Documents
from fakeserver.testing.faults import (
    DribbleDelay,
    FaultName,
    LogNormal,
    Match,
    Milliseconds,
    ScenarioName,
    Uniform,
    script,
)
from fakeserver.testing.suggesting import SuggestsAttributes, suggests_arguments
from fakeserver.testing.values import seconds as seconds_of
from fakeserver.testing.values import text_of


class ClockHandle(SuggestsAttributes):
    """The world's clock. Durations are seconds or a timedelta; instants are RFC 3339 or a datetime with a time zone:
    one without is a ValueError, since it could be any of several instants."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    @suggests_arguments
    def advance(self, seconds: float | timedelta) -> Document:
        return self._move(action="advance", seconds=seconds_of(seconds))

    @suggests_arguments
    def freeze(self, instant: str | datetime | None = None) -> Document:
        return self._move(action="freeze", **({} if instant is None else {"instant": text_of(instant)}))

    @suggests_arguments
    def set(self, instant: str | datetime) -> Document:
        return self._move(action="set", instant=text_of(instant))

    @suggests_arguments
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


class ProviderHandle(SuggestsAttributes):
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
        self._builder = Builder(app.services[slug])

    @property
    def token(self) -> str:
        """The credential of the recipe's first caller; in those of the built-in providers that is the admin."""
        return next(iter(self.credentials.values()))

    @property
    def env(self) -> dict[str, str]:
        """The environment variables that point the provider's SDK here, with the first caller's credential."""
        return self._provider.environment(self.base_url, self.token)

    @property
    def documents(self) -> Documents:
        """The default tenant's documents, newest first: `documents.add(name="x")`, `documents.update(id, name="x")`;
        assign a list to replace them. A datetime or timedelta in a field is written as the provider writes it."""
        return self.documents_of(self.tenant)

    @documents.setter
    def documents(self, documents: Iterable[Mapping[str, Json]]) -> None:
        self.put_documents(documents, self.tenant)

    def documents_of(self, tenant: str) -> Documents:
        return Documents(self._admin, self._builder, self.slug, tenant)

    def put_documents(self, documents: Iterable[Mapping[str, Json]], tenant: str) -> None:
        self.documents_of(tenant).replace(documents)

    def build(self, document: Mapping[str, Json] | None = None, /, **fields: Json) -> Document:
        """A document of the default tenant with these fields, and the rest of what it needs; it is stored nowhere."""
        return self.documents.build(document, **fields)

    @suggests_arguments
    def fault(
        self,
        *,
        operation: str | None = None,
        code: int | None = None,
        example: str | None = None,
        headers: Mapping[str, str] | None = None,
        fault: FaultName | None = None,
        delay_ms: Milliseconds | None = None,
        delayDistribution: Uniform | LogNormal | None = None,
        chunkedDribbleDelay: DribbleDelay | None = None,
        phase: Literal["before", "after"] | None = None,
        outcome: str | None = None,
        handling: Literal["strict", "lenient"] | None = None,
        match: Match | None = None,
        times: int | None = None,
        after: int | None = None,
        probability: float | None = None,
    ) -> Document:
        """Make requests fail: `fault(code=503, times=1)`, `fault(fault="EMPTY_RESPONSE")`,
        `fault(delay_ms=timedelta(seconds=2))`; without an operation, those of all. AdminError: they cannot fail so."""
        asked = script(
            provider=self.slug,
            operation=operation,
            code=code,
            example=example,
            headers=headers,
            fault=fault,
            delay_ms=delay_ms,
            delayDistribution=delayDistribution,
            chunkedDribbleDelay=chunkedDribbleDelay,
            phase=phase,
            outcome=outcome,
            handling=handling,
            match=match,
            times=times,
            after=after,
            probability=probability,
        )
        made: Document = self._admin.call("POST", "/faults", asked)
        return made

    @suggests_arguments
    def on_command(
        self,
        pattern: str,
        *,
        stdout: str | None = None,
        stderr: str | None = None,
        exit_code: int | None = None,
        delay: Seconds | None = None,
        times: int | None = None,
    ) -> Document:
        """Script the commands of this provider's sandboxes that match a pattern, instead of running them:
        `on_command("pytest*", stdout="1 failed", exit_code=1)`; the last one that was scripted and matches answers.
        `delay` is wall time, in seconds or a timedelta."""
        return script_command(self._admin, self.slug, pattern, stdout, stderr, exit_code, delay, times)

    @property
    def commands(self) -> tuple[Ran, ...]:
        """The commands that were run in this provider's sandboxes, the first one first."""
        return commands_of(self._admin, self.slug)

    def read_file(self, identity: str, path: str) -> bytes:
        """A file of a sandbox. AdminError: it is not there, or the sandbox is not."""
        content, media_type = self._admin.send("GET", place_of(self.slug, identity, path))
        if media_type == BYTES:
            return content
        raise IsADirectoryError(f"{path} is a directory of {self.slug} {identity}")

    def list_files(self, identity: str, path: str = "/") -> list[Document]:
        """What is in a directory of a sandbox, by name: each with `name`, `kind`, `size`, `mode`, `modified` and
        `target`. AdminError: it is not there, or the sandbox is not."""
        content, media_type = self._admin.send("GET", place_of(self.slug, identity, path))
        if media_type == BYTES:
            raise NotADirectoryError(f"{path} is a file of {self.slug} {identity}")
        entries: list[Document] = json.loads(content)["entries"]
        return entries

    def end_passing(self, identity: str | None = None, *, outcome: str | None = None) -> list[Document]:
        """Let passing states end by one step: of the sandbox (or another document) with this id, or of all; what moved,
        each with `kind`, `tenant`, `id`, `from` and `to`. AdminError: it is in none, or cannot turn out so."""
        asked = script(provider=self.slug, id=identity, outcome=outcome)
        moved: list[Document] = self._admin.call("POST", "/transitions", asked)["moved"]
        return moved

    def switch(self, **choices: str) -> None:
        """Other choices of the provider's switches: `switch(states="server")`."""
        self._admin.call("PUT", "/settings", {"switches": {self.slug: choices}})

    def scenario(self, name: ScenarioName | None) -> None:
        """What the provider's lists and facets show from now on, instead of the world's documents: `scenario("empty")`;
        None for these again."""
        self._admin.call("PUT", "/settings", {"scenarios": {self.slug: name}})

    @property
    def requests(self) -> list[Document]:
        """This provider's entries of the journal, oldest first."""
        found: list[Document] = self._admin.call("POST", "/requests/find", {"provider": self.slug})["requests"]
        return found[::-1]


class World(SuggestsAttributes):
    """A world of its own: documents, faults, clock, limits and journal that no other test sees.

    The built-in providers are attributes; `provider(slug)` is for any other. LookupError: it is not served here."""

    def __init__(self, base_url: str, app: App) -> None:
        self.admin = Admin(base_url)
        self.base_url = base_url
        self.name = base_url.partition("/ns/")[2]
        """That of its namespace; the world at the root has none."""
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

    @suggests_arguments
    def on_command(
        self,
        pattern: str,
        *,
        stdout: str | None = None,
        stderr: str | None = None,
        exit_code: int | None = None,
        delay: Seconds | None = None,
        times: int | None = None,
    ) -> Document:
        """The same as `on_command` of a provider, for the sandboxes of all of them."""
        return script_command(self.admin, None, pattern, stdout, stderr, exit_code, delay, times)

    @property
    def commands(self) -> tuple[Ran, ...]:
        """The commands that were run in any sandbox of this world, the first one first."""
        return commands_of(self.admin)

    def set_transitions(self, mode: Literal["immediate", "clock", "manual"]) -> None:
        """When passing states end: at once, by the world's clock, or by `end_passing`."""
        self.admin.call("PUT", "/settings", {"transitions": mode})

    @property
    def left(self) -> list[Document]:
        """The sandboxes that were created through a provider's API and that nobody has ended: each with `provider`,
        `tenant`, `id` and `state`."""
        found: list[Document] = self.admin.call("GET", "/requests")["meta"]["left"]
        return found

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
