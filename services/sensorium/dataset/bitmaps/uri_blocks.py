"""Divides the files of a version into blocks by URI, so that a page of few files looks at few others."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensorium.dataset.bitmaps.arrays import Arrays, listed, written
from sensorium.dataset.bitmaps.grown_array import GrownArray
from sensorium.dataset.bitmaps.positions import Positions

SIZE = 256
MOST = 8 * SIZE
Blocks = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Stretch:
    """The URIs from `start`, and below `end` unless that is None."""

    start: str
    end: str | None


class UriBlocks:
    """Knows the block of each file; blocks follow each other as URIs do, by their code points."""

    def __init__(self) -> None:
        self._starts: list[str] = [""]
        self._files = GrownArray(np.int32)

    def put(self, positions: Positions, uris: Sequence[str]) -> None:
        """Put new files into their blocks."""
        blocks = [self._block(uri) for uri in uris]
        self._files.put(positions, np.array(blocks, np.int32))

    def arrays(self) -> Arrays:
        """Return a copy of all that it knows."""
        return {"blocks": self._files.values.copy(), "starts": written(self._starts)}

    def restore(self, arrays: Arrays) -> None:
        """Know what was copied."""
        self._files.replace(arrays["blocks"])
        self._starts = listed(arrays["starts"])

    def crowded(self) -> list[Stretch]:
        """Return the blocks that have become too large, last block first."""
        counts = np.bincount(self._files.values)
        return [self._stretch(int(each)) for each in np.flatnonzero(counts > MOST)[::-1]]

    def split(self, crowded: Stretch, starts: Sequence[str], positions: NDArray[np.integer]) -> None:
        """Divide a crowded block.

        Args:
            crowded: The block.
            starts: Every `SIZE`-th URI in it, without the first.
            positions: The positions of its files, by URI.
        """
        block = self._block(crowded.start)
        self._starts = [*self._starts[: block + 1], *starts, *self._starts[block + 1 :]]
        files = self._files.values
        files[files > block] += len(starts)
        files[positions] = block + np.arange(len(positions), dtype=np.int32) // SIZE

    def groups(self, chosen: Positions, beyond: str | None, count: int, *, descending: bool) -> Iterator[Positions]:
        """Yield the chosen files of one or more blocks at a time, in order, from the block that the URI `beyond` is in.

        Each time `count` or more, as long as there are so many. All but the yielding is done at once, so that it may go
        on when blocks are divided.
        """
        blocks = self._files.values[chosen]
        counts = np.bincount(blocks)
        wanted = np.flatnonzero(counts)[:: -1 if descending else 1]
        if beyond is not None:
            here = self._block(beyond)
            wanted = wanted[wanted <= here] if descending else wanted[wanted >= here]
        return _grouped(chosen, blocks, wanted, np.cumsum(counts[wanted]), count)

    def _block(self, uri: str) -> int:
        return bisect_right(self._starts, uri) - 1

    def _stretch(self, block: int) -> Stretch:
        end = self._starts[block + 1] if block + 1 < len(self._starts) else None
        return Stretch(self._starts[block], end)


def _grouped(
    chosen: Positions, blocks: NDArray[np.int32], wanted: Blocks, totals: Blocks, count: int
) -> Iterator[Positions]:
    """Yield the chosen files of the wanted blocks; `totals` counts those of a block and all before."""
    start = 0
    while start < len(wanted):
        before = int(totals[start - 1]) if start else 0
        end = min(int(np.searchsorted(totals, before + count)) + 1, len(wanted))
        low, high = sorted((wanted[start], wanted[end - 1]))
        yield chosen[(blocks >= low) & (blocks <= high)]
        start = end
