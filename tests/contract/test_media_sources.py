"""What a URI may lead to, over real sockets and a real object store: what is allowed, and nothing else."""

import asyncio
import socket
import ssl
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trustme
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

from sensorium.errors import InvalidArgument, Reason, SensoriumError, Unavailable
from sensorium.media.source import MediaSource
from sensorium.media.web import CheckedNetwork, WebReader
from sensorium.model.content import Media
from sensorium.settings import InputSettings, ObjectStoreSettings

LIMIT, LARGE = 1000, 5_000_000
BODY = b"a photo"


class Site:
    """A web server on loopback that answers by path, and counts."""

    def __init__(self) -> None:
        self.host = ""
        self.asked: list[str] = []
        self.stalled = asyncio.Event()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):  # Some only connect.
            await self._answer(reader, writer)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ")[1].decode()
        self.asked.append(path)
        if path == "/stalls":
            await self.stalled.wait()
        writer.write(self.response(path))
        await writer.drain()

    def response(self, path: str) -> bytes:
        kind, _, rest = path[1:].partition("?")[0].partition("/")
        redirect = "HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n"
        responses = {
            "go": redirect.format(rest).encode(),
            "loop": redirect.format("/loop").encode(),
            "status": f"HTTP/1.1 {rest} x\r\nContent-Length: 0\r\n\r\n".encode(),
            "stated": f"HTTP/1.1 200 OK\r\nContent-Length: {rest}\r\n\r\n".encode(),
            "streamed": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + bytes(LARGE),
            "zipped": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx",
            "garbage": b"\0\1\2\r\n\r\n",
        }
        return responses.get(kind, b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n" + BODY)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    async with await asyncio.start_server(site.answer, "127.0.0.1", 0) as server:
        site.host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield site
        site.stalled.set()


@asynccontextmanager
async def source(**settings: object) -> AsyncIterator[MediaSource]:
    async with MediaSource(InputSettings(**{"fetch_seconds": 20, **settings})) as opened:
        yield opened


async def read(uri: str, **settings: object) -> bytes:
    async with source(**settings) as opened, opened.opened(Media(uri=uri), LIMIT) as content:
        return content


async def fault(uri: str, **settings: object) -> SensoriumError:
    with pytest.raises(SensoriumError) as caught:
        await read(uri, **settings)
    return caught.value


async def test_a_page_is_read_where_its_host_is_our_own(site: Site) -> None:
    assert await read(f"http://{site.host}/a b?c=d e", private_hosts=[site.host]) == BODY
    assert site.asked == ["/a%20b?c=d%20e"]


async def test_redirects_are_followed_up_to_a_limit(site: Site) -> None:
    ours = {"private_hosts": [site.host]}
    assert await read(f"http://{site.host}/go/http://{site.host}/photo", **ours) == BODY
    error = await fault(f"http://{site.host}/loop", **ours, max_redirects=3)
    assert (type(error), error.reason) == (InvalidArgument, Reason.URI_REFUSED)
    assert site.asked.count("/loop") == 4


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "127.1"])
async def test_no_name_of_loopback_is_reached(site: Site, host: str) -> None:
    port = int(site.host.partition(":")[2])
    error = await fault(f"http://{host}:{port}/photo", http_ports=[port])
    assert (type(error), error.reason) == (InvalidArgument, Reason.URI_REFUSED)
    assert site.asked == []


async def test_a_redirect_to_a_private_address_is_refused_before_it_is_reached(site: Site) -> None:
    port = int(site.host.partition(":")[2])
    for target in (f"http://localhost:{port}/photo", "file:///etc/passwd", "http://169.254.169.254/latest", "http://["):
        error = await fault(f"http://{site.host}/go/{target}", private_hosts=[site.host], http_ports=[port, 80])
        assert error.reason is Reason.URI_REFUSED
    assert all(path.startswith("/go/") for path in site.asked)


async def test_a_name_with_one_private_address_among_public_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(*_: object, **__: object) -> list[object]:
        return [(None, None, None, "", (address, 80)) for address in ("93.184.216.34", "10.0.0.1")]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    assert "not public" in (await fault("http://rebinding.example/a")).message


async def test_the_address_that_was_checked_is_the_one_that_is_called(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [site.host.partition(":")[0], "203.0.113.1"]
    port = int(site.host.partition(":")[2])

    async def resolve(*_: object, **__: object) -> list[object]:
        return [(None, None, None, "", (answers.pop(0), port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    stream = await CheckedNetwork([f"changes.example:{port}"]).connect_tcp("changes.example", port, timeout=20)
    assert stream.get_extra_info("server_addr")[:2] == ("127.0.0.1", port)
    await stream.aclose()
    assert answers == ["203.0.113.1"]


async def test_a_certificate_is_held_to_the_name_although_the_address_is_called(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, ours, theirs = trustme.CA(), ssl.create_default_context(), ssl.create_default_context()
    authority.configure_trust(ours)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("photos.example").configure_cert(serving)
    async with await asyncio.start_server(site.answer, "127.0.0.1", 0, ssl=serving) as server:
        port = server.sockets[0].getsockname()[1]

        async def resolve(*_: object, **__: object) -> list[object]:
            return [(None, None, None, "", ("127.0.0.1", port))]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
        hosts = InputSettings(private_hosts=(f"photos.example:{port}", f"other.example:{port}"), fetch_seconds=20)
        async with WebReader(hosts, ours) as trusting, WebReader(hosts, theirs) as strangers:
            assert await trusting.read(f"https://photos.example:{port}/", LIMIT) == BODY
            with pytest.raises(Unavailable):
                await trusting.read(f"https://other.example:{port}/", LIMIT)
            with pytest.raises(Unavailable):
                await strangers.read(f"https://photos.example:{port}/", LIMIT)
            with pytest.raises(InvalidArgument, match="from https: to http:"):
                await trusting.read(f"https://photos.example:{port}/go/http://photos.example:{port}/", LIMIT)
    assert len(site.asked) == 2


@pytest.mark.parametrize(
    "uri",
    [
        "http://user:word@example.com/a", "http:///a", "http://exa mple.com/", "http://[::1", "http://a:99999/",
        "http://example.com:22/", "https://example.com:6379/", "http://other.example/a", "gopher://example.com/",
        "ftp://example.com/a", "javascript:1", "C:/photo.jpg", "", "http://\u2024/", "http://" + "a" * 300 + ".com/",
    ],
)  # fmt: skip
async def test_other_schemes_ports_hosts_and_broken_uris_are_refused(uri: str) -> None:
    assert (await fault(uri, http_hosts=["*example.com"])).reason is Reason.URI_REFUSED


async def test_no_allowed_host_refuses_every_page(site: Site) -> None:
    assert "SENSORIUM_INPUTS__HTTP_HOSTS" in (await fault("http://example.com/", http_hosts=[])).message


@pytest.mark.parametrize("path", ["stated/1001", "streamed"])
async def test_what_is_too_large_is_refused_while_it_comes(site: Site, path: str) -> None:
    error = await fault(f"http://{site.host}/{path}", private_hosts=[site.host])
    assert error.reason is Reason.CONTENT_TOO_LONG
    assert int(error.metadata["actual"]) < 200_000


@pytest.mark.parametrize("path", ["status/404", "status/403", "status/204", "zipped"])
async def test_what_cannot_be_had_is_refused_for_good(site: Site, path: str) -> None:
    error = await fault(f"http://{site.host}/{path}", private_hosts=[site.host])
    assert (type(error), error.reason) == (InvalidArgument, Reason.URI_REFUSED)


@pytest.mark.parametrize("path", ["status/500", "status/503", "status/429", "garbage", "stated/100"])
async def test_what_may_come_later_is_unavailable(site: Site, path: str) -> None:
    error = await fault(f"http://{site.host}/{path}", private_hosts=[site.host])
    assert (type(error), error.reason) == (Unavailable, Reason.BACKEND_UNAVAILABLE)


async def test_a_page_that_takes_too_long_is_unavailable(site: Site) -> None:
    error = await fault(f"http://{site.host}/stalls", private_hosts=[site.host], fetch_seconds=0.05)
    assert (type(error), error.reason) == (Unavailable, Reason.BACKEND_UNAVAILABLE)
    assert "longer than 0.05 s" in error.message


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closing:
        address = f"127.0.0.1:{closing.getsockname()[1]}"
    assert isinstance(await fault(f"http://{address}/", private_hosts=[address]), Unavailable)


async def test_no_error_repeats_the_secrets_of_a_uri(site: Site) -> None:
    for uri in (f"http://{site.host}/status/404?signature=secret", "http://127.0.0.1/?secret", "gopher://secret"):
        assert "secret" not in (await fault(uri, private_hosts=[site.host])).message


async def test_files_and_inline_bytes_pass_the_same_limits(tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(BODY)
    assert await read(f"file://{tmp_path}/photo", file_roots=[tmp_path]) == BODY
    async with source() as opened:
        for media, reason in (
            (Media(), Reason.CONTENT_EMPTY),
            (Media(data=b""), Reason.CONTENT_EMPTY),
            (Media(uri="data:,"), Reason.CONTENT_EMPTY),
            (Media(data=bytes(LIMIT + 1)), Reason.CONTENT_TOO_LONG),
        ):
            with pytest.raises(InvalidArgument) as caught:
                async with opened.opened(media, LIMIT):
                    raise AssertionError
            assert caught.value.reason is reason


async def test_fetches_at_once_are_bounded(tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(BODY)
    media = Media(uri=f"file://{tmp_path}/photo")
    async with source(file_roots=[tmp_path], fetches=1) as opened, opened.opened(media, LIMIT):
        second = asyncio.create_task(opened.opened(media, LIMIT).__aenter__())
        async with opened.opened(Media(data=BODY), LIMIT) as inline:
            assert inline == BODY
        assert not second.done()
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStoreSettings]:
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    urllib.request.urlopen(urllib.request.Request(f"http://{host}:{port}/photos", method="PUT"), timeout=20).close()
    yield ObjectStoreSettings(endpoint=f"http://{host}:{port}", access_key_id="key", secret_access_key="secret")
    server.stop()


async def test_objects_are_read_from_the_stores_that_are_named(store: ObjectStoreSettings) -> None:
    bucket = S3Store(
        "photos",
        endpoint=store.endpoint,
        access_key_id="key",
        secret_access_key="secret",
        client_options={"allow_http": True},
    )
    await bucket.put_async("a b/c.jpg", BODY)
    await bucket.put_async("large", bytes(LIMIT + 1))
    stores = {"s3://photos": store, "oss://photos": store, "s3://absent": store}
    for uri in ("s3://photos/a b/c.jpg", "s3://photos/a%20b/c.jpg", "oss://photos/a b/c.jpg"):
        assert await read(uri, stores=stores) == BODY
    for uri in ("s3://photos/none", "s3://photos/", "s3://photos", "s3://other/a", "s3://absent/a", "s3://[/a"):
        assert (await fault(uri, stores=stores)).reason is Reason.URI_REFUSED
    assert (await fault("s3://photos/large", stores=stores)).metadata["actual"] == "1001"


async def test_a_store_that_does_not_answer_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closing:
        address = f"http://127.0.0.1:{closing.getsockname()[1]}"
    error = await fault("s3://b/a", stores={"s3://b": ObjectStoreSettings(endpoint=address)}, fetch_seconds=0.5)
    assert isinstance(error, Unavailable)
