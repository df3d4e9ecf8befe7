"""Gives new SQLite databases the tables that migrations made once, for tests open a thousand of them."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Lock

from sqlalchemy import Engine, create_engine, inspect

Migrate = Callable[[Engine, str, Path], None]


class MigratedOnce:
    """Stands in for `sensorium.storage.format._migrate`, which it runs on every database, be it to change nothing.

    Args:
        migrate: What it stands in for.
        folder: Keeps one migrated database for each folder of migrations.
    """

    def __init__(self, migrate: Migrate, folder: Path) -> None:
        self._migrate = migrate
        self._folder = folder
        self._made: dict[Path, Path] = {}
        self._turn = Lock()

    def __call__(self, engine: Engine, place: str, migrations: Path) -> None:
        if engine.dialect.name == "sqlite" and not inspect(engine).get_table_names():
            self._copy(self._template(migrations), engine)
        self._migrate(engine, place, migrations)

    def _template(self, migrations: Path) -> Path:
        with self._turn:
            if migrations not in self._made:
                file = self._folder / f"{len(self._made)}.sqlite3"
                engine = create_engine(f"sqlite:///{file}")
                self._migrate(engine, str(file), migrations)
                engine.dispose()
                self._made[migrations] = file
            return self._made[migrations]

    @staticmethod
    def _copy(template: Path, engine: Engine) -> None:
        with closing(sqlite3.connect(template)) as source, closing(engine.raw_connection()) as target:
            source.backup(target.driver_connection)  # type: ignore[arg-type]
