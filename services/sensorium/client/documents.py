"""A document as a caller of the client writes it and gets it back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sensorium.client.contents import as_content, content_bytes
from sensorium.errors import InvalidArgument, Reason
from sensorium.model.content import Content, Part
from sensorium.model.document import AttributeValue
from sensorium.model.document import Document as StoredDocument
from sensorium.model.embedding import Embedding
from sensorium.model.vector import Vector


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One thing that can be found. To write it, give exactly one of `text`, `content` and `vector`.

    Attributes:
        id: Unique in its collection; any text without control characters, at most 512 bytes in UTF-8.
        text: What it says; the server embeds it and does not keep it.
        content: The same for an image or a sound, or for several weighted parts.
        vector: Its vector, shape [dimension], float32, of the collection's model. What was read holds one when asked.
        tags: Its tags, without repeats.
        attributes: Its attributes by name; times must know their time zone.
        create_time: When it was first written; set by the server.
        update_time: When it was last written; set by the server.
    """

    id: str
    text: str | None = None
    content: Content | Part | None = field(default=None, kw_only=True)
    vector: NDArray[np.float32] | None = field(default=None, kw_only=True)
    tags: tuple[str, ...] = field(default=(), kw_only=True)
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict, kw_only=True)
    create_time: datetime | None = field(default=None, kw_only=True)
    update_time: datetime | None = field(default=None, kw_only=True)

    @classmethod
    def from_stored(cls, stored: StoredDocument) -> Self:
        """Return a document as the server keeps it."""
        embedding = stored.source if isinstance(stored.source, Embedding) else Embedding()
        return cls(
            stored.id,
            vector=embedding.dense.to_numpy() if embedding.dense else None,
            tags=stored.tags,
            attributes=stored.attributes,
            create_time=stored.create_time,
            update_time=stored.update_time,
        )

    def to_stored(self) -> StoredDocument:
        """Return the document as the server takes it.

        Raises:
            InvalidArgument: Not exactly one of text, content and vector is set, or the vector has another shape.
        """
        return StoredDocument(self.id, self._source(), tuple(self.tags), self.attributes)

    def size_bytes(self) -> int:
        """Return about how many bytes the document takes on the wire."""
        given = self.content or self.text
        source = as_content(given) if given else None
        vector = 0 if self.vector is None else 4 * np.size(self.vector)
        labels = sum(map(len, self.tags)) + sum(len(name) + len(str(value)) for name, value in self.attributes.items())
        return len(self.id) + vector + labels + (content_bytes(source) if source else 0)

    def _source(self) -> Embedding | Content:
        given = [each for each in (self.text, self.content, self.vector) if each is not None]
        if len(given) != 1:
            raise InvalidArgument(
                f"document {self.id!r}: give exactly one of text, content and vector, not {len(given)}",
                reason=Reason.FIELD_INVALID,
                field="source",
            )
        if self.vector is not None:
            return Embedding(vector_of(self.vector))
        return as_content(self.content or self.text or "")


def vector_of(components: NDArray[np.floating]) -> Vector:
    """Return `components` (shape [dimension]) as a float32 vector.

    Raises:
        InvalidArgument: They are not numbers in one dimension.
    """
    try:
        row = np.asarray(components, np.float32)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"a vector must hold numbers: {error}", reason=Reason.VECTOR_INVALID) from None
    if row.ndim != 1 or not row.size:
        raise InvalidArgument(
            f"a vector must have the shape [dimension], not {list(row.shape)}", reason=Reason.VECTOR_INVALID
        )
    return Vector.from_numpy(row)
