"""Photos with captions, of every size and shape, read once and kept at the size that training needs."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from sensorium.errors import FailedPrecondition, NotFound


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo and what people said of it."""

    path: Path
    captions: tuple[str, ...]


def read_photos(folder: Path, split: str | None = None) -> tuple[Photo, ...]:
    """Return the photos that labels.jsonl in `folder` lists, or those of one split, in order.

    Raises:
        NotFound: There is no such list.
        FailedPrecondition: A line of it is wrong; the message names the line.
    """
    path = folder / "labels.jsonl"
    if not path.is_file():
        raise NotFound(f"{path} does not exist: name the folder that holds the data (docs/training.md)")
    photos = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            fields = json.loads(line)
            photo = Photo(folder / fields["file"], tuple(map(str, fields["captions_en"])))
            wanted = split is None or fields["split"] == split
        except (ValueError, KeyError, TypeError) as error:
            raise FailedPrecondition(f"{path}, line {number}: {error!r}") from error
        if wanted and photo.captions:
            photos.append(photo)
    return tuple(photos)


def squashed(photos: tuple[Photo, ...], side: int) -> npt.NDArray[np.uint8]:
    """Return the photos as uint8 [count, 3, side, side], each side scaled by itself, antialiased."""
    return np.stack([_squashed(photo.path, side) for photo in photos])


def _squashed(path: Path, side: int) -> npt.NDArray[np.uint8]:
    try:
        with Image.open(path) as image:
            square = image.convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
    except FileNotFoundError:
        raise NotFound(f"{path}, which labels.jsonl names, does not exist") from None
    except OSError as error:
        raise FailedPrecondition(f"{path} is no image: {error}") from error
    return np.asarray(square).transpose(2, 0, 1)
