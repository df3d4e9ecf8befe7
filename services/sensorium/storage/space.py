"""Keeps some of a disk free, so that a full one stops writes alone: an index could not go on without any room."""

import shutil
from pathlib import Path

from sensorium.errors import Reason, ResourceExhausted


class Space:
    """The room on the disk of `directory`.

    Args:
        directory: Where the files are; it must exist when it is asked about.
        least: The bytes that are kept free; 0 keeps none.
    """

    def __init__(self, directory: Path, least: int) -> None:
        self._directory = directory
        self._least = least

    def check(self) -> None:
        """Refuse a write that would use what is kept free.

        Raises:
            ResourceExhausted: STORAGE_FULL.
        """
        free = shutil.disk_usage(self._directory).free if self._least else 0
        if free < self._least:
            raise full(
                f"{free} bytes are free on the disk of {self._directory}, {self._least} are kept free", self._least
            )


def full(because: str, least: int = 0) -> ResourceExhausted:
    """Return the error for a write that finds no room. It does not say when to come back: somebody has to make room."""
    return ResourceExhausted(
        f"the disk is full: {because}", reason=Reason.STORAGE_FULL, metadata={"limit": str(least)} if least else None
    )
