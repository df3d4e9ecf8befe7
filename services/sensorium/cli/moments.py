"""Moments and durations as people write them in options: a while, or a date."""

from datetime import UTC, datetime, timedelta

from sensorium.errors import InvalidArgument

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def moment(when: str, option: str, *, past: bool = False) -> datetime:
    """Read `90d` as the moment 90 days from now, or ago, or a moment in ISO 8601, in UTC unless it says otherwise.

    Raises:
        InvalidArgument: It is neither; names `option`.
    """
    try:
        away = _duration(when)
        if away is not None:
            return datetime.now(UTC) + (-away if past else away)
        read = datetime.fromisoformat(when)
    except (ValueError, OverflowError):
        raise InvalidArgument(f"{option} {when!r} is neither like 30m, 12h or 90d nor a date in ISO 8601") from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def duration(text: str, option: str) -> timedelta:
    """Read `12h`; at most ten years. Raises InvalidArgument, which names `option`."""
    try:
        read = _duration(text)
    except OverflowError:
        read = None
    if read is None or read > timedelta(days=3660):
        raise InvalidArgument(f"{option} {text!r} is not like 30m, 12h or 90d")
    return read


def _duration(text: str) -> timedelta | None:
    count, unit = text[:-1], _UNITS.get(text[-1:])
    return int(count) * unit if unit and count.isdecimal() else None
