"""Long work on a collection, and the snapshots that it makes and reads."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sensorium.errors import SensoriumError
from sensorium.model.names import CollectionName, JobName, SnapshotName


class JobState(StrEnum):
    """Where a job stands."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether it stays like this."""
        return self in {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}


@dataclass(frozen=True, slots=True)
class ReindexWork:
    """Builds the vector index again from the stored documents; searches and writes go on."""


@dataclass(frozen=True, slots=True)
class SnapshotWork:
    """Makes a snapshot; an empty id is made from the time."""

    snapshot_id: str = ""


@dataclass(frozen=True, slots=True)
class RestoreWork:
    """Makes the collection `collection_id` from a snapshot."""

    snapshot: SnapshotName
    collection_id: str


@dataclass(frozen=True, slots=True)
class ReembedWork:
    """Embeds all documents with another model into a new collection, and may point an alias at it."""

    model: str
    collection_id: str
    source_attribute: str
    alias_id: str = ""


Work = ReindexWork | SnapshotWork | RestoreWork | ReembedWork


@dataclass(frozen=True, slots=True)
class CollectionJob:
    """Long work on one collection.

    Attributes:
        name: Its name.
        work: What it does.
        state: Where it stands.
        done_count: Documents that are done.
        total_count: Documents in all, as far as is known.
        failed_count: Documents that failed.
        error: Why it failed.
        create_time: When it was asked for.
        end_time: When it ended.
    """

    name: JobName
    work: Work
    state: JobState = JobState.PENDING
    done_count: int = 0
    total_count: int = 0
    failed_count: int = 0
    error: SensoriumError | None = None
    create_time: datetime | None = None
    end_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class JobRequest:
    """Asks for work on `collection`; a repeat with the same `request_id`, not empty, is harmless."""

    collection: CollectionName
    work: Work
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Driven:
    """A job that a gateway drives.

    Attributes:
        job: The job.
        position: Where whoever takes over goes on; empty for the start.
    """

    job: CollectionJob
    position: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copy of a collection at one moment.

    Attributes:
        name: Its name.
        document_count: How many documents it holds.
        size_bytes: Its size on disk.
        create_time: The moment.
    """

    name: SnapshotName
    document_count: int
    size_bytes: int
    create_time: datetime
