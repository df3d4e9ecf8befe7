"""Other services' clients embed words, photos and sounds with the starter model, as with their own service."""

import base64
import json
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cohere
import dashscope
import httpx
import numpy as np
import openai
import pytest
from dashscope import MultiModalEmbedding
from mesh_process import ROOT, MeshProcess
from numpy.typing import NDArray

from sensorium import Client, Content, Part, audio, image
from sensorium.cli.samples import SampleSet
from sensorium.model.content import Modality

NAME = "starter-trimodal-v1"
MEDIA = list(SampleSet(ROOT / "samples").media())
PHOTO = next(medium.path for medium in MEDIA if medium.kind == "photo")
SOUND = next(medium.path for medium in MEDIA if medium.kind == "sound")
TEXT = "a bus in the street"


def base64_of(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


PHOTO_URI = f"data:image/jpeg;base64,{base64_of(PHOTO)}"
SOUND_URI = f"data:audio/flac;base64,{base64_of(SOUND)}"


@pytest.fixture(scope="module")
def grpc(starter_mesh: MeshProcess) -> Iterator[Client]:
    with Client(starter_mesh.grpc_address) as opened:
        yield opened


@pytest.fixture(scope="module")
def expected(grpc: Client) -> NDArray[np.float32]:
    """What gRPC's clients get for the text, the photo and the sound."""
    return grpc.embed([TEXT, image(PHOTO), audio(SOUND)], model=NAME).vectors


@pytest.fixture
def sdk(starter_mesh: MeshProcess) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"http://{starter_mesh.http_address}/v1", api_key="none", max_retries=0) as opened:
        yield opened


def same(made: Sequence[Sequence[float]], wanted: NDArray[np.float32]) -> bool:
    """Return whether vectors point where others do, but for how texts of other batches are padded."""
    rows = np.float32(made)
    return bool(rows.shape == wanted.shape and np.min((rows * wanted).sum(axis=1)) > 0.9999)


@pytest.fixture
def dash(starter_mesh: MeshProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashscope, "base_http_api_url", f"http://{starter_mesh.http_address}/api/v1")
    monkeypatch.setattr(dashscope, "api_key", "none")


@pytest.mark.usefixtures("dash")
def test_dashscope_embeds_a_text_a_local_photo_and_a_local_sound(expected: NDArray[np.float32]) -> None:
    contents: Any = [{"text": TEXT}, {"image": f"file://{PHOTO}"}, {"audio": f"file://{SOUND}"}]
    answer = MultiModalEmbedding.call(model=NAME, input=contents)
    assert answer.status_code == 200, answer
    assert [each["type"] for each in answer.output["embeddings"]] == ["text", "image", "audio"]
    assert same([each["embedding"] for each in answer.output["embeddings"]], expected)


@pytest.mark.usefixtures("dash")
def test_dashscope_fuses_by_its_factors(grpc: Client) -> None:
    contents: Any = [{"text": TEXT, "factor": "3"}, {"image": PHOTO_URI}, {"audio": SOUND_URI, "factor": 0.5}]
    answer = MultiModalEmbedding.call(model=NAME, input=contents, enable_fusion=True)
    parts = (Part(Modality.TEXT, TEXT, 3.0), image(PHOTO), audio(SOUND, weight=0.5))
    wanted = grpc.embed([Content(parts)], model=NAME).vectors
    assert same([answer.output["embeddings"][0]["embedding"]], wanted)


@pytest.mark.usefixtures("dash")
def test_dashscope_is_told_what_cannot_be_decoded(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(b"no picture at all")
    answer = MultiModalEmbedding.call(model=NAME, input=[{"image": f"file://{damaged}"}])
    assert (answer.status_code, answer.code) == (400, "InvalidParameter")


def test_infinitys_modalities_come_by_uri(sdk: openai.OpenAI, expected: NDArray[np.float32]) -> None:
    made = [
        sdk.embeddings.create(model=NAME, input=[given], extra_body={"modality": modality}).data[0].embedding
        for modality, given in (("text", TEXT), ("image", PHOTO_URI), ("audio", SOUND_URI))
    ]
    assert same(made, expected)


def test_jinas_documents_mix_modalities(sdk: openai.OpenAI, expected: NDArray[np.float32]) -> None:
    documents: Any = [{"text": TEXT}, {"image": base64_of(PHOTO)}, {"audio": SOUND_URI}]
    made = sdk.embeddings.create(model=NAME, input=documents)
    assert same([each.embedding for each in made.data], expected)


def test_cohere_embeds_a_photo(starter_mesh: MeshProcess, expected: NDArray[np.float32]) -> None:
    with httpx.Client() as connections:
        client = cohere.ClientV2("none", base_url=f"http://{starter_mesh.http_address}", httpx_client=connections)
        made = client.embed(images=[PHOTO_URI], model=NAME, input_type="image", embedding_types=["float"])
    assert made.embeddings.float_ is not None
    assert same(made.embeddings.float_, expected[1:2])


def test_pai_eas_answers_for_the_good_beside_the_bad(starter_mesh: MeshProcess, expected: NDArray[np.float32]) -> None:
    contents = [{"image": PHOTO_URI}, {"image": "data:image/png;base64,AAAA"}, {"text": TEXT}]
    body = json.dumps({"input": {"contents": contents}, "model": NAME}).encode()
    with urllib.request.urlopen(f"http://{starter_mesh.http_address}/api/predict/any", body, timeout=60) as response:
        answer = json.loads(response.read())
    assert answer["status_code"] == 204
    assert [each["index"] for each in answer["output"]["embeddings"]] == [0, 2]
    assert same([each["embedding"] for each in answer["output"]["embeddings"]], expected[[1, 0]])
