"""Measures the statistics of a tower's normalisations anew, on images as they are served, not as they are learned from.

Crops are smaller and look into things more closely than whole images do, and a mean of weights has statistics of its
own (SWA, https://arxiv.org/abs/1803.05407; FixRes, https://arxiv.org/abs/1906.06423).
"""

import copy

import numpy as np
import numpy.typing as npt
import torch
from torch.optim.swa_utils import update_bn

from sensorium.train.residual import ImageTower, Normalised

IMAGES = 4096
_AT_ONCE = 256


def as_served(tower: ImageTower, pixels: npt.NDArray[np.uint8]) -> ImageTower:
    """Return a copy of a tower whose batch normalisations have the statistics of some images.

    Args:
        tower: Of any statistics.
        pixels: uint8 [count, 3, side, side], of the side that is served.
    """
    served = copy.deepcopy(tower)
    update_bn(torch.from_numpy(pixels).split(_AT_ONCE), Normalised(served))
    served.eval()
    return served
