"""What is known of the files of one version by their positions: columns, bitmaps and an order."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from sensorium.dataset.bitmaps.arrays import Arrays, Restorable
from sensorium.dataset.bitmaps.attribute_columns import AttributeColumns
from sensorium.dataset.bitmaps.grown_array import GrownArray
from sensorium.dataset.bitmaps.number_column import NumberColumn
from sensorium.dataset.bitmaps.positions import Positions, bitmap_of, positions_in
from sensorium.dataset.bitmaps.tag_column import TagColumn
from sensorium.dataset.bitmaps.text_column import TextColumn
from sensorium.dataset.bitmaps.uri_blocks import UriBlocks
from sensorium.dataset.bitmaps.word_column import WordColumn
from sensorium.dataset.file_fields import FIELDS, META, TAG_FIELDS
from sensorium.filters.tree import Comparison, Match, Operator, Term
from sensorium.model.dataset_file import FileStatus, StatusFilter
from sensorium.model.document import AttributeValue

# The fields of which nearly every file has a value of its own: the catalog answers for them, but for their words.
OWN = frozenset({"id", "uri", "file_name", "fingerprint"})
NUMBERS = (
    "size_bytes", "file_create_time", "file_update_time", "tag_update_time", "width", "height", "duration_ms",
    "index_time",
)  # fmt: skip
WORDS = ("file_name",)
TEXTS = tuple(field.key for field in FIELDS if field.key not in {*OWN, *NUMBERS, *TAG_FIELDS})


@dataclass(frozen=True, slots=True)
class FileValues:
    """Some files, by rising key; `columns` has the values of each by the keys of fields, of `WORDS` the tokens.

    `attributes` has those of the attributes that have a column.
    """

    keys: NDArray[np.int64]
    uris: Sequence[str]
    statuses: Sequence[str]
    columns: Mapping[str, Sequence[Any]]
    attributes: Mapping[str, Sequence[AttributeValue | None]]


class VersionBitmaps:
    """The files of one version; implements `filters.bitmaps.Bitmaps`.

    A file's position is its place among the keys, which only grow; no file of a version is ever taken out. Attributes
    are not among what can be copied: they are read again when they are asked about.
    """

    def __init__(self) -> None:
        by_key = {field.key: field for field in FIELDS}
        self._keys = GrownArray(np.int64)
        self._active = BitMap()
        self._texts = {key: TextColumn(by_key[key]) for key in TEXTS}
        self._tags = {key: TagColumn(by_key[key]) for key in TAG_FIELDS}
        self._words = {key: WordColumn() for key in WORDS}
        self.numbers = {key: NumberColumn() for key in NUMBERS}
        self.blocks = UriBlocks()
        self.attributes = AttributeColumns()

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def keys(self) -> NDArray[np.int64]:
        """The keys of files by position; the array stays as it is, whatever is added."""
        return self._keys.values

    def put(self, files: FileValues) -> None:
        """Take in files that are new or have changed; the keys of new ones are beyond all others."""
        known = len(self)
        fresh = files.keys > self.keys[-1] if known else np.ones(len(files.keys), np.bool_)
        positions = np.searchsorted(self.keys, files.keys).astype(np.uint32)
        positions[fresh] = known + np.arange(int(fresh.sum()), dtype=np.uint32)
        self._keys.put(positions, files.keys)
        self.blocks.put(positions[fresh], [uri for uri, new in zip(files.uris, fresh, strict=True) if new])
        changed = bitmap_of(positions)
        self._active.difference_update(changed)
        self._active |= bitmap_of(positions[[each == FileStatus.ACTIVE for each in files.statuses]])
        for key, values in files.columns.items():
            self._put(key, positions, bitmap_of(positions[~fresh]), values)
        self.attributes.put(positions, files.attributes)

    def arrays(self) -> Arrays:
        """Return a copy of all that they know; the names of arrays are paths."""
        parts = {f"{at}/{name}": each for at, part in self._parts() for name, each in part.arrays().items()}
        active = np.frombuffer(self._active.serialize(), np.uint8)
        return {"keys": self._keys.values.copy(), "active": active, **parts}

    def restore(self, arrays: Arrays) -> None:
        """Know what was copied."""
        self._keys.replace(arrays["keys"])
        self._active = BitMap.deserialize(arrays["active"].tobytes())
        for at, part in self._parts():
            part.restore({name.removeprefix(f"{at}/"): each for name, each in arrays.items()})

    def everything(self) -> BitMap:
        """Return the positions of all files, active or not."""
        return BitMap(range(len(self)))

    def with_status(self, status: StatusFilter) -> BitMap:
        """Return the positions of the files with a status."""
        match status:
            case StatusFilter.ACTIVE:
                return self._active.copy()
            case StatusFilter.DELETED:
                return self.everything() - self._active
            case StatusFilter.ALL:
                return self.everything()

    def covers(self, term: Term) -> bool:
        """Return whether a term can be answered."""
        if term.field.type is None:
            attribute = self.attributes.get(term.field.key)
            return attribute is not None and attribute.covers(term)
        match term:
            case Match(field):
                return field.key in WORDS or field.key not in OWN
            case _:
                return term.field.key not in OWN

    def holding(self, term: Term) -> BitMap:
        """Return the positions of the files that satisfy a term that is covered."""
        key = term.field.key
        if attribute := self.attributes.get(key):
            return attribute.holding(term)
        match term:
            case Match(_, phrase) if key in self._words:
                return self._words[key].with_words(phrase)
        return (self._tags.get(key) or self._texts.get(key) or self.numbers[key]).holding(term)

    def among(self, term: Term) -> BitMap:
        """Return positions with all files that satisfy a term that is not covered, and some others."""
        if attribute := self.attributes.get(term.field.key):
            return attribute.among(term)
        match term:
            case Comparison(field, Operator.EQUAL, str(name)) if field.key in WORDS:
                return self._words[field.key].with_words(name)  # A name has its own words.
            case _:
                return self.everything()

    def size_of(self, chosen: BitMap) -> int:
        """Return how many bytes the chosen files have together."""
        return int(self.numbers["size_bytes"].values[positions_in(chosen)].sum())

    def counts(self, key: str, chosen: BitMap) -> Sequence[tuple[AttributeValue, int]] | None:
        """Return how many of the chosen files have each value of a field of texts or an attribute.

        Values that none has are left out. None for an attribute of which the catalog must answer.
        """
        if key.startswith(META):
            attribute = self.attributes.get(key)
            return attribute.counts(positions_in(chosen)) if attribute else None
        if key in self._tags:
            return self._tags[key].counts(chosen)
        return self._texts[key].counts(positions_in(chosen))

    def positions_of(self, keys: Sequence[int]) -> BitMap:
        """Return the positions of files by their keys; keys of none are left out."""
        wanted = np.sort(np.array(keys, np.int64))
        return bitmap_of(np.searchsorted(self.keys, wanted[np.isin(wanted, self.keys)]))

    def _parts(self) -> Iterator[tuple[str, Restorable]]:
        yield "blocks", self.blocks
        for columns in (self._texts, self._tags, self._words, self.numbers):
            yield from columns.items()

    def _put(self, key: str, positions: Positions, known: BitMap, values: Sequence[Any]) -> None:
        if key in self._tags:
            if known:
                self._tags[key].clear(known)
            self._tags[key].put(positions, values)
        else:
            (self._texts.get(key) or self._words.get(key) or self.numbers[key]).put(positions, values)
