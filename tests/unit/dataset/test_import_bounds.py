"""No part of an import takes more memory than its limits say, and no table or line does more than fail."""

import io
import tarfile
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from sensorium.dataset.exports import parquet_bounds, webdataset
from sensorium.dataset.exports.formats import FORMATS
from sensorium.dataset.exports.record import ExportedFile
from sensorium.errors import DataLoss, InvalidArgument, Reason, SensoriumError
from sensorium.model.dataset_export import ExportFormat

ROW = {
    "id": "f" * 33, "uri": "file:///a", "file_name": "a", "file_dir": "", "file_type": "text",
    "content_type": "text/plain", "size_bytes": 1, "fingerprint": "x", "file_update_time": "2026-01-01T00:00:00Z",
}  # fmt: skip
MEBIBYTE = 1 << 20
# Parquet has times of its own.
PARQUET_ROW = {**ROW, "file_update_time": datetime(2026, 1, 1, tzinfo=UTC)}


def packed(columns: dict[str, Any], **options: Any) -> bytes:
    stream = io.BytesIO()
    parquet.write_table(pa.table(columns), stream, **options)
    return stream.getvalue()


def read(part: bytes, form: ExportFormat = ExportFormat.PARQUET) -> Sequence[ExportedFile | InvalidArgument]:
    return list(FORMATS[form].decode(part))


def test_a_part_with_too_many_columns_is_refused() -> None:
    part = packed({f"c{place}": [1] for place in range(parquet_bounds.MOST_COLUMNS + 1)})
    with pytest.raises(InvalidArgument, match="1025 columns") as caught:
        read(part)
    assert caught.value.reason is Reason.TOO_MANY_ITEMS


def test_a_part_with_too_many_row_groups_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_bounds, "MOST_ROW_GROUPS", 2)
    with pytest.raises(InvalidArgument, match="3 row groups"):
        read(packed({"uri": ["a", "b", "c"]}, row_group_size=1))


def test_a_row_group_that_grows_when_it_is_decompressed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_bounds, "MOST_GROUP_BYTES", MEBIBYTE)
    bomb = packed({"comment": ["a" * (2 * MEBIBYTE)]}, compression="zstd", use_dictionary=False, write_statistics=False)
    assert len(bomb) < MEBIBYTE / 10
    with pytest.raises(InvalidArgument, match="bytes in row group 0") as caught:
        read(bomb)
    assert caught.value.reason is Reason.CONTENT_TOO_LONG


def test_columns_that_are_not_read_may_be_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_bounds, "MOST_GROUP_BYTES", 50_000)
    part = packed({**{name: [value] for name, value in PARQUET_ROW.items()}, "image": [b"x" * 100_000]})
    [record] = read(part)
    assert isinstance(record, ExportedFile)


@pytest.mark.parametrize(
    ("limit", "columns"),
    [("MOST_ROWS", {"width": pa.nulls(101, pa.int32())}), ("MOST_GROUP_VALUES", {"tags": [["a"] * 51] * 2})],
)
def test_what_repeats_for_nothing_is_counted(
    monkeypatch: pytest.MonkeyPatch, limit: str, columns: dict[str, Any]
) -> None:
    monkeypatch.setattr(parquet_bounds, limit, 100)
    with pytest.raises(InvalidArgument, match=r"a part has 10[12] ") as caught:
        read(packed(columns))
    assert caught.value.reason is Reason.TOO_MANY_ITEMS


@pytest.mark.parametrize("nested", [False, True], ids=["a text", "texts in lists"])
def test_a_value_that_repeats_is_not_multiplied_in_memory(monkeypatch: pytest.MonkeyPatch, *, nested: bool) -> None:
    monkeypatch.setattr(parquet_bounds, "MOST_ROWS_BYTES", MEBIBYTE)
    rows, each = 250, 4 if nested else 1
    indices = pa.array([0] * (rows * each), pa.int32())
    values = pa.DictionaryArray.from_arrays(indices, pa.array(["a" * (4 * MEBIBYTE)]))
    if nested:
        values = pa.ListArray.from_arrays(pa.array(range(0, each * rows + 1, each), pa.int32()), values)
    part = packed({"tags" if nested else "comment": values}, compression="zstd", write_statistics=False)
    assert len(part) < MEBIBYTE  # It stands for a gigabyte, or for four.
    usual, watched = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
    pa.set_memory_pool(watched)
    try:
        found = read(part)
    finally:
        pa.set_memory_pool(usual)
    assert len(found) == rows
    assert {error.reason for error in found if isinstance(error, InvalidArgument)} == {Reason.CONTENT_TOO_LONG}
    assert watched.max_memory() < 100 * MEBIBYTE


def test_a_row_that_is_too_large_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_bounds, "MOST_ROWS_BYTES", 2000)
    rows = [PARQUET_ROW, {**PARQUET_ROW, "comment": "x" * 5000}, PARQUET_ROW]
    found = read(packed({name: [row.get(name, "") for row in rows] for name in (*ROW, "comment")}))
    assert [type(each) for each in found] == [ExportedFile, InvalidArgument, ExportedFile]
    assert isinstance(found[1], InvalidArgument)
    assert found[1].reason is Reason.CONTENT_TOO_LONG


def test_types_that_take_room_for_nothing_are_refused() -> None:
    wide = pa.FixedSizeListArray.from_arrays(pa.array([1] * 8), 8)
    with pytest.raises(InvalidArgument, match="the column tags of a part is of the type fixed_size_list"):
        read(packed({"tags": wide}))


def test_a_sparse_record_of_a_shard_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webdataset, "MOST_RECORD_BYTES", 300)
    shard = io.BytesIO()
    with tarfile.open(fileobj=shard, mode="w") as tar:
        for name, content in (("a.json", b" " * 301), ("b.json", msgspec.json.encode(ROW))):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    long, good = read(shard.getvalue(), ExportFormat.WEBDATASET)
    assert isinstance(good, ExportedFile)
    assert isinstance(long, InvalidArgument)
    assert (long.reason, "a.json: 301 bytes" in long.message) == (Reason.CONTENT_TOO_LONG, True)


words = st.text(st.characters(codec="utf-8"), max_size=6)
cells = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | words | st.lists(words, max_size=3)
names = st.sampled_from([*ROW, "tags", "attributes", "algorithm_tags", "width", "other"])


@given(columns=st.dictionaries(names, cells, max_size=6), count=st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_any_table_gives_records_or_errors_of_ours(columns: dict[str, Any], count: int) -> None:
    part = packed({name: [value] * count for name, value in {**ROW, **columns}.items()})
    try:
        found = read(part)
    except SensoriumError:
        return
    assert len(found) == count


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)


@given(lines=st.lists(st.dictionaries(names, json_values, max_size=4), max_size=4), junk=st.binary(max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_lines_give_a_record_or_an_error_each(lines: list[dict[str, Any]], junk: bytes) -> None:
    part = b"\n".join(msgspec.json.encode({**ROW, **each}) for each in lines)
    assert len(read(part, ExportFormat.JSONL)) == len(lines)
    try:
        found = read(part + b"\n" + junk, ExportFormat.JSONL)
    except DataLoss:
        return
    assert all(isinstance(each, ExportedFile | InvalidArgument) for each in found)
