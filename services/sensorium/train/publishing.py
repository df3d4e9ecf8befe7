"""Puts exported towers into a model repository: manifests, a card that says how they came about, and configs."""

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from sensorium.model.content import Modality
from sensorium.model.embedding import Calibration, ModelState
from sensorium.train.configuration import TrainingConfiguration, fingerprint
from sensorium.train.toml_text import Value, toml
from sensorium.triton.card import ModelCard, read_card
from sensorium.triton.config import write_files

_QUEUE: Mapping[str, Value] = {
    "priorities": 2,
    "default_priority": 2,
    "max_size": 256,
    "timeout_ms": 30000,
    "delay_us": 0,
}
# A tower whose vectors do not rise with what fits cannot tag.
_LEAST_SLOPE = 0.01
_HEADER = "# Written by sensorium train (docs/training.md).\n\n"


@dataclass(frozen=True, slots=True)
class Result:
    """What training came to.

    Attributes:
        dimension: Of the vectors.
        progress: How far each tower's run had come.
        figures: What validation measured.
        calibrations: Those of the towers, for tagging.
    """

    dimension: int
    progress: Mapping[str, str]
    figures: Mapping[str, float]
    calibrations: tuple[Calibration, ...]


def tower_folder(repository: Path, model: str, modality: str) -> Path:
    """Return the folder of one tower; its graph goes to 1/model.onnx in it."""
    return repository / f"{model}-{modality}"


def publish(repository: Path, configuration: TrainingConfiguration, result: Result) -> None:
    """Write manifests, card and configs around the graphs that have been exported.

    Raises:
        NotFound: The repository lacks the text model.
        FailedPrecondition: The card would be wrong.
    """
    name, image, audio = configuration.name, configuration.image, configuration.audio
    pixels: dict[str, Value] = {"name": "image", "dtype": "UINT8", "dims": [3, image.size, image.size]}
    samples: dict[str, Value] = {"name": "waveform", "dtype": "FP32", "dims": [audio.sample_count]}
    hashes = {
        "image": _write_manifest(tower_folder(repository, name, "image"), pixels, result.dimension),
        "audio": _write_manifest(tower_folder(repository, name, "audio"), samples, result.dimension),
    }
    _write_card(repository, configuration, result, hashes)
    write_files(repository)
    read_card(repository, name)


def _write_manifest(folder: Path, tensor: Mapping[str, Value], dimension: int) -> str:
    """Write the manifest of a tower, and return the hash of its graph."""
    sha256 = hashlib.sha256((folder / "1" / "model.onnx").read_bytes()).hexdigest()
    fields: dict[str, Value] = {
        "name": folder.name,
        "max_batch_size": 64,
        "inputs": [tensor],
        "outputs": [{"name": "embedding", "dtype": "FP32", "dims": [dimension]}],
        "queue": _QUEUE,
        "graph": {"file": "1/model.onnx", "sha256": sha256},
        "cpu": {"instances": 2, "threads": 1, "warmup": [[1, 1], [16, 1]]},
        "gpu": {"instances": 1, "warmup": [[1, 1], [64, 1]]},
    }
    (folder / "manifest.toml").write_text(_HEADER + toml(fields), encoding="utf-8")
    return sha256


def _write_card(
    repository: Path, configuration: TrainingConfiguration, result: Result, hashes: Mapping[str, str]
) -> None:
    text = read_card(repository, configuration.text.model)
    folder, base = repository / configuration.name, repository / configuration.text.model
    tower = text.towers.text
    if tower is None:
        raise AssertionError("a space of texts has a text tower")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(base / tower.tokenizer, folder / tower.tokenizer)
    shipped = configuration.shipped
    revision = hashlib.sha256("".join([text.revision, *hashes.values()]).encode()).hexdigest()[:8]
    fields: dict[str, Value] = {
        "name": configuration.name,
        "revision": f"{revision}-1",
        "description": shipped.description,
        "languages": list(text.languages),
        "license": shipped.license,
        "dimension": result.dimension,
        "normalized": True,
        "metric": text.metric.value,
        "precision": text.precision,
        "provenance": {
            "source": f"trained by this project against {text.provenance.source}",
            "package": "this repository",
            "weights_sha256": hashes["image"],
        },
        "towers": {
            "text": {name: value for name, value in asdict(tower).items() if value is not None},
            "image": {"model": f"{configuration.name}-image", "size": configuration.image.size, "fit": "squash"},
            "audio": {
                "model": f"{configuration.name}-audio",
                "sample_rate": configuration.audio.sample_rate,
                "seconds": configuration.audio.seconds,
            },
        },
        "calibration": _calibrations(text, result.calibrations),
        "training": {
            "recipe": shipped.recipe,
            "seed": configuration.seed,
            "not_for": shipped.not_for,
            "configuration": {each: fingerprint(configuration, each) for each in ("image", "audio")},
            "progress": dict(result.progress),
            "figures": {name: round(value, 4) for name, value in result.figures.items()},
            "data": [asdict(each) for each in shipped.data],
        },
    }
    (folder / "card.toml").write_text(_HEADER + toml(fields), encoding="utf-8")


def _calibrations(text: ModelCard, fitted: tuple[Calibration, ...]) -> dict[str, Value]:
    """Return the text model's own calibration and those of the towers that learned anything, by modality."""
    of_texts = text.info(ModelState.READY).calibration_of(Modality.TEXT)
    kept = [each for each in (*filter(None, [of_texts]), *fitted) if each.slope >= _LEAST_SLOPE]
    return {each.modality.value: calibration_fields(each) for each in kept}


def calibration_fields(fitted: Calibration) -> dict[str, Value]:
    """Return a calibration as a card has it."""
    tags: dict[str, Value] = {tag: round(each, 2) for tag, each in sorted(fitted.tag_intercepts.items())}
    return {
        "slope": round(fitted.slope, 2),
        "intercept": round(fitted.intercept, 2),
        "threshold": round(fitted.threshold, 2),
        **({"tags": tags} if tags else {}),
    }
