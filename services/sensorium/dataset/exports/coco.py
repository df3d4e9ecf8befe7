"""COCO: images, and their tags as annotations of the whole picture.

Format: https://cocodataset.org/#format-data. Every part is a document of its own; ids are made from names, so those of
several parts agree.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from sensorium.dataset.exports.part_format import Sample
from sensorium.dataset.exports.record import ExportedFile
from sensorium.errors import InvalidArgument


class Coco:
    """Implements `PartFormat`, but for reading: too little of a record is kept."""

    path = "annotations/instances-{number:05}.json"
    embeds = False

    def encode(self, samples: Sequence[Sample]) -> bytes:
        """Return the images with their annotations and categories; files that are no images are left out."""
        records = [sample.record for sample in samples if sample.record.file_type == "image"]
        names = sorted({tag for record in records for tag in record.tags})
        return orjson.dumps(
            {
                "info": {"description": "exported by Sensorium"},
                "images": [_image(record) for record in records],
                "annotations": [_annotation(record, tag) for record in records for tag in record.tags],
                "categories": [{"id": id_of(name), "name": name, "supercategory": ""} for name in names],
            }
        )

    def decode(self, part: bytes) -> Iterator[ExportedFile | InvalidArgument]:  # noqa: ARG002
        """Yield nothing but an error."""
        yield InvalidArgument("COCO documents cannot be imported: they hold too little of a record")


def id_of(name: str) -> int:
    """Return a number that is always the same for a name: 52 bits of BLAKE2b, which every JSON reader keeps."""
    return int.from_bytes(hashlib.blake2b(name.encode(errors="replace"), digest_size=8).digest()) >> 12


def _image(record: ExportedFile) -> dict[str, Any]:
    return {
        "id": id_of(record.id),
        "file_name": record.file or record.uri,
        "width": record.width,
        "height": record.height,
        "date_captured": (record.file_create_time or record.file_update_time).isoformat(),
    }


def _annotation(record: ExportedFile, tag: str) -> dict[str, Any]:
    scores = [each.score for each in record.algorithm_tags if each.tag == tag]
    return {
        "id": id_of(f"{record.id}/{tag}"),
        "image_id": id_of(record.id),
        "category_id": id_of(tag),
        "bbox": [0, 0, record.width, record.height],
        "area": record.width * record.height,
        "segmentation": [],
        "iscrowd": 0,
        **({"score": max(scores)} if scores else {}),
    }
