"""A field of which nearly every file has a text of its own: all their tokens, one behind the other, are looked through.

Each token stands between spaces (`filters.tokens`), so that what is found lies within the text of one file: no phrase
has two spaces that follow each other, as they do where two texts meet.
"""

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from sensorium.dataset.bitmaps.arrays import Arrays
from sensorium.dataset.bitmaps.grown_array import GrownArray
from sensorium.dataset.bitmaps.positions import Positions, bitmap_of
from sensorium.filters.tokens import tokenized

_PHRASES = 32
_SAMPLE = 1 << 16

Text = NDArray[np.uint8]


class WordColumn:
    """The tokens of texts, in UTF-8."""

    def __init__(self) -> None:
        self._text = GrownArray(np.uint8)
        self._ends = GrownArray(np.int64)
        # Where the last phrases were found, and among how many files they were sought.
        self._remembered: OrderedDict[str, tuple[int, BitMap]] = OrderedDict()

    def put(self, positions: Positions, tokens: Sequence[str]) -> None:
        """Set the tokens of some files, by rising positions."""
        texts = [each.encode() for each in tokens]
        known = int(np.searchsorted(positions, len(self._ends)))
        self._change(positions[:known].tolist(), texts[:known])
        self._append(texts[known:])

    def arrays(self) -> Arrays:
        """Return a copy of all that it knows."""
        return {"text": self._text.values.copy(), "ends": self._ends.values.copy()}

    def restore(self, arrays: Arrays) -> None:
        """Know what was copied."""
        self._text.replace(arrays["text"])
        self._ends.replace(arrays["ends"])
        self._remembered.clear()

    def with_words(self, phrase: str) -> BitMap:
        """Return the positions of the files whose tokens those of `phrase` stand in, together and in order."""
        sought = tokenized(phrase)
        if not sought:
            return BitMap(range(len(self._ends)))
        count, found = self._remembered.pop(sought, (0, BitMap()))
        found |= self._found(np.frombuffer(sought.encode(), np.uint8), count)
        self._remembered[sought] = (len(self._ends), found)
        if len(self._remembered) > _PHRASES:
            self._remembered.popitem(last=False)
        return found.copy()

    def _found(self, sought: Text, first: int) -> BitMap:
        """Return the positions, from `first` on, of the files that a text stands in."""
        ends = self._ends.values
        start = int(ends[first - 1]) if first else 0
        places = start + _places(self._text.values[start:], sought)
        return bitmap_of(np.unique(np.searchsorted(ends, places, side="right")))

    def _append(self, texts: Sequence[bytes]) -> None:
        count, size = len(self._ends), len(self._text)
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        self._text.put(np.arange(size, size + int(lengths.sum())), np.frombuffer(b"".join(texts), np.uint8))
        self._ends.put(np.arange(count, count + len(texts)), size + np.cumsum(lengths))

    def _change(self, positions: Sequence[int], texts: Sequence[bytes]) -> None:
        """Set the tokens of files that have some; nearly always they are what they were."""
        text, ends = self._text.values, self._ends.values
        starts = np.concatenate(([0], ends[:-1]))
        lengths, pieces, last = ends - starts, [], 0
        for at, new in zip(positions, texts, strict=True):
            if text[starts[at] : ends[at]].tobytes() != new:
                pieces += [text[last : starts[at]], np.frombuffer(new, np.uint8)]
                last, lengths[at] = int(ends[at]), len(new)
        if pieces:
            self._text.replace(np.concatenate((*pieces, text[last:])))
            self._ends.replace(np.cumsum(lengths))
            self._remembered.clear()


def _places(text: Text, sought: Text) -> NDArray[np.intp]:
    """Return where `sought` begins in `text`."""
    count = max(0, len(text) - len(sought) + 1)
    # The byte of it that seems rarest is looked for everywhere, the others where it stands.
    rarest = int(np.argmin(np.bincount(text[:_SAMPLE], minlength=256)[sought]))
    places = np.flatnonzero(text[rarest : rarest + count] == sought[rarest])
    for at, byte in enumerate(sought):
        places = places[text[places + at] == byte]
    return places
