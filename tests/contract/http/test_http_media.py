"""What a client's URLs and files may do to the server: nothing reaches what is private, and nothing explodes."""

import asyncio
import base64
import struct
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from http_front import Front, front
from media_samples import clip, encoded, hum, picture
from tower_fakes import THREE, TowersInMemory

from sensorium.embed.batcher import BatchLimits
from sensorium.embed.service import EmbedLimits, EmbedService
from sensorium.settings import InputSettings

MODEL = THREE.info.name

DASHSCOPE = "/api/v1/services/embeddings/multimodal-embedding/multimodal-embedding"
VIKINGDB = "/api/data/embedding/version/2"


def dashscope(kind: str) -> Callable[[str], dict[str, Any]]:
    many = kind in {"multi_images", "video frames"}
    name = kind.partition(" ")[0]
    return lambda uri: {"model": MODEL, "input": {"contents": [{name: [uri, uri] if many else uri}]}}


# Every field of every family that may hold a URL: the path, and the body with one there.
FIELDS: Mapping[str, tuple[str, Callable[[str], dict[str, Any]]]] = {
    "openai input": ("/v1/embeddings", lambda uri: {"model": MODEL, "modality": "image", "input": [uri]}),
    "openai audio": ("/v1/embeddings", lambda uri: {"model": MODEL, "modality": "audio", "input": uri}),
    "jina image": ("/v1/embeddings", lambda uri: {"model": MODEL, "input": [{"image": uri}]}),
    "jina audio": ("/v1/embeddings", lambda uri: {"model": MODEL, "input": [{"text": "a", "audio": uri}]}),
    "jina video": ("/v1/embeddings", lambda uri: {"model": MODEL, "input": [{"video": uri}]}),
    "jina url": ("/v1/embeddings", lambda uri: {"model": MODEL, "input": [{"url": uri}]}),
    "infinity image": ("/embeddings_image", lambda uri: {"model": MODEL, "input": [uri]}),
    "infinity audio": ("/embeddings_audio", lambda uri: {"model": MODEL, "input": [uri]}),
    "cohere images": ("/v2/embed", lambda uri: {"model": MODEL, "images": [uri]}),
    "cohere inputs": (
        "/v2/embed",
        lambda uri: {"model": MODEL, "inputs": [{"content": [{"type": "image_url", "image_url": {"url": uri}}]}]},
    ),
    "dashscope image": (DASHSCOPE, dashscope("image")),
    "dashscope audio": (DASHSCOPE, dashscope("audio")),
    "dashscope multi_images": (DASHSCOPE, dashscope("multi_images")),
    "dashscope video": (DASHSCOPE, dashscope("video")),
    "dashscope video frames": (DASHSCOPE, dashscope("video frames")),
    "vikingdb image": (
        VIKINGDB,
        lambda uri: {"model": {"model_name": MODEL}, "data": [{"data_type": "image", "image": uri}]},
    ),
    "viking image": ("/api/vikingdb/embedding", lambda uri: {"data": [{"image": uri}], "dense_model": {"name": MODEL}}),
    "viking sequence": (
        "/api/vikingdb/embedding",
        lambda uri: {"data": [{"full_modal_seq": [{"image": uri}]}], "dense_model": {"name": MODEL}},
    ),
    "viking video": ("/api/vikingdb/embedding", lambda uri: {"data": [{"video": uri}], "dense_model": {"name": MODEL}}),
    "viking sequence video": (
        "/api/vikingdb/embedding",
        lambda uri: {"data": [{"full_modal_seq": [{"video": uri}]}], "dense_model": {"name": MODEL}},
    ),
    "eas image": ("/", lambda uri: {"model": MODEL, "input": {"contents": [{"image": uri}]}}),
}
fields = pytest.mark.parametrize("field", FIELDS)


class Inside:
    """A server on loopback that nobody outside may reach; it notes whoever does."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.port = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append(await reader.readline())
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()


@pytest.fixture
async def inside() -> AsyncIterator[Inside]:
    server = Inside()
    async with await asyncio.start_server(server.answer, "127.0.0.1", 0) as listening:
        server.port = listening.sockets[0].getsockname()[1]
        yield server


@asynccontextmanager
async def serving(**inputs: Any) -> AsyncIterator[Front]:
    """Serve a model of texts, images and sounds that reads media as a mesh does."""
    async with (
        EmbedService(
            [THREE],
            TowersInMemory(),
            limits=EmbedLimits(),
            batch_limits=BatchLimits(),
            inputs=InputSettings(**inputs),
            tokenizer_threads=1,
        ) as service,
        front(service) as served,
    ):
        yield served


async def refused(served: Front, field: str, uri: str) -> bytes:
    path, body = FIELDS[field]
    answer = await served.post(path, body(uri))
    assert 400 <= answer.status < 500, (field, uri, answer.status, answer.body)
    return answer.body


@fields
async def test_no_field_reaches_what_is_private(field: str, inside: Inside) -> None:
    port = inside.port
    hosts = (
        "127.0.0.1", "localhost", "LOCALHOST.", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0.0.0.0", "[::1]",
        "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "a@127.0.0.1", "169.254.169.254",
    )  # fmt: skip
    async with serving(http_ports=(80, 443, port)) as served:
        for host in hosts:
            body = await refused(served, field, f"http://{host}:{port}/x")
            assert b"169.254" not in body or host in body.decode()
        for uri in (f"HTTP://127.0.0.1:{port}/x", f"https://127.0.0.1:{port}/x", f"http:127.0.0.1:{port}/x"):
            await refused(served, field, uri)
    assert inside.asked == []


@fields
async def test_no_field_follows_a_redirect_into_what_is_private(field: str, inside: Inside) -> None:
    ours = f"127.0.0.1:{inside.port}"
    async with serving(private_hosts=(ours,)) as served:
        await refused(served, field, f"http://{ours}/go")
    # No model here takes videos, so nobody asks for one; a sequence of frames is asked for once each.
    assert len(inside.asked) == {"dashscope video frames": 2, "dashscope multi_images": 2}.get(
        field, "video" not in field
    )


async def test_a_name_that_changes_between_check_and_use_reaches_nothing(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, asked = asyncio.get_running_loop(), []
    resolve = loop.getaddrinfo

    async def rebinding(host: Any, port: Any, **options: Any) -> Any:
        if host != "rebinding.example":
            return await resolve(host, port, **options)
        asked.append(host)
        # First what any check lets pass (a network for documentation, where nobody is), then what is inside.
        return [(2, 1, 6, "", ("203.0.113.1" if len(asked) == 1 else "127.0.0.1", port))]

    async with serving(http_ports=(inside.port,), fetch_seconds=0.2) as served:
        monkeypatch.setattr(loop, "getaddrinfo", rebinding)
        path, body = FIELDS["jina image"]
        answer = await served.post(path, body(f"http://rebinding.example:{inside.port}/x"))
    assert answer.status in {400, 503}
    assert (len(asked), inside.asked) == (1, [])


@fields
async def test_no_field_reads_files_that_are_not_offered(field: str, tmp_path: Path) -> None:
    offered, secret = tmp_path / "offered", tmp_path / "secret.png"
    offered.mkdir()
    secret.write_bytes(encoded(picture()))
    (offered / "link.png").symlink_to(secret)
    uris = (
        f"file://{secret}",
        f"file://{offered}/../secret.png",
        f"file://{offered}/%2e%2e/secret.png",
        f"file://{offered}/link.png",
        "file:///etc/passwd",
        "file://localhost/etc/passwd",
        "file:/etc/passwd",
        "FILE:///proc/self/environ",
    )
    async with serving(file_roots=(offered,)) as served:
        for uri in uris:
            body = await refused(served, field, uri)
            assert b"root:" not in body
            assert b"PATH=" not in body


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


ZEROS = zlib.compress(bytes(15_000_000), 9)
PIXELS = chunk(b"IDAT", zlib.compress(bytes(8 * 25)))
BOMBS: Mapping[str, bytes] = {
    "pixels": png(60_000, 60_000, PIXELS),
    "more rows than are told": png(8, 8, chunk(b"IDAT", ZEROS)),
    "a text that unpacks": png(8, 8, chunk(b"zTXt", b"a\0\0" + ZEROS), PIXELS),
    "a profile that unpacks": png(8, 8, chunk(b"iCCP", b"a\0\0" + ZEROS), PIXELS),
    "a zip": b"PK\x03\x04" + ZEROS,
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("field", ["jina image", "dashscope image", "eas image", "cohere images"])
async def test_a_bomb_is_the_callers_fault_or_harmless(field: str, bomb: str) -> None:
    path, body = FIELDS[field]
    async with serving() as served:
        statuses = [
            (await served.post(path, body(f"data:image/png;base64,{base64.b64encode(content).decode()}"))).status
            for content in (BOMBS[bomb], encoded(picture()))
        ]
    assert statuses == [200 if bomb == "more rows than are told" else 400, 200]


def boundless_wav() -> bytes:
    """Return a sound whose header tells of 4 GiB, over a few samples."""
    header = b"RIFF\xff\xff\xff\xffWAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16_000, 32_000, 2, 16)
    return header + b"data\xff\xff\xff\xff" + bytes(200)


def hours_of_silence(kind: str) -> bytes:
    """Return a quarter of an hour in some ten kilobytes, of which the model hears half a second."""
    return clip(np.zeros((15 * 60 * 8_000, 1), np.float32), 8_000, kind)


def greedy_comment() -> bytes:
    """Return a FLAC whose comment says that it has 16 MiB."""
    good = clip(hum(0.1), kind="FLAC")
    return good[:4] + b"\x04\xff\xff\xff" + good[4:]


SOUND_BOMBS: Mapping[str, Callable[[], bytes]] = {
    "silence in FLAC": lambda: hours_of_silence("FLAC"),
    "a header of 4 GiB": boundless_wav,
    "a comment of 16 MiB": greedy_comment,
    "zeros": lambda: b"fLaC" + ZEROS,
    "many channels": lambda: clip(np.zeros((1, 1024), np.float32), kind="WAV"),
}


@pytest.mark.parametrize("bomb", SOUND_BOMBS)
@pytest.mark.parametrize("field", ["openai audio", "dashscope audio", "jina audio"])
async def test_a_sound_that_unpacks_is_the_callers_fault_or_cut(field: str, bomb: str) -> None:
    path, body = FIELDS[field]
    packed = SOUND_BOMBS[bomb]()
    assert len(packed) < 100_000
    async with serving() as served:
        statuses = [
            (await served.post(path, body(f"data:audio/flac;base64,{base64.b64encode(content).decode()}"))).status
            for content in (packed, clip(hum(0.2)))
        ]
    assert statuses == [200 if bomb in {"silence in FLAC", "a header of 4 GiB"} else 400, 200]


async def test_a_body_that_unpacks_is_refused_unread() -> None:
    async with serving() as served:
        bomb = zlib.compress(bytes(10_000_000), 9)
        for encoding in ("gzip", "deflate", "br", "identity, gzip"):
            answer = await served.post("/v1/embeddings", bomb, {"content-encoding": encoding})
            assert answer.status == 400
