"""Embeds files, and puts them into the search collection of their version, through the search port."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, insert, select, update

from sensorium.dataset.connection_service import ConnectionService
from sensorium.dataset.documents import ATTRIBUTES, document_of
from sensorium.dataset.files import next_change
from sensorium.dataset.jobs.engine import Outcome, Planned
from sensorium.dataset.jobs.version_files import OpenVersion, contents_of
from sensorium.dataset.model_services.sources import ModelSources
from sensorium.dataset.selecting import filter_of, selected
from sensorium.dataset.tables import files as table
from sensorium.dataset.tables import outbox, versions
from sensorium.errors import FailedPrecondition, InvalidArgument, NotFound, Reason, SensoriumError, Unimplemented
from sensorium.model.collection import Collection, CollectionSpec
from sensorium.model.connection import DATABASE_KINDS, ConnectionKind
from sensorium.model.content import Content
from sensorium.model.dataset_job import IndexWork, JobMode, TagWork, Work
from sensorium.model.dataset_names import ConnectedModel, ConnectionName, VersionName
from sensorium.model.embedding import ModelInfo, Priority
from sensorium.model.names import CollectionName
from sensorium.model.search import UpsertRequest
from sensorium.ports import Searcher
from sensorium.storage import moments
from sensorium.storage.store import Store

LONGEST_ID = 63


class Indexing:
    """Implements `engine.FileWork`.

    Args:
        store: An open catalog.
        opened: Opens the storage of a version.
        searcher: Keeps collections.
        sources: Gives what embeds and writes documents, by the model of a collection.
        connections: Knows the engine of a database connection.
    """

    def __init__(
        self,
        store: Store,
        opened: OpenVersion,
        searcher: Searcher,
        sources: ModelSources,
        connections: ConnectionService,
    ) -> None:
        self._store = store
        self._opened = opened
        self._searcher = searcher
        self._sources = sources
        self._connections = connections

    async def pinned(self, job: Planned) -> Work:
        """Return the work by one model; the version's collection is made when there is none.

        Raises:
            NotFound: There is no such model or connection.
            InvalidArgument: The connection is of another kind, or has no such model.
            FailedPrecondition: MODEL_MISMATCH: the version is indexed with another model, or with another revision of
                the connection's; CONNECTION_UNUSABLE.
            Unavailable: The service of the connection does not say its dimension.
            Unimplemented: The database connection is of another engine than the embedded one.
        """
        work, name = _work(job.work), collection_of(job.name)
        model, found = await self.checked(job)
        if found is None:
            spec = CollectionSpec(f"the files of {job.name}", model.name, attributes=ATTRIBUTES)
            found = await (await self._sources.searcher(model.name)).create_collection(name, spec)
            _check_same(job.name, found, model, connected=work.connection is not None)
        held = {"collection": str(name), "model_connection": str(work.connection or "")}
        mine = versions.c.key == job.version
        await self._store.write(lambda sql: sql.execute(update(versions).where(mine).values(**held)))
        there = ConnectedModel.find(model.name)
        return replace(work, model=there.model if there else model.name)

    async def checked(self, job: Planned) -> tuple[ModelInfo, Collection | None]:
        """Return the model and the version's collection, if it has one; raise what `pinned` does, and make nothing."""
        work = _work(job.work)
        await self._check_database(work.database)
        model = await self._model(work)
        try:
            found = await self._searcher.get_collection(collection_of(job.name))
        except NotFound:
            return model, None
        _check_same(job.name, found, model, connected=work.connection is not None)
        return model, found

    async def _model(self, work: IndexWork) -> ModelInfo:
        if work.connection:
            return await (await self._sources.source(work.connection, work.model)).embedder.model("")
        return await (await self._sources.embedder(work.model)).model(work.model)

    async def _check_database(self, name: ConnectionName | None) -> None:
        if name is None:
            return
        kind = (await self._connections.get_connection(name)).spec.kind
        field = "job.index.database_connection"
        if kind not in DATABASE_KINDS:
            raise InvalidArgument(f"{field}: {kind} is no vector database", field=field)
        if kind is not ConnectionKind.EMBEDDED:
            raise Unimplemented(f"{field}: {kind} keeps no vectors yet: see docs/roadmap.md", field=field)

    async def chosen(self, job: Planned) -> ColumnElement[bool]:
        """Return the condition for the files; incrementally those that changed since this model embedded them."""
        work = _work(job.work)
        mine = selected(job.version, work.selection, filter_of(work.selection))
        if job.mode is JobMode.FULL:
            return mine
        try:
            collection = await self._searcher.get_collection(collection_of(job.name))
        except NotFound:
            return mine
        return and_(mine, table.c.index_of != _made_by(collection) + table.c.fingerprint)

    async def process(self, job: Row[Any], files: Sequence[Row[Any]]) -> Outcome:
        """Embed some files, and write their documents in one call of the search port."""
        name = CollectionName.parse(await self._collection(job.version))
        collection = await self._searcher.get_collection(name)
        contents = await contents_of(await self._opened(job.version), files)
        pairs = list(zip(files, contents, strict=True))
        good = [(row, each) for row, each in pairs if isinstance(each, Content)]
        errors: dict[int, SensoriumError | None] = {
            row.key: each for row, each in pairs if isinstance(each, SensoriumError)
        }
        if good:
            documents = tuple(document_of(row, content) for row, content in good)
            answer = await (await self._sources.searcher(collection.model)).upsert_documents(
                UpsertRequest(name, documents, collection.model, collection.model_revision, Priority.BULK)
            )
            errors |= {row.key: outcome for (row, _), outcome in zip(good, answer.outcomes, strict=True)}
        sent = {row.key: row for row, _ in good}
        return Outcome(errors, lambda sql, mine: _record(sql, job, collection, [sent[key] for key in sorted(mine)]))

    async def _collection(self, version: int) -> str:
        wanted = select(versions.c.collection).where(versions.c.key == version)
        found: str = await self._store.read(lambda sql: sql.execute(wanted).scalar_one())
        return found


def collection_of(version: VersionName) -> CollectionName:
    """Return the name of the search collection of a version."""
    plain = f"dataset-{version.dataset.id}-v{version.number}"
    if len(plain) > LONGEST_ID:
        mark = hashlib.blake2b(plain.encode(), digest_size=8).hexdigest()
        plain = f"{plain[: LONGEST_ID - 17]}-{mark}"
    return CollectionName(version.dataset.workspace, plain)


def indexed_before(_work: TagWork | IndexWork) -> ColumnElement[bool]:
    """Return the condition for the files that have a vector."""
    return table.c.index_of != ""


def _check_same(version: VersionName, found: Collection, model: ModelInfo, *, connected: bool) -> None:
    """Raise FailedPrecondition when a version has vectors that are not comparable with those of `model`."""
    if found.model != model.name:
        raise FailedPrecondition(
            f"{version} is indexed with {found.model}: another model needs another version",
            reason=Reason.MODEL_MISMATCH,
        )
    if connected and found.model_revision != model.revision:
        raise FailedPrecondition(
            f"{version} is indexed with {found.model} as the connection was before: give the connection the config "
            f"revision={found.model_revision} if the service gives the same vectors, or index another version",
            reason=Reason.MODEL_MISMATCH,
            metadata={"expected": found.model_revision, "actual": model.revision},
        )


def _made_by(collection: Collection) -> str:
    return f"{collection.model}@{collection.model_revision}:"


def _record(sql: Connection, job: Row[Any], collection: Collection, sent: Sequence[Row[Any]]) -> None:
    """Write that files are indexed; those that changed meanwhile are sent once more."""
    now = moments.now()
    rows = [
        {"indexed": row.key, "index_of": _made_by(collection) + row.fingerprint, "index_job": job.id, "index_time": now}
        for row in sent
    ]
    if not rows:
        return
    change = {"change": next_change(sql, job.version)}
    sql.execute(update(table).where(table.c.key == bindparam("indexed")), [{**row, **change} for row in rows])
    before = {row.key: (row.tags, row.status, row.tag_update_time) for row in sent}
    current = select(table.c.key, table.c.id, table.c.tags, table.c.status, table.c.tag_update_time)
    changed = [
        {"collection": str(CollectionName(collection.workspace, collection.id)), "file": row.key, "file_id": row.id}
        for row in sql.execute(current.where(table.c.key.in_(before)))
        if (row.tags, row.status, row.tag_update_time) != before[row.key]
    ]
    if changed:
        sql.execute(insert(outbox), changed)


def _work(work: Work) -> IndexWork:
    assert isinstance(work, IndexWork)  # noqa: S101  # The engine chose by its kind.
    return work
