"""Gives every call a deadline, so that nothing is worked on for ever."""


def allowed_seconds(asked: float | None, most: float) -> float:
    """Return the seconds that a call may take: what its caller asked for, at most `most`; `most` when it did not."""
    return most if asked is None or asked > most else asked
