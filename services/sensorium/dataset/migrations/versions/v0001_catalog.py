"""The first format: datasets, their versions, connections, and what request ids have done."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ID_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    _make_datasets()
    _make_versions()
    _make_connections()
    _make_requests()


def _make_datasets() -> None:
    op.create_table(
        "datasets",
        sa.Column("key", INT64, primary_key=True, autoincrement=True),
        sa.Column("workspace", ID_TEXT, nullable=False),
        sa.Column("id", ID_TEXT, nullable=False),
        sa.Column("latest", sa.Integer, nullable=False),
        sa.Column("display_name", sa.String, nullable=False),
        sa.Column("description", sa.String, nullable=False),
        sa.Column("edition", sa.String, nullable=False),
        sa.Column("data_type", sa.String, nullable=False),
        sa.Column("property", sa.String, nullable=False),
        sa.Column("accessibility", sa.String, nullable=False),
        sa.Column("uri", sa.String, nullable=False),
        sa.Column("connection", sa.String, nullable=False),
        sa.Column("labels", sa.JSON, nullable=False),
        sa.Column("annotations", sa.JSON, nullable=False),
        sa.Column("etag", sa.String, nullable=False),
        sa.Column("create_time", INT64, nullable=False),
        sa.Column("update_time", INT64, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("datasets_by_name", "datasets", ["workspace", "id"], unique=True)


def _make_versions() -> None:
    op.create_table(
        "versions",
        sa.Column("key", INT64, primary_key=True, autoincrement=True),
        sa.Column("dataset", INT64, sa.ForeignKey("datasets.key", ondelete="CASCADE"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("description", sa.String, nullable=False),
        sa.Column("uri", sa.String, nullable=False),
        sa.Column("connection", sa.String, nullable=False),
        sa.Column("labels", sa.JSON, nullable=False),
        sa.Column("annotations", sa.JSON, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("file_count", INT64, nullable=False),
        sa.Column("size_bytes", INT64, nullable=False),
        sa.Column("collection", sa.String, nullable=False),
        sa.Column("etag", sa.String, nullable=False),
        sa.Column("create_time", INT64, nullable=False),
        sa.Column("update_time", INT64, nullable=False),
        sa.Column("publish_time", INT64),
        sqlite_autoincrement=True,
    )
    op.create_index("versions_by_number", "versions", ["dataset", "number"], unique=True)


def _make_connections() -> None:
    op.create_table(
        "connections",
        sa.Column("key", INT64, primary_key=True, autoincrement=True),
        sa.Column("workspace", ID_TEXT, nullable=False),
        sa.Column("id", ID_TEXT, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("description", sa.String, nullable=False),
        sa.Column("configs", sa.JSON, nullable=False),
        sa.Column("secrets", sa.LargeBinary, nullable=False),
        sa.Column("secret_names", sa.JSON, nullable=False),
        sa.Column("models", sa.JSON, nullable=False),
        sa.Column("annotations", sa.JSON, nullable=False),
        sa.Column("etag", sa.String, nullable=False),
        sa.Column("create_time", INT64, nullable=False),
        sa.Column("update_time", INT64, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("connections_by_name", "connections", ["workspace", "id"], unique=True)


def _make_requests() -> None:
    op.create_table(
        "requests",
        sa.Column("workspace", ID_TEXT, primary_key=True),
        sa.Column("request_id", ID_TEXT, primary_key=True),
        sa.Column("mark", sa.String, nullable=False),
        sa.Column("answer", sa.JSON, nullable=False),
        sa.Column("create_time", INT64, nullable=False),
    )
    op.create_index("requests_by_time", "requests", ["create_time"])
