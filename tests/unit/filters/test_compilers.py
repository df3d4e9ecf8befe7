"""Every compiler gives a filter the meaning that plain Python gives it, and filters read back as they print."""

import contextlib
import functools
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zvec
from filter_samples import DECLARED, LISTS, attributes, filters
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, delete, insert, select
from sqlalchemy.dialects import postgresql

from sensorium.filters.inexpressible import Inexpressible
from sensorium.filters.parser import parse
from sensorium.filters.printer import canonical
from sensorium.filters.python import holds
from sensorium.filters.sql import condition
from sensorium.filters.tree import Comparison, Filter, OneOf, Operator
from sensorium.model.document import AttributeValue, Document
from sensorium.search.attribute_json import to_json
from sensorium.search.filter_columns import DocumentColumns
from sensorium.search.filter_fields import fields_of, record_of
from sensorium.search.tables import documents, metadata
from sensorium.search.token_json import tokens_to_json
from sensorium.search.zvec_columns import ZvecColumns
from sensorium.storage.moments import from_micros, to_micros

FIELDS = fields_of(DECLARED)
MOMENTS = st.integers(-(10**12), 10**12).map(from_micros)
BODIES = st.tuples(LISTS, attributes(), MOMENTS, MOMENTS)
DOCUMENTS = st.lists(BODIES, min_size=1, max_size=8).map(
    lambda bodies: [Document(f"d{place}", None, *body) for place, body in enumerate(bodies)]
)
PROPERTY = settings(deadline=None, suppress_health_check=list(HealthCheck))


def expected(part: Filter, given_documents: list[Document]) -> set[str]:
    return {each.id for each in given_documents if holds(part, record_of(each))}


@PROPERTY
@given(part=filters(FIELDS), given_documents=DOCUMENTS)
def test_canonical_form_reads_back_with_the_same_meaning(part: Filter, given_documents: list[Document]) -> None:
    read = parse(canonical(part), FIELDS)
    assert canonical(parse(canonical(read), FIELDS)) == canonical(read)
    assert expected(read, given_documents) == expected(part, given_documents)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    engine = create_engine(f"sqlite:///{tmp_path_factory.mktemp('sql') / 'store.sqlite3'}")
    metadata.create_all(engine)
    return engine


@PROPERTY
@given(given_documents=DOCUMENTS, parts=st.lists(filters(FIELDS), min_size=1, max_size=5))
def test_sql_means_what_python_means(engine: Engine, given_documents: list[Document], parts: list[Filter]) -> None:
    with engine.connect() as connection:
        connection.execute(delete(documents))
        connection.execute(insert(documents), [row(key, each) for key, each in enumerate(given_documents)])
        for part in parts:
            found = connection.execute(select(documents.c.id).where(condition(part, DocumentColumns()))).scalars()
            assert set(found) == expected(part, given_documents)


ODD_VALUES: list[tuple[str, AttributeValue]] = [
    *(("price", number) for number in (1 / 3, 0.1 + 0.2, 1e15 + 1, 123456789.12345679, 5e-324, 1.7976931348623157e308)),
    *(("year", number) for number in (2**53 + 1, -(2**63), 2**63 - 1)),
    *(("title", text) for text in ("it's", "\\", "1.0", "null", "[]", "\U0001f600", "a\nb")),
    ("seen", datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)),
    ("open", False),
]


@pytest.mark.parametrize(("name", "value"), ODD_VALUES)
def test_sql_keeps_values_to_the_last_digit(engine: Engine, name: str, value: AttributeValue) -> None:
    field = FIELDS.get(name)
    assert field
    document = Document("d", None, (), {name: value}, from_micros(0), from_micros(0))
    with engine.connect() as connection:
        connection.execute(delete(documents))
        connection.execute(insert(documents), [row(0, document)])
        for part in (OneOf(field, (value,)), Comparison(field, Operator.EQUAL, value)):  # type: ignore[arg-type]
            found = connection.execute(select(documents.c.id).where(condition(part, DocumentColumns()))).scalars()
            assert list(found) == ["d"]


@settings(PROPERTY, max_examples=12)
@given(given_documents=DOCUMENTS, parts=st.lists(filters(FIELDS), min_size=5, max_size=30))
def test_zvec_means_what_python_means(given_documents: list[Document], parts: list[Filter]) -> None:
    columns = ZvecColumns(DECLARED)
    directory = Path(tempfile.mkdtemp())
    collection = open_zvec(directory / "zvec", columns)
    try:
        collection.insert(
            [
                zvec.Doc(id=each.id, vectors={"v": [1.0]}, fields=columns.values(record_of(each)))
                for each in given_documents
            ]
        )
        for part in parts:
            try:
                text = columns.filters.expression(part)
            except Inexpressible as error:
                event(str(error))
                continue
            found = {hit.id for hit in collection.query(filter=text, topk=100, output_fields=[])}
            assert found == expected(part, given_documents), text
    finally:
        collection.close()
        shutil.rmtree(directory)


@PROPERTY
@given(part=filters(FIELDS))
def test_sql_is_plain_enough_for_postgresql(part: Filter) -> None:
    text = str(select(documents.c.id).where(condition(part, DocumentColumns())).compile(dialect=postgresql.dialect()))
    assert "json_each" not in text


def row(key: int, document: Document) -> dict[str, object]:
    assert document.create_time
    assert document.update_time
    values = {name: to_json(value) for name, value in document.attributes.items()}
    return {
        "key": key,
        "collection": 1,
        "id": document.id,
        "seq": key,
        "tags": list(document.tags),
        "attributes": values,
        "tokens": tokens_to_json(document.tags, values, DECLARED),
        "create_time": to_micros(document.create_time),
        "update_time": to_micros(document.update_time),
    }


@functools.cache
def _silent() -> None:
    with contextlib.suppress(RuntimeError):  # Another test was first.
        zvec.init(log_level=zvec.LogLevel.FATAL)


def open_zvec(path: Path, columns: ZvecColumns) -> zvec.Collection:
    _silent()
    graph = zvec.HnswIndexParam(zvec.MetricType.L2)
    vectors = zvec.VectorSchema("v", zvec.DataType.VECTOR_FP32, 1, graph)
    schema = zvec.CollectionSchema("documents", fields=columns.schemas(), vectors=vectors)
    return zvec.create_and_open(str(path), schema)
