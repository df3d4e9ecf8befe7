"""What the store says of the documents that satisfy a filter, in SQL."""

from sqlalchemy import ColumnElement, Connection, func, select, true

from sensorium.filters.sql import condition
from sensorium.filters.tree import EVERYTHING, Filter
from sensorium.search.collections import StoredCollection
from sensorium.search.filter_columns import DocumentColumns
from sensorium.search.tables import documents


def satisfying(stored: StoredCollection, part: Filter) -> ColumnElement[bool]:
    """Return the condition for the documents of a collection that satisfy `part`."""
    mine: ColumnElement[bool] = documents.c.collection == stored.key
    return mine if part == EVERYTHING else mine & condition(part, DocumentColumns())


def alike(part: Filter) -> ColumnElement[bool]:
    """Return the condition for documents that are found by their keys, which are of one collection anyway.

    Named beside the keys, the collection would tempt the database to walk through all of it.
    """
    return true() if part == EVERYTHING else condition(part, DocumentColumns())


def count(connection: Connection, stored: StoredCollection, part: Filter) -> int:
    """Return how many documents satisfy `part`."""
    if part == EVERYTHING:
        return stored.collection.document_count
    counted = select(func.count()).select_from(documents).where(satisfying(stored, part))
    return connection.execute(counted).scalar_one()
