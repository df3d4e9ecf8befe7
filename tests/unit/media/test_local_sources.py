"""Files are read under the roots alone, and data: URIs up to the limit."""

import base64
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.errors import InvalidArgument, Reason
from sensorium.media.data_uri import read_data_uri
from sensorium.media.files import FileReader

LIMIT = 100


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a b.jpg").write_bytes(b"a photo")
    (tmp_path / "secret").write_bytes(b"a secret")
    return folder


def test_a_file_under_a_root_is_read(root: Path) -> None:
    reader = FileReader([root])
    assert reader.read(f"file://{root}/a%20b.jpg", LIMIT) == b"a photo"
    assert reader.read(f"file://localhost{root}/a%20b.jpg", LIMIT) == b"a photo"
    assert reader.read(f"FILE:{root}/a%20b.jpg", LIMIT) == b"a photo"


def test_whatever_leads_out_of_the_roots_is_refused_like_what_is_not_there(root: Path) -> None:
    (root / "link").symlink_to(root.parent / "secret")
    (root / "loop").symlink_to(root / "loop")
    os.mkfifo(root / "pipe")
    reader = FileReader([root])
    messages = set()
    for path in ("missing", "../secret", "%2e%2e/secret", "link", "loop", "pipe", "", "a%00b", "x" * 5000):
        with pytest.raises(InvalidArgument) as caught:
            reader.read(f"file://{root}/{path}", LIMIT)
        assert caught.value.reason is Reason.URI_REFUSED
        messages.add(caught.value.message)
    assert len(messages) == 1


@pytest.mark.parametrize(
    "uri", ["file://elsewhere/a", "file:a", "file://[/a", "file:///etc/passwd", "file:///dev/zero"]
)
def test_other_hosts_relative_paths_and_the_rest_of_the_machine_are_refused(root: Path, uri: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        FileReader([root]).read(uri, LIMIT)
    assert caught.value.reason is Reason.URI_REFUSED


def test_no_roots_refuse_every_file(root: Path) -> None:
    with pytest.raises(InvalidArgument, match="SENSORIUM_INPUTS__FILE_ROOTS"):
        FileReader([]).read(f"file://{root}/a%20b.jpg", LIMIT)


def test_a_file_that_is_too_large_is_refused(root: Path) -> None:
    (root / "large").write_bytes(bytes(LIMIT + 1))
    with pytest.raises(InvalidArgument) as caught:
        FileReader([root]).read(f"file://{root}/large", LIMIT)
    assert caught.value.metadata == {"limit": "100", "actual": "101", "unit": "bytes"}


@given(st.binary(max_size=LIMIT))
def test_a_data_uri_holds_any_bytes(content: bytes) -> None:
    encoded = base64.b64encode(content).decode()
    assert read_data_uri(f"data:image/png;base64,{encoded}", LIMIT) == content
    assert read_data_uri("data:," + "".join(f"%{byte:02x}" for byte in content), LIMIT) == content


@given(st.text(max_size=300))
def test_any_text_behind_data_is_read_or_refused(text: str) -> None:
    try:
        assert len(read_data_uri(f"data:{text}", LIMIT)) <= LIMIT
    except InvalidArgument as error:
        assert error.reason in {Reason.URI_REFUSED, Reason.CONTENT_TOO_LONG}  # noqa: PT017


@pytest.mark.parametrize("uri", ["data:image/png", "data:;base64,a", "data:;base64,****"])
def test_a_damaged_data_uri_is_refused(uri: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        read_data_uri(uri, LIMIT)
    assert caught.value.reason is Reason.URI_REFUSED


@pytest.mark.parametrize("body", ["a" * 101, "a" * 10_000])
def test_a_data_uri_that_is_too_large_is_refused(body: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        read_data_uri(f"data:,{body}", LIMIT)
    assert caught.value.reason is Reason.CONTENT_TOO_LONG
