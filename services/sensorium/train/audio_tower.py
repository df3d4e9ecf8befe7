"""The audio tower: a small convolutional network on a log-mel spectrogram that it computes itself."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from sensorium.train.configuration import AudioRun
from sensorium.train.mel import HOP_S, fourier_basis, mel_bands

# What is added to power before the logarithm: below the noise of a 16-bit recording.
_FLOOR = 1e-8


class MelSpectrogram(nn.Module):
    """From waveforms to power in mel bands; nothing in it is learned."""

    basis: Tensor
    bands: Tensor

    def __init__(self, sample_rate: int, mels: int) -> None:
        """Compute the matrices."""
        super().__init__()
        self._hop = round(HOP_S * sample_rate)
        self.register_buffer("basis", torch.from_numpy(fourier_basis(sample_rate)).unsqueeze(1), persistent=False)
        self.register_buffer("bands", torch.from_numpy(mel_bands(sample_rate, mels)), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Take float32 [batch, samples]; return power, float32 [batch, mels, frames]."""
        spectrum = functional.conv1d(waveform.unsqueeze(1), self.basis, stride=self._hop)
        real, imaginary = spectrum.chunk(2, dim=1)
        return torch.matmul(self.bands, real * real + imaginary * imaginary)


class AudioTower(nn.Module):
    """From power in mel bands to vectors of length 1."""

    def __init__(self, run: AudioRun, dimension: int) -> None:
        """Build it; see AudioRun for the fields."""
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for width in run.widths:
            layers += [
                nn.Conv2d(channels, width, 3, 1, 1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
            channels = width
        self.layers = nn.Sequential(*layers)
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(2 * channels, dimension)

    def forward(self, power: Tensor) -> Tensor:
        """Take float32 [batch, mels, frames]; return float32 [batch, dimension]."""
        features = self.layers(_logarithmic(power).unsqueeze(1)).mean(dim=2)
        pooled = torch.cat((features.mean(dim=2), features.amax(dim=2)), dim=1)
        return functional.normalize(self.head(self.drop(pooled)), dim=-1)


class Listening(nn.Module):
    """The tower as it is served: a waveform in, the spectrogram in the graph."""

    def __init__(self, spectrogram: MelSpectrogram, tower: nn.Module) -> None:
        """Wrap a trained tower."""
        super().__init__()
        self.spectrogram, self.tower = spectrogram, tower

    def forward(self, waveform: Tensor) -> Tensor:
        """Take float32 [batch, samples], one channel, -1 to 1; return float32 [batch, dimension]."""
        return self.tower(self.spectrogram(waveform))


def _logarithmic(power: Tensor) -> Tensor:
    """Return the logarithm, with mean 0 and deviation 1 over each clip: how loud a recording is says little."""
    # In units of the floor: exporters drop an addition of 1e-8 as one of nothing, and silence would be no number.
    level = torch.log1p(power / _FLOOR)
    centred = level - level.mean(dim=(1, 2), keepdim=True)
    return centred / (centred.square().mean(dim=(1, 2), keepdim=True) + 1e-3).sqrt()
