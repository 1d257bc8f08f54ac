"""Other recipes, specs and plugins under a running server: what was written stays, as far as it fits."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fakeserver.admin import bodies
from fakeserver.faults.scripts import FaultRule
from fakeserver.pipeline.service import Service
from fakeserver.problems import Document
from fakeserver.provider import Provider
from fakeserver.providers import PROVIDERS
from fakeserver.recipes.fixture import VOCABULARIES
from fakeserver.resources import resource
from fakeserver.serving.app import App, load_services
from fakeserver.worlds.documents import Refuse, SeededDocuments

if TYPE_CHECKING:
    from fakeserver.recipes.schema import DocumentSchema

SUFFIXES = (".py", ".yaml", ".yml", ".json")
"""Files of a plugin's package that its provider may be made of."""
SHOWN_NAME = 64
"""Characters of a world's name in a line."""


# What is made of files


def files_of(folder: Path | None) -> Iterator[Path]:
    """The files that a server is made from: those of the folder with fixtures, our own recipes and specs, and all in
    the packages of plugins, whether or not they could be imported."""
    if folder is not None and folder.is_dir():
        yield from (path for path in folder.iterdir() if path.suffix.lower() in (".yaml", ".yml"))
    yield resource(f"fixtures/{VOCABULARIES}.yaml")
    for slug in PROVIDERS:
        yield from files_of_plugin(slug)


def files_of_plugin(slug: str) -> Iterator[Path]:
    """The files that a provider is made from, as far as they are known without it."""
    if PROVIDERS.is_ours(slug):
        yield from (resource(f"openapi/{slug}.yaml"), resource(f"fixtures/{slug}.yaml"))
    for place in places_of(PROVIDERS.package(slug)):
        if place.is_dir():
            yield from (path for path in place.rglob("*") if path.suffix.lower() in SUFFIXES)
        else:
            yield place


def places_of(package: str) -> list[Path]:
    """Where a module or a package lies. Nothing is imported for it but the packages that it is in."""
    try:
        found = importlib.util.find_spec(package)
    except Exception:  # A package around it is somebody else's code; without it there is no file to watch.
        return []
    if found is None:
        return []
    if found.submodule_search_locations is not None:
        return [Path(place) for place in found.submodule_search_locations]
    return [Path(found.origin)] if found.origin is not None else []


# Loading and changing over


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What a server is to answer with from now on, and which of the providers are other ones than before."""

    services: dict[str, Service]
    changed: list[str]


def load_anew(app: App, touched: Collection[Path]) -> Reloaded:
    """Read everything again; `touched` are the files that changed. Nothing of the server changes by it.

    UnusablePlugin or FixtureError: a provider that is served could not be, any more. FakeProblem: a live clock could
    not change so many of its documents."""
    plugins = [slug for slug in PROVIDERS if {*files_of_plugin(slug)} & {*touched}]
    forget_compiled(touched)
    with PROVIDERS.afresh(plugins):
        settings = app.settings
        services = load_services(settings.only, settings.fixtures, settings.locale, settings.seed, needed=app.services)
    kept = {slug: app.services[slug] for slug, new in services.items() if is_same(app.services.get(slug), new)}
    changed = [slug for slug in services if slug not in kept]
    if settings.live:
        seeded = SeededDocuments(app.seeded.seeding, {slug: service.fixture for slug, service in services.items()})
        for slug in changed:
            seeded.dues(services[slug].provider)
    return Reloaded({**services, **kept}, changed)


def forget_compiled(touched: Collection[Path]) -> None:
    """Remove what Python compiled of these files: it goes by the second and the size, and takes an edit of the same
    length within the second for the same file."""
    for path in touched:
        if path.suffix == ".py":
            with contextlib.suppress(OSError, NotImplementedError):
                Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)


def is_same(old: Service | None, new: Service) -> bool:
    """Whether two services are made of the same."""
    return (
        old is not None
        and old.provider is new.provider
        and old.spec.digest == new.spec.digest
        and old.fixture.digest == new.fixture.digest
    )


@dataclass(frozen=True, slots=True)
class Renewal:
    """What worlds are held against when the services are other ones."""

    services: Mapping[str, Service]
    _schemas: dict[str, DocumentSchema] = field(default_factory=dict)

    def schema(self, slug: str) -> DocumentSchema:
        """The schema of a provider's documents, made with the first that is held against it."""
        from fakeserver.recipes.schema import DocumentSchema

        if slug not in self._schemas:
            service = self.services[slug]
            self._schemas[slug] = DocumentSchema(service.provider, service.spec)
        return self._schemas[slug]

    def refuse(self, provider: Provider) -> Refuse:
        """What refuses documents that the provider's spec does not allow."""

        def refuse(document: Document) -> str | None:
            found = bodies.document_issues(document, self.schema(provider.slug), provider.kind(""), {})
            return " ".join(found[0]) if found else None

        return refuse

    def script(self, rule: FaultRule) -> FaultRule:
        """The same script, of the operations as they are now; or a FakeProblem."""
        return bodies.fault_rule(rule.raw, self.services, lambda: rule.id)


def change_over(app: App, reloaded: Reloaded) -> list[str]:
    """Answer with the new services from the next request on; a line on everything written that does not fit them."""
    changed = {slug: reloaded.services[slug].provider for slug in reloaded.changed}
    fixtures = {slug: service.fixture for slug, service in reloaded.services.items()}
    for seeded in {id(each): each for each in (app.seeded, *(world.seeded for world in app.worlds))}.values():
        seeded.renew(fixtures, changed)
    app.serve_from(reloaded.services)
    lines = []
    for world in app.worlds:
        where = f"world {world.name[:SHOWN_NAME]!r}: " if world.name else ""
        lines += [where + line for line in world.renew(changed, Renewal(reloaded.services))]
    return lines
