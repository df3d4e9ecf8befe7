"""Our own mesh in the comparison, over gRPC."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from corpus import TOP_K, Corpus
from mesh import Mesh, running_mesh
from numpy.typing import NDArray

from peers.engine import Engine
from sensorium.client import AttributeField, AttributeType, Client, Document


class SensoriumEngine(Engine):
    """A collection of a running mesh; it chooses its width itself."""

    has_width = False

    def __init__(self, corpus: Corpus, mesh: Mesh, client: Client) -> None:
        super().__init__(corpus)
        self._mesh = mesh
        self._client = client

    def fill(self) -> None:
        """Write through the client library."""
        self._client.create_collection(
            "bench", dimension=self.corpus.vectors.shape[1], attributes=[AttributeField("share", AttributeType.DOUBLE)]
        )
        self._client.upsert("bench", map(self._document, range(len(self.corpus)))).raise_for_errors()

    def build(self) -> None:
        """Wait for the optimisation in the background."""
        while self._client.get_collection("bench").pending_count:
            time.sleep(0.1)

    def search(self, query: NDArray[np.float32], share: float, width: int) -> Sequence[int]:
        """Search over gRPC."""
        filter_ = f"share < {share}" if share < 1 else ""
        hits = self._client.search("bench", query, top_k=TOP_K, filter=filter_)
        return [int(hit.document.id) for hit in hits]

    def cpu_seconds(self) -> float:
        """Return the mesh's, Triton aside."""
        return self._mesh.cpu_seconds()[0]

    def _document(self, row: int) -> Document:
        return Document(str(row), vector=self.corpus.vectors[row], attributes={"share": float(self.corpus.share[row])})


@contextmanager
def sensorium(folder: Path, corpus: Corpus) -> Iterator[Engine]:
    """Start a mesh."""
    with running_mesh(folder, ["all-minilm-l6-v2"]) as mesh, Client(mesh.address) as client:
        yield SensoriumEngine(corpus, mesh, client)
