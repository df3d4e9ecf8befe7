"""Contents name objects of their workspace's connections: in one process, and with every role elsewhere."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from bucket_samples import bucket, oss_connection, s3_client, s3_connection
from dataset_samples import SECRET, TaskRunner, neighbours
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from key_ring import Keys
from media_samples import clip, encoded, hum, picture
from memory_mesh import MemoryMesh, MemorySearcher
from served_mesh import served
from tower_fakes import IMAGES, RATE, THREE, TowersInMemory

from sensorium import AsyncClient, Content, Document, Part, audio, image
from sensorium.client.connection import Endpoint, connect
from sensorium.dataset import object_service
from sensorium.dataset.embedded import embedded_datasets
from sensorium.dataset_ports import DatasetPorts, Objects
from sensorium.embed.batcher import BatchLimits
from sensorium.embed.service import EmbedLimits, EmbedService
from sensorium.errors import FailedPrecondition, InvalidArgument, PermissionDenied, Reason, SensoriumError, Unavailable
from sensorium.gateway.connected.asking import Asking
from sensorium.gateway.connected.embedder import ConnectedEmbedder
from sensorium.gateway.connected.objects import ConnectedObjects
from sensorium.gateway.connected.tagger import ConnectedTagger
from sensorium.gateway.keys.guard import KeyGuard
from sensorium.gateway.limits import Limits
from sensorium.gateway.searcher import EmbeddingSearcher
from sensorium.model.connection import ConnectionField, ConnectionSpec, ConnectionUpdate
from sensorium.model.dataset_names import ConnectionName
from sensorium.model.embedding import Calibration
from sensorium.model.tagging import TagDefinitionSpec, TagSpec
from sensorium.ports import Embedder, Guard, Searcher, Tagger
from sensorium.rpc.role_guard import OPEN
from sensorium.settings import DatasetSettings, InputSettings, ObjectStoreSettings, SearchSettings, TagSettings
from sensorium.tag.embedded import embedded_tagging

PHOTO, OTHER = encoded(picture()), encoded(picture(30, 40))
SOUND = clip(hum(0.2, RATE), RATE)
MOST_BYTES = 40_000
LARGE = bytes(3 << 20)
TAGGING = replace(
    THREE, info=replace(THREE.info, calibrations=tuple(Calibration(10, 0, each) for each in THREE.info.modalities))
)
TAGS = TagDefinitionSpec((TagSpec("bus"), TagSpec("dog")), threshold=0.0)


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """Return the endpoint of buckets whose names say who knows them."""
    with bucket("connected") as endpoint:
        client = s3_client(endpoint)
        for name in ("named", "sounds"):
            client.create_bucket(Bucket=name)
        for key, body in {
            "photo.png": PHOTO,
            "a b%20ü/photo.png": PHOTO,
            "mine/photo.png": PHOTO,
            "mine/deep/photo.png": OTHER,
            "empty": b"",
            "text": b"no picture",
            "too-large": bytes(IMAGES.max_bytes + 1),
            "larger": bytes(MOST_BYTES + 1),
            "large": LARGE,
        }.items():
            client.put_object(Bucket="connected", Key=key, Body=body)
        client.put_object(Bucket="named", Key="photo.png", Body=PHOTO)
        client.put_object(Bucket="sounds", Key="hum.wav", Body=SOUND)
        yield endpoint


@dataclass
class Watched:
    """Reads objects by others; the URIs that were asked for, and one that never comes."""

    objects: Objects
    asked: list[str] = field(default_factory=list)
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def read_object(self, workspace: str, uri: str, most: int) -> AsyncGenerator[bytes]:
        self.asked.append(uri)
        if uri.endswith("/never"):
            try:
                self.reached.set()
                await asyncio.Event().wait()
            finally:
                self.ended.set()
        async for chunk in self.objects.read_object(workspace, uri, most):
            yield chunk


@dataclass(frozen=True)
class Roles:
    """The services of a mesh, which a gateway reaches in its process or elsewhere."""

    embedder: Embedder
    searcher: Searcher
    tagger: Tagger
    datasets: DatasetPorts


@dataclass(frozen=True)
class Mesh:
    """What a gateway calls, what is behind it, and what objects were read."""

    reached: Roles
    behind: Roles
    watched: Watched

    @asynccontextmanager
    async def client(
        self, workspace: str = "default", *, guard: Guard = OPEN, key: str | None = None, seconds: float = 20
    ) -> AsyncIterator[AsyncClient]:
        """Serve the gateway and call it."""
        objects = ConnectedObjects(self.reached.datasets.objects, seconds=seconds, most_bytes=MOST_BYTES)
        asking = Asking(objects, at_once=4)
        embedder = ConnectedEmbedder(self.reached.embedder, asking)
        searcher = EmbeddingSearcher(embedder, self.reached.searcher, Limits.of(SearchSettings()))
        tagger = ConnectedTagger(self.reached.tagger, asking)
        async with (
            served(embedder, searcher, tagger, self.reached.datasets, guard=guard) as address,
            AsyncClient(address, workspace=workspace, api_key=key, timeout=30) as opened,
        ):
            yield opened

    async def connect(self, name: str, spec: ConnectionSpec, workspace: str = "default") -> None:
        await self.behind.datasets.connections.create_connection(ConnectionName(workspace, name), spec)


@pytest.fixture
async def behind(store: str, tmp_path: Path) -> AsyncIterator[Roles]:
    named = ObjectStoreSettings(endpoint=store, access_key_id="a", secret_access_key="b")
    service = EmbedService(
        [TAGGING],
        TowersInMemory(),
        limits=EmbedLimits(),
        batch_limits=BatchLimits(),
        inputs=InputSettings(stores={"s3://named": named}),
    )
    async with (
        service as embedder,
        embedded_tagging(tmp_path, TagSettings(), embedder) as tagger,
        embedded_datasets(tmp_path, DatasetSettings(), neighbours(MemoryMesh()), TaskRunner) as datasets,
    ):
        yield Roles(embedder, MemorySearcher(), tagger, datasets)


@pytest.fixture(params=["one process", "every role elsewhere"])
async def mesh(request: pytest.FixtureRequest, behind: Roles, store: str) -> AsyncIterator[Mesh]:
    watched = Watched(behind.datasets.objects)
    reached = replace(behind, datasets=replace(behind.datasets, objects=watched))
    async with AsyncExitStack() as exits:
        if request.param != "one process":
            address = await exits.enter_async_context(
                served(reached.embedder, reached.searcher, reached.tagger, reached.datasets)
            )
            there = await exits.enter_async_context(connect(Endpoint(address)))
            reached = Roles(there.embedder, there.searcher, there.tagger, there.datasets)
        made = Mesh(reached, behind, watched)
        await made.connect("photos", s3_connection(store, "connected"))
        yield made


elsewhere = pytest.mark.parametrize("mesh", ["every role elsewhere"], indirect=True)


async def reasons(client: AsyncClient, *contents: Part | Content) -> dict[int, tuple[type[SensoriumError], Reason]]:
    """Return what is wrong with each content that cannot be embedded."""
    errors = (await client.embed(contents)).errors
    assert all(error.field.startswith(f"contents[{place}]") for place, error in errors.items())
    assert not any(SECRET in error.message or "photo.png" in error.message for error in errors.values())
    return {place: (type(error), error.reason) for place, error in errors.items()}


async def test_an_object_is_embedded_as_its_bytes_are(mesh: Mesh, store: str) -> None:
    await mesh.connect("heard", oss_connection(store, "sounds"))
    uris = [image("s3://connected/photo.png"), image("s3://connected/a b%20ü/photo.png"), audio("OSS://sounds/hum.wav")]
    async with mesh.client() as client:
        found = await client.embed([*uris, image(PHOTO), audio(SOUND), "words"])
    assert np.array_equal(found.vectors[:3], found.vectors[[3, 3, 4]])
    assert {each.modality: each.measure for each in found.usage.modalities} == {"image": 3, "audio": 2, "text": 1}
    assert found.timings.total_ms > 0


async def test_objects_are_tagged(mesh: Mesh) -> None:
    async with mesh.client() as client:
        tagged = await client.tag(TAGS, [image("s3://connected/photo.png"), image(PHOTO), image("s3://other/a")])
        assert tagged[0] == tagged[1]
        assert tagged[0].tags
        assert tagged.errors[2].reason is Reason.URI_REFUSED
        await client.create_tag_definition("things", ["bus", "dog"], threshold=0.0)
        await client.update_tag_definition("things", tags=["bus"])
        by_the_first = await client.tag("things", image("s3://connected/photo.png"), version=1)
        assert {each.tag for each in by_the_first[0].tags} == {"bus", "dog"}
        assert (await client.tag("things", image("s3://connected/photo.png"))).version == 2


async def test_objects_are_written_and_looked_for(mesh: Mesh) -> None:
    async with mesh.client() as client:
        await client.create_collection("seen", model="three")
        documents = [
            Document("a", image("s3://connected/photo.png")),
            Document("b", image("s3://connected/none")),
            Document("c", image(OTHER)),
        ]
        report = await client.upsert("seen", documents)
        assert [(failed.id, failed.error.reason) for failed in report.errors] == [("b", Reason.URI_REFUSED)]
        assert report.errors[0].error.field == "documents[1].content.parts[0].image"
        for sought, first in (("s3://connected/photo.png", "a"), ("s3://connected/mine/deep/photo.png", "c")):
            hits = await client.search("seen", image(sought))
            assert hits[0].document.id == first
            assert hits[0].score == pytest.approx(1, abs=1e-5)
        with pytest.raises(InvalidArgument) as caught:
            await client.search("seen", image("s3://other/a"))
        assert (caught.value.reason, caught.value.field) == (Reason.URI_REFUSED, "query[0].content.parts[0].image")


async def test_a_batch_with_bad_objects_of_every_kind_gives_the_rest(mesh: Mesh, store: str) -> None:
    await mesh.connect("gone", s3_connection(store, "nowhere"))
    await mesh.connect("away", s3_connection("http://127.0.0.1:9", "silent"))
    bad = {
        "s3://connected/none": (InvalidArgument, Reason.URI_REFUSED),
        "s3://connected/": (InvalidArgument, Reason.URI_REFUSED),
        "s3://connected": (InvalidArgument, Reason.URI_REFUSED),
        "s3://connected/a/../photo.png": (InvalidArgument, Reason.URI_REFUSED),
        "s3://connected/a//photo.png": (InvalidArgument, Reason.URI_REFUSED),
        "oss://connected/photo.png": (InvalidArgument, Reason.URI_REFUSED),
        "s3://other/photo.png": (InvalidArgument, Reason.URI_REFUSED),
        "s3://named/none": (InvalidArgument, Reason.URI_REFUSED),
        "s3://nowhere/photo.png": (Unavailable, Reason.BACKEND_UNAVAILABLE),
        "s3://connected/empty": (InvalidArgument, Reason.CONTENT_EMPTY),
        "s3://connected/text": (InvalidArgument, Reason.MEDIA_UNDECODABLE),
        "s3://connected/too-large": (InvalidArgument, Reason.CONTENT_TOO_LONG),
        "s3://connected/larger": (InvalidArgument, Reason.CONTENT_TOO_LONG),
    }
    contents = [image(uri) for uri in bad] + [image("s3://connected/photo.png"), image("s3://named/photo.png")]
    async with mesh.client() as client:
        assert await reasons(client, *contents) == dict(enumerate(bad.values()))


@elsewhere
async def test_a_store_that_does_not_answer_fails_its_items_alone(mesh: Mesh) -> None:
    async with mesh.client(seconds=0.2) as client:
        assert await reasons(client, image("s3://connected/never"), image(PHOTO)) == {
            0: (Unavailable, Reason.BACKEND_UNAVAILABLE)
        }
    await mesh.watched.ended.wait()


async def test_a_workspace_never_reads_by_the_connections_of_another(mesh: Mesh, store: str) -> None:
    await mesh.connect("theirs", s3_connection(store, "sounds"), workspace="acme")
    async with mesh.client() as ours, mesh.client("acme") as theirs:
        sound, photo = audio("s3://sounds/hum.wav"), image("s3://connected/photo.png")
        refused = (InvalidArgument, Reason.URI_REFUSED)
        assert await reasons(ours, sound, photo) == {0: refused}
        assert await reasons(theirs, sound, photo) == {1: refused}
        told = (await theirs.embed([photo])).errors[0].message
        assert all(each in told for each in ("s3://connected", "workspaces/acme", "`sensorium connection create`"))
        tagged = await theirs.tag(TAGS, [photo, sound])
        assert list(tagged.errors) == [0]
        await theirs.create_collection("seen", model="three")
        with pytest.raises(InvalidArgument):
            await theirs.search("seen", photo)


@elsewhere
async def test_buckets_of_the_settings_go_first(mesh: Mesh) -> None:
    await mesh.connect("named", s3_connection("http://127.0.0.1:9", "named"))
    async with mesh.client() as client:
        assert await reasons(client, image("s3://named/photo.png")) == {}
    assert mesh.watched.asked == []


@elsewhere
async def test_the_connection_with_the_longest_prefix_reads(mesh: Mesh, store: str) -> None:
    def below(prefix: str, endpoint: str) -> ConnectionSpec:
        made = s3_connection(endpoint, "connected")
        return replace(made, configs={**made.configs, "prefix": prefix})

    await mesh.behind.datasets.connections.delete_connection(ConnectionName("default", "photos"))
    await mesh.connect("all", below("/mine/", "http://127.0.0.1:9"))
    await mesh.connect("deep", below("mine/deep", store))
    await mesh.connect("deep-too", below("mine/deep", "http://127.0.0.1:9"))
    async with mesh.client(seconds=0.5) as client:
        uris = ["photo.png", "mine/photo.png", "mine/deeper/photo.png", "mine/deep/photo.png"]
        assert await reasons(client, *[image(f"s3://connected/{uri}") for uri in uris]) == {
            0: (InvalidArgument, Reason.URI_REFUSED),
            1: (Unavailable, Reason.BACKEND_UNAVAILABLE),
            2: (Unavailable, Reason.BACKEND_UNAVAILABLE),
        }


@elsewhere
async def test_parts_of_several_buckets_become_one_vector(mesh: Mesh, store: str) -> None:
    await mesh.connect("heard", s3_connection(store, "sounds"))
    by_uri = ("s3://named/photo.png", "s3://connected/photo.png", "s3://sounds/hum.wav", "s3://connected/photo.png")
    kinds = (image, image, audio, image)
    named = Content((*(make(uri) for make, uri in zip(kinds, by_uri, strict=True)), Part.of_text("words")))
    inline = Content((image(PHOTO), image(PHOTO), audio(SOUND), image(PHOTO), Part.of_text("words")))
    async with mesh.client() as client:
        found = await client.embed([named, inline])
        missing = Content((*named.parts[:3], image("s3://connected/none")))
        error = (await client.embed(["words", missing])).errors[1]
    assert np.array_equal(*found.vectors)
    assert error.field == "contents[1].parts[3].image"


@elsewhere
async def test_the_bytes_of_all_parts_together_are_bounded(mesh: Mesh) -> None:
    photo = image("s3://connected/photo.png")
    whole, part_of_it = (clip(np.zeros((count, 1), np.float32), RATE) for count in (30_000, 19_950))
    assert len(whole) > MOST_BYTES > len(part_of_it) > MOST_BYTES - len(PHOTO)
    async with mesh.client() as client:
        found = await client.embed([Content((photo, audio(whole))), Content((photo, audio(part_of_it)))])
    for place, error in found.errors.items():
        assert (error.reason, error.field) == (Reason.CONTENT_TOO_LONG, f"contents[{place}].parts[0].image")
    assert len(found.errors) == 2
    assert len(mesh.watched.asked) == 1


async def test_a_read_ends_when_nobody_waits_for_it_any_more(mesh: Mesh) -> None:
    async with mesh.client(seconds=600) as client:
        waiting = asyncio.create_task(client.embed([image("s3://connected/never")]))
        await mesh.watched.reached.wait()
        waiting.cancel()
        await mesh.watched.ended.wait()
        with pytest.raises(asyncio.CancelledError):
            await waiting


@elsewhere
async def test_a_key_for_some_collections_reaches_no_connection(mesh: Mesh, keys: Keys) -> None:
    guard = KeyGuard(keys.ring, local=True)
    _, narrow = keys.make(workspace="default", collections=("seen",))
    _, wide = keys.make(workspace="default")
    photo = image("s3://connected/photo.png")
    async with mesh.client(guard=guard, key=narrow.text) as scoped, mesh.client(guard=guard, key=wide.text) as whole:
        assert await reasons(scoped, photo, image("s3://named/photo.png")) == {
            0: (PermissionDenied, Reason.PERMISSION_DENIED)
        }
        assert await reasons(whole, photo) == {}
    assert mesh.watched.asked == ["s3://connected/photo.png"]


@elsewhere
async def test_a_connection_is_used_as_it_is_now(mesh: Mesh, store: str) -> None:
    name, keep = ConnectionName("default", "photos"), mesh.behind.datasets.connections
    async with mesh.client(seconds=0.5) as client:
        photo = image("s3://connected/photo.png")
        assert await reasons(client, photo, photo) == {}
        silent = s3_connection("http://127.0.0.1:9", "connected")
        await keep.update_connection(ConnectionUpdate(name, silent, (ConnectionField.CONFIGS,)))
        assert await reasons(client, photo) == {0: (Unavailable, Reason.BACKEND_UNAVAILABLE)}
        half = replace(s3_connection(store, "connected"), secrets={"access_key_id": "a"})
        await keep.update_connection(ConnectionUpdate(name, half, (ConnectionField.CONFIGS, ConnectionField.SECRETS)))
        assert await reasons(client, photo) == {0: (FailedPrecondition, Reason.CONNECTION_UNUSABLE)}
        await keep.delete_connection(name)
        assert await reasons(client, photo) == {0: (InvalidArgument, Reason.URI_REFUSED)}


@elsewhere
async def test_more_connections_than_are_kept_open_are_read(
    mesh: Mesh, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_service, "MOST_OPENED", 1)
    await mesh.connect("heard", s3_connection(store, "sounds"))
    photo, sound = image("s3://connected/photo.png"), audio("s3://sounds/hum.wav")
    async with mesh.client() as client:
        assert await reasons(client, *[photo, sound] * 3) == {}


# --- The port ---------------------------------------------------------------------------------------------------------


async def read(mesh: Mesh, uri: str, most: int) -> list[bytes]:
    return [chunk async for chunk in mesh.reached.datasets.objects.read_object("default", uri, most)]


async def test_an_object_is_read_in_pieces_and_no_larger_than_is_wanted(mesh: Mesh) -> None:
    chunks = await read(mesh, "s3://connected/large", len(LARGE))
    assert b"".join(chunks) == LARGE
    assert max(map(len, chunks)) <= 1 << 20
    for most, reason in ((len(LARGE) - 1, Reason.CONTENT_TOO_LONG), (0, Reason.FIELD_INVALID)):
        with pytest.raises(InvalidArgument) as caught:
            await read(mesh, "s3://connected/large", most)
        assert caught.value.reason is reason


@pytest.fixture
async def objects(behind: Roles, store: str) -> Objects:
    created = behind.datasets.connections.create_connection
    await created(ConnectionName("default", "photos"), s3_connection(store, "connected"))
    return behind.datasets.objects


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.one_of(st.text(), st.text().map("s3://connected/{}".format)))
@example("s3://connected/a\0b")
@example("s3://connected/\ud800")
@example("s3://connected/a/./b")
@example("local:///etc/passwd")
async def test_no_uri_is_a_fault_of_ours(objects: Objects, uri: str) -> None:
    with pytest.raises((InvalidArgument, Unavailable)):
        async for _ in objects.read_object("default", uri, 1):
            pass
