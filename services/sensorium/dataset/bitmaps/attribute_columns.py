"""Keeps the columns of the attributes that were asked about last: there may be any number of names."""

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence

from sensorium.dataset.bitmaps.attribute_column import AttributeColumn
from sensorium.dataset.bitmaps.positions import Positions
from sensorium.filters.fields import Field
from sensorium.model.document import AttributeValue

# Each takes 9 bytes of a file.
MOST = 8


class AttributeColumns:
    """Columns by the keys of fields; what is not there has not been asked about, or too long ago."""

    def __init__(self) -> None:
        self._columns: OrderedDict[str, AttributeColumn] = OrderedDict()

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of those that are there."""
        return tuple(self._columns)

    def lacking(self, wanted: Collection[str]) -> tuple[str, ...]:
        """Return what must be read to answer for the wanted ones, as many as there may be; they are kept longest."""
        some = sorted(wanted)[:MOST]
        for key in some:
            if key in self._columns:
                self._columns.move_to_end(key)
        return tuple(key for key in some if key not in self._columns)

    def begin(self, keys: Sequence[str]) -> None:
        """Make room for columns, which are to be filled."""
        for key in keys:
            self._columns[key] = AttributeColumn(Field(key, None, key, tokens=True))
        while len(self._columns) > MOST:
            self._columns.popitem(last=False)

    def forget(self, keys: Sequence[str]) -> None:
        """Let go of columns that were not filled."""
        for key in keys:
            self._columns.pop(key, None)

    def get(self, key: str) -> AttributeColumn | None:
        """Return a column; None when it is not there."""
        return self._columns.get(key)

    def put(self, positions: Positions, values: Mapping[str, Sequence[AttributeValue | None]]) -> None:
        """Set the values of some files."""
        for key, some in values.items():
            self._columns[key].put(positions, some)
