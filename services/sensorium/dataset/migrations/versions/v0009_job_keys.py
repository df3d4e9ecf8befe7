"""The key of whoever created a job, whose usage it is."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0007"


def upgrade() -> None:
    """Add the column."""
    op.add_column("jobs", sa.Column("key_id", sa.String, nullable=False, server_default=""))
