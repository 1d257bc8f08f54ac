"""What two servers are compared with: snapshots, the fake that holds them, and a difference once it is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contract_tests.oracle.twin import Twin
from contract_tests.outcome import Row, Snapshot, Tier
from contract_tests.promises.form import Promises
from contract_tests.promises.statements import Statement


@dataclass(frozen=True, slots=True)
class Side:
    """A snapshot of every scope, and the fake that holds it."""

    twin: Twin
    snapshots: Mapping[str, Snapshot]

    @classmethod
    def of(cls, promises: Promises, snapshots: Mapping[str, Snapshot]) -> Side:
        return cls(Twin(promises, {scope: snapshot.rows for scope, snapshot in snapshots.items()}), snapshots)

    @property
    def promises(self) -> Promises:
        return self.twin.promises

    def with_snapshot(self, snapshot: Snapshot) -> Side:
        """The same with one scope read again."""
        return Side.of(self.promises, {**self.snapshots, snapshot.scope: snapshot})

    def same_rows(self, other: Side) -> bool:
        return all(other.snapshots[scope].rows == snapshot.rows for scope, snapshot in self.snapshots.items())

    def rows_of(self, scope: str) -> dict[str, Row]:
        """The rows of a scope by their id."""
        return {str(row[self.promises.listing.identity]): row for row in self.snapshots[scope].rows}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the deployment does otherwise. `kind` and `rows` tell whether a second look saw the same."""

    kind: str
    sentence: str
    by: Statement
    rows: tuple[Row, ...] = ()
    fields: tuple[str, ...] = ()
    """The fields of these rows that are in question, where they are not those that the question filters by."""

    @property
    def tier(self) -> Tier:
        return self.by.tier


def drop_nulls(bucket: object) -> object:
    """A bucket without the names that only say null."""
    return {name: text for name, text in bucket.items() if text is not None} if isinstance(bucket, dict) else bucket
