"""The first format: keys."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "keys",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("workspace", sa.String, nullable=False),
        sa.Column("collections", sa.JSON, nullable=False),
        sa.Column("requests_per_minute", INT64, nullable=False),
        sa.Column("tokens_per_minute", INT64, nullable=False),
        sa.Column("create_time", INT64, nullable=False),
        sa.Column("expire_time", INT64),
        sa.Column("revoke_time", INT64),
    )
