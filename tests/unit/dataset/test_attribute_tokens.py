"""A catalog that is older than filters on attributes is found by them too."""

import json
from pathlib import Path

from sqlalchemy import insert, select, text

from sensorium.dataset.embedded import MIGRATIONS
from sensorium.dataset.file_fields import FIELDS, FileColumns
from sensorium.dataset.tables import datasets, files, versions
from sensorium.filters.parser import parse
from sensorium.filters.sql import condition
from sensorium.storage.engine import open_engine
from sensorium.storage.format import bring_up_to_date

ATTRIBUTES = [
    {"title": "Red-Car", "format": "JPEG"},
    {"title": "red car", "n": 1},
    {"words": ["big RED car", "x"]},
    {"title": "Füße 足"},
]


def test_an_older_catalog_gains_the_tokens_of_its_attributes(tmp_path: Path) -> None:
    file = tmp_path / "dataset.sqlite3"
    engine = open_engine(file, begin="BEGIN IMMEDIATE", connections=1)
    bring_up_to_date(engine, file, MIGRATIONS)
    with engine.begin() as sql:
        for table in (datasets, versions):
            sql.execute(insert(table).values({each.name: 1 for each in table.c} | {"labels": {}}))
        for number, attributes in enumerate(ATTRIBUTES):
            blank = {each.name: "" if each.type.python_type is str else 0 for each in files.c if each.name != "key"}
            mine = {"version": 1, "id": f"f{number}", "uri": f"f{number}", "attributes": attributes}
            sql.execute(insert(files).values(blank | mine | {"tokens": {"tags": " old "}}))
        sql.execute(text("UPDATE alembic_version SET version_num = '0011'"))
    bring_up_to_date(engine, file, MIGRATIONS)
    with engine.begin() as sql:
        kept = sql.execute(select(files.c.tokens).order_by(files.c.key)).scalars().all()
        part = condition(parse('meta.title:"RED car" OR meta.words:"red" OR meta.title:"füsse"', FIELDS), FileColumns())
        found = sql.execute(select(files.c.id).where(part).order_by(files.c.key)).scalars().all()
    engine.dispose()
    assert found == ["f0", "f1", "f2", "f3"]
    assert json.dumps(kept[1]) == '{"tags": " old "}'
    assert kept[0] == {"tags": " old ", "meta.title": " red car "}
