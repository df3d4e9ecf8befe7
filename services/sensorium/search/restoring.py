"""Fills a hidden collection from a snapshot, in SQL."""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert

from sensorium.search import documents as stored_documents
from sensorium.search.collections import HIDDEN
from sensorium.search.snapshot_file import Rows, insert_documents
from sensorium.search.tables import collections
from sensorium.storage import moments

_COPIED = ("description", "model", "model_revision", "dimension", "metric", "attributes")


def begin(connection: Connection, snapshot_row: Mapping[str, Any]) -> tuple[int, str]:
    """Make an empty hidden collection like the one in `snapshot_row`; return its row and its uid."""
    uid, now = uuid.uuid4().hex, moments.now()
    values = {name: snapshot_row[name] for name in _COPIED} | {
        "uid": uid,
        "workspace": HIDDEN,
        "id": uid,
        "etag": uuid.uuid4().hex,
        "create_request": "",
        "create_time": now,
        "update_time": now,
        "document_count": 0,
        "last_seq": 0,
        "pruned_seq": 0,
    }
    key: int = connection.execute(insert(collections).values(values).returning(collections.c.key)).scalar_one()
    return key, uid


def load(connection: Connection, collection: int, rows: Rows) -> None:
    """Add documents as they were, times included, with keys and sequence numbers of this store."""
    first = stored_documents.reserve(connection, len(rows))
    renamed = [dict(row) | {"key": key, "seq": key, "collection": collection} for key, row in enumerate(rows, first)]
    insert_documents(connection, renamed)
    stored_documents.note(connection, collection, first + len(rows) - 1, len(rows), len(rows))
