"""Snapshots: everything a world is, as one JSON value; a restored world answers byte for byte the same.

A snapshot is untrusted: each value that it restores is checked for its type and range before anything is changed.
"""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from fakeserver.admin import bodies
from fakeserver.admin.contract import refusal, refusal_of_fields
from fakeserver.admin.part import Part
from fakeserver.commands.ran import Key
from fakeserver.documents.changes import FullError
from fakeserver.documents.overlay import Check
from fakeserver.documents.seeded import MAX_SIZE
from fakeserver.faults.scripts import FaultRule
from fakeserver.instants import EARLIEST_EPOCH, LATEST_EPOCH
from fakeserver.parts import MAX_COUNT
from fakeserver.parts import Part as AnyPart
from fakeserver.pipeline.service import Service
from fakeserver.problems import Document, FakeProblem, Json
from fakeserver.provider import Provider
from fakeserver.worlds.documents import Seeding
from fakeserver.worlds.world import World

VERSION = 9
"""7: the files of sandboxes, and scripted commands. 6: what is kept beside stored documents, documents of other kinds,
and how passing states end. 5: the clock says how far it is ahead of the seeded documents. 4: the journal says what was
asked for and is not served. 3: a member for each part of a world, written by the part. 2: stored documents over hidden
ones."""
SECRET_BYTES = 32
MAX_SEED = 2**63 - 1


@contextmanager
def inside(where: str) -> Iterator[None]:
    """A call's body within a snapshot: what is refused in it is refused as a field of the snapshot."""
    try:
        yield
    except FakeProblem as problem:
        errors = problem.body.get("errors", [{"field": problem.body.get("field", "body"), "detail": str(problem)}])
        raise refusal_of_fields(
            (where if each["field"] == "body" else f"{where}.{each['field']}", each["detail"]) for each in errors
        ) from problem


@dataclasses.dataclass(frozen=True, slots=True)
class Serving:
    """What the parts of a world are held against when they are read back: what this server serves."""

    services: Mapping[str, Service]

    @property
    def providers(self) -> dict[str, Provider]:
        return {slug: service.provider for slug, service in self.services.items()}

    def script(self, part: AnyPart, identity: str) -> FaultRule:
        """The script that a call's body asks for."""
        with inside(part.place):
            return bodies.fault_rule(part.rest(), self.services, lambda: identity)

    def check(self, slug: str, kind: str = "") -> Check:
        """What refuses documents of a kind that the spec does not allow."""

        def check(documents: list[Document], stored: AnyPart) -> None:
            try:
                for _ in bodies.check_documents(documents, self.services[slug], kind):
                    pass
            except FakeProblem as problem:
                first = problem.body["errors"][0]
                raise stored.wrong(f"{first['document']}.document.{first['field']}", first["detail"]) from problem

        return check


def take(world: World, services: Mapping[str, Service], rested: Mapping[Key, bytes]) -> Document:
    """The world as it is now, with the files of its sandboxes, for which it is not waited here."""
    for service in services.values():
        world.bury(service.provider)
    return {
        "version": VERSION,
        "recipe": dataclasses.asdict(world.seeding),
        "fixtures": {slug: service.fixture.digest for slug, service in services.items()},
        "secret": base64.b64encode(world.secret).decode(),
        **{
            name: world.guests.dump(rested) if part is world.guests else part.dump()
            for name, part in world.parts.items()
        },
    }


def read(value: Json, world: World, services: Mapping[str, Service]) -> World:
    """The world that a snapshot is of, made aside, so that one that cannot be used changes nothing. It is read from
    this one what it is made from, and nothing is changed: a thread may do that."""
    snapshot = Part(value)
    version = snapshot.integer("version", 0, MAX_COUNT)
    if version != VERSION:
        raise refusal("version", f"is {version}; this fakeserver reads snapshots of version {VERSION} only")
    if snapshot.members("fixtures") != {slug: service.fixture.digest for slug, service in services.items()}:
        raise FakeProblem(409, "The snapshot was taken with other providers or fixtures", field="fixtures")
    new = world.anew(seeding_of(snapshot.part("recipe")))
    new.secret = secret_of(snapshot.text("secret"))
    members = {name: snapshot.part(name) for name in new.parts}
    snapshot.end()
    for name, part in new.parts.items():
        part.load(members[name], Serving(services))
    try:
        field = "documents"
        world.check_documents(new.documents)
        field = "guests"
        world.check_files(new.guests)
    except FullError as error:
        raise FakeProblem(503, error.detail, field=field) from error
    if new.clock.aged or new.live:
        for service in services.values():
            new.check_ageing(service.provider)
    return new


def secret_of(text: str) -> bytes:
    try:
        secret = base64.b64decode(text, validate=True)
    except ValueError:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise refusal("secret", f"must be {SECRET_BYTES} bytes in base64")
    return secret


def seeding_of(part: Part) -> Seeding:
    seeding = Seeding(
        seed=part.integer("seed", 0, MAX_SEED),
        size=part.integer("size", 0, MAX_SIZE),
        epoch=part.integer("epoch", EARLIEST_EPOCH, LATEST_EPOCH),
    )
    part.end()
    return seeding
