"""A training follows one file, whose mistakes are told by field, and a checkpoint is bound to what it says."""

import dataclasses
from pathlib import Path

import pytest
from training_samples import CONFIGURATION

from sensorium.errors import FailedPrecondition
from sensorium.train.configuration import TrainingConfiguration, fingerprint, read_configuration

SHIPPED = sorted((Path(__file__).parents[3] / "training").glob("*.toml"))


@pytest.fixture
def configuration(tmp_path: Path) -> TrainingConfiguration:
    return written(tmp_path, CONFIGURATION)


def written(folder: Path, text: str) -> TrainingConfiguration:
    (folder / "tiny.toml").write_text(text)
    return read_configuration(folder / "tiny.toml")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_configurations_are_right(path: Path) -> None:
    assert read_configuration(path).text.model == "all-minilm-l6-v2"


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("seed = 3", "seed = -1", "seed"),
        ('precision = "float32"', 'precision = "float8"', "precision"),
        ('"{}"]', '"{} and {}"]', "hold {} once"),
        ("depths = [1, 1]", "depths = [1]", "as many entries"),
        ("workers = 2", "workers = 3", "divide both batches"),
        ("smallest_crop = 0.5", "smallest_crop = 0.0", "smallest_crop"),
        ("mels = 16", "mels = 16\nmell = 1", "mell"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, old: str, new: str, field: str) -> None:
    assert old in CONFIGURATION
    with pytest.raises(FailedPrecondition) as refused:
        written(tmp_path, CONFIGURATION.replace(old, new, 1))
    assert field in refused.value.message


def test_a_towers_checkpoints_are_bound_to_its_own_part(configuration: TrainingConfiguration) -> None:
    louder = dataclasses.replace(configuration, audio=dataclasses.replace(configuration.audio, mels=8))
    assert fingerprint(louder, "image") == fingerprint(configuration, "image")
    assert fingerprint(louder, "audio") != fingerprint(configuration, "audio")


def test_another_seed_and_another_beginning_are_other_recipes(configuration: TrainingConfiguration) -> None:
    begun = dataclasses.replace(configuration, image=dataclasses.replace(configuration.image, start=("earlier",)))
    reseeded = dataclasses.replace(configuration, seed=4)
    exchanging = dataclasses.replace(configuration, image=dataclasses.replace(configuration.image, exchange=0.5))
    assert len({fingerprint(each, "image") for each in (configuration, begun, reseeded, exchanging)}) == 4
