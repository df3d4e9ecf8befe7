"""The formats of exports, by their names."""

from collections.abc import Mapping

from sensorium.dataset.exports.coco import Coco
from sensorium.dataset.exports.jsonl import JsonLines
from sensorium.dataset.exports.parquet import HuggingFace, Parquet
from sensorium.dataset.exports.part_format import PartFormat
from sensorium.dataset.exports.webdataset import WebDataset
from sensorium.model.dataset_export import ExportFormat

FORMATS: Mapping[ExportFormat, PartFormat] = {
    ExportFormat.JSONL: JsonLines(),
    ExportFormat.PARQUET: Parquet(),
    ExportFormat.WEBDATASET: WebDataset(),
    ExportFormat.COCO: Coco(),
    ExportFormat.HUGGING_FACE: HuggingFace(),
}
