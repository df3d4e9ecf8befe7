"""The fourth format: where files of logical versions are read, and the parts of exports."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the columns and the table."""
    for name in ("origin_connection", "origin_uri"):
        op.add_column("files", sa.Column(name, sa.String, nullable=False, server_default=""))
    op.create_table(
        "export_parts",
        sa.Column("job", INT64, sa.ForeignKey("jobs.key", ondelete="CASCADE"), primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("path", sa.String, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("size_bytes", INT64, nullable=False),
        sa.Column("record_count", INT64, nullable=False),
        sa.Column("last_key", INT64, nullable=False),
    )
