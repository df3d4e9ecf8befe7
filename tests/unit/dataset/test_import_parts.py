"""What an import reads and compares: the heads of many files, and a listing against what the catalog knew."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from pyroaring import BitMap64

from sensorium.dataset.jobs.describing import Describing
from sensorium.dataset.jobs.known_files import KnownFiles
from sensorium.dataset.media_info import HEAD_BYTES
from sensorium.dataset.storages.each_head import each_head
from sensorium.dataset.storages.file_store import ListedFile
from sensorium.dataset.storages.local_files import LocalFiles, uri_of
from sensorium.errors import InvalidArgument, NotFound, Reason


def listed(name: str, fingerprint: str = "stat:1-1") -> ListedFile:
    return ListedFile(f"file:///data/{name}", name, 1, fingerprint, 0)


def known(files: list[ListedFile], mine: int = 0) -> KnownFiles:
    marks = np.array([hash((each.uri, each.fingerprint)) for each in files], np.int64)
    order = np.argsort(marks)
    keys = np.arange(1, len(files) + 1)
    return KnownFiles(marks[order], keys[order], (keys <= mine)[order])


def test_a_listing_falls_into_what_is_known_and_what_is_new_or_changed() -> None:
    before = [listed(f"{number}.txt") for number in range(100)]
    compared = known(before, mine=10).compared([*before[5:20], listed("20.txt", "stat:2-2"), listed("new.txt")])
    assert sorted(compared.keys) == list(range(6, 21))
    assert compared.before == 10
    assert [each.path for each in compared.fresh] == ["20.txt", "new.txt"]


def test_a_catalog_without_files_knows_nothing() -> None:
    empty = known([])
    assert empty.compared([listed("a.txt")]).fresh == [listed("a.txt")]
    assert empty.compared([]).keys == []
    assert empty.unseen(BitMap64()) == []


def test_what_was_not_seen_is_told_by_its_key() -> None:
    assert known([listed(f"{number}.txt") for number in range(4)]).unseen(BitMap64([1, 3])) == [2, 4]


async def test_heads_come_in_order_and_a_file_without_one_says_why(tmp_path: Path) -> None:
    base = tmp_path / "data"
    base.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (base / "a.txt").write_text("first")
    (base / "up").symlink_to(tmp_path)
    uris = [uri_of(base / name) for name in ("a.txt", "gone.txt", "up/secret.txt", "../secret.txt", "a.txt")]
    files = LocalFiles(base)
    for heads in (await files.heads(uris, 3), await each_head(files, uris, 3)):
        first, gone, linked, outside, again = heads
        assert first == again == b"fir"
        assert isinstance(gone, NotFound)
        for refused in (linked, outside):
            assert isinstance(refused, InvalidArgument)
            assert refused.reason is Reason.URI_REFUSED


async def test_what_lies_beside_the_base_stays_outside_after_the_base_was_asked_for(tmp_path: Path) -> None:
    base = tmp_path / "data"
    base.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    refused = (await LocalFiles(base).heads([uri_of(base), uri_of(tmp_path / "secret.txt")], 3))[1]
    assert isinstance(refused, InvalidArgument)


async def test_files_whose_head_is_not_enough_are_read_whole(tmp_path: Path) -> None:
    # The size of a picture stands behind what a camera says of it, which fills the head here.
    stream = io.BytesIO()
    Image.new("RGB", (40, 30)).save(stream, "JPEG")
    plain = stream.getvalue()
    comment = b"\xff\xfe\xff\xff" + b"x" * 65533
    (tmp_path / "late.jpg").write_bytes(plain[:2] + comment * 2 + plain[2:])
    soundfile.write(tmp_path / "long.wav", np.zeros(3 * 16_000, np.int16), 16_000)
    (tmp_path / "cut.jpg").write_bytes(plain[:2] + comment * 2)
    (tmp_path / "noise.jpg").write_bytes(b"no picture")
    files = LocalFiles(tmp_path)
    found = [each async for batch in files.batches("", 10) for each in batch]
    assert sum(each.size_bytes > HEAD_BYTES for each in found) == 3
    described = await Describing(files, "job-1", media=True).described(found)
    rows = {row["file_name"]: (row["width"], row["height"], row["duration_ms"]) for row in described.rows}
    assert rows == {"late.jpg": (40, 30, 0), "long.wav": (0, 0, 3000)}
    assert {Path(uri).name for uri in described.failures} == {"cut.jpg", "noise.jpg"}


@pytest.mark.parametrize("count", [0, 1, 64, 65, 1000])
async def test_parts_hold_every_row_once_and_failures_once(count: int, tmp_path: Path) -> None:
    described = await Describing(LocalFiles(tmp_path), "job-1", media=False).described(
        [listed(f"{number}.txt") for number in range(count)]
    )
    described.failures["file:///bad"] = NotFound("gone")
    parts = list(described.parts(64))
    assert [row["file_name"] for part in parts for row in part.rows] == [f"{number}.txt" for number in range(count)]
    assert [len(part.failures) for part in parts] == [1] + [0] * (len(parts) - 1)
    assert all(len(part.rows) <= 64 for part in parts)
