"""The one file that a training run follows: every choice that the weights depend on, and nothing of the machine."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from sensorium.triton.toml_file import STRICT, read_toml
from sensorium.triton.training_record import TrainingData

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
Texts = Annotated[tuple[str, ...], Field(min_length=1)]


def check_prompts(prompts: tuple[str, ...]) -> None:
    """Raise ValueError unless each prompt has one place for a name."""
    if any(prompt.count("{}") != 1 for prompt in prompts):
        raise ValueError("prompts must hold {} once each")


@dataclass(frozen=True, slots=True, config=STRICT)
class TextSpace:
    """The model whose text vectors are the targets.

    Attributes:
        model: Its folder in the model repository.
        prompts: Sentences that hold `{}` where a class's name goes; the first is the one that is evaluated.
    """

    model: Name
    prompts: Texts

    def __post_init__(self) -> None:
        check_prompts(self.prompts)


@dataclass(frozen=True, slots=True, config=STRICT)
class Optimizer:
    """AdamW under a learning rate that rises over `warmup` of the steps and falls to nothing by the last.

    Attributes:
        average: The share of the old weights that the moving average keeps at each step; the average is what ships.
        label_smoothing: The share of a target that goes to other classes, by the likeness of their names.
        temperature: What similarities are divided by at first; learned from there.
        clip: The largest norm of a step's gradient.
    """

    learning_rate: Positive
    weight_decay: Annotated[float, Field(ge=0)]
    warmup: Share
    average: Share
    label_smoothing: Share
    temperature: Positive
    clip: Positive


@dataclass(frozen=True, slots=True, config=STRICT)
class Phase:
    """Some epochs at one size of image.

    Attributes:
        size: The side of the training images, in pixels.
        smallest_crop: The least share of an image's area that a crop keeps.
    """

    epochs: Count
    size: Annotated[int, Field(ge=16)]
    smallest_crop: Annotated[float, Field(gt=0, le=1)]


@dataclass(frozen=True, slots=True, config=STRICT)
class Captions:
    """Photos with captions, a few of which join every step.

    Attributes:
        folder: Below the data; holds labels.jsonl and the images it names.
        batch: Photos in each step.
        hard_negatives: Captions of other photos, the likest in the text space, that each photo is told from.
        drawn_from: How many of the likest those are drawn from.
        weight: Of their loss beside that of the classes.
    """

    folder: str
    batch: Count
    hard_negatives: Count
    drawn_from: Count
    weight: Positive


@dataclass(frozen=True, slots=True, config=STRICT)
class ImageRun:
    """How the image tower is trained, and on what.

    Attributes:
        train, validation: Packs of labelled images, below the data.
        stem: Channels after the first convolution, at half the image's size.
        widths, depths: Channels and residual blocks of each stage; every stage after the first halves the size.
        size: The side that the tower is evaluated and served at.
        batch: Labelled images in each step.
        workers: Threads that share each step; every one normalises over its own share of the batch.
        evaluate_every: Epochs between evaluations.
        exchange: The share of steps whose labelled images have rectangles of each other laid into them; None is 0.
        phases: The course of the run; one that has a start may have none, and is then the mean of its start.
        start: The folders of earlier runs, beside this run's, the mean of whose towers this one begins with; none
            begins anew.
    """

    train: Texts
    validation: Texts
    captions: Captions
    stem: Count
    widths: tuple[Count, ...]
    depths: tuple[Count, ...]
    size: Count
    batch: Count
    workers: Count
    evaluate_every: Count
    optimizer: Optimizer
    phases: tuple[Phase, ...] = ()
    exchange: Share | None = None
    start: tuple[Name, ...] = ()

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.depths) or not self.widths:
            raise ValueError("widths and depths must have as many entries, one at least")
        if self.batch % self.workers or self.captions.batch % self.workers:
            raise ValueError("workers must divide both batches")
        if not self.phases and not self.start:
            raise ValueError("a run has phases, or a start")


@dataclass(frozen=True, slots=True, config=STRICT)
class AudioRun:
    """How the audio tower is trained, and on what.

    Attributes:
        folder: Below the data; holds labels.jsonl and the clips it names.
        prompts: Sentences that hold `{}` where a label goes; the first is the one that is evaluated.
        sample_rate, seconds: Of the waveform that the tower takes.
        mels: Bands of its spectrogram.
        widths: Channels of each convolution; every one halves the spectrogram.
        batch: Clips in each step, drawn at random.
        epochs: Of `steps` steps each.
        mix: The share of clips that another clip of the same label is laid over.
    """

    folder: str
    prompts: Texts
    sample_rate: Count
    seconds: Positive
    mels: Count
    widths: Annotated[tuple[Count, ...], Field(min_length=1)]
    batch: Count
    epochs: Count
    steps: Count
    mix: Share
    optimizer: Optimizer

    def __post_init__(self) -> None:
        check_prompts(self.prompts)

    @property
    def sample_count(self) -> int:
        """How many samples the tower takes."""
        return round(self.sample_rate * self.seconds)


@dataclass(frozen=True, slots=True, config=STRICT)
class Shipped:
    """What the finished model says of itself.

    Attributes:
        license: Of the weights.
        not_for: What they must not be used for, or serve badly.
        recipe: How they were made, in a few sentences.
        half: Whether weights are stored in half precision; they are computed with in single precision either way.
    """

    description: str
    license: str
    not_for: str
    recipe: str
    half: bool
    data: Annotated[tuple[TrainingData, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True, config=STRICT)
class TrainingConfiguration:
    """A run: its model's name, its seed, the space it aims at, and its towers."""

    name: Name
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    precision: Literal["bfloat16", "float32"]
    text: TextSpace
    image: ImageRun
    audio: AudioRun
    shipped: Shipped


def read_configuration(path: Path) -> TrainingConfiguration:
    """Return the configuration in a file.

    Raises:
        NotFound: There is no such file.
        FailedPrecondition: It is wrong; the message names the field.
    """
    return read_toml(path, TrainingConfiguration)


def fingerprint(configuration: TrainingConfiguration, tower: Literal["image", "audio"]) -> str:
    """Return a hash of all that one tower's weights depend on; a checkpoint of another one cannot be resumed."""
    fields = asdict(configuration)
    relevant = {key: fields[key] for key in ("seed", "precision", "text", tower)}
    for later in ("exchange", "start"):  # Checkpoints from before a field was there stay good.
        if not relevant[tower].get(later):
            relevant[tower].pop(later, None)
    return hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()[:16]
