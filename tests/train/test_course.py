"""A training survives kill -9 to the last bit, repeats with its seed, and ends in a model that can be served."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from training_samples import CONFIGURATION, write_data

from sensorium.errors import FailedPrecondition, NotFound
from sensorium.train.audio_training import mean_of_folds
from sensorium.train.configuration import read_configuration
from sensorium.train.course import Course, Places
from sensorium.train.history import Mark
from sensorium.triton.card import read_card
from sensorium.triton.config import stale_files
from sensorium.triton.manifest import read_manifest

ROOT = Path(__file__).parents[2]
# torch's exporter uses what torch itself has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")

TEXT = ROOT / "model_repository" / "all-minilm-l6-v2"


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    if not (TEXT / "1" / "model.safetensors").is_file():
        if os.environ.get("CI"):
            pytest.fail("the text model is not built: make model")
        pytest.skip("the text model is not built: make model")
    folder = tmp_path_factory.mktemp("training")
    write_data(folder / "data")
    shutil.copytree(TEXT, folder / "repository" / TEXT.name)
    (folder / "tiny.toml").write_text(CONFIGURATION)
    return Places(folder / "data", folder / "whole", folder / "repository")


@pytest.fixture(scope="module")
def whole(places: Places) -> Places:
    """A training that nothing interrupted."""
    course(places).train_audio()
    course(places).train_image()
    return places


def course(places: Places, *start: str, whole: bool = True) -> Course:
    text = (places.data.parent / "tiny.toml").read_text()
    if start:
        text = text.replace("stem = 8", f"start = {list(start)}\nstem = 8")
    if not whole:  # without a phase
        text = text[: text.index("[[image.phases]]")] + text[text.index("[image.captions]") :]
    path = places.data.parent / f"tiny-{'-'.join(start)}.toml"
    path.write_text(text)
    return Course(read_configuration(path), places, lambda line: None)


@contextlib.contextmanager
def running(places: Places, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    arguments = ["train", str(places.data.parent / "tiny.toml"), "--data", str(places.data), "--folder", str(folder)]
    environment = os.environ | {
        "PYTHONPATH": str(ROOT / "services"),
        "OMP_NUM_THREADS": "1",
        "SENSORIUM_TRITON__MODEL_REPOSITORY": str(places.repository),
    }
    command = [sys.executable, "-m", "sensorium", *arguments, "--part", "image"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
        yield process
        process.kill()


def weights(folder: Path, name: str) -> dict[str, torch.Tensor]:
    return torch.load(folder / f"{name}.pt", weights_only=True)["average"]


def test_a_killed_run_ends_as_if_it_had_not_been(whole: Places) -> None:
    folder = whole.data.parent / "killed"
    with running(whole, folder) as process:
        assert process.stderr
        for line in process.stderr:
            if b"epoch 2/6" in line:
                break
        while not (folder / "image.pt").is_file():
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
    with running(whole, folder) as process:
        _, said = process.communicate()
    assert process.returncode == 0, said.decode()
    assert b"epoch 1/6" not in said
    expected = weights(whole.folder, "image")
    for name, tensor in weights(folder, "image").items():
        assert torch.equal(tensor, expected[name]), name


def test_a_finished_run_is_not_run_again(whole: Places) -> None:
    before = (whole.folder / "image.pt").stat().st_mtime_ns
    course(whole).train_image()
    assert (whole.folder / "image.pt").stat().st_mtime_ns == before


def test_the_tower_learns_what_it_is_shown(whole: Places) -> None:
    history = torch.load(whole.folder / "image.pt", weights_only=True)["history"]
    assert history[-1]["loss"] < history[0]["loss"]
    assert history[-1]["figures"]["top-5"] == 1.0


def test_what_is_shipped_can_be_served(whole: Places) -> None:
    said: list[str] = []
    configuration = read_configuration(whole.data.parent / "tiny.toml")
    Course(configuration, whole, said.append).ship()
    card = read_card(whole.repository, "tiny-trimodal")
    assert set(card.towers.by_modality()) == {"text", "image", "audio"}
    assert card.training
    assert card.training.progress == {"image": "6 of 6 epochs", "audio": "6 of 6 epochs"}
    assert {"top-1", "caption recall@10", "audio top-1, mean of 2 folds"} <= set(card.training.figures)
    assert card.calibration.by_modality().keys() == {"text", "image", "audio"}
    assert {"image tags, calibration error", "audio tags, recall at 0.5"} <= set(card.training.figures)
    assert not stale_files(whole.repository)
    assert (whole.folder / "course.png").stat().st_size > 10_000
    for tower, count in (("image", 5), ("audio", 2)):
        manifest = read_manifest(whole.repository / f"tiny-trimodal-{tower}")
        [spec] = manifest.inputs
        batch = np.ones((count, *spec.dims), np.uint8 if spec.dtype == "UINT8" else np.float32)
        session = onnxruntime.InferenceSession(whole.repository / manifest.name / "1" / "model.onnx")
        [vectors] = session.run(None, {spec.name: batch})
        assert vectors.shape == (count, card.dimension)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)


def test_a_fold_whose_run_has_not_ended_does_not_count() -> None:
    ended, begun = Mark(6, 6, 1.0, {"top-1": 0.5}), Mark(2, 6, 1.0, {})
    courses = {"audio-fold-1": [begun, ended], "audio-fold-2": [begun], "audio-fold-3": [], "image": [ended]}
    assert mean_of_folds(courses) == {"audio top-1, mean of 1 folds": 0.5}
    assert mean_of_folds({"audio-fold-1": [begun]}) == {}


def test_a_run_may_begin_with_the_tower_of_another(whole: Places) -> None:
    places = Places(whole.data, whole.data.parent / "second", whole.repository)
    course(places, "whole").train_image()
    first = torch.load(places.folder / "image.pt", weights_only=True)["history"][0]["loss"]
    assert first < torch.load(whole.folder / "image.pt", weights_only=True)["history"][0]["loss"]
    with pytest.raises(NotFound, match="nowhere"):
        course(Places(whole.data, whole.data.parent / "third", whole.repository), "nowhere").train_image()


def test_a_run_without_phases_is_the_mean_of_its_start(whole: Places) -> None:
    second = Places(whole.data, whole.data.parent / "second", whole.repository)
    course(second, "whole").train_image()
    mean = Places(whole.data, whole.data.parent / "mean", whole.repository)
    course(mean, "whole", "second", whole=False).train_image()
    found = [torch.load(each.folder / "image.pt", weights_only=True) for each in (whole, second, mean)]
    one, other, half = (each["average"]["tower.head.weight"] for each in found)
    assert torch.allclose(half, (one + other) / 2)
    assert found[2]["history"][0]["figures"].keys() == found[0]["history"][-1]["figures"].keys()


def test_shipping_before_training_says_so(places: Places) -> None:
    with pytest.raises(FailedPrecondition, match="train first"):
        course(Places(places.data, places.data.parent / "empty", places.repository)).ship()
