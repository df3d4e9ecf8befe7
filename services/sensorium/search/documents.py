"""What the store says of documents, in SQL."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, bindparam, delete, insert, select, update

from sensorium.errors import Aborted, NotFound, Reason, SensoriumError
from sensorium.filters.tree import EVERYTHING, Filter
from sensorium.model.document import Document, DocumentView
from sensorium.model.embedding import Embedding
from sensorium.model.names import CollectionName
from sensorium.model.vector import DType, Vector
from sensorium.search.attribute_json import Json, attributes_from_json
from sensorium.search.collections import StoredCollection, get, missing
from sensorium.search.matches import alike, satisfying
from sensorium.search.tables import collections, dense_vectors, documents, sequence, tombstones
from sensorium.storage import moments

T = TypeVar("T")
# Whether tags, attributes and vectors are shown.
Shown = tuple[bool, bool, bool]
# Databases bound the parameters of one statement.
CHUNK = 1000


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document as it is stored: attributes and tokens as JSON, components as little-endian float32."""

    id: str
    components: bytes
    tags: Sequence[str]
    attributes: dict[str, Json]
    tokens: dict[str, str]


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """What of a document changes.

    Attributes:
        id: The document.
        tags: Its new tags; None leaves them.
        attributes: New values.
        removed: Attributes to take away; None means all that have no new value.
    """

    id: str
    tags: Sequence[str] | None
    attributes: dict[str, Json]
    removed: frozenset[str] | None

    def made_of(self, present: NewDocument) -> NewDocument:
        """Return the document as it becomes, with the tokens that it had."""
        gone = present.attributes.keys() if self.removed is None else self.removed
        kept = {name: value for name, value in present.attributes.items() if name not in gone}
        tags = present.tags if self.tags is None else self.tags
        return replace(present, tags=tags, attributes=kept | self.attributes)


class Redeclared(Aborted):
    """The collection declares more than when documents were checked for it: they must be checked again."""


@dataclass(frozen=True, slots=True)
class Written:
    """How many documents were written or deleted, and the collection's sequence number after it."""

    count: int
    seq: int


@dataclass(frozen=True, slots=True)
class _Present:
    id: str
    key: int
    create_time: int


def put(connection: Connection, checked_for: StoredCollection, new: Sequence[NewDocument]) -> Written:
    """Create or replace documents; ids stand once in `new`.

    Raises:
        NotFound: The collection is gone, also when another has taken its name.
        Redeclared: It declares more than `checked_for`.
    """
    return _write(connection, _undisturbed(connection, checked_for), new)


def change(
    connection: Connection,
    checked_for: StoredCollection,
    changes: Sequence[DocumentChange],
    finished: Callable[[NewDocument, int], NewDocument],
) -> tuple[Written, list[SensoriumError | None]]:
    """Make changes in order and leave vectors alone; return what came of each.

    Args:
        connection: Of a transaction.
        checked_for: The collection.
        changes: The changes; an id may stand several times.
        finished: Returns a document with the tokens of what it became by the change at a place, or raises
            InvalidArgument.

    Raises:
        NotFound: The collection is gone.
        Redeclared: It declares more than `checked_for`.
    """
    stored = _undisturbed(connection, checked_for)
    present = _whole(connection, stored, list({each.id for each in changes}))
    changed: dict[str, NewDocument] = {}
    outcomes: list[SensoriumError | None] = []
    for place, each in enumerate(changes):
        try:
            if each.id not in present:
                raise no_document(stored.name, each.id)
            present[each.id] = changed[each.id] = finished(each.made_of(present[each.id]), place)
            outcomes.append(None)
        except SensoriumError as error:
            outcomes.append(error)
    written = _write(connection, stored, list(changed.values())) if changed else Written(0, stored.last_seq)
    return written, outcomes


def _write(connection: Connection, stored: StoredCollection, new: Sequence[NewDocument]) -> Written:
    present = {each.id: each for each in _present(connection, stored.key, [each.id for each in new])}
    now = moments.now()
    # New keys come before the tombstones of the old ones, so that an index never holds neither.
    first = reserve(connection, len(new) + len(present))
    _bury(connection, stored.key, list(present.values()), first + len(new))
    rows = [
        {
            "key": key,
            "collection": stored.key,
            "id": each.id,
            "seq": key,
            "tags": list(each.tags),
            "attributes": each.attributes,
            "tokens": each.tokens,
            "create_time": present[each.id].create_time if each.id in present else now,
            "update_time": now,
        }
        for key, each in enumerate(new, first)
    ]
    connection.execute(insert(documents), rows)
    vectors = [{"key": key, "components": each.components} for key, each in enumerate(new, first)]
    connection.execute(insert(dense_vectors), vectors)
    return note(connection, stored.key, first + len(new) + len(present) - 1, len(new), len(new) - len(present))


def remove(connection: Connection, meant: StoredCollection, ids: Sequence[str]) -> Written:
    """Delete documents; ids that do not exist are passed over.

    Raises:
        NotFound: The collection is gone.
    """
    stored = _same(connection, meant)
    present = list(_present(connection, stored.key, ids))
    if not present:
        return Written(0, stored.last_seq)
    first = reserve(connection, len(present))
    _bury(connection, stored.key, present, first)
    return note(connection, stored.key, first + len(present) - 1, len(present), -len(present))


def remove_matching(
    connection: Connection, meant: StoredCollection, part: Filter, *, seqs: range, limit: int
) -> tuple[Written, int]:
    """Delete up to `limit` documents that satisfy `part`, with sequence numbers in `seqs`; return where to go on.

    Raises:
        NotFound: The collection is gone.
    """
    stored = _same(connection, meant)
    between = documents.c.seq.between(seqs.start, seqs.stop - 1)
    chosen = select(documents.c.id, documents.c.key, documents.c.create_time).order_by(documents.c.seq).limit(limit)
    rows = connection.execute(chosen.where(satisfying(stored, part), between)).all()
    if not rows:
        return Written(0, stored.last_seq), seqs.stop
    present = [_Present(row.id, row.key, row.create_time) for row in rows]
    first = reserve(connection, len(present))
    _bury(connection, stored.key, present, first)
    written = note(connection, stored.key, first + len(present) - 1, len(present), -len(present))
    return written, present[-1].key + 1 if len(rows) == limit else seqs.stop


def by_ids(
    connection: Connection, stored: StoredCollection, ids: Sequence[str], view: DocumentView
) -> dict[str, Document]:
    """Return the documents that exist, by id."""
    mine = documents.c.collection == stored.key
    return {
        row.id: _from_row(row, stored, view)
        for chunk in _chunks(ids)
        for row in connection.execute(_columns(_shown(view)).where(mine, documents.c.id.in_(chunk)))
    }


def by_keys(
    connection: Connection,
    stored: StoredCollection,
    keys: Sequence[int],
    view: DocumentView,
    part: Filter = EVERYTHING,
) -> dict[int, Document]:
    """Return the documents whose vectors have these keys, by key.

    Keys that are no longer valid are left out, and those of documents that do not satisfy `part`.
    """
    chosen = _by_keys(_shown(view))
    if part != EVERYTHING:
        chosen = chosen.where(alike(part))
    return {
        row.key: _from_row(row, stored, view)
        for chunk in _chunks(keys)
        for row in connection.execute(chosen, {"keys": chunk})
    }


def successors(
    connection: Connection,
    stored: StoredCollection,
    keys: Sequence[int],
    view: DocumentView,
    part: Filter = EVERYTHING,
) -> dict[int, Document]:
    """Return the documents that had these keys and have others now, by old key, if they satisfy `part`.

    A search that runs while an upsert is under way may find a vector that was just replaced.
    """
    heir = (tombstones.c.collection == documents.c.collection) & (tombstones.c.id == documents.c.id)
    chosen = _columns(_shown(view)).add_columns(tombstones.c.key.label("old_key")).join(tombstones, heir)
    chosen = chosen.where(alike(part))
    return {
        row.old_key: _from_row(row, stored, view)
        for chunk in _chunks(keys)
        for row in connection.execute(chosen.where(tombstones.c.key.in_(chunk)))
    }


def page(
    connection: Connection, stored: StoredCollection, part: Filter, *, after: str, limit: int, view: DocumentView
) -> list[Document]:
    """Return up to `limit` documents that satisfy `part`, with ids beyond `after`, by id."""
    beyond = satisfying(stored, part) & (documents.c.id > after)
    rows = connection.execute(_columns(_shown(view)).where(beyond).order_by(documents.c.id).limit(limit))
    return [_from_row(row, stored, view) for row in rows]


def components(connection: Connection, stored: StoredCollection, ids: Sequence[str]) -> dict[str, bytes]:
    """Return the components of the documents that exist, by id."""
    chosen = select(documents.c.id, dense_vectors.c.components).join_from(documents, dense_vectors)
    mine = chosen.where(documents.c.collection == stored.key)
    return {
        row.id: row.components
        for chunk in _chunks(ids)
        for row in connection.execute(mine.where(documents.c.id.in_(chunk)))
    }


def no_document(collection: CollectionName, document_id: str) -> NotFound:
    """Return the error for a document that does not exist."""
    name = collection.document(document_id)
    return NotFound(f"there is no {name}", reason=Reason.DOCUMENT_NOT_FOUND, metadata={"document": name})


def _same(connection: Connection, meant: StoredCollection) -> StoredCollection:
    stored = get(connection, meant.name)
    if stored.uid != meant.uid:
        raise missing(meant.name)
    return stored


def _undisturbed(connection: Connection, checked_for: StoredCollection) -> StoredCollection:
    stored = _same(connection, checked_for)
    if stored.collection.attributes != checked_for.collection.attributes:
        raise Redeclared(f"{stored.name} was changed meanwhile")
    return stored


def _whole(connection: Connection, stored: StoredCollection, ids: Sequence[str]) -> dict[str, NewDocument]:
    """Return the documents that exist as they are stored, by id."""
    columns = (documents.c.id, documents.c.tags, documents.c.attributes, documents.c.tokens, dense_vectors.c.components)
    mine = select(*columns).join_from(documents, dense_vectors).where(documents.c.collection == stored.key)
    return {
        row.id: NewDocument(row.id, row.components, row.tags, row.attributes, row.tokens)
        for chunk in _chunks(ids)
        for row in connection.execute(mine.where(documents.c.id.in_(chunk)))
    }


def _present(connection: Connection, collection: int, ids: Sequence[str]) -> Iterator[_Present]:
    chosen = select(documents.c.id, documents.c.key, documents.c.create_time)
    for chunk in _chunks(ids):
        rows = connection.execute(chosen.where(documents.c.collection == collection, documents.c.id.in_(chunk)))
        yield from (_Present(row.id, row.key, row.create_time) for row in rows)


def reserve(connection: Connection, count: int) -> int:
    """Return the first of `count` new sequence numbers, which are keys as well."""
    taken = update(sequence).where(sequence.c.name == "changes").values(last=sequence.c.last + count)
    last: int = connection.execute(taken.returning(sequence.c.last)).scalar_one()
    return last - count + 1


def _bury(connection: Connection, collection: int, dead: Sequence[_Present], first: int) -> None:
    if not dead:
        return
    connection.execute(
        delete(documents).where(documents.c.key == bindparam("dead")), [{"dead": each.key} for each in dead]
    )
    connection.execute(
        insert(tombstones),
        [
            {"seq": seq, "collection": collection, "key": each.key, "id": each.id}
            for seq, each in enumerate(dead, first)
        ],
    )


def note(connection: Connection, collection: int, seq: int, count: int, growth: int) -> Written:
    """Write down that `count` documents of a collection changed, and return it."""
    change = {"last_seq": seq, "document_count": collections.c.document_count + growth}
    connection.execute(update(collections).where(collections.c.key == collection).values(change))
    return Written(count, seq)


def _shown(view: DocumentView) -> Shown:
    return view.tags, view.attributes, view.embedding


@cache
def _columns(shown: Shown) -> Select[tuple[Any, ...]]:
    """Select what a view shows, and no more: tags, attributes and vectors are costly to read."""
    tags, attributes, embedding = shown
    chosen = select(documents.c.key, documents.c.id, documents.c.create_time, documents.c.update_time)
    if tags:
        chosen = chosen.add_columns(documents.c.tags)
    if attributes:
        chosen = chosen.add_columns(documents.c.attributes)
    if embedding:
        chosen = chosen.add_columns(dense_vectors.c.components)
        return chosen.select_from(documents.join(dense_vectors))
    return chosen.select_from(documents)


@cache
def _by_keys(shown: Shown) -> Select[tuple[Any, ...]]:
    """Select documents by the parameter `keys`; kept, for every search executes it."""
    return _columns(shown).where(documents.c.key.in_(bindparam("keys", expanding=True)))


def _from_row(row: Row[tuple[Any, ...]], stored: StoredCollection, view: DocumentView) -> Document:
    return Document(
        id=row.id,
        source=_embedding(row.components, stored) if view.embedding else None,
        tags=tuple(row.tags) if view.tags else (),
        attributes=attributes_from_json(row.attributes, view.attribute_names) if view.attributes else {},
        create_time=moments.from_micros(row.create_time),
        update_time=moments.from_micros(row.update_time),
    )


def _embedding(stored_components: bytes, stored: StoredCollection) -> Embedding:
    return Embedding(dense=Vector(stored_components, DType.FLOAT32, stored.collection.dimension))


def _chunks(items: Sequence[T]) -> Iterable[Sequence[T]]:
    return (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))
