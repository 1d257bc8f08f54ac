"""Documents for tests: what somebody says of one, and the rest as the recipe draws it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property

from fakeserver.arguments import near
from fakeserver.documents.draws import Draw, digest, ordinal_at
from fakeserver.instants import SECOND, instant
from fakeserver.pipeline.service import Service
from fakeserver.problems import Document, Json
from fakeserver.recipes.trial import EPOCH
from fakeserver.testing.values import DATE, WriteDate, check_whole, date_writer, to_json

SAMPLES = 12
"""Documents from which is learnt how a provider writes dates."""
KEY_BYTES = 32


class Builder:
    """Makes documents of one provider for one world. The same calls make the same documents, from the world's seed."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._made: Counter[str] = Counter()

    @property
    def identity(self) -> str:
        """The field that tells documents apart."""
        return self._service.provider.identity

    @cached_property
    def _fields(self) -> Mapping[str, Json]:
        """The fields that the spec declares for a document, with their schemas."""
        # The validator behind it is loaded by those who build something, since a start does not need it.
        from fakeserver.recipes.schema import item_schema
        from fakeserver.spec.schemas import fields_of

        spec = self._service.spec
        return fields_of(spec.document, item_schema(self._service.provider, spec))

    @cached_property
    def write_date(self) -> WriteDate:
        """How the provider writes dates."""
        provider, tenant = self._service.provider, self._service.provider.default_tenant
        keys = (digest(b"sample", number, size=KEY_BYTES) for number in range(SAMPLES))
        return date_writer(provider.make(self._draw(tenant, key, 0, EPOCH, {})) for key in keys)

    def read(self, given: Mapping[str, Json]) -> Document:
        """Fields that somebody gives, as JSON. TypeError or ValueError: one is none of the provider's, or cannot be
        written."""
        for name in given:
            if self._fields and name not in self._fields:
                known = sorted(self._fields)
                raise TypeError(f"no document of {self._service.provider.slug} has a field {name!r}{near(name, known)}")
        return self.write(given)

    def write(self, given: Mapping[str, Json], place: str = "") -> Document:
        """What somebody gives as JSON, which is sent as it is: the server knows what is wrong with it. TypeError or
        ValueError: it cannot be written; the message begins with its place."""
        for name, value in given.items():
            if isinstance(value, timedelta) and self._is_whole(name):
                check_whole(value, name, f"{place}.{name}".lstrip("."))
        document: Document = to_json(given, self.write_date, place=place)
        return document

    def _is_whole(self, field: str) -> bool:
        from fakeserver.spec.schemas import types_of

        types = types_of(self._service.spec.document, self._fields.get(field, {}))
        return "integer" in types and "number" not in types

    def build(self, tenant: str, given: Mapping[str, Json], *, seed: int, now: int) -> Document:
        """A document with these fields. All others go with them as the recipe has it, as of `now` (microseconds since
        1970); without a date it is new, and without an id it has one that no other call gets."""
        provider, fields = self._service.provider, self.read(given)
        self._made[tenant] += 1
        key = digest(b"built", seed, provider.slug, tenant, self._made[tenant], size=KEY_BYTES)
        ordinal, epoch = self._moment(tenant, key, fields.get(provider.created), now)
        columns = self._service.fixture.tenants[tenant].columns
        pinned = {name: value for name, value in fields.items() if name in columns}
        try:
            drawn = provider.make(self._draw(tenant, key, ordinal, epoch, pinned))
        except Exception:  # `make` is anybody's code; what it cannot go on with is refused when the document is put.
            drawn = provider.make(self._draw(tenant, key, ordinal, epoch, {}))
        return {**self._begun(drawn, now, epoch), **fields}

    def _begun(self, drawn: Document, now: int, epoch: int) -> Document:
        """The document as of `now`. The recipe takes everything up to the epoch of the draw for past, and that is later
        where the creation is newer than that of its newest document; what is planned is behind it."""
        dates = {name: instant(text) for name, text in drawn.items() if isinstance(text, str) and DATE.fullmatch(text)}
        created = dates.get(self._service.provider.created or "", epoch)
        early = [name for name, moment in dates.items() if created <= now < moment <= epoch]
        return {**drawn, **{name: self.write_date(name, now) for name in early}}

    def _moment(self, tenant: str, key: bytes, created: Json, now: int) -> tuple[int, int]:
        """The ordinal and the epoch of a draw that was created at this date; at the newest there is without one."""
        try:
            wanted = instant(created)
        except (TypeError, ValueError, OverflowError):
            return 0, now
        # Ordinals count the age, so that an old document is drawn as old ones are; the rest of the way is the epoch's.
        ordinal = max(0, ordinal_at((now - wanted) // SECOND) - 1)
        return ordinal, now + wanted - self._draw(tenant, key, ordinal, now, {}).created

    def _draw(self, tenant: str, key: bytes, ordinal: int, epoch: int, pinned: Document) -> Draw:
        fixture = self._service.fixture
        return Draw(key, ordinal, epoch, fixture.tenants[tenant].columns, fixture.vocabularies, pinned)
