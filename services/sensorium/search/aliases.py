"""What the store says of aliases, in SQL."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, insert, select, update

from sensorium.errors import AlreadyExists, InvalidArgument, NotFound, Reason
from sensorium.model.collection import Alias
from sensorium.model.names import AliasName, CollectionName
from sensorium.search.collections import find, get
from sensorium.search.tables import aliases, collections
from sensorium.storage import moments


def targets(connection: Connection) -> dict[CollectionName, CollectionName]:
    """Return the collection that each alias stands for."""
    found = map(_from_row, connection.execute(_joined()))
    return {alias.name.as_collection: alias.collection for alias in found}


def read(connection: Connection, name: AliasName) -> Alias:
    """Return one alias.

    Raises:
        NotFound: RESOURCE_NOT_FOUND.
    """
    row = connection.execute(_joined().where(_named(name))).one_or_none()
    if row is None:
        raise _missing(name)
    return _from_row(row)


def page(connection: Connection, workspace: str, after: str, limit: int) -> list[Alias]:
    """Return up to `limit` aliases with ids beyond `after`, by id."""
    beyond = (aliases.c.workspace == workspace) & (aliases.c.id > after)
    return [_from_row(row) for row in connection.execute(_joined().where(beyond).order_by(aliases.c.id).limit(limit))]


def put(connection: Connection, name: AliasName, collection: CollectionName) -> Alias:
    """Point an alias at a collection; make it when there is none.

    Raises:
        InvalidArgument: The collection is of another workspace.
        NotFound: COLLECTION_NOT_FOUND.
        AlreadyExists: A collection has this id.
    """
    if collection.workspace != name.workspace:
        field = "alias.collection"
        raise InvalidArgument(f"{field}: {collection} is of another workspace than {name}", field=field)
    target = get(connection, collection)
    if find(connection, name.as_collection):
        raise AlreadyExists(
            f"{name.as_collection} exists, and an alias cannot have its id", metadata={"resource": str(name)}
        )
    values = {"collection": target.key, "update_time": moments.now()}
    if not connection.execute(update(aliases).where(_named(name)).values(values)).rowcount:
        connection.execute(insert(aliases).values(workspace=name.workspace, id=name.id, **values))
    return read(connection, name)


def remove(connection: Connection, name: AliasName) -> None:
    """Delete an alias.

    Raises:
        NotFound: RESOURCE_NOT_FOUND.
    """
    if not connection.execute(delete(aliases).where(_named(name))).rowcount:
        raise _missing(name)


def _joined() -> Select[Any]:
    chosen = select(aliases.c.workspace, aliases.c.id, aliases.c.update_time, collections.c.id.label("collection"))
    return chosen.join_from(aliases, collections)


def _named(name: AliasName) -> ColumnElement[bool]:
    return (aliases.c.workspace == name.workspace) & (aliases.c.id == name.id)


def _missing(name: AliasName) -> NotFound:
    return NotFound(f"there is no {name}", reason=Reason.RESOURCE_NOT_FOUND, metadata={"resource": str(name)})


def _from_row(row: Row[Any]) -> Alias:
    name, collection = AliasName(row.workspace, row.id), CollectionName(row.workspace, row.collection)
    return Alias(name, collection, moments.from_micros(row.update_time))
