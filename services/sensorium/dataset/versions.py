"""What the catalog says of the versions of datasets, in SQL."""

import uuid
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select, update

from sensorium.dataset.error_json import error_from_json
from sensorium.dataset.tables import datasets, version_copies, versions
from sensorium.errors import Aborted, FailedPrecondition, NotFound, Reason
from sensorium.model.dataset import DatasetVersion, VersionCopy, VersionSpec, VersionState, VersionUpdate
from sensorium.model.dataset_names import ConnectionName, DatasetName, VersionName
from sensorium.model.names import CollectionName
from sensorium.storage import moments

# A version in one of these states has all its files.
WHOLE = (VersionState.DRAFT.value, VersionState.PUBLISHED.value)


def get(connection: Connection, name: VersionName) -> DatasetVersion:
    """Return one version. Raises NotFound."""
    return _from_row(name.dataset, any_row(connection, name))


def any_row(connection: Connection, name: VersionName) -> Row[Any]:
    """Return the row of a version, be it whole or not, and how far it is when it is a copy. Raises NotFound."""
    row = connection.execute(_joined().where(_of(name.dataset), versions.c.number == name.number)).one_or_none()
    if row is None:
        raise NotFound(f"there is no {name}", metadata={"resource": str(name)})
    return row


def row_of(connection: Connection, name: VersionName) -> Row[Any]:
    """Return the row of a version that can be read.

    Raises:
        NotFound: There is none.
        FailedPrecondition: VERSION_UNFINISHED: it is a copy that is not whole yet, or never will be.
    """
    row = any_row(connection, name)
    if row.state in WHOLE:
        return row
    why = f"is being copied, and has {row.file_count:,} of {row.copy_total:,} files: wait until it is a draft"
    if row.state == VersionState.FAILED:
        why = "is a copy that failed: delete it, and create another"
    metadata = {"resource": str(name), "state": row.state}
    raise FailedPrecondition(f"{name} {why}", reason=Reason.VERSION_UNFINISHED, metadata=metadata)


def draft_row(connection: Connection, name: VersionName) -> Row[Any]:
    """Return the row of a version that can change.

    Raises:
        NotFound: There is none.
        FailedPrecondition: VERSION_PUBLISHED, VERSION_UNFINISHED.
    """
    row = row_of(connection, name)
    if row.state == VersionState.PUBLISHED:
        raise FailedPrecondition(
            f"{name} is published and never changes again: create a version from it",
            reason=Reason.VERSION_PUBLISHED,
            metadata={"resource": str(name)},
        )
    return row


def page(connection: Connection, name: DatasetName, before: int, limit: int) -> tuple[list[DatasetVersion], bool]:
    """Return up to `limit` versions below `before`, latest first, and whether there are more."""
    rows = connection.execute(
        _joined().where(_of(name), versions.c.number < before).order_by(versions.c.number.desc()).limit(limit + 1)
    ).all()
    return [_from_row(name, row) for row in rows[:limit]], len(rows) > limit


def create(connection: Connection, dataset: DatasetName, spec: VersionSpec) -> DatasetVersion:
    """Create the next version, with no files. Raises NotFound."""
    row = connection.execute(select(datasets).where(_of(dataset))).one_or_none()
    if row is None:
        raise NotFound(f"there is no {dataset}", metadata={"resource": str(dataset)})
    number, now = next_number(connection, row.key), moments.now()
    connection.execute(
        insert(versions).values(
            dataset=row.key,
            number=number,
            uri=spec.uri or row.uri,
            connection=str(spec.connection or row.connection),
            **draft_columns(spec),
            create_time=now,
            update_time=now,
        )
    )
    connection.execute(update(datasets).where(datasets.c.key == row.key).values(latest=number))
    return get(connection, VersionName(dataset, number))


def next_number(connection: Connection, dataset: int) -> int:
    """Return the number of the next version of the dataset in row `dataset`."""
    last = select(func.coalesce(func.max(versions.c.number), 0)).where(versions.c.dataset == dataset)
    return int(connection.execute(last).scalar_one()) + 1


def draft_columns(spec: VersionSpec) -> dict[str, object]:
    """Return what every version begins with, wherever its files are: no files, and no index."""
    return {
        "description": spec.description,
        "labels": dict(spec.labels),
        "annotations": dict(spec.annotations),
        "state": VersionState.DRAFT.value,
        "file_count": 0,
        "size_bytes": 0,
        "collection": "",
        "model_connection": "",
        "etag": uuid.uuid4().hex,
    }


def change(connection: Connection, wanted: VersionUpdate) -> DatasetVersion:
    """Change what describes a version. Raises NotFound, or Aborted for another etag."""
    row = any_row(connection, wanted.name)
    if wanted.etag and wanted.etag != row.etag:
        raise Aborted(f"{wanted.name} changed since it was read: its etag is another", field="dataset_version.etag")
    columns: dict[str, Any] = {
        "description": wanted.spec.description,
        "labels": dict(wanted.spec.labels),
        "annotations": dict(wanted.spec.annotations),
    }
    _touch(connection, row, **{field.value: columns[field.value] for field in wanted.fields})
    return get(connection, wanted.name)


def publish(connection: Connection, name: VersionName) -> DatasetVersion:
    """Make a version immutable; one that is published stays as it is. Raises NotFound."""
    row = row_of(connection, name)
    if row.state != VersionState.PUBLISHED:
        _touch(connection, row, state=VersionState.PUBLISHED.value, publish_time=moments.now())
    return get(connection, name)


def delete(connection: Connection, name: VersionName) -> None:
    """Delete a version; the latest of the others is then the latest.

    Raises:
        NotFound: There is none.
        FailedPrecondition: RESOURCE_IN_USE: it is the only one that is whole.
    """
    row = any_row(connection, name)
    others = select(func.max(versions.c.number)).where(versions.c.dataset == row.dataset, versions.c.key != row.key)
    latest = connection.execute(others.where(versions.c.state.in_(WHOLE))).scalar_one()
    if latest is None:
        raise FailedPrecondition(
            f"{name} is the only version: delete the dataset",
            reason=Reason.RESOURCE_IN_USE,
            metadata={"resource": str(name)},
        )
    connection.execute(versions.delete().where(versions.c.key == row.key))
    connection.execute(update(datasets).where(datasets.c.key == row.dataset).values(latest=latest))


def keys(connection: Connection, dataset: int) -> list[int]:
    """Return the rows of all versions of the dataset in row `dataset`."""
    return list(connection.execute(select(versions.c.key).where(versions.c.dataset == dataset)).scalars())


def file_count(connection: Connection, dataset: int) -> int:
    """Return how many files all versions of the dataset in row `dataset` hold."""
    counted = select(func.coalesce(func.sum(versions.c.file_count), 0)).where(versions.c.dataset == dataset)
    return int(connection.execute(counted).scalar_one())


def _touch(connection: Connection, row: Row[Any], **changes: Any) -> None:
    stamp = {"etag": uuid.uuid4().hex, "update_time": moments.now()}
    connection.execute(update(versions).where(versions.c.key == row.key).values(**changes, **stamp))


def _joined() -> Select[Any]:
    """Return what selects versions, with how far they are when they are copies."""
    copied = (version_copies.c.total.label("copy_total"), version_copies.c.error.label("copy_error"))
    return select(versions, *copied).select_from(versions.join(datasets).outerjoin(version_copies))


def _of(name: DatasetName) -> Any:
    return (datasets.c.workspace == name.workspace) & (datasets.c.id == name.id)


def _from_row(dataset: DatasetName, row: Row[Any]) -> DatasetVersion:
    spec = VersionSpec(
        row.description,
        row.uri,
        ConnectionName.parse(row.connection) if row.connection else None,
        row.labels,
        row.annotations,
    )
    return DatasetVersion(
        VersionName(dataset, row.number),
        spec,
        VersionState(row.state),
        moments.from_micros(row.create_time),
        moments.from_micros(row.update_time),
        row.file_count,
        row.size_bytes,
        CollectionName.parse(row.collection) if row.collection else None,
        None if row.publish_time is None else moments.from_micros(row.publish_time),
        row.etag,
        None if row.copy_total is None else VersionCopy(row.source, row.copy_total, error_from_json(row.copy_error)),
    )
