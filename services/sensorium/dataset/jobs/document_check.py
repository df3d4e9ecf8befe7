"""Compares the search collection of a version with the catalog, which is the truth, and changes neither."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select

from sensorium.dataset.documents import attributes_of
from sensorium.dataset.jobs import job_rows
from sensorium.dataset.jobs.version_files import behind
from sensorium.dataset.tables import files, versions
from sensorium.errors import FailedPrecondition, Reason
from sensorium.model.dataset_file import FileStatus
from sensorium.model.document import Document, DocumentView
from sensorium.model.names import CollectionName
from sensorium.ports import Searcher
from sensorium.storage.store import Store

BATCH = 256


@dataclass(frozen=True, slots=True)
class Checked:
    """Some indexed files: how many there are, those without a document, and those whose document differs."""

    count: int
    missing: Sequence[Row[Any]]
    other: Sequence[Row[Any]]

    @property
    def same_count(self) -> int:
        """How many have the document that they should have."""
        return self.count - len(self.missing) - len(self.other)


class DocumentCheck:
    """Walks over both sides.

    Args:
        store: An open catalog.
        searcher: Keeps the collection.
    """

    def __init__(self, store: Store, searcher: Searcher) -> None:
        self._store = store
        self._searcher = searcher

    async def orphans(self, version: int, name: CollectionName) -> AsyncGenerator[list[str]]:
        """Yield, page by page, the ids of documents that no indexed file of the version has. Raises NotFound."""
        token, view = "", DocumentView(tags=False, attributes=True, attribute_names=("uri",))
        while True:
            page = await self._searcher.list_documents(name, BATCH, token, view)
            ids = [each.id for each in page.items]
            there = await self._store.read(lambda sql, ids=ids: _with_vectors(sql, version, ids))  # type: ignore[misc]
            yield [each for each in ids if each not in there]
            token = page.next_page_token
            if not token:
                return

    async def files(self, version: int, name: CollectionName) -> AsyncGenerator[Checked]:
        """Yield the indexed files, some at a time. Raises NotFound when there is no such collection."""
        after = 0
        while True:
            wanted = behind(indexed(version), after, BATCH)
            rows = await self._store.read(lambda sql, wanted=wanted: list(sql.execute(wanted).all()))  # type: ignore[misc]
            if not rows:
                return
            after = rows[-1].key
            found = await self._searcher.get_documents(name, [row.id for row in rows], DocumentView())
            pairs = list(zip(rows, found, strict=True))
            yield Checked(
                len(rows),
                [row for row, document in pairs if not isinstance(document, Document)],
                [row for row, document in pairs if isinstance(document, Document) and _differs(row, document)],
            )


def collection_to_check(sql: Connection, version: int, job: int = 0) -> str:
    """Return the name of the collection of the version in row `version`, empty when it has none.

    Raises:
        FailedPrecondition: RESOURCE_IN_USE: a job beside the one in row `job` works on it, so that both sides differ.
    """
    if other := job_rows.busy(sql, version, but=job):
        raise FailedPrecondition(
            f"{other} works on the version: reconcile it afterwards",
            reason=Reason.RESOURCE_IN_USE,
            metadata={"resource": other},
        )
    found: str = sql.execute(select(versions.c.collection).where(versions.c.key == version)).scalar_one()
    return found


def indexed(version: int) -> ColumnElement[bool]:
    """Return the condition for the files of the version in row `version` that should have a document."""
    there = files.c.status == FileStatus.ACTIVE.value
    return (files.c.version == version) & there & (files.c.index_of != "")


def _with_vectors(sql: Connection, version: int, ids: Sequence[str]) -> set[str]:
    return set(sql.execute(select(files.c.id).where(indexed(version), files.c.id.in_(ids))).scalars())


def _differs(row: Row[Any], document: Document) -> bool:
    return (tuple(row.tags), attributes_of(row)) != (document.tags, dict(document.attributes))
