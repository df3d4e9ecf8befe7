"""Holds the collections that are open, each with its index, and closes an index only when nobody uses it."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from dataclasses import replace
from functools import partial
from typing import TypeVar

import structlog

from sensorium.errors import Aborted, SensoriumError, Unavailable
from sensorium.model.collection import Collection
from sensorium.model.names import CollectionName
from sensorium.search import collections
from sensorium.search.collections import StoredCollection
from sensorium.search.follower import Follower, Report, to_nobody
from sensorium.search.index import Indexes, IndexUnusable
from sensorium.search.open_collection import OpenCollection
from sensorium.search.standby import Standby
from sensorium.storage.store import Store
from sensorium.storage.workers import Workers
from sensorium.storage.write_lane import Terms

log = structlog.get_logger(__name__)
T = TypeVar("T")
REST_SECONDS = 1.0


class Library:
    """Opens a collection when it is first used; indexes are brought level in threads of their own.

    Args:
        store: The truth.
        indexes: Opens indexes.
        flush_after: Changes after which an index is flushed.
        optimise_after: Changes after which an index is optimised in the background, as soon as writes rest.
        optimise_at: Changes after which it is optimised though they do not.
    """

    def __init__(
        self, store: Store, indexes: Indexes, *, flush_after: int, optimise_after: int, optimise_at: int
    ) -> None:
        self._store = store
        self._indexes = indexes
        self._flush_after = flush_after
        self._optimise_after = optimise_after
        self._optimise_at = optimise_at
        self._open: dict[CollectionName, OpenCollection] = {}
        self._turns: defaultdict[CollectionName, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._workers = Workers("search-index", 2)
        self._optimisers = Workers("search-optimise", 1)
        self._builders = Workers("search-build", 1)
        self._rebuilding: set[CollectionName] = set()
        self._background: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def use(self, name: CollectionName) -> AsyncIterator[OpenCollection]:
        """Give a collection whose index is level with all that was acknowledged. Uses must not nest.

        Raises:
            NotFound: COLLECTION_NOT_FOUND.
        """
        while (opened := self._open.get(name)) is None:
            # Whoever waits may go away, the index must not be left half open.
            await asyncio.shield(self._start(self._open_once(name)))
        async with opened.used():
            yield opened

    async def run(self, name: CollectionName, work: Callable[[OpenCollection], Awaitable[T]]) -> T:
        """Return what `work` returns; an index that fails is made anew and `work` done again, once.

        Raises:
            Unavailable: It failed again.
        """
        try:
            return await self._attempt(name, work)
        except IndexUnusable:
            try:
                return await self._attempt(name, work)
            except IndexUnusable as error:
                raise Unavailable(
                    f"the vector index of {name} does not work: {error}", metadata={"backend": "vector index"}
                ) from error

    async def catch_up(self, name: CollectionName, seq: int) -> None:
        """Let searches see all changes up to `seq`."""

        async def work(opened: OpenCollection) -> OpenCollection:
            if opened.follower.applied_seq < seq:
                await self._workers.run(lambda: opened.follower.catch_up(seq))
            self._care_for(opened)
            return opened

        opened = None
        while opened is None or self._open.get(name) is not opened:  # Another index may have taken its place meanwhile.
            opened = await self.run(name, work)

    async def rebuild(self, name: CollectionName, report: Report) -> None:
        """Make a fresh index beside the one at work, and let it take its place; searches and writes go on.

        What `report` raises ends the work, and leaves the index at work as it is.

        Raises:
            Aborted: The index at work went away meanwhile.
        """
        built = False
        while not built:
            await self.wait_indexed(name)
            async with self.use(name) as old:
                if built := old.standby is None:
                    await self._rebuild(name, old, report)
        self._start(self._discard(name, old))

    async def wait_indexed(self, name: CollectionName) -> None:
        """Wait until a collection has an index.

        Raises:
            NotFound: COLLECTION_NOT_FOUND.
            Unavailable: None can be made.
        """
        async with self.use(name) as opened:
            standby = opened.standby
        if standby:
            await standby.wait()

    def pending(self, collection: Collection) -> int:
        """Return how many documents wait for the index or its optimisation, and are found by a scan meanwhile."""
        opened = self._open.get(CollectionName(collection.workspace, collection.id))
        if opened is None:
            return 0
        if (index := opened.follower.index) is None:
            return collection.document_count
        try:
            return index.pending if opened.optimising else 0
        except IndexUnusable:  # Whoever searches will see why.
            return 0

    async def reread(self, name: CollectionName) -> None:
        """Let later searches know of a change to a collection itself; its index stays as it was made."""
        async with self._turns[name]:
            stored = await self._store.read(lambda connection: collections.get(connection, name))
            if opened := self._open.get(name):
                opened.stored = replace(stored, index_generation=opened.stored.index_generation)

    async def tidy(self) -> None:
        """Remove the indexes of collections that are gone; before any collection is made or used."""
        known = await self._store.read(collections.uids)
        await self._workers.run(lambda: self._indexes.retain(known))

    async def open_all(self) -> None:
        """Open one collection after another, so that first searches need not wait."""
        for name in await self._store.read(collections.names):
            try:
                async with self.use(name):
                    pass
            except SensoriumError as error:  # Whoever uses it will see why.
                log.warning("collection_not_opened", collection=str(name), error=error.message)

    async def forget(self, gone: StoredCollection) -> None:
        """Remove the index of a collection that was deleted."""
        await asyncio.shield(self._start(self._forget(gone)))

    async def close(self) -> None:
        """Flush and close every index, after what works on them."""
        for opened in self._open.values():
            opened.leaving.set()
        while self._background:
            await asyncio.gather(*self._background, return_exceptions=True)
        for name, opened in tuple(self._open.items()):
            del self._open[name]
            await opened.unused()
            try:
                await self._workers.run(opened.follower.close)
            except IndexUnusable as error:  # The next start makes it anew.
                log.warning("index_not_closed", collection=str(name), error=str(error))
        self._builders.close()
        self._optimisers.close()
        self._workers.close()

    async def _attempt(self, name: CollectionName, work: Callable[[OpenCollection], Awaitable[T]]) -> T:
        async with self.use(name) as opened:
            try:
                return await work(opened)
            except IndexUnusable as error:
                log.warning("index_failed", collection=str(name), error=str(error))
                if self._open.get(name) is opened:
                    del self._open[name]
                    self._start(self._discard(name, opened))
                raise

    async def _open_once(self, name: CollectionName) -> None:
        async with self._turns[name]:
            if name in self._open:
                return
            stored = await self._store.read(lambda connection: collections.get(connection, name))
            standby = Standby(stored.last_seq)
            behind = OpenCollection(stored, standby)
            follower = self._follower(stored, behind)
            # Searches wait while it takes as much as a crash leaves to do again; for more they scan.
            if await self._workers.run(lambda: follower.open(self._flush_after)):
                self._open[name] = OpenCollection(stored, follower)
                self._care_for(self._open[name])
            else:
                self._open[name] = behind
                self._start(self._replace(name, behind, standby, follower))

    def _follower(self, stored: StoredCollection, old: OpenCollection, report: Report = to_nobody) -> Follower:
        """Return a follower that stops making its index when `old` is to be left."""

        def stay(count: int) -> None:
            if old.leaving.is_set():
                raise Aborted(f"{stored.name} was closed while an index of it was made")
            report(count)

        return Follower(self._store, self._indexes, stored, flush_after=self._flush_after, report=stay)

    async def _replace(self, name: CollectionName, old: OpenCollection, standby: Standby, follower: Follower) -> None:
        """Let an index that was far behind take the place of what stands in for it, once it is level."""
        log.info("index_is_made", collection=old.stored.uid)
        try:
            async with old.used(), self._closed_on_fault(follower):
                await self._builders.run(follower.bring_level)
                await self._take_place(name, old, OpenCollection(old.stored, follower))
        except Exception as error:  # The next use tries again.
            log.warning("index_not_made", collection=old.stored.uid, because=str(error))
            standby.fault = Unavailable(f"no index of {name} could be made: {error}")
            if self._open.get(name) is old:
                del self._open[name]
        finally:
            standby.ended.set()

    async def _forget(self, gone: StoredCollection) -> None:
        name = gone.name
        async with self._turns[name]:
            opened = self._open.get(name)
            if opened and opened.stored.uid == gone.uid:
                del self._open[name]
                await self._put_away(opened)
            await self._workers.run(lambda: self._indexes.discard(gone.index_uid))

    async def _rebuild(self, name: CollectionName, old: OpenCollection, report: Report) -> None:
        self._rebuilding.add(name)
        try:
            # What was asked for before has ended behind this: no tombstone goes that the fresh index has not seen.
            await self._store.write(lambda _connection: None, Terms(frees=True))
            stored = await self._store.read(lambda connection: collections.get(connection, name))
            fresh = replace(stored, index_generation=stored.index_generation + 1)
            follower = self._follower(fresh, old, report)
            try:
                async with self._closed_on_fault(follower):
                    await self._builders.run(partial(self._build, fresh, follower))
                    await self._take_place(name, old, OpenCollection(fresh, follower))
            except BaseException:
                await self._builders.run(lambda: self._indexes.discard(fresh.index_uid))
                raise
        finally:
            self._rebuilding.discard(name)

    def _build(self, fresh: StoredCollection, follower: Follower) -> None:
        self._indexes.discard(fresh.index_uid)
        follower.open()
        follower.optimise()

    async def _take_place(self, name: CollectionName, old: OpenCollection, fresh: OpenCollection) -> None:
        """Let searches use `fresh` instead of `old`. It waits for no turn: whoever has one may wait for `old`.

        Raises:
            Aborted: `old` is no longer at work.
        """
        key, generation = fresh.stored.key, fresh.stored.index_generation
        await self._level(fresh, old)
        if generation != old.stored.index_generation:
            await self._store.write(lambda connection: collections.use_index(connection, key, generation))
            await self._level(fresh, old)
        if self._open.get(name) is not old:
            raise Aborted(f"the index of {name} went away while another was made")
        fresh.stored = replace(old.stored, index_generation=generation)
        self._open[name] = fresh
        self._care_for(fresh)

    @asynccontextmanager
    async def _closed_on_fault(self, follower: Follower) -> AsyncIterator[None]:
        """Close the index of `follower` if the body fails."""
        try:
            yield
        except BaseException:
            with suppress(AttributeError, IndexUnusable):  # It may be closed, or not open yet.
                await self._builders.run(follower.close)
            raise

    async def _level(self, fresh: OpenCollection, old: OpenCollection) -> None:
        """Let `fresh` know all that was answered, until something is awaited again."""
        while fresh.follower.applied_seq < (seq := old.follower.applied_seq):
            await self._workers.run(partial(fresh.follower.catch_up, seq))

    async def _discard(self, name: CollectionName, opened: OpenCollection) -> None:
        """Remove an index that failed, and that nobody can begin to use any more."""
        async with self._turns[name]:
            await self._put_away(opened)
            await self._workers.run(lambda: self._indexes.discard(opened.stored.index_uid))

    async def _put_away(self, opened: OpenCollection) -> None:
        await opened.unused()
        with suppress(IndexUnusable):
            await self._workers.run(opened.follower.close)

    def _care_for(self, opened: OpenCollection) -> None:
        if opened.follower.unoptimised >= self._optimise_after and not opened.optimising:
            opened.optimising = True
            self._start(self._optimise(opened))
        if opened.follower.flushed_seq > opened.pruned_seq and opened.stored.name not in self._rebuilding:
            opened.pruned_seq = opened.follower.flushed_seq
            self._start(self._prune(opened, opened.pruned_seq))

    async def _optimise(self, opened: OpenCollection) -> None:
        async with opened.used():
            try:
                while opened.follower.unoptimised >= self._optimise_after and await self._rests(opened):
                    await self._optimisers.run(opened.follower.optimise)
            except IndexUnusable as error:  # Searches go on, and will say so if it cannot be used.
                log.warning("index_not_optimised", collection=opened.stored.uid, error=str(error))
            finally:
                opened.optimising = False

    async def _rests(self, opened: OpenCollection) -> bool:
        """Wait until writes rest, which a graph would hold up, or enough wait for it; return False when it closes."""
        seq = -1
        while opened.follower.unoptimised < self._optimise_at and seq != (seq := opened.follower.applied_seq):
            if await asyncio.to_thread(opened.leaving.wait, REST_SECONDS):
                return False
        return True

    async def _prune(self, opened: OpenCollection, seq: int) -> None:
        try:
            await self._store.write(
                lambda connection: collections.prune(connection, opened.stored.key, seq), Terms(frees=True)
            )
        except SensoriumError as error:  # The next flush tries again.
            log.warning("tombstones_not_pruned", collection=opened.stored.uid, error=error.message)

    def _start(self, work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        """Start work that outlives the call which asked for it, and knows nothing of its deadline."""
        task = asyncio.create_task(work, context=Context())
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task
