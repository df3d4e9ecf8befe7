"""What an index has missed, read from the store."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Row, select

from sensorium.filters.python import Record
from sensorium.model.document import AttributeValue
from sensorium.model.vector import FLOAT32_LE
from sensorium.search.attribute_json import from_json
from sensorium.search.filter_fields import PREFIX
from sensorium.search.tables import collections, dense_vectors, documents, tombstones
from sensorium.storage.moments import from_micros

# Attributes are costly to read, and needless when none is declared.
_OWN: tuple[ColumnElement[Any], ...] = (
    documents.c.key,
    documents.c.seq,
    documents.c.id,
    documents.c.tags,
    documents.c.create_time,
    documents.c.update_time,
)


@dataclass(frozen=True, slots=True)
class Changes:
    """Some changes of one collection, in any order within.

    Attributes:
        upto: An index that held all before this now holds all up to this sequence number.
        keys: New keys; shape [n], int64.
        vectors: Their vectors as they were given; shape [n, dimension], float32.
        records: What filters need of their documents; n of them.
        dead: Keys that are no longer valid; shape [m], int64.
        complete: Whether that is all there is.
    """

    upto: int
    keys: NDArray[np.int64]
    vectors: NDArray[np.float32]
    records: Sequence[Record]
    dead: NDArray[np.int64]
    complete: bool


def read(
    connection: Connection, collection: int, *, dimension: int, attributes: Collection[str], after: int, limit: int
) -> Changes:
    """Return what changed beyond sequence number `after`, about `limit` new vectors at most.

    All statements see one snapshot, so a document that is replaced meanwhile shows in one of its versions.
    """
    last: int = connection.execute(select(collections.c.last_seq).where(collections.c.key == collection)).scalar_one()
    columns = [*_OWN, *([documents.c.attributes] if attributes else []), dense_vectors.c.components]
    rows = connection.execute(
        select(*columns)
        .join_from(documents, dense_vectors)
        .where(documents.c.collection == collection, documents.c.seq > after)
        .order_by(documents.c.seq)
        .limit(limit)
    ).all()
    complete = len(rows) < limit
    upto = last if complete else rows[-1].seq
    dead = connection.execute(
        select(tombstones.c.key).where(
            tombstones.c.collection == collection, tombstones.c.seq > after, tombstones.c.seq <= upto
        )
    ).scalars()
    return Changes(
        upto=upto,
        keys=np.array([row.key for row in rows], np.int64),
        vectors=_matrix([row.components for row in rows], dimension),
        records=[_record(row, attributes) for row in rows],
        dead=np.array(list(dead), np.int64),
        complete=complete,
    )


def more_than(connection: Connection, collection: int, *, after: int, count: int) -> bool:
    """Return whether more than `count` documents changed beyond sequence number `after`."""
    newer = select(documents.c.key).where(documents.c.collection == collection, documents.c.seq > after)
    return connection.execute(newer.offset(count).limit(1)).first() is not None


def _matrix(components: list[bytes], dimension: int) -> NDArray[np.float32]:
    return np.frombuffer(b"".join(components), FLOAT32_LE).reshape(len(components), dimension)


def _record(row: Row[tuple[Any, ...]], attributes: Collection[str]) -> Record:
    own: dict[str, AttributeValue] = {
        "id": row.id,
        "tags": tuple(row.tags),
        "create_time": from_micros(row.create_time),
        "update_time": from_micros(row.update_time),
    }
    declared = {f"{PREFIX}{name}": from_json(row.attributes[name]) for name in attributes if name in row.attributes}
    return own | declared
