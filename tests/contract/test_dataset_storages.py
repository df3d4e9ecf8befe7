"""Buckets are read over the S3 protocol, in S3's own way and in OSS's."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from bucket_samples import bucket, oss_connection, s3_client, s3_connection
from dataset_samples import SECRET

from sensorium.dataset.storages.file_store import FileStore
from sensorium.dataset.storages.opening import open_files
from sensorium.errors import FailedPrecondition, InvalidArgument, NotFound, Reason, Unavailable
from sensorium.model.connection import ConnectionKind, ConnectionSpec


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with bucket("things") as endpoint:
        client = s3_client(endpoint)
        for place in range(25):
            client.put_object(Bucket="things", Key=f"set/{place:02}.txt", Body=f"text {place}".encode())
        client.put_object(Bucket="things", Key="settled.txt", Body=b"another")
        yield endpoint


@pytest.fixture(params=[s3_connection, oss_connection], ids=["s3", "oss"])
def connection(request: pytest.FixtureRequest, endpoint: str) -> ConnectionSpec:
    make: Callable[[str, str], ConnectionSpec] = request.param
    return make(endpoint, "things")


async def listed(files: FileStore, prefix: str = "") -> list[str]:
    return [each.path async for batch in files.batches(prefix, 10) for each in batch]


async def test_a_prefix_is_listed_and_read(connection: ConnectionSpec) -> None:
    files = open_files(connection, "set", ())
    await files.probe()
    assert await listed(files) == [f"{place:02}.txt" for place in range(25)]
    uri = f"{connection.kind.value}://things/set/07.txt"
    assert await files.read(uri, 100) == b"text 7"
    assert await files.head(uri, 4) == b"text"
    assert b"".join([chunk async for chunk in files.chunks(uri, 2)]) == b"text 7"


async def test_a_listing_has_uri_size_and_etag(connection: ConnectionSpec) -> None:
    files = open_files(connection, "", ())
    first, *_ = [each async for batch in files.batches("set", 10) for each in batch]
    assert first.uri == f"{connection.kind.value}://things/set/00.txt"
    assert (first.path, first.size_bytes) == ("set/00.txt", 6)
    assert first.fingerprint.startswith("etag:")
    assert first.update_time > 1_600_000_000_000_000


async def test_what_is_outside_or_gone_is_refused(connection: ConnectionSpec) -> None:
    scheme = connection.kind.value
    files = open_files(connection, "set", ())
    for uri in (f"{scheme}://things/settled.txt", f"{scheme}://others/set/00.txt", "set/00.txt"):
        with pytest.raises(InvalidArgument) as caught:
            await files.read(uri, 100)
        assert caught.value.reason is Reason.URI_REFUSED
    with pytest.raises(NotFound):
        await files.read(f"{scheme}://things/set/gone.txt", 100)
    with pytest.raises(InvalidArgument) as caught:
        await files.read(f"{scheme}://things/set/00.txt", 3)
    assert caught.value.reason is Reason.CONTENT_TOO_LONG


async def test_a_bucket_that_is_not_there_is_not_found(connection: ConnectionSpec) -> None:
    missing = replace(connection, configs={**connection.configs, "bucket": "nowhere"})
    with pytest.raises(NotFound):
        await open_files(missing, "", ()).probe()


async def test_no_object_is_missed_when_the_bucket_of_all_is_gone(connection: ConnectionSpec) -> None:
    scheme = connection.kind.value
    gone = open_files(replace(connection, configs={**connection.configs, "bucket": "nowhere"}), "", ())
    for read in (gone.read(f"{scheme}://nowhere/a", 9), anext(gone.batches("", 9))):
        with pytest.raises(Unavailable, match="the bucket is gone"):
            await read


async def test_a_store_that_does_not_answer_is_unavailable_and_tells_no_secret(endpoint: str) -> None:
    away = s3_connection("http://127.0.0.1:9", "things")
    with pytest.raises(Unavailable) as caught:
        await open_files(away, "", ()).probe()
    assert SECRET not in str(caught.value)


def test_a_uri_is_of_its_bucket_and_prefix(endpoint: str) -> None:
    spec = oss_connection(endpoint, "things")
    hosted = f"oss://things.{endpoint.removeprefix('http://').partition(':')[0]}/set"
    open_files(spec, hosted, ())
    narrow = replace(spec, configs={**spec.configs, "prefix": "set/deep"})
    for connection, uri in ((spec, "oss://other/set"), (spec, "s3://things/set"), (narrow, "oss://things/set")):
        with pytest.raises(InvalidArgument) as caught:
            open_files(connection, uri, ())
        assert caught.value.reason is Reason.URI_REFUSED


def test_a_bucket_with_half_a_key_says_that_its_connection_is_not_usable() -> None:
    half = ConnectionSpec(ConnectionKind.S3, configs={"bucket": "things"}, secrets={"access_key_id": "a"})
    with pytest.raises(FailedPrecondition) as caught:
        open_files(half, "", ())
    assert caught.value.reason is Reason.CONNECTION_UNUSABLE


async def test_a_key_that_no_object_has_is_refused(connection: ConnectionSpec) -> None:
    files = open_files(connection, "", ())
    for key in ("a//b", "a/../b", ".", "a\0b", "\ud800"):
        with pytest.raises(InvalidArgument) as caught:
            await files.read(f"{connection.kind.value}://things/{key}", 100)
        assert caught.value.reason is Reason.URI_REFUSED
