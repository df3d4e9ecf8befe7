"""Texts, images and sounds through the whole mesh: embedded, found and tagged by a model of three towers."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dashscope
import numpy as np
import pytest
from bucket_samples import bucket, s3_client, s3_connection
from media_samples import clip, encoded, hum, picture
from mesh_process import MeshProcess
from PIL import Image
from tiny_model import NAME, WHOLE, write_repository

from sensorium import Client, Content, Document, Part, audio, image
from sensorium.errors import Reason
from sensorium.model.embedding import OutputKind
from sensorium.model.tagging import TagDefinitionSpec, TagSpec

RED, BLUE = (encoded(Image.new("RGB", (60, 40), colour), "JPEG") for colour in ("red", "blue"))
GRADIENT = encoded(picture(320, 240), "WEBP")
HUM, FADING = clip(hum(1.0)), clip(hum(1.0) * np.linspace(1, 0, 16_000)[:, None].astype(np.float32), kind="FLAC")


@pytest.fixture(scope="module")
def media_mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeshProcess]:
    """A mesh whose default model takes texts, images and sounds."""
    folder = tmp_path_factory.mktemp("media")
    (folder / "photos").mkdir()
    (folder / "photos" / "red.jpg").write_bytes(RED)
    repository = write_repository(folder / "models")
    running = MeshProcess.start(
        folder,
        SENSORIUM_TRITON__MODEL_REPOSITORY=str(repository),
        SENSORIUM_EMBED__MODELS=f'["{NAME}", "{WHOLE}"]',
        SENSORIUM_INPUTS__FILE_ROOTS=f'["{folder / "photos"}"]',
    ).wait_serving()
    yield running
    assert running.stop() == 0


@pytest.fixture
def client(media_mesh: MeshProcess) -> Iterator[Client]:
    with Client(media_mesh.grpc_address) as opened:
        yield opened


def test_a_mixed_batch_gives_one_vector_each_in_one_space(client: Client, media_mesh: MeshProcess) -> None:
    by_uri = f"file://{media_mesh.log.parent}/photos/red.jpg"
    found = client.embed(["words", image(RED), audio(HUM), image(by_uri), image(b"no picture"), image(BLUE)])
    assert found.errors[4].reason is Reason.MEDIA_UNDECODABLE
    vectors = found.vectors
    assert vectors.shape == (6, 384)
    assert np.allclose(np.linalg.norm(vectors[[0, 1, 2, 3, 5]], axis=1), 1, atol=1e-5)
    assert np.array_equal(vectors[1], vectors[3])
    assert not np.allclose(vectors[1], vectors[5], atol=0.1)
    assert found.usage.total == 1 + 3 + 2


BAD = {
    image(b""): Reason.CONTENT_EMPTY,
    image(GRADIENT[:100]): Reason.MEDIA_UNDECODABLE,
    image(HUM): Reason.MEDIA_UNDECODABLE,
    audio(RED): Reason.MEDIA_UNDECODABLE,
    audio(clip(hum(0.1, 500), 500)): Reason.MEDIA_UNDECODABLE,
    audio(clip(np.empty((0, 1), np.float32))): Reason.CONTENT_EMPTY,
    image("http://127.0.0.1/a.jpg"): Reason.URI_REFUSED,
    audio("file:///etc/passwd"): Reason.URI_REFUSED,
    image("data:;base64,****"): Reason.URI_REFUSED,
    Part.of_text(" "): Reason.CONTENT_EMPTY,
}


def test_a_hundred_with_bad_items_of_every_kind_gives_the_rest(client: Client) -> None:
    contents = [("words", image(RED), audio(HUM))[index % 3] for index in range(100)]
    contents[::10] = BAD
    found = client.embed(contents)
    assert {index: error.reason for index, error in found.errors.items()} == {
        10 * index: reason for index, reason in enumerate(BAD.values())
    }
    assert np.isfinite(np.delete(found.vectors, range(0, 100, 10), axis=0)).all()


def test_parts_are_averaged_by_weight(client: Client) -> None:
    parts = (image(RED, weight=3), audio(HUM, weight=2), Part.of_text("words"))
    alone = client.embed(parts).vectors.astype(float)
    mean = np.array([3, 2, 1]) @ alone / 6
    joined = client.embed(Content(parts)).vectors[0]
    assert np.abs(joined - mean / np.linalg.norm(mean)).max() < 1e-6


def test_a_text_gets_vectors_of_every_kind_in_one_pass(client: Client) -> None:
    words = ["a beach and a beach", "beach"]
    found = client.embed(words, model=WHOLE, outputs=tuple(OutputKind))
    first, second = found
    assert np.array_equal(found.vectors, client.embed(words, model=WHOLE).vectors)
    assert set(first.sparse.tokens) <= {"a", "beach", "and"}
    assert (first.sparse.values > 0).all()
    assert [each.multi.count for each in found] == [each.token_count for each in found] == [7, 3]
    tokens = second.multi.to_numpy()
    assert np.allclose(np.linalg.norm(tokens, axis=1), 1, atol=1e-5)
    assert np.allclose(tokens[1], first.multi.to_numpy()[2], atol=1e-6)
    assert np.isclose(tokens[1].max(), dict(zip(first.sparse.tokens, first.sparse.values, strict=True))["beach"])


def test_a_text_and_an_image_are_read_together(client: Client) -> None:
    both = Content((Part.of_text("a red bicycle"), image(RED)))
    alone = client.embed(["a red bicycle", image(RED)], model=WHOLE).vectors
    joint, average = (client.embed(both, model=WHOLE, fusion=fusion).vectors[0] for fusion in (None, "average"))
    for found, expected in ((joint, alone.max(axis=0)), (average, alone.mean(axis=0))):
        assert np.allclose(found, expected / np.linalg.norm(expected), atol=1e-6)
    assert client.model(WHOLE).outputs == tuple(OutputKind)


def test_dashscope_gets_dense_and_sparse_vectors(
    client: Client, media_mesh: MeshProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashscope, "base_http_api_url", f"http://{media_mesh.http_address}/api/v1")
    asked = {"model": WHOLE, "input": ["a red bicycle"], "output_type": "dense&sparse", "api_key": "none"}
    [found] = dashscope.TextEmbedding.call(**asked).output["embeddings"]
    [expected] = client.embed("a red bicycle", model=WHOLE, outputs=(OutputKind.DENSE, OutputKind.SPARSE))
    assert np.allclose(found["embedding"], expected.dense.to_numpy(), atol=1e-6)
    assert [each["token"] for each in found["sparse_embedding"]] == list(expected.sparse.tokens)
    assert np.allclose([each["value"] for each in found["sparse_embedding"]], expected.sparse.values)


def test_documents_are_found_by_image_sound_and_both(client: Client) -> None:
    client.create_collection("media", model=NAME)
    documents = [
        Document("red", content=image(RED)),
        Document("gradient", content=image(GRADIENT)),
        Document("hum", content=audio(HUM)),
        Document("words", text="a red bicycle"),
        Document("broken", content=image(b"GIF89a")),
    ]
    report = client.upsert("media", documents)
    assert [(error.id, error.error.reason) for error in report.errors] == [("broken", Reason.MEDIA_UNDECODABLE)]
    for query, nearest in ((image(RED), "red"), (audio(HUM), "hum"), ("a red bicycle", "words")):
        hit = client.search("media", query, top_k=1)[0]
        assert (hit.document.id, round(hit.score, 3)) == (nearest, 1.0)
    both = client.search("media", [image(GRADIENT), audio(FADING)], top_k=3)
    assert {"gradient", "hum"} <= {hit.document.id for hit in both}
    client.delete_collection("media", force=True)


def test_an_object_of_a_connection_is_embedded_tagged_and_looked_for(client: Client) -> None:
    client.create_collection("objects", model=NAME)
    client.upsert("objects", [Document("red", content=image(RED)), Document("blue", content=image(BLUE))])
    with bucket("photos") as endpoint:
        s3_client(endpoint).put_object(Bucket="photos", Key="red.jpg", Body=RED)
        spec = s3_connection(endpoint, "photos")
        client.datasets.create_connection("photos", spec.kind, configs=spec.configs, secrets=spec.secrets)
        red = image("s3://photos/red.jpg")
        found = client.embed([red, image(RED), image("s3://other/red.jpg")])
        assert np.array_equal(*found.vectors[:2])
        assert found.errors[2].reason is Reason.URI_REFUSED
        assert client.search("objects", red)[0].document.id == "red"
        tagged = client.tag(TagDefinitionSpec((TagSpec("bicycle"),), threshold=0), [red, image(RED)])
        assert tagged[0] == tagged[1]
        client.datasets.delete_connection("photos")
        assert client.embed([red]).errors[0].reason is Reason.URI_REFUSED
    client.delete_collection("objects", force=True)


def test_images_and_sounds_are_tagged(client: Client) -> None:
    client.create_tag_definition("things", {"Bicycle": "Two wheels.", "Boat": "It floats."})
    tagged = client.tag(
        "things", [image(RED), audio(HUM), Content((image(RED), Part.of_text("a bicycle")))], candidates=2
    )
    assert [len(result.tags) + len(result.candidates) for result in tagged] == [2, 2, 2]
    client.delete_tag_definition("things")


def test_the_command_line_embeds_files(media_mesh: MeshProcess, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(RED)
    (tmp_path / "a.wav").write_bytes(HUM)
    ran = subprocess.run(
        [
            sys.executable,
            *("-m", "sensorium", "--address", media_mesh.grpc_address, "embed"),
            *("--image", tmp_path / "a.jpg", "--audio", tmp_path / "a.wav"),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ran.stdout.count("[384]") == 2
