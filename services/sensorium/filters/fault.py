"""The error for a filter that cannot be understood, which points at the place."""

from sensorium.errors import InvalidArgument, Reason


def fault(text: str, position: int, why: str, expected: str = "") -> InvalidArgument:
    """Return the error for the character at `position` of `text`, counted from 0; a place behind the end is its last.

    Its metadata have `column`, counted from 1, and `expected` where that can be said.
    """
    column = max(1, min(position + 1, len(text)))
    wanted = f"; expected {expected}" if expected else ""
    return InvalidArgument(
        f"filter, column {column}: {why}{wanted}",
        reason=Reason.FILTER_INVALID,
        field="filter",
        metadata={"column": str(column)} | ({"expected": expected} if expected else {}),
    )
