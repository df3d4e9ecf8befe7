"""The fourth format: jobs, snapshots, and which index of a collection is at work."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_IdText = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_Int64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the column and the tables."""
    op.add_column("collections", sa.Column("index_generation", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "snapshots",
        sa.Column("workspace", _IdText, primary_key=True),
        sa.Column("collection", _IdText, primary_key=True),
        sa.Column("id", _IdText, primary_key=True),
        sa.Column("document_count", _Int64, nullable=False),
        sa.Column("size_bytes", _Int64, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("create_time", _Int64, nullable=False),
    )
    op.create_table(
        "jobs",
        sa.Column("key", _Int64, primary_key=True, autoincrement=True),
        sa.Column("workspace", _IdText, nullable=False),
        sa.Column("collection", _IdText, nullable=False),
        sa.Column("id", _IdText, nullable=False, unique=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("work", sa.JSON, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("done_count", _Int64, nullable=False),
        sa.Column("total_count", _Int64, nullable=False),
        sa.Column("failed_count", _Int64, nullable=False),
        sa.Column("error", sa.JSON),
        sa.Column("create_request", sa.String, nullable=False),
        sa.Column("create_time", _Int64, nullable=False),
        sa.Column("end_time", _Int64),
    )
    op.create_index("jobs_by_collection", "jobs", ["workspace", "collection", "key"])
