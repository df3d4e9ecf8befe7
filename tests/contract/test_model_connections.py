"""Jobs and searches by models of connections do the same over gRPC as in this process, whatever their services do."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from dataset_samples import NAME, V1, TaskRunner, in_folder, neighbours, reached
from http_front import front
from memory_mesh import LETTERS as LETTER_MODEL
from memory_mesh import LetterEmbedder, MemoryMesh
from PIL import Image
from scripted_service import CUT, ScriptedService, scripted_service

from sensorium.dataset.embedded import embedded_datasets
from sensorium.dataset.jobs.indexing import collection_of
from sensorium.dataset_ports import DatasetPorts
from sensorium.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Reason,
    ResourceExhausted,
    SensoriumError,
    Unavailable,
    Unimplemented,
)
from sensorium.model.connection import (
    ConnectionField,
    ConnectionKind,
    ConnectionModel,
    ConnectionSpec,
    ConnectionUpdate,
    ModelKind,
    Validation,
)
from sensorium.model.content import Content, Media, Modality, Part
from sensorium.model.dataset_file import FileOrder
from sensorium.model.dataset_job import (
    ImportWork,
    IndexWork,
    Job,
    JobMode,
    JobSpec,
    JobState,
    ReconcileWork,
    TagWork,
    Work,
)
from sensorium.model.dataset_names import ConnectedModel, ConnectionName
from sensorium.model.file_search import FileSearchRequest
from sensorium.model.names import TagDefinitionName
from sensorium.model.search import QueryPart
from sensorium.model.tagging import TagDefinitionSpec, TagSpec
from sensorium.settings import DatasetSettings

SERVICE = ConnectionName("default", "elsewhere")
MODEL = str(ConnectedModel(SERVICE, LETTER_MODEL.name))
KEY = "sk-hunter2-is-no-key"
AAA = TagDefinitionName("default", "letters")


@dataclass
class World:
    ports: DatasetPorts
    memory: MemoryMesh
    folder: Path

    async def connect(self, base_url: str, kind: ConnectionKind = ConnectionKind.OPEN_AI, **configs: str) -> None:
        models = (ConnectionModel(LETTER_MODEL.name, ModelKind.EMBEDDING),)
        secrets = {"token" if kind is ConnectionKind.EAS else "api_key": KEY}
        spec = ConnectionSpec(kind, configs={"base_url": base_url, **configs}, secrets=secrets, models=models)
        await self.ports.connections.create_connection(SERVICE, spec)

    async def reconnect(self, **configs: str) -> None:
        found = await self.ports.connections.get_connection(SERVICE)
        spec = replace(found.spec, configs={**found.spec.configs, **configs})
        await self.ports.connections.update_connection(ConnectionUpdate(SERVICE, spec, (ConnectionField.CONFIGS,)))

    async def run(self, work: Work, mode: JobMode = JobMode.FULL) -> Job:
        job = await self.ports.jobs.create_job(JobSpec(V1, work, mode=mode))
        return [each async for each in self.ports.jobs.watch_job(job.name)][-1]

    async def imported(self, **texts: str) -> None:
        for name, text in texts.items():
            (self.folder / f"{name}.txt").write_text(text)
        await self.run(ImportWork())

    async def failures(self, job: Job) -> dict[str, SensoriumError]:
        page = await self.ports.jobs.list_job_files(job.name, 100, "")
        return {Path(each.uri).stem: each.error for each in page.items if each.error}

    async def found(self, text: str) -> list[str]:
        request = FileSearchRequest(V1, (QueryPart(Content.of_text(text)),), top_k=1)
        return [Path(hit.file.uri).stem for hit in (await self.ports.searches.search(request)).hits][:1]


@pytest.fixture(params=["local", "remote"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    memory, folder = MemoryMesh(), tmp_path / "data"
    folder.mkdir()
    settings = DatasetSettings(roots=(tmp_path,), retry_seconds=(0.01, 0.01), model_hosts=("127.0.0.1",))
    await memory.tagger.create_definition(AAA, TagDefinitionSpec((TagSpec("aaa"), TagSpec("bbb")), threshold=0.9))
    async with embedded_datasets(tmp_path / "state", settings, neighbours(memory), TaskRunner) as service:
        await service.datasets.create_dataset(NAME, in_folder(folder))
        async with reached(service, memory, remote=request.param == "remote") as ports:
            yield World(ports, memory, folder)


@pytest.fixture
async def service() -> AsyncIterator[ScriptedService]:
    async with scripted_service() as running:
        yield running


INDEX = IndexWork(connection=SERVICE)
# What a service does looks the same from both sides of the wire.
HERE = pytest.mark.parametrize("world", ["local"], indirect=True)


# --- A second mesh --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (ConnectionKind.OPEN_AI, "/v1"),
        (ConnectionKind.DASH_SCOPE, "/api/v1"),
        (ConnectionKind.EAS, "/api/predict/embeddings"),
    ],
    ids=str,
)
async def test_the_front_of_another_mesh_indexes_and_tags_files_and_embeds_what_is_looked_for(
    world: World, kind: ConnectionKind, path: str
) -> None:
    there = LetterEmbedder()
    async with front(there) as mesh:
        await world.connect(f"{mesh.url}{path}/", kind)
        await world.imported(a="aaaa", b="bbb bb", c="ccc")
        indexed = await world.run(INDEX)
        assert (indexed.state, indexed.succeeded_count, indexed.error) == (JobState.SUCCEEDED, 3, None)
        assert indexed.spec.work == replace(INDEX, model=LETTER_MODEL.name)
        assert await world.found("b b b") == ["b"]
        tagged = await world.run(TagWork(AAA, connection=SERVICE))
        assert (tagged.state, tagged.succeeded_count) == (JobState.SUCCEEDED, 3)
    files = await world.ports.files.list_files(V1, 10, "", order=FileOrder())
    assert {each.file_name: each.tags.effective for each in files.items} == {
        "a.txt": ("aaa",), "b.txt": ("bbb",), "c.txt": (),
    }  # fmt: skip
    assert files.items[0].tags.algorithm[0].model == MODEL
    assert world.memory.embedder.requests == []
    assert (await world.memory.store.get_collection(collection_of(V1))).model == MODEL


async def test_images_go_to_a_service_that_takes_them(world: World) -> None:
    async with front() as mesh:
        await world.connect(f"{mesh.url}/v1", modalities="text, image")
        Image.new("RGB", (3, 2)).save(world.folder / "i.png")
        await world.imported(a="aaaa")
        job = await world.run(IndexWork(mesh.embedder.info.name, connection=SERVICE))
        assert (job.state, await world.failures(job)) == (JobState.SUCCEEDED, {})
        [image] = [each for each in mesh.embedder.requests if each.contents[0].parts[0].modality is Modality.IMAGE]
        encoded = base64.b64encode((world.folder / "i.png").read_bytes()).decode()
        sent = Media(uri=f"data:image/png;base64,{encoded}")
        assert image.contents == (Content((Part(Modality.IMAGE, sent),)),)


async def test_files_that_a_service_does_not_take_fail_alone(world: World, service: ScriptedService) -> None:
    await world.connect(service.base_url)
    Image.new("RGB", (3, 2)).save(world.folder / "i.png")
    await world.imported(a="aaaa")
    job = await world.run(INDEX)
    assert (job.state, job.succeeded_count, job.failed_count) == (JobState.PARTIAL_FAILED, 1, 1)
    assert (await world.failures(job))["i"].reason is Reason.MODALITY_UNSUPPORTED


async def test_an_incremental_job_by_a_connection_leaves_what_it_has_done(
    world: World, service: ScriptedService
) -> None:
    await world.connect(service.base_url)
    await world.imported(a="aaaa", b="bbb")
    await world.run(INDEX)
    await world.run(TagWork(AAA, connection=SERVICE))
    asked = len(service.asked)
    await world.imported(c="ccc")
    assert (await world.run(INDEX, JobMode.INCREMENTAL)).total_count == 1
    assert (await world.run(TagWork(AAA, connection=SERVICE), JobMode.INCREMENTAL)).total_count == 1
    assert [body["input"] for *_, body in service.asked[asked:]] == [["ccc"], ["ccc"]]
    assert (await world.run(TagWork(AAA), JobMode.INCREMENTAL)).total_count == 3  # This mesh has tagged none.


async def test_reconciling_embeds_what_is_missing_by_the_connection(world: World, service: ScriptedService) -> None:
    await world.connect(service.base_url)
    await world.imported(a="aaaa", b="bbb")
    await world.run(INDEX)
    await world.memory.store.delete_collection(collection_of(V1), force=True)
    assert (await world.run(ReconcileWork())).state is JobState.SUCCEEDED
    assert await world.found("bb") == ["b"]
    assert world.memory.embedder.requests == []


# --- What services do wrong -----------------------------------------------------------------------------------------


@HERE
@pytest.mark.parametrize(
    "fault",
    [(429, {"Retry-After": "0"}, b""), (503, {}, b"busy"), (500, {}, b""), CUT],
    ids=["429", "503", "500", "cut connection"],
)
async def test_a_job_repeats_what_goes_by(
    world: World, service: ScriptedService, fault: tuple[int, dict[str, str], bytes] | str
) -> None:
    await world.connect(service.base_url, dimension="26")
    await world.imported(a="aaaa", b="bbb")
    service.script = [fault, fault]
    job = await world.run(INDEX)
    assert (job.state, job.succeeded_count) == (JobState.SUCCEEDED, 2)
    assert len(service.asked) == 3


@HERE
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ((500, {}, b""), Reason.BACKEND_UNAVAILABLE),
        ((429, {"Retry-After": "86400"}, b""), Reason.RATE_LIMITED),
        (CUT, Reason.BACKEND_UNAVAILABLE),
    ],
    ids=["500", "429 for a day", "cut connection"],
)
async def test_a_job_rests_while_a_service_is_away_and_goes_on_after(
    world: World, service: ScriptedService, fault: tuple[int, dict[str, str], bytes] | str, reason: Reason
) -> None:
    await world.connect(service.base_url, dimension="26")
    await world.imported(a="aaaa", b="bbb")
    service.script = [fault] * 9
    job = await world.run(INDEX)
    assert job.error
    assert (job.state, job.failed_count, job.error.reason) == (JobState.PAUSED, 0, reason)
    service.script = []
    await world.ports.jobs.resume_job(job.name)
    ended = [each async for each in world.ports.jobs.watch_job(job.name)][-1]
    assert (ended.state, ended.succeeded_count) == (JobState.SUCCEEDED, 2)


@HERE
async def test_a_service_that_is_not_there_is_said_when_a_job_is_created(world: World) -> None:
    await world.connect("http://127.0.0.1:1/v1")
    await world.imported(a="aaaa")
    with pytest.raises(Unavailable, match="elsewhere cannot be reached"):
        await world.run(INDEX)


@HERE
async def test_a_content_that_a_service_refuses_fails_alone(world: World, service: ScriptedService) -> None:
    await world.connect(service.base_url)
    await world.imported(**{name: name * 3 for name in "abcdefgh"})
    service.refused = {"ccc"}
    job = await world.run(INDEX)
    assert (job.state, job.succeeded_count, job.failed_count) == (JobState.PARTIAL_FAILED, 7, 1)
    fault = (await world.failures(job))["c"]
    assert fault.reason is Reason.CONTENT_REFUSED
    assert '400: {"error": {"message": "this text\\nis not good"}}' in fault.message


@HERE
async def test_vectors_of_another_dimension_fail_file_by_file(world: World, service: ScriptedService) -> None:
    await world.connect(service.base_url)
    await world.imported(a="aaaa", b="bbb")
    await world.run(INDEX)
    whole = service.embed
    service.embed = lambda text: whole(text)[: 25 if "b" in text else None]
    job = await world.run(INDEX)
    assert (job.state, job.succeeded_count) == (JobState.PARTIAL_FAILED, 1)
    fault = (await world.failures(job))["b"]
    assert (fault.reason, fault.metadata) == (Reason.DIMENSION_MISMATCH, {"expected": "26", "actual": "25"})


@HERE
async def test_vectors_without_a_direction_fail_file_by_file(world: World, service: ScriptedService) -> None:
    await world.connect(service.base_url)
    await world.imported(a="aaaa", b="1234")  # No letters: zeros.
    job = await world.run(INDEX)
    assert (await world.failures(job))["b"].reason is Reason.CONTENT_REFUSED


@HERE
@pytest.mark.parametrize(
    "reply",
    [(401, {}, KEY.encode()), (404, {}, b"no such model"), (302, {"Location": "http://169.254.169.254"}, b""),
     (200, {}, b"<html>"), (200, {}, b'{"data": [{"index": 7, "embedding": [1]}]}')],
    ids=["401", "404", "redirect", "no JSON", "a place beyond"],
)  # fmt: skip
async def test_a_service_that_cannot_be_used_ends_a_job_with_its_reason(
    world: World, service: ScriptedService, reply: tuple[int, dict[str, str], bytes]
) -> None:
    await world.connect(service.base_url, dimension="26")
    await world.imported(a="aaaa")
    service.script = [reply]
    job = await world.run(INDEX)
    assert job.error
    assert (job.state, job.error.reason) == (JobState.FAILED, Reason.CONNECTION_UNUSABLE)
    assert len(service.asked) == 1


@HERE
async def test_a_key_is_sent_and_stands_in_no_error_and_no_log_line(
    world: World, service: ScriptedService, capfd: pytest.CaptureFixture[str]
) -> None:
    await world.connect(service.base_url, dimension="26")
    await world.imported(a="aaaa")
    service.script = [(422, {}, f"your key {KEY} is odd".encode())]
    job = await world.run(INDEX)
    assert service.asked[0][:2] == ("/v1/embeddings", f"Bearer {KEY}")
    told = capfd.readouterr()
    fault = (await world.failures(job))["a"]
    assert "your key *** is odd" in fault.message
    assert KEY not in f"{job} {fault.message} {fault.metadata} {told.out} {told.err}"


async def test_pai_eas_gets_its_token_bare(world: World, service: ScriptedService) -> None:
    service.script = [(200, {}, b'{"status_code": 401, "message": ["no"]}')]
    await world.connect(service.base_url, ConnectionKind.EAS)
    await world.imported(a="aaaa")
    with pytest.raises(FailedPrecondition, match="401: no"):
        await world.run(INDEX)
    assert service.asked[0][:2] == ("/v1", KEY)


async def test_a_search_waits_for_no_repeat(world: World, service: ScriptedService) -> None:
    await world.connect(service.base_url)
    await world.imported(a="aaaa")
    await world.run(INDEX)
    asked, service.script = len(service.asked), [(429, {"Retry-After": "7"}, b"")]
    with pytest.raises(ResourceExhausted) as caught:
        await world.found("a")
    assert (caught.value.retry_after, len(service.asked)) == (7.0, asked + 1)


# --- What connections may be ----------------------------------------------------------------------------------------


async def test_a_connection_is_kept_while_a_version_is_indexed_by_it(world: World, service: ScriptedService) -> None:
    await world.connect(service.base_url)
    await world.imported(a="aaaa")
    await world.run(INDEX)
    with pytest.raises(FailedPrecondition) as caught:
        await world.ports.connections.delete_connection(SERVICE)
    assert (caught.value.reason, caught.value.metadata) == (Reason.RESOURCE_IN_USE, {"resource": str(NAME)})


async def test_a_connection_that_moved_is_another_model_unless_it_says_its_revision(
    world: World, service: ScriptedService
) -> None:
    await world.connect(service.base_url)
    await world.imported(a="aaaa")
    await world.run(INDEX)
    before = (await world.memory.store.get_collection(collection_of(V1))).model_revision
    await world.reconnect(base_url=f"{service.base_url}/moved")
    with pytest.raises(FailedPrecondition, match=f"revision={before}") as caught:
        await world.run(INDEX)
    assert caught.value.reason is Reason.MODEL_MISMATCH
    with pytest.raises(FailedPrecondition, match="holds vectors of"):
        await world.found("a")
    await world.reconnect(base_url=f"{service.base_url}/moved", revision=before)
    assert (await world.run(INDEX)).state is JobState.SUCCEEDED
    assert await world.found("a") == ["a"]


async def test_a_version_of_one_model_is_not_indexed_by_another(world: World, service: ScriptedService) -> None:
    await world.connect(service.base_url)
    await world.imported(a="aaaa")
    await world.run(IndexWork())
    with pytest.raises(FailedPrecondition, match="another model needs another version"):
        await world.run(INDEX)


async def test_relevance_is_told_by_the_calibration_that_a_connection_states(
    world: World, service: ScriptedService
) -> None:
    await world.connect(service.base_url)
    await world.imported(a="aaaa")
    await world.run(INDEX)
    request = FileSearchRequest(V1, (QueryPart(Content.of_text("a")),), top_k=1)
    assert (await world.ports.searches.search(request)).hits[0].relevance is None
    await world.reconnect(calibration_text="20, -10")
    assert (await world.ports.searches.search(request)).hits[0].relevance == pytest.approx(1, abs=1e-4)


async def test_a_connection_is_tried_by_embedding_a_word(world: World, service: ScriptedService) -> None:
    await world.connect(service.base_url)
    assert await world.ports.connections.validate_connection(Validation("default", SERVICE)) is None
    service.script = [(401, {}, b"")]
    fault = await world.ports.connections.validate_connection(Validation("default", SERVICE))
    assert fault
    assert fault.reason is Reason.CONNECTION_UNUSABLE
    assert [body["input"] for *_, body in service.asked] == [["dimension"], ["dimension"]]


@HERE
@pytest.mark.parametrize(
    ("configs", "field"),
    [
        ({"base_url": "http://example.com/v1"}, "base_url"),
        ({"base_url": "http://127.0.0.1/v1?key=1"}, "base_url"),
        ({"dimension": "0"}, "dimension"),
        ({"batch_size": "many"}, "batch_size"),
        ({"modalities": "text,smell"}, "modalities"),
        ({"calibration_image": "1"}, "calibration_image"),
        ({"calibration_audio": "-1,0"}, "calibration_audio"),
    ],
)
async def test_configs_without_a_meaning_are_refused(world: World, configs: dict[str, str], field: str) -> None:
    given = {name: value for name, value in configs.items() if name != "base_url"}
    with pytest.raises(InvalidArgument) as caught:
        await world.connect(configs.get("base_url", "http://127.0.0.1/v1"), ConnectionKind.OPEN_AI, **given)
    assert caught.value.field == f"connection.configs['{field}']"


async def test_only_hosts_that_the_settings_allow_are_called(world: World) -> None:
    with pytest.raises(InvalidArgument, match="SENSORIUM_DATASET__MODEL_HOSTS") as caught:
        await world.connect("http://169.254.169.254/v1")
    assert caught.value.reason is Reason.URI_REFUSED


async def test_connections_that_do_not_embed_are_refused(world: World) -> None:
    await world.imported(a="aaaa")
    with pytest.raises(NotFound):
        await world.run(INDEX)
    disk = ConnectionSpec(ConnectionKind.LOCAL, configs={"root": str(world.folder)})
    await world.ports.connections.create_connection(SERVICE, disk)
    with pytest.raises(InvalidArgument, match="local do not embed"):
        await world.run(INDEX)
    with pytest.raises(InvalidArgument, match="local is no vector database"):
        await world.run(IndexWork(database=SERVICE))
    with pytest.raises(InvalidArgument, match="without a connection"):
        await world.run(TagWork(AAA, model="letters"))
    other = ConnectionName("other", "elsewhere")
    with pytest.raises(InvalidArgument, match="is not of workspaces/default"):
        await world.run(IndexWork(connection=other))


async def test_a_database_connection_may_name_the_embedded_engine_alone(world: World) -> None:
    await world.imported(a="aaaa")
    for identifier, kind, configs in (
        ("inside", ConnectionKind.EMBEDDED, {}),
        ("milvus", ConnectionKind.MILVUS, {"uri": "http://127.0.0.1"}),
    ):
        name = ConnectionName("default", identifier)
        await world.ports.connections.create_connection(name, ConnectionSpec(kind, configs=configs))
    inside = IndexWork(database=ConnectionName("default", "inside"))
    assert (await world.run(inside)).state is JobState.SUCCEEDED
    with pytest.raises(Unimplemented, match="milvus keeps no vectors yet"):
        await world.run(IndexWork(database=ConnectionName("default", "milvus")))
