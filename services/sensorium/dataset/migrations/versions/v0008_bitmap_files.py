"""The files that bitmaps are kept in, so that a start need not make them anew; an index of deleted files."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0009"  # Which came first, and is in use.

INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ID_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the table and the index."""
    version = sa.ForeignKey("versions.key", ondelete="CASCADE")
    op.create_table(
        "bitmap_files",
        sa.Column("version", INT64, version, primary_key=True, autoincrement=False),
        sa.Column("worker", ID_TEXT, primary_key=True),
        sa.Column("format", sa.String, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("change", INT64, nullable=False),
    )
    deleted = sa.text("status = 'DELETED'")
    op.create_index("files_deleted", "files", ["version", "uri"], sqlite_where=deleted, postgresql_where=deleted)
