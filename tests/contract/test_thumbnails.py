"""Thumbnails are made once from the files of a version, the same here and over gRPC."""

import io
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from pathlib import Path

import pytest
from dataset_samples import NAME, V1, TaskRunner, in_folder, neighbours, reached
from memory_mesh import MemoryMesh
from PIL import Image

from sensorium.dataset import thumbnail_service
from sensorium.dataset.embedded import THUMBNAILS, embedded_datasets
from sensorium.dataset_ports import DatasetPorts
from sensorium.errors import InvalidArgument, NotFound, Reason, SensoriumError
from sensorium.model.dataset_job import ImportWork, JobSpec
from sensorium.model.dataset_names import FileName, file_id_of
from sensorium.settings import DatasetSettings


@dataclass
class World:
    ports: DatasetPorts
    folder: Path

    def name(self, path: str) -> FileName:
        return FileName(V1, file_id_of(f"file://{self.folder}/{path}"))

    async def take_in(self) -> None:
        job = await self.ports.jobs.create_job(JobSpec(V1, ImportWork()))
        async for _ in self.ports.jobs.watch_job(job.name):
            pass

    async def size(self, path: str, mode: str = "") -> tuple[int, int]:
        made = await self.ports.thumbnails.get_thumbnail(self.name(path), mode)
        picture = Image.open(io.BytesIO(made.data))
        assert (picture.format, picture.size, made.content_type) == ("JPEG", (made.width, made.height), "image/jpeg")
        return picture.size


@pytest.fixture(params=["local", "remote"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    memory, folder = MemoryMesh(), tmp_path / "data"
    folder.mkdir()
    Image.new("RGB", (60, 40), "red").save(folder / "a.png")
    Image.new("RGB", (200, 100), "red").save(folder / "large.png")
    (folder / "t.txt").write_text("words")
    settings = DatasetSettings(roots=(tmp_path,), retry_seconds=(), max_thumbnail_pixels=10_000)
    async with embedded_datasets(tmp_path / "state", settings, neighbours(memory), TaskRunner) as service:
        await service.datasets.create_dataset(NAME, in_folder(folder))
        await World(service, folder).take_in()
        async with reached(service, memory, remote=request.param == "remote") as ports:
            yield World(ports, folder)


async def refused(call: Awaitable[object]) -> tuple[type, Reason, str]:
    with pytest.raises(SensoriumError) as caught:
        await call
    return type(caught.value), caught.value.reason, caught.value.field


async def test_a_thumbnail_has_the_size_that_its_mode_says(world: World) -> None:
    assert await world.size("a.png") == (60, 40)
    assert await world.size("a.png", "w_30") == (30, 20)
    assert await world.size("a.png", "m_pad,w_30,h_30,color_112233") == (30, 30)


async def test_a_thumbnail_is_made_once_until_its_file_changes(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    thumbnail = thumbnail_service.thumbnail
    monkeypatch.setattr(
        thumbnail_service,
        "thumbnail",
        lambda *arguments: made.append(1) or thumbnail(*arguments),  # type: ignore[func-returns-value]
    )
    for _ in range(3):
        assert await world.size("a.png", "w_30") == (30, 20)
    assert len(made) == 1
    assert len(list((tmp_path / "state" / THUMBNAILS).glob("*/*"))) == 1
    Image.new("RGB", (30, 60), "blue").save(world.folder / "a.png")
    await world.take_in()
    assert await world.size("a.png", "w_30") == (30, 60)
    assert await world.size("a.png", "w_15") == (15, 30)
    assert len(made) == 3


async def test_what_has_no_thumbnail_says_why(world: World) -> None:
    get = world.ports.thumbnails.get_thumbnail
    assert await refused(get(world.name("a.png"), "huge")) == (InvalidArgument, Reason.FIELD_INVALID, "mode")
    assert await refused(get(world.name("t.txt"))) == (InvalidArgument, Reason.MODALITY_UNSUPPORTED, "")
    assert await refused(get(world.name("large.png"))) == (InvalidArgument, Reason.CONTENT_TOO_LONG, "")
    assert await refused(get(world.name("nothing.png"))) == (NotFound, Reason.RESOURCE_NOT_FOUND, "")
    (world.folder / "a.png").write_bytes(b"no picture any more")
    assert await refused(get(world.name("a.png"))) == (InvalidArgument, Reason.MEDIA_UNDECODABLE, "")
    (world.folder / "a.png").unlink()
    assert await refused(get(world.name("a.png"), "w_7")) == (NotFound, Reason.RESOURCE_NOT_FOUND, "")
