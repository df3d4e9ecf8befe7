"""Jobs: long work on the files of a dataset version."""

from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum

from sensorium.errors import SensoriumError
from sensorium.model.dataset_export import ExportWork, ImportExportWork
from sensorium.model.dataset_file import EVERY_FILE, FileSelection
from sensorium.model.dataset_names import ConnectionName, JobName, VersionName
from sensorium.model.names import TagDefinitionName


@dataclass(frozen=True, slots=True)
class ImportWork:
    """Registers the files of a folder or prefix.

    Attributes:
        prefix: A folder below the version's URI; empty means all of it.
        include: Shell patterns of paths to take; none means the formats that are known.
        exclude: Shell patterns of paths to leave out.
        keep_vanished: Leaves records of vanished files as they are.
        without_media_info: Leaves out what takes reading the files.
    """

    prefix: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    keep_vanished: bool = False
    without_media_info: bool = False


@dataclass(frozen=True, slots=True)
class TagWork:
    """Tags files by a version of a definition.

    Attributes:
        definition_version: 0 means the latest when the job starts.
        connection: Whose model embeds files and tags; None means this mesh.
        model: The model of the connection; empty means its first for embeddings.
    """

    definition: TagDefinitionName
    definition_version: int = 0
    selection: FileSelection = EVERY_FILE
    connection: ConnectionName | None = None
    model: str = ""


@dataclass(frozen=True, slots=True)
class IndexWork:
    """Embeds files, and puts them into the version's search collection.

    Attributes:
        model: Empty means the server's default, or the first of the connection for embeddings.
        connection: Whose model embeds; None means this mesh.
        database: Whose engine keeps the vectors; None means the embedded one.
    """

    model: str = ""
    selection: FileSelection = EVERY_FILE
    connection: ConnectionName | None = None
    database: ConnectionName | None = None


@dataclass(frozen=True, slots=True)
class RevertTagsWork:
    """Takes back what a tagging job of the same version gave."""

    job: JobName


@dataclass(frozen=True, slots=True)
class ReconcileWork:
    """Makes the search collection of a version agree with the catalog."""


Work = ImportWork | TagWork | IndexWork | RevertTagsWork | ExportWork | ImportExportWork | ReconcileWork


def changes_files(work: Work) -> bool:
    """Return whether work needs a version that is not published."""
    return not isinstance(work, ExportWork | ReconcileWork)


class JobMode(StrEnum):
    """Which files a job works on."""

    FULL = "full"
    INCREMENTAL = "incremental"


class JobState(StrEnum):
    """Where a job stands, as PAI names it; PAI has no word for a job that rests."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    PARTIAL_FAILED = "PartialFailed"
    MANUALLY_STOPPED = "ManuallyStop"
    DELETING = "Deleting"
    PAUSED = "Paused"

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes of it unless it is retried."""
        return self in _ENDED


_ENDED = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.PARTIAL_FAILED, JobState.MANUALLY_STOPPED})


@dataclass(frozen=True, slots=True)
class JobSpec:
    """What a caller asks a job to be; `concurrency` is how many batches are at work at once, 0 means the default."""

    version: VersionName
    work: Work
    description: str = ""
    mode: JobMode = JobMode.FULL
    concurrency: int = 0


@dataclass(frozen=True, slots=True)
class JobPlan:
    """What a job would change: files, records of an export, or documents of a collection that is reconciled.

    Attributes:
        added_count: New ones; of tagging and indexing, those that are done for the first time.
        changed_count: Those that are there, and would be another; of tagging and indexing, those that are done again.
        removed_count: Those that go: vanished files, documents without a file.
        unchanged_count: Those that stay as they are.
        refused_count: Those that cannot be taken.
        added_tag_count: Effective tags that files would gain, each counted for every file.
        removed_tag_count: Effective tags that files would lose.
    """

    added_count: int = 0
    changed_count: int = 0
    removed_count: int = 0
    unchanged_count: int = 0
    refused_count: int = 0
    added_tag_count: int = 0
    removed_tag_count: int = 0

    def __add__(self, other: "JobPlan") -> "JobPlan":
        """Return what both would change together."""
        return JobPlan(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    @property
    def total_count(self) -> int:
        """All that the job would look at; what goes is in no listing, and not counted."""
        return self.added_count + self.changed_count + self.unchanged_count + self.refused_count


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it is.

    Attributes:
        rate: Files a second since it last began to work.
        remaining_ms: How long the rest takes at this rate; None when it cannot be said.
        error: Why it failed, or why it waits.
        logs: What happened, latest last.
        plan: What it would change; of a dry run alone.
    """

    name: JobName
    spec: JobSpec
    state: JobState
    create_time: datetime
    total_count: int = 0
    succeeded_count: int = 0
    failed_count: int = 0
    skipped_count: int = 0
    rate: float = 0.0
    remaining_ms: int | None = None
    error: SensoriumError | None = None
    logs: tuple[str, ...] = ()
    start_time: datetime | None = None
    end_time: datetime | None = None
    plan: JobPlan | None = None


class JobFileState(StrEnum):
    """Where one file of a job stands."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class JobFile:
    """What became of one file of a job; `end_time` is None before it ended."""

    uri: str
    state: JobFileState
    attempt_count: int = 0
    error: SensoriumError | None = None
    end_time: datetime | None = None
