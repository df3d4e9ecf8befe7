"""Brings the database of a store to the format of this release, and refuses a newer one."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError

from sensorium.errors import DataLoss, FailedPrecondition


def bring_up_to_date(engine: Engine, place: Path | str, migrations: Path) -> None:
    """Make or migrate the tables in one transaction; the format stamp is Alembic's revision there.

    Args:
        engine: Opens write transactions.
        place: The database, as messages name it.
        migrations: The folder of Alembic's env.py and versions.

    Raises:
        FailedPrecondition: FILE_UNUSABLE, when a later release wrote it.
        DataLoss: It is no database, or a damaged one.
    """
    try:
        _migrate(engine, str(place), migrations)
    except DatabaseError as error:
        raise DataLoss(f"{place} cannot be read: {error.orig}", metadata={"file": str(place)}) from error


def _migrate(engine: Engine, place: str, migrations: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    with engine.begin() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        if current == scripts.get_current_head():
            return
        if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
            raise FailedPrecondition(
                f"{place} has format {current}, which this release does not know: a later one wrote it",
                metadata={"file": place},
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
