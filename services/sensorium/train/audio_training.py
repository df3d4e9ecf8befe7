"""Trains the audio tower: once for each fold to learn how well it does, then on every clip to be shipped."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import nn

from sensorium.train.audio_lesson import AudioLesson
from sensorium.train.audio_tower import AudioTower
from sensorium.train.clips import Clips
from sensorium.train.configuration import Phase, TrainingConfiguration, fingerprint
from sensorium.train.history import Mark
from sensorium.train.loop import Keeping, Lessons, Loop
from sensorium.train.schedule import Schedule

# Between evaluations: a fold has few clips, so a figure of one epoch says little.
_EVALUATE_EVERY = 10

Report = Callable[[str, Mark], None]


def train_audio_tower(
    configuration: TrainingConfiguration, clips: Clips, classes: np.ndarray, folder: Path, report: Report
) -> tuple[AudioTower, dict[str, list[Mark]]]:
    """Return the tower trained on all clips, and the course of every run: one a fold, and that of the tower.

    Raises:
        FailedPrecondition: A checkpoint in `folder` is damaged, or was made with another configuration.
    """
    courses: dict[str, list[Mark]] = {}
    for fold in sorted(set(clips.folds.tolist())):
        train, validation = clips.split(fold)
        name = f"audio-fold-{fold}"
        lesson = AudioLesson(configuration, train, validation, classes)
        _, courses[name] = _run(lesson, configuration, folder, name, report)
    lesson = AudioLesson(configuration, clips, None, classes)
    network, courses["audio"] = _run(lesson, configuration, folder, "audio", report)
    return network.tower, courses


def mean_of_folds(courses: Mapping[str, Sequence[Mark]]) -> dict[str, float]:
    """Return the mean of the last figures of the folds whose runs have ended; the name says how many those are."""
    last = [
        course[-1].figures
        for name, course in courses.items()
        if name.startswith("audio-fold-") and course and course[-1].epoch == course[-1].epochs
    ]
    names = last[0] if last else {}
    return {
        f"audio {name}, mean of {len(last)} folds": float(np.mean([figures[name] for figures in last]))
        for name in names
    }


def _run(
    lesson: AudioLesson, configuration: TrainingConfiguration, folder: Path, name: str, report: Report
) -> tuple[nn.Module, list[Mark]]:
    run = configuration.audio
    phases = (Phase(run.epochs, 16, 1.0),)
    schedule = Schedule(phases, run.steps, run.optimizer.learning_rate, run.optimizer.warmup)
    keeping = Keeping(folder / f"{name}.pt", fingerprint(configuration, "audio"))
    plan = Lessons(schedule, run.optimizer, _EVALUATE_EVERY)
    return Loop(lesson, plan, keeping, lambda mark: report(name, mark)).run()
