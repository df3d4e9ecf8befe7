"""What an earlier release had begun to copy when it was stopped goes when this one opens its catalog."""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from catalog_files import file
from sqlalchemy import Connection, insert, select

from sensorium.dataset.embedded import MIGRATIONS
from sensorium.dataset.files import _NEW
from sensorium.dataset.tables import datasets, files, versions
from sensorium.storage.engine import open_engine
from sensorium.storage.format import bring_up_to_date

REVISION = "0011"
TEXTS = ("uri", "connection", "description", "etag")


def upgraded_to_before(sql: Connection) -> None:
    """Make the tables as they were before versions said how far their copies are."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = sql
    before = ScriptDirectory.from_config(config).get_revision(REVISION).down_revision
    command.upgrade(config, str(before))


def fill(sql: Connection) -> None:
    """Write a dataset with a version of two files, and a copy of it that has one so far."""
    texts: dict[str, Any] = {**dict.fromkeys(TEXTS, ""), "labels": {}, "annotations": {}, "create_time": 0}
    names = dict.fromkeys(("display_name", "edition", "data_type", "property", "accessibility"), "")
    whole = {**texts, **names, "key": 1, "workspace": "default", "id": "road", "latest": 1, "update_time": 0}
    sql.execute(insert(datasets).values(whole))
    state = {"dataset": 1, "state": "draft", "size_bytes": 0, "collection": "", "model_connection": ""}
    for key, number, count in ((1, 1, 2), (2, -1, 1)):
        row = {**texts, **state, "key": key, "number": number, "file_count": count, "update_time": 0}
        sql.execute(insert(versions).values(row))
        sql.execute(insert(files), [{**_NEW, **file(each), "version": key} for each in range(count)])


def test_a_copy_that_an_earlier_release_left_is_removed(tmp_path: Path) -> None:
    place = tmp_path / "dataset.sqlite3"
    engine = open_engine(place, begin="BEGIN", connections=1)
    with engine.begin() as sql:
        upgraded_to_before(sql)
        fill(sql)
    bring_up_to_date(engine, place, MIGRATIONS)
    with engine.connect() as sql:
        assert sql.execute(select(versions.c.number)).scalars().all() == [1]
        assert sql.execute(select(files.c.version)).scalars().all() == [1, 1]
    engine.dispose()
