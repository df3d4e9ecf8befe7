"""The embed service: finds the model that a call names, and reports what the call used."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from sensorium import context
from sensorium.context import CallContext, Stage
from sensorium.embed.batcher import BatchLimits
from sensorium.embed.decoders import Decoders
from sensorium.embed.embedding_model import EmbeddingModel
from sensorium.embed.media_queue import MediaQueue
from sensorium.embed.media_reader import MediaResources
from sensorium.embed.served_model import ServedModel
from sensorium.errors import InvalidArgument, NotFound, Reason, SensoriumError
from sensorium.media.source import MediaSource
from sensorium.model.content import Content, Modality
from sensorium.model.embedding import (
    Embedding,
    EmbedRequest,
    EmbedResponse,
    ModalityUsage,
    ModelInfo,
    ModelState,
    Timings,
    Usage,
)
from sensorium.ports import InferenceServer
from sensorium.settings import InputSettings

MEDIA_LIMITS = BatchLimits(batch_items=16, unit="images or sounds")


@dataclass(frozen=True, slots=True)
class EmbedLimits:
    """What one call may ask for: contents, and bytes of each text in UTF-8."""

    max_items: int = 2048
    max_text_bytes: int = 1 << 20


class EmbedService:
    """Satisfies `Embedder` with models that run on an inference server. Leaving its block ends what waits.

    Args:
        models: The models, the default first.
        server: Where they run.
        limits: Of one call.
        batch_limits: Of each model's batches and queues.
        media_limits: Of each tower's batches of images or sounds.
        inputs: Where images and sounds may come from, and how many at once.
        tokenizer_threads: For texts that take longer than a moment.
    """

    def __init__(
        self,
        models: Sequence[ServedModel],
        server: InferenceServer,
        *,
        limits: EmbedLimits,
        batch_limits: BatchLimits,
        media_limits: BatchLimits = MEDIA_LIMITS,
        inputs: InputSettings = InputSettings(),  # noqa: B008 - frozen
        tokenizer_threads: int = 2,
    ) -> None:
        self._limits = limits
        self._executor = ThreadPoolExecutor(tokenizer_threads, thread_name_prefix="tokenizer")
        self._decoders = Decoders(inputs.decode_threads)
        self._source = MediaSource(inputs)
        self._default = models[0].info.name
        resources = MediaResources(self._source, self._decoders)
        queue = MediaQueue(inputs.queue_media)
        self._models = {
            served.info.name: EmbeddingModel(
                served,
                server,
                limits=batch_limits,
                media_limits=media_limits,
                max_text_bytes=limits.max_text_bytes,
                executor=self._executor,
                resources=resources,
                queue=queue,
            )
            for served in models
        }
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._exits.callback(self._executor.shutdown, cancel_futures=True)
        self._exits.callback(self._decoders.close)
        await self._exits.enter_async_context(self._source)
        for model in self._models.values():
            await self._exits.enter_async_context(model)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exits.__aexit__(kind, error, trace)

    async def models(self) -> Sequence[ModelInfo]:
        """Return the models that can be called, by name."""
        return [await self.model(name) for name in sorted(self._models)]

    async def model(self, name: str) -> ModelInfo:
        """Return one model as it stands now; an empty name means the default. Raises NotFound."""
        model = self._find(name)
        return replace(model.info, state=ModelState.READY if await model.ready() else ModelState.LOADING)

    async def embed(self, request: EmbedRequest) -> EmbedResponse:
        """Return one embedding or error for each content, in order.

        Raises:
            NotFound: There is no such model.
            InvalidArgument: There are no contents or too many, or the model cannot do what the options ask for.
            ResourceExhausted: The queue is full.
            DeadlineExceeded: The deadline passed, or cannot be met.
            SensoriumError: The model answered for no content.
        """
        check_count(len(request.contents), self._limits.max_items)
        model = self._find(request.model)
        with context.opened(_own_times()) as call:
            results = await model.embed(request)
        _report(call)
        usage = _usage(request.contents, results, model.usage_weights)
        return EmbedResponse(model.info.name, model.info.revision, tuple(results), usage, _timings(call))

    def _find(self, name: str) -> EmbeddingModel:
        try:
            return self._models[name or self._default]
        except KeyError:
            available = ", ".join(sorted(self._models))
            raise NotFound(
                f"there is no model {name!r}; there are: {available}",
                reason=Reason.MODEL_NOT_FOUND,
                field="model",
                metadata={"model": name, "available": available},
            ) from None


def check_count(count: int, limit: int) -> None:
    """Refuse a call of no contents or of more than `limit`. Raises InvalidArgument."""
    if not count:
        raise InvalidArgument("contents: at least one is required", field="contents")
    if count > limit:
        raise InvalidArgument(
            f"contents: {count} are more than {limit}",
            reason=Reason.TOO_MANY_ITEMS,
            field="contents",
            metadata={"limit": str(limit), "actual": str(count)},
        )


def _own_times() -> CallContext:
    """Return a context of the same call whose times start at zero: a call may embed more than once."""
    call = context.current()
    return CallContext(call.request_id, call.deadline) if call else CallContext("")


def _report(call: CallContext) -> None:
    for stage, seconds in call.stages.items():
        context.record(stage, seconds)


def _usage(
    contents: Sequence[Content], results: Sequence[Embedding | SensoriumError], weights: Mapping[Modality, float]
) -> Usage:
    """Return what the contents that were embedded consumed: their parts, counted by modality."""
    tokens, counts = 0, dict.fromkeys((part.modality for content in contents for part in content.parts), 0)
    for content, result in zip(contents, results, strict=True):
        if isinstance(result, Embedding):
            tokens += result.token_count
            for part in content.parts:
                counts[part.modality] += 1
    used = (ModalityUsage(modality, float(count), weights.get(modality, 1.0)) for modality, count in counts.items())
    return Usage(tokens, tuple(used))


def _timings(call: CallContext) -> Timings:
    return Timings(
        queue_ms=call.stages.get(Stage.QUEUE, 0.0) * 1e3,
        preprocess_ms=call.stages.get(Stage.PREPROCESS, 0.0) * 1e3,
        inference_ms=call.stages.get(Stage.INFERENCE, 0.0) * 1e3,
        total_ms=(time.monotonic() - call.started) * 1e3,
    )
