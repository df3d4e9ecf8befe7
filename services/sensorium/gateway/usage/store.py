"""Keeps usage in an SQLite file of its own, for keys are read again whenever theirs changes.

Sums are added to what is there, so that several gateways may share the file.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Engine, Table
from sqlalchemy.dialects.sqlite import insert

from sensorium.gateway.usage import reading
from sensorium.gateway.usage.tables import calls, modalities
from sensorium.gateway.usage.tally import Account, Tally
from sensorium.model.search import Page
from sensorium.model.usage import UsageQuery, UsageRecord
from sensorium.storage.engine import open_engine
from sensorium.storage.format import bring_up_to_date
from sensorium.storage.sqlite_errors import sqlite_errors

STORE_FILE = "usage.sqlite3"
MIGRATIONS = Path(__file__).parent / "migrations"


class UsageStore:
    """The usage in one file, open while its context is. Its methods block; threads take turns.

    Args:
        file: The SQLite file; made when it does not exist.

    Raises (on entering):
        FailedPrecondition: FILE_UNUSABLE: a later release wrote the file.
        DataLoss: It is damaged.
        Unavailable: It cannot be opened.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._resources = ExitStack()
        self._turn = Lock()
        self._writing: Engine
        self._reading: Engine

    def __enter__(self) -> Self:
        with ExitStack() as resources, self._explained():
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._writing = open_engine(self._file, begin="BEGIN IMMEDIATE", connections=1)
            resources.callback(self._writing.dispose)
            bring_up_to_date(self._writing, self._file, MIGRATIONS)
            self._reading = open_engine(self._file, begin="BEGIN", connections=1)
            resources.callback(self._reading.dispose)
            self._resources = resources.pop_all()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        with self._turn:
            self._resources.close()

    def add(self, tally: Tally) -> None:
        """Add sums to those that are kept, all or none."""
        with self._turn, self._explained(), self._writing.begin() as connection:
            for table, rows in ((calls, _call_rows(tally)), (modalities, _modality_rows(tally))):
                if rows:
                    connection.execute(_adding(table), rows)

    def page(self, query: UsageQuery, page_size: int, page_token: str) -> Page[UsageRecord]:
        """Return a page of what was consumed, by time, workspace, key and model.

        Raises:
            InvalidArgument: The size is negative; PAGE_TOKEN_INVALID.
        """
        with self._turn, self._explained(), self._reading.begin() as connection:
            return reading.page(connection, query, page_size, page_token)

    def _explained(self) -> AbstractContextManager[None]:
        return sqlite_errors(self._file, "usage store")


def _adding(table: Table) -> Any:
    """Return the statement that adds rows to those of the same accounts."""
    given = insert(table)
    keys = [column.name for column in table.primary_key]
    sums = {column.name: column + given.excluded[column.name] for column in table.columns if not column.primary_key}
    return given.on_conflict_do_update(index_elements=keys, set_=sums)


def _call_rows(tally: Tally) -> Sequence[dict[str, object]]:
    return [{**_place(account), "call_count": each.calls, "token_count": each.tokens} for account, each in tally]


def _modality_rows(tally: Tally) -> Sequence[dict[str, object]]:
    return [
        {**_place(account), "modality": modality.value, "weight": weight, "measure": measure}
        for account, each in tally
        for (modality, weight), measure in each.measures.items()
    ]


def _place(account: Account) -> dict[str, object]:
    return {
        "start_time": account.start,
        "workspace": account.workspace,
        "key_id": account.key_id,
        "model": account.model,
    }
