"""The tables of usage, so that every statement is checked against one description."""

from sqlalchemy import BigInteger, Column, Double, Integer, MetaData, String, Table

Int64 = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData()


def _places() -> tuple[Column[object], ...]:
    """Return the columns that say whose usage a row is; `start_time` is an hour's, in microseconds since 1970."""
    return (
        Column("start_time", Int64, primary_key=True, autoincrement=False),
        Column("workspace", String, primary_key=True),
        Column("key_id", String, primary_key=True),
        Column("model", String, primary_key=True),
    )


calls = Table(
    "calls",
    metadata,
    *_places(),
    Column("call_count", Int64, nullable=False),
    Column("token_count", Int64, nullable=False),
)

modalities = Table(
    "modalities",
    metadata,
    *_places(),
    Column("modality", String, primary_key=True),
    Column("weight", Double, primary_key=True),
    Column("measure", Double, nullable=False),
)
