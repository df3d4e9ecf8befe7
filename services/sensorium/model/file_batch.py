"""File records that calls bring, change and delete, many at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sensorium.errors import SensoriumError
from sensorium.model.dataset_file import FileRecord
from sensorium.model.document import AttributeValue

FileOutcome = FileRecord | SensoriumError


@dataclass(frozen=True, slots=True)
class FileSpec:
    """What a caller says of a file; 0 is unknown. Its name and folder are read from the URI.

    Attributes:
        uri: Where it is, below the URI of the version.
        fingerprint: What changes when the content does.
        attributes: Texts, numbers and truths by name.
    """

    uri: str = ""
    content_type: str = ""
    fingerprint: str = ""
    file_update_time: datetime | None = None
    file_create_time: datetime | None = None
    size_bytes: int = 0
    width: int = 0
    height: int = 0
    duration_ms: int = 0
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    comment: str = ""


class FileField(StrEnum):
    """A field of a file record that can change."""

    COMMENT = "comment"
    ATTRIBUTES = "attributes"
    CONTENT_TYPE = "content_type"
    FINGERPRINT = "fingerprint"
    SIZE = "size_bytes"
    FILE_UPDATE_TIME = "file_update_time"
    WIDTH = "width"
    HEIGHT = "height"
    DURATION = "duration_ms"


@dataclass(frozen=True, slots=True)
class FileChange:
    """Asks to change the file with an id; the URI of `spec` means nothing."""

    id: str
    spec: FileSpec

    def set_fields(self) -> tuple[FileField, ...]:
        """Return the fields that say something: neither 0 nor empty."""
        return tuple(each for each in FileField if getattr(self.spec, each.value))
