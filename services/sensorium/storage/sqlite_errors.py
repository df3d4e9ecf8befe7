"""Says in our own errors what SQLite could not do with a small store's file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DatabaseError, OperationalError

from sensorium.errors import DataLoss, Unavailable


@contextmanager
def sqlite_errors(file: Path, backend: str) -> Iterator[None]:
    """Raise our own errors for those of SQLite and of the file system.

    Args:
        file: The store's file, as messages name it.
        backend: What the store is called: "key store".

    Raises:
        Unavailable: A full disk, a file that went away, a lock that does not end.
        DataLoss: The file is damaged.
    """
    try:
        yield
    except OperationalError as error:
        raise Unavailable(f"{file}: {error.orig}", metadata={"backend": backend}) from error
    except DatabaseError as error:
        raise DataLoss(f"{file}: {error.orig}", metadata={"file": str(file)}) from error
    except OSError as error:
        raise Unavailable(f"{file}: {error}", metadata={"backend": backend}) from error
