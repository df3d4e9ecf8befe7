"""What an index has missed, read from the store."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from sensorium.model.vector import FLOAT32_LE
from sensorium.search.tables import collections, dense_vectors, documents, tombstones


@dataclass(frozen=True, slots=True)
class Changes:
    """Some changes of one collection, in any order within.

    Attributes:
        upto: An index that held all before this now holds all up to this sequence number.
        keys: New keys; shape [n], int64.
        vectors: Their vectors as they were given; shape [n, dimension], float32.
        dead: Keys that are no longer valid; shape [m], int64.
        complete: Whether that is all there is.
    """

    upto: int
    keys: NDArray[np.int64]
    vectors: NDArray[np.float32]
    dead: NDArray[np.int64]
    complete: bool


def read(connection: Connection, collection: int, dimension: int, after: int, limit: int) -> Changes:
    """Return what changed beyond sequence number `after`, about `limit` new vectors at most.

    All statements see one snapshot, so a document that is replaced meanwhile shows in one of its versions.
    """
    last: int = connection.execute(select(collections.c.last_seq).where(collections.c.key == collection)).scalar_one()
    rows = connection.execute(
        select(documents.c.key, documents.c.seq, dense_vectors.c.components)
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
        dead=np.array(list(dead), np.int64),
        complete=complete,
    )


def _matrix(components: list[bytes], dimension: int) -> NDArray[np.float32]:
    return np.frombuffer(b"".join(components), FLOAT32_LE).reshape(len(components), dimension)
