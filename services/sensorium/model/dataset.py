"""Datasets and their versions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sensorium.errors import SensoriumError
from sensorium.model.dataset_names import ConnectionName, DatasetName, VersionName
from sensorium.model.names import CollectionName

Texts = Mapping[str, str]


class Edition(StrEnum):
    """What a dataset can do, as PAI names it."""

    BASIC = "BASIC"
    ADVANCED = "ADVANCED"
    LOGICAL = "LOGICAL"


class DataType(StrEnum):
    """What the files of a dataset are, as PAI names it."""

    COMMON = "COMMON"
    PIC = "PIC"
    TEXT = "TEXT"
    VIDEO = "VIDEO"
    AUDIO = "AUDIO"


class Property(StrEnum):
    """Whether the URI of a dataset is a folder."""

    FILE = "FILE"
    DIRECTORY = "DIRECTORY"


class Accessibility(StrEnum):
    """Who may see a dataset, for APIs that ask."""

    PRIVATE = "PRIVATE"
    PUBLIC = "PUBLIC"
    ROLE_PUBLIC = "ROLE_PUBLIC"


class VersionState(StrEnum):
    """Whether a version can change, and whether it is whole: what is being copied, or failed to be, cannot be read."""

    DRAFT = "draft"
    PUBLISHED = "published"
    COPYING = "copying"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """What a caller asks a dataset to be.

    Attributes:
        display_name: What people call it.
        description: What it is for.
        edition: What it can do.
        data_type: What its files are.
        property: Whether its URI is a folder.
        accessibility: Who may see it.
        uri: Where its files are.
        connection: The storage; None means the server's own folders.
        labels: Labels by key.
        annotations: What other APIs keep with it, unread.
    """

    display_name: str = ""
    description: str = ""
    edition: Edition = Edition.ADVANCED
    data_type: DataType = DataType.COMMON
    property: Property = Property.DIRECTORY
    accessibility: Accessibility = Accessibility.PRIVATE
    uri: str = ""
    connection: ConnectionName | None = None
    labels: Texts = field(default_factory=dict)
    annotations: Texts = field(default_factory=dict)


class DatasetField(StrEnum):
    """A field of `DatasetSpec` that an update may change."""

    DISPLAY_NAME = "display_name"
    DESCRIPTION = "description"
    EDITION = "edition"
    ACCESSIBILITY = "accessibility"
    LABELS = "labels"
    ANNOTATIONS = "annotations"


@dataclass(frozen=True, slots=True)
class VersionSpec:
    """What a caller asks a version to be; an empty URI and no connection mean the dataset's."""

    description: str = ""
    uri: str = ""
    connection: ConnectionName | None = None
    labels: Texts = field(default_factory=dict)
    annotations: Texts = field(default_factory=dict)


class VersionField(StrEnum):
    """A field of `VersionSpec` that an update may change."""

    DESCRIPTION = "description"
    LABELS = "labels"
    ANNOTATIONS = "annotations"


@dataclass(frozen=True, slots=True)
class VersionCopy:
    """How far a version is that begins as a copy; its own `file_count` are copied.

    Attributes:
        source: The number of the version that is copied.
        total_count: The files that the source had as the copy began.
        error: Why the copy waits, or why it failed; None while it goes on.
    """

    source: int
    total_count: int
    error: SensoriumError | None = None


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """One state of a dataset.

    Attributes:
        collection: The search collection of its vectors; None before it is indexed.
        file_count: File records that are not deleted.
        size_bytes: Their sizes together.
        publish_time: When it was published; None before.
        copy: How far its copy is; None when it is whole.
    """

    name: VersionName
    spec: VersionSpec
    state: VersionState
    create_time: datetime
    update_time: datetime
    file_count: int = 0
    size_bytes: int = 0
    collection: CollectionName | None = None
    publish_time: datetime | None = None
    etag: str = ""
    copy: VersionCopy | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset as it is, with its latest version."""

    name: DatasetName
    spec: DatasetSpec
    latest: DatasetVersion
    create_time: datetime
    update_time: datetime
    etag: str = ""


@dataclass(frozen=True, slots=True)
class DatasetUpdate:
    """Asks to change the `fields` of a dataset to those of `spec`; see `DefinitionUpdate` for etag and request id."""

    name: DatasetName
    spec: DatasetSpec
    fields: tuple[DatasetField, ...]
    etag: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class VersionUpdate:
    """Asks to change the `fields` of a version to those of `spec`."""

    name: VersionName
    spec: VersionSpec
    fields: tuple[VersionField, ...]
    etag: str = ""
    request_id: str = ""
