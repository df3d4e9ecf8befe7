"""The tables of shared rates, so that every statement is checked against one description."""

from sqlalchemy import BigInteger, Column, Double, Integer, MetaData, String, Table

Int64 = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData()

buckets = Table(
    "buckets",
    metadata,
    Column("key_id", String, primary_key=True),
    Column("unit", String, primary_key=True),
    Column("level", Double, nullable=False),
    Column("filled_time", Int64, nullable=False),
)

gateways = Table(
    "gateways",
    metadata,
    Column("id", String, primary_key=True),
    Column("seen_time", Int64, nullable=False),
)
