"""Times as the store keeps them: whole microseconds since 1970, in UTC."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def now() -> int:
    """Return the present moment in microseconds."""
    return to_micros(datetime.now(UTC))


def to_micros(moment: datetime) -> int:
    """Return the microseconds of `moment`, which must name its zone."""
    return (moment - EPOCH) // MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the moment of `micros`, in UTC."""
    return EPOCH + timedelta(microseconds=micros)
