"""Changes a collection piece by piece: what documents hold must suit new attributes, and gets the tokens of texts."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, or_, select, update

from sensorium.errors import Aborted, InvalidArgument, Reason
from sensorium.model.collection import AttributeField, Collection, CollectionField, CollectionUpdate
from sensorium.search import collections
from sensorium.search.attribute_json import TYPES, from_json
from sensorium.search.collections import StoredCollection
from sensorium.search.tables import documents
from sensorium.search.token_json import tokens_to_json

CHUNK = 1000


def change_step(connection: Connection, wanted: CollectionUpdate, most: int, after: int) -> Collection | int:
    """Look at the next documents beyond sequence number `after`; return where to go on, or the collection as changed.

    Whatever is written meanwhile has higher numbers, so the last step has seen everything when it declares.

    Args:
        connection: Of a transaction.
        wanted: The change, of a collection by its own name.
        most: The most attributes that a collection declares.
        after: 0 at first.

    Raises:
        NotFound: COLLECTION_NOT_FOUND.
        Aborted: CONFLICT: the etag is not that of the collection.
        InvalidArgument: An attribute has another type already, by declaration or in a document; or they are too many.
    """
    stored = collections.get(connection, wanted.name)
    if wanted.request_id and wanted.request_id == stored.update_request:
        return stored.collection
    _check_etag(stored, wanted)
    added = _added(stored, wanted, most)
    rows = _holding(connection, stored, added, after) if added else []
    _check_types(rows, added)
    _fill_tokens(connection, rows, (*stored.collection.attributes, *added))
    if len(rows) == CHUNK:
        return int(rows[-1].seq)
    description = wanted.description if CollectionField.DESCRIPTION in wanted.fields else stored.collection.description
    attributes = (*stored.collection.attributes, *added)
    return collections.change(connection, stored, description, attributes, wanted.request_id)


def _check_etag(stored: StoredCollection, wanted: CollectionUpdate) -> None:
    if wanted.etag and wanted.etag != stored.collection.etag:
        raise Aborted(f"{wanted.name} changed: it has another etag", field="collection.etag")


def _added(stored: StoredCollection, wanted: CollectionUpdate, most: int) -> tuple[AttributeField, ...]:
    """Return the attributes that are to be declared and are not yet."""
    if CollectionField.ATTRIBUTES not in wanted.fields:
        return ()
    declared = {each.field: each.type for each in stored.collection.attributes}
    for index, each in enumerate(wanted.attributes):
        if declared.get(each.field, each.type) is not each.type:
            raise _mismatch(index, each, f"{each.field!r} is declared as {declared[each.field]}")
    added = tuple(each for each in wanted.attributes if each.field not in declared)
    if len(declared) + len(added) > most:
        field = "collection.attributes"
        raise InvalidArgument(f"{field}: {len(declared) + len(added)} in all, the limit is {most}", field=field)
    return added


def _holding(
    connection: Connection, stored: StoredCollection, added: Sequence[AttributeField], after: int
) -> Sequence[Row[Any]]:
    """Return the next documents that have one of the attributes, by sequence number."""
    some = or_(*(documents.c.attributes[each.field].as_string().is_not(None) for each in added))
    columns = (documents.c.key, documents.c.seq, documents.c.id, documents.c.tags, documents.c.attributes)
    beyond = (documents.c.collection == stored.key) & (documents.c.seq > after)
    chosen: Select[Any] = select(*columns).where(beyond, some).order_by(documents.c.seq).limit(CHUNK)
    return connection.execute(chosen).all()


def _check_types(rows: Sequence[Row[Any]], added: Sequence[AttributeField]) -> None:
    for row in rows:
        for index, each in enumerate(added):
            if each.field in row.attributes:
                value = from_json(row.attributes[each.field])
                if TYPES[type(value)] is not each.type:
                    raise _mismatch(index, each, f"the document {row.id!r} has a {TYPES[type(value)]}")


def _fill_tokens(connection: Connection, rows: Sequence[Row[Any]], attributes: Sequence[AttributeField]) -> None:
    filled = [{"changed": row.key, "tokens": tokens_to_json(row.tags, row.attributes, attributes)} for row in rows]
    if filled:
        connection.execute(update(documents).where(documents.c.key == bindparam("changed")), filled)


def _mismatch(index: int, attribute: AttributeField, why: str) -> InvalidArgument:
    field = f"collection.attributes[{index}].type"
    return InvalidArgument(
        f"{field}: {attribute.field!r} cannot be declared as {attribute.type}: {why}",
        reason=Reason.ATTRIBUTE_TYPE_MISMATCH,
        field=field,
        metadata={"field": attribute.field, "expected": attribute.type.value},
    )
