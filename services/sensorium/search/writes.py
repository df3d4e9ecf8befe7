"""Writes documents: checked, committed to the store, applied to the index, in this order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from sensorium.errors import InvalidArgument, SensoriumError, Unimplemented
from sensorium.filters.tree import Filter
from sensorium.model.document import Document, DocumentMask
from sensorium.search import collections, documents
from sensorium.search.collections import StoredCollection
from sensorium.search.document_check import DocumentCheck
from sensorium.search.documents import DocumentChange, NewDocument, Redeclared
from sensorium.search.library import Library
from sensorium.search.unbroken import Unbroken
from sensorium.settings import SearchSettings
from sensorium.storage.store import Store
from sensorium.storage.workers import Workers
from sensorium.storage.write_lane import Terms

DELETE_SIZE = 1000

Outcomes = list[SensoriumError | None]


class DocumentWrites:
    """The writes to all collections; what a method has returned, later searches see.

    Args:
        store: The truth.
        library: The indexes.
        limits: What documents may hold.
        unbroken: Runs what must not end halfway.
    """

    def __init__(self, store: Store, library: Library, limits: SearchSettings, unbroken: Unbroken) -> None:
        self._store = store
        self._library = library
        self._limits = limits
        self._unbroken = unbroken
        self._checkers = Workers("search-check", 1)

    def close(self) -> None:
        """End the threads."""
        self._checkers.close()

    async def put(self, stored: StoredCollection, given: Sequence[Document], *, bulk: bool = False) -> Outcomes:
        """Create or replace documents; return what is wrong with each. When an id stands twice the later one counts.

        Bulk writes let others go first.

        Raises:
            FailedPrecondition: CONTENT_NOT_EMBEDDED.
        """
        while True:
            check = DocumentCheck(stored.collection, self._limits)
            new, outcomes = await self._checkers.run(partial(_checked, check, given))
            if not new:
                return outcomes
            try:
                await self._unbroken.run(self._put(stored, new, Terms.of_call(len(new), bulk=bulk)))
            except Redeclared:
                stored = await self._again(stored)
            else:
                return outcomes

    async def change(self, stored: StoredCollection, given: Sequence[Document], mask: DocumentMask) -> Outcomes:
        """Change tags and attributes of documents; return what is wrong with each."""
        while True:
            check = DocumentCheck(stored.collection, self._limits)
            changes, outcomes = await self._checkers.run(partial(_changes, check, given, mask))
            if not changes:
                return outcomes
            try:
                terms = Terms.of_call(len(changes))
                found = await self._unbroken.run(self._change(stored, changes, check, terms))
            except Redeclared:
                stored = await self._again(stored)
            else:
                return [found.get(place, outcome) for place, outcome in enumerate(outcomes)]

    async def remove(self, stored: StoredCollection, ids: Sequence[str]) -> int:
        """Delete documents; return how many existed."""
        return await self._unbroken.run(self._remove(stored, ids, Terms.of_call(len(ids), frees=True)))

    async def remove_selected(self, stored: StoredCollection, part: Filter) -> int:
        """Delete what satisfies `part`; return how many."""
        return await self._unbroken.run(self._remove_selected(stored, part))

    async def _put(self, stored: StoredCollection, new: Sequence[NewDocument], terms: Terms) -> None:
        written = await self._store.write(partial(documents.put, checked_for=stored, new=new), terms)
        await self._library.catch_up(stored.name, written.seq)

    async def _change(
        self, stored: StoredCollection, changes: Mapping[int, DocumentChange], check: DocumentCheck, terms: Terms
    ) -> dict[int, SensoriumError | None]:
        given, finished = list(changes.values()), _finisher(check, list(changes))
        work = partial(documents.change, checked_for=stored, changes=given, finished=finished)
        written, outcomes = await self._store.write(work, terms)
        await self._library.catch_up(stored.name, written.seq)
        return dict(zip(changes, outcomes, strict=True))

    async def _remove(self, stored: StoredCollection, ids: Sequence[str], terms: Terms) -> int:
        written = await self._store.write(lambda connection: documents.remove(connection, stored, ids), terms)
        await self._library.catch_up(stored.name, written.seq)
        return written.count

    async def _remove_selected(self, stored: StoredCollection, part: Filter) -> int:
        """Delete little by little, so that no other write waits long."""
        count, after, end = 0, 0, stored.last_seq + 1
        while after < end:
            remove = partial(
                documents.remove_matching, meant=stored, part=part, seqs=range(after, end), limit=DELETE_SIZE
            )
            written, after = await self._store.write(remove, Terms(DELETE_SIZE, frees=True))
            await self._library.catch_up(stored.name, written.seq)
            count += written.count
        return count

    async def _again(self, stored: StoredCollection) -> StoredCollection:
        return await self._store.read(lambda connection: collections.get(connection, stored.name))


def _checked(check: DocumentCheck, given: Sequence[Document]) -> tuple[list[NewDocument], Outcomes]:
    """Return what is to be written, and what is wrong with each document.

    Raises:
        FailedPrecondition: One is a content: the caller speaks to the wrong role.
    """
    good: dict[str, NewDocument] = {}
    faults: Outcomes = []
    for index, document in enumerate(given):
        try:
            good[document.id] = check.checked(document, f"documents[{index}]")
            faults.append(None)
        except (InvalidArgument, Unimplemented) as error:
            faults.append(error)
    return list(good.values()), faults


def _changes(
    check: DocumentCheck, given: Sequence[Document], mask: DocumentMask
) -> tuple[dict[int, DocumentChange], Outcomes]:
    """Return by place what is to be changed, and what is wrong with each document."""
    good: dict[int, DocumentChange] = {}
    faults: Outcomes = []
    for index, document in enumerate(given):
        try:
            good[index] = check.change(document, mask, f"documents[{index}]")
            faults.append(None)
        except InvalidArgument as error:
            faults.append(error)
    return good, faults


def _finisher(check: DocumentCheck, places: Sequence[int]) -> Callable[[NewDocument, int], NewDocument]:
    """Return what finishes the documents that changes made, whose places in the request are `places`."""

    def finished(made: NewDocument, change: int) -> NewDocument:
        check.check_whole(made.attributes, f"documents[{places[change]}].attributes")
        return replace(made, tokens=check.tokens(made.tags, made.attributes))

    return finished
