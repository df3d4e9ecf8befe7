"""`sensorium dataset add-files`, `change-files`, `delete-files` and `thumbnail`, against a dataset service."""

import json
from pathlib import Path
from typing import Any

import pytest
from dataset_samples import TaskRunner, neighbours
from hypothesis import given
from hypothesis import strategies as st
from memory_mesh import MemoryMesh
from PIL import Image

from sensorium.cli.failures import ExitStatus
from sensorium.cli.file_specs import read_change, read_spec
from sensorium.cli.lines import Line
from sensorium.dataset.embedded import embedded_datasets
from sensorium.errors import InvalidArgument
from sensorium.model.dataset_names import file_id_of
from sensorium.settings import DatasetSettings


@pytest.fixture
def road(run: Any, mesh: MemoryMesh, tmp_path: Path) -> Path:
    """A dataset over an empty folder."""
    folder = tmp_path / "data"
    folder.mkdir()
    settings = DatasetSettings(roots=(tmp_path,), retry_seconds=())
    mesh.datasets = lambda: embedded_datasets(tmp_path / "state", settings, neighbours(mesh), TaskRunner)
    assert run("dataset", "create", "road", "--uri", str(folder)).status == 0
    return folder


def written(path: Path, *records: object) -> str:
    path.write_text("".join(f"{json.dumps(each)}\n" for each in records))
    return str(path)


def record(folder: Path, name: str) -> dict[str, Any]:
    return {
        "uri": f"file://{folder}/{name}", "content_type": "image/png", "fingerprint": "1", "size_bytes": 9,
        "file_update_time": "2026-01-02T03:04:05Z", "attributes": {"lens": 1.5},
    }  # fmt: skip


def test_records_are_added_changed_and_deleted(run: Any, road: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "r.jsonl", record(road, "a.png"), record(road, "b.png"))
    assert run("dataset", "add-files", "road", file).out == "added 2 of 2 files\n"
    again = run(
        "dataset", "add-files", "road", written(tmp_path / "r.jsonl", record(road, "a.png"), record(road, "c.png"))
    )
    assert (again.status, again.out) == (ExitStatus.PARTIAL, "added 1 of 2 files\n")
    assert "RESOURCE_EXISTS" in again.err
    identifier = file_id_of(f"file://{road}/a.png")
    change = written(tmp_path / "c.jsonl", {"id": identifier, "comment": "blurred", "size_bytes": 7})
    assert run("dataset", "change-files", "road", change).out == "changed 1 of 1 files\n"
    assert run("dataset", "files", "road", "--filter", "size_bytes = 7").out.startswith("a.png  7 bytes")
    gone = run("dataset", "delete-files", "road", identifier, "f" + "0" * 32)
    assert (gone.status, gone.out) == (ExitStatus.PARTIAL, "deleted 1 of 2 files\n")
    assert "a.png" not in run("dataset", "files", "road").out


def test_records_are_found_and_counted_by_their_attributes(run: Any, road: Path, tmp_path: Path) -> None:
    told: list[dict[str, Any]] = [{"lens": 0, "seen by": ["Ann", "Bo"]}, {"lens": "wide"}, {"lens": False}, {}]
    made = [{**record(road, f"{name}.png"), "attributes": each} for name, each in zip("abcd", told, strict=True)]
    assert run("dataset", "add-files", "road", written(tmp_path / "r.jsonl", *made)).status == 0
    assert run("dataset", "files", "road", "--filter", "meta.lens <= 0").out.startswith("a.png")
    found = run("dataset", "search", "road", "--filter", '"meta.seen by" HAS "Bo"', "--facet", "meta.lens").out
    assert found.splitlines() == ["1 file matches", "1. a.png  9 bytes", "meta.lens: 1 value", "  0  1"]
    counted = run("dataset", "facets", "road", "--filter", 'NOT meta.lens : "WIDE"', "--by", "meta.lens")
    assert counted.out.splitlines() == ["3 files, 27 bytes", "meta.lens: 2 values", "  0  1", "  False  1"]
    wrong = run("dataset", "files", "road", "--filter", "meta.lens >= TRUE")
    assert (wrong.status, "column 11" in wrong.err) == (ExitStatus.INVALID, True)


def test_a_thumbnail_is_written(run: Any, road: Path, tmp_path: Path) -> None:
    Image.new("RGB", (60, 40)).save(road / "a.png")
    assert run("dataset", "add-files", "road", written(tmp_path / "r.jsonl", record(road, "a.png"))).status == 0
    out = tmp_path / "small.jpg"
    made = run("dataset", "thumbnail", "road", "a.png", str(out), "--mode", "w_30")
    assert "30 x 20" in made.out
    with Image.open(out) as picture:
        assert picture.size == (30, 20)
    assert run("dataset", "thumbnail", "road", "a.png", str(out), "--mode", "huge").status == ExitStatus.INVALID


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("[]", "line 3"),
        ("{", "line 3"),
        ('{"url": "x"}', "url"),
        ('{"width": true}', "width"),
        ('{"width": "3"}', "width"),
        ('{"file_update_time": "yesterday"}', "file_update_time"),
        ('{"file_update_time": "2026-01-02T03:04:05"}', "file_update_time"),
    ],
)
def test_a_bad_line_says_where(text: str, field: str) -> None:
    with pytest.raises(InvalidArgument, match=r"^line 3: ") as caught:
        read_spec(Line(3, text.encode()))
    assert caught.value.field == field
    with pytest.raises(InvalidArgument):
        read_change(Line(3, text.encode()))


@given(
    st.binary(max_size=60)
    | st.dictionaries(st.text(max_size=5), st.integers() | st.text(), max_size=3).map(
        lambda said: json.dumps(said).encode()
    )
)
def test_any_line_is_a_record_or_refused(raw: bytes) -> None:
    refused = ""
    try:
        assert isinstance(read_spec(Line(1, raw)).comment, str)
    except InvalidArgument as error:
        refused = error.message
    assert not refused or refused.startswith("line 1")
