"""Files of a catalog for tests, changes of them, and what must then be found."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import Connection, select

from sensorium.dataset import file_facets, tags, versions
from sensorium.dataset import files as catalog
from sensorium.dataset.bitmaps.library import BitmapLibrary
from sensorium.dataset.bitmaps.shelf import BitmapShelf
from sensorium.dataset.file_fields import tokens_of
from sensorium.dataset.file_finder import FileFinder
from sensorium.dataset.file_order import FilePlace, Span, behind, ordered, place_of
from sensorium.dataset.selecting import Chosen
from sensorium.dataset.tables import files
from sensorium.model.dataset_file import BY_URI, FileOrder, SortBy
from sensorium.model.dataset_names import DatasetName, VersionName
from sensorium.model.search import FacetRequest

NAME = VersionName(DatasetName("default", "road"), 1)
COUNTED = ("file_dir", "file_type", "tags", "algorithm_tags", "user_tags", "meta.lens", "meta.format")
FACETS = tuple(FacetRequest(field) for field in COUNTED)
ORDERS = tuple(FileOrder(by, descending) for by in SortBy for descending in (False, True))
TAGS = ("day", "night", "rain", "red car")


def file(number: int, *, size: int = 0, moment: int = 0) -> dict[str, Any]:
    """Return the row of a file as an import writes it."""
    folder, given = f"road/{number % 3}", attributes_of(number, size)
    return {
        "id": f"f{number}", "uri": f"file:///{number * 7919 % 1000:04}-{number}", "file_name": f"{number}.jpg",
        "file_dir": folder, "file_type": ("image", "audio")[number % 2], "content_type": "image/jpeg",
        "size_bytes": size, "fingerprint": "x", "file_create_time": moment or None, "file_update_time": moment,
        "tag_update_time": None, "width": number % 5, "height": 3, "duration_ms": 0,
        "attributes": given, "tokens": tokens_of(f"{number}.jpg", folder, [], given),
        "status": "ACTIVE", "import_job": "", "create_time": 0, "update_time": 0,
    }  # fmt: skip


def attributes_of(number: int, size: int) -> dict[str, Any]:
    """Return attributes of several types under the same names."""
    lens: Any = (size, size + 0.5, f"Lens-{size}", [f"lens {size}", "Wide"], True)[number % 5]
    return {"lens": lens, **({"format": "JPEG"} if number % 4 else {})}


def given_tags(*given: str) -> Any:
    """Return what gives a file some algorithm tags."""
    return lambda row: ([*dict.fromkeys(given)], row.user_tags, row.deleted_tags)


def expected_page(sql: Connection, chosen: Chosen, span: Span) -> list[int]:
    """Return the keys that SQL finds."""
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


PROCESS_STEPS = ("keep", "write", "restart", "back up", "bring back")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 120), st.integers(0, 3), st.integers(0, 3)),
        st.tuples(st.just("tag"), st.integers(0, 120), st.sampled_from(TAGS), st.sampled_from(TAGS)),
        st.tuples(st.just("delete"), st.integers(0, 120), st.just(0), st.just(0)),
        st.tuples(st.sampled_from(PROCESS_STEPS), st.just(0), st.just(0), st.just(0)),
    ),
    min_size=1,
    max_size=6,
)  # fmt: skip


class Process:
    """What a process knows of a catalog, which it loses when it is killed; the folder of its files stays."""

    def __init__(self, folder: Path, worker: str = "one") -> None:
        self.shelf = BitmapShelf(folder, worker)
        self.copies = 0
        self.restart()

    def restart(self) -> None:
        """Be killed, and begin again."""
        self.library = BitmapLibrary(10_000, self.shelf)
        self.finder = FileFinder(self.library)

    def write(self, sql: Connection) -> tuple[int, str, int] | None:
        """Write the bitmaps to a file that counts for nothing yet."""
        version = versions.row_of(sql, NAME).key
        copied = self.library.copied(version)
        return None if copied is None else (version, self.shelf.write(version, copied[0]), copied[1])

    def keep(self, sql: Connection) -> None:
        """Write the bitmaps to a file that the next start takes."""
        written = self.write(sql)
        if written is not None:
            self.shelf.sign(sql, *written)
            self.shelf.sweep(sql)


def take(sql: Connection, step: tuple[Any, ...], process: Process) -> None:
    """Take one of `STEPS`."""
    kind, number, one, other = step
    version = versions.row_of(sql, NAME).key
    some = select(files.c.key).where(files.c.version == version, files.c.key % 7 == number % 7)
    match kind:
        case "add":
            catalog.register(sql, version, [file(number + at, size=one, moment=other) for at in range(60)])
        case "tag":
            tags.rewrite(sql, version, sql.execute(some).scalars().all(), given_tags(one, other))
        case "delete":
            catalog.mark_deleted(sql, version, sql.execute(some).scalars().all())
        case "keep":
            process.keep(sql)
        case "write":
            process.write(sql)
        case "back up":
            sql.exec_driver_sql("SAVEPOINT copy")
            process.copies += 1
        case "bring back" if process.copies:
            sql.exec_driver_sql("ROLLBACK TO copy")
            process.restart()
        case _:
            process.restart()
