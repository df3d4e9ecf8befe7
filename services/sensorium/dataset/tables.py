"""The tables of the catalog, so that every statement is checked against one description.

A dataset is a row that names its latest version; versions hold files. `requests` keeps for a day what a request id has
done. Secrets are stored as one encrypted text for each connection.
"""

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table

# SQLite makes a column its row id only when it is declared INTEGER.
Int64 = BigInteger().with_variant(Integer(), "sqlite")
# Ids sort by their UTF-8 bytes, on SQLite by itself.
IdText = String().with_variant(String(collation="C"), "postgresql")

metadata = MetaData()

datasets = Table(
    "datasets",
    metadata,
    Column("key", Int64, primary_key=True, autoincrement=True),
    Column("workspace", IdText, nullable=False),
    Column("id", IdText, nullable=False),
    Column("latest", Integer, nullable=False),
    Column("display_name", String, nullable=False),
    Column("description", String, nullable=False),
    Column("edition", String, nullable=False),
    Column("data_type", String, nullable=False),
    Column("property", String, nullable=False),
    Column("accessibility", String, nullable=False),
    Column("uri", String, nullable=False),
    Column("connection", String, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("annotations", JSON, nullable=False),
    Column("etag", String, nullable=False),
    Column("create_time", Int64, nullable=False),
    Column("update_time", Int64, nullable=False),
    Index("datasets_by_name", "workspace", "id", unique=True),
    sqlite_autoincrement=True,  # A key is never given to a later dataset, for request ids remember it.
)

versions = Table(
    "versions",
    metadata,
    Column("key", Int64, primary_key=True, autoincrement=True),
    Column("dataset", Int64, ForeignKey("datasets.key", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("description", String, nullable=False),
    Column("uri", String, nullable=False),
    Column("connection", String, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("annotations", JSON, nullable=False),
    Column("state", String, nullable=False),
    Column("file_count", Int64, nullable=False),
    Column("size_bytes", Int64, nullable=False),
    Column("collection", String, nullable=False),
    Column("etag", String, nullable=False),
    Column("create_time", Int64, nullable=False),
    Column("update_time", Int64, nullable=False),
    Column("publish_time", Int64),
    Index("versions_by_number", "dataset", "number", unique=True),
    sqlite_autoincrement=True,
)

connections = Table(
    "connections",
    metadata,
    Column("key", Int64, primary_key=True, autoincrement=True),
    Column("workspace", IdText, nullable=False),
    Column("id", IdText, nullable=False),
    Column("kind", String, nullable=False),
    Column("description", String, nullable=False),
    Column("configs", JSON, nullable=False),
    Column("secrets", LargeBinary, nullable=False),
    Column("secret_names", JSON, nullable=False),
    Column("models", JSON, nullable=False),
    Column("annotations", JSON, nullable=False),
    Column("etag", String, nullable=False),
    Column("create_time", Int64, nullable=False),
    Column("update_time", Int64, nullable=False),
    Index("connections_by_name", "workspace", "id", unique=True),
    sqlite_autoincrement=True,
)

requests = Table(
    "requests",
    metadata,
    Column("workspace", IdText, primary_key=True),
    Column("request_id", IdText, primary_key=True),
    Column("mark", String, nullable=False),
    Column("answer", JSON, nullable=False),
    Column("create_time", Int64, nullable=False),
    Index("requests_by_time", "create_time"),
)
