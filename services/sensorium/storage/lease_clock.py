"""The clock that leases run by: the database's own where processes of several machines share one."""

from sqlalchemy import BigInteger, Connection, cast, extract, func, select

from sensorium.storage import moments


def now(sql: Connection) -> int:
    """Return the present moment in microseconds since 1970, in UTC."""
    if sql.dialect.name != "postgresql":
        return moments.now()
    micros = cast(extract("epoch", func.clock_timestamp()) * 1_000_000, BigInteger)
    return int(sql.execute(select(micros)).scalar_one())
