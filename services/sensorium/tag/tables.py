"""The tables of the tag store, so that every statement is checked against one description.

A definition is a row that names its latest version; versions are rows that are never changed. What a request id has
made is kept for a day, so that a repeat answers as the first call did.
"""

from sqlalchemy import JSON, BigInteger, Column, Double, ForeignKey, Index, Integer, MetaData, String, Table

# SQLite makes a column its row id only when it is declared INTEGER.
Int64 = BigInteger().with_variant(Integer(), "sqlite")
# Ids sort by their UTF-8 bytes, on SQLite by itself.
IdText = String().with_variant(String(collation="C"), "postgresql")

metadata = MetaData()

definitions = Table(
    "definitions",
    metadata,
    Column("key", Int64, primary_key=True, autoincrement=True),
    Column("workspace", IdText, nullable=False),
    Column("id", IdText, nullable=False),
    Column("latest", Integer, nullable=False),
    Index("definitions_by_name", "workspace", "id", unique=True),
    sqlite_autoincrement=True,  # A key is never given to a later definition, for request ids remember it.
)

versions = Table(
    "versions",
    metadata,
    Column("definition", Int64, ForeignKey("definitions.key", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("display_name", String, nullable=False),
    Column("guide_prompt", String, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("model", String, nullable=False),
    Column("threshold", Double),
    Column("max_tag_count", Integer, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("etag", String, nullable=False),
    Column("create_time", Int64, nullable=False),
)

requests = Table(
    "requests",
    metadata,
    Column("workspace", IdText, primary_key=True),
    Column("request_id", IdText, primary_key=True),
    Column("mark", String, nullable=False),
    Column("definition", Int64, nullable=False),
    Column("version", Integer, nullable=False),
    Column("create_time", Int64, nullable=False),
    Index("requests_by_time", "create_time"),
)
