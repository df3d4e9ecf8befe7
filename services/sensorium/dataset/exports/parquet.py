"""Apache Parquet: one row a record; and the same as a folder that Hugging Face `datasets` loads."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from sensorium.dataset.exports.parquet_bounds import BATCH_ROWS, FOOTER, check_bounds, check_types, fitting, texts_of
from sensorium.dataset.exports.part_format import Sample
from sensorium.dataset.exports.record import ExportedFile
from sensorium.errors import DataLoss, InvalidArgument

if TYPE_CHECKING:
    import pyarrow as pa

# Columns of the Hugging Face folder that hold the file itself, by its type.
_MEDIA = {"image": "Image", "audio": "Audio"}
_TEXT = "text"


class Parquet:
    """Implements `PartFormat`; pyarrow is loaded by the first part."""

    path = "data/part-{number:05}.parquet"
    embeds = False

    def encode(self, samples: Sequence[Sample]) -> bytes:
        """Return the records as a table."""
        return _written([_row(sample.record) for sample in samples], _schema())

    def decode(self, part: bytes) -> Iterator[ExportedFile | InvalidArgument]:
        """Yield the record of each row."""
        return _records(part)


class HuggingFace:
    """Implements `PartFormat`: Parquet with the files in columns that `datasets` knows: `image`, `audio`, `text`."""

    path = "data/train-{number:05}.parquet"
    embeds = True

    def encode(self, samples: Sequence[Sample]) -> bytes:
        """Return the records and files as a table."""
        return _written([{**_row(each.record), **_media(each)} for each in samples], _media_schema())

    def decode(self, part: bytes) -> Iterator[ExportedFile | InvalidArgument]:
        """Yield the record of each row; the files in it are passed over."""
        return _records(part)


def _row(record: ExportedFile) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(record, builtin_types=(datetime,))
    return {**row, "attributes": orjson.dumps(row["attributes"]).decode()}


def _media(sample: Sample) -> dict[str, Any]:
    kind, content = sample.record.file_type, sample.content
    if content is None:
        return {}
    if kind in _MEDIA:
        return {kind: {"bytes": content, "path": sample.record.file_name}}
    return {_TEXT: content.decode("utf-8-sig", errors="replace")} if kind == _TEXT else {}


def _written(rows: Sequence[dict[str, Any]], schema: "pa.Schema") -> bytes:
    import pyarrow as pa  # noqa: PLC0415  # Loaded when it is needed: it takes 0.1 s and 60 MB.
    from pyarrow import parquet  # noqa: PLC0415

    packed = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(list(rows), schema=schema), packed, compression="zstd")
    return packed.getvalue()


def _records(part: bytes) -> Iterator[ExportedFile | InvalidArgument]:
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import parquet  # noqa: PLC0415

    try:
        metadata = parquet.ParquetFile(io.BytesIO(part), **FOOTER).metadata
        named = [each.name for each in fields(ExportedFile)]
        check_bounds(metadata, named)
        file = parquet.ParquetFile(
            io.BytesIO(part), metadata=metadata, read_dictionary=texts_of(metadata, named), pre_buffer=False
        )
        known = [name for name in named if name in metadata.schema.to_arrow_schema().names]
        check_types(metadata.schema.to_arrow_schema(), known)
        for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=known):
            for rows in fitting(batch):
                match rows:
                    case InvalidArgument() as error:
                        yield error
                    case _:
                        yield from map(_record, rows.to_pylist())
    except (pa.ArrowException, OSError) as error:
        raise DataLoss(f"a part is no Parquet file: {error}") from error


def _record(row: dict[str, Any]) -> ExportedFile | InvalidArgument:
    try:
        attributes = orjson.loads(row.get("attributes") or "{}")
        return msgspec.convert({**row, "attributes": attributes}, ExportedFile, builtin_types=(datetime,))
    except (msgspec.MsgspecError, orjson.JSONDecodeError, TypeError) as error:
        return InvalidArgument(f"a row is no record: {error}", field="row")


def _schema() -> "pa.Schema":
    import pyarrow as pa  # noqa: PLC0415

    text, moment, texts = pa.string(), pa.timestamp("us", "UTC"), pa.list_(pa.string())
    tag = pa.struct(
        [
            ("tag", text), ("group", text), ("score", pa.float64()), ("explanation", text),
            ("similarity", pa.float64()), ("part_index", pa.int64()), ("definition", text),
            ("definition_version", pa.int32()), ("model", text), ("model_revision", text), ("job", text),
            ("create_time", moment),
        ]
    )  # fmt: skip
    return pa.schema(
        [
            ("id", text), ("uri", text), ("file_name", text), ("file_dir", text), ("file_type", text),
            ("content_type", text), ("size_bytes", pa.int64()), ("fingerprint", text), ("file_update_time", moment),
            ("file_create_time", moment), ("width", pa.int32()), ("height", pa.int32()), ("duration_ms", pa.int64()),
            ("attributes", text), ("comment", text), ("tags", texts), ("user_tags", texts), ("deleted_tags", texts),
            ("algorithm_tags", pa.list_(tag)), ("tag_update_time", moment), ("file", text), ("sha256", text),
        ]
    )  # fmt: skip


def _media_schema() -> "pa.Schema":
    """Return the schema with the columns of files, and what tells `datasets` that they are pictures and sounds."""
    import pyarrow as pa  # noqa: PLC0415

    media = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = [*_schema(), *(pa.field(name, media) for name in _MEDIA), pa.field(_TEXT, pa.string())]
    # Source: datasets.Features.from_arrow_schema, which reads the types it cannot guess from the key `huggingface`.
    features = {name: {"_type": kind} for name, kind in _MEDIA.items()}
    return pa.schema(columns, metadata={"huggingface": orjson.dumps({"info": {"features": features}})})
