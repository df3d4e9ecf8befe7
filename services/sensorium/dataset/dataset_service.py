"""Datasets and versions: what their port promises, on the catalog."""

from sqlalchemy import Connection

from sensorium.dataset import comparing, connections, datasets, files, versions
from sensorium.dataset.checks import check_dataset, check_version
from sensorium.dataset.file_finder import FileFinder
from sensorium.dataset.jobs import job_rows
from sensorium.dataset.repeats import Repeatable, RequestId
from sensorium.dataset.version_copies import VersionCopies
from sensorium.errors import InvalidArgument
from sensorium.model.connection import STORAGE_KINDS
from sensorium.model.dataset import Dataset, DatasetSpec, DatasetUpdate, DatasetVersion, VersionSpec, VersionUpdate
from sensorium.model.dataset_names import ConnectionName, DatasetName, VersionName
from sensorium.model.names import check_id
from sensorium.model.search import Page
from sensorium.model.version_difference import DifferenceKind, VersionDifference
from sensorium.settings import DatasetSettings
from sensorium.storage import list_pages
from sensorium.storage.store import Store

LARGEST_VERSION = 10**9


class DatasetService:
    """Keeps datasets and their versions; implements `dataset_ports.Datasets`.

    Args:
        store: An open catalog.
        limits: What requests may hold.
        finder: Lets go of what it keeps of versions that are deleted.
        copies: Copies versions.
    """

    def __init__(self, store: Store, limits: DatasetSettings, finder: FileFinder, copies: VersionCopies) -> None:
        self._copies = copies
        self._finder = finder
        self._store = store
        self._limits = limits

    async def get_dataset(self, name: DatasetName) -> Dataset:
        """Return one dataset."""
        return await self._store.read(lambda sql: datasets.get(sql, name))

    async def list_datasets(self, workspace: str, page_size: int, page_token: str) -> Page[Dataset]:
        """Return a page of the workspace's datasets, by id."""
        size = list_pages.checked_size(page_size, self._limits.max_page_size)
        mark = list_pages.request_mark("datasets", workspace)
        after = list_pages.list_position(page_token, mark)
        found, more = await self._store.read(lambda sql: datasets.page(sql, workspace, after, size))
        return Page(tuple(found), list_pages.list_token(mark, found[-1].name.id) if more else "")

    async def create_dataset(self, name: DatasetName, spec: DatasetSpec, *, request_id: str = "") -> Dataset:
        """Create a dataset with its version 1."""
        check_id(name.id, "dataset_id")
        check_dataset(spec, name.workspace, self._limits)
        await self._check_connection(spec.connection, "dataset.connection")
        repeat = RequestId.of(name.workspace, request_id, "create dataset", name, spec)
        change = Repeatable(
            make=lambda sql: datasets.create(sql, name, spec),
            answer=lambda made: str(made.name),
            recall=lambda sql, _: datasets.get(sql, name),
        )
        return await self._store.write(lambda sql: repeat.once(sql, change))

    async def update_dataset(self, update: DatasetUpdate) -> Dataset:
        """Change a dataset."""
        _check_fields(update.fields)
        check_dataset(update.spec, update.name.workspace, self._limits)
        repeat = RequestId.of(update.name.workspace, update.request_id, "update dataset", update)
        change = Repeatable(
            make=lambda sql: datasets.change(sql, update),
            answer=lambda made: str(made.name),
            recall=lambda sql, _: datasets.get(sql, update.name),
        )
        return await self._store.write(lambda sql: repeat.once(sql, change))

    async def delete_dataset(self, name: DatasetName, *, force: bool) -> None:
        """Delete a dataset with its versions."""

        def delete(sql: Connection) -> list[int]:
            gone = versions.keys(sql, datasets.row_of(sql, name).key)
            for version in gone:
                job_rows.check_idle(sql, version, str(name))
                files.forget_collection(sql, version)
            datasets.delete(sql, name, force=force)
            return gone

        for version in await self._store.write(delete):
            self._finder.forget(version)

    async def get_version(self, name: VersionName) -> DatasetVersion:
        """Return one version."""
        return await self._store.read(lambda sql: versions.get(sql, name))

    async def list_versions(self, name: DatasetName, page_size: int, page_token: str) -> Page[DatasetVersion]:
        """Return a page of a dataset's versions, latest first."""
        size = list_pages.checked_size(page_size, self._limits.max_page_size)
        mark = list_pages.request_mark("versions", name)
        before = _number(list_pages.list_position(page_token, mark))
        await self.get_dataset(name)
        found, more = await self._store.read(lambda sql: versions.page(sql, name, before, size))
        return Page(tuple(found), list_pages.list_token(mark, str(found[-1].name.number)) if more else "")

    async def create_version(
        self, name: DatasetName, spec: VersionSpec, *, source: int = 0, request_id: str = ""
    ) -> DatasetVersion:
        """Create the next version, as a copy of version `source` unless that is 0."""
        check_version(spec, name.workspace, self._limits)
        await self._check_connection(spec.connection, "dataset_version.connection")
        repeat = RequestId.of(name.workspace, request_id, "create version", name, spec, source)
        if source:
            return await self._copies.copy(VersionName(name, source), spec, repeat)
        change = Repeatable(
            make=lambda sql: versions.create(sql, name, spec),
            answer=lambda made: made.name.number,
            recall=lambda sql, number: versions.get(sql, VersionName(name, int(str(number)))),
        )
        return await self._store.write(lambda sql: repeat.once(sql, change))

    async def compare_versions(
        self, name: VersionName, base: VersionName, page_size: int, page_token: str
    ) -> VersionDifference:
        """Return a page of the files in which a version differs from another of the workspace, by URI.

        Raises:
            NotFound: There is no such version.
            InvalidArgument: The base is of another workspace, or the page token is wrong.
        """
        size = list_pages.checked_size(page_size, self._limits.max_page_size)
        if base.dataset.workspace != name.dataset.workspace:
            raise InvalidArgument(f"base: {base} is of another workspace", field="base")
        mark = list_pages.request_mark("difference", name, base)
        after = list_pages.list_position(page_token, mark)

        def compare(sql: Connection) -> VersionDifference:
            ours, theirs = versions.row_of(sql, name).key, versions.row_of(sql, base).key
            counts = comparing.counts(sql, ours, theirs)
            found = comparing.differences(sql, ours, theirs, after, size + 1)
            token = list_pages.list_token(mark, found[size - 1].uri) if len(found) > size else ""
            return VersionDifference(tuple(found[:size]), token, *(counts.get(kind, 0) for kind in DifferenceKind))

        return await self._store.read(compare)

    async def update_version(self, update: VersionUpdate) -> DatasetVersion:
        """Change what describes a version."""
        _check_fields(update.fields)
        check_version(update.spec, update.name.dataset.workspace, self._limits)
        repeat = RequestId.of(update.name.dataset.workspace, update.request_id, "update version", update)
        change = Repeatable(
            make=lambda sql: versions.change(sql, update),
            answer=lambda made: made.name.number,
            recall=lambda sql, _: versions.get(sql, update.name),
        )
        return await self._store.write(lambda sql: repeat.once(sql, change))

    async def delete_version(self, name: VersionName) -> None:
        """Delete a version with its files."""

        def delete(sql: Connection) -> int:
            key: int = versions.any_row(sql, name).key
            job_rows.check_idle(sql, key, str(name))
            files.forget_collection(sql, key)
            versions.delete(sql, name)
            return key

        self._finder.forget(await self._store.write(delete))

    async def publish_version(self, name: VersionName) -> DatasetVersion:
        """Make a version immutable."""

        def publish(sql: Connection) -> DatasetVersion:
            job_rows.check_idle(sql, versions.row_of(sql, name).key, str(name))
            return versions.publish(sql, name)

        return await self._store.write(publish)

    async def _check_connection(self, name: ConnectionName | None, field: str) -> None:
        if name is None:
            return
        row = await self._store.read(lambda sql: connections.get(sql, name))
        if row.spec.kind not in STORAGE_KINDS:
            raise InvalidArgument(f"{field}: {name} is no storage", field=field)


def _check_fields(fields: tuple[object, ...]) -> None:
    if not fields:
        raise InvalidArgument("update_mask: there is nothing to change", field="update_mask")


def _number(position: str) -> int:
    """Return the version below which a page starts."""
    if not position:
        return LARGEST_VERSION
    if not (position.isascii() and position.isdecimal() and len(position) <= 10):
        raise list_pages.invalid()
    return int(position)
