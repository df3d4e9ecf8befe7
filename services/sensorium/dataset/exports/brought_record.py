"""Checks a record that an export holds, and returns it as the catalog keeps it; what is read may come from anybody."""

from collections.abc import Sequence
from typing import Any

from sensorium.dataset.checks import check_annotations, check_attribute, check_length, invalid
from sensorium.dataset.exports.bringing import Brought
from sensorium.dataset.exports.manifest import Manifest
from sensorium.dataset.exports.record import ExportedFile, ExportedTag
from sensorium.dataset.file_fields import tokens_of
from sensorium.model.dataset_names import file_id_of
from sensorium.model.names import TagDefinitionName, check_id
from sensorium.settings import DatasetSettings
from sensorium.storage.moments import to_micros

MOST_TAGS = 4096


def brought_of(record: ExportedFile, found: Manifest, limits: DatasetSettings) -> Brought:
    """Return a record as it comes in. Raises InvalidArgument, naming the field at fault."""
    _check(record, limits)
    for text in (found.uri, found.connection):
        check_length(text, limits.max_uri_chars, "manifest")
    attributes = {name: value for name, value in record.attributes.items() if value is not None}
    return Brought(
        {
            "id": file_id_of(record.uri),
            "uri": record.uri,
            "file_name": record.file_name,
            "file_dir": record.file_dir,
            "file_type": record.file_type,
            "content_type": record.content_type,
            "size_bytes": record.size_bytes,
            "fingerprint": record.fingerprint,
            "file_create_time": to_micros(record.file_create_time) if record.file_create_time else None,
            "file_update_time": to_micros(record.file_update_time),
            "width": record.width,
            "height": record.height,
            "duration_ms": record.duration_ms,
            "attributes": attributes,
            "tokens": tokens_of(record.file_name, record.file_dir, [], attributes),
            "comment": record.comment,
            "origin_connection": found.connection,
            "origin_uri": found.uri,
        },
        record.user_tags,
        record.deleted_tags,
        _taggings(record),
    )


def _check(record: ExportedFile, limits: DatasetSettings) -> None:
    if not record.uri:
        raise invalid("uri", "it is empty")
    for name in ("uri", "file_name", "file_dir", "file_type", "content_type", "fingerprint"):
        check_length(getattr(record, name), limits.max_uri_chars, name)
    check_length(record.comment, limits.max_description_chars, "comment")
    check_annotations({name: str(value) for name, value in record.attributes.items()}, limits, "attributes")
    for name, value in record.attributes.items():
        check_attribute(value, f"attributes[{name!r}]")
    if len(record.user_tags) + len(record.deleted_tags) + len(record.algorithm_tags) > MOST_TAGS:
        raise invalid("tags", f"there are more than {MOST_TAGS}")
    for tag in (*record.user_tags, *record.deleted_tags, *(each.tag for each in record.algorithm_tags)):
        if not tag.strip():
            raise invalid("tags", "one is blank")
        check_length(tag, limits.max_tag_chars, "tags")


def _taggings(record: ExportedFile) -> Sequence[dict[str, Any]]:
    """Return what taggers said, a row for each job."""
    rows: dict[str, dict[str, Any]] = {}
    for tag in record.algorithm_tags:
        row = rows.setdefault(tag.job, _said(tag, record.fingerprint))
        if row["definition"] != str(TagDefinitionName.parse(tag.definition, "definition")):
            raise invalid("algorithm_tags", f"{tag.job} cannot be of two definitions")
        row["tags"].append([tag.tag, tag.group, tag.score, tag.explanation, tag.similarity, tag.part_index])
    return list(rows.values())


def _said(tag: ExportedTag, fingerprint: str) -> dict[str, Any]:
    for name in ("group", "explanation", "model", "model_revision"):
        check_length(getattr(tag, name), MOST_TAGS, f"algorithm_tags.{name}")
    return {
        "job": check_id(tag.job, "algorithm_tags.job"),
        "definition": str(TagDefinitionName.parse(tag.definition, "algorithm_tags.definition")),
        "definition_version": tag.definition_version,
        "model": tag.model,
        "model_revision": tag.model_revision,
        "fingerprint": fingerprint,
        "tags": [],
        "create_time": to_micros(tag.create_time),
    }
