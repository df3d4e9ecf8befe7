"""The VikingDB families as their SDKs use them, and their signatures as a forger would."""

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from http_front import Answered, Front, OmniEmbedder, front, in_thread, vector_of
from hypothesis import given
from hypothesis import strategies as st
from key_ring import Keys
from starlette.datastructures import Headers

from sensorium.errors import ResourceExhausted, Unauthenticated
from sensorium.gateway.http.call import Arrival
from sensorium.gateway.http.signature import Signature, sign
from sensorium.gateway.keys.guard import KeyGuard
from sensorium.gateway.keys.master import master_secret
from sensorium.model.content import Content, Media, Modality, Part
from sensorium.model.embedding import OutputKind
from sensorium.model.key import Key

V2 = "/api/data/embedding/version/2"
BODY = {"model": {"model_name": "omni", "params": None}, "data": [{"data_type": "text", "text": "one"}]}


@pytest.fixture
def key(keys: Keys) -> Key:
    return keys.make()[0]


@pytest.fixture
async def served(keys: Keys, key: Key) -> AsyncIterator[Front]:
    async with front(guard=KeyGuard(keys.ring, local=True)) as running:
        yield running


def secret_of(served: Front, key: Key) -> str:
    return master_secret(served.folder).signing_secret(key.id)


def service(served: Front, access_key: str, secret: str) -> Any:
    """Make the SDK's service, of which it keeps one for ever."""
    from volcengine.viking_db import VikingDBService

    if hasattr(VikingDBService, "_instance"):
        del VikingDBService._instance
    return VikingDBService(host=served.address, region="cn-beijing", ak=access_key, sk=secret, scheme="http")


async def test_the_sdk_signs_pings_and_embeds(served: Front, key: Key) -> None:
    from volcengine.viking_db import EmbModel, RawData

    def embed() -> Any:
        sdk = service(served, key.id, secret_of(served, key))
        wanted = {"return_token_usage": True, "return_dense": True, "return_sparse": True}
        image = base64.b64encode(b"png").decode()
        items = [RawData("text", "one"), RawData("image", image=image), RawData("text-image", "two", image)]
        return sdk.embedding_v2(EmbModel("omni", wanted), items)

    found = await in_thread(embed)
    expected = vector_of(Content.of_text("one"))
    assert np.array_equal(np.float32(found["sentence_dense_embedding"][0]), expected)
    assert found["sentence_sparse_embedding"][0] == {"red": 0.5, "car": 0.25}
    assert found["token_usage"] == {"prompt_tokens": 9, "completion_tokens": 0, "total_tokens": 9}
    (request,) = served.embedder.requests
    assert request.contents[2] == Content((Part.of_text("two"), Part(Modality.IMAGE, Media(data=b"png"))))


async def test_the_sdk_raises_by_codes(served: Front, key: Key) -> None:
    from volcengine.viking_db import EmbModel, RawData
    from volcengine.viking_db.exception import (
        CalcEmbeddingFailedException,
        InvalidRequestException,
        QuotaLimiterException,
        VikingDBException,
    )

    secret = secret_of(served, key)
    sdk = await in_thread(service, served, key.id, secret)
    one = [RawData("text", "one")]
    with pytest.raises(CalcEmbeddingFailedException):
        await in_thread(sdk.embedding_v2, EmbModel("bge-m3"), one)
    for items in ([RawData("text", "")], one * 101, []):
        with pytest.raises(InvalidRequestException):
            await in_thread(sdk.embedding_v2, EmbModel("omni"), items)
    served.embedder.errors.append(ResourceExhausted("full", retry_after=0.1))
    with pytest.raises(QuotaLimiterException):
        await in_thread(sdk.embedding_v2, EmbModel("omni"), one, retry=False)
    with pytest.raises(VikingDBException, match="host or region"):
        await in_thread(service, served, key.id, "wrong")


async def test_version_1_gives_a_list_of_vectors(served: Front, key: Key) -> None:
    from volcengine.viking_db import EmbModel, RawData

    sdk = await in_thread(service, served, key.id, secret_of(served, key))
    found = await in_thread(sdk.embedding, EmbModel("omni"), RawData("text", "one"))
    assert np.array_equal(np.float32(found), vector_of(Content.of_text("one")))


async def test_vectors_that_are_not_asked_for_are_absent(keys: Keys) -> None:
    async with front() as served:
        defaults = (await served.post(V2, BODY)).json()["data"]
        params = {"return_dense": False, "return_sparse": True}
        sparse = (await served.post(V2, {**BODY, "model": {"model_name": "omni", "params": params}})).json()["data"]
        nothing = await served.post(
            V2, {**BODY, "model": {"model_name": "omni", "params": {"return_dense": False, "return_sparse": False}}}
        )
        listed = (await served.send("GET", "/api/data/list_embedding_models", {"model_name": ""})).json()
        by_get = await served.send("GET", V2, BODY)
    assert defaults.keys() == {"sentence_dense_embedding", "sentence_sparse_embedding"}
    assert sparse.keys() == {"sentence_sparse_embedding"}
    assert (nothing.status, nothing.json()["code"]) == (400, 1000003)
    assert listed["data"]["models"][0]["model_name"] == "omni"
    assert by_get.status == 200


def signed(served: Front, access_key: str, secret: str, body: bytes, **changes: Any) -> dict[str, str]:
    """Return the headers of a good request, but for `changes`: `later`, `day`, `names`, `digest`, `method`, `path`."""
    at = datetime.now(UTC) + changes.get("later", timedelta())
    stamp = at.strftime("%Y%m%dT%H%M%SZ")
    names = changes.get("names", ("content-type", "host", "x-content-sha256", "x-date"))
    digest = hashlib.sha256(body).hexdigest()
    headers = {
        "content-type": "application/json",
        "host": changes.get("host", served.address),
        "x-content-sha256": changes.get("digest", digest),
        "x-date": stamp,
    }
    claim = Signature(access_key, changes.get("day", stamp[:8]), "cn-beijing", "air", names, "0" * 64)
    path, _, query = str(changes.get("path", V2)).partition("?")
    arrival = Arrival(changes.get("method", "POST"), unquote(path), unquote(path), query, Headers(headers))
    value = sign(arrival, claim, digest, secret)
    scope = f"{access_key}/{claim.day}/cn-beijing/air/request"
    shown = f"HMAC-SHA256 Credential={scope}, SignedHeaders={';'.join(names)}, Signature={value}"
    return {**headers, "authorization": shown}


async def send_signed(served: Front, secret: str, key: Key, **changes: Any) -> Answered:
    body = json.dumps(BODY).encode()
    return await served.post(str(changes.get("to", V2)), body, signed(served, key.id, secret, body, **changes))


async def test_a_good_signature_passes_at_once_and_again_within_the_window(served: Front, key: Key) -> None:
    secret = secret_of(served, key)
    body = json.dumps(BODY).encode()
    headers = signed(served, key.id, secret, body)
    assert [(await served.post(V2, body, headers)).status for _ in range(2)] == [200, 200]
    queried = signed(served, key.id, secret, body, path=f"{V2}?b=2%20x&a=1")
    assert (await served.post(f"{V2}?b=2+x&a=1", body, queried)).status == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"later": timedelta(seconds=-900)},
        {"later": timedelta(seconds=900)},
        {"day": "20200101"},
        {"host": "vikingdb.example"},
        {"method": "GET"},
        {"path": "/api/data/embedding"},
        {"path": f"{V2}?a=1"},
        {"digest": hashlib.sha256(b"other").hexdigest()},
        {"names": ("content-type", "host")},
    ],
    ids=",".join,
)
async def test_a_signature_of_another_request_is_refused(served: Front, key: Key, changes: dict[str, Any]) -> None:
    wrong_host = "host" in changes
    secret = secret_of(served, key)
    body = json.dumps(BODY).encode()
    headers = signed(served, key.id, secret, body, **changes)
    if wrong_host:
        headers["host"] = served.address
    answer = await served.post(V2, body, headers)
    assert (answer.status, answer.json()["code"]) == (401, 1000001)
    assert served.embedder.requests == []


async def test_a_body_that_was_changed_on_the_way_is_refused(served: Front, key: Key) -> None:
    body = json.dumps(BODY).encode()
    headers = signed(served, key.id, secret_of(served, key), body)
    answer = await served.post(V2, body.replace(b"one", b"two"), headers)
    assert (answer.status, answer.json()["code"]) == (401, 1000001)


async def test_secrets_of_other_keys_and_of_no_key_are_refused(served: Front, key: Key, keys: Keys) -> None:
    other = keys.make()[0]
    assert (await send_signed(served, secret_of(served, other), key)).status == 401
    assert (await send_signed(served, "", key)).status == 401
    keys.cli.revoke(key.id)
    keys.ring.read()
    assert (await send_signed(served, secret_of(served, key), key)).status == 401
    assert (await served.post(V2, BODY)).status == 401


async def test_a_rotated_key_signs_with_either_secret_until_the_old_one_ends(
    served: Front, key: Key, keys: Keys
) -> None:
    old = secret_of(served, key)
    rotated = keys.cli.rotate(key.id, timedelta(hours=1))[0]
    new = master_secret(served.folder).signing_secret(key.id, rotated.generation)
    assert (await send_signed(served, new, key)).status == 401  # Not yet read.
    keys.ring.read()
    assert rotated.previous_until is not None
    keys.calendar.today = rotated.previous_until - timedelta(seconds=1)
    assert [(await send_signed(served, each, key)).status for each in (old, new)] == [200, 200]
    keys.calendar.today = rotated.previous_until
    assert [(await send_signed(served, each, key)).status for each in (old, new)] == [401, 200]


async def test_a_forged_signature_costs_the_key_nothing(keys: Keys) -> None:
    key = keys.make(requests_per_minute=1)[0]
    async with front(guard=KeyGuard(keys.ring, local=True)) as served:
        assert (await send_signed(served, "forged", key)).status == 401
        assert (await send_signed(served, secret_of(served, key), key)).status == 200
        assert (await send_signed(served, secret_of(served, key), key)).json()["code"] == 1000029


@given(st.text(st.characters(max_codepoint=255), max_size=300) | st.from_regex(r"HMAC-SHA256 .{0,80}"))
def test_whatever_an_authorization_holds_it_is_read_or_refused(authorization: str) -> None:
    try:
        Signature.read(authorization)
    except Unauthenticated:
        return
    assert authorization.strip().startswith("HMAC-SHA256 Credential=")


@pytest.mark.filterwarnings("ignore:Field name:UserWarning")
@pytest.mark.parametrize("how", ["signature", "token"])
async def test_the_newer_sdk_embeds(served: Front, key: Key, keys: Keys, how: str) -> None:
    from vikingdb.auth import IAM, APIKey
    from vikingdb.vector import VikingDB

    auth = IAM(ak=key.id, sk=secret_of(served, key)) if how == "signature" else APIKey(api_key=keys.make()[1].text)

    def embed() -> Any:
        sdk = VikingDB(host=served.address, region="cn-beijing", auth=auth, scheme="http")
        return sdk.embedding().embedding(
            {
                "data": [{"text": "你好"}, {"full_modal_seq": [{"text": "a", "image": "https://x.example/a.png"}]}],
                "dense_model": {"name": "omni", "version": "default", "dim": 8},
                "sparse_model": {"name": "omni", "version": "default"},
            }
        )

    answer = await in_thread(embed)
    assert answer.code == "Success"
    first = answer.result.data[0]
    assert np.array_equal(np.float32(first.dense), vector_of(Content.of_text("你好"), 8))
    assert first.sparse == {"red": 0.5, "car": 0.25}
    (request,) = served.embedder.requests
    assert [part.modality for part in request.contents[1].parts] == [Modality.TEXT, Modality.IMAGE]
    assert request.options.outputs == (OutputKind.DENSE, OutputKind.SPARSE)


async def test_the_newer_api_names_its_codes() -> None:
    async with front(OmniEmbedder()) as served:
        path = "/api/vikingdb/embedding"
        answers = [
            await served.post(path, {"data": [{"text": "one"}]}),
            await served.post(path, {"data": [], "dense_model": {"name": "omni"}}),
            await served.post(path, {"data": [{"text": "one"}], "dense_model": {"name": "other"}}),
            await served.post(path, {"data": [{}], "dense_model": {"name": "omni"}}),
            await served.post("/api/vikingdb/nothing", {}),
            await served.post(path, {"data": [{"text": "one"}], "tensor_model": {"name": "omni"}}),
        ]
    codes = [(answer.status, answer.json()["code"]) for answer in answers]
    bad = (400, "InvalidParameter")
    assert codes == [bad, bad, (404, "CalcEmbeddingFailed"), bad, (404, "NotFound"), bad]
    assert all(answer.json().keys() == {"code", "message", "request_id", "api"} for answer in answers)


async def test_every_path_of_the_older_api_has_its_envelope() -> None:
    async with front() as served:
        answers = [
            await served.post("/api/data/nothing", {}),
            await served.post("/api/index/rerank", {}),
            await served.post("/api/viking_db/data/nothing", {}),
            await served.send("DELETE", V2),
            await served.post(V2, b"{"),
        ]
    assert [answer.status for answer in answers] == [404, 404, 404, 405, 400]
    for answer in answers:
        assert answer.json().keys() == {"code", "message", "request_id"}
        assert isinstance(answer.json()["code"], int)
