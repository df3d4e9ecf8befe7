"""What the catalog says of connections, in SQL; secrets go in and out sealed."""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection as Sql
from sqlalchemy import Row, insert, select, update

from sensorium.dataset import datasets
from sensorium.dataset.storages.opening import prefix_of
from sensorium.dataset.tables import connections
from sensorium.errors import AlreadyExists, FailedPrecondition, NotFound, Reason
from sensorium.model.connection import (
    Connection,
    ConnectionKind,
    ConnectionModel,
    ConnectionSpec,
    ConnectionUpdate,
    ModelKind,
)
from sensorium.model.dataset_names import ConnectionName
from sensorium.storage import moments


def get(sql: Sql, name: ConnectionName) -> Connection:
    """Return one connection, without its secrets. Raises NotFound."""
    return _from_row(row_of(sql, name))


def row_of(sql: Sql, name: ConnectionName) -> Row[Any]:
    """Return the row of a connection, its secrets sealed. Raises NotFound."""
    row = sql.execute(select(connections).where(_named(name))).one_or_none()
    if row is None:
        raise NotFound(f"there is no {name}", metadata={"resource": str(name)})
    return row


def by_key(sql: Sql, key: int) -> Connection:
    """Return the connection in row `key`. Raises NotFound when it was deleted."""
    row = sql.execute(select(connections).where(connections.c.key == key)).one_or_none()
    if row is None:
        raise NotFound("the connection was deleted since", metadata={"resource": "connection"})
    return _from_row(row)


def page(sql: Sql, workspace: str, after: str, limit: int) -> tuple[list[Connection], bool]:
    """Return up to `limit` connections with ids beyond `after`, and whether there are more."""
    rows = sql.execute(
        select(connections)
        .where(connections.c.workspace == workspace, connections.c.id > after)
        .order_by(connections.c.id)
        .limit(limit + 1)
    ).all()
    return [_from_row(row) for row in rows[:limit]], len(rows) > limit


def holding(sql: Sql, workspace: str, scheme: str, bucket: str, key: str) -> Connection | None:
    """Return the connection of a workspace through which an object is read; None when there is none.

    Of several that have the bucket and a prefix of the key it is the one with the longest prefix, then the first by id.
    """
    of_kind = (connections.c.workspace == workspace) & (connections.c.kind == scheme)
    rows = sql.execute(select(connections).where(of_kind).order_by(connections.c.id)).all()
    having = [row for row in rows if row.configs.get("bucket") == bucket and _has(row.configs, key)]
    found = max(having, key=lambda row: len(prefix_of(row.configs)), default=None)
    return _from_row(found) if found else None


def create(sql: Sql, name: ConnectionName, spec: ConnectionSpec, sealed: bytes) -> Connection:
    """Create a connection. Raises AlreadyExists."""
    if sql.execute(select(connections.c.key).where(_named(name))).first():
        raise AlreadyExists(f"{name} exists", metadata={"resource": str(name)})
    now = moments.now()
    sql.execute(
        insert(connections).values(
            workspace=name.workspace,
            id=name.id,
            kind=spec.kind.value,
            etag=uuid.uuid4().hex,
            create_time=now,
            update_time=now,
            **_columns(spec, sealed),
        )
    )
    return get(sql, name)


def change(sql: Sql, wanted: ConnectionUpdate, sealed: bytes) -> Connection:
    """Change a connection. Raises NotFound, or Aborted for another etag."""
    row = row_of(sql, wanted.name)
    datasets.check_etag(str(wanted.name), row.etag, wanted.etag, "connection.etag")
    columns = _columns(wanted.spec, sealed)
    changed = {field.value: columns[field.value] for field in wanted.fields}
    if "secrets" in changed:
        changed["secret_names"] = columns["secret_names"]
    stamp = {"etag": uuid.uuid4().hex, "update_time": moments.now()}
    sql.execute(update(connections).where(connections.c.key == row.key).values(**changed, **stamp))
    return get(sql, wanted.name)


def delete(sql: Sql, name: ConnectionName) -> None:
    """Delete a connection.

    Raises:
        NotFound: There is none.
        FailedPrecondition: RESOURCE_IN_USE: a dataset has it.
    """
    row = row_of(sql, name)
    if user := datasets.uses(sql, name):
        raise FailedPrecondition(
            f"{user} needs {name}: its files are there, or a version of it is indexed by it",
            reason=Reason.RESOURCE_IN_USE,
            metadata={"resource": user},
        )
    sql.execute(connections.delete().where(connections.c.key == row.key))


def spec_of(row: Row[Any]) -> ConnectionSpec:
    """Return what a row says a connection is, without its secrets."""
    models = tuple(ConnectionModel(model, ModelKind(kind), shown) for model, kind, shown in row.models)
    return ConnectionSpec(
        ConnectionKind(row.kind), row.description, row.configs, models=models, annotations=row.annotations
    )


def _has(configs: Mapping[str, str], key: str) -> bool:
    """Return whether a key is below the prefix of a bucket's connection."""
    prefix = prefix_of(configs)
    return not prefix or key.startswith(f"{prefix}/")


def _named(name: ConnectionName) -> Any:
    return (connections.c.workspace == name.workspace) & (connections.c.id == name.id)


def _columns(spec: ConnectionSpec, sealed: bytes) -> dict[str, Any]:
    return {
        "description": spec.description,
        "configs": dict(spec.configs),
        "secrets": sealed,
        "secret_names": sorted(spec.secrets),
        "models": [[each.model, each.kind.value, each.display_name] for each in spec.models],
        "annotations": dict(spec.annotations),
    }


def _from_row(row: Row[Any]) -> Connection:
    name = ConnectionName(row.workspace, row.id)
    created, updated = moments.from_micros(row.create_time), moments.from_micros(row.update_time)
    return Connection(name, spec_of(row), tuple(row.secret_names), created, updated, row.etag)
