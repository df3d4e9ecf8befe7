"""The second format: the tokens of tags and declared texts, which filters compare."""

import sqlalchemy as sa
from alembic import op

from sensorium.model.collection import AttributeField, AttributeType
from sensorium.search.token_json import tokens_to_json

revision = "0002"
down_revision = "0001"

CHUNK = 1000
documents = sa.table(
    "documents",
    sa.column("key", sa.BigInteger),
    sa.column("collection", sa.BigInteger),
    sa.column("tags", sa.JSON),
    sa.column("attributes", sa.JSON),
    sa.column("tokens", sa.JSON),
)
collections = sa.table("collections", sa.column("key", sa.BigInteger), sa.column("attributes", sa.JSON))


def upgrade() -> None:
    """Add the column, and fill it."""
    op.add_column("documents", sa.Column("tokens", sa.JSON, nullable=False, server_default="{}"))
    for row in op.get_bind().execute(sa.select(collections)).all():
        _fill(row.key, [AttributeField(name, AttributeType(kind)) for name, kind in row.attributes.items()])


def _fill(collection: int, declared: list[AttributeField]) -> None:
    after = -1
    mine = sa.select(documents.c.key, documents.c.tags, documents.c.attributes).order_by(documents.c.key).limit(CHUNK)
    change = sa.update(documents).where(documents.c.key == sa.bindparam("changed"))
    while (
        rows := op.get_bind().execute(mine.where(documents.c.collection == collection, documents.c.key > after)).all()
    ):
        found = [(row.key, tokens_to_json(row.tags, row.attributes, declared)) for row in rows]
        if filled := [{"changed": key, "tokens": tokens} for key, tokens in found if tokens]:
            op.get_bind().execute(change, filled)
        after = rows[-1].key
