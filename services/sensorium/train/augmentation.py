"""Changes training images at random, a whole batch at once: crops of every scale, mirrors, light and colour."""

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional

from sensorium.train.residual import normalised


def augmented(pixels: Tensor, size: int, smallest_crop: float, generator: Generator) -> Tensor:
    """Return random crops of a batch, mirrored half the time, normalised.

    Args:
        pixels: uint8 [batch, 3, side, side].
        size: The side of the result; images are not enlarged before they are cropped.
        smallest_crop: The least share of an image's area that a crop keeps.
        generator: Where chance comes from.
    """
    image = _coloured(normalised(_reduced(pixels, size)), generator)
    grid = functional.affine_grid(_crops(len(pixels), smallest_crop, generator), [len(pixels), 3, size, size], False)
    cropped = functional.grid_sample(image, grid, padding_mode="reflection", align_corners=False)
    return cropped.contiguous(memory_format=torch.channels_last)


def exchanged(images: Tensor, generator: Generator) -> tuple[Tensor, Tensor, float]:
    """Return a batch with a rectangle of another of its images laid into each (CutMix, Yun et al. 2019).

    Args:
        images: float32 [batch, 3, side, side].
        generator: Where chance comes from.

    Returns:
        The batch, int64 [batch]: the places of the others, and the share of each image that stays its own.
    """
    side = images.shape[-1]
    others = torch.randperm(len(images), generator=generator)
    height, width = (round(side * float(torch.rand((), generator=generator).sqrt())) for _ in range(2))
    top, left = (int(torch.randint(side - each + 1, (), generator=generator)) for each in (height, width))
    place = (..., slice(top, top + height), slice(left, left + width))
    laid = images.clone()
    laid[place] = images[others][place]
    return laid, others, 1 - height * width / side**2


def base_side(size: int) -> int:
    """Return the side that photos are kept at for training at `size`: crops of two thirds keep their sharpness."""
    return round(size * 4 / 3)


def _reduced(pixels: Tensor, size: int) -> Tensor:
    """Return images no larger than crops of them need, so that crops need no smoothing."""
    side = base_side(size)
    if pixels.shape[-1] <= side:
        return pixels
    smaller = functional.interpolate(pixels.float(), (side, side), mode="bilinear", antialias=True)
    return smaller.round().clamp(0, 255)


def _crops(count: int, smallest: float, generator: Generator) -> Tensor:
    """Return float32 [count, 2, 3]: the affine maps of crops of random area, shape, place, tilt and side."""
    area = smallest + (1.0 - smallest) * torch.rand(count, generator=generator)
    shape = torch.exp((torch.rand(count, generator=generator) * 2 - 1) * math.log(4 / 3))
    width = (area * shape).sqrt().clamp(max=1.0)
    height = (area / shape).sqrt().clamp(max=1.0)
    place = torch.rand(count, 2, generator=generator) * 2 - 1
    mirror = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    tilt = (torch.rand(count, generator=generator) * 2 - 1) * 0.15
    cos, sin = tilt.cos(), tilt.sin()
    rows = (
        torch.stack((mirror * width * cos, -height * sin, place[:, 0] * (1 - width)), dim=1),
        torch.stack((mirror * width * sin, height * cos, place[:, 1] * (1 - height)), dim=1),
    )
    return torch.stack(rows, dim=1)


def _coloured(image: Tensor, generator: Generator) -> Tensor:
    """Return a normalised batch in another light: brightness, contrast, saturation and the tint of each image."""
    count = len(image)

    def drawn(spread: float, channels: int = 1) -> Tensor:
        return (torch.rand(count, channels, 1, 1, generator=generator) * 2 - 1) * spread

    mean = image.mean(dim=(1, 2, 3), keepdim=True)
    grey = image.mean(dim=1, keepdim=True)
    saturation, contrast = 1 + drawn(0.3), 1 + drawn(0.3)
    changed = grey + (image - grey) * saturation
    return mean + (changed - mean) * contrast + drawn(0.4) + drawn(0.1, 3)
