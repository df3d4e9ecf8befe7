"""File records: what the catalog knows of one file, and which files are meant."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sensorium.model.dataset_names import FileName, VersionName
from sensorium.model.document import AttributeValue
from sensorium.model.names import TagDefinitionName
from sensorium.model.search import Facet, TagFilter
from sensorium.model.tagging import AssignedTag


class FileStatus(StrEnum):
    """Whether a file is there, as PAI names it."""

    ACTIVE = "ACTIVE"
    DELETED = "DELETED"


class StatusFilter(StrEnum):
    """Which records are meant."""

    ACTIVE = "ACTIVE"
    DELETED = "DELETED"
    ALL = "ALL"


@dataclass(frozen=True, slots=True)
class FileSelection:
    """Which files of a version are meant; all that is set must hold. No ids mean all files."""

    ids: tuple[str, ...] = ()
    filter: str = ""
    tags: TagFilter = TagFilter()
    status: StatusFilter = StatusFilter.ACTIVE

    @property
    def is_everything(self) -> bool:
        """Whether nothing is asked of them but that they are there."""
        return not self.ids and not self.filter.strip() and self.tags == TagFilter()


EVERY_FILE = FileSelection()


class SortBy(StrEnum):
    """An order of files."""

    URI = "uri"
    FILE_CREATE_TIME = "file_create_time"
    FILE_UPDATE_TIME = "file_update_time"
    SIZE = "size_bytes"


@dataclass(frozen=True, slots=True)
class FileOrder:
    """An order of files and its direction."""

    by: SortBy = SortBy.URI
    descending: bool = False


BY_URI = FileOrder()


@dataclass(frozen=True, slots=True)
class AlgorithmTag:
    """One tag that a tagger gave; `job` is the id of the job that asked for it."""

    tag: AssignedTag
    definition: TagDefinitionName
    definition_version: int
    model: str
    model_revision: str
    job: str
    create_time: datetime


@dataclass(frozen=True, slots=True)
class FileTags:
    """The tags of one file; effective = (algorithm and user) without user-deleted."""

    algorithm: tuple[AlgorithmTag, ...] = ()
    user: tuple[str, ...] = ()
    user_deleted: tuple[str, ...] = ()

    @property
    def effective(self) -> tuple[str, ...]:
        """The tags that count, in the order of their code points."""
        given = {each.tag.tag for each in self.algorithm} | {*self.user}
        return tuple(sorted(given - {*self.user_deleted}))


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What the catalog knows of one file; a size in pixels or a length of 0 is unknown."""

    name: FileName
    uri: str
    file_name: str
    file_dir: str
    file_type: str
    content_type: str
    size_bytes: int
    fingerprint: str
    file_update_time: datetime
    create_time: datetime
    update_time: datetime
    file_create_time: datetime | None = None
    width: int = 0
    height: int = 0
    duration_ms: int = 0
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    comment: str = ""
    status: FileStatus = FileStatus.ACTIVE
    tags: FileTags = FileTags()
    tag_update_time: datetime | None = None
    index_job: str = ""
    index_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """A file as training reads it: its record with its tags, and its bytes; empty when they were not wanted."""

    record: FileRecord
    data: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class FileStatistics:
    """How many files match, their sizes together, and the counts of values."""

    file_count: int
    size_bytes: int
    facets: tuple[Facet, ...] = ()


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small picture: an encoded file, its MIME type, and its size in pixels."""

    data: bytes
    content_type: str
    width: int
    height: int


class TagKind(StrEnum):
    """Which tags of a file changed."""

    ALGORITHM = "algorithm"
    USER = "user"
    USER_DELETED = "user_deleted"


@dataclass(frozen=True, slots=True)
class TagEdit:
    """Asks to change tags of the selected files; nothing else than a selection that says something is taken.

    Attributes:
        add: User tags to add.
        remove: User tags to remove.
        hide: Algorithm tags that no longer count.
        restore: Algorithm tags that count again.
        request_id: A UUID that makes a repeat harmless; may be empty.
    """

    version: VersionName
    selection: FileSelection
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    hide: tuple[str, ...] = ()
    restore: tuple[str, ...] = ()
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class TagEditResult:
    """How many files were meant, and how many changed."""

    matched_count: int
    changed_count: int


@dataclass(frozen=True, slots=True)
class TagChange:
    """One change of a file's tags, by a job or by a request."""

    create_time: datetime
    kind: TagKind
    added: tuple[str, ...]
    removed: tuple[str, ...]
    job: str = ""
    request_id: str = ""
