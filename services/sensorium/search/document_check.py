"""Which documents a collection takes."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime

from sensorium.errors import FailedPrecondition, InvalidArgument, Reason, Unimplemented
from sensorium.model.collection import AttributeType, Collection
from sensorium.model.content import Content
from sensorium.model.document import INT64, AttributeValue, Document, DocumentMask
from sensorium.model.embedding import Embedding
from sensorium.model.names import check_document_id
from sensorium.model.text_check import check_text
from sensorium.model.vector import FLOAT32_LE
from sensorium.search.attribute_json import TYPES, Json, to_json
from sensorium.search.documents import DocumentChange, NewDocument
from sensorium.search.token_json import tokens_to_json
from sensorium.search.vector_check import checked_components
from sensorium.settings import SearchSettings

MAX_ATTRIBUTE_NAME_CHARS = 128


def content_not_embedded(field: str) -> FailedPrecondition:
    """Return the error for a content that reached this role."""
    return FailedPrecondition(
        f"{field}: the search role takes vectors alone; send contents to the gateway, which embeds them",
        reason=Reason.CONTENT_NOT_EMBEDDED,
        field=field,
    )


class DocumentCheck:
    """Turns documents for one collection into what is stored.

    Args:
        collection: The collection.
        limits: What documents may hold.
    """

    def __init__(self, collection: Collection, limits: SearchSettings) -> None:
        self._collection = collection
        self._limits = limits
        self._declared = {each.field: each.type for each in collection.attributes}

    def checked(self, document: Document, field: str) -> NewDocument:
        """Return `document` as it is stored.

        Raises:
            InvalidArgument: A name, a vector, a tag or an attribute is wrong; names the field below `field`.
            Unimplemented: It brings sparse or multi-vectors.
        """
        tags = self._tags(document.tags, f"{field}.tags")
        attributes = self._values(document.attributes, f"{field}.attributes")
        self.check_whole(attributes, f"{field}.attributes")
        return NewDocument(
            id=checked_id(document.id, f"{field}.name"),
            components=self._components(document, field),
            tags=tags,
            attributes=attributes,
            tokens=self.tokens(tags, attributes),
        )

    def change(self, document: Document, mask: DocumentMask, field: str) -> DocumentChange:
        """Return what of `document` is to be changed; the whole that comes of it is for `check_whole`.

        Raises:
            InvalidArgument: A name, a tag or an attribute is wrong; names the field below `field`.
        """
        whole, names = mask.attributes, mask.attribute_names
        given = {name: value for name, value in document.attributes.items() if whole or name in names}
        return DocumentChange(
            id=checked_id(document.id, f"{field}.name"),
            tags=self._tags(document.tags, f"{field}.tags") if mask.tags else None,
            attributes=self._values(given, f"{field}.attributes"),
            removed=None if whole else frozenset(names) - given.keys(),
        )

    def check_whole(self, attributes: Mapping[str, Json], field: str) -> None:
        """Refuse attributes that are too many, or too large together.

        Raises:
            InvalidArgument: Names `field`.
        """
        if len(attributes) > self._limits.max_attributes:
            raise _invalid(field, f"{len(attributes)} attributes, the limit is {self._limits.max_attributes}")
        if attributes:
            size = len(json.dumps(attributes, ensure_ascii=False, separators=(",", ":")).encode())
            if size > self._limits.max_attributes_bytes:
                raise _invalid(field, f"{size} bytes in all, the limit is {self._limits.max_attributes_bytes}")

    def tokens(self, tags: Sequence[str], attributes: dict[str, Json]) -> dict[str, str]:
        """Return the tokens that filters compare."""
        return tokens_to_json(tags, attributes, self._collection.attributes)

    def _components(self, document: Document, field: str) -> bytes:
        match document.source:
            case Embedding() as embedding:
                return self._dense(embedding, f"{field}.embedding")
            case Content():
                raise content_not_embedded(f"{field}.content")
            case None:
                raise _invalid(f"{field}.embedding", "a document needs one")

    def _dense(self, embedding: Embedding, field: str) -> bytes:
        if embedding.sparse or embedding.multi:
            raise Unimplemented(f"{field}: sparse and multi-vectors are not stored yet: see docs/roadmap.md")
        if embedding.dense is None:
            raise _invalid(f"{field}.dense", "a document needs a dense vector")
        components = checked_components(embedding.dense, self._collection, f"{field}.dense")
        return components.astype(FLOAT32_LE, copy=False).tobytes()

    def _tags(self, tags: tuple[str, ...], field: str) -> tuple[str, ...]:
        if len(tags) > self._limits.max_tags:
            raise _invalid(field, f"{len(tags)} tags, the limit is {self._limits.max_tags}")
        for index, tag in enumerate(tags):
            if not 1 <= len(tag) <= self._limits.max_tag_chars:
                raise _invalid(f"{field}[{index}]", f"a tag has 1 to {self._limits.max_tag_chars} characters")
            check_text(tag, f"{field}[{index}]")
        if len(set(tags)) != len(tags):
            raise _invalid(field, "a tag stands twice")
        return tags

    def _values(self, attributes: Mapping[str, AttributeValue], field: str) -> dict[str, Json]:
        return {name: self._attribute(name, value, f"{field}[{name!r}]") for name, value in attributes.items()}

    def _attribute(self, name: str, value: AttributeValue, field: str) -> Json:
        if not 1 <= len(name) <= MAX_ATTRIBUTE_NAME_CHARS:
            raise _invalid(field, f"a name has 1 to {MAX_ATTRIBUTE_NAME_CHARS} characters")
        check_text(name, field)
        kind = TYPES.get(type(value))
        expected = self._declared.get(name, kind)
        if kind is None or kind is not expected:
            raise InvalidArgument(
                f"{field}: a {type(value).__name__} where {expected or 'an attribute'} is expected",
                reason=Reason.ATTRIBUTE_TYPE_MISMATCH,
                field=field,
                metadata={"field": name, "expected": expected.value if expected else ""},
            )
        self._check_value(value, field)
        return to_json(value)

    def _check_value(self, value: AttributeValue, field: str) -> None:
        match value:
            case bool():
                return
            case str():
                self._check_string(value, field)
            case int() if value not in INT64:
                raise _invalid(field, "a whole number has 64 bits")
            case float() if not math.isfinite(value):
                raise _invalid(field, "a number is finite")
            case datetime() if value.tzinfo is None:
                raise _invalid(field, "a time needs a zone")
            case tuple():
                self._check_list(value, field)

    def _check_list(self, texts: tuple[str, ...], field: str) -> None:
        if len(texts) > self._limits.max_list_items:
            raise _invalid(field, f"{len(texts)} texts, the limit is {self._limits.max_list_items}")
        for index, each in enumerate(texts):
            if TYPES.get(type(each)) is not AttributeType.STRING:
                raise _invalid(f"{field}[{index}]", "a list holds texts")
            self._check_string(each, f"{field}[{index}]")

    def _check_string(self, text: str, field: str) -> None:
        size = check_text(text, field)
        if size > self._limits.max_string_bytes:
            raise _invalid(field, f"{size} bytes, the limit is {self._limits.max_string_bytes}")


def checked_id(document_id: str, field: str) -> str:
    """Return `document_id` if it may name a document; raise InvalidArgument if not."""
    check_text(document_id, field)
    return check_document_id(document_id, field)


def _invalid(field: str, why: str) -> InvalidArgument:
    return InvalidArgument(f"{field}: {why}", field=field)
