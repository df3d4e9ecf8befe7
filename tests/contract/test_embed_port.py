"""Embedding gives the same results and the same errors in this process and over gRPC."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from embed_server import WAYS, reached

from sensorium import context
from sensorium.context import CallContext, Stage
from sensorium.embed.batcher import BatchLimits
from sensorium.embed.served_model import ServedModel, TextTower
from sensorium.embed.service import EmbedLimits, EmbedService
from sensorium.errors import (
    DeadlineExceeded,
    InvalidArgument,
    NotFound,
    Reason,
    ResourceExhausted,
    SensoriumError,
    Unavailable,
)
from sensorium.model.content import Content, Media, Modality, Part
from sensorium.model.embedding import (
    Calibration,
    Embedding,
    EmbedOptions,
    EmbedRequest,
    EmbedRole,
    Fusion,
    ModelInfo,
    ModelState,
    OutputKind,
    Truncation,
)
from sensorium.model.vector import DType
from sensorium.ports import Embedder, Tensor

TOKENIZER = Path(__file__).resolve().parents[2] / "model_repository" / "all-minilm-l6-v2" / "tokenizer.json"
DIMENSION, MAX_TOKENS, MAX_ITEMS, MAX_BYTES, QUEUE_TOKENS = 16, 32, 8, 2000, 64


class InferenceInMemory:
    """Vectors that depend on the token ids of each text alone; `error` is raised instead, once set."""

    def __init__(self) -> None:
        self.error: SensoriumError | None = None
        self.calls = 0
        self.is_ready = True

    async def infer(
        self, model: str, inputs: Mapping[str, Tensor], outputs: Sequence[str], *, priority: int = 0
    ) -> dict[str, Tensor]:
        self.calls += 1
        if self.error:
            raise self.error
        rows = zip(inputs["input_ids"], inputs["attention_mask"], strict=True)
        return {outputs[0]: np.stack([self.vector(ids[mask == 1]) for ids, mask in rows])}

    async def ready(self, model: str) -> bool:
        return self.is_ready

    def vector(self, ids: Sequence[int]) -> np.ndarray:
        values = np.random.default_rng([*map(int, ids)]).normal(size=DIMENSION).astype(np.float32)
        # "nan" is token 16660: a text whose vector is not finite.
        return values * np.nan if 16660 in ids else values / np.linalg.norm(values)


INFO = ModelInfo(
    "tiny",
    "r1",
    "A fake.",
    DIMENSION,
    MAX_TOKENS,
    "Apache-2.0",
    dimensions=(8,),
    calibrations=(Calibration(28.5, -8.75), Calibration(37.0, -6.0, Modality.IMAGE, 0.25, {"school bus": -4.5})),
)


@pytest.fixture
def inference() -> InferenceInMemory:
    return InferenceInMemory()


@pytest.fixture
async def service(inference: InferenceInMemory) -> AsyncIterator[EmbedService]:
    models = [ServedModel(INFO, TextTower("tower", "vector", TOKENIZER))]
    limits = EmbedLimits(MAX_ITEMS, MAX_BYTES)
    async with EmbedService(
        models, inference, limits=limits, batch_limits=BatchLimits(queue_tokens=QUEUE_TOKENS), tokenizer_threads=1
    ) as service:
        yield service


@pytest.fixture(params=WAYS)
async def embedder(request: pytest.FixtureRequest, service: EmbedService) -> AsyncIterator[Embedder]:
    async with reached(service, request.param, MAX_ITEMS) as embedder:
        yield embedder


def texts(*contents: str, **options: object) -> EmbedRequest:
    return EmbedRequest(tuple(map(Content.of_text, contents)), options=EmbedOptions(**options))


async def test_texts_become_vectors_in_order(embedder: Embedder) -> None:
    response = await embedder.embed(texts("hello world", "goodbye", "hello world"))
    first, second, third = (result.dense.to_numpy() for result in response.results)
    assert np.array_equal(first, third)
    assert not np.array_equal(first, second)
    assert (response.model, response.model_revision) == ("tiny", "r1")
    assert [result.token_count for result in response.results] == [4, 3, 4]
    assert response.usage.token_count == 11
    assert response.usage.total == 3


async def test_stages_are_timed_in_the_answer_and_on_the_call(embedder: Embedder) -> None:
    with context.opened(CallContext()) as call:
        timings = (await embedder.embed(texts("hello"))).timings
    assert timings.total_ms > 0
    assert {Stage.QUEUE, Stage.PREPROCESS, Stage.INFERENCE} <= set(call.stages)
    assert call.stages[Stage.INFERENCE] == pytest.approx(timings.inference_ms / 1e3)


@pytest.mark.parametrize(("dtype", "tolerance"), [(DType.FLOAT32, 0), (DType.FLOAT16, 1e-3), (DType.INT8, 5e-3)])
async def test_components_come_in_the_dtype_asked_for(embedder: Embedder, dtype: DType, tolerance: float) -> None:
    exact = (await embedder.embed(texts("hello"))).results[0].dense.to_numpy()
    vector = (await embedder.embed(texts("hello", dtype=dtype))).results[0].dense
    assert (vector.dtype, vector.dimension) == (dtype, DIMENSION)
    assert np.abs(vector.to_numpy() - exact).max() <= tolerance


async def test_binary_vectors_hold_the_signs(embedder: Embedder) -> None:
    exact = (await embedder.embed(texts("hello"))).results[0].dense.to_numpy()
    vector = (await embedder.embed(texts("hello", dtype=DType.BINARY))).results[0].dense
    assert len(vector.data) == DIMENSION // 8
    assert np.array_equal(vector.to_numpy() > 0, exact > 0)


async def test_a_trained_dimension_is_cut_and_normalised_again(embedder: Embedder) -> None:
    exact = (await embedder.embed(texts("hello"))).results[0].dense.to_numpy()
    cut = (await embedder.embed(texts("hello", dimension=8))).results[0].dense.to_numpy()
    assert np.allclose(cut, exact[:8] / np.linalg.norm(exact[:8]), atol=1e-6)


async def test_a_long_text_is_cut_and_it_is_told(embedder: Embedder) -> None:
    long, short = (await embedder.embed(texts("word " * 100, "word"))).results
    assert (long.truncated, long.token_count) == (True, MAX_TOKENS)
    assert (short.truncated, short.token_count) == (False, 3)


async def test_a_role_is_taken_by_a_model_that_knows_none(embedder: Embedder) -> None:
    plain = await embedder.embed(texts("hello"))
    query = await embedder.embed(texts("hello", role=EmbedRole.QUERY))
    assert query.results == plain.results


def part(*parts: Part) -> Content:
    return Content(parts)


BAD_ITEMS = [
    (Content(()), Reason.CONTENT_EMPTY, "contents[1]", {}),
    (Content.of_text(""), Reason.CONTENT_EMPTY, "contents[1].parts[0].text", {}),
    (Content.of_text(" \t\n"), Reason.CONTENT_EMPTY, "contents[1].parts[0].text", {}),
    (Content.of_text("\u200b\x00"), Reason.CONTENT_EMPTY, "contents[1].parts[0].text", {}),
    (
        Content.of_text("é" * MAX_BYTES),
        Reason.CONTENT_TOO_LONG,
        "contents[1].parts[0].text",
        {"limit": "2000", "actual": "4000", "unit": "bytes"},
    ),
    (
        part(Part(Modality.IMAGE, Media(data=b"\xff\xd8"))),
        Reason.MODALITY_UNSUPPORTED,
        "contents[1].parts[0]",
        {"modality": "image", "supported": "text"},
    ),
    (
        part(Part(Modality.TEXT, "a"), Part(Modality.TEXT, "b")),
        Reason.OPTION_UNSUPPORTED,
        "contents[1]",
        {"option": "parts", "supported": "1"},
    ),
    (part(Part(Modality.TEXT, "a", -1.0)), Reason.FIELD_INVALID, "contents[1].parts[0].weight", {}),
    (part(Part(Modality.TEXT, "a", float("nan"))), Reason.FIELD_INVALID, "contents[1].parts[0].weight", {}),
    (part(Part(Modality.TEXT, "a", float("inf"))), Reason.FIELD_INVALID, "contents[1].parts[0].weight", {}),
]


@pytest.mark.parametrize(("bad", "reason", "field", "metadata"), BAD_ITEMS)
async def test_one_bad_item_fails_alone(
    embedder: Embedder, bad: Content, reason: Reason, field: str, metadata: dict[str, str]
) -> None:
    good = Content.of_text("good")
    first, error, last = (await embedder.embed(EmbedRequest((good, bad, good)))).results
    assert first == last
    assert isinstance(first, Embedding)
    assert isinstance(error, InvalidArgument)
    assert (error.reason, error.field) == (reason, field)
    assert error.metadata.items() >= metadata.items()
    assert error.message.startswith(field)


async def test_a_text_that_may_not_be_cut_is_refused_alone(embedder: Embedder) -> None:
    error, good = (await embedder.embed(texts("word " * 100, "word", truncation=Truncation.REFUSE))).results
    assert (error.reason, error.field) == (Reason.CONTENT_TOO_LONG, "contents[0].parts[0].text")
    assert error.metadata.items() >= {"limit": "32", "actual": "102", "unit": "tokens"}.items()
    assert isinstance(good, Embedding)


async def test_a_vector_that_is_not_finite_is_never_sent(embedder: Embedder) -> None:
    good, bad = (await embedder.embed(texts("fine", "nan"))).results
    assert isinstance(good, Embedding)
    assert bad.reason is Reason.INTERNAL


async def test_a_call_of_bad_items_alone_is_answered_without_the_model(
    embedder: Embedder, inference: InferenceInMemory
) -> None:
    response = await embedder.embed(texts("", " "))
    assert [error.reason for error in response.results] == [Reason.CONTENT_EMPTY] * 2
    assert (inference.calls, response.usage.token_count) == (0, 0)


BAD_CALLS = [
    (EmbedRequest(()), InvalidArgument, Reason.FIELD_INVALID, "contents", {}),
    (
        EmbedRequest((Content.of_text("a"),) * 9),
        InvalidArgument,
        Reason.TOO_MANY_ITEMS,
        "contents",
        {"limit": "8", "actual": "9"},
    ),
    (
        EmbedRequest((Content.of_text("a"),) * 100_000),
        InvalidArgument,
        Reason.TOO_MANY_ITEMS,
        "contents",
        {"actual": "100000"},
    ),
    (
        EmbedRequest((Content.of_text("a"),), "nope"),
        NotFound,
        Reason.MODEL_NOT_FOUND,
        "model",
        {"model": "nope", "available": "tiny"},
    ),
    (
        texts("a", instruction="find"),
        InvalidArgument,
        Reason.OPTION_UNSUPPORTED,
        "options.instruction",
        {"option": "instruction", "supported": ""},
    ),
    (texts("a", instruction="x" * 2049), InvalidArgument, Reason.FIELD_INVALID, "options.instruction", {}),
    (
        texts("a", outputs=(OutputKind.DENSE, OutputKind.SPARSE)),
        InvalidArgument,
        Reason.OPTION_UNSUPPORTED,
        "options.outputs",
        {"option": "outputs", "supported": "dense"},
    ),
    (
        texts("a", dimension=7),
        InvalidArgument,
        Reason.OPTION_UNSUPPORTED,
        "options.dimension",
        {"option": "dimension", "supported": "8, 16"},
    ),
    (texts("a", dimension=-1), InvalidArgument, Reason.FIELD_INVALID, "options.dimension", {}),
    (
        texts("a", fusion=Fusion.JOINT),
        InvalidArgument,
        Reason.OPTION_UNSUPPORTED,
        "options.fusion",
        {"option": "fusion", "supported": ""},
    ),
]


@pytest.mark.parametrize(("call", "expected"), [(call, expected) for call, *expected in BAD_CALLS])
async def test_a_wrong_call_is_refused_as_a_whole(
    embedder: Embedder, inference: InferenceInMemory, call: EmbedRequest, expected: list[object]
) -> None:
    kind, reason, field, metadata = expected
    with pytest.raises(kind) as caught:
        await embedder.embed(call)
    assert (caught.value.reason, caught.value.field) == (reason, field)
    assert caught.value.metadata.items() >= metadata.items()
    assert inference.calls == 0


async def test_an_expired_deadline_runs_nothing(embedder: Embedder, inference: InferenceInMemory) -> None:
    with context.opened(CallContext(deadline=time.monotonic() - 1)), pytest.raises(DeadlineExceeded) as caught:
        await embedder.embed(texts("hello"))
    assert caught.value.reason is Reason.DEADLINE_EXCEEDED
    assert inference.calls == 0


async def test_the_servers_error_is_the_calls_error_when_no_item_has_a_vector(
    embedder: Embedder, inference: InferenceInMemory
) -> None:
    inference.error = Unavailable("loading", reason=Reason.MODEL_NOT_READY, metadata={"model": "tower"})
    with pytest.raises(Unavailable) as caught:
        await embedder.embed(texts("hello", ""))
    assert caught.value.reason is Reason.MODEL_NOT_READY


async def test_a_full_server_says_when_to_come_back(embedder: Embedder, inference: InferenceInMemory) -> None:
    inference.error = ResourceExhausted("full", retry_after=0.25)
    with pytest.raises(ResourceExhausted) as caught:
        await embedder.embed(texts("hello"))
    assert (caught.value.reason, caught.value.retry_after) == (Reason.QUEUE_FULL, 0.25)


async def test_models_are_listed_with_their_state(embedder: Embedder, inference: InferenceInMemory) -> None:
    (info,) = await embedder.models()
    assert (info.name, info.dimension, info.dimensions, info.state) == ("tiny", 16, (8,), ModelState.READY)
    inference.is_ready = False
    assert (await embedder.model("tiny")).state is ModelState.LOADING


async def test_an_empty_name_means_the_default_model(embedder: Embedder) -> None:
    assert (await embedder.model("")).name == "tiny"


async def test_an_unknown_model_is_not_found(embedder: Embedder) -> None:
    with pytest.raises(NotFound) as caught:
        await embedder.model("nope")
    assert caught.value.reason is Reason.MODEL_NOT_FOUND
