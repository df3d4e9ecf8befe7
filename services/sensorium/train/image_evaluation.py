"""Judges an image tower on the validation images and photos, at the size that it is served at."""

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from sensorium.train.figures import precision_at, recall_at, top_k
from sensorium.train.image_material import ImageMaterial
from sensorium.train.photos import squashed
from sensorium.train.residual import normalised

_AT_ONCE = 200


def evaluate_image_tower(tower: nn.Module, material: ImageMaterial, size: int) -> dict[str, float]:
    """Return top-1, top-5, precision@10 and caption recall@10 (docs/training.md)."""
    validation, photos = material.validation, material.validation_photos
    shown = embedded(tower, validation.pixels)
    names, labels = material.classes[0], validation.labels
    pictured = embedded(tower, squashed(photos.photos, size))
    return {
        "top-1": top_k(shown, names, labels, 1),
        "top-5": top_k(shown, names, labels, 5),
        "precision@10": precision_at(shown, names, labels, 10),
        "caption recall@10": recall_at(photos.vectors, pictured, photos.owners, 10),
    }


@torch.inference_mode()
def embedded(tower: nn.Module, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return float32 [count, dimension] of uint8 pixels [count, 3, side, side]."""
    tower.eval()
    layout = torch.channels_last
    batches = torch.from_numpy(pixels).split(_AT_ONCE)
    vectors = [tower(normalised(batch).contiguous(memory_format=layout)).numpy() for batch in batches]
    return np.concatenate(vectors).astype(np.float32, copy=False)
