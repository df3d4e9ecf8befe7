"""The image tower: a plain residual network, wide where the image is small, because that is cheap on processors."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

# Of ImageNet's pixels, RGB, on the scale 0 to 1.
MEAN = (0.480, 0.448, 0.398)
DEVIATION = (0.277, 0.269, 0.282)


class Block(nn.Module):
    """Two convolutions beside a shortcut, which averages where the block halves the image."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        """Build it for images of `inputs` channels."""
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        nn.init.zeros_(self.second_norm.weight)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            pool = nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False) if stride > 1 else nn.Identity()
            self.shortcut = nn.Sequential(pool, nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, image: Tensor) -> Tensor:
        """Return [batch, outputs, side, side], half the side where the block has a stride."""
        inner = functional.relu(self.first_norm(self.first(image)))
        return functional.relu(self.second_norm(self.second(inner)) + self.shortcut(image))


class ImageTower(nn.Module):
    """From normalised images of any size to vectors of length 1."""

    def __init__(self, stem: int, widths: Sequence[int], depths: Sequence[int], dimension: int) -> None:
        """Build it; see ImageRun for the fields."""
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, stem, 3, 2, 1, bias=False), nn.BatchNorm2d(stem), nn.ReLU()]
        channels = stem
        for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            for index in range(depth):
                layers.append(Block(channels, width, 2 if stage and not index else 1))
                channels = width
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(channels, dimension)

    def forward(self, image: Tensor) -> Tensor:
        """Take float32 [batch, 3, side, side], normalised; return float32 [batch, dimension]."""
        return self.placed(self.features(image))

    def features(self, image: Tensor) -> Tensor:
        """Return float32 [batch, channels]: what the image shows, before it is placed in the space."""
        return self.layers(image).float().mean(dim=(2, 3))

    def placed(self, features: Tensor) -> Tensor:
        """Return float32 [batch, dimension], of length 1."""
        return functional.normalize(self.head(features), dim=-1)


class Normalised(nn.Module):
    """The tower as it is served: uint8 pixels in, normalisation in the graph."""

    def __init__(self, tower: nn.Module) -> None:
        """Wrap a trained tower."""
        super().__init__()
        self.tower = tower

    def forward(self, image: Tensor) -> Tensor:
        """Take uint8 [batch, 3, side, side], RGB; return float32 [batch, dimension]."""
        return self.tower(normalised(image))


def normalised(pixels: Tensor) -> Tensor:
    """Return uint8 pixels [batch, 3, side, side] as the tower wants them."""
    mean = torch.tensor(MEAN).view(1, 3, 1, 1)
    deviation = torch.tensor(DEVIATION).view(1, 3, 1, 1)
    return (pixels.float() / 255.0 - mean) / deviation
