"""How many items a request may bring."""

from sensorium.errors import InvalidArgument, Reason


def check_count(field: str, count: int, most: int) -> None:
    """Refuse no items, and too many.

    Raises:
        InvalidArgument: FIELD_INVALID or TOO_MANY_ITEMS; names `field`.
    """
    if not count:
        raise InvalidArgument(f"{field}: at least one is needed", field=field)
    if count > most:
        raise InvalidArgument(
            f"{field}: {count} are given, the limit is {most}",
            reason=Reason.TOO_MANY_ITEMS,
            field=field,
            metadata={"limit": str(most), "actual": str(count)},
        )


def check_excluded(field: str, count: int, other: str) -> None:
    """Refuse items beside what excludes them.

    Raises:
        InvalidArgument: Names `field`.
    """
    if count:
        raise InvalidArgument(f"{field}: {count} are given beside {other}", field=field)
