"""Embeds the texts of a call: checks, tokenises and batches them."""

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from sensorium import context
from sensorium.context import Stage
from sensorium.embed.batcher import Batcher, BatchLimits
from sensorium.embed.parts import PartOutcomes, PartVector, Place
from sensorium.embed.served_model import ServedModel, TextTower
from sensorium.embed.text_check import check_characters, check_text, check_tokens
from sensorium.embed.text_encoder import TextEncoder
from sensorium.embed.token_ids import ForeignIds, OwnIds
from sensorium.embed.tokenizer import TextTokenizer, TokenizedText
from sensorium.embed.work import Row
from sensorium.errors import InvalidArgument, Reason, SensoriumError, located
from sensorium.model.content import Modality, Part, TokenIds
from sensorium.model.embedding import EmbedRequest, Truncation
from sensorium.ports import InferenceServer


@dataclass(frozen=True, slots=True)
class _Text:
    """A text as it is tokenised, and whether its end was cut off before."""

    text: str
    cut: bool


class TextEmbedder:
    """A `PartEmbedder` for one text tower. Leaving its block ends what waits.

    Args:
        served: The model.
        tower: Its tower for texts.
        server: Where it runs.
        limits: Of its batches and queues; the tower's own limits apply too.
        max_text_bytes: The largest text, in UTF-8.
        executor: Where longer texts are tokenised.
    """

    def __init__(
        self,
        served: ServedModel,
        tower: TextTower,
        server: InferenceServer,
        *,
        limits: BatchLimits,
        max_text_bytes: int,
        executor: Executor,
    ) -> None:
        self._served = served
        self._tower = tower
        self._max_bytes = max_text_bytes
        self._tokenizer = TextTokenizer(tower.tokenizer, served.info.max_token_count, executor)
        self._own_ids, self._foreign_ids = _id_readers(tower, served.info.max_token_count, executor)
        encoder = TextEncoder(server, tower, served.info.dimension, self._tokenizer.pad_id)
        items = min(limits.batch_items, tower.max_batch_size)
        self._batcher = Batcher(encoder, replace(limits, batch_items=items, lengths=tower.lengths))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._batcher.__aexit__(kind, error, trace)

    async def embed(self, parts: Mapping[Place, Part], request: EmbedRequest, outcomes: PartOutcomes) -> None:
        """Note a vector or an error for each text.

        Raises:
            SensoriumError: The queue refused the call, or its deadline passed.
        """
        with context.timed(Stage.PREPROCESS):
            texts = await self._texts(parts, request, outcomes)
            tokenized = await self._tokenized(texts, request, outcomes)
            tokenized |= self._given(parts, request, outcomes)
        if not tokenized:
            return
        rows = await self._batcher.submit([tokens.ids for tokens in tokenized.values()], request.priority)
        vectors = (
            _vector(row, tokens, cut=place in texts and texts[place].cut)
            for (place, tokens), row in zip(tokenized.items(), rows, strict=True)
        )
        outcomes.settle(tokenized, vectors)

    async def _texts(
        self, parts: Mapping[Place, Part], request: EmbedRequest, outcomes: PartOutcomes
    ) -> dict[Place, _Text]:
        """Return what is to be tokenised; a text that cannot be embedded gets its error."""
        prompt = self._served.prompt(request.options.role, request.options.instruction)
        texts: dict[Place, _Text] = {}
        limit = self._tower.max_characters
        for place, part in parts.items():
            if self._own_ids and isinstance(part.body, TokenIds):
                continue
            try:
                text = await self._text(part)
                check_text(text, self._max_bytes)
                if limit is not None and request.options.truncation is Truncation.REFUSE:
                    check_characters(text, limit)
                texts[place] = _Text(prompt + text[:limit], cut=limit is not None and len(text) > limit)
            except InvalidArgument as error:
                outcomes.refused[place] = located(error, place.field(Modality.TEXT))
        return texts

    async def _text(self, part: Part) -> str:
        """Return the text of a part, whose token ids are read back where another vocabulary made them."""
        if isinstance(part.body, TokenIds) and self._foreign_ids:
            return await self._foreign_ids.read(part.body.ids)
        return str(part.body)

    def _given(
        self, parts: Mapping[Place, Part], request: EmbedRequest, outcomes: PartOutcomes
    ) -> dict[Place, TokenizedText]:
        """Return the tokens of what came as ids of the model's own vocabulary."""
        tokenized: dict[Place, TokenizedText] = {}
        for place, part in parts.items():
            if not (self._own_ids and isinstance(part.body, TokenIds)):
                continue
            try:
                if self._served.prompt(request.options.role, request.options.instruction):
                    raise _no_prompt()
                tokens = self._own_ids.read(part.body.ids)
                self._check_tokens(tokens, request)
                tokenized[place] = tokens
            except InvalidArgument as error:
                outcomes.refused[place] = located(error, place.field(Modality.TEXT))
        return tokenized

    def _check_tokens(self, tokens: TokenizedText, request: EmbedRequest) -> None:
        refuse_long = request.options.truncation is Truncation.REFUSE
        limit = self._served.info.max_token_count if refuse_long else None
        check_tokens(tokens, self._tokenizer.special_count, limit)

    async def _tokenized(
        self, texts: Mapping[Place, _Text], request: EmbedRequest, outcomes: PartOutcomes
    ) -> dict[Place, TokenizedText]:
        """Return the tokens of each text; one that the model cannot read gets its error."""
        tokenized: dict[Place, TokenizedText] = {}
        encoded = await self._tokenizer.encode([each.text for each in texts.values()])
        for place, tokens in zip(texts, encoded, strict=True):
            try:
                self._check_tokens(tokens, request)
                tokenized[place] = tokens
            except InvalidArgument as error:
                outcomes.refused[place] = located(error, place.field(Modality.TEXT))
        return tokenized


def _id_readers(tower: TextTower, max_tokens: int, executor: Executor) -> tuple[OwnIds | None, ForeignIds | None]:
    """Return what reads token ids, one at most: those of the tower's own vocabulary, or of another."""
    if tower.vocabulary is None:
        return None, None
    if tower.vocabulary == tower.tokenizer:
        return OwnIds(tower.tokenizer, max_tokens), None
    return None, ForeignIds(tower.vocabulary, executor)


def _no_prompt() -> InvalidArgument:
    return InvalidArgument(
        "token ids take no prompt: send texts, or no role and no instruction", reason=Reason.OPTION_UNSUPPORTED
    )


def _vector(row: Row | SensoriumError, tokens: TokenizedText, *, cut: bool) -> PartVector | SensoriumError:
    if isinstance(row, SensoriumError):
        return row
    return PartVector(row, truncated=cut or tokens.truncated, token_count=len(tokens.ids))
