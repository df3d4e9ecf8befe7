"""What the catalog says of datasets, in SQL."""

import uuid
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from sensorium.dataset import versions
from sensorium.dataset.tables import datasets
from sensorium.dataset.tables import versions as version_rows
from sensorium.errors import Aborted, AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, Reason
from sensorium.model.dataset import (
    Accessibility,
    Dataset,
    DatasetSpec,
    DatasetUpdate,
    DataType,
    Edition,
    Property,
    VersionSpec,
)
from sensorium.model.dataset_names import ConnectionName, DatasetName, VersionName
from sensorium.storage import moments


def get(connection: Connection, name: DatasetName) -> Dataset:
    """Return one dataset. Raises NotFound."""
    return _from_row(connection, row_of(connection, name))


def by_key(connection: Connection, key: int) -> Dataset:
    """Return the dataset in row `key`. Raises NotFound when it was deleted."""
    row = connection.execute(select(datasets).where(datasets.c.key == key)).one_or_none()
    if row is None:
        raise NotFound("the dataset was deleted since", metadata={"resource": "dataset"})
    return _from_row(connection, row)


def row_of(connection: Connection, name: DatasetName) -> Row[Any]:
    """Return the row of a dataset. Raises NotFound."""
    row = connection.execute(select(datasets).where(_named(name))).one_or_none()
    if row is None:
        raise NotFound(f"there is no {name}", metadata={"resource": str(name)})
    return row


def page(connection: Connection, workspace: str, after: str, limit: int) -> tuple[list[Dataset], bool]:
    """Return up to `limit` datasets with ids beyond `after`, and whether there are more."""
    rows = connection.execute(
        select(datasets)
        .where(datasets.c.workspace == workspace, datasets.c.id > after)
        .order_by(datasets.c.id)
        .limit(limit + 1)
    ).all()
    return [_from_row(connection, row) for row in rows[:limit]], len(rows) > limit


def create(connection: Connection, name: DatasetName, spec: DatasetSpec) -> Dataset:
    """Create a dataset with its version 1. Raises AlreadyExists."""
    if connection.execute(select(datasets.c.key).where(_named(name))).first():
        raise AlreadyExists(f"{name} exists", metadata={"resource": str(name)})
    now = moments.now()
    connection.execute(
        insert(datasets).values(
            workspace=name.workspace,
            id=name.id,
            latest=0,
            etag=uuid.uuid4().hex,
            create_time=now,
            update_time=now,
            **_columns(spec),
        )
    )
    versions.create(connection, name, VersionSpec())
    return get(connection, name)


def change(connection: Connection, wanted: DatasetUpdate) -> Dataset:
    """Change a dataset.

    Raises:
        NotFound: There is none.
        Aborted: CONFLICT: the etag is not its own.
        InvalidArgument: The edition cannot become that.
    """
    row = row_of(connection, wanted.name)
    check_etag(str(wanted.name), row.etag, wanted.etag, "dataset.etag")
    columns = _columns(wanted.spec)
    changed = {field.value: columns[field.value] for field in wanted.fields}
    _check_edition(row.edition, changed.get("edition", row.edition))
    stamp = {"etag": uuid.uuid4().hex, "update_time": moments.now()}
    connection.execute(update(datasets).where(datasets.c.key == row.key).values(**changed, **stamp))
    return get(connection, wanted.name)


def delete(connection: Connection, name: DatasetName, *, force: bool) -> None:
    """Delete a dataset with its versions.

    Raises:
        NotFound: There is none.
        FailedPrecondition: COLLECTION_NOT_EMPTY: it holds files and `force` is false.
    """
    row = row_of(connection, name)
    if not force and versions.file_count(connection, row.key):
        raise FailedPrecondition(
            f"{name} holds files: delete it by force",
            reason=Reason.COLLECTION_NOT_EMPTY,
            metadata={"resource": str(name)},
        )
    connection.execute(datasets.delete().where(datasets.c.key == row.key))


def uses(connection: Connection, name: ConnectionName) -> str:
    """Return the name of a dataset that has a connection, or a version indexed by it; empty when none has."""
    used = or_(datasets.c.connection == str(name), version_rows.c.model_connection == str(name))
    found = connection.execute(
        select(datasets.c.workspace, datasets.c.id).join_from(datasets, version_rows).where(used).limit(1)
    ).one_or_none()
    return str(DatasetName(found.workspace, found.id)) if found else ""


def check_etag(name: str, now: str, wanted: str, field: str) -> None:
    """Raise Aborted when an etag is given that is not the present one."""
    if wanted and wanted != now:
        raise Aborted(f"{name} changed since it was read: its etag is another", field=field)


def connection_of(text: str) -> ConnectionName | None:
    """Return the connection that a column names; None for none."""
    return ConnectionName.parse(text) if text else None


def _check_edition(before: str, after: str) -> None:
    if before != after and (before, after) != (Edition.BASIC, Edition.ADVANCED):
        raise InvalidArgument(
            f"dataset.edition: a dataset that is {before} cannot become {after}", field="dataset.edition"
        )


def _named(name: DatasetName) -> Any:
    return (datasets.c.workspace == name.workspace) & (datasets.c.id == name.id)


def _columns(spec: DatasetSpec) -> dict[str, Any]:
    return {
        "display_name": spec.display_name,
        "description": spec.description,
        "edition": spec.edition.value,
        "data_type": spec.data_type.value,
        "property": spec.property.value,
        "accessibility": spec.accessibility.value,
        "uri": spec.uri,
        "connection": str(spec.connection or ""),
        "labels": dict(spec.labels),
        "annotations": dict(spec.annotations),
    }


def _from_row(connection: Connection, row: Row[Any]) -> Dataset:
    name = DatasetName(row.workspace, row.id)
    spec = DatasetSpec(
        display_name=row.display_name,
        description=row.description,
        edition=Edition(row.edition),
        data_type=DataType(row.data_type),
        property=Property(row.property),
        accessibility=Accessibility(row.accessibility),
        uri=row.uri,
        connection=connection_of(row.connection),
        labels=row.labels,
        annotations=row.annotations,
    )
    latest = versions.get(connection, VersionName(name, row.latest))
    created, updated = moments.from_micros(row.create_time), moments.from_micros(row.update_time)
    return Dataset(name, spec, latest, created, updated, row.etag)
