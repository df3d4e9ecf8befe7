"""One file record as an export holds it, the same in every format."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from msgspec import Meta

from sensorium.model.dataset_export import TagGroup
from sensorium.model.dataset_file import AlgorithmTag, FileRecord
from sensorium.model.document import AttributeValue

Count = Annotated[int, Meta(ge=0, le=2**62)]
Pixels = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Moment = Annotated[datetime, Meta(tz=True)]
Attribute = str | int | float | bool | list[str] | None


@dataclass(frozen=True, slots=True)
class ExportedTag:
    """One tag that a tagger gave; the names are those of `AlgorithmTag`."""

    tag: str
    group: str
    score: float
    explanation: str
    similarity: float
    part_index: Count
    definition: str
    definition_version: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    model: str
    model_revision: str
    job: str
    create_time: Moment


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One file record; times are RFC 3339 where a format has no type for them.

    Attributes:
        tags: The tags that count, of the groups that went along.
        file: Where a copy of the file lies in the export; empty without one.
        sha256: The checksum of that copy, in hexadecimal.
    """

    id: str
    uri: str
    file_name: str
    file_dir: str
    file_type: str
    content_type: str
    size_bytes: Count
    fingerprint: str
    file_update_time: Moment
    file_create_time: Moment | None = None
    width: Pixels = 0
    height: Pixels = 0
    duration_ms: Count = 0
    attributes: dict[str, Attribute] = field(default_factory=dict)
    comment: str = ""
    tags: list[str] = field(default_factory=list)
    user_tags: list[str] = field(default_factory=list)
    deleted_tags: list[str] = field(default_factory=list)
    algorithm_tags: list[ExportedTag] = field(default_factory=list)
    tag_update_time: Moment | None = None
    file: str = ""
    sha256: str = ""


def exported(record: FileRecord, groups: Collection[TagGroup], file: str = "", sha256: str = "") -> ExportedFile:
    """Return a record with the tags of some groups; no groups mean all."""
    algorithm = record.tags.algorithm if not groups or TagGroup.ALGORITHM in groups else ()
    user = record.tags.user if not groups or TagGroup.USER in groups else ()
    given = {each.tag.tag for each in algorithm}
    deleted = [tag for tag in record.tags.user_deleted if tag in given]
    return ExportedFile(
        id=record.name.id,
        uri=record.uri,
        file_name=record.file_name,
        file_dir=record.file_dir,
        file_type=record.file_type,
        content_type=record.content_type,
        size_bytes=record.size_bytes,
        fingerprint=record.fingerprint,
        file_update_time=record.file_update_time,
        file_create_time=record.file_create_time,
        width=record.width,
        height=record.height,
        duration_ms=record.duration_ms,
        attributes=_plain(record.attributes),
        comment=record.comment,
        tags=sorted((given | {*user}) - {*deleted}),
        user_tags=list(user),
        deleted_tags=deleted,
        algorithm_tags=[_tag(each) for each in algorithm],
        tag_update_time=record.tag_update_time,
        file=file,
        sha256=sha256,
    )


def _plain(attributes: Mapping[str, AttributeValue]) -> dict[str, Attribute]:
    """Return attributes as JSON knows them."""
    plain: dict[str, Attribute] = {}
    for name, value in attributes.items():
        match value:
            case datetime():
                plain[name] = value.isoformat()
            case tuple():
                plain[name] = list(value)
            case _:
                plain[name] = value
    return plain


def _tag(tag: AlgorithmTag) -> ExportedTag:
    evidence = tag.tag.evidence
    return ExportedTag(
        tag.tag.tag,
        tag.tag.group,
        tag.tag.score,
        evidence.explanation,
        evidence.similarity,
        evidence.part_index,
        str(tag.definition),
        tag.definition_version,
        tag.model,
        tag.model_revision,
        tag.job,
        tag.create_time,
    )
