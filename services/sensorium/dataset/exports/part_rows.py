"""What the catalog says of the parts of exports, in SQL."""

from sqlalchemy import Connection, func, insert, select

from sensorium.dataset.exports.manifest import Part
from sensorium.dataset.tables import export_parts

# Stands for files of which none could be written.
NOTHING = Part("", "", 0, 0)


def place(sql: Connection, job: int) -> tuple[int, int]:
    """Return the number of the next part of a job, and the key of the last file that is in one; 0 for none."""
    row = sql.execute(
        select(func.count(), func.coalesce(func.max(export_parts.c.last_key), 0)).where(export_parts.c.job == job)
    ).one()
    return int(row[0]), int(row[1])


def add(sql: Connection, job: int, number: int, part: Part, last_key: int = 0) -> None:
    """Keep a part."""
    sql.execute(
        insert(export_parts).values(
            job=job,
            number=number,
            path=part.path,
            sha256=part.sha256,
            size_bytes=part.size_bytes,
            record_count=part.record_count,
            last_key=last_key,
        )
    )


def parts(sql: Connection, job: int) -> tuple[Part, ...]:
    """Return the parts of a job, in order."""
    mine = (export_parts.c.job == job) & (export_parts.c.path != NOTHING.path)
    rows = sql.execute(select(export_parts).where(mine).order_by(export_parts.c.number))
    return tuple(Part(row.path, row.sha256, row.size_bytes, row.record_count) for row in rows)


def forget(sql: Connection, job: int) -> None:
    """Take all parts of a job out of the catalog."""
    sql.execute(export_parts.delete().where(export_parts.c.job == job))
