"""A folder of many small files for benchmarks of datasets: texts, photos in two formats and sounds, cheap to make."""

import io
import os
import wave
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import numpy as np
from PIL import Image
from texts import load_texts

IN_FOLDER = 1000
ENDINGS = ("txt", "jpg", "txt", "png", "wav")
_TEMPLATES = 50
_PIXELS = 32
_SAMPLE_RATE = 8000
_SECONDS = 0.1


class SmallFiles:
    """Makes files below a folder, a thousand in each folder; the file of a number is always the same.

    Args:
        folder: Where they are.
        endings: The kinds of files, which take turns.
        pixels: Width and height of pictures.
        seconds: Length of sounds.
    """

    def __init__(
        self, folder: Path, endings: tuple[str, ...] = ENDINGS, pixels: int = _PIXELS, seconds: float = _SECONDS
    ) -> None:
        self._folder = folder
        self._endings = endings
        dice = np.random.default_rng(1)
        pictures = [dice.integers(0, 255, (pixels, pixels, 3), np.uint8) for _ in range(_TEMPLATES)]
        tones = [dice.integers(-9000, 9000, round(seconds * _SAMPLE_RATE), np.int16) for _ in range(_TEMPLATES)]
        made = {
            "txt": lambda: [text.encode() for text in load_texts(_TEMPLATES)],
            "jpg": lambda: [_picture(each, "JPEG") for each in pictures],
            "png": lambda: [_picture(each, "PNG") for each in pictures],
            "wav": lambda: [_sound(each) for each in tones],
        }
        self._contents = {ending: made[ending]() for ending in {*endings}}

    def path(self, number: int) -> Path:
        """Return where a file is."""
        ending = self._endings[number % len(self._endings)]
        return self._folder / f"part-{number // IN_FOLDER:05d}" / f"file {number:07d}.{ending}"

    def content(self, number: int) -> bytes:
        """Return what is in a file; texts name their number, so that no two are alike."""
        ending = self._endings[number % len(self._endings)]
        content = self._contents[ending][number % _TEMPLATES]
        return content + f" ({number})".encode() if ending == "txt" else content

    def write(self, numbers: range) -> None:
        """Make files."""
        for number in numbers:
            path = self.path(number)
            if not number % IN_FOLDER or number == numbers.start:
                path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.content(number))

    def touch(self, numbers: range) -> None:
        """Let files look as if they were written anew, whatever the clock of the file system."""
        for number in numbers:
            changed = self.path(number).stat().st_mtime_ns + 1_000_000
            os.utime(self.path(number), ns=(changed, changed))

    def remove(self, numbers: range) -> None:
        """Let files vanish."""
        for number in numbers:
            self.path(number).unlink()

    def contents(self, number: int) -> Iterator[bytes]:
        """Yield the contents of the first files."""
        return map(self.content, islice(count(), number))


def _picture(pixels: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]", form: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, form)
    return stream.getvalue()


def _sound(samples: "np.ndarray[tuple[int, ...], np.dtype[np.int16]]") -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(_SAMPLE_RATE)
        sound.writeframes(samples.tobytes())
    return stream.getvalue()
