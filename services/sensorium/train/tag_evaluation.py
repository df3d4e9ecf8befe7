"""Calibrates towers for tagging, on images and clips that they were not trained on."""

from collections.abc import Mapping

import torch
from torch import nn

from sensorium.train.audio_tower import Listening
from sensorium.train.clips import Clips
from sensorium.train.figures import Vectors
from sensorium.train.image_evaluation import embedded
from sensorium.train.image_pack import LabelledImages
from sensorium.train.known_tags import with_known_images, with_known_sounds
from sensorium.train.tag_calibration import Fitted, of_images, of_sounds

_CLIPS_AT_ONCE = 8


def calibrate_images(tower: nn.Module, validation: LabelledImages, names: Vectors) -> Fitted:
    """Calibrate an image tower on validation images; the names' vectors are float32 [classes, dimension]."""
    vectors = embedded(tower, validation.pixels)
    fitted = of_images(vectors, names, validation.labels)
    return with_known_images(fitted, vectors, names, validation.labels, validation.names)


@torch.inference_mode()
def calibrate_sounds(towers: Mapping[int, Listening], clips: Clips, names: Vectors) -> Fitted:
    """Calibrate an audio tower by those that were each trained without one fold; `towers` holds them by fold."""
    vectors = torch.empty(len(clips.labels), names.shape[-1])
    for fold, tower in towers.items():
        inside = torch.from_numpy(clips.folds == fold)
        parts = torch.from_numpy(clips.waveforms)[inside].split(_CLIPS_AT_ONCE)
        vectors[inside] = torch.cat([tower.eval()(part) for part in parts])
    heard = vectors.numpy()
    fitted = of_sounds(heard, names, clips.labels, clips.folds)
    return with_known_sounds(fitted, heard, names, clips.labels, clips.folds, tags=clips.names)
