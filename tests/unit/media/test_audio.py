"""Sounds of every kind become one waveform, and damaged ones an error that says so."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from media_samples import AUDIO_FORMATS, clip, hum

from sensorium.errors import InvalidArgument, Reason
from sensorium.media.audio import AudioDecoder

RATE, SECONDS = 8_000, 0.5
COUNT = round(RATE * SECONDS)
DECODER = AudioDecoder(RATE, COUNT)
FILES = [clip(hum(0.2), kind=kind) for kind in AUDIO_FORMATS]


def wave(seconds: float = SECONDS) -> np.ndarray:
    return hum(seconds, RATE)[:, 0]


@pytest.mark.parametrize("kind", AUDIO_FORMATS)
def test_every_format_gives_the_same_waveform(kind: str) -> None:
    decoded = DECODER.decode(clip(hum(1.0), kind=kind)).tensor
    assert (decoded.shape, decoded.dtype) == ((COUNT,), np.float32)
    middle = slice(1000, -1000)
    # Codecs shift what they store by some samples: the spectrum says that it is the same tone.
    tone = np.abs(np.fft.rfft(decoded[middle])).argmax() * RATE / (COUNT - 2000)
    assert tone == pytest.approx(440, abs=5)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_rate_and_channel_count_gives_the_same_waveform(rate: int, channels: int) -> None:
    decoded = DECODER.decode(clip(hum(1.0, rate, channels), rate)).tensor
    assert np.abs(decoded - wave())[200:-200].max() < 0.01


def test_channels_are_mixed_to_their_mean() -> None:
    left = np.zeros((RATE, 2), np.float32)
    left[:, 0] = 0.8
    assert DECODER.decode(clip(left, RATE)).tensor[100:200] == pytest.approx(0.4, abs=1e-3)


def test_a_long_clip_is_cut_and_it_is_told() -> None:
    decoded = DECODER.decode(clip(hum(2.0, RATE), RATE))
    assert decoded.cut
    assert (decoded.cut.actual, decoded.cut.limit, decoded.cut.unit) == (2.0, 0.5, "seconds")
    assert DECODER.decode(clip(hum(SECONDS, RATE), RATE)).cut is None


def test_a_short_clip_is_followed_by_silence_or_by_itself() -> None:
    short = clip(hum(0.1, RATE), RATE, subtype="FLOAT")
    assert np.abs(DECODER.decode(short).tensor[800:]).max() == 0
    repeated = AudioDecoder(RATE, COUNT, "repeat").decode(short).tensor
    assert np.array_equal(repeated[800:1600], repeated[:800])


def test_samples_beyond_full_scale_are_clipped() -> None:
    assert DECODER.decode(clip(hum(1.0, RATE) * 100, RATE, subtype="FLOAT")).tensor.max() == 1


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_refused(value: float) -> None:
    samples = hum(0.1, RATE)
    samples[5] = value
    with pytest.raises(InvalidArgument, match="not finite") as caught:
        DECODER.decode(clip(samples, RATE, subtype="FLOAT"))
    assert caught.value.reason is Reason.MEDIA_UNDECODABLE


def test_a_clip_without_a_sample_is_empty() -> None:
    with pytest.raises(InvalidArgument) as caught:
        DECODER.decode(clip(np.empty((0, 1), np.float32)))
    assert caught.value.reason is Reason.CONTENT_EMPTY


@pytest.mark.parametrize("data", [b"", b"RIFF", b"RIFF\0\0\0\0AVI ", b".snd" + bytes(40), b"ID3", b"fLaC", b"caff"])
def test_what_is_no_sound_cannot_be_decoded(data: bytes) -> None:
    with pytest.raises(InvalidArgument) as caught:
        DECODER.decode(data)
    assert "BytesIO" not in caught.value.message
    assert caught.value.reason is Reason.MEDIA_UNDECODABLE


def test_an_unusual_rate_or_number_of_channels_is_refused() -> None:
    for data, told in ((clip(hum(0.1), 500), "samples a second"), (clip(hum(0.1, channels=65)), "channels")):
        with pytest.raises(InvalidArgument, match=told) as caught:
            DECODER.decode(data)
        assert caught.value.reason is Reason.MEDIA_UNDECODABLE


def outcome(data: bytes) -> None:
    """Decode: either a waveform of numbers, or one of the errors that say what is wrong with the file."""
    try:
        decoded = DECODER.decode(data).tensor
        assert decoded.shape == (COUNT,)
        assert np.isfinite(decoded).all()
    except InvalidArgument as error:
        assert error.reason in {Reason.MEDIA_UNDECODABLE, Reason.CONTENT_EMPTY}  # noqa: PT017


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(FILES), st.data())
def test_mutated_files_never_break_anything(data: bytes, draw: st.DataObject) -> None:
    mutated = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 8))):
        mutated[draw.draw(st.integers(0, min(len(mutated) - 1, 200)))] = draw.draw(st.integers(0, 255))
    outcome(bytes(mutated[: draw.draw(st.integers(0, len(mutated)))] if draw.draw(st.booleans()) else mutated))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([data[:12] for data in FILES]), st.binary(max_size=200))
def test_garbage_behind_a_good_beginning_never_breaks_anything(head: bytes, tail: bytes) -> None:
    outcome(head + tail)
