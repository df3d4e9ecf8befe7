"""Bounds what reading a Parquet file may take: a few bytes of it can stand for a terabyte of rows.

Pages say how large they become, so their sum is looked at before any is read. Values that repeat are one entry of a
dictionary and indices that take no room at all, so texts are read as dictionaries, their values counted, and rows made
of them only as far as they fit.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sensorium.errors import InvalidArgument, Reason

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import parquet

MOST_COLUMNS = 1024
MOST_ROW_GROUPS = 16_384
MOST_ROWS = 1 << 20
# Of one row group after decompression, in the columns that are read.
MOST_GROUP_BYTES = 256 << 20
# Of one column in one row group; an index into a dictionary takes four bytes.
MOST_GROUP_VALUES = 4 << 20
# Of the rows that are looked at together, and so of one row.
MOST_ROWS_BYTES = 32 << 20
# What the footer of a file may hold.
FOOTER = {"thrift_string_size_limit": 16 << 20, "thrift_container_size_limit": 1 << 20}
BATCH_ROWS = 1000


def check_bounds(metadata: "parquet.FileMetaData", columns: Sequence[str]) -> None:
    """Refuse a file whose `columns` would take too much.

    Raises:
        InvalidArgument: TOO_MANY_ITEMS for columns, row groups or values, CONTENT_TOO_LONG for bytes.
    """
    _check("columns", metadata.num_columns, MOST_COLUMNS)
    _check("row groups", metadata.num_row_groups, MOST_ROW_GROUPS)
    _check("rows", metadata.num_rows, MOST_ROWS)
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        read = [
            chunk
            for place in range(group.num_columns)
            if (chunk := group.column(place)).path_in_schema.partition(".")[0] in columns
        ]
        _check(f"values in a column of row group {number}", max((each.num_values for each in read), default=0),
               MOST_GROUP_VALUES)  # fmt: skip
        _check(f"rows in row group {number}", group.num_rows, MOST_ROWS)
        size = sum(max(each.total_uncompressed_size, each.total_compressed_size) for each in read)
        _check(f"bytes in row group {number}", size, MOST_GROUP_BYTES, Reason.CONTENT_TOO_LONG)


def check_types(schema: "pa.Schema", columns: Sequence[str]) -> None:
    """Refuse types that no export has, of which some take room without holding anything. Raises InvalidArgument."""
    for name in columns:
        if odd := next((each for each in _parts(schema.field(name).type) if not _is_plain(each)), None):
            raise InvalidArgument(f"the column {name} of a part is of the type {odd}", field=name)


def texts_of(metadata: "parquet.FileMetaData", columns: Sequence[str]) -> list[str]:
    """Return the paths of the columns that hold texts, which are to be read as dictionaries."""
    leaves = [metadata.schema.column(place) for place in range(metadata.num_columns)]
    return [
        each.path for each in leaves if each.physical_type == "BYTE_ARRAY" and each.path.partition(".")[0] in columns
    ]


def fitting(batch: "pa.RecordBatch") -> Iterator["pa.RecordBatch | InvalidArgument"]:
    """Yield a batch in pieces that fit into memory as rows, or the error for a single row that does not."""
    size = sum(_size(column) for column in batch.columns)
    if size <= MOST_ROWS_BYTES:
        yield batch
    elif batch.num_rows == 1:
        yield InvalidArgument(
            f"a row has {size} bytes, the limit is {MOST_ROWS_BYTES}",
            reason=Reason.CONTENT_TOO_LONG,
            field="row",
            metadata={"limit": str(MOST_ROWS_BYTES), "unit": "bytes"},
        )
    else:
        middle = batch.num_rows // 2
        yield from fitting(batch.slice(0, middle))
        yield from fitting(batch.slice(middle))


def _size(array: "pa.Array") -> int:
    """Return about how many bytes an array takes when every value of it is one of its own."""
    import pyarrow as pa  # noqa: PLC0415  # Loaded when it is needed: it takes 0.1 s and 60 MB.
    from pyarrow import compute  # noqa: PLC0415

    kind = array.type
    if pa.types.is_dictionary(kind):
        lengths = compute.binary_length(array.dictionary).take(array.indices)
        return 8 * len(array) + int(compute.sum(lengths).as_py() or 0)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return 8 * len(array) + _size(array.flatten())
    if pa.types.is_struct(kind):
        return 8 * len(array) + sum(_size(each) for each in array.flatten())
    return 8 * len(array) + int(array.nbytes)


def _parts(kind: "pa.DataType") -> Iterator["pa.DataType"]:
    """Yield a type and those inside it."""
    yield kind
    for place in range(kind.num_fields):
        yield from _parts(kind.field(place).type)


def _is_plain(kind: "pa.DataType") -> bool:
    import pyarrow as pa  # noqa: PLC0415

    known = pa.types
    if known.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        known.is_string(kind) or known.is_large_string(kind) or known.is_integer(kind) or known.is_floating(kind)
        or known.is_boolean(kind) or known.is_timestamp(kind) or known.is_list(kind) or known.is_large_list(kind)
        or known.is_struct(kind) or known.is_null(kind)
    )  # fmt: skip


def _check(what: str, count: int, most: int, reason: Reason = Reason.TOO_MANY_ITEMS) -> None:
    if count > most or count < 0:
        raise InvalidArgument(
            f"a part has {count} {what}, the limit is {most}",
            reason=reason,
            field="part",
            metadata={"limit": str(most), "actual": str(count)},
        )
