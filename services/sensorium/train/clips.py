"""Labelled sounds in folds, decoded as they are when they are served."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sensorium.errors import FailedPrecondition, InvalidArgument, NotFound
from sensorium.media.audio import AudioDecoder
from sensorium.train.configuration import AudioRun


@dataclass(frozen=True, slots=True)
class Clips:
    """Sounds of one length with a label each.

    Attributes:
        waveforms: float32 [count, samples], one channel, -1 to 1.
        labels: int64 [count], into `names`.
        folds: int64 [count]: clips of one recording share a fold.
        names: What each label is called.
    """

    waveforms: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    folds: npt.NDArray[np.int64]
    names: tuple[str, ...]

    def split(self, fold: int) -> "tuple[Clips, Clips]":
        """Return the clips outside a fold, and those in it."""
        inside = self.folds == fold
        return self._where(~inside), self._where(inside)

    def _where(self, chosen: npt.NDArray[np.bool_]) -> "Clips":
        return Clips(self.waveforms[chosen], self.labels[chosen], self.folds[chosen], self.names)


def read_clips(folder: Path, run: AudioRun) -> Clips:
    """Return the clips that labels.jsonl in `folder` lists, in order.

    Raises:
        NotFound: The list or a clip does not exist.
        FailedPrecondition: A line of it is wrong, or a clip is no sound.
    """
    path = folder / "labels.jsonl"
    if not path.is_file():
        raise NotFound(f"{path} does not exist: name the folder that holds the data (docs/training.md)")
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        files = [folder / line["file"] for line in lines]
        labels = [str(line["label"]) for line in lines]
        folds = np.array([int(line["fold"]) for line in lines], np.int64)
    except (ValueError, KeyError, TypeError) as error:
        raise FailedPrecondition(f"{path}: {error!r}") from error
    names = tuple(sorted(set(labels)))
    waveforms = np.stack([_waveform(file, run) for file in files])
    return Clips(waveforms, np.array([names.index(label) for label in labels], np.int64), folds, names)


def _waveform(path: Path, run: AudioRun) -> npt.NDArray[np.float32]:
    decoder = AudioDecoder(run.sample_rate, run.sample_count)
    try:
        return decoder.decode(path.read_bytes()).tensor.astype(np.float32, copy=False)
    except FileNotFoundError:
        raise NotFound(f"{path}, which labels.jsonl names, does not exist") from None
    except InvalidArgument as error:
        raise FailedPrecondition(f"{path} {error.message}") from error
