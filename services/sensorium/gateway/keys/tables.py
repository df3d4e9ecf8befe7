"""The table of keys, so that every statement is checked against one description."""

from sqlalchemy import JSON, BigInteger, Column, Integer, LargeBinary, MetaData, String, Table

Int64 = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData()

keys = Table(
    "keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("name", String, nullable=False),
    Column("role", String, nullable=False),
    Column("workspace", String, nullable=False),
    Column("collections", JSON, nullable=False),
    Column("requests_per_minute", Int64, nullable=False),
    Column("tokens_per_minute", Int64, nullable=False),
    Column("create_time", Int64, nullable=False),
    Column("expire_time", Int64),
    Column("revoke_time", Int64),
    Column("generation", Integer, nullable=False),
    Column("previous_digest", LargeBinary),
    Column("previous_until", Int64),
)
