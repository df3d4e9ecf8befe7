"""A dataset of photos, sounds and texts on a real mesh, whose jobs embed all by its own models or by a connection."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from mesh_process import ROOT, MeshProcess

from sensorium import Client, audio, image
from sensorium.cli.samples import SampleSet
from sensorium.client.queries import Query
from sensorium.model.dataset_job import ImportWork, IndexWork, Job, JobState, TagWork, Work
from sensorium.model.dataset_names import ConnectionName
from sensorium.model.names import TagDefinitionName

MODEL = "starter-trimodal-v1"
MEDIA = SampleSet(ROOT / "samples").media()
BUSES = [medium.path for medium in MEDIA if medium.kind == "photo" and medium.id in {"photo-252639", "photo-568290"}]
PIZZA = [medium.path for medium in MEDIA if medium.id == "photo-121647"]
DOGS = [medium.path for medium in MEDIA if medium.title == "dog bark"][:2]
CLOCKS = [medium.path for medium in MEDIA if medium.title == "clock tick"][:2]
TEXTS = {"bus.txt": "A bus drives through the city.", "tax.txt": "How to file a tax return."}
# The model's card has intercepts of its own for names that its data know, a connection has none: so these it does not.
TAGS = ("bus", "pizza pie", "barking dog", "ticking clock")
DEFINITION = TagDefinitionName("default", "media")


@pytest.fixture(scope="module")
def folder(starter_mesh: MeshProcess) -> Path:
    """A folder of photos, sounds and texts that the mesh may read."""
    place = starter_mesh.log.parent / "files"
    place.mkdir()
    for path in (*BUSES, *PIZZA, *DOGS, *CLOCKS):
        shutil.copy(path, place)
    for name, text in TEXTS.items():
        (place / name).write_text(text)
    return place


@pytest.fixture(scope="module")
def client(starter_mesh: MeshProcess) -> Iterator[Client]:
    with Client(starter_mesh.grpc_address) as opened:
        opened.create_tag_definition(DEFINITION.id, TAGS, model=MODEL, threshold=0.5)
        yield opened


def run(client: Client, dataset: str, work: Work) -> Job:
    started = client.datasets.start(dataset, work)
    return list(client.datasets.watch(str(started.name)))[-1]


def found(client: Client, dataset: str, query: Query, count: int) -> set[str]:
    return {hit.file.file_name for hit in client.datasets.search(dataset, query, top_k=count).hits}


def names(*paths: Path) -> set[str]:
    return {path.name for path in paths}


def tagged(client: Client, dataset: str) -> dict[str, tuple[str, ...]]:
    return {file.file_name: file.tags.effective for file in client.datasets.files(dataset)}


def filled(client: Client, dataset: str, folder: Path, connection: ConnectionName | None = None) -> None:
    """Import, tag and index the folder by jobs."""
    client.datasets.create(dataset, uri=f"file://{folder}")
    for work in (
        ImportWork(),
        TagWork(DEFINITION, connection=connection),
        IndexWork(MODEL, connection=connection),
    ):
        job = run(client, dataset, work)
        assert (job.state, job.succeeded_count, job.error) == (JobState.SUCCEEDED, 9, None), work


def test_photos_sounds_and_texts_are_tagged_and_found_by_one_another(client: Client, folder: Path) -> None:
    filled(client, "media", folder)
    given = tagged(client, "media")
    assert {name for name, tags in given.items() if tags == ("bus",)} >= {"bus.txt", *names(*BUSES)}
    assert all(given[path.name] == ("ticking clock",) for path in CLOCKS)
    assert found(client, "media", "a bus in the city", 3) == {"bus.txt", *names(*BUSES)}
    assert found(client, "media", image(BUSES[0]), 2) == names(*BUSES)
    assert found(client, "media", audio(CLOCKS[0]), 2) == names(*CLOCKS)
    sounds = client.datasets.search("media", "a ticking clock", filter='FileType = "audio"', top_k=2)
    assert {hit.file.file_name for hit in sounds.hits} == names(*CLOCKS)
    assert all(hit.relevance is not None for hit in sounds.hits)


def test_a_connection_to_the_front_of_a_mesh_does_what_its_models_do(
    client: Client, folder: Path, starter_mesh: MeshProcess
) -> None:
    fitted = {
        f"calibration_{each.modality}": f"{each.slope},{each.intercept}" for each in client.model(MODEL).calibrations
    }
    configs = {"base_url": f"http://{starter_mesh.http_address}/v1", "modalities": "text,image,audio", **fitted}
    made = client.datasets.create_connection("front", "open_ai", configs=configs, models=[MODEL])
    assert client.datasets.check_connection("front") is None
    filled(client, "own", folder)
    filled(client, "connected", folder, made.name)
    assert tagged(client, "connected") == tagged(client, "own")
    for query in ("a bus in the city", image(BUSES[0]), audio(CLOCKS[0])):
        ours, theirs = (client.datasets.search(each, query).hits for each in ("own", "connected"))
        assert [hit.file.file_name for hit in theirs] == [hit.file.file_name for hit in ours]
        assert [hit.score for hit in theirs] == pytest.approx([hit.score for hit in ours], abs=2e-3)
        assert [hit.relevance for hit in theirs] == pytest.approx([hit.relevance for hit in ours], abs=2e-2)
