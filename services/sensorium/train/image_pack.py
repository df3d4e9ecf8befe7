"""Packs of small labelled images: JPEGs of few shapes, stored as a shared header and the scan of each."""

import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from sensorium.errors import FailedPrecondition, NotFound

# What numpy, zipfile and Pillow raise for files that are none of theirs.
_DAMAGED = (
    EOFError,
    IndexError,
    KeyError,
    NotImplementedError,
    OSError,
    OverflowError,
    SyntaxError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class LabelledImages:
    """Images of one size with a class each.

    Attributes:
        pixels: uint8 [count, 3, side, side], RGB.
        labels: int64 [count], into `names`.
        names: What each class is called, the usual name alone.
    """

    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    names: tuple[str, ...]

    def __len__(self) -> int:
        """Return how many images there are."""
        return len(self.labels)

    def drawn(self, count: int) -> Self:
        """Return some of the images, always the same, or all if there are no more."""
        chosen = np.random.default_rng(0).permutation(len(self))[:count]
        return replace(self, pixels=self.pixels[chosen], labels=self.labels[chosen])

    def scaled(self, side: int) -> Self:
        """Return the images at another side, scaled as a model that is served scales them."""
        if self.pixels.shape[-1] == side:
            return self
        return replace(self, pixels=np.stack([_scaled(image, side) for image in self.pixels]))


def read_packs(paths: Sequence[Path]) -> LabelledImages:
    """Return the images of packs that share their classes, in order.

    A pack is an npz of `headers`, `header_offsets`, `hid`, `data`, `offsets`, `labels` and `classes`.

    Raises:
        NotFound: A pack does not exist.
        FailedPrecondition: One is no pack, or the packs differ in their classes.
    """
    packs = [_read_pack(path) for path in paths]
    for path, pack in zip(paths, packs, strict=True):
        if pack.names != packs[0].names:
            raise FailedPrecondition(f"{path} has other classes than {paths[0]}")
    return LabelledImages(
        np.concatenate([pack.pixels for pack in packs]),
        np.concatenate([pack.labels for pack in packs]),
        packs[0].names,
    )


def usual_name(synonyms: str) -> str:
    """Return the first of a class's comma-separated names."""
    return synonyms.split(",", maxsplit=1)[0].strip()


def _read_pack(path: Path) -> LabelledImages:
    if not path.is_file():
        raise NotFound(f"{path} does not exist: name the folder that holds the data (docs/training.md)")
    try:
        # Opened here, so that it is closed even where it is no archive.
        with path.open("rb") as stream, np.load(stream) as pack:
            fields = {name: pack[name] for name in ("headers", "header_offsets", "hid", "data", "offsets", "labels")}
            names = tuple(usual_name(str(each)) for each in pack["classes"])
        return LabelledImages(_decoded(fields), fields["labels"].astype(np.int64), names)
    except _DAMAGED as error:
        raise FailedPrecondition(f"{path} is no pack of images: {error}") from error


def _decoded(fields: dict[str, npt.NDArray[np.generic]]) -> npt.NDArray[np.uint8]:
    starts = fields["header_offsets"]
    headers = [fields["headers"][a:b].tobytes() for a, b in pairwise(starts)]
    scans = fields["offsets"]
    images = [
        _pixels(headers[int(header)] + fields["data"][start:end].tobytes())
        for header, start, end in zip(fields["hid"], scans[:-1], scans[1:], strict=True)
    ]
    return np.stack(images)


def _scaled(pixels: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    image = Image.fromarray(pixels.transpose(1, 2, 0))
    return np.asarray(image.resize((side, side), Image.Resampling.BICUBIC)).transpose(2, 0, 1)


def _pixels(jpeg: bytes) -> npt.NDArray[np.uint8]:
    with Image.open(io.BytesIO(jpeg)) as image:
        return np.asarray(image.convert("RGB")).transpose(2, 0, 1)
