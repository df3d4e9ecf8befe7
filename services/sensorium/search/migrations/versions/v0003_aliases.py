"""The third format: aliases, and the request that changed a collection last."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_IdText = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_Int64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the column and the table."""
    op.add_column("collections", sa.Column("update_request", sa.String, nullable=False, server_default=""))
    op.create_table(
        "aliases",
        sa.Column("workspace", _IdText, primary_key=True),
        sa.Column("id", _IdText, primary_key=True),
        sa.Column("collection", _Int64, sa.ForeignKey("collections.key"), nullable=False),
        sa.Column("update_time", _Int64, nullable=False),
    )
    op.create_index("aliases_by_collection", "aliases", ["collection"])
