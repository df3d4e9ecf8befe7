"""The vectors of contents that are tagged: of each content as a whole, and of its parts where it has several."""

from dataclasses import dataclass, replace

import numpy as np

from sensorium.errors import SensoriumError
from sensorium.model.content import Content
from sensorium.model.embedding import Embedding, EmbedOptions, EmbedRequest, EmbedRole, ModelInfo, Timings, Usage
from sensorium.model.tagging import TagRequest
from sensorium.ports import Embedder
from sensorium.tag.embedding import Matrix, direction, embed_all


@dataclass(frozen=True, slots=True)
class ContentVectors:
    """The vectors of one content, float32 and of length 1.

    Attributes:
        whole: That of the content, shape [dimension].
        parts: Those of its parts by place, for a content of several; a part that has none alone is left out.
    """

    whole: Matrix
    parts: tuple[tuple[int, Matrix], ...] = ()

    def nearest_parts(self, tags: Matrix) -> list[int]:
        """Return for each tag (shape [tags, dimension]) the place of the part that is nearest to it."""
        if not self.parts:
            return [0] * len(tags)
        places = [place for place, _ in self.parts]
        nearest = (tags @ np.stack([vector for _, vector in self.parts]).T).argmax(axis=1)
        return [places[index] for index in nearest]


@dataclass(frozen=True, slots=True)
class EmbeddedContents:
    """Vectors or an error for each content, in order; usage counts a content once, as a whole."""

    vectors: tuple[ContentVectors | SensoriumError, ...]
    usage: Usage
    timings: Timings


async def embed_contents(
    embedder: Embedder, request: TagRequest, model: ModelInfo, batch_size: int
) -> EmbeddedContents:
    """Return the vectors of the contents of `request`.

    Raises:
        SensoriumError: They cannot be embedded at all.
    """
    wanted = EmbedRequest(
        contents=request.contents,
        model=model.name,
        options=EmbedOptions(EmbedRole.DOCUMENT if model.roles_supported else None),
        priority=request.priority,
        workspace=request.workspace,
    )
    wholes = await embed_all(embedder, wanted, model, batch_size)
    parts = await _parts(embedder, wanted, wholes.results, model, batch_size)
    vectors = [
        result if isinstance(result, SensoriumError) else ContentVectors(direction(result), tuple(parts.get(index, ())))
        for index, result in enumerate(wholes.results)
    ]
    return EmbeddedContents(tuple(vectors), wholes.usage, wholes.timings)


async def _parts(
    embedder: Embedder,
    wanted: EmbedRequest,
    wholes: tuple[Embedding | SensoriumError, ...],
    model: ModelInfo,
    batch_size: int,
) -> dict[int, list[tuple[int, Matrix]]]:
    """Return the vectors of single parts by content, for contents of several parts that were embedded."""
    places = [
        (index, place)
        for index, (content, whole) in enumerate(zip(wanted.contents, wholes, strict=True))
        if len(content.parts) > 1 and isinstance(whole, Embedding)
        for place in range(len(content.parts))
    ]
    if not places:
        return {}
    alone = tuple(Content((wanted.contents[index].parts[place],)) for index, place in places)
    results = (await embed_all(embedder, replace(wanted, contents=alone), model, batch_size)).results
    found: dict[int, list[tuple[int, Matrix]]] = {}
    for (index, place), result in zip(places, results, strict=True):
        if isinstance(result, Embedding):
            found.setdefault(index, []).append((place, direction(result)))
    return found
