"""Datasets, their files and jobs, as a caller reaches them."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar, Unpack

from sensorium.client.calling import Caller
from sensorium.client.paging import each_of
from sensorium.client.queries import Query
from sensorium.client.searches import FileSearchOptions, file_search_request
from sensorium.dataset_ports import DatasetPorts, FileBatches
from sensorium.errors import DeadlineExceeded, NotFound, SensoriumError, Unavailable
from sensorium.model.connection import (
    Connection,
    ConnectionField,
    ConnectionKind,
    ConnectionModel,
    ConnectionSpec,
    ConnectionUpdate,
    ModelKind,
    Validation,
)
from sensorium.model.dataset import (
    Dataset,
    DatasetField,
    DatasetSpec,
    DatasetUpdate,
    DatasetVersion,
    Edition,
    VersionSpec,
    VersionState,
)
from sensorium.model.dataset_file import (
    FileRecord,
    FileSelection,
    FileStatistics,
    Sample,
    StatusFilter,
    TagChange,
    TagEdit,
    TagEditResult,
    Thumbnail,
)
from sensorium.model.dataset_job import Job, JobFile, JobFileState, JobMode, JobSpec, JobState, Work
from sensorium.model.dataset_names import ANY_DATASET, ConnectionName, DatasetName, FileName, JobName, VersionName
from sensorium.model.file_batch import FileChange, FileField, FileOutcome, FileSpec
from sensorium.model.file_search import FileSearchResponse, NearDuplicateGroup
from sensorium.model.names import check_id
from sensorium.model.search import FacetRequest, Page, SearchPlan, TagFilter
from sensorium.model.version_difference import FileDifference

Item = TypeVar("Item")
Outcomes = list[FileOutcome]
PAGE_SIZE = 1000
READERS = 8
# How often a version that is being copied is looked at.
COPY_SECONDS = 1.0
COPY_FAULTS = 30
NO_TAGS = TagFilter()
Reach = Callable[[], DatasetPorts]


class AsyncDatasets:
    """The datasets of a workspace: `mesh.datasets` of an `AsyncClient`.

    Datasets and connections go by their ids or their names, jobs by `{dataset}/{job}` or their names; a version goes
    by its number, of which 0 means the latest.

    Args:
        reach: Returns the ports, while the client is open.
        call: Makes calls that end by a deadline.
        workspace: The workspace of what is named by its id.
    """

    def __init__(self, reach: Reach, call: Caller, workspace: str) -> None:
        self._reach = reach
        self._call = call
        self._workspace = workspace

    async def create(
        self,
        dataset: str,
        *,
        uri: str = "",
        connection: str = "",
        description: str = "",
        logical: bool = False,
        edition: Edition | str = Edition.ADVANCED,
    ) -> Dataset:
        """Create a dataset over the files at `uri`, of a connection or of the server's own folders.

        A logical one, by `logical` or by its edition, has no storage of its own: its files come by exports of others.
        """
        storage = self._connection(connection) if connection else None
        chosen = Edition.LOGICAL if logical else Edition(edition.upper())
        spec = DatasetSpec(description=description, uri=uri, connection=storage, edition=chosen)
        return await self._call(lambda: self._reach().datasets.create_dataset(self._name(dataset), spec))

    async def get(self, dataset: str) -> Dataset:
        """Return one dataset."""
        return await self._call(lambda: self._reach().datasets.get_dataset(self._name(dataset)))

    def list(self) -> AsyncIterator[Dataset]:
        """Yield the workspace's datasets, by id."""

        async def page(token: str) -> Page[Dataset]:
            return await self._call(lambda: self._reach().datasets.list_datasets(self._workspace, PAGE_SIZE, token))

        return each_of(page)

    async def change(
        self,
        dataset: str,
        *,
        description: str | None = None,
        display_name: str | None = None,
        edition: Edition | str | None = None,
    ) -> Dataset:
        """Change what describes a dataset, or make a basic one advanced; None stays."""
        given = {
            DatasetField.DESCRIPTION: description,
            DatasetField.DISPLAY_NAME: display_name,
            DatasetField.EDITION: edition,
        }
        fields = tuple(each for each, value in given.items() if value is not None)
        chosen = Edition((edition or Edition.ADVANCED).upper())
        spec = DatasetSpec(description=description or "", display_name=display_name or "", edition=chosen)
        update = DatasetUpdate(self._name(dataset), spec, fields)
        return await self._call(lambda: self._reach().datasets.update_dataset(update))

    async def delete(self, dataset: str, *, force: bool = False) -> None:
        """Delete a dataset; one that holds files needs `force`. What is in storage stays."""
        await self._call(lambda: self._reach().datasets.delete_dataset(self._name(dataset), force=force))

    async def create_version(
        self,
        dataset: str,
        *,
        source: int = 0,
        description: str = "",
        uri: str = "",
        connection: str = "",
        wait: bool = True,
    ) -> DatasetVersion:
        """Create the next version: empty, or with the files and tags of the version `source`.

        Args:
            dataset: The dataset.
            source: The version to copy; 0 begins an empty one.
            description: What is in it.
            uri: Where its files are; else where those of the source, or of the dataset, are.
            connection: The storage connection; else the source's, or the dataset's.
            wait: Waits for a large copy, however long it takes; else it is returned COPYING, and goes on.

        Raises:
            SensoriumError: The copy failed.
        """
        spec = VersionSpec(description, uri, self._connection(connection) if connection else None)
        name, key = self._name(dataset), str(uuid.uuid4())
        ports = self._reach().datasets
        made = await self._call(lambda: ports.create_version(name, spec, source=source, request_id=key))
        if not (wait and made.copy):
            return made
        return [each async for each in self.watch_copy(dataset, made.name.number)][-1]

    async def version(self, dataset: str, version: int = 0) -> DatasetVersion:
        """Return one version, also while it is being copied."""
        name = await self._version(dataset, version)
        return await self._call(lambda: self._reach().datasets.get_version(name))

    async def watch_copy(self, dataset: str, version: int) -> AsyncIterator[DatasetVersion]:
        """Yield a version as it is now and, while it is being copied, whenever more of it is there.

        A mesh that starts again meanwhile goes on with the copy, and is waited for, a while.

        Raises:
            SensoriumError: The copy failed, or nobody answers any more.
        """
        before, faults = None, 0
        while True:
            try:
                found = await self.version(dataset, version)
            except (Unavailable, DeadlineExceeded):
                faults += 1
                if before is None or faults > COPY_FAULTS:
                    raise
                await asyncio.sleep(COPY_SECONDS)
                continue
            faults = 0
            if found != before:
                yield found
            if found.state is VersionState.FAILED and found.copy and found.copy.error:
                raise found.copy.error
            if found.state is not VersionState.COPYING:
                return
            before = found
            await asyncio.sleep(COPY_SECONDS)

    def versions(self, dataset: str) -> AsyncIterator[DatasetVersion]:
        """Yield the versions of a dataset, latest first."""
        name = self._name(dataset)

        async def page(token: str) -> Page[DatasetVersion]:
            return await self._call(lambda: self._reach().datasets.list_versions(name, PAGE_SIZE, token))

        return each_of(page)

    async def delete_version(self, dataset: str, version: int) -> None:
        """Delete a version with its records and vectors; a dataset keeps at least one. What is in storage stays."""
        name = VersionName(self._name(dataset), version)
        await self._call(lambda: self._reach().datasets.delete_version(name))

    async def publish(self, dataset: str, version: int = 0) -> DatasetVersion:
        """Make a version immutable."""
        name = await self._version(dataset, version)
        return await self._call(lambda: self._reach().datasets.publish_version(name))

    async def diff(self, dataset: str, version: int, base: int) -> AsyncIterator[FileDifference]:
        """Yield the files in which a version differs from another, by URI."""
        name, other = await self._version(dataset, version), await self._version(dataset, base)

        async def page(token: str) -> Page[FileDifference]:
            datasets = self._reach().datasets
            found = await self._call(lambda: datasets.compare_versions(name, other, PAGE_SIZE, token))
            return Page(found.files, found.next_page_token)

        async for each in each_of(page):
            yield each

    async def create_connection(
        self,
        connection: str,
        kind: ConnectionKind | str,
        *,
        configs: Mapping[str, str],
        secrets: Mapping[str, str] | None = None,
        description: str = "",
        models: Sequence[str] = (),
    ) -> Connection:
        """Create a connection; its secrets are never returned. `models` are those of its service that embed."""
        embedding = tuple(ConnectionModel(each, ModelKind.EMBEDDING) for each in models)
        spec = ConnectionSpec(ConnectionKind(kind), description, configs, secrets or {}, embedding)
        name = self._connection(connection)
        return await self._call(lambda: self._reach().connections.create_connection(name, spec))

    def connections(self) -> AsyncIterator[Connection]:
        """Yield the workspace's connections, by id."""

        async def page(token: str) -> Page[Connection]:
            ports = self._reach()
            return await self._call(lambda: ports.connections.list_connections(self._workspace, PAGE_SIZE, token))

        return each_of(page)

    async def check_connection(self, connection: str) -> SensoriumError | None:
        """Try a connection; return what is wrong with it, or None."""
        wanted = Validation(self._workspace, self._connection(connection))
        return await self._call(lambda: self._reach().connections.validate_connection(wanted))

    async def change_connection(
        self,
        connection: str,
        *,
        configs: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        description: str | None = None,
        models: Sequence[str] | None = None,
    ) -> Connection:
        """Change a connection; what is given takes the place of all configs, secrets or models, None stays."""
        name = self._connection(connection)
        found = await self._call(lambda: self._reach().connections.get_connection(name))
        given = {
            ConnectionField.DESCRIPTION: description,
            ConnectionField.CONFIGS: configs,
            ConnectionField.SECRETS: secrets,
            ConnectionField.MODELS: models,
        }
        embedding = tuple(ConnectionModel(each, ModelKind.EMBEDDING) for each in models or ())
        spec = ConnectionSpec(found.spec.kind, description or "", configs or {}, secrets or {}, embedding)
        fields = tuple(each for each, value in given.items() if value is not None)
        update = ConnectionUpdate(name, spec, fields, found.etag)
        return await self._call(lambda: self._reach().connections.update_connection(update))

    async def delete_connection(self, connection: str) -> None:
        """Delete a connection that no dataset has, and by which no version is indexed."""
        await self._call(lambda: self._reach().connections.delete_connection(self._connection(connection)))

    async def files(
        self, dataset: str, version: int = 0, *, filter: str = "", tags: TagFilter = NO_TAGS
    ) -> AsyncIterator[FileRecord]:
        """Yield the files of a version that satisfy a filter and a condition on tags, by URI."""
        name, chosen = await self._version(dataset, version), FileSelection((), filter, tags)

        async def page(token: str) -> Page[FileRecord]:
            return await self._call(lambda: self._reach().files.list_files(name, PAGE_SIZE, token, chosen))

        async for each in each_of(page):
            yield each

    async def file_ids(
        self, dataset: str, version: int = 0, *, filter: str = "", tags: TagFilter = NO_TAGS
    ) -> AsyncIterator[Sequence[str]]:
        """Yield the ids of the files that satisfy a filter and a condition on tags, by URI, some thousand at a time."""
        name, chosen = await self._version(dataset, version), FileSelection((), filter, tags)
        token = ""
        while True:
            asked = partial(self._reach().files.list_file_ids, name, 0, token, chosen)
            page = await self._call(asked)
            yield page.items
            token = page.next_page_token
            if not token:
                return

    async def find(self, dataset: str, path: str, version: int = 0) -> FileRecord:
        """Return the file at a path below its dataset, or at a URI. Raises NotFound."""
        field, value = ("uri", path) if "://" in path else ("file_name", path.rpartition("/")[2])
        async for each in self.files(dataset, version, filter=f"{field} = {json.dumps(value, ensure_ascii=False)}"):
            if path in {each.uri, "/".join(filter(None, (each.file_dir, each.file_name)))}:
                return each
        raise NotFound(f"there is no {path} in {dataset}", metadata={"resource": path})

    async def read(self, file: str) -> bytes:
        """Return the bytes of a file, by the name of its record, from the storage of its version."""
        return await self._call(lambda: self._read(FileName.parse(file, "file")))

    async def samples(
        self, dataset: str, version: int, ids: Sequence[str], *, with_bytes: bool = True
    ) -> Sequence[Sample]:
        """Return some files of a version by their ids, at most 1,000, in that order, with their bytes if wanted.

        Raises:
            NotFound: A file is not there, or no longer.
        """
        name = await self._version(dataset, version)
        chosen = FileSelection(tuple({*ids}), status=StatusFilter.ALL)
        page = await self._call(lambda: self._reach().files.list_files(name, PAGE_SIZE, "", chosen))
        found = {each.name.id: each for each in page.items}
        if missing := [each for each in ids if each not in found]:
            raise NotFound(f"there is no {name}/files/{missing[0]}", metadata={"resource": missing[0]})
        gate = asyncio.Semaphore(READERS)

        async def sample(record: FileRecord) -> Sample:
            async with gate:
                return Sample(record, await self.read(str(record.name)) if with_bytes else b"")

        return list(await asyncio.gather(*(sample(found[each]) for each in ids)))

    async def statistics(
        self,
        dataset: str,
        version: int = 0,
        *,
        filter: str = "",
        tags: TagFilter = NO_TAGS,
        facets: Sequence[FacetRequest] = (),
    ) -> FileStatistics:
        """Count the files that satisfy a filter and a condition on tags, and the values of their fields."""
        name, chosen = await self._version(dataset, version), FileSelection((), filter, tags)
        return await self._call(lambda: self._reach().files.statistics(name, chosen, facets))

    async def search(
        self, dataset: str, query: Query = (), version: int = 0, **options: Unpack[FileSearchOptions]
    ) -> FileSearchResponse:
        """Return one page of the files nearest to a query that satisfy what the options ask of them.

        Without a query, those that match, by URI. The filter may hold options, as in `Content:"two cars" AND TopK = 5`.
        """
        wanted = file_search_request(await self._version(dataset, version), query, options)
        return await self._call(lambda: self._reach().searches.search(wanted))

    async def search_pages(
        self, dataset: str, query: Query = (), version: int = 0, **options: Unpack[FileSearchOptions]
    ) -> AsyncIterator[FileSearchResponse]:
        """Yield what `search` returns, page after page, from the one that `page_token` names."""
        number = (await self._version(dataset, version)).number  # The latest may be another meanwhile.
        while True:
            found = await self.search(dataset, query, number, **options)
            yield found
            if not found.next_page_token:
                return
            options["page_token"] = found.next_page_token

    async def explain(
        self, dataset: str, query: Query = (), version: int = 0, *, filter: str = "", tags: TagFilter = NO_TAGS
    ) -> SearchPlan:
        """Return how a search would run, without running it."""
        options: FileSearchOptions = {"filter": filter, "tags": tags}
        request = file_search_request(await self._version(dataset, version), query, options)
        return await self._call(lambda: self._reach().searches.explain(request))

    async def near_duplicates(
        self, dataset: str, version: int = 0, *, filter: str = "", least_score: float = 0.0
    ) -> AsyncIterator[NearDuplicateGroup]:
        """Yield groups of indexed files that are almost the same, largest group first."""
        name, chosen = await self._version(dataset, version), FileSelection(filter=filter)

        async def page(token: str) -> Page[NearDuplicateGroup]:
            searches = self._reach().searches
            return await self._call(lambda: searches.near_duplicates(name, PAGE_SIZE, token, chosen, least_score))

        async for each in each_of(page):
            yield each

    async def add_files(self, dataset: str, files: Sequence[FileSpec], version: int = 0) -> Outcomes:
        """Add file records, each below the version's URI; an error stands in the place of one that cannot be."""
        name = await self._version(dataset, version)
        return await self._pieces(files, lambda some, key: self._batches().create_files(name, some, request_id=key))

    async def change_files(
        self,
        dataset: str,
        changes: Sequence[FileChange],
        version: int = 0,
        *,
        fields: tuple[FileField, ...] = (),
    ) -> Outcomes:
        """Change `fields` of file records, or those that are set; an error stands where that cannot be."""
        name = await self._version(dataset, version)
        return await self._pieces(
            changes, lambda some, key: self._batches().update_files(name, some, fields, request_id=key)
        )

    async def delete_files(self, dataset: str, ids: Sequence[str], version: int = 0) -> Outcomes:
        """Mark file records as deleted; what is in storage stays. An error stands where there is none."""
        name = await self._version(dataset, version)
        return await self._pieces(ids, lambda some, key: self._batches().delete_files(name, some, request_id=key))

    async def thumbnail(self, dataset: str, file: str, mode: str = "", version: int = 0) -> Thumbnail:
        """Return a small picture of an image by its id; `mode` as in `h_200` or `m_pad,w_64,h_64`."""
        name = FileName(await self._version(dataset, version), file)
        return await self._call(lambda: self._reach().thumbnails.get_thumbnail(name, mode))

    async def edit_tags(
        self,
        dataset: str,
        selection: FileSelection,
        version: int = 0,
        *,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
        hide: Sequence[str] = (),
        restore: Sequence[str] = (),
    ) -> TagEditResult:
        """Add and remove user tags, hide algorithm tags and show them again, of all selected files."""
        name = await self._version(dataset, version)
        edit = TagEdit(name, selection, tuple(add), tuple(remove), tuple(hide), tuple(restore))
        return await self._call(lambda: self._reach().files.edit_tags(edit))

    async def start(
        self,
        dataset: str,
        work: Work,
        version: int = 0,
        *,
        incremental: bool = False,
        concurrency: int = 0,
        dry_run: bool = False,
    ) -> Job:
        """Start a job on a version, or estimate what it would do."""
        mode = JobMode.INCREMENTAL if incremental else JobMode.FULL
        spec = JobSpec(await self._version(dataset, version), work, mode=mode, concurrency=concurrency)
        return await self._call(lambda: self._reach().jobs.create_job(spec, dry_run=dry_run))

    def jobs(self, dataset: str = ANY_DATASET, states: Sequence[JobState] = ()) -> AsyncIterator[Job]:
        """Yield the jobs of a dataset, or of all, latest first and without logs; those in one of the states, if any."""
        name = DatasetName(self._workspace, dataset) if dataset == ANY_DATASET else self._name(dataset)

        async def page(token: str) -> Page[Job]:
            return await self._call(lambda: self._reach().jobs.list_jobs(name, PAGE_SIZE, token, states))

        return each_of(page)

    async def job(self, job: str) -> Job:
        """Return a job by its name, with its logs."""
        return await self._call(lambda: self._reach().jobs.get_job(self.job_name(job)))

    async def change_job(self, job: str, *, description: str | None = None, concurrency: int | None = None) -> Job:
        """Change what describes a job, or how many batches it works on at once; None stays."""
        name = self.job_name(job)
        return await self._call(
            lambda: self._reach().jobs.update_job(name, description=description, concurrency=concurrency)
        )

    async def delete_job(self, job: str) -> None:
        """Delete a job that has ended, and its ledger; what it has done stays done."""
        await self._call(lambda: self._reach().jobs.delete_job(self.job_name(job)))

    async def watch(self, job: str) -> AsyncIterator[Job]:
        """Yield a job, by its name, whenever it changes, until it has ended or rests."""
        async for each in self._reach().jobs.watch_job(self.job_name(job)):
            yield each

    async def pause(self, job: str) -> Job:
        """Let a job rest after the files that are at work."""
        return await self._call(lambda: self._reach().jobs.pause_job(self.job_name(job)))

    async def resume(self, job: str) -> Job:
        """Let a paused job go on."""
        return await self._call(lambda: self._reach().jobs.resume_job(self.job_name(job)))

    async def cancel(self, job: str) -> Job:
        """Stop a job for good; what is done stays done."""
        return await self._call(lambda: self._reach().jobs.cancel_job(self.job_name(job)))

    async def retry(self, job: str) -> Job:
        """Work on the failed files of an ended job again."""
        return await self._call(lambda: self._reach().jobs.retry_job(self.job_name(job)))

    def job_files(self, job: str, states: Sequence[JobFileState] = ()) -> AsyncIterator[JobFile]:
        """Yield what became of the files of a job, by URI."""
        name = self.job_name(job)

        async def page(token: str) -> Page[JobFile]:
            return await self._call(lambda: self._reach().jobs.list_job_files(name, PAGE_SIZE, token, states))

        return each_of(page)

    async def history(self, file: str) -> AsyncIterator[TagChange]:
        """Yield the changes of a file's tags, by the name of its record, latest first."""
        name = FileName.parse(file, "file")

        async def page(token: str) -> Page[TagChange]:
            return await self._call(lambda: self._reach().files.list_tag_edits(name, PAGE_SIZE, token))

        async for each in each_of(page):
            yield each

    def job_name(self, job: str) -> JobName:
        """Return the name of a job that goes by `{dataset}/{job}`, or by its name."""
        dataset, slash, identifier = job.partition("/")
        if not slash or "/" in identifier:
            return JobName.parse(job, "job")
        return JobName(self._name(dataset), check_id(identifier, "job"))

    async def _read(self, name: FileName) -> bytes:
        return b"".join([chunk async for chunk in self._reach().files.read_file(name)])

    def _batches(self) -> FileBatches:
        return self._reach().file_batches

    async def _pieces(
        self, items: Sequence[Item], work: Callable[[Sequence[Item], str], Awaitable[Outcomes]]
    ) -> Outcomes:
        """Return what `work` makes of the items, as many in a call as one takes."""
        outcomes: Outcomes = []
        for start in range(0, len(items), PAGE_SIZE):
            some, key = items[start : start + PAGE_SIZE], str(uuid.uuid4())
            outcomes += await self._call(partial(work, some, key))
        return outcomes

    def _name(self, dataset: str) -> DatasetName:
        if "/" in dataset:
            return DatasetName.parse(dataset, "dataset")
        return DatasetName(self._workspace, check_id(dataset, "dataset"))

    def _connection(self, connection: str) -> ConnectionName:
        if "/" in connection:
            return ConnectionName.parse(connection, "connection")
        return ConnectionName(self._workspace, check_id(connection, "connection"))

    async def _version(self, dataset: str, version: int) -> VersionName:
        return VersionName(self._name(dataset), version) if version else (await self.get(dataset)).latest.name
