"""The tokens of attributes, which filters look for; what stands here was written before they could."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from sensorium.filters.tokens import stored_tokens, tokenized_list

revision = "0012"
down_revision = "0011"

_BATCH = 2000
_FILES = sa.table(
    "files", sa.column("key", sa.BigInteger), sa.column("attributes", sa.JSON), sa.column("tokens", sa.JSON)
)


def upgrade() -> None:
    """Add the tokens of texts that are not plain; few are."""
    sql, after = op.get_bind(), 0
    change = sa.update(_FILES).where(_FILES.c.key == sa.bindparam("changed"))
    while True:
        some = sa.select(_FILES).where(_FILES.c.key > after).order_by(_FILES.c.key).limit(_BATCH)
        rows = sql.execute(some).all()
        found = [(row, tokens) for row in rows if (tokens := _tokens(row.attributes))]
        if found:
            sql.execute(change, [{"changed": row.key, "tokens": {**row.tokens, **tokens}} for row, tokens in found])
        if not rows:
            return
        after = rows[-1].key


def _tokens(attributes: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in attributes.items():
        match value:
            case str() if (tokens := stored_tokens(value)) is not None:
                found[f"meta.{name}"] = tokens
            case list():
                found[f"meta.{name}"] = tokenized_list(value)
    return found
