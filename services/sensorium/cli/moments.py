"""Moments as people write them in options: a while from now, or a date."""

from datetime import UTC, datetime, timedelta

from sensorium.errors import InvalidArgument

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def moment(when: str, option: str, *, past: bool = False) -> datetime:
    """Read `90d` as the moment 90 days from now, or ago, or a moment in ISO 8601, in UTC unless it says otherwise.

    Raises:
        InvalidArgument: It is neither; names `option`.
    """
    count, unit = when[:-1], _UNITS.get(when[-1:])
    try:
        if unit and count.isdecimal():
            return datetime.now(UTC) + (-1 if past else 1) * int(count) * unit
        read = datetime.fromisoformat(when)
    except (ValueError, OverflowError):
        raise InvalidArgument(f"{option} {when!r} is neither like 30m, 12h or 90d nor a date in ISO 8601") from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)
