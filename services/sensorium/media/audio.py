"""Decodes sounds into waveforms. libsndfile and soxr release Python's lock while they work."""

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from sensorium.errors import InvalidArgument
from sensorium.media.decoded import Cut, Decoded
from sensorium.media.faults import empty, undecodable

Short = Literal["silence", "repeat"]
Waveform = NDArray[np.float32]

_FORMATS = {"WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3"}
_RATES = range(1_000, 384_001)
_MAX_CHANNELS = 64
_BLOCK_VALUES = 1 << 18  # of all channels: 1 MiB in float32
_SPARE_FRAMES = 1024  # read beyond what is needed, so that the resampler's filter ends in sound


@dataclass(frozen=True, slots=True)
class AudioDecoder:
    """Makes float32 [sample_count], one channel, -1 to 1, of WAV, FLAC, Ogg (Vorbis, Opus) and MP3.

    Attributes:
        sample_rate: Of what it makes, in samples a second; any other is resampled.
        sample_count: How much it makes; the rest of a clip is cut.
        short: What follows a clip that is shorter: silence, or the clip again.
        max_bytes: The largest file.
    """

    sample_rate: int
    sample_count: int
    short: Short = "silence"
    max_bytes: int = 20 << 20

    def decode(self, data: bytes) -> Decoded:
        """Return the waveform.

        Raises:
            InvalidArgument: MEDIA_UNDECODABLE, or CONTENT_EMPTY for a clip without a sample.
        """
        if not _is_sound(data):
            raise undecodable("is none of WAV, FLAC, Ogg, MP3")
        try:
            with soundfile.SoundFile(io.BytesIO(data)) as clip:
                return self._decoded(clip)
        except InvalidArgument:
            raise
        except (soundfile.SoundFileError, RuntimeError, ValueError, OSError, OverflowError, TypeError) as error:
            raise undecodable(f"is no sound that can be decoded: {said(error)}") from error

    def _decoded(self, clip: soundfile.SoundFile) -> Decoded:
        _check(clip)
        wanted = math.ceil(self.sample_count * clip.samplerate / self.sample_rate)
        waveform = _mono(clip, wanted + _SPARE_FRAMES)
        if not waveform.size:
            raise empty("is a sound without a sample")
        if not np.isfinite(waveform).all():
            raise undecodable("holds samples that are not finite")
        resampled = soxr.resample(waveform, clip.samplerate, self.sample_rate)
        kept = self._fitted(np.clip(resampled, -1, 1).astype(np.float32, copy=False))
        return Decoded(kept, self._cut(max(waveform.size, clip.frames), clip.samplerate, wanted))

    def _fitted(self, samples: Waveform) -> Waveform:
        if samples.size >= self.sample_count:
            return np.ascontiguousarray(samples[: self.sample_count])
        if self.short == "repeat" and samples.size:
            return np.resize(samples, self.sample_count)
        return np.pad(samples, (0, self.sample_count - samples.size))

    def _cut(self, frames: int, rate: int, wanted: int) -> Cut | None:
        if frames <= wanted:
            return None
        return Cut(frames / rate, self.sample_count / self.sample_rate, "seconds")


def said(error: Exception) -> str:
    """Return what a decoder of sounds said, without where it read from."""
    if isinstance(error, soundfile.LibsndfileError):
        told: str = error.error_string
        return told.rstrip(".")
    return str(error)


def _is_sound(data: bytes) -> bool:
    """Tell by the first bytes, so that libsndfile tries none of its many other formats."""
    if data[:4] in {b"RIFF", b"RF64"}:
        return data[8:12] == b"WAVE"
    return data[:4] in {b"fLaC", b"OggS"} or data[:3] == b"ID3" or (data[:1] == b"\xff" and data[1:2] >= b"\xe0")


def _check(clip: soundfile.SoundFile) -> None:
    if clip.format not in _FORMATS:
        raise undecodable(f"is {clip.format}, none of WAV, FLAC, Ogg, MP3")
    if clip.samplerate not in _RATES:
        raise undecodable(f"has {clip.samplerate} samples a second, not {_RATES.start} to {_RATES.stop - 1}")
    if clip.channels > _MAX_CHANNELS:
        raise undecodable(f"has {clip.channels} channels, more than {_MAX_CHANNELS}")


def _mono(clip: soundfile.SoundFile, frames: int) -> Waveform:
    """Return the mean of the channels, at most `frames` of them, shape [frames]."""
    mixed = list(_blocks(clip, frames))
    return np.concatenate(mixed) if mixed else np.empty(0, np.float32)


def _blocks(clip: soundfile.SoundFile, frames: int) -> Iterator[Waveform]:
    size = max(_BLOCK_VALUES // clip.channels, 1)
    while frames > 0:
        block = clip.read(min(size, frames), dtype="float32", always_2d=True)
        if not len(block):
            return
        frames -= len(block)
        # The mean; numpy's own takes as long as the codec when it runs over an axis of two.
        yield block @ np.full(clip.channels, 1 / clip.channels, np.float32)
