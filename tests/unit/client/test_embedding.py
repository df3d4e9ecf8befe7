"""Texts become an array, in order, however many there are."""

from pathlib import Path

import numpy as np
import pytest
from memory_mesh import MemoryMesh, count_letters

from sensorium import AsyncClient, Content, Modality, Part, audio, image
from sensorium.errors import InvalidArgument, NotFound, ResourceExhausted
from sensorium.model.content import Media
from sensorium.model.embedding import EmbedRole, Fusion, ModalityUsage, Priority, Usage
from sensorium.model.vector import DType


async def test_texts_become_rows_in_order(client: AsyncClient) -> None:
    embeddings = await client.embed(["abc", Content.of_text("zebra")])
    assert embeddings.vectors.dtype == np.float32
    assert np.array_equal(embeddings.vectors, [count_letters("abc"), count_letters("zebra")])
    assert (embeddings.model, embeddings.model_revision, len(embeddings)) == ("letters", "r1", 2)
    assert [each.token_count for each in embeddings] == [1, 1]


async def test_one_text_is_one_row(client: AsyncClient) -> None:
    assert (await client.embed("abc")).vectors.shape == (1, 26)


async def test_many_texts_are_sent_in_batches_and_come_back_as_one(client: AsyncClient, mesh: MemoryMesh) -> None:
    embeddings = await client.embed((letter * 3 for letter in "abcdefg"), batch_size=3)
    assert [len(request.contents) for request in mesh.embedder.requests] == [3, 3, 1]
    assert np.array_equal(embeddings.vectors.argmax(axis=1), range(7))
    assert embeddings.usage.token_count == 7
    assert embeddings.timings.inference_ms == 3


async def test_large_texts_are_cut_into_batches_by_their_bytes(client: AsyncClient, mesh: MemoryMesh) -> None:
    await client.embed(["a" * (5 << 20)] * 3)
    assert [len(request.contents) for request in mesh.embedder.requests] == [1, 1, 1]


async def test_a_text_that_fails_leaves_a_row_of_nan_and_its_error(client: AsyncClient) -> None:
    embeddings = await client.embed(["abc", " ", "xyz"])
    assert np.isnan(embeddings.vectors[1]).all()
    assert not np.isnan(embeddings.vectors[[0, 2]]).any()
    assert list(embeddings.errors) == [1]
    assert embeddings[0].dense is not None
    with pytest.raises(InvalidArgument, match="is blank"):
        embeddings[1]
    with pytest.raises(InvalidArgument, match="is blank"):
        embeddings.raise_for_errors()


async def test_vectors_are_empty_when_every_text_failed(client: AsyncClient) -> None:
    assert (await client.embed([" ", " "])).vectors.shape == (2, 0)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "binary"])
async def test_every_dtype_is_read_as_float32(client: AsyncClient, dtype: str) -> None:
    embeddings = await client.embed(["abc"], dtype=dtype)
    assert embeddings[0].dense is not None
    assert embeddings[0].dense.dtype == dtype
    assert embeddings.vectors.dtype == np.float32


async def test_options_reach_the_server(mesh: MemoryMesh) -> None:
    async with AsyncClient(connect=mesh.connect, workspace="mine") as client:
        await client.embed(
            ["abc"], model="letters", role="query", instruction="Find.", truncation="refuse", priority=Priority.BULK
        )
    (request,) = mesh.embedder.requests
    options = request.options
    assert (request.model, request.workspace, request.priority) == ("letters", "mine", Priority.BULK)
    assert (options.role, options.instruction, options.truncation) == (EmbedRole.QUERY, "Find.", "refuse")
    assert options.dtype is DType.FLOAT32


async def test_an_unknown_model_is_not_found(client: AsyncClient) -> None:
    with pytest.raises(NotFound):
        await client.embed(["abc"], model="none")


async def test_models_are_told(client: AsyncClient) -> None:
    assert [model.name for model in await client.models()] == ["letters"]
    assert (await client.model()).dimension == 26


async def test_a_full_server_is_asked_again_after_the_delay_that_it_named(
    client: AsyncClient, mesh: MemoryMesh
) -> None:
    mesh.embedder.errors = [ResourceExhausted("full", retry_after=0.001)] * 3
    assert (await client.embed(["abc"])).vectors.shape == (1, 26)


async def test_every_call_has_the_deadline_of_the_client(client: AsyncClient, mesh: MemoryMesh) -> None:
    await client.embed(["abc", "def"], batch_size=1)
    assert all(29 < (left or 0) <= 30 for left in mesh.embedder.deadlines)


async def test_images_and_sounds_are_bytes_files_here_or_uris(
    client: AsyncClient, mesh: MemoryMesh, tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(b"a photo")
    sources = [b"bytes", tmp_path / "a.jpg", str(tmp_path / "a.jpg"), "HTTPS://a.example/b.png", "s3://a/b", "data:,x"]
    await client.embed([image(source) for source in sources])
    assert [content.parts[0].body for content in mesh.embedder.requests[0].contents] == [
        Media(data=b"bytes"),
        Media(data=b"a photo"),
        Media(data=b"a photo"),
        Media(uri="HTTPS://a.example/b.png"),
        Media(uri="s3://a/b"),
        Media(uri="data:,x"),
    ]
    with pytest.raises(FileNotFoundError):
        image(tmp_path / "none.jpg")


async def test_parts_are_weighed_in_one_content(client: AsyncClient, mesh: MemoryMesh) -> None:
    content = Content((image(b"a", weight=2), audio(b"b"), Part.of_text("words")))
    await client.embed(content, fusion="average")
    (request,) = mesh.embedder.requests
    assert request.contents == (content,)
    assert [(part.modality, part.weight) for part in content.parts] == [("image", 2), ("audio", 1), ("text", 1)]
    assert request.options.fusion is Fusion.AVERAGE


def test_usage_of_several_calls_has_one_entry_for_each_modality() -> None:
    usages = [Usage(3, (ModalityUsage(Modality.IMAGE, 2, 1), ModalityUsage(Modality.AUDIO, 1, 2)))] * 2
    joined = Usage.joined(usages)
    assert (joined.token_count, joined.total, len(joined.modalities)) == (6, 8, 2)
