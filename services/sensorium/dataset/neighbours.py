"""The services that jobs and searches of datasets call."""

from collections.abc import Callable
from dataclasses import dataclass

from sensorium.ports import Embedder, Searcher, SimilarityTagger, Tagger


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What the rest of the mesh does for datasets.

    Attributes:
        embedder: Knows the models of this mesh.
        searcher: Keeps documents; takes contents as well as vectors.
        tagger: Tags contents.
        searcher_by: The same searcher, which embeds contents by another embedder.
        tagger_by: Tags contents by another embedder.
    """

    embedder: Embedder
    searcher: Searcher
    tagger: Tagger
    searcher_by: Callable[[Embedder], Searcher]
    tagger_by: Callable[[Embedder], SimilarityTagger]
