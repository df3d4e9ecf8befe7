"""The OpenAI family as its clients use it: the official SDKs, LangChain, Cohere, Infinity's and Jina's requests."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import cohere
import httpx
import numpy as np
import openai
import pytest
from http_front import Front, OmniEmbedder, front, in_thread, vector_of
from key_ring import Keys

from sensorium.errors import Reason, ResourceExhausted
from sensorium.gateway.keys.guard import KeyGuard
from sensorium.model.content import Content, Media, Modality, Part
from sensorium.model.embedding import EmbedRole, Truncation

IMAGE = "data:image/png;base64,iVBORw0KGgo="


@pytest.fixture
async def served() -> AsyncIterator[Front]:
    async with front(aliases={"text-embedding-3-small": "omni"}) as running:
        yield running


def client(served: Front, key: str = "none", prefix: str = "/v1", **options: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=served.url + prefix, api_key=key, max_retries=0, **options)


@pytest.mark.parametrize("prefix", ["/v1", "/compatible-mode/v1", ""])
async def test_the_sdk_embeds_texts_and_decodes_base64_by_itself(served: Front, prefix: str) -> None:
    with client(served, prefix=prefix) as sdk:
        made = await in_thread(sdk.embeddings.create, model="omni", input=["one", "two"])
    assert [each.index for each in made.data] == [0, 1]
    for each, text in zip(made.data, ["one", "two"], strict=True):
        assert np.array_equal(np.float32(each.embedding), vector_of(Content.of_text(text)))
    assert (made.model, made.usage.prompt_tokens, made.usage.total_tokens) == ("omni", 6, 6)


async def test_floats_and_base64_hold_the_same_numbers(served: Front) -> None:
    with client(served) as sdk:
        floats = await in_thread(sdk.embeddings.create, model="omni", input="one", encoding_format="float")
        packed = await in_thread(sdk.embeddings.create, model="omni", input="one", encoding_format="base64")
    decoded = np.frombuffer(base64.b64decode(str(packed.data[0].embedding)), "<f4")
    assert np.array_equal(np.float32(floats.data[0].embedding), decoded)


async def test_the_asynchronous_sdk_asks_for_a_dimension(served: Front) -> None:
    async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="none") as sdk:
        made = await sdk.embeddings.create(model="text-embedding-3-small", input="one", dimensions=8)
    assert (len(made.data[0].embedding), made.model) == (8, "text-embedding-3-small")


async def test_langchain_embeds_documents_and_a_query(served: Front) -> None:
    from langchain_openai import OpenAIEmbeddings

    with openai.DefaultHttpxClient() as connections:
        chain = OpenAIEmbeddings(
            base_url=f"{served.url}/v1",
            api_key="none",
            model="omni",
            check_embedding_ctx_length=False,
            http_client=connections,
        )
        vectors = await in_thread(chain.embed_documents, ["one", "two"])
        assert np.array_equal(np.float32(vectors[1]), vector_of(Content.of_text("two")))
        assert np.array_equal(np.float32(await in_thread(chain.embed_query, "one")), np.float32(vectors[0]))


async def test_models_are_listed_with_their_aliases_and_found_by_name(served: Front) -> None:
    with client(served) as sdk:
        assert [each.id for each in await in_thread(lambda: list(sdk.models.list()))] == [
            "omni",
            "text-embedding-3-small",
        ]
        assert (await in_thread(sdk.models.retrieve, "omni")).object == "model"
        with pytest.raises(openai.NotFoundError, match="org/m1"):
            await in_thread(sdk.models.retrieve, "org/m1")


async def test_errors_are_classes_of_the_sdk(served: Front) -> None:
    with client(served) as sdk:
        with pytest.raises(openai.NotFoundError) as missing:
            await in_thread(sdk.embeddings.create, model="other", input="one")
        with pytest.raises(openai.BadRequestError) as bad:
            await in_thread(sdk.embeddings.create, model="omni", input=["one", ""])
        with pytest.raises(openai.BadRequestError) as size:
            await in_thread(sdk.embeddings.create, model="omni", input="one", dimensions=5)
    assert missing.value.code == "model_not_found"
    assert missing.value.request_id
    assert (bad.value.param, bad.value.code) == ("input[1].parts[0].text", "content_empty")
    assert size.value.param == "dimensions"


async def test_a_wrong_key_and_an_exhausted_rate_are_told_as_openai_does(keys: Keys) -> None:
    _, secret = keys.make(requests_per_minute=1)
    async with front(guard=KeyGuard(keys.ring, local=True)) as served:
        with client(served, "sk-wrong") as sdk, pytest.raises(openai.AuthenticationError) as wrong:
            await in_thread(sdk.embeddings.create, model="omni", input="one")
        with client(served, secret.text) as sdk:
            await in_thread(sdk.embeddings.create, model="omni", input="one")
            with pytest.raises(openai.RateLimitError) as limited:
                await in_thread(sdk.embeddings.create, model="omni", input="one")
    assert wrong.value.code == "invalid_api_key"
    assert limited.value.code == "rate_limit_exceeded"
    assert limited.value.response.headers["retry-after"] == "60"
    assert limited.value.response.headers["retry-after-ms"] == "60000"


async def test_the_sdk_comes_back_after_an_overload() -> None:
    embedder = OmniEmbedder(errors=[ResourceExhausted("full", reason=Reason.QUEUE_FULL, retry_after=0.01)])
    async with front(embedder) as served:
        sdk = openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=1)
        with sdk:
            assert (await in_thread(sdk.embeddings.create, model="omni", input="one")).data
    assert len(embedder.requests) == 2


async def test_infinity_embeds_a_modality_by_uri(served: Front) -> None:
    with client(served, prefix="") as sdk:
        await in_thread(
            sdk.embeddings.create,
            model="omni",
            input=[IMAGE],
            extra_body={"modality": "image"},
            encoding_format="float",
        )
    await served.post("/embeddings_audio", {"input": "https://x.example/cow.flac"})
    image, sound = served.embedder.requests
    assert image.contents == (Content((Part(Modality.IMAGE, Media(uri=IMAGE)),)),)
    assert sound.contents == (Content((Part(Modality.AUDIO, Media(uri="https://x.example/cow.flac")),)),)


async def test_infinity_errors_have_the_status_as_code(served: Front) -> None:
    refused = await served.post("/embeddings", {"input": "one", "model": "other"})
    assert (refused.status, refused.json()["error"]["code"], refused.json()["error"]["type"]) == (404, 404, None)


async def test_jina_sends_documents_and_reads_detail(served: Front) -> None:
    documents = ["plain", {"text": "one"}, {"image": "aGVsbG8="}, {"url": "https://x.example/a.png"}, {"bytes": "aGk="}]
    body = {"model": "omni", "input": documents, "task": "retrieval.query", "truncate": False, "normalized": True}
    answered = await served.post("/v1/embeddings", body)
    (request,) = served.embedder.requests
    assert answered.status == 200
    assert [content.parts[0].body for content in request.contents] == [
        "plain",
        "one",
        Media(data=b"hello"),
        Media(uri="https://x.example/a.png"),
        Media(data=b"hi"),
    ]
    assert (request.options.role, request.options.truncation) == (EmbedRole.QUERY, Truncation.REFUSE)
    refused = await served.post("/v1/embeddings", {"input": [{"image": "no base64!"}]})
    assert "input[0].image" in refused.json()["detail"]


@pytest.mark.parametrize(("kind", "low"), [("binary", -128), ("ubinary", 0)])
async def test_jina_takes_signs(served: Front, kind: str, low: int) -> None:
    answered = await served.post("/v1/embeddings", {"input": ["one"], "embedding_type": kind})
    expected = np.packbits(vector_of(Content.of_text("one")) > 0).astype(int) + low
    assert answered.json()["data"][0]["embedding"] == expected.tolist()


async def test_cohere_embeds_texts_images_and_inputs(served: Front) -> None:
    connections = httpx.Client()
    sdk = cohere.ClientV2("none", base_url=served.url, httpx_client=connections)
    texts = await in_thread(
        sdk.embed,
        texts=["one"],
        model="omni",
        input_type="search_query",
        embedding_types=["float", "int8", "ubinary", "base64"],
    )
    assert texts.embeddings.float_ is not None
    assert np.array_equal(np.float32(texts.embeddings.float_[0]), vector_of(Content.of_text("one")))
    assert texts.embeddings.int8 == [np.rint(vector_of(Content.of_text("one")) * 127).astype(int).tolist()]
    await in_thread(sdk.embed, images=[IMAGE], model="omni", input_type="image", embedding_types=["float"])
    part: Any = {"type": "image_url", "image_url": {"url": IMAGE}}
    inputs: Any = [{"content": [{"type": "text", "text": "one"}, part]}]
    await in_thread(
        sdk.embed,
        inputs=inputs,
        model="omni",
        input_type="search_document",
        embedding_types=["float"],
        output_dimension=8,
    )
    await in_thread(connections.close)
    first, second, third = served.embedder.requests
    assert first.options.role is EmbedRole.QUERY
    assert second.contents[0].parts[0].modality is Modality.IMAGE
    assert [part.modality for part in third.contents[0].parts] == [Modality.TEXT, Modality.IMAGE]
    assert third.options.dimension == 8


async def test_cohere_errors_have_a_message_and_an_id(served: Front) -> None:
    refused = await served.post("/v2/embed", {"model": "omni"}, {"x-request-id": "mine"})
    assert (refused.status, refused.json()["id"]) == (400, "mine")
    assert (await served.post("/v2/chat", {})).json().keys() == {"message", "id"}
