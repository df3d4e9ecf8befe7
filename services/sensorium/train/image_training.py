"""Trains the image tower, from the configuration to the averaged weights."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from sensorium.errors import NotFound
from sensorium.train.checkpoint import read_checkpoint
from sensorium.train.configuration import TrainingConfiguration, fingerprint
from sensorium.train.history import Mark
from sensorium.train.image_lesson import ImageLesson
from sensorium.train.image_material import ImageMaterial
from sensorium.train.loop import Keeping, Lessons, Loop
from sensorium.train.residual import ImageTower
from sensorium.train.schedule import Schedule


def train_image_tower(
    configuration: TrainingConfiguration, material: ImageMaterial, folder: Path, report: Callable[[Mark], None]
) -> tuple[ImageTower, list[Mark]]:
    """Return the trained tower and the course of its training, going on where `folder` says that it stopped.

    Raises:
        NotFound: The configuration begins with a run that is not there.
        FailedPrecondition: The checkpoint in `folder` is damaged, or was made with another configuration.
    """
    run = configuration.image
    optimizer = run.optimizer
    steps = len(material.train) // run.batch
    schedule = Schedule(run.phases, steps, optimizer.learning_rate, optimizer.warmup)
    lesson = ImageLesson(configuration, material, schedule)
    if run.start and not (folder / "image.pt").is_file():
        begin_with(lesson.network, [folder.parent / name / "image.pt" for name in run.start])
    keeping = Keeping(folder / "image.pt", fingerprint(configuration, "image"))
    plan = Lessons(schedule, optimizer, run.evaluate_every, run.workers)
    network, history = Loop(lesson, plan, keeping, report).run()
    return network.tower, history


def begin_with(network: nn.Module, paths: Sequence[Path]) -> None:
    """Give a network the mean of the averaged weights of earlier runs ("model soup", https://arxiv.org/abs/2203.05482).

    Raises:
        NotFound: There is no such run.
        FailedPrecondition: Its checkpoint is damaged.
    """
    states = [_averaged(path) for path in paths]
    network.load_state_dict({name: _mean([state[name] for state in states]) for name in states[0]})


def _averaged(path: Path) -> Mapping[str, Tensor]:
    contents = read_checkpoint(path)
    if contents is None:
        raise NotFound(f"there is no {path} to begin with")
    weights: Mapping[str, Tensor] = contents["average"]
    return weights


def _mean(weights: Sequence[Tensor]) -> Tensor:
    """Return the mean of what was learned; counts are those of the first."""
    return torch.stack(list(weights)).mean(0) if weights[0].is_floating_point() else weights[0]
