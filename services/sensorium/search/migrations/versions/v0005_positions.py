"""The fifth format: where a re-embedding goes on."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column."""
    op.add_column("jobs", sa.Column("position", sa.String, nullable=False, server_default=""))
