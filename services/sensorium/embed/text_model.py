"""One text model at work: its tokenizer, its batcher, and how its rows become embeddings."""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from types import TracebackType
from typing import Self

import numpy as np

from sensorium import context
from sensorium.context import Stage
from sensorium.embed.batcher import Batcher, BatchLimits
from sensorium.embed.options import check_options
from sensorium.embed.served_model import ServedModel
from sensorium.embed.text_content import TextContents
from sensorium.embed.text_encoder import TextEncoder
from sensorium.embed.tokenizer import TextTokenizer, TokenizedText
from sensorium.embed.work import Row
from sensorium.errors import InvalidArgument, SensoriumError
from sensorium.model.embedding import Embedding, EmbedOptions, EmbedRequest, ModelInfo, Truncation
from sensorium.model.vector import Vector
from sensorium.ports import InferenceServer

Outcome = Embedding | SensoriumError


class TextModel:
    """Embeds contents of one text each.

    Args:
        served: The model.
        server: Where it runs.
        limits: Of its batches and queues; the tower's own limits apply too.
        max_text_bytes: The largest text, in UTF-8.
        executor: Where longer texts are tokenised.
    """

    def __init__(
        self,
        served: ServedModel,
        server: InferenceServer,
        *,
        limits: BatchLimits,
        max_text_bytes: int,
        executor: Executor,
    ) -> None:
        self._served = served
        self._server = server
        self._tokenizer = TextTokenizer(served.tower.tokenizer, served.info.max_token_count, executor)
        self._contents = TextContents(served.info, max_text_bytes, self._tokenizer.special_count)
        encoder = TextEncoder(server, served.tower, served.info.dimension, self._tokenizer.pad_id)
        self._batcher = Batcher(encoder, _narrowed(limits, served))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._batcher.__aexit__(kind, error, trace)

    @property
    def info(self) -> ModelInfo:
        """What clients see of it; its state is not kept up to date."""
        return self._served.info

    async def ready(self) -> bool:
        """Return whether its canary inference has passed."""
        return await self._server.ready(self._served.tower.model)

    async def embed(self, request: EmbedRequest) -> Sequence[Outcome]:
        """Return an embedding or an error for each content, in order.

        Raises:
            InvalidArgument: The model cannot do what the options ask for.
            SensoriumError: The queue refused the call, its deadline passed, or the model answered for no content.
        """
        check_options(request.options, self.info)
        outcomes: dict[int, Outcome] = {}
        with context.timed(Stage.PREPROCESS):
            texts = self._texts(request, outcomes)
            tokenized = await self._tokenized(texts, request.options, outcomes)
        if tokenized:
            outcomes |= await self._vectors(tokenized, request)
        return [outcomes[index] for index in range(len(request.contents))]

    def _texts(self, request: EmbedRequest, outcomes: dict[int, Outcome]) -> dict[int, str]:
        """Return the text of each content by index; what has none gets its error in `outcomes`."""
        prompt = self._served.prompts.get(request.options.role, "") if request.options.role else ""
        texts: dict[int, str] = {}
        for index, content in enumerate(request.contents):
            try:
                texts[index] = prompt + self._contents.text_of(content, f"contents[{index}]")
            except InvalidArgument as error:
                outcomes[index] = error
        return texts

    async def _tokenized(
        self, texts: dict[int, str], options: EmbedOptions, outcomes: dict[int, Outcome]
    ) -> dict[int, TokenizedText]:
        """Return the tokens of each text by index; what the model cannot read gets its error in `outcomes`."""
        tokenized: dict[int, TokenizedText] = {}
        refuse_long = options.truncation is Truncation.REFUSE
        for index, text in zip(texts, await self._tokenizer.encode(list(texts.values())), strict=True):
            try:
                self._contents.check_tokens(text, f"contents[{index}]", refuse_long=refuse_long)
                tokenized[index] = text
            except InvalidArgument as error:
                outcomes[index] = error
        return tokenized

    async def _vectors(self, tokenized: dict[int, TokenizedText], request: EmbedRequest) -> dict[int, Outcome]:
        """Return an embedding or the model's error for each text by index."""
        rows = await self._batcher.submit([text.ids for text in tokenized.values()], request.priority)
        if all(isinstance(row, SensoriumError) for row in rows):
            raise _first_error(rows)
        return {
            index: row if isinstance(row, SensoriumError) else _embedding(row, text, request.options)
            for (index, text), row in zip(tokenized.items(), rows, strict=True)
        }


def _narrowed(limits: BatchLimits, served: ServedModel) -> BatchLimits:
    items = min(limits.batch_items, served.tower.max_batch_size)
    return replace(limits, batch_items=items, lengths=served.tower.lengths)


def _first_error(rows: Sequence[Row | SensoriumError]) -> SensoriumError:
    return next(row for row in rows if isinstance(row, SensoriumError))


def _embedding(row: Row, text: TokenizedText, options: EmbedOptions) -> Embedding:
    dimension = options.dimension or len(row)
    vector = row if dimension == len(row) else _cut(row, dimension)
    return Embedding(
        dense=Vector.from_numpy(vector, options.dtype), truncated=text.truncated, token_count=len(text.ids)
    )


def _cut(row: Row, dimension: int) -> Row:
    """Return the first components, of length 1 again (Matryoshka: https://arxiv.org/abs/2205.13147)."""
    head = row[:dimension]
    length = np.float32(np.linalg.norm(head))
    return head / length if length else head
