"""The tables of the search store, so that every statement is checked against one description.

A *key* names one version of a document's vectors, for ever: an upsert gives the document a new key, so whatever an
index holds under a key never changes. A *sequence number* orders all changes of the store. A document carries that of
its last change; a key that is no longer valid leaves a tombstone with one of its own. An index that has applied all
up to some number therefore needs only what carries a higher one (docs/storage.md).
"""

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table, text

# SQLite makes a column its row id only when it is declared INTEGER.
Int64 = BigInteger().with_variant(Integer(), "sqlite")
# Ids sort by their UTF-8 bytes, on SQLite by itself.
IdText = String().with_variant(String(collation="C"), "postgresql")

metadata = MetaData()

sequence = Table("sequence", metadata, Column("name", String, primary_key=True), Column("last", Int64, nullable=False))

collections = Table(
    "collections",
    metadata,
    Column("key", Int64, primary_key=True, autoincrement=True),
    Column("uid", String, nullable=False, unique=True),
    Column("workspace", IdText, nullable=False),
    Column("id", IdText, nullable=False),
    Column("description", String, nullable=False),
    Column("model", String, nullable=False),
    Column("model_revision", String, nullable=False),
    Column("dimension", Integer, nullable=False),
    Column("metric", String, nullable=False),
    Column("attributes", JSON, nullable=False),
    Column("etag", String, nullable=False),
    Column("create_request", String, nullable=False),
    Column("update_request", String, nullable=False, server_default=""),
    Column("create_time", Int64, nullable=False),
    Column("update_time", Int64, nullable=False),
    Column("delete_time", Int64),
    Column("document_count", Int64, nullable=False),
    Column("last_seq", Int64, nullable=False),
    Column("pruned_seq", Int64, nullable=False),
    # Which of the indexes that were made of it is at work.
    Column("index_generation", Integer, nullable=False, server_default="0"),
    Index(
        "collections_by_name",
        "workspace",
        "id",
        unique=True,
        sqlite_where=text("delete_time IS NULL"),
        postgresql_where=text("delete_time IS NULL"),
    ),
)

# Collections that are not deleted and aliases share their ids.
aliases = Table(
    "aliases",
    metadata,
    Column("workspace", IdText, primary_key=True),
    Column("id", IdText, primary_key=True),
    Column("collection", Int64, ForeignKey("collections.key"), nullable=False),
    Column("update_time", Int64, nullable=False),
    Index("aliases_by_collection", "collection"),
)

documents = Table(
    "documents",
    metadata,
    Column("key", Int64, primary_key=True, autoincrement=False),
    Column("collection", Int64, ForeignKey("collections.key"), nullable=False),
    Column("id", IdText, nullable=False),
    Column("seq", Int64, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("attributes", JSON, nullable=False),
    # The tokens of tags and declared texts, by the keys of fields, for filters.
    Column("tokens", JSON, nullable=False, server_default="{}"),
    Column("create_time", Int64, nullable=False),
    Column("update_time", Int64, nullable=False),
    Index("documents_by_id", "collection", "id", unique=True),
    Index("documents_by_seq", "collection", "seq"),
)

dense_vectors = Table(
    "dense_vectors",
    metadata,
    Column("key", Int64, ForeignKey("documents.key", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("components", LargeBinary, nullable=False),
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("seq", Int64, primary_key=True, autoincrement=False),
    Column("collection", Int64, ForeignKey("collections.key"), nullable=False),
    Column("key", Int64, nullable=False),
    Column("id", IdText, nullable=False),
    Index("tombstones_by_seq", "collection", "seq"),
    Index("tombstones_by_key", "key"),
)

# Snapshots outlive their collections, so they are known by names.
snapshots = Table(
    "snapshots",
    metadata,
    Column("workspace", IdText, primary_key=True),
    Column("collection", IdText, primary_key=True),
    Column("id", IdText, primary_key=True),
    Column("document_count", Int64, nullable=False),
    Column("size_bytes", Int64, nullable=False),
    Column("sha256", String, nullable=False),
    Column("create_time", Int64, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("key", Int64, primary_key=True, autoincrement=True),
    Column("workspace", IdText, nullable=False),
    Column("collection", IdText, nullable=False),
    Column("id", IdText, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("work", JSON, nullable=False),
    Column("state", String, nullable=False),
    Column("done_count", Int64, nullable=False),
    Column("total_count", Int64, nullable=False),
    Column("failed_count", Int64, nullable=False),
    Column("error", JSON),
    Column("create_request", String, nullable=False),
    Column("create_time", Int64, nullable=False),
    Column("end_time", Int64),
    # Where whoever drives a re-embedding goes on.
    Column("position", String, nullable=False, server_default=""),
    Index("jobs_by_collection", "workspace", "collection", "key"),
)
