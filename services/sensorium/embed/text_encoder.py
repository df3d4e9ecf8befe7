"""Runs a batch of token ids through a text tower on the inference server."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from sensorium.embed.rows import TRITON_PRIORITY
from sensorium.embed.served_model import TextTower
from sensorium.embed.text_outputs import output_readers
from sensorium.embed.tokenizer import TextTokenizer
from sensorium.embed.work import Outputs
from sensorium.errors import SensoriumError
from sensorium.model.embedding import OutputKind, Priority
from sensorium.ports import InferenceServer, Tensor


@dataclass(frozen=True, slots=True, eq=False)
class TextInput:
    """The token ids of one text, and the kinds of vectors that are wanted of it."""

    ids: Sequence[int]
    kinds: Collection[OutputKind] = (OutputKind.DENSE,)

    def __len__(self) -> int:
        """Return how many tokens it has."""
        return len(self.ids)


class TextEncoder:
    """A `BatchRunner` over one tower whose dense vectors have `dimension` components."""

    def __init__(self, server: InferenceServer, tower: TextTower, dimension: int, tokenizer: TextTokenizer) -> None:
        self._server = server
        self._model = tower.model
        self._pad_id = tokenizer.pad_id
        self._readers = output_readers(tower, dimension, tokenizer)

    async def __call__(
        self, payloads: Sequence[TextInput], length: int, priority: Priority
    ) -> Sequence[Outputs | SensoriumError]:
        """Return, for each text, what is wanted of any, all in one pass; Internal for one that is not finite.

        Raises:
            SensoriumError: The inference server's, for the whole batch.
        """
        texts = [payload.ids for payload in payloads]
        wanted = {kind for payload in payloads for kind in payload.kinds}
        readers = [reader for kind, reader in self._readers.items() if kind in wanted]
        answer = await self._server.infer(
            self._model,
            token_inputs(texts, length, self._pad_id),
            [reader.tensor for reader in readers],
            priority=TRITON_PRIORITY[priority],
        )
        first, *others = [reader.read(answer[reader.tensor], texts, length) for reader in readers]
        return [_joined(made) for made in zip(first, *others, strict=True)] if others else first


def token_inputs(texts: Sequence[Sequence[int]], length: int, pad_id: int) -> dict[str, Tensor]:
    """Return input_ids and attention_mask, int64 [batch, length]."""
    ids = np.full((len(texts), length), pad_id, np.int64)
    mask = np.zeros((len(texts), length), np.int64)
    for row, text in enumerate(texts):
        size = len(text)
        ids[row, :size] = text
        mask[row, :size] = 1
    return {"input_ids": ids, "attention_mask": mask}


def _joined(made: Sequence[Outputs | SensoriumError]) -> Outputs | SensoriumError:
    """Return what several readers read of one text together, or the first fault."""
    whole = Outputs()
    for each in made:
        if isinstance(each, SensoriumError):
            return each
        whole = whole.joined(each)
    return whole
