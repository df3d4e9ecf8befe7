"""Turns the parts of a query into the one vector that is searched for."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import InvalidArgument, NotFound, Reason, Unimplemented
from sensorium.model.collection import Collection
from sensorium.model.content import Content
from sensorium.model.count_check import check_count
from sensorium.model.names import CollectionName
from sensorium.model.search import DocumentReference, QueryPart
from sensorium.model.vector import FLOAT32_LE, SparseVector, Vector
from sensorium.search.document_check import checked_id, content_not_embedded
from sensorium.search.geometry import unit
from sensorium.search.vector_check import check_length, checked_components

# A sum that is shorter than this is what rounding left of nothing.
NEGLIGIBLE = 1e-6


def check_parts(parts: Sequence[QueryPart], most: int) -> None:
    """Refuse queries that cannot be searched for, whatever the collection.

    Raises:
        InvalidArgument: There are no parts or too many, or a weight is 0 or not finite.
        FailedPrecondition: CONTENT_NOT_EMBEDDED.
        Unimplemented: A part is sparse.
    """
    check_count("query", len(parts), most)
    for index, part in enumerate(parts):
        _check_part(part, f"query[{index}]")


def references(parts: Sequence[QueryPart]) -> list[str]:
    """Return the ids of the documents that a query refers to."""
    return [part.target.id for part in parts if isinstance(part.target, DocumentReference)]


def query_vector(
    parts: Sequence[QueryPart], collection: Collection, stored: Mapping[str, bytes]
) -> NDArray[np.float32]:
    """Return what is searched for, shape [dimension].

    One part of weight 1 is taken as it is. Otherwise the parts' unit vectors are summed by weight and the sum is
    normalised. `stored` has the components of the documents that the query refers to.

    Raises:
        InvalidArgument: A vector is wrong, or the sum has no direction.
        NotFound: DOCUMENT_NOT_FOUND.
    """
    single = len(parts) == 1 and parts[0].weight == 1
    vectors = [_components(part, f"query[{index}]", collection, stored) for index, part in enumerate(parts)]
    if single:
        return vectors[0]
    for index, vector in enumerate(vectors):
        check_length(vector, needs_direction=True, field=f"query[{index}]")
    total = sum(part.weight * unit(vector).astype(np.float64) for part, vector in zip(parts, vectors, strict=True))
    return _normalised(np.asarray(total), max(abs(part.weight) for part in parts))


def _check_part(part: QueryPart, field: str) -> None:
    if not math.isfinite(part.weight) or part.weight == 0:
        raise InvalidArgument(f"{field}.weight: {part.weight} is 0 or not finite", field=f"{field}.weight")
    match part.target:
        case Content():
            raise content_not_embedded(f"{field}.content")
        case SparseVector():
            raise Unimplemented(f"{field}.sparse: sparse search is not built yet: see docs/roadmap.md")
        case DocumentReference(id=document_id):
            checked_id(document_id, f"{field}.document")


def _components(
    part: QueryPart, field: str, collection: Collection, stored: Mapping[str, bytes]
) -> NDArray[np.float32]:
    match part.target:
        case Vector() as vector:
            return checked_components(vector, collection, f"{field}.vector")
        case DocumentReference(id=document_id) if document_id in stored:
            return np.frombuffer(stored[document_id], FLOAT32_LE)
        case DocumentReference(id=document_id):
            name = CollectionName(collection.workspace, collection.id).document(document_id)
            raise NotFound(
                f"{field}.document: there is no {name}", reason=Reason.DOCUMENT_NOT_FOUND, metadata={"document": name}
            )
        case _:
            raise InvalidArgument(f"{field}: a part is a vector or a document", field=field)


def _normalised(total: NDArray[np.float64], scale: float) -> NDArray[np.float32]:
    scaled = total / scale
    length = float(np.sqrt(scaled @ scaled))
    if length < NEGLIGIBLE:
        raise InvalidArgument(
            "query: the weighted parts cancel each other out", reason=Reason.VECTOR_INVALID, field="query"
        )
    return (scaled / length).astype(np.float32)
