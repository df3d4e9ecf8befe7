"""The vectors of a definition's tags, embedded once for each version and model revision."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple
from weakref import WeakValueDictionary

import numpy as np

from sensorium.errors import InvalidArgument, SensoriumError
from sensorium.model.content import Content
from sensorium.model.embedding import Embedding, EmbedOptions, EmbedRequest, EmbedRole, ModelInfo, Priority
from sensorium.model.tagging import TagDefinitionSpec, TagSpec
from sensorium.ports import Embedder
from sensorium.tag.embedding import Matrix, direction, embed_all, unit


class _Key(NamedTuple):
    definition: str
    model: str
    revision: str


class TagVectors:
    """A bounded cache of tag vectors; the definitions that were used longest ago leave first.

    Args:
        embedder: Embeds names and descriptions.
        batch_size: The most texts of one call to it.
        max_bytes: The most bytes of vectors that are kept.
    """

    def __init__(self, embedder: Embedder, *, batch_size: int, max_bytes: int) -> None:
        self._embedder = embedder
        self._batch_size = batch_size
        self._max_bytes = max_bytes
        self._kept: OrderedDict[_Key, Matrix] = OrderedDict()
        self._locks: WeakValueDictionary[_Key, asyncio.Lock] = WeakValueDictionary()

    async def of(self, spec: TagDefinitionSpec, model: ModelInfo, priority: Priority) -> Matrix:
        """Return the tags' vectors, shape [tags, dimension], float32, each of length 1.

        A tag's vector is the direction between its name and its name with its description.

        Raises:
            SensoriumError: They cannot be embedded.
        """
        key = _Key(_digest(spec), model.name, model.revision)
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:  # Callers that come meanwhile wait for the first.
            if key not in self._kept:
                self._keep(key, await self._embedded(spec, model, priority))
            self._kept.move_to_end(key)
            return self._kept[key]

    async def _embedded(self, spec: TagDefinitionSpec, model: ModelInfo, priority: Priority) -> Matrix:
        texts = [text for tag in spec.tags for text in _texts(tag)]
        role = EmbedRole.QUERY if model.roles_supported else None
        instruction = spec.guide_prompt if model.instruction_supported else ""
        request = EmbedRequest(
            contents=tuple(map(Content.of_text, texts)),
            model=model.name,
            options=EmbedOptions(role, instruction),
            priority=priority,
        )
        results = (await embed_all(self._embedder, request, model, self._batch_size)).results
        rows = np.stack([_row(result, index // 2, spec) for index, result in enumerate(results)])
        return unit(rows[0::2] + rows[1::2])

    def _keep(self, key: _Key, vectors: Matrix) -> None:
        """Keep `vectors`, whatever their size, and of the others what fits besides."""
        self._kept[key] = vectors
        while len(self._kept) > 1 and sum(each.nbytes for each in self._kept.values()) > self._max_bytes:
            self._kept.popitem(last=False)


def _row(result: Embedding | SensoriumError, index: int, spec: TagDefinitionSpec) -> Matrix:
    if isinstance(result, SensoriumError):
        field = f"tags[{index}]"
        raise InvalidArgument(
            f"{field}: the model cannot read {spec.tags[index].tag!r}: {result.message}",
            reason=result.reason,
            field=field,
        )
    return direction(result)


def _texts(spec: TagSpec) -> Sequence[str]:
    """Return the two texts that a tag is compared by; the same twice when it has no description."""
    described = f"{spec.tag}: {spec.description}" if spec.description.strip() else spec.tag
    return spec.tag, described


def _digest(spec: TagDefinitionSpec) -> str:
    """Return what tells the tags of one version from those of others, named or inline."""
    texts = [(each.tag, each.description) for each in spec.tags]
    return hashlib.blake2b(repr((spec.guide_prompt, texts)).encode(), digest_size=16).hexdigest()
