"""The sixth format: the connection whose model embeds the files of a version."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column."""
    op.add_column("versions", sa.Column("model_connection", sa.String, nullable=False, server_default=""))
