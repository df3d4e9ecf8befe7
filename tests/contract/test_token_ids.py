"""Token ids stand for texts where the model names their vocabulary, in this process, over gRPC and over HTTP."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest
import tiktoken
import tiktoken.registry
from http_front import Front, front, in_thread
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory_mesh import MemoryMesh
from served_mesh import served
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from sensorium.embed.batcher import BatchLimits
from sensorium.embed.client import REPEATABLE, EmbedClient
from sensorium.embed.served_model import ServedModel, TextTower
from sensorium.embed.service import EmbedLimits, EmbedService
from sensorium.embed.token_ids import ForeignIds, OwnIds
from sensorium.errors import InvalidArgument, Reason, SensoriumError
from sensorium.model.content import Content, Modality, Part, TokenIds
from sensorium.model.embedding import (
    Embedding,
    EmbedOptions,
    EmbedRequest,
    EmbedRole,
    ModelInfo,
    ModelState,
    Truncation,
)
from sensorium.ports import Embedder, Tensor
from sensorium.rpc.channel import open_channel

TOKENIZER = Path(__file__).resolve().parents[2] / "model_repository" / "all-minilm-l6-v2" / "tokenizer.json"
CLS, SEP, HELLO, WORLD = 101, 102, 7592, 2088
INFO = ModelInfo("own", "r1", "A fake.", 16, 8, "Apache-2.0", state=ModelState.READY, vocabulary="bert-base-uncased")


class InferenceInMemory:
    """Vectors that depend on the token ids of each text alone."""

    async def infer(
        self, model: str, inputs: Mapping[str, Tensor], outputs: Sequence[str], *, priority: int = 0
    ) -> dict[str, Tensor]:
        rows = zip(inputs["input_ids"], inputs["attention_mask"], strict=True)
        drawn = [np.random.default_rng([*map(int, ids[mask == 1])]).normal(size=16) for ids, mask in rows]
        return {outputs[0]: np.stack([each / np.linalg.norm(each) for each in drawn]).astype(np.float32)}

    async def ready(self, model: str) -> bool:
        return True


@pytest.fixture(scope="module")
def byte_vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vocabulary that loses nothing: one token for each byte, by number."""
    alphabet = {character: byte for byte, character in _byte_characters().items()}
    tokenizer = Tokenizer(models.BPE(vocab=alphabet, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    path = tmp_path_factory.mktemp("vocabulary") / "bytes.json"
    tokenizer.save(str(path))
    return path


def _byte_characters() -> dict[int, str]:
    """Return the character by which byte-level vocabularies write each byte (GPT-2's table)."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return {byte: chr(byte) for byte in shown} | {byte: chr(256 + place) for place, byte in enumerate(hidden)}


@asynccontextmanager
async def embedding(vocabulary: Path | None = TOKENIZER, prompt: str = "") -> AsyncIterator[EmbedService]:
    info = INFO if vocabulary else replace(INFO, vocabulary="")
    tower = TextTower("tower", "vector", TOKENIZER, vocabulary=vocabulary)
    model = ServedModel(info, tower, prompts={EmbedRole.QUERY: prompt})
    async with EmbedService(
        [model], InferenceInMemory(), limits=EmbedLimits(64, 2000), batch_limits=BatchLimits(), tokenizer_threads=1
    ) as service:
        yield service


@asynccontextmanager
async def reached(service: Embedder, *, remote: bool) -> AsyncIterator[Embedder]:
    if not remote:
        yield service
        return
    async with (
        served(service, MemoryMesh().searcher) as address,
        open_channel(address, repeatable=REPEATABLE) as channel,
    ):
        yield EmbedClient(channel)


@pytest.fixture(params=["local", "remote"])
async def embedder(request: pytest.FixtureRequest) -> AsyncIterator[Embedder]:
    async with embedding() as service, reached(service, remote=request.param == "remote") as port:
        yield port


def tokens(*ids: int) -> Content:
    return Content((Part(Modality.TEXT, TokenIds(ids)),))


async def outcomes(embedder: Embedder, *contents: Content, **options: Any) -> Sequence[Embedding | SensoriumError]:
    return (await embedder.embed(EmbedRequest(contents, options=EmbedOptions(**options)))).results


async def test_ids_give_the_vector_of_their_text_with_special_tokens_or_without(embedder: Embedder) -> None:
    text, bare, framed = await outcomes(
        embedder, Content.of_text("hello world"), tokens(HELLO, WORLD), tokens(CLS, HELLO, WORLD, SEP)
    )
    assert text == bare == framed
    assert isinstance(text, Embedding)
    assert text.token_count == 4


async def test_too_many_ids_are_cut_as_a_text_is_and_it_is_told(embedder: Embedder) -> None:
    text, ids = await outcomes(embedder, Content.of_text("hello " * 20), tokens(*[HELLO] * 20))
    assert text == ids
    assert isinstance(ids, Embedding)
    assert ids.truncated
    (refused,) = await outcomes(embedder, tokens(*[HELLO] * 20), truncation=Truncation.REFUSE)
    assert isinstance(refused, InvalidArgument)
    assert (refused.reason, refused.metadata["limit"]) == (Reason.CONTENT_TOO_LONG, "8")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (tokens(), Reason.CONTENT_EMPTY),
        (tokens(CLS, SEP), Reason.CONTENT_EMPTY),
        (tokens(HELLO, 99_999), Reason.FIELD_INVALID),
    ],
)
async def test_ids_that_are_no_text_fail_alone(embedder: Embedder, content: Content, reason: Reason) -> None:
    refused, good = await outcomes(embedder, content, tokens(HELLO))
    assert isinstance(refused, InvalidArgument)
    assert (refused.reason, refused.field) == (reason, "contents[0].parts[0].text")
    assert isinstance(good, Embedding)


async def test_ids_take_no_prompt() -> None:
    async with embedding(prompt="query: ") as service:
        refused, text = await outcomes(service, tokens(HELLO), Content.of_text("hello"), role=EmbedRole.QUERY)
    assert isinstance(refused, InvalidArgument)
    assert refused.reason is Reason.OPTION_UNSUPPORTED
    assert isinstance(text, Embedding)


@pytest.mark.parametrize("remote", [False, True])
async def test_a_model_that_names_no_vocabulary_takes_texts_alone(remote: bool) -> None:
    async with embedding(None) as service, reached(service, remote=remote) as port:
        refused, text = await outcomes(port, tokens(HELLO), Content.of_text("hello"))
        assert (await port.model("")).vocabulary == ""
    assert isinstance(refused, InvalidArgument)
    assert (refused.reason, refused.field) == (Reason.OPTION_UNSUPPORTED, "contents[0].parts[0]")
    assert isinstance(text, Embedding)


async def test_ids_of_another_vocabulary_are_read_back_as_text(byte_vocabulary: Path) -> None:
    async with embedding(byte_vocabulary, prompt="query: ") as service:
        for role in (None, EmbedRole.QUERY):
            text, ids = await outcomes(service, Content.of_text("Hé 中!"), tokens(*"Hé 中!".encode()), role=role)
            assert text == ids
        blank, unknown = await outcomes(service, tokens(*b"  "), tokens(256))
    assert isinstance(blank, InvalidArgument)
    assert blank.reason is Reason.CONTENT_EMPTY
    assert isinstance(unknown, InvalidArgument)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=2000))
async def test_a_vocabulary_of_bytes_gives_back_every_text(byte_vocabulary: Path, text: str) -> None:
    if not text:
        return
    with ThreadPoolExecutor(1) as executor:
        assert await ForeignIds(byte_vocabulary, executor).read([*text.encode()]) == text


@pytest.fixture(scope="module")
def own() -> OwnIds:
    return OwnIds(TOKENIZER, 8)


@settings(max_examples=200, deadline=None)
@given(ids=st.lists(st.integers(0, 40_000) | st.sampled_from([CLS, SEP]), max_size=20))
def test_any_ids_are_read_within_the_limit_or_refused(own: OwnIds, ids: list[int]) -> None:
    try:
        read = own.read(ids)
    except InvalidArgument:
        assert not ids or max(ids) >= 30_522
        return
    assert (read.ids[0], read.ids[-1]) == (CLS, SEP)
    assert len(read.ids) == min(read.whole_count, 8)


@pytest.fixture
async def http() -> AsyncIterator[Front]:
    async with embedding() as service, front(service) as running:
        yield running


@pytest.fixture
def sdk(http: Front) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{http.url}/v1", api_key="none", max_retries=0) as client:
        yield client


async def test_openai_sends_one_text_or_several_as_ids(sdk: openai.OpenAI) -> None:
    texts = await in_thread(sdk.embeddings.create, model="own", input=["hello world", "hello"])
    several = await in_thread(sdk.embeddings.create, model="own", input=[[HELLO, WORLD], [CLS, HELLO, SEP]])
    one = await in_thread(sdk.embeddings.create, model="own", input=[HELLO, WORLD])
    assert [each.embedding for each in several.data] == [each.embedding for each in texts.data]
    assert one.data[0].embedding == texts.data[0].embedding
    assert (one.usage.prompt_tokens, len(one.data)) == (4, 1)


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ([HELLO, -1], "input[0]"),
        ([[HELLO], [1 << 32]], "input[1]"),
        ([[HELLO], []], "input[1].parts[0].text"),
        ([HELLO, "world"], "input[0]"),
        ([[HELLO], "world", 5], "input[2]"),
        ([[HELLO, "world"]], "input[0]"),
        ([[[HELLO]]], "input[0]"),
        ([99_999], "input[0].parts[0].text"),
        ([1 << 70], "input[0]"),
        ([0.5], "input[0]"),
        ([True], "input[0]"),
    ],
)
async def test_what_are_no_ids_is_refused_by_place(http: Front, given: Any, place: str) -> None:
    answered = await http.post("/v1/embeddings", {"input": given})
    assert answered.status == 400
    assert str(answered.json()["error"]["param"]).startswith(place)


async def test_ids_are_refused_for_images(http: Front) -> None:
    answered = await http.post("/v1/embeddings", {"input": [[HELLO]], "modality": "image"})
    assert (answered.status, answered.json()["error"]["param"]) == (400, "input[0]")


NESTED = st.recursive(
    st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5) | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=10,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given=st.lists(NESTED, max_size=5))
async def test_no_nest_of_numbers_fails_on_our_side(http: Front, given: Any) -> None:
    assert (await http.post("/v1/embeddings", {"input": given})).status in {200, 400}


@pytest.mark.parametrize("tokens_given", [[1, 2, 3], [[1, 2], [3]]])
async def test_a_model_of_texts_says_what_to_do_instead(tokens_given: Any) -> None:
    async with embedding(None) as service, front(service) as running:
        answered = await running.post("/v1/embeddings", {"input": tokens_given})
    assert answered.status == 400
    assert answered.json()["error"]["param"] == "input[0].parts[0]"
    assert "check_embedding_ctx_length" in answered.json()["error"]["message"]


async def test_langchain_works_as_it_is_where_the_model_names_its_vocabulary(
    byte_vocabulary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from langchain_openai import OpenAIEmbeddings

    ranks = {bytes([byte]): byte for byte in range(256)}
    theirs = tiktoken.Encoding("cl100k_base", pat_str=r"[\s\S]", mergeable_ranks=ranks, special_tokens={})
    monkeypatch.setitem(tiktoken.registry.ENCODINGS, "cl100k_base", theirs)
    async with embedding(byte_vocabulary) as service, front(service) as running:
        with openai.DefaultHttpxClient() as connections:
            chain = OpenAIEmbeddings(base_url=f"{running.url}/v1", api_key="none", model="own", http_client=connections)
            vectors = await in_thread(chain.embed_documents, ["hello world", "größe"])
        results = await outcomes(service, Content.of_text("hello world"), Content.of_text("größe"))
    for vector, result in zip(vectors, results, strict=True):
        assert isinstance(result, Embedding)
        assert result.dense
        assert np.allclose(vector, result.dense.to_numpy(), atol=1e-6)
