"""Sparse vectors, vectors of tokens, and texts read together with images: in this process and over gRPC alike."""

from collections.abc import AsyncIterator

import numpy as np
import pytest
from embed_server import WAYS, reached
from media_samples import encoded, picture
from tokenizers import Tokenizer
from tower_fakes import IMAGES, TOKENIZER, WHOLE, TowersInMemory, joint_row, token_vectors_of, vector_of

from sensorium.embed.batcher import BatchLimits
from sensorium.embed.service import EmbedLimits, EmbedService
from sensorium.errors import InvalidArgument, Reason, SensoriumError, Unavailable
from sensorium.model.content import Content, Media, Modality, Part
from sensorium.model.embedding import Embedding, EmbedOptions, EmbedRequest, Fusion, OutputKind
from sensorium.model.vector import DType
from sensorium.ports import Embedder

DENSE, SPARSE, MULTI = OutputKind.DENSE, OutputKind.SPARSE, OutputKind.MULTI
PHOTO = encoded(picture())
WORDS = "the beach and the sea"


def text(words: str = WORDS, weight: float = 1.0) -> Part:
    return Part(Modality.TEXT, words, weight)


def image(data: bytes = PHOTO, weight: float = 1.0) -> Part:
    return Part(Modality.IMAGE, Media(data=data), weight)


def ids_of(words: str) -> list[int]:
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    tokenizer.no_padding()
    return tokenizer.encode(words).ids


def read_together(words: str, data: bytes = PHOTO) -> np.ndarray:
    return vector_of(joint_row(ids_of(words), IMAGES.decode(data).tensor))


@pytest.fixture
def towers() -> TowersInMemory:
    return TowersInMemory()


@pytest.fixture
async def service(towers: TowersInMemory) -> AsyncIterator[EmbedService]:
    async with EmbedService([WHOLE], towers, limits=EmbedLimits(), batch_limits=BatchLimits()) as service:
        yield service


@pytest.fixture(params=WAYS)
async def embedder(request: pytest.FixtureRequest, service: EmbedService) -> AsyncIterator[Embedder]:
    async with reached(service, request.param) as embedder:
        yield embedder


async def results(
    embedder: Embedder, *contents: tuple[Part, ...], **options: object
) -> tuple[Embedding | SensoriumError, ...]:
    request = EmbedRequest(tuple(map(Content, contents)), options=EmbedOptions(**options))
    return (await embedder.embed(request)).results


async def test_a_text_gets_all_kinds_of_vectors_in_one_pass(embedder: Embedder, towers: TowersInMemory) -> None:
    (found,) = await results(embedder, (text(),), outputs=(DENSE, SPARSE, MULTI))
    ids = np.array(ids_of(WORDS))
    assert towers.rows == {"text": 1}
    assert np.array_equal(found.dense.to_numpy(), vector_of(ids))
    assert np.array_equal(found.multi.to_numpy(), token_vectors_of(ids))
    weighed = dict(zip(found.sparse.tokens, found.sparse.values.tolist(), strict=True))
    assert weighed == {"the": 1996 / 65_536, "and": 1998 / 65_536, "sea": 2712 / 65_536}
    assert found.sparse.indices.tolist() == [1996, 1998, 2712]


@pytest.mark.parametrize("kind", [SPARSE, MULTI])
async def test_what_is_not_asked_for_is_not_sent(embedder: Embedder, kind: OutputKind) -> None:
    (found,) = await results(embedder, (text(),), outputs=(kind,))
    assert found.dense is None
    assert (found.sparse is None) == (kind is MULTI)
    assert (found.multi is None) == (kind is SPARSE)


@pytest.mark.parametrize("dtype", list(DType))
async def test_vectors_of_tokens_come_in_every_type(embedder: Embedder, dtype: DType) -> None:
    (found,) = await results(embedder, (text(),), outputs=(MULTI,), dtype=dtype)
    expected = token_vectors_of(np.array(ids_of(WORDS)))
    assert (found.multi.dtype, found.multi.dimension, found.multi.count) == (dtype, 8, len(expected))
    assert len(found.multi.data) == dtype.size_bytes(8) * len(expected)
    shown = np.where(expected > 0, 1, -1) if dtype is DType.BINARY else expected
    assert np.allclose(found.multi.to_numpy(), shown, atol=0.01)


async def test_images_and_several_parts_have_dense_vectors_alone(embedder: Embedder) -> None:
    contents = [(image(),), (text(),), (text(), text("b")), (text(), image())]
    found = await results(embedder, *contents, outputs=(DENSE, SPARSE))
    assert [getattr(each, "reason", None) for each in found] == [
        Reason.OPTION_UNSUPPORTED,
        None,
        Reason.OPTION_UNSUPPORTED,
        Reason.OPTION_UNSUPPORTED,
    ]
    assert "sparse vectors of text and image" in found[3].message
    assert found[0].field == "contents[0]"


@pytest.mark.parametrize("fusion", [None, Fusion.JOINT])
async def test_a_text_and_an_image_are_read_together(
    embedder: Embedder, towers: TowersInMemory, fusion: Fusion | None
) -> None:
    contents = [(text(), image()), (image(), text("a cat")), (text(),)]
    first, second, alone = await results(embedder, *contents, fusion=fusion)
    assert np.array_equal(first.dense.to_numpy(), read_together(WORDS))
    assert np.array_equal(second.dense.to_numpy(), read_together("a cat"))
    assert np.array_equal(alone.dense.to_numpy(), vector_of(np.array(ids_of(WORDS))))
    assert (first.token_count, second.token_count) == (len(ids_of(WORDS)), 4)
    assert towers.rows == {"joint": 2, "text": 1}


async def test_the_average_is_taken_where_it_is_asked_for_or_nothing_else_fits(
    embedder: Embedder, towers: TowersInMemory
) -> None:
    asked = await results(embedder, (text(), image()), fusion=Fusion.AVERAGE)
    fitting = await results(embedder, (text(weight=2), image()), (text(), image(), image()), (text(), text("b")))
    assert all(isinstance(each, Embedding) for each in (*asked, *fitting))
    assert "joint" not in towers.rows


@pytest.mark.parametrize("parts", [(text(weight=2), image()), (text(), image(), image()), (image(), image())])
async def test_what_cannot_be_read_together_is_refused(embedder: Embedder, parts: tuple[Part, ...]) -> None:
    refused, fine = await results(embedder, parts, (text(), image()), fusion=Fusion.JOINT)
    assert isinstance(refused, InvalidArgument)
    assert (refused.reason, refused.field) == (Reason.OPTION_UNSUPPORTED, "contents[0]")
    assert "one text and one image of equal weights" in refused.message
    assert isinstance(fine, Embedding)


async def test_either_part_can_spoil_a_content_and_no_other(embedder: Embedder, towers: TowersInMemory) -> None:
    found = await results(embedder, (text(), image(b"none")), (text(""), image()), (text(), image()))
    assert [getattr(each, "reason", None) for each in found] == [Reason.MEDIA_UNDECODABLE, Reason.CONTENT_EMPTY, None]
    assert [each.field for each in found[:2]] == ["contents[0].parts[1].image", "contents[1].parts[0].text"]
    assert towers.rows == {"joint": 1}


async def test_many_pairs_travel_in_batches_the_model_takes(embedder: Embedder, towers: TowersInMemory) -> None:
    photos = [encoded(picture(20 + index, 20)) for index in range(70)]
    found = await results(embedder, *((text(f"number {index}"), image(each)) for index, each in enumerate(photos)))
    assert np.array_equal(found[69].dense.to_numpy(), read_together("number 69", photos[69]))
    assert towers.rows == {"joint": 70}
    assert towers.largest["joint"] <= 8


async def test_a_joint_tower_that_fails_fails_what_it_reads_alone(embedder: Embedder, towers: TowersInMemory) -> None:
    towers.errors["joint"] = Unavailable("loading", reason=Reason.MODEL_NOT_READY)
    joint, average, alone = await results(embedder, (text(), image()), (text(), text("b")), (image(),))
    assert joint.reason is Reason.MODEL_NOT_READY
    assert isinstance(average, Embedding)
    assert isinstance(alone, Embedding)


async def test_the_model_says_what_it_can(service: EmbedService) -> None:
    info = await service.model("whole")
    assert info.outputs == (DENSE, SPARSE, MULTI)
    assert info.fusions == (Fusion.JOINT, Fusion.AVERAGE)


async def test_usage_counts_both_parts(embedder: Embedder) -> None:
    request = EmbedRequest((Content((text(), image())),))
    usage = (await embedder.embed(request)).usage
    assert {each.modality: each.measure for each in usage.modalities} == {Modality.TEXT: 1, Modality.IMAGE: 1}
    assert usage.token_count == len(ids_of(WORDS))
