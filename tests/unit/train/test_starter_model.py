"""The starter model that the repository ships is small, says what it is, and does what its card says."""

import os
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from sensorium.model.content import Modality
from sensorium.train.configuration import read_configuration
from sensorium.train.figures import top_k
from sensorium.train.image_pack import read_packs
from sensorium.train.text_tower import TextTower
from sensorium.triton.card import ModelCard, read_card
from sensorium.triton.manifest import read_manifest

ROOT = Path(__file__).parents[3]
REPOSITORY = ROOT / "model_repository"
NAME = "starter-trimodal-v1"
DATA = Path(os.environ.get("SENSORIUM_TEST_DATA", ROOT.parent / "shared" / "data"))
IMAGES = 1000


@pytest.fixture(scope="module")
def card() -> ModelCard:
    return read_card(REPOSITORY, NAME)


def run(tower: str, batch: np.ndarray) -> np.ndarray:
    manifest = read_manifest(REPOSITORY / f"{NAME}-{tower}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(REPOSITORY / manifest.name / "1" / "model.onnx", options)
    [vectors] = session.run(["embedding"], {manifest.inputs[0].name: batch})
    return np.asarray(vectors)


def needed(path: Path) -> Path:
    """Skip where a file is missing that a user need not have; fail where CI lacks it."""
    if not path.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{path} is not there")
    return path


def test_it_takes_texts_images_and_sounds(card: ModelCard) -> None:
    assert set(card.towers.by_modality()) == {Modality.TEXT, Modality.IMAGE, Modality.AUDIO}
    assert card.dimension == 384


def test_all_of_it_is_at_most_25_megabytes() -> None:
    files = [path for path in REPOSITORY.glob(f"{NAME}*/**/*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 25e6


def test_the_card_says_how_it_came_about_and_what_it_is_not_for(card: ModelCard) -> None:
    assert "research" in card.license
    assert card.training
    assert {each.use.split(",")[0] for each in card.training.data} == {"image tower", "audio tower"}
    assert card.training.seed == read_configuration(ROOT / "training" / f"{NAME}.toml").seed
    assert card.training.not_for
    assert (REPOSITORY / NAME / "LICENSE-WEIGHTS.md").is_file()


@pytest.mark.parametrize("count", [1, 3])
def test_towers_answer_batches_with_vectors_that_differ_and_have_length_one(card: ModelCard, count: int) -> None:
    assert card.towers.image
    assert card.towers.audio
    chance = np.random.default_rng(0)
    pixels = chance.integers(0, 256, (count, 3, card.towers.image.size, card.towers.image.size), np.uint8)
    sound = chance.uniform(-0.5, 0.5, (count, card.towers.audio.sample_count)).astype(np.float32)
    for vectors in (run("image", pixels), run("audio", sound)):
        assert vectors.shape == (count, 384)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
        assert len({row.tobytes() for row in vectors}) == count


def test_silence_and_black_have_vectors_too(card: ModelCard) -> None:
    assert card.towers.image
    assert card.towers.audio
    black = np.zeros((1, 3, card.towers.image.size, card.towers.image.size), np.uint8)
    silence = np.zeros((1, card.towers.audio.sample_count), np.float32)
    assert np.isfinite(run("image", black)).all()
    assert np.isfinite(run("audio", silence)).all()


def test_images_are_told_apart_as_well_as_the_card_says(card: ModelCard) -> None:
    needed(REPOSITORY / card.towers.text.model / "1" / "model.safetensors" if card.towers.text else REPOSITORY)
    assert card.towers.image
    images = read_packs([needed(DATA / "tiny_images" / "tinyimagenet_val.npz")]).drawn(IMAGES)
    prompts = read_configuration(ROOT / "training" / f"{NAME}.toml").text.prompts
    text = TextTower.open(REPOSITORY, "all-minilm-l6-v2", threads=1)
    names = text.embed([prompts[0].format(name) for name in images.names])
    assert card.training
    measured = top_k(run("image", images.scaled(card.towers.image.size).pixels), names, images.labels, 1)
    assert abs(measured - card.training.figures["top-1"]) < 0.05
