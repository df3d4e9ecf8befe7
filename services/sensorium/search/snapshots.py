"""What the store says of snapshots, in SQL."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select

from sensorium.errors import NotFound, Reason
from sensorium.model.job import Snapshot
from sensorium.model.names import CollectionName, SnapshotName
from sensorium.search.tables import snapshots
from sensorium.storage import moments


def add(connection: Connection, snapshot: Snapshot, sha256: str) -> None:
    """Note a snapshot whose file is whole; it takes the place of one that was not noted."""
    connection.execute(delete(snapshots).where(_named(snapshot.name)))
    connection.execute(
        insert(snapshots).values(
            workspace=snapshot.name.collection.workspace,
            collection=snapshot.name.collection.id,
            id=snapshot.name.id,
            document_count=snapshot.document_count,
            size_bytes=snapshot.size_bytes,
            sha256=sha256,
            create_time=moments.to_micros(snapshot.create_time),
        )
    )


def exists(connection: Connection, name: SnapshotName) -> bool:
    """Return whether there is one of this name."""
    return connection.execute(select(snapshots.c.id).where(_named(name))).first() is not None


def read(connection: Connection, name: SnapshotName) -> tuple[Snapshot, str]:
    """Return one snapshot and the SHA-256 of its file.

    Raises:
        NotFound: RESOURCE_NOT_FOUND.
    """
    row = connection.execute(select(snapshots).where(_named(name))).one_or_none()
    if row is None:
        raise _missing(name)
    return _from_row(row), row.sha256


def page(connection: Connection, collection: CollectionName, before: int, limit: int) -> list[tuple[int, Snapshot]]:
    """Return up to `limit` snapshots of a collection with their moments, all earlier than `before`, latest first."""
    mine = (snapshots.c.workspace == collection.workspace) & (snapshots.c.collection == collection.id)
    earlier = select(snapshots).where(mine, snapshots.c.create_time < before)
    rows = connection.execute(earlier.order_by(snapshots.c.create_time.desc()).limit(limit))
    return [(row.create_time, _from_row(row)) for row in rows]


def remove(connection: Connection, name: SnapshotName) -> None:
    """Forget a snapshot.

    Raises:
        NotFound: RESOURCE_NOT_FOUND.
    """
    if not connection.execute(delete(snapshots).where(_named(name))).rowcount:
        raise _missing(name)


def _named(name: SnapshotName) -> ColumnElement[bool]:
    same_collection = snapshots.c.collection == name.collection.id
    return (snapshots.c.workspace == name.collection.workspace) & same_collection & (snapshots.c.id == name.id)


def _missing(name: SnapshotName) -> NotFound:
    return NotFound(f"there is no {name}", reason=Reason.RESOURCE_NOT_FOUND, metadata={"resource": str(name)})


def _from_row(row: Row[Any]) -> Snapshot:
    name = SnapshotName(CollectionName(row.workspace, row.collection), row.id)
    return Snapshot(name, row.document_count, row.size_bytes, moments.from_micros(row.create_time))
