"""A field that is a list of texts: for each text the files that have it, as a roaring bitmap."""

from collections.abc import Sequence
from itertools import chain

import numpy as np
from pyroaring import BitMap

from sensorium.dataset.bitmaps.arrays import Arrays, listed, written
from sensorium.dataset.bitmaps.positions import Positions, bitmap_of
from sensorium.filters.fields import Field
from sensorium.filters.python import holds
from sensorium.filters.tree import Contains, OneOf, Term


class TagColumn:
    """Lists of texts.

    Args:
        field: Whose lists they are.
    """

    def __init__(self, field: Field) -> None:
        self._field = field
        self._files: dict[str, BitMap] = {}

    def clear(self, positions: BitMap) -> None:
        """Take the lists of some files away."""
        for files in self._files.values():
            files.difference_update(positions)
        self._files = {text: files for text, files in self._files.items() if files}

    def put(self, positions: Positions, lists: Sequence[Sequence[str]]) -> None:
        """Set the lists of files that have none."""
        files = np.repeat(positions, np.fromiter(map(len, lists), np.intp, len(lists)))
        if not len(files):
            return
        codes: dict[str, int] = {}
        texts = (codes.setdefault(each, len(codes)) for each in chain.from_iterable(lists))
        found = np.fromiter(texts, np.int64, len(files))
        order = np.argsort(found, kind="stable")
        borders = np.searchsorted(found[order], np.arange(1, len(codes)))
        for text, some in zip(codes, np.split(files[order], borders), strict=True):
            files_with = self._files.setdefault(text, BitMap())
            files_with |= bitmap_of(some)

    def arrays(self) -> Arrays:
        """Return a copy of all that it knows."""
        bitmaps = [files.serialize() for files in self._files.values()]
        return {
            "texts": written(list(self._files)),
            "lengths": np.fromiter(map(len, bitmaps), np.int64, len(bitmaps)),
            "bitmaps": np.frombuffer(b"".join(bitmaps), np.uint8),
        }

    def restore(self, arrays: Arrays) -> None:
        """Know what was copied."""
        bitmaps, ends = arrays["bitmaps"].tobytes(), np.cumsum(arrays["lengths"])
        places = zip(ends - arrays["lengths"], ends, strict=True)
        self._files = {
            text: BitMap.deserialize(bitmaps[start:end])
            for text, (start, end) in zip(listed(arrays["texts"]), places, strict=True)
        }

    def holding(self, term: Term) -> BitMap:
        """Return the positions of the files that satisfy a term of this field."""
        match term:
            case Contains(_, text):
                texts = [text]
            case OneOf(_, values):
                texts = [str(each) for each in values]
            case _:
                texts = [each for each in self._files if holds(term, {self._field.key: (each,)})]
        return BitMap.union(BitMap(), *(self._files[each] for each in texts if each in self._files))

    def counts(self, chosen: BitMap) -> list[tuple[str, int]]:
        """Return how many of the chosen files have each text, texts that none has left out."""
        found = ((text, files.intersection_cardinality(chosen)) for text, files in self._files.items())
        return [(text, count) for text, count in found if count]
