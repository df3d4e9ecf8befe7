"""Reads the PEM files of TLS, and tells when they were written."""

from pathlib import Path

from sensorium.errors import FailedPrecondition


def content(file: Path | None) -> bytes | None:
    """Return what is in a file; None for none. Raises FailedPrecondition: FILE_UNUSABLE."""
    try:
        return file.read_bytes() if file else None
    except OSError as error:
        raise _unusable(file, error) from error


def written(file: Path | None) -> int:
    """Return when a file was written, in nanoseconds; 0 for none. Raises FailedPrecondition: FILE_UNUSABLE."""
    try:
        return file.stat().st_mtime_ns if file else 0
    except OSError as error:
        raise _unusable(file, error) from error


def _unusable(file: Path | None, error: OSError) -> FailedPrecondition:
    return FailedPrecondition(f"{file} cannot be read: {error.strerror}", metadata={"file": str(file)})
