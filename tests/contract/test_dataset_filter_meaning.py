"""A filter of files means in SQL, in bitmaps and in the vector engine what it means in plain Python."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import zvec
from filter_samples import LISTS, NUMBERS, TEXTS, WHOLES, filters
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, Row, create_engine, delete, insert, select, text

from sensorium.dataset.bitmaps import attribute_column, loading
from sensorium.dataset.bitmaps.version_bitmaps import OWN, VersionBitmaps
from sensorium.dataset.documents import ATTRIBUTES, document_of, is_in_documents
from sensorium.dataset.file_fields import FIELDS, FileColumns, attributes_in, tokens_of
from sensorium.dataset.tables import files, metadata
from sensorium.filters.bitmaps import divided, matching
from sensorium.filters.inexpressible import Inexpressible
from sensorium.filters.parser import parse
from sensorium.filters.printer import canonical
from sensorium.filters.python import holds
from sensorium.filters.sql import condition
from sensorium.filters.tree import Filter, fields_in, terms_in
from sensorium.model.collection import AttributeType
from sensorium.model.document import AttributeValue
from sensorium.model.embedding import Embedding
from sensorium.search.filter_fields import fields_of, record_of
from sensorium.search.zvec_columns import ZvecColumns
from sensorium.storage.moments import from_micros

PROPERTY = settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
MOMENTS = st.sampled_from([0, 1_767_312_000_000_000]) | st.integers(-(10**12), 10**12)
COUNTS = WHOLES.filter(lambda number: number >= 0)
# Names as callers may choose them; a value may be of any type in any file.
NAMES = ("format", "sample_rate", "frame id", 'a"b', "颜色", "\\", "$x")
ATTRIBUTE_VALUES = TEXTS | WHOLES | NUMBERS | st.booleans() | LISTS.map(list)
META = st.dictionaries(st.sampled_from(NAMES), ATTRIBUTE_VALUES)
ALL_FIELDS = (*FIELDS, *(field for name in NAMES if (field := FIELDS.get(f"meta.{name}"))))


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    name, folder, tags, attributes = draw(TEXTS), draw(TEXTS), list(draw(LISTS)), draw(META)
    return {
        "version": 1,
        "uri": draw(TEXTS),
        "file_name": name,
        "file_dir": folder,
        "file_type": draw(st.sampled_from(["image", "text", "audio"])),
        "content_type": draw(st.sampled_from(["image/png", "text/plain"])),
        "size_bytes": draw(COUNTS),
        "fingerprint": draw(TEXTS),
        "file_create_time": draw(st.none() | MOMENTS),
        "file_update_time": draw(MOMENTS),
        "width": draw(st.integers(0, 3)),
        "height": draw(st.integers(0, 3)),
        "duration_ms": draw(COUNTS),
        "attributes": attributes,
        "tokens": tokens_of(name, folder, tags, attributes),
        "comment": "",
        "status": "ACTIVE",
        "algorithm_tags": list(draw(LISTS)),
        "user_tags": list(draw(LISTS)),
        "deleted_tags": list(draw(LISTS)),
        "tags": tags,
        "tag_update_time": draw(st.none() | MOMENTS),
        "import_job": "",
        "origin_connection": "",
        "origin_uri": "",
        "index_job": draw(st.sampled_from(["", "j1", "j2"])),
        "index_time": draw(st.none() | MOMENTS),
        "index_of": "x",
        "create_time": 0,
        "update_time": 0,
    }


ROWS = st.lists(rows(), min_size=1, max_size=6).map(
    lambda made: [{**each, "id": f"f{place}", "uri": f"{place}{each['uri']}"} for place, each in enumerate(made)]
)


def record(row: Mapping[str, Any]) -> dict[str, AttributeValue]:
    """Return the values of a file by the keys of fields, straight from what was written."""
    found: dict[str, AttributeValue] = {}
    for field in ALL_FIELDS:
        group, _, name = field.key.partition(".")
        value = row["attributes"].get(name) if group == "meta" else row[field.key]
        match field.type, value:
            case _, None:
                continue
            case None, list():
                found[field.key] = tuple(value)
            case _, "" if field.name == "index_job":
                continue
            case AttributeType.TIME, _:
                found[field.key] = from_micros(value)
            case AttributeType.STRING_LIST, _:
                found[field.key] = tuple(value)
            case _:
                found[field.key] = value
    return found


def meant(part: Filter, made: list[dict[str, Any]]) -> set[str]:
    return {each["id"] for each in made if holds(part, record(each))}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    here = request.param == "sqlite"
    engine = create_engine("sqlite://" if here else request.getfixturevalue("postgres").database())
    metadata.create_all(engine)
    if not here:  # The files of these samples have no version.
        with engine.begin() as sql:
            sql.execute(text("ALTER TABLE files DROP CONSTRAINT files_version_fkey"))
    yield engine
    engine.dispose()


def stored(engine: Engine, made: list[dict[str, Any]]) -> list[Row[Any]]:
    with engine.begin() as sql:
        sql.execute(delete(files))
        sql.execute(insert(files), made)
        return list(sql.execute(select(files).order_by(files.c.key)))


@PROPERTY
@given(made=ROWS, parts=st.lists(filters(ALL_FIELDS), min_size=1, max_size=5))
def test_sql_and_search_documents_mean_what_python_means(
    engine: Engine, made: list[dict[str, Any]], parts: list[Filter]
) -> None:
    documents = [document_of(row, Embedding()) for row in stored(engine, made)]
    with engine.connect() as sql:
        for part in parts:
            expected = meant(part, made)
            found = sql.execute(select(files.c.id).where(condition(part, FileColumns()))).scalars()
            assert set(found) == expected
            # The search service reads the canonical form with the fields that its collection declares.
            known, rest = divided(part, is_in_documents)
            sent = parse(canonical(known), fields_of(ATTRIBUTES))
            assert {each.id for each in documents if holds(sent, record_of(each))} & meant(rest, made) == expected


@pytest.mark.parametrize("most", [attribute_column.MOST_TEXTS, 0], ids=["of texts", "of hashes"])
@PROPERTY
@given(made=ROWS, parts=st.lists(filters(ALL_FIELDS), min_size=1, max_size=5))
def test_bitmaps_mean_what_python_means(
    engine: Engine, made: list[dict[str, Any]], parts: list[Filter], most: int
) -> None:
    ids = [row.id for row in stored(engine, made)]
    bitmaps = VersionBitmaps()
    with engine.connect() as sql, pytest.MonkeyPatch.context() as patch:
        patch.setattr(attribute_column, "MOST_TEXTS", most)
        loading.fill(sql, 1, bitmaps)
        loading.fill_attributes(sql, 1, bitmaps, [f"meta.{name}" for name in NAMES])
    for part in parts:
        answered, rest = divided(part, bitmaps.covers)
        assert not most or not attributes_in(rest) or {each.key for each in fields_in(rest)} & OWN
        for term in terms_in(rest):
            if bitmaps.covers(term):
                continue
            assert {ids[at] for at in bitmaps.among(term)} >= meant(term, made)
        found = {ids[at] for at in matching(answered, bitmaps)}
        assert found == meant(answered, made)
        assert found & meant(rest, made) == meant(part, made)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@settings(PROPERTY, max_examples=6)
@given(made=ROWS, parts=st.lists(filters(ALL_FIELDS), min_size=5, max_size=20))
def test_the_vector_engine_means_what_python_means(
    engine: Engine, made: list[dict[str, Any]], parts: list[Filter]
) -> None:
    columns = ZvecColumns(ATTRIBUTES)
    directory = Path(tempfile.mkdtemp())
    schema = zvec.CollectionSchema(
        "documents",
        fields=columns.schemas(),
        vectors=zvec.VectorSchema("v", zvec.DataType.VECTOR_FP32, 1, zvec.HnswIndexParam(zvec.MetricType.L2)),
    )
    collection = zvec.create_and_open(str(directory / "zvec"), schema)
    try:
        documents = [document_of(row, Embedding()) for row in stored(engine, made)]
        collection.insert(
            [zvec.Doc(id=each.id, vectors={"v": [1.0]}, fields=columns.values(record_of(each))) for each in documents]
        )
        for whole in parts:
            part, _ = divided(whole, is_in_documents)
            try:
                expression = columns.filters.expression(parse(canonical(part), fields_of(ATTRIBUTES)))
            except Inexpressible as error:
                event(str(error))
                continue
            found = {hit.id for hit in collection.query(filter=expression, topk=100, output_fields=[])}
            assert found == meant(part, made), expression
    finally:
        collection.close()
        shutil.rmtree(directory)
