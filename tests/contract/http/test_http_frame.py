"""What holds for every path of the HTTP front: envelopes, ids, keys, limits, and callers who are slow or strange."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from http_front import Front, OmniEmbedder, front
from key_ring import Keys
from memory_objects import MemoryObjects

from sensorium.errors import FailedPrecondition, Internal, SensoriumError, Unauthenticated, Unavailable
from sensorium.gateway.connected.asking import Asking
from sensorium.gateway.connected.embedder import ConnectedEmbedder
from sensorium.gateway.connected.objects import ConnectedObjects
from sensorium.gateway.keys.guard import KeyGuard
from sensorium.media.faults import unknown_bucket
from sensorium.model.access import KeyRole
from sensorium.model.content import Content
from sensorium.model.embedding import Embedding, EmbedRequest

EMBED = "/v1/embeddings"
ONE = {"input": "one"}
# A path of each family that is served, and one that is not.
PATHS: Mapping[str, tuple[str, str]] = {
    "openai": ("/v1/embeddings", "/v1/nothing"),
    "compatible": ("/compatible-mode/v1/embeddings", "/compatible-mode/v1/nothing/"),
    "cohere": ("/v2/embed", "/v2/nothing"),
    "infinity": ("/embeddings", ""),
}
FIELDS: Mapping[str, set[str]] = {
    "openai": {"error", "detail"},
    "compatible": {"error", "detail"},
    "cohere": {"message", "id"},
    "infinity": {"error"},
}
families = pytest.mark.parametrize("family", list(PATHS))


def is_envelope(family: str, body: Any) -> bool:
    return set(body) == FIELDS[family]


@families
async def test_every_refusal_has_the_envelope_and_a_request_id(family: str, keys: Keys) -> None:
    served_at, unknown = PATHS[family]
    secret = keys.header()
    async with front(guard=KeyGuard(keys.ring, local=True), max_body_bytes=1000) as served:
        answers = {
            401: await served.post(served_at, ONE),
            400: await served.post(served_at, b"{", secret),
            405: await served.send("PUT", served_at, ONE, secret),
            413: await served.post(served_at, b"x" * 1001, secret),
        }
        if unknown:
            answers[404] = await served.post(unknown, ONE, secret)
        wrong = await served.post(served_at, ONE, {"authorization": "Bearer sk-000000000000-" + "x" * 43})
    assert wrong.status == 401
    for status, answer in answers.items():
        assert answer.status == status
        assert is_envelope(family, answer.json()), answer.body
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-request-id"]
    assert "POST" in answers[405].headers["allow"]


async def test_an_address_beyond_loopback_needs_a_key(keys: Keys) -> None:
    open_guard = KeyGuard(keys.ring, local=False)
    with pytest.raises(FailedPrecondition, match="sensorium key create"):
        async with front(guard=open_guard, host="0.0.0.0", allow_public=True):
            pass
    keys.make()
    async with front(guard=open_guard, host="0.0.0.0", allow_public=True) as served:
        assert served.address


@families
async def test_an_overload_is_429_with_the_time_to_come_back(family: str) -> None:
    embedder = OmniEmbedder(gate=asyncio.Event())
    async with front(embedder, most_calls=1) as served:
        first = asyncio.create_task(served.post(EMBED, ONE))
        await embedder.entered.wait()
        body = {"texts": ["one"]} if family == "cohere" else ONE
        refused = await served.post(PATHS[family][0], body)
        assert embedder.gate
        embedder.gate.set()
        assert (await first).status == 200
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
    assert is_envelope(family, refused.json())


async def test_a_path_that_nobody_serves_answers_in_json() -> None:
    async with front() as served:
        answer = await served.post("/a/b/c", ONE)
    assert (answer.status, answer.json()["error"]["code"]) == (404, "resource_not_found")


@pytest.mark.parametrize("path", ["/%0a", "/v1/models/%0d%0ax", "/v1/models/..%2f..", "//", "/v1//embeddings", "/%ff"])
async def test_strange_paths_answer_in_json(path: str) -> None:
    async with front() as served:
        answer = await served.post(path, ONE)
    assert (answer.status, answer.headers["content-type"]) in {
        (404, "application/json"),
        (405, "application/json"),
        (400, "application/json"),
    }


@pytest.mark.parametrize("path", [EMBED, f"{EMBED}/", "/embeddings/"])
async def test_slashes_at_the_end_are_no_redirects(path: str) -> None:
    async with front() as served:
        assert (await served.post(path, ONE)).status == 200


async def test_the_callers_request_id_comes_back_unless_it_is_unfit(keys: Keys) -> None:
    async with front() as served:
        kept = await served.post(EMBED, ONE, {"x-request-id": "mine-1"})
        replaced = await served.post(EMBED, ONE, {"x-request-id": "a b"})
    assert kept.headers["x-request-id"] == "mine-1"
    assert len(replaced.headers["x-request-id"]) == 32
    assert "total;dur=" in kept.headers["server-timing"]


async def test_calls_are_counted_by_path_and_unknown_paths_as_one(keys: Keys) -> None:
    async with front() as served:
        await served.post(EMBED, ONE)
        await served.post("/nothing-1", ONE)
        await served.post("/nothing-2", ONE)
        metrics = (await served.send("GET", "/metrics")).body.decode()
    assert 'sensorium_calls_total{code="OK",method="/v1/embeddings"} 1.0' in metrics
    assert 'sensorium_calls_total{code="NOT_FOUND",method="http"} 2.0' in metrics


async def test_tokens_are_charged_to_the_key(keys: Keys) -> None:
    secret = keys.header(tokens_per_minute=2)
    async with front(guard=KeyGuard(keys.ring, local=True)) as served:
        assert (await served.post(EMBED, ONE, secret)).status == 200
        assert (await served.post(EMBED, ONE, secret)).status == 429


async def test_a_key_of_a_workspace_works_for_it_without_naming_it(keys: Keys) -> None:
    secret = keys.header(KeyRole.READ, workspace="acme")
    async with front(guard=KeyGuard(keys.ring, local=True)) as served:
        assert (await served.post(EMBED, ONE, secret)).status == 200
    assert served.embedder.requests[0].workspace == "acme"


class UnknownBuckets(OmniEmbedder):
    """Knows no bucket."""

    def _result(self, index: int, content: Content, request: EmbedRequest) -> Embedding | SensoriumError:
        return unknown_bucket("s3://photos")


async def test_a_key_for_some_collections_reaches_no_connection(keys: Keys) -> None:
    asking = Asking(ConnectedObjects(MemoryObjects({}), seconds=20, most_bytes=100), at_once=1)
    photo = {"input": "s3://photos/a.jpg", "modality": "image"}
    scoped, whole = keys.header(workspace="acme", collections=("a",)), keys.header(workspace="acme")
    async with front(ConnectedEmbedder(UnknownBuckets(), asking), guard=KeyGuard(keys.ring, local=True)) as served:
        assert (await served.post("/embeddings", photo, scoped)).status == 403
        assert (await served.post("/embeddings", photo, whole)).status == 400


async def test_faults_of_ours_tell_nothing_of_what_is_inside() -> None:
    faults: list[SensoriumError] = [
        Internal("boom"),
        Unauthenticated("the mesh token is missing"),
        Unavailable("the model is not there", retry_after=2.5),
    ]
    async with front(OmniEmbedder(errors=faults)) as served:
        internal, behind, away = [await served.post(EMBED, ONE) for _ in range(3)]
    assert internal.status == 500
    assert (behind.status, "mesh token" in behind.json()["error"]["message"]) == (503, True)
    assert (away.status, away.headers["retry-after"]) == (503, "3")


async def test_a_bug_is_an_internal_error_with_the_request_id() -> None:
    class Broken(OmniEmbedder):
        async def model(self, name: str) -> Any:
            raise RuntimeError("secret detail")

    async with front(Broken()) as served:
        answer = await served.post(EMBED, ONE, {"x-request-id": "mine"})
    assert answer.status == 500
    assert "mine" in answer.json()["error"]["message"]
    assert b"secret detail" not in answer.body


async def raw(served: Front, *chunks: bytes) -> bytes:
    """Send bytes as they are and return what comes back until the server closes the connection."""
    host, _, port = served.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for chunk in chunks:
            writer.write(chunk)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


async def test_a_body_that_does_not_come_is_given_up() -> None:
    head = b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\nConnection: close\r\n\r\n"
    async with front(read_seconds=0.05) as served:
        answer = await raw(served, head, b'{"input"')
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"message":"the body did not come within 0.05 s"' in answer


async def test_a_head_that_does_not_come_is_given_up() -> None:
    async with front(head_seconds=0.05) as served:
        assert await raw(served, b"POST /v1/embed") == b""
        assert await raw(served) == b""


async def test_bodies_that_wait_are_bounded_in_all() -> None:
    async with front(max_buffered_bytes=10) as served:
        answer = await served.post(EMBED, {"input": "a text of more than ten bytes"})
    assert (answer.status, answer.headers["retry-after"]) == (429, "1")


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"HTTP/1.1 400 "),
        (b"Content-Length: 5\r\nContent-Length: 6\r\n", b"HTTP/1.1 400 "),
        (b"Content-Length: -5\r\n", b"HTTP/1.1 400 "),
        (b"Bad Name: x\r\n", b"HTTP/1.1 400 "),
        (b"Content-Encoding: gzip\r\nContent-Length: 0\r\n", b"HTTP/1.1 400 "),
    ],
)
async def test_requests_of_two_lengths_and_the_like_are_refused(headers: bytes, said: bytes) -> None:
    head = b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers + b"\r\n"
    async with front() as served:
        answer = await raw(served, head)
    assert answer.startswith(said)
    assert served.embedder.requests == []


async def test_answers_carry_no_header_that_a_caller_wrote() -> None:
    async with front() as served:
        answer = await served.send(
            "POST", "/v1/x%0d%0aset-cookie:%20a=b", ONE, {"x-request-id": "a", "x-dashscope-workspace": "b"}
        )
    assert answer.status == 404
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "10.0.0.1", "[fe80::1]:80"])
async def test_a_page_that_a_browser_was_led_to_cannot_call_an_open_server(host: str, keys: Keys) -> None:
    async with front() as served:
        assert (await served.post(EMBED, ONE, {"host": host})).status == 403
        assert (await served.post(EMBED, ONE, {"host": "localhost:8080"})).status == 200
    secret = keys.header()
    async with front(guard=KeyGuard(keys.ring, local=True)) as closed:
        assert (await closed.post(EMBED, ONE, {"host": host, **secret})).status == 200


async def test_json_needs_no_content_type_and_unknown_fields_do_not_matter() -> None:
    async with front() as served:
        body = json.dumps({"zzz": {"a": [None]}, **ONE}).encode()
        assert (await served.post(EMBED, body, {"content-type": "text/plain"})).status == 200
        assert (await served.post(EMBED, body)).status == 200


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b'"x"', b"\xff", b"[" * 5000, b'{"input": NaN}', b'{"input": "\\ud800"}']
)
async def test_bodies_that_are_no_object_are_bad_requests(body: bytes) -> None:
    async with front() as served:
        answer = await served.post(EMBED, body)
    assert (answer.status, answer.json()["error"]["type"]) == (400, "invalid_request_error")
