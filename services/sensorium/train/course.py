"""One whole training: material, towers, evaluation, plot, export; each part goes on where it was left."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from sensorium.errors import FailedPrecondition
from sensorium.train.audio_lesson import AudioNetwork
from sensorium.train.audio_tower import Listening, MelSpectrogram
from sensorium.train.audio_training import mean_of_folds, train_audio_tower
from sensorium.train.checkpoint import Contents, read_checkpoint
from sensorium.train.clips import read_clips
from sensorium.train.configuration import TrainingConfiguration, fingerprint
from sensorium.train.export import export_tower
from sensorium.train.history import Mark
from sensorium.train.image_evaluation import evaluate_image_tower
from sensorium.train.image_lesson import ImageNetwork
from sensorium.train.image_material import ImageMaterial, class_vectors, read_image_material
from sensorium.train.image_training import train_image_tower
from sensorium.train.plot import draw
from sensorium.train.publishing import Result, publish, tower_folder
from sensorium.train.residual import ImageTower, Normalised
from sensorium.train.statistics import as_served
from sensorium.train.tag_calibration import Fitted
from sensorium.train.tag_evaluation import calibrate_images, calibrate_sounds
from sensorium.train.text_tower import TextTower

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Places:
    """Where a training reads and writes.

    Attributes:
        data: Holds what the configuration names.
        folder: Of the run: checkpoints and the plot.
        repository: Holds the text model, and receives the trained one.
    """

    data: Path
    folder: Path
    repository: Path


class Course:
    """Trains the towers of one configuration, and ships them."""

    def __init__(self, configuration: TrainingConfiguration, places: Places, report: Report, threads: int = 1) -> None:
        """Load the text tower. `threads` are those of one operation; workers come on top.

        Raises:
            NotFound: The text model is not built.
        """
        torch.set_num_threads(threads)
        self._configuration, self._places, self._report = configuration, places, report
        self._text = TextTower.open(places.repository, configuration.text.model, threads)

    def train_audio(self) -> None:
        """Train the audio tower, fold by fold and then on all clips, as far as that has not been done."""
        run = self._configuration.audio
        clips = read_clips(self._places.data / run.folder, run)
        classes = class_vectors(clips.names, run.prompts, self._text)
        train_audio_tower(self._configuration, clips, classes, self._places.folder, self._told_of)

    def train_image(self) -> None:
        """Train the image tower, as far as that has not been done."""
        material = read_image_material(self._configuration, self._places.data, self._text)
        train_image_tower(self._configuration, material, self._places.folder, lambda mark: self._told_of("image", mark))

    def ship(self) -> None:
        """Plot, evaluate and export what the checkpoints hold, finished or not, into the model repository.

        Raises:
            FailedPrecondition: A tower has no checkpoint yet.
        """
        run, image, audio = self._configuration.image, self._checkpoint("image"), self._checkpoint("audio")
        courses = {name: _course(contents) for name, contents in self._checkpoints().items()}
        draw(courses, self._places.folder / "course.png")
        material = read_image_material(self._configuration, self._places.data, self._text)
        tower = as_served(self._image_tower(image), material.sample)
        figures = evaluate_image_tower(tower, material, run.size)
        tagging = self._tagging(tower, material)
        figures |= mean_of_folds(courses)
        figures |= {
            f"{what} tags, {name}": value for what, each in tagging.items() for name, value in each.figures.items()
        }
        self._export(tower, self._listening(audio))
        told = _progress(courses["image"]) if run.phases else f"the mean of {len(set(run.start))} runs"
        progress = {"image": told, "audio": _progress(courses["audio"])}
        publish(
            self._places.repository,
            self._configuration,
            Result(material.classes.shape[-1], progress, figures, tuple(each.calibration for each in tagging.values())),
        )
        for name, value in figures.items():
            self._report(f"{name}: {value:.3f}")

    def _tagging(self, tower: ImageTower, material: ImageMaterial) -> dict[str, Fitted]:
        """Calibrate the image tower, and the audio tower once every fold has a run."""
        run = self._configuration.audio
        names = self._text.embed(material.validation.names)
        fitted = {"image": calibrate_images(tower, material.validation, names)}
        clips = read_clips(self._places.data / run.folder, run)
        folds = {fold: f"audio-fold-{fold}" for fold in sorted(set(clips.folds.tolist()))}
        if all((self._places.folder / f"{name}.pt").is_file() for name in folds.values()):
            towers = {fold: self._listening(self._checkpoint(name)) for fold, name in folds.items()}
            fitted["audio"] = calibrate_sounds(towers, clips, self._text.embed(clips.names))
        return fitted

    def _export(self, image: ImageTower, listening: Listening) -> None:
        configuration, repository = self._configuration, self._places.repository
        chance, size = torch.Generator().manual_seed(0), configuration.image.size
        pixels = torch.randint(0, 256, (4, 3, size, size), generator=chance, dtype=torch.uint8)
        sound = torch.randn(3, configuration.audio.sample_count, generator=chance) * 0.1
        sound[0] = 0  # Silence, where a logarithm may go wrong.
        graphs = {"image": (Normalised(image), pixels, "image"), "audio": (listening, sound, "waveform")}
        for modality, (tower, example, tensor) in graphs.items():
            path = tower_folder(repository, configuration.name, modality) / "1" / "model.onnx"
            difference = export_tower(tower, example, tensor, path, half=configuration.shipped.half)
            self._report(f"{path}: {path.stat().st_size:,} bytes, differs by {difference:.1e} at most")

    def _checkpoint(self, name: str) -> Contents:
        path = self._places.folder / f"{name}.pt"
        recipe = fingerprint(self._configuration, "image" if name == "image" else "audio")
        contents = read_checkpoint(path, recipe)
        if contents is None:
            raise FailedPrecondition(f"there is no {path}: train first")
        return contents

    def _checkpoints(self) -> dict[str, Contents]:
        names = sorted(path.stem for path in self._places.folder.glob("*.pt"))
        return {name: self._checkpoint(name) for name in names}

    def _image_tower(self, contents: Contents) -> ImageTower:
        network = ImageNetwork(self._configuration, len(contents["average"]["tower.head.bias"]))
        network.load_state_dict(contents["average"])
        network.eval()
        return network.tower

    def _listening(self, contents: Contents) -> Listening:
        network = AudioNetwork(self._configuration, len(contents["average"]["tower.head.bias"]))
        network.load_state_dict(contents["average"])
        network.eval()
        run = self._configuration.audio
        return Listening(MelSpectrogram(run.sample_rate, run.mels), network.tower)

    def _told_of(self, name: str, mark: Mark) -> None:
        self._report(f"{name}  {mark.line()}")


def _course(contents: Contents) -> list[Mark]:
    return [Mark.of(fields) for fields in contents["history"]]


def _progress(course: list[Mark]) -> str:
    if not course:
        return "not one epoch"
    return f"{course[-1].epoch} of {course[-1].epochs} epochs"
