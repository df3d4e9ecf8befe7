"""Divides the files of a version into blocks by URI, so that a page of few files looks at few others."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensorium.dataset.bitmaps.grown_array import GrownArray
from sensorium.dataset.bitmaps.positions import Positions

SIZE = 256
MOST = 8 * SIZE
Blocks = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Stretch:
    """The URIs from `start`, and below `end` unless that is None; `count` chosen files are among them."""

    start: str
    end: str | None
    count: int


class UriBlocks:
    """Knows the block of each file; blocks follow each other as URIs do, by their code points."""

    def __init__(self) -> None:
        self._starts: list[str] = [""]
        self._files = GrownArray(np.int32)

    def put(self, positions: Positions, uris: Sequence[str]) -> None:
        """Put new files into their blocks."""
        blocks = [self._block(uri) for uri in uris]
        self._files.put(positions, np.array(blocks, np.int32))

    def crowded(self) -> list[Stretch]:
        """Return the blocks that have become too large, last block first."""
        counts = np.bincount(self._files.values)
        return list(self._shown(self._starts, np.flatnonzero(counts > MOST)[::-1], counts))

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

    def stretches(self, chosen: Positions, beyond: str | None, *, descending: bool) -> Iterator[Stretch]:
        """Yield the blocks with chosen files in order, from the one in which the URI `beyond` is."""
        counts = np.bincount(self._files.values[chosen])
        blocks = np.flatnonzero(counts)
        if beyond is not None:
            here = self._block(beyond)
            blocks = blocks[blocks <= here] if descending else blocks[blocks >= here]
        return self._shown(self._starts, blocks[::-1] if descending else blocks, counts)

    def _block(self, uri: str) -> int:
        return bisect_right(self._starts, uri) - 1

    @staticmethod
    def _shown(starts: Sequence[str], blocks: Blocks, counts: Blocks) -> Iterator[Stretch]:
        """Yield blocks as they are now, though they may be divided before the last is taken."""
        for block in blocks.tolist():
            end = starts[block + 1] if block + 1 < len(starts) else None
            yield Stretch(starts[block], end, int(counts[block]))


def joined(stretches: Iterable[Stretch], count: int) -> Iterator[Stretch]:
    """Yield stretches, of which those that touch are one as long as it has fewer than `count` chosen files."""
    held: Stretch | None = None
    for each in stretches:
        if held and held.count < count and held.end == each.start:
            held = Stretch(held.start, each.end, held.count + each.count)
        elif held and held.count < count and each.end == held.start:
            held = Stretch(each.start, held.end, held.count + each.count)
        else:
            if held:
                yield held
            held = each
    if held:
        yield held
