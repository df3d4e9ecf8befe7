"""A snapshot on disk: an SQLite file that holds one collection in the tables of the store.

`user_version` is the format. Whether it is whole is told by its SHA-256, which the store keeps.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, RowMapping, create_engine, insert, select
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from sensorium.errors import DataLoss, FailedPrecondition
from sensorium.search import stamp
from sensorium.search.tables import collections, dense_vectors, documents, metadata

FORMAT = 1
CHUNK = 1000
_BLOCK = 1 << 20
_PARTIAL = ".partial"

Report = Callable[[int], None]
Rows = Sequence[RowMapping]


def write(source: Connection, collection: int, file: Path, report: Report) -> int:
    """Copy the collection in row `collection`, as `source` sees it, to `file`; return how many documents that are.

    The file is whole and on the disk when it has its name. What `report` raises ends the work.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(file.name + _PARTIAL)
    draft.unlink(missing_ok=True)
    try:
        with _opened(create_engine(URL.create("sqlite", database=str(draft)), poolclass=NullPool)) as target:
            count = _copy(source, collection, target, report)
        stamp.sync(draft)
        draft.replace(file)
        stamp.sync(file.parent)
    finally:
        draft.unlink(missing_ok=True)
    return count


def digest(file: Path) -> str:
    """Return the SHA-256 of `file` in hex.

    Raises:
        DataLoss: It cannot be read.
    """
    found = hashlib.sha256()
    try:
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                found.update(block)
    except OSError as error:
        raise DataLoss(f"the snapshot {file} cannot be read: {error}", metadata={"file": str(file)}) from error
    return found.hexdigest()


@contextmanager
def opened(file: Path, sha256: str) -> Iterator[Connection]:
    """Give a connection on a snapshot.

    Raises:
        DataLoss: It is not the file that was written.
        FailedPrecondition: FILE_UNUSABLE: a later release wrote it.
    """
    if digest(file) != sha256:
        raise DataLoss(f"the snapshot {file} is damaged", metadata={"file": str(file)})
    # It is never written to, so no lock and no journal is needed beside it.
    try:
        with _opened(create_engine("sqlite://", creator=partial(_connect, file), poolclass=NullPool)) as connection:
            found = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            if found != FORMAT:
                raise FailedPrecondition(f"{file} has format {found}, not {FORMAT}", metadata={"file": str(file)})
            yield connection
    except DatabaseError as error:
        raise DataLoss(f"the snapshot {file} cannot be read: {error.orig}", metadata={"file": str(file)}) from error


def collection_of(snapshot: Connection) -> dict[str, Any]:
    """Return the row of the collection that a snapshot holds."""
    return dict(snapshot.execute(select(collections)).mappings().one())


def documents_of(snapshot: Connection) -> Iterator[Rows]:
    """Yield the documents with their components, some at a time, in the order in which they were written."""
    chosen = select(documents, dense_vectors.c.components).join_from(documents, dense_vectors).order_by(documents.c.seq)
    result = snapshot.execute(chosen, execution_options={"yield_per": CHUNK})
    with closing(result):
        yield from result.mappings().partitions()


def _copy(source: Connection, collection: int, target: Connection, report: Report) -> int:
    target.exec_driver_sql(f"PRAGMA user_version = {FORMAT}")
    metadata.create_all(target, tables=[collections, documents, dense_vectors])
    row = source.execute(select(collections).where(collections.c.key == collection)).mappings().one()
    target.execute(insert(collections), [dict(row)])
    chosen = select(documents, dense_vectors.c.components).join_from(documents, dense_vectors)
    mine = chosen.where(documents.c.collection == collection).order_by(documents.c.seq)
    count = 0
    with closing(source.execute(mine, execution_options={"yield_per": CHUNK})) as result:
        for rows in result.mappings().partitions():
            insert_documents(target, [dict(each) for each in rows])
            count += len(rows)
            report(len(rows))
    target.commit()
    return count


def insert_documents(target: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write documents with their components."""
    vectors = [{"key": row["key"], "components": row["components"]} for row in rows]
    target.execute(insert(documents), [{name: row[name] for name in row if name != "components"} for row in rows])
    target.execute(insert(dense_vectors), vectors)


def _connect(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?immutable=1", uri=True)


@contextmanager
def _opened(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()
