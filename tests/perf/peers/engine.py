"""The port that the comparison calls every engine through."""

import resource
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from corpus import Corpus
from numpy.typing import NDArray

BATCH = 1000


class Engine(ABC):
    """An engine on an empty directory.

    Attributes:
        has_width: Whether `search` heeds `width`.
    """

    has_width = True

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus

    @abstractmethod
    def fill(self) -> None:
        """Write all vectors with their `share`."""

    @abstractmethod
    def build(self) -> None:
        """Build the index, and wait until it is there."""

    @abstractmethod
    def search(self, query: NDArray[np.float32], share: float, width: int) -> Sequence[int]:
        """Return the rows of the 10 nearest with a smaller `share`; 1 means all, `width` is HNSW's ef."""

    def cpu_seconds(self) -> float:
        """Return the CPU seconds that the engine has spent; of this process unless it says otherwise."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime

    def batches(self) -> Sequence[range]:
        """Return the rows of each batch."""
        count = len(self.corpus)
        return [range(start, min(start + BATCH, count)) for start in range(0, count, BATCH)]
