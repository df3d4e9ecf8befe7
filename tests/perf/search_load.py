"""Calls the search service at the public gRPC address with messages of its own, without a client library."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import grpc
import numpy as np
from corpus import TOP_K, Corpus
from numpy.typing import NDArray

from sensorium.v1 import search_service_pb2 as pb
from sensorium.v1 import search_service_pb2_grpc as stubs
from sensorium.v1 import types_pb2

WORKSPACE = "workspaces/default"
COLLECTION = f"{WORKSPACE}/collections/bench"
BATCH = 1000
_FIELDS = {
    "share": pb.AttributeField.TYPE_DOUBLE,
    "cluster": pb.AttributeField.TYPE_INT,
    "colour": pb.AttributeField.TYPE_STRING,
}


@dataclass
class Searches:
    """What came of searches: seconds and found rows of each."""

    seconds: list[float] = field(default_factory=list)
    found: list[list[int]] = field(default_factory=list)

    def recall(self, best: Sequence[set[int]]) -> float:
        """Return the share of the exact hits that were found."""
        return float(np.mean([len(rows & set(ids)) / len(rows) for rows, ids in zip(best, self.found, strict=True)]))

    def percentile(self, percent: float) -> float:
        """Return milliseconds."""
        return 1000 * float(np.percentile(self.seconds, percent))


class SearchLoad:
    """Writes a corpus to a mesh and searches for its queries."""

    def __init__(self, channel: grpc.aio.Channel, corpus: Corpus) -> None:
        self._stub = stubs.SearchServiceStub(channel)
        self._corpus = corpus

    async def create(self) -> None:
        """Create the collection."""
        fields = [pb.AttributeField(field=name, type=kind) for name, kind in _FIELDS.items()]
        collection = pb.Collection(dimension=self._corpus.vectors.shape[1], attributes=fields)
        request = pb.CreateCollectionRequest(parent=WORKSPACE, collection_id="bench", collection=collection)
        await self._stub.CreateCollection(request, timeout=30)

    async def fill(self, writers: int) -> float:
        """Write everything, `writers` batches at once; return documents acknowledged per second."""
        batches = self._batches()

        async def write() -> None:
            for batch in batches:
                answer = await self._stub.UpsertDocuments(batch, timeout=120)
                if answer.written_count != len(batch.documents):
                    raise RuntimeError(f"{answer.written_count} of {len(batch.documents)} documents were written")

        started = time.perf_counter()
        await asyncio.gather(*(write() for _ in range(writers)))
        return len(self._corpus) / (time.perf_counter() - started)

    async def count(self) -> tuple[int, int]:
        """Return how many documents there are, and how many wait for the index."""
        collection = (await self._stub.GetCollection(pb.GetCollectionRequest(name=COLLECTION), timeout=60)).collection
        return collection.document_count, collection.pending_count

    async def search(self, filter_: str = "", count: int = 0) -> Searches:
        """Search for the queries one after another, all of them or the first `count`."""
        done = Searches()
        for query in self._corpus.queries[: count or None]:
            started = time.perf_counter()
            answer = await self._stub.Search(_search(query, filter_), timeout=60)
            done.seconds.append(time.perf_counter() - started)
            done.found.append([int(hit.document.name.rpartition("/")[2]) for hit in answer.hits])
        return done

    async def search_until(self, end: asyncio.Event) -> Searches:
        """Search now and then until `end`."""
        done = Searches()
        while not end.is_set():
            done.seconds += (await self.search(count=1)).seconds
            await asyncio.sleep(0.02)
        return done

    def _batches(self) -> Iterator[pb.UpsertDocumentsRequest]:
        for start in range(0, len(self._corpus), BATCH):
            rows = range(start, min(start + BATCH, len(self._corpus)))
            yield pb.UpsertDocumentsRequest(parent=COLLECTION, documents=map(self._document, rows))

    def _document(self, row: int) -> pb.Document:
        corpus = self._corpus
        attributes = {
            "share": types_pb2.AttributeValue(double_value=corpus.share[row]),
            "cluster": types_pb2.AttributeValue(int_value=int(corpus.cluster[row])),
            "colour": types_pb2.AttributeValue(string_value=f"colour {row % 7}"),
        }
        return pb.Document(
            name=f"documents/{row}",
            embedding=types_pb2.Embedding(dense=_vector(corpus.vectors[row])),
            tags=[f"t{row % 5}"],
            attributes=attributes,
        )


def _search(query: NDArray[np.float32], filter_: str) -> pb.SearchRequest:
    return pb.SearchRequest(parent=COLLECTION, query=[pb.QueryPart(vector=_vector(query))], filter=filter_, top_k=TOP_K)


def _vector(components: NDArray[np.float32]) -> types_pb2.Vector:
    return types_pb2.Vector(data=components.tobytes(), dimension=len(components))
