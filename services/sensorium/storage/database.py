"""What a store needs of the database below it, whichever that is."""

from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError


class Database(Protocol):
    """One database, told apart from others of its kind by `place`, which messages name."""

    @property
    def place(self) -> str:
        """Where it is, without secrets."""
        ...

    def owned(self) -> AbstractContextManager[object]:
        """Keep others off during the body, where only one process may work. Raises FailedPrecondition."""
        ...

    def writing(self) -> Engine:
        """Return an engine with one connection, whose transactions begin when no other process writes."""
        ...

    def reading(self, connections: int) -> Engine:
        """Return an engine whose transactions see one moment of the database."""
        ...

    def check_space(self) -> None:
        """Refuse a write for which there is no room, where that is known. Raises ResourceExhausted (STORAGE_FULL)."""
        ...

    def is_full(self, error: OperationalError) -> bool:
        """Return whether a statement failed because the disk is full."""
        ...

    def reserved(self, task: str, /) -> AbstractContextManager[bool]:
        """Give whether `task` is this process's during the body, which may be in another thread than its end.

        It is not while another process has it.
        """
        ...
