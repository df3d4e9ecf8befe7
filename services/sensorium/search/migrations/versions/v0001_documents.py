"""The first format: collections, documents, dense vectors and tombstones."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ID_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    _make_collections()
    _make_documents()
    op.create_table(
        "dense_vectors",
        sa.Column(
            "key", INT64, sa.ForeignKey("documents.key", ondelete="CASCADE"), primary_key=True, autoincrement=False
        ),
        sa.Column("components", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "tombstones",
        sa.Column("seq", INT64, primary_key=True, autoincrement=False),
        sa.Column("collection", INT64, sa.ForeignKey("collections.key"), nullable=False),
        sa.Column("key", INT64, nullable=False),
        sa.Column("id", ID_TEXT, nullable=False),
    )
    op.create_index("tombstones_by_seq", "tombstones", ["collection", "seq"])
    op.create_index("tombstones_by_key", "tombstones", ["key"])


def _make_collections() -> None:
    sequence = op.create_table(
        "sequence", sa.Column("name", sa.String, primary_key=True), sa.Column("last", INT64, nullable=False)
    )
    op.bulk_insert(sequence, [{"name": "changes", "last": 0}])
    op.create_table(
        "collections",
        sa.Column("key", INT64, primary_key=True, autoincrement=True),
        sa.Column("uid", sa.String, nullable=False, unique=True),
        sa.Column("workspace", ID_TEXT, nullable=False),
        sa.Column("id", ID_TEXT, nullable=False),
        sa.Column("description", sa.String, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("model_revision", sa.String, nullable=False),
        sa.Column("dimension", sa.Integer, nullable=False),
        sa.Column("metric", sa.String, nullable=False),
        sa.Column("attributes", sa.JSON, nullable=False),
        sa.Column("etag", sa.String, nullable=False),
        sa.Column("create_request", sa.String, nullable=False),
        sa.Column("create_time", INT64, nullable=False),
        sa.Column("update_time", INT64, nullable=False),
        sa.Column("delete_time", INT64),
        sa.Column("document_count", INT64, nullable=False),
        sa.Column("last_seq", INT64, nullable=False),
        sa.Column("pruned_seq", INT64, nullable=False),
    )
    alive = sa.text("delete_time IS NULL")
    op.create_index(
        "collections_by_name",
        "collections",
        ["workspace", "id"],
        unique=True,
        sqlite_where=alive,
        postgresql_where=alive,
    )


def _make_documents() -> None:
    op.create_table(
        "documents",
        sa.Column("key", INT64, primary_key=True, autoincrement=False),
        sa.Column("collection", INT64, sa.ForeignKey("collections.key"), nullable=False),
        sa.Column("id", ID_TEXT, nullable=False),
        sa.Column("seq", INT64, nullable=False),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.Column("attributes", sa.JSON, nullable=False),
        sa.Column("create_time", INT64, nullable=False),
        sa.Column("update_time", INT64, nullable=False),
    )
    op.create_index("documents_by_id", "documents", ["collection", "id"], unique=True)
    op.create_index("documents_by_seq", "documents", ["collection", "seq"])
