"""The ports of the dataset service: what it offers, local or remote, one for each noun."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from sensorium.errors import SensoriumError
from sensorium.model.connection import Connection, ConnectionSpec, ConnectionUpdate, Validation
from sensorium.model.dataset import (
    Dataset,
    DatasetSpec,
    DatasetUpdate,
    DatasetVersion,
    VersionSpec,
    VersionUpdate,
)
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
    Thumbnail,
)
from sensorium.model.dataset_job import Job, JobFile, JobFileState, JobSpec, JobState
from sensorium.model.dataset_names import ConnectionName, DatasetName, FileName, JobName, VersionName
from sensorium.model.file_batch import FileChange, FileField, FileOutcome, FileSpec
from sensorium.model.file_search import FileSearchRequest, FileSearchResponse, NearDuplicateGroup
from sensorium.model.search import FacetRequest, Page, SearchPlan
from sensorium.model.version_difference import VersionDifference


class Datasets(Protocol):
    """Keeps datasets and their versions; raises NotFound for an unknown one."""

    async def get_dataset(self, name: DatasetName) -> Dataset:
        """Return one dataset."""
        ...

    async def list_datasets(self, workspace: str, page_size: int, page_token: str) -> Page[Dataset]:
        """Return a page of the workspace's datasets, by id."""
        ...

    async def create_dataset(self, name: DatasetName, spec: DatasetSpec, *, request_id: str = "") -> Dataset:
        """Create a dataset with its version 1; `request_id` makes repeats harmless. Raises AlreadyExists."""
        ...

    async def update_dataset(self, update: DatasetUpdate) -> Dataset:
        """Change a dataset. Raises Aborted when it changed since its etag was read."""
        ...

    async def delete_dataset(self, name: DatasetName, *, force: bool) -> None:
        """Delete a dataset. Raises FailedPrecondition when it holds files, unless `force`, or is worked on."""
        ...

    async def get_version(self, name: VersionName) -> DatasetVersion:
        """Return one version."""
        ...

    async def list_versions(self, name: DatasetName, page_size: int, page_token: str) -> Page[DatasetVersion]:
        """Return a page of a dataset's versions, latest first."""
        ...

    async def create_version(
        self, name: DatasetName, spec: VersionSpec, *, source: int = 0, request_id: str = ""
    ) -> DatasetVersion:
        """Create the next version; with the files and tags of version `source` unless that is 0.

        What takes long goes on in the background: the version is COPYING then, and cannot be read before it is a draft.
        """
        ...

    async def update_version(self, update: VersionUpdate) -> DatasetVersion:
        """Change what describes a version. Raises Aborted when it changed since its etag was read."""
        ...

    async def delete_version(self, name: VersionName) -> None:
        """Delete a version. Raises FailedPrecondition when it is the only one, or a job works on it."""
        ...

    async def compare_versions(
        self, name: VersionName, base: VersionName, page_size: int, page_token: str
    ) -> VersionDifference:
        """Return a page of the files in which a version differs from another of the workspace, by URI."""
        ...

    async def publish_version(self, name: VersionName) -> DatasetVersion:
        """Make a version immutable. Raises FailedPrecondition when a job works on it."""
        ...


class Connections(Protocol):
    """Keeps connections; raises NotFound for an unknown one."""

    async def get_connection(self, name: ConnectionName) -> Connection:
        """Return one connection, without its secrets."""
        ...

    async def list_connections(self, workspace: str, page_size: int, page_token: str) -> Page[Connection]:
        """Return a page of the workspace's connections, by id, without their secrets."""
        ...

    async def create_connection(
        self, name: ConnectionName, spec: ConnectionSpec, *, request_id: str = ""
    ) -> Connection:
        """Create a connection; `request_id` makes repeats harmless. Raises AlreadyExists."""
        ...

    async def update_connection(self, update: ConnectionUpdate) -> Connection:
        """Change a connection. Raises Aborted when it changed since its etag was read."""
        ...

    async def delete_connection(self, name: ConnectionName) -> None:
        """Delete a connection. Raises FailedPrecondition when a dataset uses it."""
        ...

    async def validate_connection(self, wanted: Validation) -> SensoriumError | None:
        """Try a connection; return what is wrong with it, or None."""
        ...


class Objects(Protocol):
    """Reads objects of buckets through the storage connections of a workspace."""

    def read_object(self, workspace: str, uri: str, most: int) -> AsyncGenerator[bytes]:
        """Yield the bytes of an object, at most 1 MiB at a time.

        Raises:
            InvalidArgument: URI_REFUSED: no connection has it, or it may not be read; CONTENT_TOO_LONG: it has more
                than `most` bytes.
            Unavailable: The object store does not answer.
        """
        ...


class Files(Protocol):
    """Knows the files of versions; raises NotFound for an unknown version or file."""

    async def get_file(self, name: FileName) -> FileRecord:
        """Return one file record."""
        ...

    async def list_files(
        self,
        version: VersionName,
        page_size: int,
        page_token: str,
        selection: FileSelection = EVERY_FILE,
        order: FileOrder = BY_URI,
    ) -> Page[FileRecord]:
        """Return a page of the selected files."""
        ...

    async def list_file_ids(
        self, version: VersionName, page_size: int, page_token: str, selection: FileSelection = EVERY_FILE
    ) -> Page[str]:
        """Return a page of the ids of the selected files, by URI; its pages are larger."""
        ...

    async def statistics(
        self, version: VersionName, selection: FileSelection = EVERY_FILE, facets: Sequence[FacetRequest] = ()
    ) -> FileStatistics:
        """Count the selected files, and the values of their fields."""
        ...

    def read_file(self, name: FileName) -> AsyncIterator[bytes]:
        """Yield the bytes of a file from its storage, at most 1 MiB at a time."""
        ...

    async def edit_tags(self, edit: TagEdit) -> TagEditResult:
        """Change user tags, and which algorithm tags are hidden. Raises FailedPrecondition for a published version."""
        ...

    async def list_tag_edits(self, name: FileName, page_size: int, page_token: str) -> Page[TagChange]:
        """Return a page of the changes of one file's tags, latest first."""
        ...


class FileBatches(Protocol):
    """Changes file records; raises NotFound for an unknown version, FailedPrecondition for a published one.

    What is wrong with one item stands in its place, and the others are done.
    """

    async def create_files(
        self, version: VersionName, specs: Sequence[FileSpec], *, request_id: str = ""
    ) -> list[FileOutcome]:
        """Add file records; `request_id` makes repeats harmless."""
        ...

    async def update_files(
        self,
        version: VersionName,
        changes: Sequence[FileChange],
        fields: tuple[FileField, ...] = (),
        *,
        request_id: str = "",
    ) -> list[FileOutcome]:
        """Change `fields` of file records; none means those that are set."""
        ...

    async def delete_files(
        self, version: VersionName, ids: Sequence[str], *, request_id: str = ""
    ) -> list[FileOutcome]:
        """Mark file records as deleted; what is in storage stays."""
        ...


class Thumbnails(Protocol):
    """Gives small pictures of files; raises NotFound for an unknown file."""

    async def get_thumbnail(self, name: FileName, mode: str = "") -> Thumbnail:
        """Return a small picture of an image; raises InvalidArgument for what is none, or cannot be decoded."""
        ...


class FileSearches(Protocol):
    """Finds the files of versions; raises NotFound for an unknown version."""

    async def search(self, request: FileSearchRequest) -> FileSearchResponse:
        """Return the files nearest to a query, or those that match. Raises FailedPrecondition without an index."""
        ...

    async def explain(self, request: FileSearchRequest) -> SearchPlan:
        """Return how a search would run, without running it."""
        ...

    async def near_duplicates(
        self,
        version: VersionName,
        page_size: int,
        page_token: str,
        selection: FileSelection = EVERY_FILE,
        least_score: float = 0.0,
    ) -> Page[NearDuplicateGroup]:
        """Return a page of groups of files that are almost the same; `least_score` 0 means the default."""
        ...


class Jobs(Protocol):
    """Keeps jobs and lets them run; raises NotFound for an unknown one, FailedPrecondition for one in another state."""

    async def get_job(self, name: JobName) -> Job:
        """Return one job."""
        ...

    async def list_jobs(
        self, dataset: DatasetName, page_size: int, page_token: str, states: Sequence[JobState] = ()
    ) -> Page[Job]:
        """Return a page of jobs, latest first; the dataset `-` means all of the workspace."""
        ...

    async def create_job(self, spec: JobSpec, *, request_id: str = "", dry_run: bool = False) -> Job:
        """Start a job, or estimate what it would do. Raises FailedPrecondition for a published version."""
        ...

    async def update_job(self, name: JobName, *, description: str | None, concurrency: int | None) -> Job:
        """Change the description of a job, or how many batches it works on at once; None stays."""
        ...

    async def delete_job(self, name: JobName) -> None:
        """Delete a job that has ended, and its ledger."""
        ...

    async def pause_job(self, name: JobName) -> Job:
        """Let a job rest after the files that are at work."""
        ...

    async def resume_job(self, name: JobName) -> Job:
        """Let a paused job go on."""
        ...

    async def cancel_job(self, name: JobName) -> Job:
        """Stop a job for good."""
        ...

    async def retry_job(self, name: JobName) -> Job:
        """Work on the failed files of an ended job again."""
        ...

    def watch_job(self, name: JobName) -> AsyncIterator[Job]:
        """Yield a job whenever it changes, until it has ended or rests."""
        ...

    async def list_job_files(
        self, name: JobName, page_size: int, page_token: str, states: Sequence[JobFileState] = ()
    ) -> Page[JobFile]:
        """Return a page of what became of the files of a job, by URI."""
        ...


@dataclass(frozen=True, slots=True)
class DatasetPorts:
    """All that the dataset service offers."""

    datasets: Datasets
    connections: Connections
    files: Files
    jobs: Jobs
    searches: FileSearches
    file_batches: FileBatches
    thumbnails: Thumbnails
    objects: Objects
