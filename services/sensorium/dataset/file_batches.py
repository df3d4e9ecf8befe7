"""Brings, changes and deletes file records, many in one transaction, each with an outcome of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select, update

from sensorium.dataset import files, versions
from sensorium.dataset.error_json import error_from_json, error_to_json
from sensorium.dataset.file_fields import tokens_of
from sensorium.dataset.file_spec_check import check_spec, path_in
from sensorium.dataset.jobs.version_files import OpenVersion
from sensorium.dataset.repeats import Repeatable, RequestId
from sensorium.dataset.storages.file_store import FileStore
from sensorium.dataset.tables import files as table
from sensorium.errors import AlreadyExists, InvalidArgument, NotFound, SensoriumError
from sensorium.model.count_check import check_count
from sensorium.model.dataset_file import FileStatus
from sensorium.model.dataset_names import FileName, VersionName, file_id_of
from sensorium.model.file_batch import FileChange, FileField, FileOutcome, FileSpec
from sensorium.settings import DatasetSettings
from sensorium.storage import moments
from sensorium.storage.store import Store
from sensorium.storage.write_lane import Terms

MOST_FILES = 1000
_LOOKED_UP = 500
# By place: the id of the file that came of it, or why nothing did.
Outcomes = list[str | SensoriumError]


@dataclass(frozen=True, slots=True)
class Batch:
    """One call: what it is, its version, how many items it has, and what makes a repeat of it harmless."""

    kind: str
    version: VersionName
    items: Sequence[object]
    request_id: str


class FileBatchService:
    """Changes file records; implements `dataset_ports.FileBatches`.

    Args:
        store: An open catalog.
        limits: What records may hold.
        opened: Opens the storage of a version.
    """

    def __init__(self, store: Store, limits: DatasetSettings, opened: OpenVersion) -> None:
        self._store = store
        self._limits = limits
        self._opened = opened

    async def create_files(
        self, version: VersionName, specs: Sequence[FileSpec], *, request_id: str = ""
    ) -> list[FileOutcome]:
        """Add file records; one that was marked as deleted comes back. In order, each with a record or an error.

        Raises:
            NotFound: There is no such version.
            InvalidArgument: There are no items, or too many.
            FailedPrecondition: VERSION_PUBLISHED, or STATE_UNFIT: the version has no storage of its own.
        """
        check_count("files", len(specs), MOST_FILES)
        key = await self._store.read(lambda sql: versions.draft_row(sql, version).key)
        storage = await self._opened(key)
        rows = [self._row(storage, spec, f"files[{place}]") for place, spec in enumerate(specs)]

        def make(sql: Connection) -> Outcomes:
            return _create(sql, versions.draft_row(sql, version).key, rows)

        return await self._once(Batch("create files", version, specs, request_id), make)

    async def update_files(
        self,
        version: VersionName,
        changes: Sequence[FileChange],
        fields: tuple[FileField, ...] = (),
        *,
        request_id: str = "",
    ) -> list[FileOutcome]:
        """Change `fields` of file records, or those that are set. In order, each with a record or an error.

        Raises:
            SensoriumError: As `create_files`.
        """
        check_count("files", len(changes), MOST_FILES)
        wanted = [self._wanted(changes, place, fields) for place in range(len(changes))]

        def make(sql: Connection) -> Outcomes:
            return _update(sql, versions.draft_row(sql, version).key, version, changes, wanted)

        return await self._once(Batch("update files", version, (*changes, fields), request_id), make)

    async def delete_files(
        self, version: VersionName, ids: Sequence[str], *, request_id: str = ""
    ) -> list[FileOutcome]:
        """Mark file records as deleted; what is in storage stays. Raises as `create_files`."""
        check_count("names", len(ids), MOST_FILES)

        def make(sql: Connection) -> Outcomes:
            row = versions.draft_row(sql, version)
            found = _by_id(sql, row.key, ids)
            files.mark_deleted(sql, row.key, [each.key for each in found.values()])
            return [each if each in found else _missing(version, each) for each in ids]

        return await self._once(Batch("delete files", version, tuple(ids), request_id), make)

    async def _once(self, batch: Batch, make: Callable[[Connection], Outcomes]) -> list[FileOutcome]:
        repeat = RequestId.of(
            batch.version.dataset.workspace, batch.request_id, batch.kind, batch.version, tuple(batch.items)
        )
        change = Repeatable(
            make=make,
            answer=lambda made: [each if isinstance(each, str) else error_to_json(each) for each in made],
            recall=lambda _, kept: _outcomes(kept),
        )

        def write(sql: Connection) -> list[FileOutcome]:
            return _told(sql, batch.version, repeat.once(sql, change))

        return await self._store.write(write, Terms.of_call(len(batch.items)))

    def _row(self, storage: FileStore, spec: FileSpec, where: str) -> dict[str, Any] | SensoriumError:
        try:
            path = path_in(storage, spec.uri, self._limits, f"{where}.uri")
            check_spec(spec, tuple(FileField), self._limits, where)
        except InvalidArgument as error:
            return error
        return _fresh(spec, path)

    def _wanted(
        self, changes: Sequence[FileChange], place: int, fields: tuple[FileField, ...]
    ) -> dict[str, Any] | SensoriumError:
        """Return the columns that a change sets, or what is wrong with it."""
        change, where = changes[place], f"files[{place}]"
        chosen = fields or change.set_fields()
        if change.id in {each.id for each in changes[:place]}:
            return InvalidArgument(f"{where}.name: it stands here a second time", field=f"{where}.name")
        if not chosen:
            return InvalidArgument(f"{where}: there is nothing to change", field=where)
        try:
            check_spec(change.spec, chosen, self._limits, where)
        except InvalidArgument as error:
            return error
        return _changed(change.spec, chosen)


def _create(sql: Connection, version: int, rows: Sequence[dict[str, Any] | SensoriumError]) -> Outcomes:
    """Register the rows whose URIs are not taken, in the version or by a row before."""
    uris = [row["uri"] for row in rows if isinstance(row, dict)]
    known = files.known(sql, version, uris)
    taken = {uri for uri, row in known.items() if row.status == FileStatus.ACTIVE}
    fresh: list[dict[str, Any]] = []
    outcomes: Outcomes = []
    for place, row in enumerate(rows):
        if isinstance(row, SensoriumError):
            outcomes.append(row)
        elif row["uri"] in taken:
            field = f"files[{place}].uri"
            outcomes.append(AlreadyExists(f"{field}: a record has it", field=field, metadata={"resource": row["uri"]}))
        else:
            taken.add(row["uri"])
            fresh.append(row)
            outcomes.append(row["id"])
    if fresh:
        files.register(sql, version, fresh)
    return outcomes


def _update(
    sql: Connection,
    version: int,
    name: VersionName,
    changes: Sequence[FileChange],
    wanted: Sequence[dict[str, Any] | SensoriumError],
) -> Outcomes:
    found = _by_id(sql, version, [each.id for each in changes])
    outcomes: Outcomes = []
    written: list[int] = []
    number = files.next_change(sql, version)
    for change, columns in zip(changes, wanted, strict=True):
        row = found.get(change.id)
        if isinstance(columns, SensoriumError) or row is None:
            outcomes.append(columns if isinstance(columns, SensoriumError) else _missing(name, change.id))
            continue
        attributes = columns.get("attributes", row.attributes)
        tokens = tokens_of(row.file_name, row.file_dir, row.tags, attributes)
        sql.execute(update(table).where(table.c.key == row.key).values(**columns, tokens=tokens, change=number))
        if row.status == FileStatus.ACTIVE:
            files.count_more(sql, version, 0, columns.get("size_bytes", row.size_bytes) - row.size_bytes)
        written.append(row.key)
        outcomes.append(change.id)
    files.project(sql, version, written)
    return outcomes


def _fresh(spec: FileSpec, path: str) -> dict[str, Any]:
    folder, _, name = path.rpartition("/")
    now = moments.now()
    return {
        "id": file_id_of(spec.uri),
        "uri": spec.uri,
        "file_name": name,
        "file_dir": folder,
        "file_create_time": moments.to_micros(spec.file_create_time) if spec.file_create_time else None,
        "tokens": tokens_of(name, folder, [], spec.attributes),
        "origin_connection": "",
        "origin_uri": "",
        "status": FileStatus.ACTIVE.value,
        "import_job": "",
        "create_time": now,
        **_changed(spec, tuple(FileField)),
    }


def _changed(spec: FileSpec, fields: Sequence[FileField]) -> dict[str, Any]:
    """Return the columns that the given fields set."""
    columns: dict[str, Any] = {field.value: getattr(spec, field.value) for field in fields}
    if FileField.ATTRIBUTES in fields:
        columns["attributes"] = dict(spec.attributes)
    if FileField.FILE_UPDATE_TIME in fields and spec.file_update_time:
        columns["file_update_time"] = moments.to_micros(spec.file_update_time)
    if FileField.CONTENT_TYPE in fields:
        columns["file_type"] = spec.content_type.partition("/")[0]
    return {**columns, "update_time": moments.now()}


def _by_id(sql: Connection, version: int, ids: Sequence[str]) -> Mapping[str, Row[Any]]:
    rows: dict[str, Row[Any]] = {}
    for start in range(0, len(ids), _LOOKED_UP):
        mine = (table.c.version == version) & table.c.id.in_(ids[start : start + _LOOKED_UP])
        rows |= {row.id: row for row in sql.execute(select(table).where(mine))}
    return rows


def _told(sql: Connection, version: VersionName, outcomes: Outcomes) -> list[FileOutcome]:
    """Return the records of the files that outcomes name."""
    rows = _by_id(sql, versions.row_of(sql, version).key, [each for each in outcomes if isinstance(each, str)])
    records = {each.name.id: each for each in files.records(sql, version, list(rows.values()))}
    return [records[each] if isinstance(each, str) else each for each in outcomes]


def _outcomes(kept: object) -> Outcomes:
    assert isinstance(kept, list)  # noqa: S101  # As it was written by `_once`.
    return [each if isinstance(each, str) else error_from_json(each) or NotFound("it is gone") for each in kept]


def _missing(version: VersionName, identifier: str) -> NotFound:
    name = FileName(version, identifier)
    return NotFound(f"there is no {name}", metadata={"resource": str(name)})
