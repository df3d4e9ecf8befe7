"""All that the image tower learns from: labelled images, photos, and the text vectors of their names and captions."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sensorium.train.configuration import TrainingConfiguration
from sensorium.train.hard_negatives import likest_of_others
from sensorium.train.image_pack import LabelledImages, read_packs
from sensorium.train.photos import Photo, read_photos
from sensorium.train.statistics import IMAGES
from sensorium.train.text_tower import TextTower

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Captioned:
    """Photos and the vectors of their captions.

    Attributes:
        vectors: float32 [captions, dimension].
        owners: int64 [captions], ascending: the photo of each.
    """

    photos: tuple[Photo, ...]
    vectors: Vectors
    owners: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ImageMaterial:
    """What the image tower learns from, and what it is judged by.

    Attributes:
        validation: At the size that the tower is served at.
        sample: uint8 [some, 3, side, side]: training images at that size.
        classes: float32 [prompts, classes, dimension]: the names' vectors in each prompt.
        negatives: int64 [captions of train_photos, some]: for each the likest captions of other photos.
    """

    train: LabelledImages
    validation: LabelledImages
    sample: npt.NDArray[np.uint8]
    classes: Vectors
    train_photos: Captioned
    validation_photos: Captioned
    negatives: npt.NDArray[np.int64]


def read_image_material(configuration: TrainingConfiguration, folder: Path, text: TextTower) -> ImageMaterial:
    """Return what the configuration names, read below `folder`.

    Raises:
        NotFound: A file does not exist.
        FailedPrecondition: A file is not what it should be.
    """
    run = configuration.image
    train = read_packs([folder / path for path in run.train])
    photos = folder / run.captions.folder
    train_photos = _captioned(read_photos(photos, "train"), text)
    return ImageMaterial(
        train=train,
        validation=read_packs([folder / path for path in run.validation]).scaled(run.size),
        sample=train.drawn(IMAGES).scaled(run.size).pixels,
        classes=class_vectors(train.names, configuration.text.prompts, text),
        train_photos=train_photos,
        validation_photos=_captioned(read_photos(photos, "val"), text),
        negatives=likest_of_others(train_photos.vectors, train_photos.owners, run.captions.drawn_from),
    )


def class_vectors(names: tuple[str, ...], prompts: tuple[str, ...], text: TextTower) -> Vectors:
    """Return float32 [prompts, classes, dimension]."""
    return np.stack([text.embed([prompt.format(name) for name in names]) for prompt in prompts])


def _captioned(photos: tuple[Photo, ...], text: TextTower) -> Captioned:
    captions = [caption for photo in photos for caption in photo.captions]
    owners = np.repeat(np.arange(len(photos)), [len(photo.captions) for photo in photos])
    return Captioned(photos, text.embed(captions), owners.astype(np.int64))
