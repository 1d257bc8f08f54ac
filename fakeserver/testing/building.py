"""Documents for tests: what somebody says of one, and the rest as the recipe draws it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cached_property

from fakeserver.arguments import near
from fakeserver.documents.draws import Draw, digest, ordinal_at
from fakeserver.instants import SECOND, instant
from fakeserver.pipeline.service import Service
from fakeserver.problems import Document, Json
from fakeserver.recipes.trial import EPOCH
from fakeserver.testing.values import WriteDate, date_writer, to_json

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
    def _fields(self) -> frozenset[str]:
        """The fields that the spec declares for a document."""
        # The validator behind it is loaded by those who build something, since a start does not need it.
        from fakeserver.recipes.schema import item_schema
        from fakeserver.spec.schemas import fields_of

        spec = self._service.spec
        return frozenset(fields_of(spec.document, item_schema(self._service.provider, spec)))

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
        fields: Document = to_json(given, self.write_date)
        return fields

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
        return {**drawn, **fields}

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
