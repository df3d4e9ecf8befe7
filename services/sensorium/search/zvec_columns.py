"""The scalar columns of a zvec collection: what filters need of each document, in names that zvec takes."""

from collections.abc import Mapping
from datetime import datetime

import zvec

from sensorium.filters.fields import Field
from sensorium.filters.python import Record, token_text
from sensorium.filters.zvec import ZvecFilters
from sensorium.model.collection import AttributeField, AttributeType
from sensorium.model.document import AttributeValue
from sensorium.search.filter_fields import ID, fields_of, undeclared
from sensorium.storage.moments import to_micros

Value = str | int | float | bool | list[str]

_TYPES: Mapping[AttributeType | None, zvec.DataType] = {
    AttributeType.STRING: zvec.DataType.STRING,
    AttributeType.INT: zvec.DataType.INT64,
    AttributeType.DOUBLE: zvec.DataType.DOUBLE,
    AttributeType.BOOL: zvec.DataType.BOOL,
    AttributeType.TIME: zvec.DataType.INT64,
    AttributeType.STRING_LIST: zvec.DataType.ARRAY_STRING,
}
# Without an index for ranges, a range over a million numbers takes a tenth of a second.
_ORDERED = frozenset({AttributeType.INT, AttributeType.DOUBLE, AttributeType.TIME})


class ZvecColumns:
    """Columns for the fields of every document and the declared attributes, named by their place."""

    def __init__(self, declared: tuple[AttributeField, ...]) -> None:
        self._fields = tuple(fields_of(declared))
        self._names = {field.key: f"c{place}" for place, field in enumerate(self._fields)}
        self.filters = ZvecFilters(self._column, lambda field: f"t{self._column(field)}")

    def schemas(self) -> list[zvec.FieldSchema]:
        """Return the columns for zvec's schema. Ids are not worth an inverted index, and tokens cannot use one."""
        values = [self._schema(field) for field in self._fields]
        tokens = [
            zvec.FieldSchema(f"t{self._names[field.key]}", zvec.DataType.STRING, nullable=True)
            for field in self._fields
            if field.tokens
        ]
        return values + tokens

    def values(self, record: Record) -> dict[str, Value]:
        """Return what the columns hold of a document; what it does not have is left out."""
        found: dict[str, Value] = {}
        for field in self._fields:
            value = record.get(field.key)
            if value is None:
                continue
            found[self._names[field.key]] = _stored(value)
            if field.tokens and (tokens := token_text(value)):
                found[f"t{self._names[field.key]}"] = tokens
        return found

    def _column(self, field: Field) -> str:
        if field.key not in self._names:
            raise undeclared(field)
        return self._names[field.key]

    def _schema(self, field: Field) -> zvec.FieldSchema:
        index = None if field == ID else zvec.InvertIndexParam(enable_range_optimization=field.type in _ORDERED)
        return zvec.FieldSchema(self._names[field.key], _TYPES[field.type], nullable=True, index_param=index)


def _stored(value: AttributeValue) -> Value:
    match value:
        case datetime():
            return to_micros(value)
        case tuple():
            return list(value)
        case _:
            return value
