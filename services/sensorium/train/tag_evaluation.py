"""Calibrates towers for tagging, on images and clips that they were not trained on."""

from collections.abc import Mapping

import torch
from torch import nn

from sensorium.train.audio_tower import Listening
from sensorium.train.clips import Clips
from sensorium.train.figures import Vectors
from sensorium.train.image_evaluation import embedded
from sensorium.train.image_pack import LabelledImages
from sensorium.train.tag_calibration import Fitted, of_images, of_sounds

_CLIPS_AT_ONCE = 8


def calibrate_images(tower: nn.Module, validation: LabelledImages, names: Vectors) -> Fitted:
    """Calibrate an image tower on validation images; the names' vectors are float32 [classes, dimension]."""
    return of_images(embedded(tower, validation.pixels), names, validation.labels)


@torch.inference_mode()
def calibrate_sounds(towers: Mapping[int, Listening], clips: Clips, names: Vectors) -> Fitted:
    """Calibrate an audio tower by those that were each trained without one fold; `towers` holds them by fold."""
    vectors = torch.empty(len(clips.labels), names.shape[-1])
    for fold, tower in towers.items():
        inside = torch.from_numpy(clips.folds == fold)
        parts = torch.from_numpy(clips.waveforms)[inside].split(_CLIPS_AT_ONCE)
        vectors[inside] = torch.cat([tower.eval()(part) for part in parts])
    return of_sounds(vectors.numpy(), names, clips.labels, clips.folds)
