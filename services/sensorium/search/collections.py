"""What the store says of collections, in SQL."""

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from sensorium.errors import AlreadyExists, FailedPrecondition, NotFound, Reason
from sensorium.model.collection import AttributeField, AttributeType, Collection, CollectionSpec
from sensorium.model.names import CollectionName
from sensorium.model.vector import Metric
from sensorium.search.tables import aliases, collections, documents, tombstones
from sensorium.storage import moments

LIVE = collections.c.delete_time.is_(None)
# No workspace of a caller; a collection is in it until it is whole.
HIDDEN = ""


@dataclass(frozen=True, slots=True)
class StoredCollection:
    """A collection with what only the store and the index know of it.

    Attributes:
        key: Its row.
        uid: Names it for ever, also when another takes its name later.
        collection: What clients see.
        last_seq: The sequence number of its last change.
        pruned_seq: Tombstones up to this number are gone.
        update_request: The id of the request that changed it last.
        index_generation: Which of the indexes that were made of it is at work.
    """

    key: int
    uid: str
    collection: Collection
    last_seq: int
    pruned_seq: int
    update_request: str = ""
    index_generation: int = 0

    @property
    def index_uid(self) -> str:
        """Names its index at work for ever."""
        return f"{self.uid}-{self.index_generation}" if self.index_generation else self.uid

    @property
    def name(self) -> CollectionName:
        """Its name, never that of an alias."""
        return CollectionName(self.collection.workspace, self.collection.id)


def get(connection: Connection, name: CollectionName) -> StoredCollection:
    """Return one collection.

    Raises:
        NotFound: COLLECTION_NOT_FOUND.
    """
    row = find(connection, name)
    if row is None:
        raise missing(name)
    return _from_row(row)


def find(connection: Connection, name: CollectionName) -> Row[tuple[Any, ...]] | None:
    """Return the row of a collection; None when there is none of this name."""
    return connection.execute(select(collections).where(_named(name), LIVE)).one_or_none()


def by_key(connection: Connection, key: int) -> StoredCollection:
    """Return the collection in row `key`, which exists."""
    return _from_row(connection.execute(select(collections).where(collections.c.key == key)).one())


def names(connection: Connection) -> list[CollectionName]:
    """Return the names of all collections."""
    shown = collections.c.workspace != HIDDEN
    rows = connection.execute(select(collections.c.workspace, collections.c.id).where(LIVE, shown))
    return [CollectionName(row.workspace, row.id) for row in rows]


def page(connection: Connection, workspace: str, after: str, limit: int) -> list[Collection]:
    """Return up to `limit` collections with ids beyond `after`, by id."""
    rows = connection.execute(
        select(collections)
        .where(collections.c.workspace == workspace, collections.c.id > after, LIVE)
        .order_by(collections.c.id)
        .limit(limit)
    )
    return [_from_row(row).collection for row in rows]


def create(connection: Connection, name: CollectionName, spec: CollectionSpec, request_id: str) -> Collection:
    """Create a collection; `spec` is complete. A repeat with the same `request_id`, not empty, returns what is there.

    Raises:
        AlreadyExists: One of this name exists, and another request created it; or an alias has the id.
    """
    existing = find(connection, name)
    if existing and request_id and existing.create_request == request_id:
        return _from_row(existing).collection
    check_free(connection, name)
    now = moments.now()
    connection.execute(
        insert(collections).values(
            uid=uuid.uuid4().hex,
            workspace=name.workspace,
            id=name.id,
            description=spec.description,
            model=spec.model,
            model_revision=spec.model_revision,
            dimension=spec.dimension,
            metric=(spec.metric or Metric.COSINE).value,
            attributes={each.field: each.type.value for each in spec.attributes},
            etag=uuid.uuid4().hex,
            create_request=request_id,
            create_time=now,
            update_time=now,
            document_count=0,
            last_seq=0,
            pruned_seq=0,
        )
    )
    return get(connection, name).collection


def change(
    connection: Connection, stored: StoredCollection, description: str, attributes: tuple[AttributeField, ...], by: str
) -> Collection:
    """Change a collection on the request `by`."""
    values = {
        "description": description,
        "attributes": {each.field: each.type.value for each in attributes},
        "etag": uuid.uuid4().hex,
        "update_request": by,
        "update_time": moments.now(),
    }
    connection.execute(update(collections).where(collections.c.key == stored.key).values(values))
    return by_key(connection, stored.key).collection


def mark_deleted(connection: Connection, name: CollectionName, *, force: bool) -> StoredCollection:
    """Delete a collection at once and return what it was; `purge` removes what is left of it.

    Raises:
        NotFound: COLLECTION_NOT_FOUND.
        FailedPrecondition: COLLECTION_NOT_EMPTY, when it holds documents and `force` is false; COLLECTION_IN_USE, when
            an alias stands for it.
    """
    stored = get(connection, name)
    _check_unused(connection, name, stored.key)
    count = stored.collection.document_count
    if count and not force:
        raise FailedPrecondition(
            f"{name} holds {count} documents; set `force` to delete them too", reason=Reason.COLLECTION_NOT_EMPTY
        )
    connection.execute(update(collections).where(collections.c.key == stored.key).values(delete_time=moments.now()))
    return stored


def purge(connection: Connection, limit: int) -> bool:
    """Remove up to `limit` documents of a deleted collection, then itself; return whether there may be more."""
    deleted = select(collections.c.key).where(~LIVE).limit(1)
    key = connection.execute(deleted).scalar_one_or_none()
    if key is None:
        return False
    some = select(documents.c.key).where(documents.c.collection == key).limit(limit)
    if connection.execute(documents.delete().where(documents.c.key.in_(some))).rowcount == 0:
        connection.execute(tombstones.delete().where(tombstones.c.collection == key))
        connection.execute(collections.delete().where(collections.c.key == key))
    return True


def prune(connection: Connection, key: int, seq: int) -> None:
    """Forget the tombstones of a collection up to `seq`, which its index has applied for good."""
    mine = (tombstones.c.collection == key) & (tombstones.c.seq <= seq)
    if connection.execute(tombstones.delete().where(mine)).rowcount:
        connection.execute(update(collections).where(collections.c.key == key).values(pruned_seq=seq))


def uids(connection: Connection) -> set[str]:
    """Return the uids of the indexes at work."""
    return {_from_row(row).index_uid for row in connection.execute(select(collections).where(LIVE))}


def use_index(connection: Connection, key: int, generation: int) -> None:
    """Let another index of the collection in row `key` be the one at work."""
    connection.execute(update(collections).where(collections.c.key == key).values(index_generation=generation))


def publish(connection: Connection, uid: str, name: CollectionName) -> None:
    """Give a hidden collection its name.

    Raises:
        AlreadyExists: A collection or an alias has it.
    """
    check_free(connection, name)
    named = {"workspace": name.workspace, "id": name.id}
    connection.execute(update(collections).where(collections.c.uid == uid).values(named))


def drop(connection: Connection, uid: str) -> None:
    """Delete a hidden collection; `purge` removes what is left of it."""
    connection.execute(update(collections).where(collections.c.uid == uid).values(delete_time=moments.now()))


def drop_hidden(connection: Connection) -> None:
    """Delete the collections that were not finished."""
    unfinished = (collections.c.workspace == HIDDEN) & LIVE
    connection.execute(update(collections).where(unfinished).values(delete_time=moments.now()))


def check_free(connection: Connection, name: CollectionName) -> None:
    """Raise AlreadyExists when a collection or an alias has the id."""
    if find(connection, name):
        raise AlreadyExists(f"{name} exists", metadata={"resource": str(name)})
    same_id = (aliases.c.workspace == name.workspace) & (aliases.c.id == name.id)
    if connection.execute(select(aliases.c.id).where(same_id)).first():
        raise AlreadyExists(f"an alias has the id {name.id!r}", metadata={"resource": str(name)})


def missing(name: CollectionName) -> NotFound:
    """Return the error for a collection that does not exist."""
    return NotFound(f"there is no {name}", reason=Reason.COLLECTION_NOT_FOUND, metadata={"collection": str(name)})


def _named(name: CollectionName) -> ColumnElement[bool]:
    return (collections.c.workspace == name.workspace) & (collections.c.id == name.id)


def _check_unused(connection: Connection, name: CollectionName, key: int) -> None:
    named = select(aliases.c.id).where(aliases.c.collection == key).order_by(aliases.c.id)
    found = list(connection.execute(named).scalars())
    if found:
        shown = ", ".join(found)
        raise FailedPrecondition(
            f"aliases stand for {name}: {shown}; point them elsewhere or delete them first",
            reason=Reason.COLLECTION_IN_USE,
            metadata={"aliases": shown},
        )


def _from_row(row: Row[tuple[Any, ...]]) -> StoredCollection:
    fields = tuple(AttributeField(name, AttributeType(kind)) for name, kind in row.attributes.items())
    collection = Collection(
        workspace=row.workspace,
        id=row.id,
        description=row.description,
        model=row.model,
        model_revision=row.model_revision,
        dimension=row.dimension,
        metric=Metric(row.metric),
        attributes=fields,
        create_time=moments.from_micros(row.create_time),
        update_time=moments.from_micros(row.update_time),
        document_count=row.document_count,
        etag=row.etag,
    )
    return StoredCollection(
        row.key, row.uid, collection, row.last_seq, row.pruned_seq, row.update_request, row.index_generation
    )
