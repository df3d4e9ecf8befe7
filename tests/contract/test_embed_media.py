"""Texts, images and sounds share a batch, and several parts one vector: in this process and over gRPC alike."""

import asyncio
import base64
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from bucket_samples import bucket, s3_client
from embed_server import WAYS, reached
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from media_samples import clip, encoded, hum, picture
from tower_fakes import DIMENSION, IMAGES, RATE, SOUNDS, THREE, TowersInMemory, vector_of

from sensorium import context
from sensorium.context import CallContext
from sensorium.embed.batcher import BatchLimits
from sensorium.embed.fusion import fused
from sensorium.embed.parts import EmbeddedPart
from sensorium.embed.service import EmbedLimits, EmbedService
from sensorium.embed.work import Outputs
from sensorium.errors import (
    DeadlineExceeded,
    InvalidArgument,
    Reason,
    ResourceExhausted,
    SensoriumError,
    Unavailable,
)
from sensorium.model.content import Content, Media, Modality, Part
from sensorium.model.embedding import Embedding, EmbedOptions, EmbedRequest, EmbedRole, Fusion, OutputKind, Truncation
from sensorium.model.vector import DType
from sensorium.ports import Embedder
from sensorium.settings import InputSettings, ObjectStoreSettings

PHOTO, SOUND = encoded(picture()), clip(hum(0.2, RATE), RATE)
LONG_SOUND = clip(hum(1.0, RATE), RATE)
NO_NUMBERS = clip(np.full((9, 1), np.nan, np.float32), RATE, subtype="FLOAT")
QUEUE = 40


def text(words: str, weight: float = 1.0) -> Part:
    return Part(Modality.TEXT, words, weight)


def image(data: bytes = PHOTO, weight: float = 1.0) -> Part:
    return Part(Modality.IMAGE, Media(data=data), weight)


def sound(data: bytes = SOUND, weight: float = 1.0) -> Part:
    return Part(Modality.AUDIO, Media(data=data), weight)


@pytest.fixture
def towers() -> TowersInMemory:
    return TowersInMemory()


@pytest.fixture
def away() -> str:
    """Return the host and port of a server of our own that has gone."""
    with socket.create_server(("127.0.0.1", 0)) as closing:
        return f"127.0.0.1:{closing.getsockname()[1]}"


@pytest.fixture
async def service(towers: TowersInMemory, tmp_path: Path, away: str) -> AsyncIterator[EmbedService]:
    inputs = InputSettings(file_roots=(tmp_path,), queue_media=QUEUE, private_hosts=(away,))
    async with EmbedService(
        [THREE], towers, limits=EmbedLimits(), batch_limits=BatchLimits(), inputs=inputs, tokenizer_threads=1
    ) as service:
        yield service


@pytest.fixture(params=WAYS)
async def embedder(request: pytest.FixtureRequest, service: EmbedService) -> AsyncIterator[Embedder]:
    async with reached(service, request.param) as embedder:
        yield embedder


def call(*contents: Content | Part, **options: object) -> EmbedRequest:
    made = tuple(each if isinstance(each, Content) else Content((each,)) for each in contents)
    return EmbedRequest(made, options=EmbedOptions(**options))


async def vectors(embedder: Embedder, *contents: Content | Part, **options: object) -> list[np.ndarray]:
    results = (await embedder.embed(call(*contents, **options))).results
    return [result.dense.to_numpy() for result in results]


async def test_a_batch_mixes_modalities_and_keeps_its_order(embedder: Embedder) -> None:
    response = await embedder.embed(call(image(), text("hello"), sound(), image(), text("hello")))
    found = [result.dense.to_numpy() for result in response.results]
    assert np.array_equal(found[0], vector_of(IMAGES.decode(PHOTO).tensor))
    assert np.array_equal(found[2], vector_of(SOUNDS.decode(SOUND).tensor))
    assert np.array_equal(found[0], found[3])
    assert np.array_equal(found[1], found[4])
    assert [result.token_count for result in response.results] == [0, 3, 0, 0, 3]


async def test_usage_counts_parts_by_modality_and_weighs_them(embedder: Embedder) -> None:
    bad = image(b"no picture")
    usage = (await embedder.embed(call(Content((image(), text("a"))), sound(), sound(), text("b"), bad))).usage
    measures = {each.modality: (each.measure, each.weight) for each in usage.modalities}
    assert measures == {Modality.IMAGE: (1, 1), Modality.TEXT: (2, 1), Modality.AUDIO: (2, 2)}
    assert (usage.total, usage.token_count) == (7, 6)


async def test_parts_become_their_weighted_average_of_length_one(embedder: Embedder) -> None:
    parts = (text("hello", 0.5), image(weight=3), sound(weight=2))
    alone = await vectors(embedder, *parts)
    (joined,) = await vectors(embedder, Content(parts))
    mean = (0.5 * alone[0].astype(float) + 3.0 * alone[1] + 2.0 * alone[2]) / 5.5
    assert np.abs(joined - mean / np.linalg.norm(mean)).max() < 1e-6
    assert np.array_equal(joined, (await vectors(embedder, Content(parts), fusion=Fusion.AVERAGE))[0])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(5e-324, 1.7e308), min_size=2, max_size=6))
def test_any_weights_give_the_formula(weights: list[float]) -> None:
    rows = [vector_of(np.array([index])) for index in range(len(weights))]
    found = fused([EmbeddedPart(Outputs(row)) for row in rows], weights, EmbedOptions(), unit=True).dense.to_numpy()
    scale = max(weights)
    mean = sum(np.float64(weight / scale) * row.astype(np.float64) for weight, row in zip(weights, rows, strict=True))
    assert np.abs(found - mean / np.linalg.norm(mean)).max() < 1e-6


async def test_a_smaller_dimension_is_cut_from_the_average(embedder: Embedder) -> None:
    content = Content((text("hello"), image()))
    whole, cut = (
        (await vectors(embedder, content))[0],
        (await vectors(embedder, content, dimension=8))[0],
    )
    assert np.allclose(cut, whole[:8] / np.linalg.norm(whole[:8]), atol=1e-6)


@pytest.mark.parametrize("dtype", list(DType))
async def test_every_dtype_is_given_for_every_modality(embedder: Embedder, dtype: DType) -> None:
    exact = await vectors(embedder, image(), sound(), text("a"))
    for found, whole in zip(await vectors(embedder, image(), sound(), text("a"), dtype=dtype), exact, strict=True):
        assert found @ whole / np.linalg.norm(found) > 0.7


async def test_what_is_cut_is_told_or_refused(embedder: Embedder) -> None:
    contents = [sound(LONG_SOUND), text("word " * 15), Content((image(), sound(LONG_SOUND))), sound()]
    results = (await embedder.embed(call(*contents))).results
    assert [result.truncated for result in results] == [True, True, True, False]
    refused = (await embedder.embed(call(*contents, truncation=Truncation.REFUSE))).results
    assert [(error.field, error.metadata) for error in refused[:3]] == [
        ("contents[0].parts[0].audio", {"limit": "0.5", "actual": "1", "unit": "seconds"}),
        ("contents[1].parts[0].text", {"limit": "70", "actual": "75", "unit": "characters"}),
        ("contents[2].parts[1].audio", {"limit": "0.5", "actual": "1", "unit": "seconds"}),
    ]
    assert isinstance(refused[3], Embedding)


async def test_an_instruction_stands_before_texts_that_are_no_documents(embedder: Embedder) -> None:
    instructed = await vectors(embedder, text("cats"), image(), role=EmbedRole.QUERY, instruction="pets")
    assert np.array_equal(instructed[0], (await vectors(embedder, text("Find pets: cats")))[0])
    assert np.array_equal(instructed[1], (await vectors(embedder, image()))[0])
    document = await vectors(embedder, text("cats"), role=EmbedRole.DOCUMENT, instruction="pets")
    assert np.array_equal(document[0], (await vectors(embedder, text("cats")))[0])


BAD = [
    (Content(()), Reason.CONTENT_EMPTY, ""),
    (text(" "), Reason.CONTENT_EMPTY, ".parts[0].text"),
    (image(b""), Reason.CONTENT_EMPTY, ".parts[0].image"),
    (Part(Modality.IMAGE, Media()), Reason.CONTENT_EMPTY, ".parts[0].image"),
    (sound(clip(np.empty((0, 1), np.float32))), Reason.CONTENT_EMPTY, ".parts[0].audio"),
    (image(b"%PDF-1.7"), Reason.MEDIA_UNDECODABLE, ".parts[0].image"),
    (image(PHOTO[:60]), Reason.MEDIA_UNDECODABLE, ".parts[0].image"),
    (image(SOUND), Reason.MEDIA_UNDECODABLE, ".parts[0].image"),
    (sound(PHOTO), Reason.MEDIA_UNDECODABLE, ".parts[0].audio"),
    (image(bytes(20_001)), Reason.CONTENT_TOO_LONG, ".parts[0].image"),
    (image(encoded(picture(101, 100))), Reason.CONTENT_TOO_LONG, ".parts[0].image"),
    (Part(Modality.VIDEO, Media(data=b"x")), Reason.MODALITY_UNSUPPORTED, ".parts[0]"),
    (Part(Modality.IMAGE, Media(uri="http://127.0.0.1/a.jpg")), Reason.URI_REFUSED, ".parts[0].image"),
    (Part(Modality.IMAGE, Media(uri="file:///etc/passwd")), Reason.URI_REFUSED, ".parts[0].image"),
    (Part(Modality.IMAGE, Media(uri="s3://a/b")), Reason.URI_REFUSED, ".parts[0].image"),
    (Part(Modality.IMAGE, Media(uri="nonsense")), Reason.URI_REFUSED, ".parts[0].image"),
    (image(weight=0), Reason.FIELD_INVALID, ".parts[0].weight"),
    (Content((text("a"), image(weight=-1))), Reason.FIELD_INVALID, ".parts[1].weight"),
    (Content((text("a"), image(b"GIF89a"))), Reason.MEDIA_UNDECODABLE, ".parts[1].image"),
    (Content((text("a"),) * 17), Reason.TOO_MANY_ITEMS, ".parts"),
    (sound(bytes(100_001)), Reason.CONTENT_TOO_LONG, ".parts[0].audio"),
    (sound(clip(hum(0.1, 500), 500)), Reason.MEDIA_UNDECODABLE, ".parts[0].audio"),
    (sound(clip(hum(0.01, RATE, channels=65), RATE)), Reason.MEDIA_UNDECODABLE, ".parts[0].audio"),
    (sound(NO_NUMBERS), Reason.MEDIA_UNDECODABLE, ".parts[0].audio"),
    (Part(Modality.AUDIO, Media(uri="data:;base64,****")), Reason.URI_REFUSED, ".parts[0].audio"),
]
BAD_EVERY = 4  # a bad item stands at each fourth place, between good ones of every modality


async def test_bad_items_of_every_kind_leave_the_rest_of_a_hundred_alone(embedder: Embedder) -> None:
    contents: list[Content | Part] = [(text("good"), image(), sound())[index % 3] for index in range(100)]
    for index, (content, _, _) in enumerate(BAD):
        contents[BAD_EVERY * index] = content
    results = (await embedder.embed(call(*contents))).results
    for index, (_, reason, place) in enumerate(BAD):
        error = results[BAD_EVERY * index]
        assert isinstance(error, InvalidArgument)
        assert (error.reason, error.field) == (reason, f"contents[{BAD_EVERY * index}]{place}")
        assert error.message.startswith(error.field)
    good = [result for index, result in enumerate(results) if index % BAD_EVERY or index >= BAD_EVERY * len(BAD)]
    assert len(good) == 100 - len(BAD)
    assert all(isinstance(result, Embedding) for result in good)


def named(modality: Modality, content: bytes) -> Part:
    return Part(modality, Media(uri=f"data:;base64,{base64.b64encode(content).decode()}"))


@pytest.mark.parametrize(
    ("part", "limit", "actual", "unit"),
    [
        (image(bytes(20_001)), "20000", "20001", "bytes"),
        (named(Modality.IMAGE, bytes(20_001)), "20000", "20001", "bytes"),
        (image(encoded(picture(101, 100))), "10000", "10100", "pixels"),
        (sound(bytes(100_001)), "100000", "100001", "bytes"),
        (named(Modality.AUDIO, bytes(100_001)), "100000", "100001", "bytes"),
    ],
)
async def test_every_size_of_media_is_refused_beyond_its_limit(
    embedder: Embedder, part: Part, limit: str, actual: str, unit: str
) -> None:
    error, rest = (await embedder.embed(call(part, text("good")))).results
    assert isinstance(error, InvalidArgument)
    assert error.reason is Reason.CONTENT_TOO_LONG
    assert error.metadata == {"limit": limit, "actual": actual, "unit": unit}
    assert isinstance(rest, Embedding)


async def test_a_source_that_is_away_fails_its_items_alone(embedder: Embedder, away: str) -> None:
    gone = Media(uri=f"http://{away}/a")
    contents = [image(), Part(Modality.IMAGE, gone), Part(Modality.AUDIO, gone), Content((text("a"), image())), sound()]
    results = (await embedder.embed(call(*contents))).results
    for error in results[1:3]:
        assert isinstance(error, Unavailable)
        assert error.reason is Reason.BACKEND_UNAVAILABLE
    assert all(isinstance(results[index], Embedding) for index in (0, 3, 4))


async def test_a_picture_is_read_by_uri(embedder: Embedder, tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(PHOTO)
    by_uri = Part(Modality.IMAGE, Media(uri=f"file://{tmp_path}/photo"))
    inline, named = await vectors(embedder, image(), by_uri)
    assert np.array_equal(inline, named)


async def test_objects_are_read_from_buckets_that_are_named_and_fail_alone(towers: TowersInMemory) -> None:
    with bucket("photos") as endpoint:
        client = s3_client(endpoint)
        for key, body in (("a/photo.jpg", PHOTO), ("hum.wav", SOUND), ("large", bytes(IMAGES.max_bytes + 1))):
            client.put_object(Bucket="photos", Key=key, Body=body)
        store = ObjectStoreSettings(endpoint=endpoint, access_key_id="a", secret_access_key="b")
        inputs = InputSettings(stores={"s3://photos": store, "oss://photos": store})
        limits = EmbedLimits()
        async with EmbedService([THREE], towers, limits=limits, batch_limits=BatchLimits(), inputs=inputs) as service:
            named = [
                "s3://photos/a/photo.jpg",
                "s3://photos/none",
                "s3://other/a",
                "s3://photos/large",
                "gs://photos/a",
            ]
            parts = [Part(Modality.IMAGE, Media(uri=uri)) for uri in named]
            heard = Part(Modality.AUDIO, Media(uri="oss://photos/hum.wav"))
            results = (await service.embed(call(*parts, heard, image()))).results
    reasons = [getattr(result, "reason", None) for result in results]
    refused = [Reason.URI_REFUSED, Reason.URI_REFUSED, Reason.CONTENT_TOO_LONG, Reason.URI_REFUSED]
    assert reasons == [None, *refused, None, None]
    assert results[0] == results[6]
    assert [error.field for error in results[1:5]] == [f"contents[{index}].parts[0].image" for index in range(1, 5)]
    assert "SENSORIUM_INPUTS__STORES" in results[2].message


@pytest.mark.parametrize(
    ("options", "field", "supported"),
    [
        ({"fusion": Fusion.JOINT}, "options.fusion", "average"),
        ({"outputs": (OutputKind.SPARSE,)}, "options.outputs", "dense"),
        ({"outputs": (OutputKind.MULTI,)}, "options.outputs", "dense"),
        ({"dimension": 9}, "options.dimension", "8, 16"),
    ],
)
async def test_what_the_model_cannot_do_is_refused_with_what_it_can(
    embedder: Embedder, options: dict[str, object], field: str, supported: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await embedder.embed(call(image(), **options))
    assert (caught.value.reason, caught.value.field) == (Reason.OPTION_UNSUPPORTED, field)
    assert caught.value.metadata["supported"] == supported


async def test_a_tower_that_fails_fails_its_own_items_alone(embedder: Embedder, towers: TowersInMemory) -> None:
    towers.errors["image"] = Unavailable("loading", reason=Reason.MODEL_NOT_READY)
    results = (await embedder.embed(call(image(), text("a"), Content((text("a"), image()))))).results
    assert [getattr(result, "reason", None) for result in results] == [
        Reason.MODEL_NOT_READY,
        None,
        Reason.MODEL_NOT_READY,
    ]
    with pytest.raises(Unavailable):
        await embedder.embed(call(image(), image(b"no picture")))


async def test_many_pictures_travel_in_batches_the_model_takes(embedder: Embedder, towers: TowersInMemory) -> None:
    pictures = [image(encoded(picture(20 + index, 20))) for index in range(100)]
    found = await vectors(embedder, *pictures)
    assert np.array_equal(found[99], vector_of(IMAGES.decode(pictures[99].body.data).tensor))
    assert towers.rows["image"] == 100
    assert 1 < towers.largest["image"] <= 16


async def test_a_flood_of_pictures_is_refused_at_the_door(embedder: Embedder, towers: TowersInMemory) -> None:
    towers.held.clear()
    first = asyncio.create_task(embedder.embed(call(*[image()] * QUEUE)))
    await towers.asked.wait()
    with pytest.raises(ResourceExhausted) as caught:
        await embedder.embed(call(sound()))
    assert (caught.value.reason, caught.value.retry_after) == (Reason.QUEUE_FULL, 1.0)
    towers.held.set()
    assert len((await first).results) == QUEUE
    assert len((await embedder.embed(call(sound()))).results) == 1


async def test_the_deadline_ends_a_call_that_waits_for_the_model(embedder: Embedder, towers: TowersInMemory) -> None:
    towers.held.clear()
    with context.opened(CallContext(deadline=time.monotonic() + 0.2)), pytest.raises(DeadlineExceeded):
        await embedder.embed(call(image()))
    towers.held.set()
    assert len(await vectors(embedder, image())) == 1


async def test_a_call_that_is_given_up_leaves_its_room(service: EmbedService, towers: TowersInMemory) -> None:
    towers.held.clear()
    given_up = asyncio.create_task(service.embed(call(*[image()] * QUEUE)))
    await towers.asked.wait()
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    towers.held.set()
    assert len(await vectors(service, *[sound()] * QUEUE)) == QUEUE


async def test_the_model_says_what_it_takes(embedder: Embedder, towers: TowersInMemory) -> None:
    info = await embedder.model("three")
    assert info.modalities == (Modality.TEXT, Modality.IMAGE, Modality.AUDIO)
    assert (info.dimension, info.fusions, info.state) == (DIMENSION, (Fusion.AVERAGE,), "ready")
    towers.errors["audio"] = SensoriumError("down")
    assert (await embedder.model("three")).state == "loading"


async def test_vectors_that_cancel_out_have_no_average() -> None:
    row = vector_of(np.zeros(1))
    with pytest.raises(InvalidArgument) as caught:
        fused([EmbeddedPart(Outputs(row)), EmbeddedPart(Outputs(-row))], [1, 1], EmbedOptions(), unit=True)
    assert caught.value.reason is Reason.VECTOR_INVALID
