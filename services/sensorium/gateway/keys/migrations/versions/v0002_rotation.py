"""The second format: secrets that were replaced, and are good for a while yet."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the columns."""
    op.add_column("keys", sa.Column("generation", sa.Integer, nullable=False, server_default="0"))
    op.add_column("keys", sa.Column("previous_digest", sa.LargeBinary))
    op.add_column("keys", sa.Column("previous_until", INT64))
