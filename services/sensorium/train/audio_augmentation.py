"""Changes training sounds at random, as spectrograms: place in time, pitch, noise, company, and gaps."""

import torch
from torch import Generator, Tensor
from torch.nn import functional


def augmented(power: Tensor, company: Tensor, mix: float, generator: Generator) -> Tensor:
    """Return power in mel bands, float32 [batch, mels, frames], changed.

    Args:
        power: float32 [batch, mels, frames].
        company: The same shape: another clip of the same label for each, which may be laid over it.
        mix: The share of clips that get company.
        generator: Where chance comes from.
    """
    joined = (torch.rand(len(power), 1, 1, generator=generator) < mix).float()
    level = torch.rand(len(power), 1, 1, generator=generator)
    moved = _moved(power, generator) + joined * level * _moved(company, generator)
    return _gaps(_noisy(_pitched(moved, generator), generator), generator)


def _moved(power: Tensor, generator: Generator) -> Tensor:
    """Turn each clip round in time by any amount."""
    frames = power.shape[2]
    start = torch.randint(frames, (len(power), 1), generator=generator)
    places = (torch.arange(frames) + start) % frames
    return power.gather(2, places.unsqueeze(1).expand_as(power))


def _pitched(power: Tensor, generator: Generator) -> Tensor:
    """Shift and stretch each clip in pitch and pace by up to a tenth."""
    count = len(power)
    pitch, pace = (1 + (torch.rand(2, count, generator=generator) * 2 - 1) * 0.1).unbind()
    shift = (torch.rand(count, generator=generator) * 2 - 1) * 0.1
    zero = torch.zeros(count)
    maps = torch.stack((torch.stack((pace, zero, zero), 1), torch.stack((zero, pitch, shift), 1)), dim=1)
    grid = functional.affine_grid(maps, [count, 1, *power.shape[1:]], False)
    return functional.grid_sample(power.unsqueeze(1), grid, padding_mode="border", align_corners=False).squeeze(1)


def _noisy(power: Tensor, generator: Generator) -> Tensor:
    """Lay noise of a random colour and level under each clip, 10 to 50 dB below its mean, and tilt its bands."""
    count, mels, _ = power.shape
    bands = torch.linspace(-1, 1, mels).view(1, mels, 1)
    colour, tilt = ((torch.rand(2, count, 1, 1, generator=generator) * 2 - 1) * 1.5).unbind()
    depth = 10 ** (-1 - 4 * torch.rand(count, 1, 1, generator=generator))
    grain = -torch.log(torch.rand(power.shape, generator=generator).clamp(min=1e-6))
    noise = power.mean(dim=(1, 2), keepdim=True) * depth * torch.exp(colour * bands) * grain
    return (power + noise) * torch.exp(tilt * bands)


def _gaps(power: Tensor, generator: Generator) -> Tensor:
    """Silence a stretch of time and a few bands of each clip."""
    for axis, longest in ((1, 12), (2, 40)):
        size = power.shape[axis]
        length = torch.randint(min(longest, size), (len(power), 1), generator=generator)
        start = torch.randint(size, (len(power), 1), generator=generator)
        places = torch.arange(size).unsqueeze(0)
        kept = ((places < start) | (places >= start + length)).float()
        power = power * kept.unsqueeze(3 - axis)
    return power
