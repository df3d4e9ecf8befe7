"""Queries of PAI: each example of its guide and of its API is read, and means the same to SQL and to the search."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from dataset_samples import V1
from sqlalchemy import Engine, Row, create_engine, insert, select

from sensorium.dataset.documents import ATTRIBUTES, document_of, is_in_documents
from sensorium.dataset.file_fields import FileColumns, tokens_of
from sensorium.dataset.search_reading import Wanted, read_search
from sensorium.dataset.tables import files, metadata
from sensorium.errors import InvalidArgument, Reason
from sensorium.filters.bitmaps import divided
from sensorium.filters.parser import parse
from sensorium.filters.printer import canonical
from sensorium.filters.python import holds
from sensorium.filters.sql import condition
from sensorium.filters.tree import EVERYTHING
from sensorium.model.dataset_file import FileSelection
from sensorium.model.embedding import Embedding
from sensorium.model.file_search import FileSearchRequest
from sensorium.search.filter_fields import fields_of, record_of
from sensorium.storage.moments import to_micros

PLAIN: dict[type, object] = {str: "", int: 0}
GROUPS = ("algorithm_tags", "user_tags", "deleted_tags")


def moment(text: str) -> int:
    """Return the first moment of a day, in microseconds."""
    return to_micros(datetime.fromisoformat(text).replace(tzinfo=UTC))


def file(name: str, **said: Any) -> dict[str, Any]:
    """Return a row: what is not said is empty, or unknown where that is allowed."""
    blank = {each.name: None if each.nullable else PLAIN.get(each.type.python_type) for each in files.columns}
    algorithm, user, deleted = groups = [said.get(group, []) for group in GROUPS]
    tags = {"tags": sorted({*algorithm, *user} - {*deleted}), **dict(zip(GROUPS, groups, strict=True))}
    named = {"version": 1, "id": name, "uri": f"oss://b/{name}", "file_name": name, "attributes": {}}
    row = {**blank, **named, **tags, **said}
    row["tokens"] = tokens_of(row["file_name"], row["file_dir"], row["tags"], row["attributes"])
    return {key: value for key, value in row.items() if key != "key"}


JPEG = {"file_type": "image", "content_type": "image/jpeg"}
FILES = (
    file(
        "night.jpg", **JPEG, file_dir="road/night", size_bytes=2_000_000, width=1920, height=1080,
        algorithm_tags=["Tunnels", "Lane lines"], user_tags=["checked"], deleted_tags=["Lane lines"],
        file_create_time=moment("2026-11-01"), file_update_time=moment("2026-11-02"),
        tag_update_time=moment("2026-11-03"),
        attributes={"format": "JPEG", "mode": "RGB", "iso": 800, "lens": "wide", "crew": ["Ann", "Bo"]},
    ),
    file(
        "day one.jpg", **JPEG, file_dir="road/day", size_bytes=500, width=640, height=480,
        algorithm_tags=["Motor vehicles", "Lane lines"],
        file_create_time=moment("2026-10-01"), file_update_time=moment("2026-10-02"),
        tag_update_time=moment("2026-10-03"), attributes={"format": "JPEG", "mode": "L", "iso": "auto", "lens": "wide"},
    ),
    file("scan.tiff", file_type="image", content_type="image/tiff", size_bytes=10_000_000, fingerprint="etag:abc",
         index_job="j1", index_time=moment("2026-11-04")),
    file("notes.json", file_type="text", content_type="application/json", file_dir="road", size_bytes=90),
    file("rain.wav", file_type="audio", content_type="audio/wav", duration_ms=5000, user_tags=["rain"]),
)  # fmt: skip
NIGHT, DAY, SCAN, NOTES, RAIN = (each["id"] for each in FILES)


@dataclass(frozen=True)
class Options:
    """What an example asks of the search, beside the condition; 0 and None where it does not."""

    words: str = ""
    top_k: int = 0
    page_size: int = 0
    least_score: float | None = None
    thumbnail: str = ""


EXAMPLES: list[tuple[str, set[str], Options]] = [
    # The example of the guide (3.8) and of the API's page, to the letter.
    (
        '(FileType = "image" OR ContentType = "application/json") AND ThumbnailMode = "h_200" AND MaxResults = 50',
        {NIGHT, DAY, SCAN, NOTES},
        Options(page_size=50, thumbnail="h_200"),
    ),
    # Options of the search inside of the expression.
    ('Content:"a car at night"', {NIGHT, DAY, SCAN, NOTES, RAIN}, Options(words="a car at night")),
    ('Content:"cars" AND Tags.all="Tunnels" AND TopK=50', {NIGHT}, Options(words="cars", top_k=50)),
    ('TopK=5 AND MaxResults=2 AND ScoreThreshold=0.25 AND Content:"x"', {NIGHT, DAY, SCAN, NOTES, RAIN},
     Options("x", 5, 2, 0.25)),
    *((f'ThumbnailMode = "{mode}" AND FileName = "{SCAN}"', {SCAN}, Options(thumbnail=mode))
      for mode in ("p_50", "w_200", "h_1", "m_pad,w_100,h_100,color_FF00ff", "m_fill,w_9,h_9", "m_fixed,w_9,h_9")),
    # Grouping, AND, OR, NOT; keywords in any case.
    ('FileType = "image" AND NOT ContentType = "image/tiff"', {NIGHT, DAY}, Options()),
    ('not (FileType = "image" or FileType = "audio")', {NOTES}, Options()),
    ('FileType = "audio" OR FileType = "image" AND DataSize < 1000', {DAY, RAIN}, Options()),
    # Ranges of numbers and times, as the API writes times.
    ("DataSize > 500", {NIGHT, SCAN}, Options()),
    ("DataSize >= 500 AND DataSize <= 2000000", {NIGHT, DAY}, Options()),
    ("width >= 1920", {NIGHT}, Options()),
    ("duration_ms > 1000", {RAIN}, Options()),
    ('FileUpdateTime >= "2026-11-01T00:00:00.000Z"', {NIGHT}, Options()),
    ("FileCreateTime < 2026-11-01", {DAY}, Options()),
    ("FileUpdateTime > 2026-10-01T12:00:00.000Z AND FileUpdateTime < 2026-11-01T00:00:00Z", {DAY}, Options()),
    ("TagUpdateTime >= 2026-11-03T00:00:00.000Z", {NIGHT}, Options()),
    # Existence of a property.
    ("HAS Tags", {NIGHT, DAY, RAIN}, Options()),
    ("NOT HAS Tags", {SCAN, NOTES}, Options()),
    ("HAS Tags.ai", {NIGHT, DAY}, Options()),
    ('Tags.any IN ["rain", "checked"]', {NIGHT, RAIN}, Options()),
    ('"Tags.user-delete-ai-tags" = "Lane lines"', {NIGHT}, Options()),
    ("NOT HAS Tags.user AND HAS TagUpdateTime", {DAY}, Options()),
    ("HAS meta.format", {NIGHT, DAY}, Options()),
    ('meta.format : "jpeg" AND meta_mode = "L"', {DAY}, Options()),
    ('meta.iso >= 400 AND meta.lens = "wide"', {NIGHT}, Options()),
    ('meta.crew HAS "Bo" OR meta.iso IN [100, "auto"]', {NIGHT, DAY}, Options()),
    # What indexed a file, and when.
    ('SemanticIndexJobId = "j1"', {SCAN}, Options()),
    ('SemanticIndexUpdateTime >= "2026-11-01T00:00:00.000Z" AND HAS SemanticIndexJobId', {SCAN}, Options()),
    ("NOT HAS SemanticIndexJobId", {NIGHT, DAY, NOTES, RAIN}, Options()),
    ('meta.mode = "L"', {DAY}, Options()),
    # Tokens, and exact values.
    ('FileName:"one"', {DAY}, Options()),
    ('FileName = "one"', set(), Options()),
    ('FileName = "day one.jpg"', {DAY}, Options()),
    ('FileDir:"night"', {NIGHT}, Options()),
    ('FileDir = "road"', {NOTES}, Options()),
    ('Tags:"vehicles"', {DAY}, Options()),
    ('Uri = "oss://b/scan.tiff"', {SCAN}, Options()),
    ('FileFingerPrint = "etag:abc"', {SCAN}, Options()),
    ('DatasetFileMetaId = "rain.wav"', {RAIN}, Options()),
    # The groups of tags: what a user deleted is of the algorithm still, and counts no more.
    ('Tags.all = "Lane lines"', {DAY}, Options()),
    ('Tags.ai = "Lane lines"', {NIGHT, DAY}, Options()),
    ('Tags.user = "checked"', {NIGHT}, Options()),
    # What QueryTagsIncludeAny, …All and …Exclude, QueryFileTypeIncludeAny and QueryContentTypeIncludeAny mean.
    ('Tags IN ["Tunnels", "rain"]', {NIGHT, RAIN}, Options()),
    ('Tags HAS "Motor vehicles" AND Tags HAS "Lane lines"', {DAY}, Options()),
    ('NOT Tags IN ["Tunnels", "rain"]', {DAY, SCAN, NOTES}, Options()),
    ('FileType IN ["audio", "text"]', {NOTES, RAIN}, Options()),
    ('ContentType IN ["image/jpeg"]', {NIGHT, DAY}, Options()),
]  # fmt: skip


def wanted(query: str) -> Wanted:
    """Read a query as a search does."""
    return read_search(FileSearchRequest(V1, selection=FileSelection(filter=query)), 1000)


@pytest.fixture(scope="module")
def stored() -> tuple[Engine, list[Row[Any]]]:
    """The files in SQL."""
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as sql:
        sql.execute(insert(files), FILES)
        return engine, list(sql.execute(select(files)))


@pytest.mark.parametrize(("query", "names", "options"), EXAMPLES, ids=[each[0] for each in EXAMPLES])
def test_an_example_means_what_it_says(
    query: str, names: set[str], options: Options, stored: tuple[Engine, list[Row[Any]]]
) -> None:
    engine, rows = stored
    read = wanted(query)
    asked = "".join(str(part.body) for each in read.query for part in each.target.parts)  # type: ignore[union-attr]
    assert (asked, read.score_threshold, read.thumbnail_mode) == (
        options.words, options.least_score, options.thumbnail,
    )  # fmt: skip
    assert options.top_k in {0, read.top_k}
    assert options.page_size in {0, read.page_size}
    part = read.chosen.part
    with engine.connect() as sql:
        assert set(sql.execute(select(files.c.id).where(condition(part, FileColumns()))).scalars()) == names
    # The search service reads the canonical form, with the fields that its collection declares.
    known, rest = divided(part, is_in_documents)
    sent = parse(canonical(known), fields_of(ATTRIBUTES))
    documents = [document_of(row, Embedding()) for row in rows]
    found = {each.id for each in documents if holds(sent, record_of(each))}
    assert found == names if rest == EVERYTHING else found > names


@pytest.mark.parametrize(
    ("query", "column"),
    [
        ('FileType = "image" OR MaxResults = 50', 23),  # a choice between a condition and an option means nothing
        ('NOT ThumbnailMode = "h_200"', 5),
        ('FileTyp = "image"', 1),
        ('FileType > 5 AND DataSize > "x"', 12),
        ("MaxResults = 0", 14),
        ('(FileType = "image"', 19),
    ],
)
def test_a_mistake_is_told_with_its_column(query: str, column: int) -> None:
    with pytest.raises(InvalidArgument) as caught:
        wanted(query)
    assert (caught.value.reason, caught.value.metadata["column"]) == (Reason.FILTER_INVALID, str(column))
