"""Where statements on the search store find the fields of filters."""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, cast

from sensorium.filters.fields import Field
from sensorium.filters.free_sql import Holder
from sensorium.model.collection import AttributeType
from sensorium.search.filter_fields import CREATE_TIME, ID, PREFIX, TAGS, UPDATE_TIME, attribute_of
from sensorium.search.tables import IdText, documents

_OWN: dict[Field, ColumnElement[Any]] = {
    ID: documents.c.id,
    TAGS: documents.c.tags,
    CREATE_TIME: documents.c.create_time,
    UPDATE_TIME: documents.c.update_time,
}


class DocumentColumns:
    """Implements `filters.sql.Columns` on the table of documents."""

    def scalar(self, field: Field) -> ColumnElement[Any]:
        """Return the value of `field`, which is no list; NULL when there is none. Times are in microseconds."""
        name = attribute_of(field)
        if not name:
            return _OWN[field]
        value = documents.c.attributes[name]
        match field.type:
            case AttributeType.INT:
                return cast(value.as_string(), BigInteger)
            case AttributeType.DOUBLE:
                # Not by way of text, which keeps 15 digits on SQLite.
                number: ColumnElement[float] = value.as_float()
                return number
            case AttributeType.BOOL:
                truth: ColumnElement[bool] = value.as_boolean()
                return truth
            case AttributeType.TIME:
                return cast(documents.c.attributes[name, "time"].as_string(), BigInteger)
            case _:
                return cast(value.as_string(), IdText)

    def texts(self, field: Field) -> ColumnElement[Any]:
        """Return the list `field` as JSON; NULL when there is none."""
        name = attribute_of(field)
        texts: ColumnElement[Any] = documents.c.attributes[name] if name else _OWN[field]
        return texts

    def tokens(self, field: Field) -> ColumnElement[str]:
        """Return the tokens of `field`; NULL when there are none."""
        tokens: ColumnElement[str] = documents.c.tokens[field.key].as_string()
        return tokens

    def holder(self, field: Field) -> Holder:
        """Return where the values of `field` are, which has no type."""
        return Holder(documents.c.attributes, field.name.removeprefix(PREFIX), self.tokens(field))
