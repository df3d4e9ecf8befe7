"""Files are found and counted by bitmaps as SQL and plain Python find them, whatever changes in between."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from filter_samples import filters
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, create_engine, func, select

from sensorium.dataset import file_facets, file_finder, tags, versions
from sensorium.dataset import files as catalog
from sensorium.dataset.bitmaps import library as library_module
from sensorium.dataset.bitmaps import loading, uri_blocks
from sensorium.dataset.bitmaps.library import BitmapLibrary
from sensorium.dataset.datasets import create
from sensorium.dataset.file_fields import FIELDS, tokens_of
from sensorium.dataset.file_finder import FileFinder
from sensorium.dataset.file_order import FilePlace, Span, behind, ordered, place_of
from sensorium.dataset.selecting import Chosen
from sensorium.dataset.tables import files, metadata
from sensorium.filters.parser import parse
from sensorium.filters.tree import EVERYTHING, Filter
from sensorium.model.dataset import DatasetSpec
from sensorium.model.dataset_file import BY_URI, EVERY_FILE, FileOrder, FileSelection, SortBy, StatusFilter
from sensorium.model.dataset_names import DatasetName, VersionName
from sensorium.model.search import FacetRequest

NAME = VersionName(DatasetName("default", "road"), 1)
FACETS = tuple(FacetRequest(field) for field in ("file_dir", "file_type", "tags", "algorithm_tags", "user_tags"))
ORDERS = tuple(FileOrder(by, descending) for by in SortBy for descending in (False, True))
TAGS = ("day", "night", "rain", "red car")


def file(number: int, *, size: int = 0, moment: int = 0) -> dict[str, Any]:
    """Return the row of a file as an import writes it."""
    folder = f"road/{number % 3}"
    return {
        "id": f"f{number}", "uri": f"file:///{number * 7919 % 1000:04}-{number}", "file_name": f"{number}.jpg",
        "file_dir": folder, "file_type": ("image", "audio")[number % 2], "content_type": "image/jpeg",
        "size_bytes": size, "fingerprint": "x", "file_create_time": moment or None, "file_update_time": moment,
        "tag_update_time": None, "width": number % 5, "height": 3, "duration_ms": 0,
        "attributes": {"format": "JPEG"} if number % 4 else {}, "tokens": dict(tokens_of(f"{number}.jpg", folder, [])),
        "status": "ACTIVE", "import_job": "", "create_time": 0, "update_time": 0,
    }  # fmt: skip


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few files already be many."""
    monkeypatch.setattr(uri_blocks, "MOST", 2 * uri_blocks.SIZE)
    monkeypatch.setattr(library_module, "MOST_CHANGES", 40)
    monkeypatch.setattr(file_finder, "LOOKED_AT", 100)


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as sql:
        create(sql, NAME.dataset, DatasetSpec())
    yield engine
    engine.dispose()


def given_tags(*given: str) -> Any:
    return lambda row: ([*dict.fromkeys(given)], row.user_tags, row.deleted_tags)


def expected_page(sql: Connection, chosen: Chosen, span: Span) -> list[int]:
    version = versions.row_of(sql, NAME).key
    wanted = select(files.c.key).where(chosen.of(version), behind(span)).order_by(*ordered(span.order))
    return list(sql.execute(wanted.limit(span.limit)).scalars())


def check(sql: Connection, finder: FileFinder, chosen: Chosen, orders: Sequence[FileOrder] = (BY_URI,)) -> None:
    """Compare all that the finder says with what SQL says."""
    row = versions.row_of(sql, NAME)
    assert finder.statistics(sql, row, chosen, FACETS) == file_facets.statistics(
        sql, row, chosen, file_facets.check(FACETS), FACETS
    )
    for order in orders:
        place: FilePlace | None = None
        for _ in range(2):
            span = Span(order, place, 7)
            found = finder.page(sql, row, chosen, span)
            assert [each.key for each in found] == expected_page(sql, chosen, span)
            if not found:
                break
            place = place_of(found[-1], order)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 120), st.integers(0, 3), st.integers(0, 3)),
        st.tuples(st.just("tag"), st.integers(0, 120), st.sampled_from(TAGS), st.sampled_from(TAGS)),
        st.tuples(st.just("delete"), st.integers(0, 120), st.just(0), st.just(0)),
    ),
    min_size=1,
    max_size=4,
)  # fmt: skip


def take(sql: Connection, step: tuple[Any, ...]) -> None:
    kind, number, one, other = step
    version = versions.row_of(sql, NAME).key
    some = select(files.c.key).where(files.c.version == version, files.c.key % 7 == number % 7)
    match kind:
        case "add":
            catalog.register(sql, version, [file(number + at, size=one, moment=other) for at in range(60)])
        case "tag":
            tags.rewrite(sql, version, sql.execute(some).scalars().all(), given_tags(one, other))
        case _:
            catalog.mark_deleted(sql, version, sql.execute(some).scalars().all())


@settings(deadline=None, max_examples=10, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, part=filters(FIELDS), status=st.sampled_from(StatusFilter), order=st.sampled_from(ORDERS))
def test_bitmaps_answer_as_sql_does_after_every_change(
    steps: list[tuple[Any, ...]], part: Filter, status: StatusFilter, order: FileOrder
) -> None:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    finder = FileFinder(BitmapLibrary(10_000))
    with ExitStack() as resources, engine.begin() as sql:
        resources.callback(engine.dispose)
        create(sql, NAME.dataset, DatasetSpec())
        for step in steps:
            take(sql, step)
            for each in (parse("tags HAS 'day' AND file_name != '3.jpg'", FIELDS), part):
                check(sql, finder, Chosen(FileSelection(filter="…", status=status), each), [order])


def test_pages_walk_over_many_blocks_in_every_order(engine: Engine) -> None:
    finder = FileFinder(BitmapLibrary(10_000))
    with engine.begin() as sql:
        version = versions.row_of(sql, NAME).key
        catalog.register(sql, version, [file(number, size=number % 50, moment=number % 3) for number in range(900)])
        check(sql, finder, Chosen(EVERY_FILE, EVERYTHING), ORDERS)
        # All of one block, which then is divided.
        crowd = [{**file(number), "uri": f"file:///0500-{number}", "id": f"n{number}"} for number in range(2000, 2700)]
        catalog.register(sql, version, crowd)
        for text in ("", "size_bytes < 3", "file_dir : 'road 1' OR NOT tags HAS 'day'", "file_name = '5.jpg'"):
            check(sql, finder, Chosen(FileSelection(filter="…"), parse(text, FIELDS)))


def test_ids_are_left_to_the_catalog(engine: Engine) -> None:
    finder = FileFinder(BitmapLibrary(10_000))
    with engine.begin() as sql:
        catalog.register(sql, versions.row_of(sql, NAME).key, [file(number) for number in range(9)])
        check(sql, finder, Chosen(FileSelection(ids=("f1", "f4")), EVERYTHING))


@pytest.mark.parametrize("most", [0, 5])
def test_versions_that_are_too_large_are_left_to_the_catalog(engine: Engine, most: int) -> None:
    library = BitmapLibrary(most)
    with engine.begin() as sql:
        catalog.register(sql, versions.row_of(sql, NAME).key, [file(number) for number in range(9)])
        check(sql, FileFinder(library), Chosen(FileSelection(filter="…"), parse("size_bytes < 3", FIELDS)))
        with library.lent(sql, versions.row_of(sql, NAME)) as bitmaps:
            assert bitmaps is None


def test_the_bitmaps_that_were_used_longest_ago_go_first(engine: Engine) -> None:
    library = BitmapLibrary(10)
    names = [NAME, VersionName(replace(NAME.dataset, id="other"), 1)]
    with engine.begin() as sql:
        create(sql, names[1].dataset, DatasetSpec())
        rows = [versions.row_of(sql, name) for name in names]
        for row in rows:
            catalog.register(sql, row.key, [file(number) for number in range(9)])
        rows = [versions.row_of(sql, name) for name in names]
        for row in (rows[0], rows[1], rows[1]):
            with library.lent(sql, row) as bitmaps:
                assert bitmaps is not None
                assert len(bitmaps) == 9
        assert list(library._kept) == [rows[1].key]
        library.forget(rows[1].key)
        assert not library._kept


def test_who_asks_while_bitmaps_are_made_is_not_kept_waiting(engine: Engine) -> None:
    library = BitmapLibrary(100)
    with engine.begin() as sql:
        row = versions.row_of(sql, NAME)
        kept = library._kept_of(row)
        with kept.lock, library.lent(sql, row) as bitmaps:
            assert bitmaps is None
        with library.lent(sql, row) as bitmaps:
            assert bitmaps is not None


def test_bitmaps_that_could_not_follow_are_made_anew(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    library = BitmapLibrary(100)
    finder = FileFinder(library)
    with engine.begin() as sql:
        version = versions.row_of(sql, NAME).key
        catalog.register(sql, version, [file(number) for number in range(5)])
        check(sql, finder, Chosen(EVERY_FILE, EVERYTHING))
        catalog.register(sql, version, [file(number) for number in range(5, 9)])
        with monkeypatch.context() as patch:

            def broken(*_: object) -> None:
                raise RuntimeError("no memory")

            patch.setattr(loading, "divide", broken)
            with pytest.raises(RuntimeError):
                finder.statistics(sql, versions.row_of(sql, NAME), Chosen(EVERY_FILE, EVERYTHING), FACETS)
        check(sql, finder, Chosen(EVERY_FILE, EVERYTHING))
        assert sql.execute(select(func.count()).select_from(files)).scalar_one() == 9
