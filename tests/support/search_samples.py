"""Small documents and requests that the tests of the search service are made of."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sensorium.model.collection import CollectionSpec
from sensorium.model.document import Document
from sensorium.model.embedding import Embedding
from sensorium.model.names import CollectionName
from sensorium.model.search import Hit, QueryPart, SearchRequest, UpsertRequest, UpsertResponse
from sensorium.model.vector import DType, Vector
from sensorium.ports import Searcher

NAME = CollectionName("default", "news")
DIMENSION = 8


def unit_vectors(count: int, seed: int = 0, dimension: int = DIMENSION) -> NDArray[np.float32]:
    """Return random directions, shape [count, dimension]."""
    points = np.random.default_rng(seed).standard_normal((count, dimension))
    units: NDArray[np.float32] = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    return units


def vector(*components: float) -> Vector:
    """Return a float32 vector."""
    return Vector.from_numpy(np.array(components, np.float32))


def axis(place: int, dimension: int = DIMENSION) -> Vector:
    """Return the unit vector along one axis."""
    return Vector.from_numpy(np.eye(dimension, dtype=np.float32)[place])


def document(document_id: str, dense: Vector | NDArray[np.float32]) -> Document:
    """Return a document without tags and attributes."""
    found = dense if isinstance(dense, Vector) else Vector.from_numpy(dense)
    return Document(document_id, Embedding(dense=found))


async def make(searcher: Searcher, spec: CollectionSpec | None = None) -> None:
    """Create the collection that the samples live in."""
    await searcher.create_collection(NAME, spec or CollectionSpec(dimension=DIMENSION))


async def put(searcher: Searcher, *documents: Document) -> UpsertResponse:
    """Write documents."""
    return await searcher.upsert_documents(UpsertRequest(NAME, documents))


def near(target: Vector | NDArray[np.float32], **fields: object) -> SearchRequest:
    """Return a search for one vector."""
    found = target if isinstance(target, Vector) else Vector.from_numpy(target, DType.FLOAT32)
    return SearchRequest(NAME, (QueryPart(found),), **fields)  # type: ignore[arg-type]


async def ids_near(searcher: Searcher, target: Vector | NDArray[np.float32], **fields: object) -> list[str]:
    """Return the ids that a search finds, nearest first."""
    return ids((await searcher.search(near(target, **fields))).hits)


def ids(hits: Sequence[Hit]) -> list[str]:
    """Return the ids of hits."""
    return [hit.document.id for hit in hits]
