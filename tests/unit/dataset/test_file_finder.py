"""Files are found and counted by bitmaps as SQL and plain Python find them, whatever changes in between."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from catalog_files import FACETS, NAME, ORDERS, STEPS, Process, check, file, take
from filter_samples import filters
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, create_engine, event, func, select

from sensorium.dataset import file_finder, versions
from sensorium.dataset import files as catalog
from sensorium.dataset.bitmaps import attribute_column, attribute_columns, loading, uri_blocks
from sensorium.dataset.bitmaps import library as library_module
from sensorium.dataset.bitmaps.library import BitmapLibrary
from sensorium.dataset.bitmaps.shelf import BitmapShelf
from sensorium.dataset.datasets import create
from sensorium.dataset.file_fields import FIELDS
from sensorium.dataset.file_finder import FileFinder
from sensorium.dataset.file_order import Span
from sensorium.dataset.selecting import Chosen
from sensorium.dataset.tables import files, metadata
from sensorium.filters.parser import parse
from sensorium.filters.tree import EVERYTHING, Filter
from sensorium.model.dataset import DatasetSpec
from sensorium.model.dataset_file import BY_URI, EVERY_FILE, FileOrder, FileSelection, StatusFilter
from sensorium.model.dataset_names import VersionName


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few files already be many."""
    monkeypatch.setattr(uri_blocks, "MOST", 2 * uri_blocks.SIZE)
    monkeypatch.setattr(library_module, "MOST_CHANGES", 40)
    monkeypatch.setattr(file_finder, "LOOKED_AT", 100)
    monkeypatch.setattr(attribute_columns, "MOST", 2)


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as sql:
        create(sql, NAME.dataset, DatasetSpec())
    yield engine
    engine.dispose()


NAMED = (
    "tags HAS 'day' AND file_name != '3.jpg'",
    "file_name = '7.jpg' AND file_type = 'audio'",
    "file_name : 'jpg' AND NOT file_name : '1 jpg'",
    "meta.lens >= 1 OR meta.lens : 'lens 2' OR NOT HAS meta.format",
    "meta.lens HAS 'Wide' AND file_name != '3.jpg'",
)
ALL_FIELDS = (*FIELDS, *(field for name in ("lens", "format", "none") if (field := FIELDS.get(f"meta.{name}"))))


@settings(deadline=None, max_examples=10, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, part=filters(ALL_FIELDS), status=st.sampled_from(StatusFilter), order=st.sampled_from(ORDERS))
def test_bitmaps_answer_as_sql_does_after_changes_restarts_and_restores(
    steps: list[tuple[Any, ...]], part: Filter, status: StatusFilter, order: FileOrder
) -> None:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with ExitStack() as resources, engine.begin() as sql:
        resources.callback(engine.dispose)
        process = Process(Path(resources.enter_context(TemporaryDirectory())))
        create(sql, NAME.dataset, DatasetSpec())
        for step in steps:
            take(sql, step, process)
            for each in (*(parse(text, FIELDS) for text in NAMED), part):
                check(sql, process.finder, Chosen(FileSelection(filter="…", status=status), each), [order])


@pytest.fixture
def shelf(tmp_path: Path) -> BitmapShelf:
    return BitmapShelf(tmp_path / "bitmaps", "one")


def test_pages_walk_over_many_blocks_in_every_order(engine: Engine, shelf: BitmapShelf) -> None:
    finder = FileFinder(BitmapLibrary(10_000, shelf))
    with engine.begin() as sql:
        version = versions.row_of(sql, NAME).key
        catalog.register(sql, version, [file(number, size=number % 50, moment=number % 3) for number in range(900)])
        check(sql, finder, Chosen(EVERY_FILE, EVERYTHING), ORDERS)
        # All of one block, which then is divided.
        crowd = [{**file(number), "uri": f"file:///0500-{number}", "id": f"n{number}"} for number in range(2000, 2700)]
        catalog.register(sql, version, crowd)
        for text in ("", "size_bytes < 3", "file_dir : 'road 1' OR NOT tags HAS 'day'", "file_name = '5.jpg'"):
            check(sql, finder, Chosen(FileSelection(filter="…"), parse(text, FIELDS)))


def test_ids_are_looked_up_without_a_walk_over_the_version(engine: Engine, shelf: BitmapShelf) -> None:
    finder, asked = FileFinder(BitmapLibrary(10_000, shelf)), []
    with engine.begin() as sql:
        catalog.register(sql, versions.row_of(sql, NAME).key, [file(number) for number in range(9)])
        chosen = Chosen(FileSelection(ids=("f1", "f4")), EVERYTHING)
        check(sql, finder, chosen, ORDERS)

        def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            asked.append((statement, parameters))

        event.listen(engine, "before_cursor_execute", note)
        finder.page(sql, versions.row_of(sql, NAME), chosen, Span(BY_URI, None, 7))
        event.remove(engine, "before_cursor_execute", note)
        for statement, parameters in asked:
            plan = sql.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            assert "files_by_uri" not in str(plan)


@pytest.mark.parametrize("most", [0, 5])
def test_versions_that_are_too_large_are_left_to_the_catalog(engine: Engine, shelf: BitmapShelf, most: int) -> None:
    library = BitmapLibrary(most, shelf)
    with engine.begin() as sql:
        catalog.register(sql, versions.row_of(sql, NAME).key, [file(number) for number in range(9)])
        check(sql, FileFinder(library), Chosen(FileSelection(filter="…"), parse("size_bytes < 3", FIELDS)))
        with library.lent(sql, versions.row_of(sql, NAME)) as bitmaps:
            assert bitmaps is None


def test_the_bitmaps_that_were_used_longest_ago_go_first(engine: Engine, shelf: BitmapShelf) -> None:
    library = BitmapLibrary(10, shelf)
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


def test_who_asks_while_bitmaps_are_made_is_not_kept_waiting(engine: Engine, shelf: BitmapShelf) -> None:
    library = BitmapLibrary(100, shelf)
    with engine.begin() as sql:
        row = versions.row_of(sql, NAME)
        kept = library._kept_of(row)
        with kept.lock, library.lent(sql, row) as bitmaps:
            assert bitmaps is None
        with library.lent(sql, row) as bitmaps:
            assert bitmaps is not None


def statements(sql: Connection, work: Callable[[], object]) -> list[str]:
    """Return the statements that some work asks the catalog."""
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(sql, "before_cursor_execute", note)
    work()
    event.remove(sql, "before_cursor_execute", note)
    return asked


def test_an_attribute_is_read_once_however_often_it_is_asked_about(engine: Engine, shelf: BitmapShelf) -> None:
    finder = FileFinder(BitmapLibrary(10_000, shelf))
    with engine.begin() as sql:
        version = versions.row_of(sql, NAME).key
        catalog.register(sql, version, [file(number) for number in range(60)])

        def asks(wanted: str) -> str:
            chosen = Chosen(FileSelection(filter="…"), parse(wanted, FIELDS))
            row = versions.row_of(sql, NAME)
            return " ".join(statements(sql, lambda: finder.statistics(sql, row, chosen, FACETS[-2:])))

        assert "attributes" in asks("")
        assert "attributes" not in asks("meta.lens = 0 OR meta.format : 'jpeg'")
        catalog.register(sql, version, [file(60)])
        # The new file is read, and no other.
        assert asks("meta.lens = 0").count("attributes") == 1
        # There is room for two, and each call asks for three.
        assert "attributes" in asks("HAS meta.other")
        assert "attributes" in asks("HAS meta.other")


MANY = (
    "meta.lens = 5", "meta.lens = 'Lens-7'", "meta.lens = 'Wide'", "meta.lens IN ['Lens-67', 10, TRUE]",
    "meta.lens HAS 'lens 8' AND file_dir = 'road/2'", "meta.lens : 'lens 7'", "meta.lens > 'Lens-7'",
    "meta.lens IN [5, 6] AND HAS meta.lens", "NOT meta.lens : 'lens' AND meta.format = 'JPEG'",
)  # fmt: skip


@pytest.mark.parametrize("limit", ["MOST_TEXTS", "MOST_CHARS"])
def test_an_attribute_with_too_many_texts_is_narrowed_for_the_catalog(
    engine: Engine, shelf: BitmapShelf, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(attribute_column, limit, 3)
    library = BitmapLibrary(10_000, shelf)
    with engine.begin() as sql:
        for start in (0, 60):  # What comes when there are too many already is known in the same way.
            many = [file(number, size=number) for number in range(start, start + 60)]
            catalog.register(sql, versions.row_of(sql, NAME).key, many)
            for wanted in MANY:
                check(sql, FileFinder(library), Chosen(FileSelection(filter="…"), parse(wanted, FIELDS)))
        with library.lent(sql, versions.row_of(sql, NAME), ["meta.lens"]) as bitmaps:
            assert bitmaps is not None
            assert bitmaps.counts("meta.lens", bitmaps.everything()) is None
            named = parse("meta.lens = 'Lens-7'", FIELDS)
            assert not bitmaps.covers(named)  # type: ignore[arg-type]
            # One with this text in five, and all lists.
            assert len(bitmaps.among(named)) == 1 + 120 // 5  # type: ignore[arg-type]


def test_bitmaps_ahead_of_a_snapshot_read_no_attribute_from_it(engine: Engine, shelf: BitmapShelf) -> None:
    library = BitmapLibrary(10_000, shelf)
    with engine.begin() as sql:
        row = versions.row_of(sql, NAME)
        catalog.register(sql, row.key, [file(number) for number in range(9)])
        with library.lent(sql, row):
            pass
        library._kept[row.key].change += 1
        with library.lent(sql, row, ["meta.lens"]) as bitmaps:
            assert bitmaps is not None
            assert bitmaps.attributes.keys == ()


def test_an_attribute_that_could_not_be_read_is_read_again(
    engine: Engine, shelf: BitmapShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    finder = FileFinder(BitmapLibrary(100, shelf))
    chosen = Chosen(FileSelection(filter="…"), parse("meta.lens = 0", FIELDS))
    with engine.begin() as sql:
        catalog.register(sql, versions.row_of(sql, NAME).key, [file(number) for number in range(9)])
        with monkeypatch.context() as patch:

            def broken(*_: object) -> None:
                raise RuntimeError("no memory")

            patch.setattr(loading, "_attributes", broken)
            with pytest.raises(RuntimeError):
                finder.statistics(sql, versions.row_of(sql, NAME), chosen)
        check(sql, finder, chosen)


def test_bitmaps_that_could_not_follow_are_made_anew(
    engine: Engine, shelf: BitmapShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = BitmapLibrary(100, shelf)
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
