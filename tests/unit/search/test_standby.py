"""Searches and writes do not wait for indexes that are being made or optimised."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from search_samples import NAME, axis, document, ids_near, make, near, put, unit_vectors

from sensorium.errors import NotFound
from sensorium.model.collection import AttributeField, AttributeType, CollectionSpec
from sensorium.model.document import Document
from sensorium.model.embedding import Embedding
from sensorium.model.job import JobRequest, JobState, ReindexWork
from sensorium.model.vector import Vector
from sensorium.search.embedded import embedded_search
from sensorium.search.follower import Follower
from sensorium.search.service import SearchService
from sensorium.search.zvec_index import ZvecIndex
from sensorium.settings import SearchSettings

SPEC = CollectionSpec(dimension=8, attributes=(AttributeField("row", AttributeType.INT),))
# An index that lacks more than a hundred documents is far behind.
SETTINGS = SearchSettings(flush_after=100)
VECTORS = unit_vectors(300)


class Held:
    """Holds a method of a class until it may go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: type, method: str) -> None:
        self.begun, may = asyncio.Event(), threading.Event()
        original, loop = getattr(owner, method), asyncio.get_running_loop()

        def held(this: object) -> None:
            loop.call_soon_threadsafe(self.begun.set)
            may.wait()
            original(this)

        monkeypatch.setattr(owner, method, held)
        self.go_on: Callable[[], None] = may.set


async def fill_and_break(data_dir: Path) -> None:
    """Leave 300 documents, and an index with a damaged file."""
    async with embedded_search(data_dir, SETTINGS) as service:
        await make(service, SPEC)
        rows = (
            Document(f"d{row}", Embedding(dense=Vector.from_numpy(VECTORS[row])), (), {"row": row})
            for row in range(300)
        )
        await put(service, *rows)
    (index,) = (data_dir / "search" / "index").iterdir()
    damaged = max((each for each in index.rglob("*") if each.is_file()), key=lambda each: each.stat().st_size)
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")


async def indexed(service: SearchService) -> None:
    """Wait until the collection has an index."""
    await service._library.wait_indexed(NAME)


async def test_store_is_searched_while_a_damaged_index_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill_and_break(tmp_path)
    held = Held(monkeypatch, Follower, "bring_level")
    async with embedded_search(tmp_path, SETTINGS) as service:
        assert await ids_near(service, VECTORS[5], top_k=1) == ["d5"]
        await held.begun.wait()
        assert (await service.get_collection(NAME)).pending_count == 300
        assert len(await ids_near(service, VECTORS[5], top_k=1000)) == 300
        assert await ids_near(service, VECTORS[5], filter="row > 297") == await ids_near(
            service, VECTORS[5], top_k=2, filter="row > 297"
        )
        plan = await service.explain(near(VECTORS[5]))
        assert plan.steps == ("score every matching document by its stored vector: the index is being made",)
        await put(service, document("new", axis(0)))
        await service.delete_documents(NAME, ["d5"])
        assert await ids_near(service, axis(0), top_k=1) == ["new"]
        held.go_on()
        await indexed(service)
        assert (await service.explain(near(VECTORS[5]))).steps == ("ask the index for the 10 nearest documents",)
        found = await ids_near(service, axis(0), top_k=1000)
        assert sorted(found) == sorted({"new", *(f"d{row}" for row in range(300) if row != 5)})


async def test_writes_all_along_the_making_of_an_index_are_all_found(tmp_path: Path) -> None:
    await fill_and_break(tmp_path)
    async with embedded_search(tmp_path, SETTINGS) as service:
        await ids_near(service, VECTORS[0])
        making = asyncio.ensure_future(indexed(service))
        count = 0
        while not making.done() or count < 3:
            await put(service, document(f"n{count}", VECTORS[count % 300]))
            assert f"n{count}" in await ids_near(service, VECTORS[count % 300], top_k=1000)
            count += 1
        await making
        assert len(await ids_near(service, VECTORS[0], top_k=10_000)) == 300 + count


async def test_making_of_an_index_goes_on_after_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill_and_break(tmp_path)
    held = Held(monkeypatch, Follower, "bring_level")
    async with embedded_search(tmp_path, SETTINGS) as service:
        assert await ids_near(service, VECTORS[5], top_k=1) == ["d5"]
        await held.begun.wait()
        closing = asyncio.ensure_future(service.__aexit__(None, None, None))
        await asyncio.sleep(0)
        held.go_on()
        await closing
    async with embedded_search(tmp_path, SETTINGS) as service:
        assert await ids_near(service, VECTORS[5], top_k=1) == ["d5"]
        await indexed(service)
        assert len(await ids_near(service, VECTORS[5], top_k=1000)) == 300


async def test_collection_is_deleted_while_its_index_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill_and_break(tmp_path)
    held = Held(monkeypatch, Follower, "bring_level")
    async with embedded_search(tmp_path, SETTINGS) as service:
        await ids_near(service, VECTORS[5])
        await held.begun.wait()
        deleting = asyncio.ensure_future(service.delete_collection(NAME, force=True))
        held.go_on()
        await deleting
        assert not list((tmp_path / "search" / "index").iterdir())
        with pytest.raises(NotFound):
            await ids_near(service, VECTORS[5])


async def test_collection_is_deleted_while_it_is_reindexed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with embedded_search(tmp_path, SearchSettings()) as service:
        await make(service)
        await put(service, document("a", axis(0)))
        held = Held(monkeypatch, ZvecIndex, "optimise")
        job = await service.create_job(JobRequest(NAME, ReindexWork()))
        await held.begun.wait()
        deleting = asyncio.ensure_future(service.delete_collection(NAME, force=True))
        held.go_on()
        await deleting
        states = [each.state async for each in service.watch_job(job.name)]
        assert states[-1] is JobState.FAILED
    assert not list((tmp_path / "search" / "index").iterdir())


async def test_searches_and_writes_do_not_wait_for_an_optimisation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch, ZvecIndex, "optimise")
    async with embedded_search(tmp_path, SearchSettings(optimize_after=100, optimize_at=100)) as service:
        await make(service)
        await put(service, *(document(f"d{row}", each) for row, each in enumerate(VECTORS)))
        await held.begun.wait()
        await put(service, document("new", axis(0)))
        await service.delete_documents(NAME, ["d5"])
        found = await ids_near(service, axis(0), top_k=1000)
        assert (found[0], len(found)) == ("new", 300)
        held.go_on()
