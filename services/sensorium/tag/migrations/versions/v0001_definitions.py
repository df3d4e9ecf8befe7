"""The first format: tag definitions, their versions, and what request ids have made."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ID_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "definitions",
        sa.Column("key", INT64, primary_key=True, autoincrement=True),
        sa.Column("workspace", ID_TEXT, nullable=False),
        sa.Column("id", ID_TEXT, nullable=False),
        sa.Column("latest", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("definitions_by_name", "definitions", ["workspace", "id"], unique=True)
    op.create_table(
        "versions",
        sa.Column("definition", INT64, sa.ForeignKey("definitions.key", ondelete="CASCADE"), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("display_name", sa.String, nullable=False),
        sa.Column("guide_prompt", sa.String, nullable=False),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("threshold", sa.Double),
        sa.Column("max_tag_count", sa.Integer, nullable=False),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("etag", sa.String, nullable=False),
        sa.Column("create_time", INT64, nullable=False),
    )
    op.create_table(
        "requests",
        sa.Column("workspace", ID_TEXT, primary_key=True),
        sa.Column("request_id", ID_TEXT, primary_key=True),
        sa.Column("mark", sa.String, nullable=False),
        sa.Column("definition", INT64, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("create_time", INT64, nullable=False),
    )
    op.create_index("requests_by_time", "requests", ["create_time"])
