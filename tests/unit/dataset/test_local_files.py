"""Files of local folders are listed and read, and nothing outside them is."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.dataset.storages.local_files import LocalFiles, path_of, uri_of
from sensorium.dataset.storages.opening import open_files
from sensorium.errors import (
    DataLoss,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Reason,
    SensoriumError,
    Unavailable,
)
from sensorium.model.connection import ConnectionKind, ConnectionSpec


async def paths(files: LocalFiles, prefix: str = "", size: int = 2) -> list[str]:
    return sorted([each.path async for batch in files.batches(prefix, size) for each in batch])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    base = tmp_path / "data"
    for path in ("a.txt", "b/c.txt", "b/d/e f#%.txt"):
        (base / path).parent.mkdir(parents=True, exist_ok=True)
        (base / path).write_text(path)
    (tmp_path / "secret").write_text("secret")
    return base


async def test_a_folder_is_listed_whole_or_below_a_prefix(folder: Path) -> None:
    files = LocalFiles(folder)
    assert await paths(files) == ["a.txt", "b/c.txt", "b/d/e f#%.txt"]
    assert await paths(files, "b/d") == ["b/d/e f#%.txt"]
    assert await paths(files, size=1) == await paths(files, size=100)


async def test_what_is_listed_can_be_read_by_its_uri(folder: Path) -> None:
    files = LocalFiles(folder)
    async for batch in files.batches("", 10):
        for each in batch:
            assert await files.read(each.uri, 100) == each.path.encode()
            assert await files.head(each.uri, 1) == each.path[:1].encode()
            assert b"".join([chunk async for chunk in files.chunks(each.uri, 2)]) == each.path.encode()
            assert each.size_bytes == len(each.path)


async def test_links_are_not_followed(folder: Path) -> None:
    (folder / "link").symlink_to(folder.parent / "secret")
    (folder / "up").symlink_to(folder.parent)
    files = LocalFiles(folder)
    assert "link" not in await paths(files)
    for uri in (uri_of(folder / "link"), uri_of(folder / "up" / "secret")):
        with pytest.raises(SensoriumError):
            await files.read(uri, 100)


@pytest.mark.parametrize(
    "uri",
    ["file:///etc/passwd", "file://{folder}/../secret", "http://host/a", "file://{folder}/a%00", "{folder}/a.txt"],
)
async def test_what_is_outside_is_refused(folder: Path, uri: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await LocalFiles(folder).read(uri.format(folder=folder), 100)
    assert caught.value.reason is Reason.URI_REFUSED


async def test_a_file_that_is_gone_too_long_or_no_file_says_so(folder: Path) -> None:
    files = LocalFiles(folder)
    with pytest.raises(NotFound):
        await files.read(uri_of(folder / "gone"), 100)
    with pytest.raises(InvalidArgument) as caught:
        await files.read(uri_of(folder / "a.txt"), 4)
    assert caught.value.reason is Reason.CONTENT_TOO_LONG
    os.mkfifo(folder / "pipe")
    with pytest.raises(InvalidArgument, match="no regular file"):
        await files.read(uri_of(folder / "pipe"), 4)
    assert "pipe" not in await paths(files)


async def test_a_file_that_the_disk_does_not_give_is_its_own_fault() -> None:
    there = Path("/proc") / str(os.getpid())  # Nothing is mapped where `mem` begins, so the kernel answers EIO.
    for read in (lambda files, uri: files.read(uri, 100), lambda files, uri: anext(files.chunks(uri, 100))):
        with pytest.raises(DataLoss, match="Input/output error") as caught:
            await read(LocalFiles(there), uri_of(there / "mem"))
        assert caught.value.reason is Reason.FILE_UNREADABLE


async def test_no_file_is_missed_when_the_folder_of_all_is_gone(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    for read in (LocalFiles(gone).read(uri_of(gone / "a"), 9), anext(LocalFiles(gone).batches("", 9))):
        with pytest.raises(Unavailable, match="gone or does not answer"):
            await read


async def test_a_link_in_the_place_of_a_file_is_refused(folder: Path) -> None:
    (folder / "link").symlink_to(folder / "a.txt")
    with pytest.raises(InvalidArgument, match="symbolic link"):
        await LocalFiles(folder).read(uri_of(folder / "link"), 9)


async def test_a_folder_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        await LocalFiles(tmp_path / "nowhere").probe()


@given(st.binary(min_size=1, max_size=50).filter(lambda name: not {0, 47} & set(name)))
def test_every_path_comes_back_from_its_uri(name: bytes) -> None:
    path = Path("/data") / os.fsdecode(name)
    assert path_of(uri_of(path)) == path
    assert uri_of(path).isascii()


def test_folders_must_be_under_a_root(tmp_path: Path) -> None:
    inside = ConnectionSpec(ConnectionKind.LOCAL, configs={"root": str(tmp_path)})
    outside = ConnectionSpec(ConnectionKind.LOCAL, configs={"root": "/etc"})
    open_files(inside, "sub/folder", [tmp_path])
    open_files(None, str(tmp_path), [tmp_path])
    for connection, uri in ((outside, ""), (inside, ".."), (inside, "file:///etc"), (None, "/etc"), (None, "")):
        with pytest.raises(InvalidArgument) as caught:
            open_files(connection, uri, [tmp_path])
        assert caught.value.reason is Reason.URI_REFUSED
    with pytest.raises(FailedPrecondition, match="SENSORIUM_DATASET__ROOTS"):
        open_files(None, str(tmp_path), [])
