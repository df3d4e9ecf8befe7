"""The first format: the level of each bucket, and the gateways that are there."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "buckets",
        sa.Column("key_id", sa.String, primary_key=True),
        sa.Column("unit", sa.String, primary_key=True),
        sa.Column("level", sa.Double, nullable=False),
        sa.Column("filled_time", INT64, nullable=False),
    )
    op.create_table(
        "gateways",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("seen_time", INT64, nullable=False),
    )
