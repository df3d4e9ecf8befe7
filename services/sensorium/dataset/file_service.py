"""Files: what their port promises, on the catalog."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, select

from sensorium.dataset import file_facets, file_order, files, tags, versions
from sensorium.dataset.checks import check_length, invalid
from sensorium.dataset.file_finder import FileFinder
from sensorium.dataset.file_order import Span
from sensorium.dataset.jobs.version_files import OpenVersion
from sensorium.dataset.jobs.work_check import check_selection
from sensorium.dataset.repeats import Repeatable, RequestId
from sensorium.dataset.selecting import Chosen, filter_of, selected
from sensorium.dataset.tables import files as table
from sensorium.model.count_check import check_count
from sensorium.model.dataset_file import (
    BY_URI,
    EVERY_FILE,
    FileOrder,
    FileRecord,
    FileSelection,
    FileStatistics,
    TagChange,
    TagEdit,
    TagEditResult,
)
from sensorium.model.dataset_names import FileName, VersionName, file_id_of
from sensorium.model.search import FacetRequest, Page
from sensorium.settings import DatasetSettings
from sensorium.storage import list_pages
from sensorium.storage.store import Store

EDIT_BATCH = 5000
MOST_IDS = 10_000
READ_BYTES = 1 << 20
LARGEST_KEY = 2**62


class FileService:
    """Knows the files of versions; implements `dataset_ports.Files`.

    Args:
        store: An open catalog.
        limits: What requests may hold.
        opened: Opens the storage of a version.
        finder: Finds and counts files.
    """

    def __init__(self, store: Store, limits: DatasetSettings, opened: OpenVersion, finder: FileFinder) -> None:
        self._store = store
        self._finder = finder
        self._limits = limits
        self._opened = opened

    async def get_file(self, name: FileName) -> FileRecord:
        """Return one file record."""
        return await self._store.read(lambda sql: files.get(sql, name, versions.row_of(sql, name.version).key))

    async def list_files(
        self,
        version: VersionName,
        page_size: int,
        page_token: str,
        selection: FileSelection = EVERY_FILE,
        order: FileOrder = BY_URI,
    ) -> Page[FileRecord]:
        """Return a page of the selected files; a page starts behind the last file of the one before."""
        size = list_pages.checked_size(page_size, self._limits.max_page_size)
        check_selection(selection, "selection")
        chosen = Chosen(selection, filter_of(selection))
        mark = list_pages.request_mark("files", version, selection, order)
        place = file_order.read(list_pages.decode(page_token, mark) if page_token else [], order)

        def read(sql: Connection) -> tuple[list[FileRecord], list[Row[Any]]]:
            span = Span(order, place, size + 1)
            rows = self._finder.page(sql, versions.row_of(sql, version), chosen, span)
            return files.records(sql, version, rows[:size]), rows

        found, rows = await self._store.read(read)
        last = file_order.place_of(rows[size - 1], order) if len(rows) > size else None
        token = list_pages.encode([mark, *file_order.written(last, order)]) if last else ""
        return Page(tuple(found), token)

    async def list_file_ids(
        self, version: VersionName, page_size: int, page_token: str, selection: FileSelection = EVERY_FILE
    ) -> Page[str]:
        """Return a page of the ids of the selected files, by URI."""
        size = list_pages.checked_size(page_size, MOST_IDS, MOST_IDS)
        check_selection(selection, "selection")
        chosen = Chosen(selection, filter_of(selection))
        mark = list_pages.request_mark("file ids", version, selection)
        after = list_pages.list_position(page_token, mark)

        def read(sql: Connection) -> tuple[list[str], str]:
            return self._finder.uris(sql, versions.row_of(sql, version), chosen, after, size)

        uris, last = await self._store.read(read)
        return Page(tuple(map(file_id_of, uris)), list_pages.list_token(mark, last) if last else "")

    async def statistics(
        self, version: VersionName, selection: FileSelection = EVERY_FILE, facets: Sequence[FacetRequest] = ()
    ) -> FileStatistics:
        """Count the selected files, and the values of their fields."""
        check_selection(selection, "selection")
        file_facets.check(facets)
        chosen = Chosen(selection, filter_of(selection))

        def read(sql: Connection) -> FileStatistics:
            return self._finder.statistics(sql, versions.row_of(sql, version), chosen, facets)

        return await self._store.read(read)

    async def read_file(self, name: FileName) -> AsyncIterator[bytes]:
        """Yield the bytes of a file, which lies where the version's storage is."""

        def read(sql: Connection) -> tuple[int, str]:
            version = versions.row_of(sql, name.version).key
            return version, files.get(sql, name, version).uri

        version, uri = await self._store.read(read)
        async for chunk in (await self._opened(version)).chunks(uri, READ_BYTES):
            for start in range(0, len(chunk), READ_BYTES):
                yield chunk[start : start + READ_BYTES]

    async def edit_tags(self, edit: TagEdit) -> TagEditResult:
        """Change user tags, and which algorithm tags are hidden, some thousand files in a transaction."""
        self._check_edit(edit)
        repeat = RequestId.of(edit.version.dataset.workspace, edit.request_id, replace(edit, request_id=""))
        part = filter_of(edit.selection)

        def make(sql: Connection) -> TagEditResult:
            row = versions.draft_row(sql, edit.version)
            chosen = selected(row.key, edit.selection, part)
            keys = list(sql.execute(select(table.c.key).where(chosen).order_by(table.c.key)).scalars())
            changed = 0
            for start in range(0, len(keys), EDIT_BATCH):
                batch = keys[start : start + EDIT_BATCH]
                changed += tags.rewrite(sql, row.key, batch, lambda file: tags.edited(file, edit), by=repeat.id)
            return TagEditResult(len(keys), changed)

        change = Repeatable(
            make=make,
            answer=lambda made: [made.matched_count, made.changed_count],
            recall=lambda _, kept: TagEditResult(*_counts(kept)),
        )
        return await self._store.write(lambda sql: repeat.once(sql, change))

    async def list_tag_edits(self, name: FileName, page_size: int, page_token: str) -> Page[TagChange]:
        """Return a page of the changes of one file's tags, latest first."""
        size = list_pages.checked_size(page_size, self._limits.max_page_size)
        mark = list_pages.request_mark("tag edits", name)
        position = list_pages.list_position(page_token, mark)
        if position and not (position.isascii() and position.isdecimal() and len(position) <= 18):
            raise list_pages.invalid()
        before = int(position) if position else LARGEST_KEY

        def read(sql: Connection) -> tuple[list[tuple[int, TagChange]], bool]:
            version = versions.row_of(sql, name.version).key
            files.get(sql, name, version)
            of_file = (table.c.version == version) & (table.c.id == name.id)
            return tags.page(sql, sql.execute(select(table.c.key).where(of_file)).scalar_one(), before, size)

        found, more = await self._store.read(read)
        token = list_pages.list_token(mark, str(found[-1][0])) if more else ""
        return Page(tuple(change for _, change in found), token)

    def _check_edit(self, edit: TagEdit) -> None:
        check_selection(edit.selection, "selection")
        if edit.selection.is_everything:
            raise invalid("selection", "it must name files, or have a filter or a condition on tags")
        given = {
            "add": edit.add,
            "remove": edit.remove,
            "delete_algorithm": edit.hide,
            "restore_algorithm": edit.restore,
        }
        check_count("add", sum(map(len, given.values())), self._limits.max_tags)
        for field, texts in given.items():
            for place, text in enumerate(texts):
                if not text.strip():
                    raise invalid(f"{field}[{place}]", "it is empty or blank")
                check_length(text, self._limits.max_tag_chars, f"{field}[{place}]")


def _counts(kept: object) -> tuple[int, int]:
    match kept:
        case [int(matched), int(changed)]:
            return matched, changed
        case _:
            return 0, 0
