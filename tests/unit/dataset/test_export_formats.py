"""What an export wrote is read again as it was, and what anybody else wrote never does more than fail."""

import subprocess
import sys
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.dataset.exports import manifest
from sensorium.dataset.exports.brought_record import brought_of
from sensorium.dataset.exports.formats import FORMATS
from sensorium.dataset.exports.manifest import Manifest
from sensorium.dataset.exports.part_format import Sample
from sensorium.dataset.exports.record import ExportedFile, ExportedTag
from sensorium.errors import DataLoss, InvalidArgument, SensoriumError
from sensorium.model.dataset_export import ExportFormat, TagGroup
from sensorium.settings import DatasetSettings

FOUND = Manifest(ExportFormat.JSONL, "v", "file:///x", "", "job-1", (TagGroup.USER,), False, 0, "", ())
READABLE = sorted(set(ExportFormat) - {ExportFormat.COCO})

text = st.text(st.characters(codec="utf-8"), max_size=8)
moments = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
tags = st.builds(
    ExportedTag, tag=text, group=text, score=st.floats(0, 1), explanation=text, similarity=st.floats(-1, 1),
    part_index=st.integers(0, 9), definition=text, definition_version=st.integers(1, 9), model=text,
    model_revision=text, job=text, create_time=moments,
)  # fmt: skip
ids = st.from_regex(r"f[0-9a-f]{32}", fullmatch=True)  # as made from a file's URI
records = st.builds(
    ExportedFile, id=ids, uri=text, file_name=text, file_dir=text, file_type=st.sampled_from(["text", "image"]),
    content_type=text, size_bytes=st.integers(0, 2**62), fingerprint=text, file_update_time=moments,
    file_create_time=st.none() | moments,
    attributes=st.dictionaries(text, st.booleans() | st.integers(-9, 9) | text | st.lists(text, max_size=2)),
    user_tags=st.lists(text, max_size=2), algorithm_tags=st.lists(tags, max_size=2),
)  # fmt: skip


@pytest.mark.parametrize("form", READABLE)
@given(found=st.lists(records, max_size=3, unique_by=lambda each: each.id))
@settings(max_examples=15, deadline=None)
def test_records_survive_every_format_that_can_be_read(form: ExportFormat, found: list[ExportedFile]) -> None:
    part = FORMATS[form].encode([Sample(each) for each in found])
    assert part == FORMATS[form].encode([Sample(each) for each in found])
    assert list(FORMATS[form].decode(part)) == found


@pytest.mark.parametrize("form", READABLE)
@given(junk=st.binary(max_size=200), place=st.integers(0, 5000), record=records)
@settings(max_examples=40, deadline=None)
def test_a_damaged_part_is_an_error_of_ours(form: ExportFormat, junk: bytes, place: int, record: ExportedFile) -> None:
    whole = FORMATS[form].encode([Sample(record, b"x")])
    for part in (junk, whole[: place % len(whole)], whole[: place % len(whole)] + junk + whole[place % len(whole) :]):
        try:
            found = list(FORMATS[form].decode(part))
        except DataLoss:
            continue
        assert all(isinstance(each, ExportedFile | InvalidArgument) for each in found)


@given(record=records)
@settings(max_examples=60, deadline=None)
def test_what_is_read_comes_in_or_is_refused(record: ExportedFile) -> None:
    try:
        brought = brought_of(record, FOUND, DatasetSettings())
    except InvalidArgument:
        return
    assert brought.columns["uri"] == record.uri


@given(st.binary(max_size=300) | st.recursive(st.none() | text, st.lists).map(msgspec.json.encode))
def test_a_damaged_manifest_is_an_error_of_ours(content: bytes) -> None:
    with pytest.raises(SensoriumError):
        manifest.decoded(content)


def test_a_server_that_exports_nothing_does_not_load_pyarrow() -> None:
    code = "import sys, sensorium.dataset.embedded; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_manifest_of_a_later_release_is_refused() -> None:
    whole = manifest.encoded(FOUND)
    assert manifest.decoded(whole) == FOUND
    with pytest.raises(SensoriumError, match="format 2"):
        manifest.decoded(whole.replace(b'"format_version": 1', b'"format_version": 2'))
