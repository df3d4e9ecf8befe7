"""Reads the texts of a call: checks and tokenises them."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from sensorium import context
from sensorium.context import Stage
from sensorium.embed.parts import PartOutcomes, Place
from sensorium.embed.served_model import ServedModel, TextTower
from sensorium.embed.text_check import check_characters, check_text, check_tokens
from sensorium.embed.token_ids import ForeignIds, OwnIds
from sensorium.embed.tokenizer import TextTokenizer, TokenizedText
from sensorium.errors import InvalidArgument, Reason, located
from sensorium.model.content import Modality, Part, TokenIds
from sensorium.model.embedding import EmbedRequest, Truncation


@dataclass(frozen=True, slots=True)
class _Text:
    """A text as it is tokenised, and whether its end was cut off before."""

    text: str
    cut: bool


@dataclass(frozen=True, slots=True)
class ReadText:
    """The token ids that the model sees of a text, and whether the text was cut."""

    ids: Sequence[int]
    truncated: bool


class TextReader:
    """Turns the texts of a call into what a text tower reads.

    Args:
        served: The model.
        tower: Its tower for texts.
        max_text_bytes: The largest text, in UTF-8.
        executor: Where longer texts are tokenised.
    """

    def __init__(self, served: ServedModel, tower: TextTower, *, max_text_bytes: int, executor: Executor) -> None:
        self._served = served
        self._max_characters = tower.max_characters
        self._max_bytes = max_text_bytes
        self.tokenizer = TextTokenizer(tower.tokenizer, served.info.max_token_count, executor)
        self._own_ids, self._foreign_ids = _id_readers(tower, served.info.max_token_count, executor)

    async def read(
        self, parts: Mapping[Place, Part], request: EmbedRequest, outcomes: PartOutcomes
    ) -> dict[Place, ReadText]:
        """Return the tokens of each text; one that the model cannot read gets its error."""
        with context.timed(Stage.PREPROCESS):
            texts = await self._texts(parts, request, outcomes)
            read = await self._tokenized(texts, request, outcomes)
            return read | self._given(parts, request, outcomes)

    async def _texts(
        self, parts: Mapping[Place, Part], request: EmbedRequest, outcomes: PartOutcomes
    ) -> dict[Place, _Text]:
        """Return what is to be tokenised; a text that cannot be embedded gets its error."""
        prompt = self._served.prompt(request.options.role, request.options.instruction)
        texts: dict[Place, _Text] = {}
        limit = self._max_characters
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
    ) -> dict[Place, ReadText]:
        """Return the tokens of what came as ids of the model's own vocabulary."""
        read: dict[Place, ReadText] = {}
        for place, part in parts.items():
            if not (self._own_ids and isinstance(part.body, TokenIds)):
                continue
            try:
                if self._served.prompt(request.options.role, request.options.instruction):
                    raise _no_prompt()
                tokens = self._own_ids.read(part.body.ids)
                self._check_tokens(tokens, request)
                read[place] = ReadText(tokens.ids, tokens.truncated)
            except InvalidArgument as error:
                outcomes.refused[place] = located(error, place.field(Modality.TEXT))
        return read

    async def _tokenized(
        self, texts: Mapping[Place, _Text], request: EmbedRequest, outcomes: PartOutcomes
    ) -> dict[Place, ReadText]:
        """Return the tokens of each text; one that the model cannot read gets its error."""
        read: dict[Place, ReadText] = {}
        encoded = await self.tokenizer.encode([each.text for each in texts.values()])
        for (place, text), tokens in zip(texts.items(), encoded, strict=True):
            try:
                self._check_tokens(tokens, request)
                read[place] = ReadText(tokens.ids, text.cut or tokens.truncated)
            except InvalidArgument as error:
                outcomes.refused[place] = located(error, place.field(Modality.TEXT))
        return read

    def _check_tokens(self, tokens: TokenizedText, request: EmbedRequest) -> None:
        refuse_long = request.options.truncation is Truncation.REFUSE
        limit = self._served.info.max_token_count if refuse_long else None
        check_tokens(tokens, self.tokenizer.special_count, limit)


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
