"""Mel spectrograms as products with fixed matrices, so that the graph needs no operator for Fourier transforms."""

import numpy as np
import numpy.typing as npt

WINDOW_S = 0.05
HOP_S = 0.025
LOWEST_HZ = 40.0

Matrix = npt.NDArray[np.float32]


def fourier_basis(sample_rate: int) -> Matrix:
    """Return float32 [2 x bins, window]: cosines, then sines, under a Hann window."""
    length = round(WINDOW_S * sample_rate)
    bins = length // 2 + 1
    angle = 2 * np.pi * np.outer(np.arange(bins), np.arange(length)) / length
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    return np.concatenate([np.cos(angle) * window, -np.sin(angle) * window]).astype(np.float32)


def mel_bands(sample_rate: int, mels: int) -> Matrix:
    """Return float32 [mels, bins]: triangles that are evenly spaced on the HTK mel scale, each of weight 1."""
    bins = round(WINDOW_S * sample_rate) // 2 + 1
    frequencies = np.linspace(0, sample_rate / 2, bins)
    edges = _hertz(np.linspace(_mel(LOWEST_HZ), _mel(sample_rate / 2), mels + 2))
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (frequencies - low) / (middle - low), (high - frequencies) / (high - middle)
    bands: npt.NDArray[np.float64] = np.clip(np.minimum(rising, falling), 0, None)
    bands /= np.maximum(bands.sum(axis=1, keepdims=True), 1e-9)
    return bands.astype(np.float32)


def _mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))


def _hertz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(700 * (10 ** (mel / 2595) - 1))
